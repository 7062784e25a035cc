"""Misunderstandings of DPO, each as the code that it leads to."""

import torch
from torch.nn import functional

from assay.misconceptions import misconception

# --- sequence_logprobs
# -----------------------------------------------------------------------------------


@misconception(
    "sequence_logprobs",
    "You take the mean over the tokens. The log-probability of a response is the sum of its "
    "tokens'.",
)
def mean_over_tokens(token_logprobs, mask):
    kept = token_logprobs.masked_fill(~mask.bool(), 0.0)
    return kept.sum(-1) / mask.sum(-1).clamp(min=1).to(kept.dtype)


@misconception(
    "sequence_logprobs",
    "You multiply by the mask. Where a masked position holds inf or nan, 0 * inf is nan: replace "
    "the masked entries instead (masked_fill or where).",
)
def multiplies_by_the_mask(token_logprobs, mask):
    return (token_logprobs * mask).sum(-1)


@misconception("sequence_logprobs", "The mask is not used: the tokens of the prompt count too.")
def ignores_the_mask(token_logprobs, mask):
    return token_logprobs.sum(-1)


@misconception("sequence_logprobs", "The mask is the wrong way round: True marks what counts.")
def inverts_the_mask(token_logprobs, mask):
    return token_logprobs.masked_fill(mask.bool(), 0.0).sum(-1)


@misconception(
    "sequence_logprobs",
    "You sum over the batch. Sum over the tokens (the last axis): one number per response.",
)
def sums_over_the_batch(token_logprobs, mask):
    return token_logprobs.masked_fill(~mask.bool(), 0.0).sum(0)


@misconception(
    "sequence_logprobs",
    "You add probabilities. The probability of a response is a product, its logarithm the plain "
    "sum of log-probabilities.",
)
def adds_probabilities(token_logprobs, mask):
    return token_logprobs.exp().masked_fill(~mask.bool(), 0.0).sum(-1).log()


@misconception(
    "sequence_logprobs", "You write zeros into the caller's tensor. Work on a copy (no trailing _)."
)
def masks_in_place(token_logprobs, mask):
    with torch.no_grad():
        token_logprobs.masked_fill_(~mask.bool(), 0.0)
    return token_logprobs.sum(-1)


# --- implicit_reward
# -------------------------------------------------------------------------------------


@misconception("implicit_reward", "beta is missing: the reward is the log-ratio times beta.")
def reward_without_beta(policy_logps, ref_logps, beta=0.1):
    return policy_logps - ref_logps.detach()


@misconception("implicit_reward", "The sign is flipped: it is the policy minus the reference.")
def reward_flipped(policy_logps, ref_logps, beta=0.1):
    return beta * (ref_logps.detach() - policy_logps)


@misconception("implicit_reward", "You divide by beta. The implicit reward is multiplied by it.")
def reward_divided_by_beta(policy_logps, ref_logps, beta=0.1):
    return (policy_logps - ref_logps.detach()) / beta


@misconception(
    "implicit_reward",
    "Gradient flows into the reference. It is frozen: detach its log-probabilities.",
)
def reward_with_live_reference(policy_logps, ref_logps, beta=0.1):
    return beta * (policy_logps - ref_logps)


@misconception(
    "implicit_reward",
    "You take the ratio of probabilities. The reward is beta times the logarithm of that ratio.",
)
def reward_from_ratio(policy_logps, ref_logps, beta=0.1):
    return beta * torch.exp(policy_logps - ref_logps.detach())


@misconception(
    "implicit_reward", "The reference is not subtracted: a log-probability alone is no reward."
)
def reward_without_reference(policy_logps, ref_logps, beta=0.1):
    return beta * policy_logps


# --- dpo_loss
# --------------------------------------------------------------------------------------------


def _checked(beta, label_smoothing=0.0):
    if beta <= 0:
        raise ValueError(f"beta must be positive, not {beta}")
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(f"label_smoothing must be in [0, 0.5), not {label_smoothing}")


def _gap(pw, pl, rw, rl):
    return (pw - rw.detach()) - (pl - rl.detach())


