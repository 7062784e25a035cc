"""Right answers to chapter 5 in other styles: the hidden properties must give each full marks."""

import math

import numpy as np
import torch
from torch import nn

from assay.prove import variant


@variant("kto_reference_point")
def under_no_grad(policy_kl_logps, ref_kl_logps):
    with torch.no_grad():
        kl = torch.mean(policy_kl_logps - ref_kl_logps)
        return torch.maximum(kl, torch.zeros_like(kl))


@variant("kto_reference_point")
def with_relu(policy_kl_logps, ref_kl_logps):
    drift = policy_kl_logps.detach().mean() - ref_kl_logps.detach().mean()
    return torch.relu(drift)


@variant("kto_reference_point")
def with_numpy(policy_kl_logps, ref_kl_logps):
    drift = np.mean(policy_kl_logps.detach().numpy() - ref_kl_logps.detach().numpy())
    return torch.tensor(max(0.0, float(drift)), dtype=policy_kl_logps.dtype)


def _check(beta):
    if not beta > 0:
        raise ValueError("Beta has to be above 0")


@variant("kto_loss")
def as_the_paper_writes_it(pol, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _check(beta)
    if isinstance(z0, torch.Tensor):
        z0 = z0.detach()
    ratio = pol - ref.detach()
    value = torch.where(
        desirable,
        lambda_d * torch.sigmoid(beta * (ratio - z0)),
        lambda_u * torch.sigmoid(beta * (z0 - ratio)),
    )
    weight = torch.where(desirable, lambda_d, lambda_u)
    return (weight.to(value.dtype) - value).mean()


@variant("kto_loss")
def one_response_at_a_time(pol, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _check(beta)
    z0 = z0.item() if isinstance(z0, torch.Tensor) else z0
    losses = []
    for logp, anchor, up in zip(pol, ref.detach(), desirable.tolist(), strict=True):
        distance = beta * (logp - anchor - z0)
        if up:
            losses.append(lambda_d * (1 - torch.sigmoid(distance)))
        else:
            losses.append(lambda_u * (1 - torch.sigmoid(-distance)))
    return sum(losses) / len(losses)


@variant("kto_loss")
def split_as_trainers_do(pol, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _check(beta)
    with torch.no_grad():
        constant = ref + z0
    up, down = pol[desirable] - constant[desirable], pol[~desirable] - constant[~desirable]
    chosen, rejected = 1 - torch.sigmoid(beta * up), 1 - torch.sigmoid(-beta * down)
    return torch.cat([lambda_d * chosen, lambda_u * rejected]).mean()


@variant("kto_loss")
def with_signs(pol, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _check(beta)
    z0 = torch.as_tensor(z0, dtype=torch.float64).detach().to(pol.dtype)
    up = desirable.to(pol.dtype)
    sign, weight = 2 * up - 1, lambda_d * up + lambda_u * (1 - up)
    return (weight * (1 - torch.tanh(sign * beta * (pol - ref.detach() - z0) / 2)) / 2).mean()


@variant("pairs_to_binary")
def with_zip(prompts, chosen, rejected):
    try:
        triples = list(zip(prompts, chosen, rejected, strict=True))
    except ValueError:
        raise ValueError("PROMPTS, CHOSEN and REJECTED differ in length") from None
    return [
        [x, y, good] for x, *both in triples for y, good in zip(both, (True, False), strict=True)
    ]


@variant("pairs_to_binary")
def with_indices(prompts, chosen, rejected):
    count = len(prompts)
    if len(chosen) != count or len(rejected) != count:
        raise ValueError("a list is too short: chosen or rejected")
    examples = [None] * (2 * count)
    for i in range(count):
        examples[2 * i] = (prompts[i], chosen[i], True)
        examples[2 * i + 1] = (prompts[i], rejected[i], False)
    return tuple(examples)


def _negative(mean_logps):
    if bool(torch.any(mean_logps >= 0)):
        raise ValueError("Mean logps below zero, please")


@variant("log_odds")
def with_two_branches(mean_logps):
    _negative(mean_logps)
    near_one = mean_logps > -math.log(2)
    log_not_p = torch.where(
        near_one,
        torch.log(-torch.expm1(mean_logps)),
        torch.log1p(-torch.exp(torch.where(near_one, -1.0, mean_logps))),
    )
    return mean_logps - log_not_p


@variant("log_odds")
def with_minus_infinity_guarded(mean_logps):
    if mean_logps.max() >= 0:
        raise ValueError("mean_logps: no odds")
    small = mean_logps < -50
    safe = torch.where(small, -1.0, mean_logps)
    return torch.where(small, mean_logps, -torch.log(torch.expm1(-safe)))


@variant("log_odds")
def entry_by_entry(mean_logps):
    _negative(mean_logps)
    odds = [x - torch.log(-torch.special.expm1(x)) for x in mean_logps.reshape(-1)]
    return torch.stack(odds).reshape(mean_logps.shape)


@variant("orpo_loss")
def with_softplus(chosen, rejected, lam=0.1):
    odds = [x - (-x.expm1()).log() for x in (chosen, rejected)]
    return -chosen.mean() + lam * nn.functional.softplus(odds[1] - odds[0]).mean()


@variant("orpo_loss")
def pair_by_pair(chosen, rejected, lam=0.1):
    total = 0.0
    for c, r in zip(chosen, rejected, strict=True):
        ratio = (c - r) - (torch.log(-torch.expm1(c)) - torch.log(-torch.expm1(r)))
        total = total - c + lam * torch.logaddexp(torch.zeros_like(ratio), -ratio)
    return total / len(chosen)


@variant("simpo_loss")
def with_gamma_over_beta(chosen, rejected, beta=2.0, gamma=1.0):
    return nn.functional.softplus(-beta * (chosen - rejected - gamma / beta)).mean()


@variant("simpo_loss")
def as_cross_entropy(chosen, rejected, beta=2.0, gamma=1.0):
    margin = beta * chosen - beta * rejected - gamma
    return nn.functional.binary_cross_entropy_with_logits(margin, torch.ones_like(margin))


@variant("grpo_advantages")
def group_by_group(rewards, eps=1e-6):
    if rewards.size(1) == 1:
        raise ValueError("one of rewards is not enough")
    return torch.stack([(row - row.mean()) / (torch.std(row) + eps) for row in rewards])


@variant("grpo_advantages")
def with_var_mean(rewards, eps=1e-6):
    if rewards.shape[-1] <= 1:
        raise ValueError("rewards: G must be at least 2")
    apart = rewards - rewards.mean(-1, keepdim=True)
    variance = apart.square().sum(-1, keepdim=True) / (rewards.shape[-1] - 1)
    # the root has no finite slope at 0
    constant = variance == 0
    spread = torch.where(constant, 0.0, torch.where(constant, 1.0, variance).sqrt())
    return apart / (spread + eps)


@variant("grpo_advantages")
def with_norms(rewards, eps=1e-6):
    groups = rewards.shape[1]
    if groups < 2:
        raise ValueError("rewards need a group")
    apart = rewards - rewards.sum(1, keepdim=True) / groups
    return apart / (
        torch.linalg.vector_norm(apart, dim=1, keepdim=True) / (groups - 1) ** 0.5 + eps
    )
