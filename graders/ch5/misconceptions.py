"""Misunderstandings of KTO, ORPO, SimPO and GRPO, each as the code that it leads to."""

import torch
from torch.nn import functional

from assay.misconceptions import misconception

# --- kto_reference_point


@misconception(
    "kto_reference_point",
    "You set each negative log-ratio to 0 before the mean. Single ones may be negative; only their "
    "mean, the divergence, is kept at 0 or above.",
)
def clamps_each(policy_kl_logps, ref_kl_logps):
    return (policy_kl_logps - ref_kl_logps).clamp(min=0.0).mean().detach()


@misconception(
    "kto_reference_point",
    "A negative mean is let through. A divergence is never negative: take 0 instead.",
)
def without_floor(policy_kl_logps, ref_kl_logps):
    return (policy_kl_logps - ref_kl_logps).mean().detach()


@misconception(
    "kto_reference_point",
    "You take the absolute value of a negative mean. It should become 0, not positive.",
)
def folds_the_mean(policy_kl_logps, ref_kl_logps):
    return (policy_kl_logps - ref_kl_logps).mean().abs().detach()


@misconception("kto_reference_point", "The sign is flipped: it is the policy minus the reference.")
def measures_backwards(policy_kl_logps, ref_kl_logps):
    return (ref_kl_logps - policy_kl_logps).mean().clamp(min=0.0).detach()


@misconception("kto_reference_point", "You sum over the batch. The reference point is a mean.")
def sums_the_drift(policy_kl_logps, ref_kl_logps):
    return (policy_kl_logps - ref_kl_logps).sum().clamp(min=0.0).detach()


@misconception(
    "kto_reference_point",
    "Gradient flows through the reference point. It is a constant of the loss: detach it.",
)
def live_reference_point(policy_kl_logps, ref_kl_logps):
    return (policy_kl_logps - ref_kl_logps).mean().clamp(min=0.0)


@misconception(
    "kto_reference_point",
    "You weigh the log-ratios by their probabilities. The responses are samples already: the plain "
    "mean estimates the divergence.",
)
def weighs_by_probability(policy_kl_logps, ref_kl_logps):
    terms = policy_kl_logps.exp() * (policy_kl_logps - ref_kl_logps)
    return terms.mean().clamp(min=0.0).detach()


@misconception(
    "kto_reference_point",
    "You return one number per response. The reference point is a single number for the batch.",
)
def one_per_response(policy_kl_logps, ref_kl_logps):
    return (policy_kl_logps - ref_kl_logps).clamp(min=0.0).detach()


@misconception(
    "kto_reference_point",
    "You average ratios of probabilities and take the log afterwards. Average the log-ratios.",
)
def log_of_mean_ratio(policy_kl_logps, ref_kl_logps):
    ratios = (policy_kl_logps - ref_kl_logps).exp()
    return ratios.mean().log().clamp(min=0.0).detach()


# --- kto_loss


def _checked(beta):
    if beta <= 0:
        raise ValueError(f"beta must be positive, not {beta}")


def _constant(z0):
    return z0.detach() if isinstance(z0, torch.Tensor) else z0


def _losses(up, down, desirable, lambda_d, lambda_u):
    """The losses from the gains of thumbs up and those of thumbs down."""
    return torch.where(desirable, lambda_d * torch.sigmoid(-up), lambda_u * torch.sigmoid(-down))