def _smoothed(h, s):
    return -(1 - s) * functional.logsigmoid(h) - s * functional.logsigmoid(-h)


@misconception(
    "dpo_loss",
    "The sign is flipped: your loss falls when the rejected response gets likelier. The gap is "
    "chosen minus rejected.",
)
def dpo_flipped(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return _smoothed(-beta * _gap(pw, pl, rw, rl), label_smoothing).mean()


@misconception("dpo_loss", "beta is missing: it scales the gap of log-ratios inside the sigmoid.")
def dpo_without_beta(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return _smoothed(_gap(pw, pl, rw, rl), label_smoothing).mean()


@misconception("dpo_loss", "beta stands outside the sigmoid. It scales the gap, not the loss.")
def dpo_beta_outside(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return beta * _smoothed(_gap(pw, pl, rw, rl), label_smoothing).mean()


@misconception(
    "dpo_loss",
    "The reference is missing: DPO compares log-ratios against the reference, not bare "
    "log-probabilities.",
)
def dpo_without_reference(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return _smoothed(beta * (pw - pl), label_smoothing).mean()


@misconception(
    "dpo_loss",
    "log(sigmoid(h)) is not stable: sigmoid underflows to 0 for a very negative h. Use logsigmoid.",
)
def dpo_unstable(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    h, s = beta * _gap(pw, pl, rw, rl), label_smoothing
    return (-(1 - s) * torch.sigmoid(h).log() - s * torch.sigmoid(-h).log()).mean()


@misconception(
    "dpo_loss", "You sum over the batch. The loss is the mean, so that the batch size cancels."
)
def dpo_summed(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return _smoothed(beta * _gap(pw, pl, rw, rl), label_smoothing).sum()


@misconception(
    "dpo_loss", "Gradient flows into the reference. It is frozen: detach its log-probabilities."
)
def dpo_with_live_reference(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return _smoothed(beta * ((pw - rw) - (pl - rl)), label_smoothing).mean()


@misconception(
    "dpo_loss",
    "The logarithm is missing: 1 - sigmoid(h) is the probability of the wrong order, not its loss.",
)
def dpo_without_log(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    h, s = beta * _gap(pw, pl, rw, rl), label_smoothing
    return ((1 - s) * torch.sigmoid(-h) + s * torch.sigmoid(h)).mean()


@misconception(
    "dpo_loss",
    "The smoothed loss is divided by 1 - 2s. That is the robust variant; here it stays undivided.",
)
def dpo_robust(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    h, s = beta * _gap(pw, pl, rw, rl), label_smoothing
    return ((1 - s) * functional.softplus(-h) - s * functional.softplus(h)).mean() / (1 - 2 * s)


@misconception("dpo_loss", "label_smoothing is not used.")
def dpo_without_smoothing(pw, pl, rw, rl, beta=0.1, label_smoothing=0.0):
    _checked(beta, label_smoothing)
    return _smoothed(beta * _gap(pw, pl, rw, rl), 0.0).mean()


# --- dpo_gradient_weight
# ---------------------------------------------------------------------------------


@misconception(
    "dpo_gradient_weight",
    "The sign is flipped: pairs that are ranked wrong (rejected above chosen) get the large "
    "weight.",
)
def weight_flipped(pw, pl, rw, rl, beta=0.1):
    return torch.sigmoid(beta * _gap(pw, pl, rw, rl)).detach()


@misconception(
    "dpo_gradient_weight", "beta is missing: implicit rewards are beta times a log-ratio."
)
def weight_without_beta(pw, pl, rw, rl, beta=0.1):
    return torch.sigmoid(-_gap(pw, pl, rw, rl)).detach()


@misconception(
    "dpo_gradient_weight", "beta stands outside the sigmoid; it belongs to the rewards inside."
)
def weight_beta_outside(pw, pl, rw, rl, beta=0.1):
    return (beta * torch.sigmoid(-_gap(pw, pl, rw, rl))).detach()


@misconception(
    "dpo_gradient_weight", "The weight still carries a graph. It is a diagnostic: detach it."
)
def weight_with_graph(pw, pl, rw, rl, beta=0.1):
    return torch.sigmoid(-beta * _gap(pw, pl, rw, rl))


@misconception("dpo_gradient_weight", "The reference is missing from the implicit rewards.")
def weight_without_reference(pw, pl, rw, rl, beta=0.1):
    return torch.sigmoid(beta * (pl - pw)).detach()


@misconception(
    "dpo_gradient_weight", "You average over the batch. Each pair has a weight of its own."
)
def weight_averaged(pw, pl, rw, rl, beta=0.1):
    return torch.sigmoid(-beta * _gap(pw, pl, rw, rl)).detach().mean()


@misconception(
    "dpo_gradient_weight",
    "You return the whole gradient. The weight alone has no factor -beta.",
)
def weight_with_factor(pw, pl, rw, rl, beta=0.1):
    return (-beta * torch.sigmoid(-beta * _gap(pw, pl, rw, rl))).detach()


# --- ipo_loss
# --------------------------------------------------------------------------------------------


def _checked_tau(tau):
    if tau <= 0:
        raise ValueError(f"tau must be positive, not {tau}")


@misconception("ipo_loss", "The target is 1 / (2 tau): the brackets matter (yours is tau / 2).")
def ipo_half_tau(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (_gap(pw, pl, rw, rl) - tau / 2).square().mean()


@misconception("ipo_loss", "The target is 1 / (2 tau); yours is 1 / tau.")
def ipo_target_without_half(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (_gap(pw, pl, rw, rl) - 1 / tau).square().mean()


@misconception("ipo_loss", "The gap is not scaled by tau; only the target depends on it.")
def ipo_scaled_gap(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (tau * _gap(pw, pl, rw, rl) - 1 / (2 * tau)).square().mean()


@misconception("ipo_loss", "The sign of the gap is flipped: it is chosen minus rejected.")
def ipo_flipped(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (-_gap(pw, pl, rw, rl) - 1 / (2 * tau)).square().mean()


@misconception(
    "ipo_loss", "The square is missing: an absolute error pulls equally hard at any distance."
)
def ipo_absolute(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (_gap(pw, pl, rw, rl) - 1 / (2 * tau)).abs().mean()


@misconception("ipo_loss", "The reference is missing: IPO compares log-ratios against it.")
def ipo_without_reference(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (pw - pl - 1 / (2 * tau)).square().mean()


@misconception(
    "ipo_loss", "Gradient flows into the reference. It is frozen: detach its log-probabilities."
)
def ipo_with_live_reference(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return ((pw - rw) - (pl - rl) - 1 / (2 * tau)).square().mean()


@misconception("ipo_loss", "You sum over the batch. The loss is the mean.")
def ipo_summed(pw, pl, rw, rl, tau=0.1):
    _checked_tau(tau)
    return (_gap(pw, pl, rw, rl) - 1 / (2 * tau)).square().sum()


# --- reward_from_policy
# ----------------------------------------------------------------------------------


@misconception(
    "reward_from_policy", "You divide by beta. The tilt divides, so its inverse multiplies."
)
def reward_over_beta(policy_probs, ref_probs, beta):
    return torch.log(policy_probs / ref_probs) / beta


@misconception("reward_from_policy", "beta is missing: the reward is beta * log(pi / ref).")
def tilt_without_beta(policy_probs, ref_probs, beta):
    return policy_probs.log() - ref_probs.log()


@misconception(
    "reward_from_policy", "The sign is flipped: a response that got likelier has a higher reward."
)
def tilt_flipped(policy_probs, ref_probs, beta):
    return beta * (ref_probs.log() - policy_probs.log())


@misconception(
    "reward_from_policy", "The logarithm is missing: the reward is the log of the ratio."
)
def tilt_without_log(policy_probs, ref_probs, beta):
    return beta * policy_probs / ref_probs


@misconception(
    "reward_from_policy", "The reference is missing: what it liked already is no reward."
)
def tilt_without_reference(policy_probs, ref_probs, beta):
    return beta * policy_probs.log()


@misconception(
    "reward_from_policy",
    "You add a small number inside the logarithm. It changes every reward a little; a probability "
    "of 0 should give -inf.",
)
def tilt_with_epsilon(policy_probs, ref_probs, beta):
    return beta * (torch.log(policy_probs + 1e-8) - torch.log(ref_probs + 1e-8))


@misconception(
    "reward_from_policy",
    "You shift the rewards to mean zero. The constant here is fixed by sum ref * exp(r / beta) = "
    "1: no shift.",
)
def tilt_centred(policy_probs, ref_probs, beta):
    reward = beta * (policy_probs.log() - ref_probs.log())
    return reward - reward.mean(-1, keepdim=True)


# --- train_dpo
# -------------------------------------------------------------------------------------------


def _trained(
    ref_logits, chosen, rejected, beta, lr, steps, optimizer=torch.optim.Adam, logp=lambda x: x
):
    reference = ref_logits.detach()
    logits = reference.clone().requires_grad_()
    stepper = optimizer([logits], lr=lr)
    for _ in range(steps):
        stepper.zero_grad()
        policy, anchor = logp(logits), logp(reference)
        h = beta * _gap(policy[chosen], policy[rejected], anchor[chosen], anchor[rejected])
        functional.softplus(-h).mean().backward()
        stepper.step()
    return logits.detach()


@misconception(
    "train_dpo",
    "Plain gradient descent is too slow here: the loss is flat (curvature beta^2 / 4). Use Adam.",
)
def trains_with_sgd(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    return _trained(ref_logits, chosen, rejected, beta, lr, steps, torch.optim.SGD)


@misconception(
    "train_dpo", "Chosen and rejected are swapped somewhere: training makes the loser likelier."
)
def trains_backwards(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    return _trained(ref_logits, rejected, chosen, beta, lr, steps)


@misconception(
    "train_dpo",
    "Training starts from zeros. It starts at the reference: the policy is the reference, moved.",
)
def trains_from_zero(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    reference = ref_logits.detach()
    logits = torch.zeros_like(reference, requires_grad=True)
    stepper = torch.optim.Adam([logits], lr=lr)
    for _ in range(steps):
        stepper.zero_grad()
        h = beta * _gap(logits[chosen], logits[rejected], reference[chosen], reference[rejected])
        functional.softplus(-h).mean().backward()
        stepper.step()
    return logits.detach()


@misconception(
    "train_dpo",
    "The reference is left out of the loss: the gap is that of log-ratios, so that training starts "
    "at h = 0.",
)
def trains_without_reference(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    logits = ref_logits.detach().clone().requires_grad_()
    stepper = torch.optim.Adam([logits], lr=lr)
    for _ in range(steps):
        stepper.zero_grad()
        functional.softplus(-beta * (logits[chosen] - logits[rejected])).mean().backward()
        stepper.step()
    return logits.detach()


@misconception("train_dpo", "Only one step is taken: repeat it `steps` times.")
def trains_one_step(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    return _trained(ref_logits, chosen, rejected, beta, lr, min(steps, 1))


@misconception(
    "train_dpo",
    "You train ref_logits itself, so that the caller's reference moves too. Clone it first.",
)
def trains_the_reference(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    result = _trained(ref_logits, chosen, rejected, beta, lr, steps)
    ref_logits.data.copy_(result)
    return result


@misconception("train_dpo", "beta is not passed on to the loss.")
def trains_with_fixed_beta(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    return _trained(ref_logits, chosen, rejected, 0.1, lr, steps)


@misconception(
    "train_dpo", "The gradients pile up from step to step: set them to zero before backward."
)
def trains_without_zero_grad(ref_logits, chosen, rejected, beta=0.1, lr=1.0, steps=500):
    reference = ref_logits.detach()
    logits = reference.clone().requires_grad_()
    stepper = torch.optim.Adam([logits], lr=lr)
    for _ in range(steps):
        h = beta * _gap(logits[chosen], logits[rejected], reference[chosen], reference[rejected])
        functional.softplus(-h).mean().backward()
        stepper.step()
    return logits.detach()
