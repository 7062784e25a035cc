"""Right answers to chapter 4 in other styles: the hidden properties must give each of them full
marks.
"""

import numpy as np
import torch

from assay.prove import variant


@variant("sequence_logprobs")
def with_where(token_logprobs, mask):
    return torch.where(mask != 0, token_logprobs, torch.zeros_like(token_logprobs)).sum(1)


@variant("sequence_logprobs")
def row_by_row(token_logprobs, mask):
    rows = [row[keep.bool()].sum() for row, keep in zip(token_logprobs, mask, strict=True)]
    return torch.stack(rows)


@variant("implicit_reward")
def under_no_grad(policy_logps, ref_logps, beta=0.1):
    with torch.no_grad():
        constant = beta * ref_logps
    return policy_logps * beta - constant


@variant("implicit_reward")
def with_torch_functions(policy_logps, ref_logps, beta=0.1):
    return torch.mul(torch.sub(policy_logps, ref_logps.data), beta)


def _check(beta, s):
    if not beta > 0:
        raise ValueError("bad beta")
    if s < 0 or s >= 0.5:
        raise ValueError("Label smoothing is out of range")


@variant("dpo_loss")
def with_softplus(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _check(beta, label_smoothing)
    h = beta * ((pw - pl) - (rw - rl).detach())
    kept = torch.nn.functional.softplus(-h)
    return (kept + label_smoothing * h).mean()


@variant("dpo_loss")
def as_cross_entropy(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _check(beta, label_smoothing)
    h = beta * (pw - rw.detach() - pl + rl.detach())
    target = torch.full_like(h, 1 - label_smoothing).detach()
    return torch.nn.functional.binary_cross_entropy_with_logits(h, target)


@variant("dpo_loss")
def pair_by_pair(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _check(beta, label_smoothing)
    losses = []
    for a, b, c, d in zip(pw, pl, rw.detach(), rl.detach(), strict=True):
        h = beta * ((a - c) - (b - d))
        zero = torch.zeros_like(h)
        right, wrong = torch.logaddexp(zero, -h), torch.logaddexp(zero, h)
        losses.append((1 - label_smoothing) * right + label_smoothing * wrong)
    return torch.stack(losses).mean()


@variant("dpo_gradient_weight")
def with_no_grad(pw, pl, rw, rl, beta=0.1):
    with torch.no_grad():
        return 1 - torch.sigmoid(beta * (pw - rw - pl + rl))


@variant("dpo_gradient_weight")
def as_softmax(pw, pl, rw, rl, beta=0.1):
    rewards = torch.stack([beta * (pw - rw), beta * (pl - rl)]).detach()
    return torch.softmax(rewards, 0)[1]


@variant("ipo_loss")
def with_mse(pw, pl, rw, rl, tau=0.1):
    if tau <= 0:
        raise ValueError("tau")
    gap = (pw - pl) - (rw - rl).detach()
    return torch.nn.functional.mse_loss(gap, torch.full_like(gap, 0.5 / tau))


@variant("ipo_loss")
def with_powers(pw, pl, rw, rl, tau=0.1):
    if tau <= 0:
        raise ValueError("Tau has to be positive")
    with torch.no_grad():
        target = (rw - rl) + 1 / (2 * tau)
    return torch.mean((pw - pl - target) ** 2)


@variant("reward_from_policy")
def log_of_ratio_in_pieces(policy_probs, ref_probs, beta):
    return beta * torch.log(policy_probs) - beta * torch.log(ref_probs)


@variant("reward_from_policy")
def by_change_of_base(policy_probs, ref_probs, beta):
    return beta * np.log(2) * (torch.log2(policy_probs) - torch.log2(ref_probs))


@variant("train_dpo")
def with_adam_by_hand(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    start = ref_logits.detach()
    logits, first, second = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    anchor = start[chosen] - start[rejected]
    for step in range(1, steps + 1):
        weight = torch.sigmoid(-beta * (logits[chosen] - logits[rejected] - anchor))
        push = -beta * weight / len(chosen)
        gradient = torch.zeros_like(start).index_add_(0, chosen, push)
        gradient.index_add_(0, rejected, -push)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        root = (second / (1 - 0.999**step)).sqrt()
        logits = logits - lr * first / (1 - 0.9**step) / (root + 1e-8)
    return logits


@variant("train_dpo")
def as_a_parameter(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    table = torch.nn.Parameter(ref_logits.clone().detach())
    adam = torch.optim.Adam([table], lr)
    reference = ref_logits.detach()
    for _ in range(steps):
        h = (table[chosen] - table[rejected]) - (reference[chosen] - reference[rejected])
        loss = -torch.nn.functional.logsigmoid(beta * h).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return table.detach().clone()