@misconception(
    "kto_loss",
    "You average thumbs up and thumbs down apart and add the two means. There is a single mean, "
    "over the whole batch.",
)
def averages_each_kind(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    losses = _losses(gain, -gain, desirable, lambda_d, lambda_u)
    kinds = (losses[desirable], losses[~desirable])
    return sum(kind.sum() / max(len(kind), 1) for kind in kinds)


@misconception(
    "kto_loss", "Thumbs up and thumbs down are mixed up: True is the response that people liked."
)
def swaps_the_thumbs(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(gain, -gain, ~desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss", "Thumbs down are treated like thumbs up. For them the sign turns: z0 - rho."
)
def likes_everything(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(gain, gain, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss",
    "For thumbs down you turn the sign of the log-ratio only. The whole distance turns: z0 - rho, "
    "not -rho - z0.",
)
def turns_half_the_sign(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    rho, z0 = policy - ref.detach(), _constant(z0)
    up, down = beta * (rho - z0), beta * (-rho - z0)
    return _losses(up, down, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss", "The reference point is not used: gains and losses are measured from z0."
)
def without_reference_point(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach())
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception("kto_loss", "The reference point is added to the log-ratio. Subtract it.")
def adds_reference_point(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() + _constant(z0))
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss", "beta multiplies the log-ratio only. It multiplies the distance rho - z0."
)
def beta_on_log_ratio_only(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach()) - _constant(z0)
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception("kto_loss", "beta stands outside the sigmoid. It scales the distance, not the loss.")
def beta_outside(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = policy - ref.detach() - _constant(z0)
    return beta * _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception("kto_loss", "beta is missing: the distance to z0 is multiplied by it.")
def without_beta(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = policy - ref.detach() - _constant(z0)
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss",
    "You take -log sigmoid, as DPO does. KTO takes 1 - sigmoid, which is bounded on both sides.",
)
def takes_the_log(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    up, down = lambda_d * functional.softplus(-gain), lambda_u * functional.softplus(gain)
    return torch.where(desirable, up, down).mean()


@misconception(
    "kto_loss",
    "You return the value, lambda * sigmoid. The loss is what is missing to lambda: 1 - sigmoid.",
)
def returns_the_value(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(-gain, gain, desirable, lambda_d, lambda_u).mean()


@misconception("kto_loss", "The lambdas are not used: they multiply the loss of their own thumb.")
def without_lambdas(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(gain, -gain, desirable, 1.0, 1.0).mean()


@misconception(
    "kto_loss", "The lambdas are swapped: lambda_d belongs to thumbs up, lambda_u to thumbs down."
)
def swaps_the_lambdas(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(gain, -gain, desirable, lambda_u, lambda_d).mean()


@misconception(
    "kto_loss", "The lambdas stand inside the sigmoid. They weigh the loss, not the distance."
)
def lambdas_inside(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(lambda_d * gain, -lambda_u * gain, desirable, 1.0, 1.0).mean()


@misconception(
    "kto_loss",
    "lambda multiplies the sigmoid only, in 1 - lambda * sigmoid. It multiplies the whole loss.",
)
def lambdas_on_the_sigmoid(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return 1 - _losses(-gain, gain, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss", "You divide by the sum of the lambdas. The loss is a plain mean over the responses."
)
def weighted_mean(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    weights = torch.where(desirable, lambda_d, lambda_u).to(gain.dtype)
    losses = _losses(gain, -gain, desirable, lambda_d, lambda_u)
    return losses.sum() / weights.sum().clamp(min=1e-12)


@misconception("kto_loss", "You sum over the batch. The loss is the mean.")
def sums_the_batch(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - _constant(z0))
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).sum()


@misconception(
    "kto_loss", "Gradient flows into the reference. It is frozen: detach its log-probabilities."
)
def live_reference(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref - _constant(z0))
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss",
    "Gradient flows into the reference point. It is a constant of the loss: detach z0, too.",
)
def live_z0(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref.detach() - z0)
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


@misconception(
    "kto_loss",
    "Gradient flows into the reference and the reference point. Both are constants: detach them.",
)
def nothing_detached(policy, ref, desirable, z0, beta=0.1, lambda_d=1.0, lambda_u=1.0):
    _checked(beta)
    gain = beta * (policy - ref - z0)
    return _losses(gain, -gain, desirable, lambda_d, lambda_u).mean()


# --- pairs_to_binary


def _same_lengths(prompts, chosen, rejected):
    if not len(prompts) == len(chosen) == len(rejected):
        raise ValueError("prompts, chosen and rejected must be equally long")


@misconception(
    "pairs_to_binary",
    "All chosen responses come first, then all rejected ones. Keep each pair together.",
)
def sorts_by_thumb(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    good = [(x, y, True) for x, y in zip(prompts, chosen, strict=True)]
    return good + [(x, y, False) for x, y in zip(prompts, rejected, strict=True)]


@misconception("pairs_to_binary", "The rejected response comes first. Put the chosen one first.")
def rejected_first(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    triples = zip(prompts, chosen, rejected, strict=True)
    return [one for x, y, z in triples for one in ((x, z, False), (x, y, True))]


@misconception("pairs_to_binary", "The thumbs are the wrong way round: chosen means True.")
def thumbs_turned(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    triples = zip(prompts, chosen, rejected, strict=True)
    return [one for x, y, z in triples for one in ((x, y, False), (x, z, True))]


@misconception(
    "pairs_to_binary",
    "zip stops silently at the shortest list. Lists of unequal length are an error here.",
)
def drops_the_rest(prompts, chosen, rejected):
    triples = zip(prompts, chosen, rejected, strict=False)
    return [one for x, y, z in triples for one in ((x, y, True), (x, z, False))]


@misconception(
    "pairs_to_binary", "A prompt that occurs twice is kept only once. Every pair counts."
)
def one_pair_per_prompt(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    pairs = {x: (y, z) for x, y, z in zip(prompts, chosen, rejected, strict=True)}
    return [one for x, (y, z) in pairs.items() for one in ((x, y, True), (x, z, False))]


@misconception(
    "pairs_to_binary",
    "The thumbs are 1 and -1. They should be True and False.",
)
def thumbs_as_numbers(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    triples = zip(prompts, chosen, rejected, strict=True)
    return [one for x, y, z in triples for one in ((x, y, 1), (x, z, -1))]


@misconception(
    "pairs_to_binary", "The pairs are still together. KTO wants one response with one thumb each."
)
def keeps_the_pairs(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    triples = zip(prompts, chosen, rejected, strict=True)
    return [((x, y, True), (x, z, False)) for x, y, z in triples]


@misconception("pairs_to_binary", "The prompt is missing from the examples.")
def without_prompts(prompts, chosen, rejected):
    _same_lengths(prompts, chosen, rejected)
    pairs = zip(chosen, rejected, strict=True)
    return [one for y, z in pairs for one in ((y, True), (z, False))]


# --- log_odds


def _negative(mean_logps):
    if (mean_logps >= 0).any():
        raise ValueError("mean_logps must be negative")


@misconception(
    "log_odds",
    "You compute exp(mean_logps) and then 1 minus it, which loses its digits for p near 1, with "
    "log1p as well. torch.expm1 keeps them.",
)
def cancels(mean_logps):
    _negative(mean_logps)
    return mean_logps - torch.log(1 - torch.exp(mean_logps))


@misconception(
    "log_odds",
    "You compute the probability first. It underflows to 0 for long odds and rounds to 1 for short "
    "ones; stay with the log-prob.",
)
def through_the_probability(mean_logps):
    _negative(mean_logps)
    return torch.logit(torch.exp(mean_logps))


@misconception(
    "log_odds",
    "exp(-mean_logps) overflows for unlikely responses. Subtract log(1 - p) from the log-prob.",
)
def overflows(mean_logps):
    _negative(mean_logps)
    return -torch.log(torch.expm1(-mean_logps))


@misconception(
    "log_odds",
    "You clamp the log-prob away from 0. Nothing is clamped here; near p = 1 the odds are large, "
    "and expm1 gets them right.",
)
def clamps_near_one(mean_logps):
    _negative(mean_logps)
    safe = mean_logps.clamp(max=-1e-6)
    return safe - torch.log(-torch.expm1(safe))


@misconception("log_odds", "These are the odds of not-p: it is p / (1 - p), not (1 - p) / p.")
def odds_against(mean_logps):
    _negative(mean_logps)
    return torch.log(-torch.expm1(mean_logps)) - mean_logps


@misconception("log_odds", "The logarithm is missing: these are the odds themselves.")
def plain_odds(mean_logps):
    _negative(mean_logps)
    return torch.exp(mean_logps) / -torch.expm1(mean_logps)


@misconception(
    "log_odds",
    "You subtract 1 - p, where its logarithm belongs: log p - log(1 - p).",
)
def forgets_the_second_log(mean_logps):
    _negative(mean_logps)
    return mean_logps + torch.expm1(mean_logps)


@misconception(
    "log_odds",
    "You take log(1 - x) of the log-prob x itself. The probability is exp(x): log(1 - exp(x)).",
)
def takes_logp_for_p(mean_logps):
    _negative(mean_logps)
    return mean_logps - torch.log1p(-mean_logps)


@misconception(
    "log_odds",
    "A mean log-prob of 0 is accepted. Then p = 1, and there are no odds: ValueError from 0 on.",
)
def accepts_certainty(mean_logps):
    if (mean_logps > 0).any():
        raise ValueError("mean_logps must not be positive")
    return mean_logps - torch.log(-torch.expm1(mean_logps))


# --- orpo_loss


def _log_odds(logps):
    return logps - torch.log(-torch.expm1(logps))


def _odds_loss(chosen, rejected):
    return functional.softplus(_log_odds(rejected) - _log_odds(chosen))


@misconception(
    "orpo_loss",
    "You compare log-probs. ORPO compares log-odds: log(p / (1 - p)) of both responses.",
)
def compares_logprobs(chosen, rejected, lam=0.1):
    return (-chosen + lam * functional.softplus(rejected - chosen)).mean()


@misconception("orpo_loss", "The SFT term is missing: -chosen belongs to the loss.")
def without_sft(chosen, rejected, lam=0.1):
    return lam * _odds_loss(chosen, rejected).mean()


@misconception(
    "orpo_loss", "The rejected response is fine-tuned on, too. SFT is for the chosen one."
)
def tunes_on_both(chosen, rejected, lam=0.1):
    return (-chosen - rejected + lam * _odds_loss(chosen, rejected)).mean()


@misconception("orpo_loss", "You fine-tune on the rejected response. SFT is for the chosen one.")
def tunes_on_rejected(chosen, rejected, lam=0.1):
    return (-rejected + lam * _odds_loss(chosen, rejected)).mean()


@misconception("orpo_loss", "lam is missing: it weighs the preference term.")
def without_lam(chosen, rejected, lam=0.1):
    return (-chosen + _odds_loss(chosen, rejected)).mean()


@misconception("orpo_loss", "lam weighs the SFT term. It belongs to the preference term.")
def lam_on_sft(chosen, rejected, lam=0.1):
    return (-lam * chosen + _odds_loss(chosen, rejected)).mean()


@misconception(
    "orpo_loss", "lam scales the gap of log-odds, inside the sigmoid. It weighs the term."
)
def lam_inside(chosen, rejected, lam=0.1):
    gap = _log_odds(chosen) - _log_odds(rejected)
    return (-chosen + functional.softplus(-lam * gap)).mean()


@misconception(
    "orpo_loss", "The preference is upside down: the chosen response should have the higher odds."
)
def prefers_the_rejected(chosen, rejected, lam=0.1):
    return (-chosen + lam * _odds_loss(rejected, chosen)).mean()


@misconception(
    "orpo_loss",
    "The preference term has the wrong sign: it is minus lam * log sigmoid, a positive cost.",
)
def rewards_the_wrong_order(chosen, rejected, lam=0.1):
    return (-chosen - lam * _odds_loss(chosen, rejected)).mean()


@misconception(
    "orpo_loss",
    "log(sigmoid(x)) is -inf for a very negative x. Use a fused log-sigmoid.",
)
def log_of_sigmoid(chosen, rejected, lam=0.1):
    gap = _log_odds(chosen) - _log_odds(rejected)
    return (-chosen - lam * torch.log(torch.sigmoid(gap))).mean()


@misconception(
    "orpo_loss",
    "The odds lose their digits near p = 1, where 1 - exp(x) cancels: use log_odds, or mend it.",
)
def orpo_cancels(chosen, rejected, lam=0.1):
    odds = [x - torch.log(1 - torch.exp(x)) for x in (chosen, rejected)]
    return (-chosen - lam * functional.logsigmoid(odds[0] - odds[1])).mean()


@misconception("orpo_loss", "The rejected response gets no gradient. It is to be pushed down, too.")
def frozen_rejected(chosen, rejected, lam=0.1):
    return (-chosen + lam * _odds_loss(chosen, rejected.detach())).mean()


@misconception("orpo_loss", "You sum over the batch. The loss is the mean.")
def orpo_summed(chosen, rejected, lam=0.1):
    return (-chosen + lam * _odds_loss(chosen, rejected)).sum()


# --- simpo_loss


@misconception(
    "simpo_loss",
    "gamma is multiplied by beta. The margin here is gamma itself, taken off afterwards.",
)
def gamma_times_beta(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-beta * (chosen - rejected - gamma)).mean()


@misconception(
    "simpo_loss", "gamma is added. It is subtracted: the chosen response has to win by a margin."
)
def gamma_added(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-(beta * (chosen - rejected) + gamma)).mean()


@misconception("simpo_loss", "gamma is missing: the margin is subtracted inside the sigmoid.")
def without_gamma(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-beta * (chosen - rejected)).mean()


@misconception("simpo_loss", "gamma stands outside the log-sigmoid, where it has no gradient.")
def gamma_outside(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-beta * (chosen - rejected)).mean() + gamma


@misconception("simpo_loss", "beta is missing: it scales the gap.")
def simpo_without_beta(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-(chosen - rejected - gamma)).mean()


@misconception("simpo_loss", "beta stands outside the sigmoid. It scales the gap, not the loss.")
def simpo_beta_outside(chosen, rejected, beta=2.0, gamma=1.0):
    return beta * functional.softplus(-(chosen - rejected - gamma)).mean()


@misconception("simpo_loss", "The pair is the wrong way round: it is chosen minus rejected.")
def simpo_flipped(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-(beta * (rejected - chosen) - gamma)).mean()


@misconception(
    "simpo_loss", "log(sigmoid(x)) is -inf for a very negative x. Use a fused log-sigmoid."
)
def simpo_log_of_sigmoid(chosen, rejected, beta=2.0, gamma=1.0):
    return -torch.log(torch.sigmoid(beta * (chosen - rejected) - gamma)).mean()


@misconception(
    "simpo_loss",
    "You use a hinge, which is flat beyond the margin. SimPO takes -log sigmoid, which never is.",
)
def simpo_hinge(chosen, rejected, beta=2.0, gamma=1.0):
    return torch.relu(gamma - beta * (chosen - rejected)).mean()


@misconception("simpo_loss", "You sum over the batch. The loss is the mean.")
def simpo_summed(chosen, rejected, beta=2.0, gamma=1.0):
    return functional.softplus(-(beta * (chosen - rejected) - gamma)).sum()


# --- grpo_advantages


def _grouped(rewards):
    if rewards.shape[1] < 2:
        raise ValueError("rewards must hold at least two responses per prompt")


def _apart(rewards):
    return rewards - rewards.mean(1, keepdim=True)


@misconception(
    "grpo_advantages",
    "Your std is the biased one (divided by G). Here it is unbiased: divided by G - 1.",
)
def biased_std(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / (rewards.std(1, keepdim=True, correction=0) + eps)


@misconception(
    "grpo_advantages",
    "Mean and std are those of the whole batch. Each row is a group with statistics of its own.",
)
def whole_batch(rewards, eps=1e-6):
    _grouped(rewards)
    return (rewards - rewards.mean()) / (rewards.std() + eps)


@misconception(
    "grpo_advantages",
    "The std is that of the whole batch. Mean and std both belong to the row.",
)
def batch_std(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / (rewards.std() + eps)


@misconception(
    "grpo_advantages",
    "Mean and std run down the columns. A group is a row: the responses to one prompt.",
)
def across_prompts(rewards, eps=1e-6):
    _grouped(rewards)
    apart = rewards - rewards.mean(0)
    return apart / ((apart.square().sum(0) / (len(rewards) - 1)).sqrt() + eps)


@misconception("grpo_advantages", "eps stands inside the root. It is added to the std.")
def eps_in_the_variance(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / (rewards.var(1, keepdim=True) + eps).sqrt()


@misconception(
    "grpo_advantages", "eps is missing: a group whose rewards are all equal divides 0 by 0."
)
def without_eps(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / rewards.std(1, keepdim=True)


@misconception("grpo_advantages", "eps is fixed at its default: use the argument.")
def fixed_eps(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / (rewards.std(1, keepdim=True) + 1e-6)


@misconception("grpo_advantages", "You divide by the variance. The unit is the std.")
def over_the_variance(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / (rewards.var(1, keepdim=True) + eps)


@misconception(
    "grpo_advantages", "You don't divide by the std: the advantages keep the unit of the reward."
)
def without_std(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards)


@misconception("grpo_advantages", "The group's mean is not subtracted.")
def without_mean(rewards, eps=1e-6):
    _grouped(rewards)
    return rewards / (rewards.std(1, keepdim=True) + eps)


@misconception(
    "grpo_advantages",
    "You compare each reward with the mean of the others. Here the group's mean includes it.",
)
def leaves_one_out(rewards, eps=1e-6):
    _grouped(rewards)
    count = rewards.shape[1]
    return _apart(rewards) * count / (count - 1) / (rewards.std(1, keepdim=True) + eps)


@misconception(
    "grpo_advantages",
    "Mean and std are detached. Here the gradient counts that a reward moves them as well.",
)
def detached_statistics(rewards, eps=1e-6):
    _grouped(rewards)
    constant = rewards.detach()
    mean, std = constant.mean(1, keepdim=True), constant.std(1, keepdim=True)
    return (rewards - mean) / (std + eps)


@misconception(
    "grpo_advantages",
    "The square root of a variance of 0 has an infinite slope, and the gradient becomes nan. "
    "torch.std is safe there.",
)
def root_at_zero(rewards, eps=1e-6):
    _grouped(rewards)
    return _apart(rewards) / (rewards.var(1, keepdim=True).sqrt() + eps)


@misconception(
    "grpo_advantages",
    "The variance as mean of squares minus squared mean loses its digits where rewards are large. "
    "Subtract the mean first.",
)
def variance_by_difference(rewards, eps=1e-6):
    _grouped(rewards)
    count = rewards.shape[1]
    mean = rewards.mean(1, keepdim=True)
    variance = (rewards.square().mean(1, keepdim=True) - mean.square()) * count / (count - 1)
    constant = variance <= 0
    spread = torch.where(constant, 0.0, torch.where(constant, 1.0, variance).sqrt())
    return (rewards - mean) / (spread + eps)


@misconception(
    "grpo_advantages",
    "A group of a single response is accepted. It can't be compared with anything: ValueError.",
)
def accepts_one(rewards, eps=1e-6):
    if rewards.shape[1] == 1:
        return rewards * float("nan")
    return _apart(rewards) / (rewards.std(1, keepdim=True) + eps)
