"""Right answers to chapter 3 in other styles: the hidden properties must give each full marks."""

import math

import numpy as np
import torch

from assay.prove import variant


@variant("probability_ratio")
def with_no_grad(logprobs, old_logprobs):
    with torch.no_grad():
        minus_old = -old_logprobs
    return torch.add(logprobs, minus_old).exp()


@variant("probability_ratio")
def as_a_power(logprobs, old_logprobs):
    return torch.pow(math.e, logprobs - old_logprobs.data)


def _check(epsilon):
    if not epsilon >= 0:
        raise ValueError("Epsilon is the half-width of a range: it can't be negative")


@variant("clipped_surrogate")
def case_by_case(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    good = torch.minimum(ratio, torch.full_like(ratio, 1 + epsilon)) * advantages
    bad = torch.maximum(ratio, torch.full_like(ratio, 1 - epsilon)) * advantages
    return torch.where(advantages >= 0, good, bad)


@variant("clipped_surrogate")
def as_a_negated_maximum(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    clipped = torch.clip(ratio, 1 - epsilon, 1 + epsilon) * advantages
    return -torch.max(-ratio * advantages, -clipped)


@variant("ppo_policy_loss")
def fills_first(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    keep = mask > 0.5 if mask.dtype.is_floating_point else mask != 0
    zero = torch.zeros((), dtype=logprobs.dtype)
    new, old, good = (
        torch.where(keep, x, zero) for x in (logprobs, old_logprobs.detach(), advantages.detach())
    )
    ratio = torch.exp(new - old)
    losses = torch.max(-ratio * good, -torch.clamp(ratio, 1 - epsilon, 1 + epsilon) * good)
    return torch.where(keep, losses, zero).sum() / max(int(keep.sum()), 1)


@variant("ppo_policy_loss")
def token_by_token(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    terms = [logprobs[~mask.bool()].sum() * 0.0] if not bool(mask.any()) else []
    for row, column in mask.bool().nonzero().tolist():
        a = advantages[row, column].item()
        ratio = torch.exp(logprobs[row, column] - old_logprobs[row, column].item())
        cut = ratio.clamp(max=1 + epsilon) if a >= 0 else ratio.clamp(min=1 - epsilon)
        terms.append(-cut * a)
    return torch.stack(terms).mean()


@variant("clip_fraction")
def by_the_sign(ratio, advantages, mask, epsilon=0.2):
    keep = mask.bool()
    if not keep.any():
        return 0.0
    cut = torch.where(advantages > 0, ratio > 1 + epsilon, ratio < 1 - epsilon)
    return float((cut & (advantages != 0))[keep].double().mean())


@variant("clip_fraction")
def in_numpy(ratio, advantages, mask, epsilon=0.2):
    keep = mask.numpy().astype(bool)
    r, a = ratio.numpy()[keep], advantages.numpy()[keep]
    upper, lower = r.dtype.type(1 + epsilon), r.dtype.type(1 - epsilon)
    hits = ((a > 0) & (r > upper)) | ((a < 0) & (r < lower))
    return np.float64(hits.mean()) if hits.size else 0.0


@variant("kl_estimate")
def with_a_table(logprobs, ref_logprobs, mask, kind="k1"):
    terms = {
        "k1": lambda d: d,
        "k2": lambda d: 0.5 * d**2,
        "k3": lambda d: d + torch.special.expm1(-d),
    }
    if kind not in terms:
        raise ValueError(f"unknown kind: {kind}")
    keep = mask.bool()
    d = torch.where(keep, logprobs, 0.0) - torch.where(keep, ref_logprobs, 0.0)
    return terms[kind](d).sum() / max(1, int(keep.sum()))


@variant("kl_estimate")
def under_no_grad(logprobs, ref_logprobs, mask, kind="k1"):
    if kind not in ("k1", "k2", "k3"):
        raise ValueError("kind")
    with torch.no_grad():
        d = (logprobs - ref_logprobs)[mask.bool()]
        if d.numel() == 0:
            return logprobs.new_zeros(())
        if kind == "k3":
            small = d.abs() < 1e-3
            series = d**2 / 2 - d**3 / 6 + d**4 / 24
            return torch.where(small, series, torch.expm1(-d) + d).mean()
        return (d if kind == "k1" else d * d / 2).mean()


@variant("gae")
def as_a_sum(rewards, values, mask, gamma=1.0, lam=0.95):
    with torch.no_grad():
        keep = mask.bool()
        r, v = torch.where(keep, rewards, 0.0), torch.where(keep, values, 0.0)
        delta = r + gamma * torch.nn.functional.pad(v[:, 1:], (0, 1)) - v
        delta = torch.where(keep, delta, 0.0)
        steps = torch.arange(v.shape[1])
        apart = steps[:, None] - steps[None, :]
        weight = torch.where(apart >= 0, float(gamma * lam) ** apart.clamp(min=0), 0.0)
        advantages = torch.where(keep, delta @ weight.to(delta.dtype), 0.0)
        return [advantages, torch.where(keep, advantages + v, 0.0)]


@variant("gae")
def row_by_row(rewards, values, mask, gamma=1.0, lam=0.95):
    advantages = torch.zeros_like(values.detach())
    returns = torch.zeros_like(advantages)
    for row in range(values.shape[0]):
        advantage, following = 0.0, 0.0
        for t in torch.flip(mask[row].nonzero().flatten(), [0]).tolist():
            value = values[row, t].item()
            delta = rewards[row, t].item() + gamma * following - value
            advantage, following = delta + gamma * lam * advantage, value
            advantages[row, t] = advantage
            returns[row, t] = advantage + value
    return advantages, returns


@variant("whiten")
def selects_and_scatters(x, mask):
    keep = mask.bool()
    kept = x[keep]
    if kept.numel() == 0:
        return x.masked_fill(~keep, 0.0)
    y = (kept - kept.mean()) * torch.rsqrt(kept.var(correction=0) + 1e-8)
    return torch.zeros_like(x).masked_scatter(keep, y)


@variant("whiten")
def with_where(x, mask):
    keep = mask != 0
    count = max(int(keep.sum()), 1)
    clean = torch.where(keep, x, 0.0)
    centred = torch.where(keep, clean - clean.sum() / count, 0.0)
    return centred / ((centred**2).sum() / count + 1e-8) ** 0.5


@variant("value_loss")
def with_a_trusted_step(values, old_values, returns, mask, epsilon=0.2):
    keep = mask.bool()
    v, old, target = (torch.where(keep, x, 0.0) for x in (values, old_values, returns))
    step = torch.clamp(v - old, -epsilon, epsilon)
    errors = torch.max((v - target) ** 2, (old + step - target) ** 2)
    return torch.where(keep, errors, 0.0).sum() / (2 * max(1, int(keep.sum())))


@variant("value_loss")
def selects(values, old_values, returns, mask, epsilon=0.2):
    keep = mask.bool()
    v, old, target = values[keep], old_values[keep], returns[keep]
    clipped = torch.minimum(torch.maximum(v, old - epsilon), old + epsilon)
    worse = torch.maximum((v - target).abs(), (clipped - target).abs())
    return (worse**2).sum() / max(2 * v.numel(), 1)


@variant("adaptive_kl_coefficient")
def in_numpy_too(beta, kl, target, horizon, n_steps):
    if not target > 0 or not horizon > 0:
        raise ValueError("target and horizon have to be positive")
    return np.float64(beta * (1 + np.clip(kl / target - 1, -0.2, 0.2) * n_steps / horizon))


@variant("adaptive_kl_coefficient")
def with_branches(beta, kl, target, horizon, n_steps):
    for name, value in (("target", target), ("horizon", horizon)):
        if value <= 0:
            raise ValueError(f"{name} is {value}, and should be more than 0")
    error = kl / target - 1
    if error > 0.2:
        error = 0.2
    elif error < -0.2:
        error = -0.2
    return beta + beta * error * (n_steps / horizon)
