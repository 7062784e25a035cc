"""Right answers to chapter 0 in other styles: the hidden properties must accept each of them."""

import math

import numpy as np
import torch
from scipy import special

from assay.prove import variant


@variant("next_token_probs")
def with_scipy(logits, temperature=1.0):
    if not temperature > 0:
        raise ValueError("The temperature has to be positive")
    return special.softmax(logits / temperature, axis=-1)


@variant("next_token_probs")
def through_log_probabilities(logits, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature")
    scaled = np.moveaxis(logits / temperature, -1, 0)
    total = np.logaddexp.reduce(scaled, axis=0)
    return np.moveaxis(np.exp(scaled - total), 0, -1)


@variant("next_token_probs")
def number_by_number(logits, temperature=1.0):
    if temperature <= 0:
        raise ValueError("bad temperature")
    if logits.ndim > 1:
        return np.stack([number_by_number(one, temperature) for one in logits])
    top = max(logits)
    weights = [math.exp((x - top) / temperature) for x in logits]
    return np.array([weight / sum(weights) for weight in weights])


@variant("sequence_logprob")
def token_by_token(logits, tokens):
    if len(logits) != len(tokens):
        raise ValueError("logits and tokens have different lengths")
    total = 0.0
    for row, token in zip(logits, tokens, strict=True):
        total += row[token] - np.logaddexp.reduce(row)
    return total


@variant("sequence_logprob")
def with_torch(logits, tokens):
    if logits.shape[0] != tokens.shape[0]:
        raise ValueError(f"{tokens.shape[0]} tokens")
    logps = torch.log_softmax(torch.from_numpy(logits), -1)
    return logps.gather(1, torch.from_numpy(tokens)[:, None]).sum().item()


@variant("kl_divergence")
def relative_entropy(p, q):
    return special.rel_entr(p, q).sum(-1)


@variant("kl_divergence")
def sum_of_a_list(p, q):
    p, q = np.broadcast_arrays(p, q)
    if p.ndim > 1:
        return np.array([sum_of_a_list(a, b) for a, b in zip(p, q, strict=True)])
    total = 0.0
    for a, b in zip(p.tolist(), q.tolist(), strict=True):
        if a > 0:
            total += math.inf if b == 0 else a * math.log(a / b)
    return total


@variant("kl_divergence")
def entropy_and_cross_entropy(p, q):
    p, q = np.broadcast_arrays(p, q)
    negative_entropy = special.xlogy(p, p).sum(axis=-1)
    return negative_entropy - special.xlogy(p, q).sum(axis=-1)


@variant("expected_reward")
def with_einsum(probs, reward):
    return np.einsum("...v,...v->...", probs, reward)


@variant("expected_reward")
def as_a_difference_of_lists(probs, reward):
    probs, reward = np.broadcast_arrays(probs, reward)
    if probs.ndim > 1:
        return [as_a_difference_of_lists(p, r) for p, r in zip(probs, reward, strict=True)]
    return sum(p * r for p, r in zip(probs, reward, strict=True))


@variant("aligned_distribution")
def log_space_with_scipy(base_probs, reward, beta):
    if beta <= 0:
        raise ValueError("beta is not positive")
    with np.errstate(divide="ignore"):
        logps = np.log(base_probs) + reward / beta
    return np.exp(logps - special.logsumexp(logps, axis=-1, keepdims=True))


@variant("aligned_distribution")
def weights_over_the_support(base_probs, reward, beta):
    if not beta > 0:
        raise ValueError(f"Beta was {beta}")
    base_probs, reward = np.broadcast_arrays(base_probs, reward)
    best = np.where(base_probs > 0, reward, -np.inf).max(-1, keepdims=True)
    weights = np.where(base_probs > 0, base_probs * np.exp(np.minimum(reward - best, 0) / beta), 0)
    return weights / weights.sum(-1, keepdims=True)


@variant("aligned_distribution")
def answer_by_answer(base_probs, reward, beta):
    if beta <= 0:
        raise ValueError("beta <= 0")
    base_probs, reward = np.broadcast_arrays(base_probs, reward)
    if base_probs.ndim > 1:
        return [answer_by_answer(b, r, beta) for b, r in zip(base_probs, reward, strict=True)]
    scores = [
        math.log(b) + r / beta if b > 0 else -math.inf
        for b, r in zip(base_probs, reward, strict=True)
    ]
    weights = [math.exp(score - max(scores)) for score in scores]
    return [weight / sum(weights) for weight in weights]


@variant("alignment_objective")
def one_sum(probs, base_probs, reward, beta):
    probs, base_probs, reward = np.broadcast_arrays(probs, base_probs, reward)
    return (probs * reward - beta * special.rel_entr(probs, base_probs)).sum(-1)


@variant("alignment_objective")
def reward_net_of_price(probs, base_probs, reward, beta):
    probs, base_probs, reward = np.broadcast_arrays(probs, base_probs, reward)
    with np.errstate(divide="ignore", invalid="ignore"):
        price = beta * np.log(probs / base_probs)
        net = np.where(probs > 0, probs * (reward - price), 0.0)
    return net.sum(axis=-1)
