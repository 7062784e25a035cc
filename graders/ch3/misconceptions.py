"""Misunderstandings of PPO, each as the code that it leads to."""

import torch

from assay.misconceptions import misconception


def _mean(x, mask):
    """Mean over the tokens of a mask, whatever stands outside it."""
    keep = mask.bool()
    return x.masked_fill(~keep, 0.0).sum() / keep.sum().clamp(min=1)


# --- probability_ratio ------------------------------------------------------------------------


@misconception(
    "probability_ratio",
    "You return the difference of log-probabilities. The ratio is exp of that difference.",
)
def difference_of_logs(logprobs, old_logprobs):
    return logprobs - old_logprobs.detach()


@misconception("probability_ratio", "The ratio is upside down: it is new over old.")
def old_over_new(logprobs, old_logprobs):
    return torch.exp(old_logprobs.detach() - logprobs)


@misconception(
    "probability_ratio",
    "You divide the log-probabilities. Divide the probabilities: subtract the logs, then exp.",
)
def ratio_of_logs(logprobs, old_logprobs):
    return logprobs / old_logprobs.detach()


@misconception(
    "probability_ratio",
    "You exponentiate first and divide then. The probabilities of rare tokens underflow to 0; "
    "subtract the logs first.",
)
def exponentiates_first(logprobs, old_logprobs):
    return torch.exp(logprobs) / torch.exp(old_logprobs.detach())


@misconception(
    "probability_ratio",
    "Gradient flows into the old policy. It only sampled the tokens: detach it.",
)
def ratio_with_live_old_policy(logprobs, old_logprobs):
    return torch.exp(logprobs - old_logprobs)


@misconception(
    "probability_ratio",
    "You clip the log-ratio. The ratio is exact; clipping comes later, in the surrogate.",
)
def clips_the_log_ratio(logprobs, old_logprobs):
    return torch.exp((logprobs - old_logprobs.detach()).clamp(-20, 20))


# --- clipped_surrogate ------------------------------------------------------------------------


def _check(epsilon):
    if epsilon < 0:
        raise ValueError(f"epsilon must not be negative, got {epsilon}")


@misconception(
    "clipped_surrogate",
    "You return the clipped term alone. The minimum with the plain term is what makes it "
    "pessimistic.",
)
def clipped_term_alone(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    return ratio.clamp(1 - epsilon, 1 + epsilon) * advantages


@misconception("clipped_surrogate", "Nothing is clipped: this is the plain objective r * A.")
def plain_objective(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    return ratio * advantages


@misconception(
    "clipped_surrogate", "You take the larger of the two terms. PPO is pessimistic: the smaller."
)
def larger_of_the_two(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    return torch.maximum(ratio * advantages, clipped * advantages)


@misconception(
    "clipped_surrogate",
    "You take the minimum of the ratios and multiply then. For a negative advantage that picks the "
    "wrong one: multiply first.",
)
def minimum_before_the_advantage(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    return torch.minimum(ratio, ratio.clamp(1 - epsilon, 1 + epsilon)) * advantages


@misconception(
    "clipped_surrogate",
    "The range is clipped above only. Bad tokens are clipped below, at 1 - epsilon.",
)
def clips_above_only(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    return torch.minimum(ratio * advantages, ratio.clamp(max=1 + epsilon) * advantages)


@misconception(
    "clipped_surrogate",
    "You clip r * A to the range. What is clipped is the ratio, before the advantage.",
)
def clips_the_product(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    product = ratio * advantages
    return torch.minimum(product, product.clamp(1 - epsilon, 1 + epsilon))


@misconception(
    "clipped_surrogate",
    "The range is -epsilon to epsilon. A ratio of no change is 1, so it is 1 - epsilon to "
    "1 + epsilon.",
)
def range_around_zero(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    return torch.minimum(ratio * advantages, ratio.clamp(-epsilon, epsilon) * advantages)


@misconception(
    "clipped_surrogate",
    "You clip the log of the ratio to +-epsilon. PPO clips the ratio itself, to 1 - epsilon and "
    "1 + epsilon.",
)
def clips_the_log(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    clipped = ratio.log().clamp(-epsilon, epsilon).exp()
    return torch.minimum(ratio * advantages, clipped * advantages)


@misconception("clipped_surrogate", "The sign is flipped: this is the objective, not yet the loss.")
def surrogate_as_loss(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    return -torch.minimum(ratio * advantages, clipped * advantages)


@misconception("clipped_surrogate", "You average. The result is the objective of each token.")
def surrogate_averaged(ratio, advantages, epsilon=0.2):
    _check(epsilon)
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    return torch.minimum(ratio * advantages, clipped * advantages).mean()


# --- ppo_policy_loss --------------------------------------------------------------------------


def _surrogate(ratio, advantages, epsilon):
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    return torch.minimum(ratio * advantages, clipped * advantages)


def _tokens(mask, *many):
    return tuple(x.masked_fill(~mask.bool(), 0.0) for x in many)


def _parts(logprobs, old_logprobs, advantages, mask):
    new, old, good = _tokens(mask, logprobs, old_logprobs.detach(), advantages.detach())
    return torch.exp(new - old), good


@misconception(
    "ppo_policy_loss",
    "The sign is missing: the objective is to be maximised, so the loss is minus its mean.",
)
def policy_objective(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio, good = _parts(logprobs, old_logprobs, advantages, mask)
    return _mean(_surrogate(ratio, good, epsilon), mask)


@misconception(
    "ppo_policy_loss",
    "You average each row and then the rows. Every token of the batch weighs the same: one mean "
    "over all of them.",
)
def policy_mean_of_row_means(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio, good = _parts(logprobs, old_logprobs, advantages, mask)
    kept = _surrogate(ratio, good, epsilon).masked_fill(~mask.bool(), 0.0)
    rows = kept.sum(1) / mask.bool().sum(1).clamp(min=1)
    return -rows.mean()


@misconception(
    "ppo_policy_loss",
    "You average over all positions. The mean runs over response tokens: divide by their number.",
)
def policy_mean_over_everything(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio, good = _parts(logprobs, old_logprobs, advantages, mask)
    return -_surrogate(ratio, good, epsilon).masked_fill(~mask.bool(), 0.0).mean()


@misconception("ppo_policy_loss", "The mask is not used: prompt and padding count too.")
def policy_without_mask(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    return -_surrogate(ratio, advantages.detach(), epsilon).mean()


@misconception(
    "ppo_policy_loss",
    "You multiply by the mask. Where it hides inf or nan, 0 * inf is nan: select or fill instead.",
)
def policy_times_mask(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    tokens = _surrogate(ratio, advantages.detach(), epsilon)
    weight = mask.to(tokens.dtype)
    return -(tokens * weight).sum() / weight.sum().clamp(min=1)


@misconception(
    "ppo_policy_loss",
    "You mask after the exp. The value is right, but backward still multiplies 0 by what inf or "
    "nan left behind: fill the log-probabilities before.",
)
def policy_masks_too_late(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    return -_mean(_surrogate(ratio, advantages.detach(), epsilon), mask)


@misconception(
    "ppo_policy_loss",
    "You exponentiate first and divide then. The probabilities of rare tokens underflow to 0; "
    "subtract the logs first.",
)
def policy_exponentiates_first(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    new, old, good = _tokens(mask, logprobs, old_logprobs.detach(), advantages.detach())
    return -_mean(_surrogate(torch.exp(new) / torch.exp(old), good, epsilon), mask)


@misconception("ppo_policy_loss", "Nothing is clipped: this is the plain policy gradient.")
def policy_without_clip(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio, good = _parts(logprobs, old_logprobs, advantages, mask)
    return -_mean(ratio * good, mask)


@misconception("ppo_policy_loss", "The ratio is upside down: it is new over old.")
def policy_with_old_over_new(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    ratio, good = _parts(logprobs, old_logprobs, advantages, mask)
    return -_mean(_surrogate(1 / ratio, good, epsilon), mask)


@misconception(
    "ppo_policy_loss",
    "Gradient flows into the old policy or the advantages. Both are constants here: detach them.",
)
def policy_with_live_constants(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    new, old, good = _tokens(mask, logprobs, old_logprobs, advantages)
    return -_mean(_surrogate(torch.exp(new - old), good, epsilon), mask)


@misconception(
    "ppo_policy_loss",
    "You clip the log-ratio to +-epsilon. PPO clips the ratio itself, to 1 - epsilon and "
    "1 + epsilon.",
)
def policy_clips_the_log_ratio(logprobs, old_logprobs, advantages, mask, epsilon=0.2):
    new, old, good = _tokens(mask, logprobs, old_logprobs.detach(), advantages.detach())
    d = new - old
    clipped = torch.exp(d.clamp(-epsilon, epsilon))
    return -_mean(torch.minimum(torch.exp(d) * good, clipped * good), mask)


# --- clip_fraction ----------------------------------------------------------------------------


def _share(hits, mask):
    keep = mask.bool()
    return hits[keep].sum().item() / max(1, int(keep.sum()))


@misconception(
    "clip_fraction",
    "You count |r - 1| > epsilon, as many trainers do. A bad token that got likelier is far from "
    "1, but its objective is not cut: the sign of the advantage matters.",
)
def counts_by_distance(ratio, advantages, mask, epsilon=0.2):
    return _share((ratio - 1).abs() > epsilon, mask)


@misconception("clip_fraction", "The signs are swapped: good tokens are cut above, bad ones below.")
def signs_swapped(ratio, advantages, mask, epsilon=0.2):
    good = (advantages > 0) & (ratio < 1 - epsilon)
    return _share(good | ((advantages < 0) & (ratio > 1 + epsilon)), mask)


@misconception("clip_fraction", "Bad tokens are cut too, where the ratio falls below 1 - epsilon.")
def good_tokens_only(ratio, advantages, mask, epsilon=0.2):
    return _share((advantages > 0) & (ratio > 1 + epsilon), mask)


@misconception(
    "clip_fraction",
    "You divide by the number of all positions. It is the share of response tokens.",
)
def share_of_everything(ratio, advantages, mask, epsilon=0.2):
    hits = _bites(ratio, advantages, epsilon) & mask.bool()
    return hits.sum().item() / hits.numel()


def _bites(ratio, advantages, epsilon):
    return ((advantages > 0) & (ratio > 1 + epsilon)) | ((advantages < 0) & (ratio < 1 - epsilon))


@misconception("clip_fraction", "The mask is not used: prompt and padding count too.")
def fraction_without_mask(ratio, advantages, mask, epsilon=0.2):
    hits = _bites(ratio, advantages, epsilon)
    return hits.sum().item() / hits.numel() if bool(mask.any()) else 0.0


@misconception(
    "clip_fraction",
    "You count the tokens whose ratio leaves the range, also those with advantage 0: nothing of "
    "theirs is cut.",
)
def neutral_tokens_count(ratio, advantages, mask, epsilon=0.2):
    above = (advantages >= 0) & (ratio > 1 + epsilon)
    return _share(above | ((advantages <= 0) & (ratio < 1 - epsilon)), mask)


@misconception(
    "clip_fraction", "You count the border, too. Exactly at 1 +- epsilon nothing is cut."
)
def border_counts(ratio, advantages, mask, epsilon=0.2):
    above = (advantages > 0) & (ratio >= 1 + epsilon)
    return _share(above | ((advantages < 0) & (ratio <= 1 - epsilon)), mask)


@misconception(
    "clip_fraction",
    "You compare as Python floats. In float32 a ratio of 1.2 is not above 1 + 0.2; as a Python "
    "float it is.",
)
def compares_in_double(ratio, advantages, mask, epsilon=0.2):
    return _share(_bites(ratio.double(), advantages.double(), epsilon), mask)


@misconception(
    "clip_fraction", "The result is a tensor. It is a number to log: a Python float (.item())."
)
def fraction_as_tensor(ratio, advantages, mask, epsilon=0.2):
    return torch.tensor(_share(_bites(ratio, advantages, epsilon), mask), dtype=torch.float64)


@misconception(
    "clip_fraction", "An empty mask ends in a division by zero. The fraction of nothing is 0.0."
)
def fraction_of_nothing_is_nan(ratio, advantages, mask, epsilon=0.2):
    return _bites(ratio, advantages, epsilon)[mask.bool()].double().mean().item()


# --- kl_estimate ------------------------------------------------------------------------------


def _kl(d, kind):
    if kind == "k1":
        return d
    if kind == "k2":
        return d.square() / 2
    if kind == "k3":
        return torch.expm1(-d) + d
    raise ValueError(f"kind must be 'k1', 'k2' or 'k3', got {kind!r}")


def _gap(logprobs, ref_logprobs, mask):
    new, ref = _tokens(mask, logprobs, ref_logprobs)
    return new - ref


@misconception(
    "kl_estimate",
    "The log-ratio is the wrong way round: d is the policy's log-probability minus the "
    "reference's, for the samples come from the policy.",
)
def reversed_log_ratio(logprobs, ref_logprobs, mask, kind="k1"):
    return _mean(_kl(-_gap(logprobs, ref_logprobs, mask), kind), mask)


@misconception(
    "kl_estimate",
    "The sign of d inside k3's exp is flipped: it is exp(-d) - 1 + d, which is never negative.",
)
def k3_with_flipped_exp(logprobs, ref_logprobs, mask, kind="k1"):
    d = _gap(logprobs, ref_logprobs, mask)
    return _mean(torch.expm1(d) - d if kind == "k3" else _kl(d, kind), mask)


@misconception("kl_estimate", "The half is missing: k2 is d^2 / 2.")
def k2_without_half(logprobs, ref_logprobs, mask, kind="k1"):
    d = _gap(logprobs, ref_logprobs, mask)
    return _mean(d.square() if kind == "k2" else _kl(d, kind), mask)


@misconception(
    "kl_estimate",
    "k3 is computed as exp(-d) - 1 + d. Near d = 0 its digits cancel: use expm1.",
)
def k3_without_expm1(logprobs, ref_logprobs, mask, kind="k1"):
    d = _gap(logprobs, ref_logprobs, mask)
    return _mean(torch.exp(-d) - 1 + d if kind == "k3" else _kl(d, kind), mask)


@misconception("kl_estimate", "k3 is clamped, as some trainers do. Here it is exact.")
def k3_clamped(logprobs, ref_logprobs, mask, kind="k1"):
    estimate = _kl(_gap(logprobs, ref_logprobs, mask), kind)
    return _mean(estimate.clamp(-10, 10) if kind == "k3" else estimate, mask)


@misconception(
    "kl_estimate",
    "You average each row and then the rows. Every token of the batch weighs the same.",
)
def kl_mean_of_row_means(logprobs, ref_logprobs, mask, kind="k1"):
    terms = _kl(_gap(logprobs, ref_logprobs, mask), kind).masked_fill(~mask.bool(), 0.0)
    return (terms.sum(1) / mask.bool().sum(1).clamp(min=1)).mean()


@misconception(
    "kl_estimate",
    "You average over all positions. The mean runs over response tokens: divide by their number.",
)
def kl_mean_over_everything(logprobs, ref_logprobs, mask, kind="k1"):
    return _kl(_gap(logprobs, ref_logprobs, mask), kind).mean()


@misconception(
    "kl_estimate",
    "You multiply by the mask. Where it hides inf or nan, 0 * inf is nan: select or fill instead.",
)
def kl_times_mask(logprobs, ref_logprobs, mask, kind="k1"):
    terms = _kl(logprobs - ref_logprobs, kind)
    weight = mask.to(terms.dtype)
    return (terms * weight).sum() / weight.sum().clamp(min=1)


@misconception(
    "kl_estimate", "You take the absolute value. Single samples of k1 may well be negative."
)
def k1_absolute(logprobs, ref_logprobs, mask, kind="k1"):
    estimate = _kl(_gap(logprobs, ref_logprobs, mask), kind)
    return _mean(estimate.abs(), mask)


@misconception("kl_estimate", "You sum over the tokens. The estimate is their mean.")
def kl_summed(logprobs, ref_logprobs, mask, kind="k1"):
    return _kl(_gap(logprobs, ref_logprobs, mask), kind).sum()


# --- gae --------------------------------------------------------------------------------------


def _gae(rewards, values, mask, gamma, lam, following=None, stop=True):
    keep = mask.bool()
    r = rewards.detach().masked_fill(~keep, 0.0)
    v = values.detach().masked_fill(~keep, 0.0)
    later = torch.cat([v[:, 1:], torch.zeros_like(v[:, :1])], 1) if following is None else following
    advantages = torch.zeros_like(v)
    running = v.new_zeros(len(v))
    for t in reversed(range(v.shape[1])):
        running = r[:, t] + gamma * later[:, t] - v[:, t] + gamma * lam * running
        if stop:
            running = running.masked_fill(~keep[:, t], 0.0)
        advantages[:, t] = running
    return advantages.masked_fill(~keep, 0.0), v, keep


def _with_returns(advantages, v):
    return advantages, advantages + v


@misconception(
    "gae",
    "Behind the last response token you take the critic's value of the padding. The response is "
    "over: that value is 0.",
)
def looks_into_the_padding(rewards, values, mask, gamma=1.0, lam=0.95):
    later = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1).detach()
    return _with_returns(*_gae(rewards, values, mask, gamma, lam, later)[:2])


@misconception("gae", "gamma is missing from the trace: the next advantage counts gamma * lam.")
def trace_without_gamma(rewards, values, mask, gamma=1.0, lam=0.95):
    keep = mask.bool()
    r = rewards.detach().masked_fill(~keep, 0.0)
    v = values.detach().masked_fill(~keep, 0.0)
    advantages, running, later = torch.zeros_like(v), v.new_zeros(len(v)), v.new_zeros(len(v))
    for t in reversed(range(v.shape[1])):
        running = r[:, t] + gamma * later - v[:, t] + lam * running
        advantages[:, t], later = running, v[:, t]
    return _with_returns(advantages.masked_fill(~keep, 0.0), v)


@misconception("gae", "lam is not used: you sum all the surprises (that is lam = 1).")
def ignores_lambda(rewards, values, mask, gamma=1.0, lam=0.95):
    return _with_returns(*_gae(rewards, values, mask, gamma, 1.0)[:2])


@misconception("gae", "The advantage is one surprise only (that is lam = 0): add those to come.")
def one_step_only(rewards, values, mask, gamma=1.0, lam=0.95):
    return _with_returns(*_gae(rewards, values, mask, gamma, 0.0)[:2])


@misconception("gae", "The next value is missing: a surprise is r + gamma * V(next) - V.")
def forgets_the_next_value(rewards, values, mask, gamma=1.0, lam=0.95):
    zero = torch.zeros_like(values)
    return _with_returns(*_gae(rewards, values, mask, gamma, lam, zero)[:2])


@misconception(
    "gae", "The recursion runs forwards. Credit flows back from the end: start at the last token."
)
def runs_forwards(rewards, values, mask, gamma=1.0, lam=0.95):
    keep = mask.bool()
    r = rewards.detach().masked_fill(~keep, 0.0)
    v = values.detach().masked_fill(~keep, 0.0)
    later = torch.cat([v[:, 1:], torch.zeros_like(v[:, :1])], 1)
    advantages, running = torch.zeros_like(v), v.new_zeros(len(v))
    for t in range(v.shape[1]):
        running = r[:, t] + gamma * later[:, t] - v[:, t] + gamma * lam * running
        advantages[:, t] = running.masked_fill(~keep[:, t], 0.0)
    return _with_returns(advantages, v)


@misconception("gae", "The returns are the advantages plus the values; you return the rewards.")
def returns_are_rewards(rewards, values, mask, gamma=1.0, lam=0.95):
    advantages, _, keep = _gae(rewards, values, mask, gamma, lam)
    return advantages, rewards.detach().masked_fill(~keep, 0.0)


@misconception("gae", "You return the advantages alone. The result is (advantages, returns).")
def advantages_alone(rewards, values, mask, gamma=1.0, lam=0.95):
    return _gae(rewards, values, mask, gamma, lam)[0]


@misconception("gae", "Gradient flows back into the critic. These are targets: detach them.")
def keeps_the_graph(rewards, values, mask, gamma=1.0, lam=0.95):
    keep = mask.bool()
    r, v = rewards.masked_fill(~keep, 0.0), values.masked_fill(~keep, 0.0)
    running, later, columns = v.new_zeros(len(v)), v.new_zeros(len(v)), []
    for t in reversed(range(v.shape[1])):
        running = r[:, t] + gamma * later - v[:, t] + gamma * lam * running
        later = v[:, t]
        columns.append(running)
    return _with_returns(torch.stack(columns[::-1], 1).masked_fill(~keep, 0.0), v)


@misconception(
    "gae",
    "You multiply by the mask. Where it hides inf or nan, 0 * inf is nan: select or fill instead.",
)
def gae_times_mask(rewards, values, mask, gamma=1.0, lam=0.95):
    weight = mask.to(values.dtype)
    whole = torch.ones_like(mask).bool()
    advantages, v, _ = _gae(rewards * weight, values * weight, whole, gamma, lam, stop=False)
    advantages = advantages * weight
    return advantages, advantages + v


@misconception(
    "gae", "Outside the mask the returns are the critic's values. They are 0 there, like all else."
)
def returns_outside_the_mask(rewards, values, mask, gamma=1.0, lam=0.95):
    advantages, _, _ = _gae(rewards, values, mask, gamma, lam)
    return advantages, advantages + values.detach()


# --- whiten -----------------------------------------------------------------------------------


def _centred(x, mask):
    keep = mask.bool()
    n = keep.sum().clamp(min=1)
    deviation = (x - x.masked_fill(~keep, 0.0).sum() / n).masked_fill(~keep, 0.0)
    return deviation, n, keep


@misconception("whiten", "The variance is unbiased (divided by N - 1). Here it is divided by N.")
def whiten_unbiased(x, mask):
    deviation, n, _ = _centred(x, mask)
    variance = deviation.square().sum() / (n - 1).clamp(min=1)
    return deviation / torch.sqrt(variance + 1e-8)


@misconception("whiten", "The 1e-8 is added to the standard deviation. It stands inside the root.")
def whiten_epsilon_outside(x, mask):
    deviation, n, _ = _centred(x, mask)
    spread = torch.sqrt(deviation.square().sum() / n + 1e-300)
    return deviation / (spread + 1e-8)


@misconception("whiten", "The mean is not subtracted.")
def whiten_without_centring(x, mask):
    deviation, n, keep = _centred(x, mask)
    return x.masked_fill(~keep, 0.0) / torch.sqrt(deviation.square().sum() / n + 1e-8)


@misconception("whiten", "You divide by the variance. Divide by its root, the standard deviation.")
def whiten_by_variance(x, mask):
    deviation, n, _ = _centred(x, mask)
    return deviation / (deviation.square().sum() / n + 1e-8)


@misconception("whiten", "The mask is not used: all entries count.")
def whiten_everything(x, mask):
    deviation = x - x.mean()
    return deviation / torch.sqrt(deviation.square().mean() + 1e-8)


@misconception("whiten", "Each row is whitened by itself. The statistics are those of the batch.")
def whiten_row_by_row(x, mask):
    keep = mask.bool()
    n = keep.sum(1, keepdim=True).clamp(min=1)
    mean = x.masked_fill(~keep, 0.0).sum(1, keepdim=True) / n
    deviation = (x - mean).masked_fill(~keep, 0.0)
    return deviation / torch.sqrt(deviation.square().sum(1, keepdim=True) / n + 1e-8)


@misconception(
    "whiten",
    "The variance is mean(x^2) - mean^2. With a large offset its digits cancel: average the "
    "squared deviations.",
)
def whiten_by_moments(x, mask):
    keep = mask.bool()
    n = keep.sum().clamp(min=1)
    kept = x.masked_fill(~keep, 0.0)
    mean = kept.sum() / n
    variance = kept.square().sum() / n - mean.square()
    deviation = (x - mean).masked_fill(~keep, 0.0)
    return deviation / torch.sqrt(variance.clamp(min=0) + 1e-8)


@misconception(
    "whiten",
    "You multiply by the mask. Where it hides inf or nan, 0 * inf is nan: select or fill instead.",
)
def whiten_times_mask(x, mask):
    weight = mask.to(x.dtype)
    n = weight.sum().clamp(min=1)
    deviation = (x - (x * weight).sum() / n) * weight
    return deviation / torch.sqrt(deviation.square().sum() / n + 1e-8)


@misconception("whiten", "Entries outside the mask are shifted and scaled too; they become 0.")
def whiten_leaves_the_rest(x, mask):
    deviation, n, keep = _centred(x, mask)
    mean = x.masked_fill(~keep, 0.0).sum() / n
    return (x - mean) / torch.sqrt(deviation.square().sum() / n + 1e-8)


@misconception(
    "whiten",
    "The mean and the variance are detached. They depend on x, and the gradient has to know.",
)
def whiten_with_constant_statistics(x, mask):
    deviation, n, keep = _centred(x, mask)
    mean = x.masked_fill(~keep, 0.0).sum() / n
    scale = torch.sqrt(deviation.square().sum() / n + 1e-8).detach()
    return (x - mean.detach()).masked_fill(~keep, 0.0) / scale


# --- value_loss -------------------------------------------------------------------------------


def _errors(values, old_values, returns, mask, epsilon):
    v, old, target = _tokens(mask, values, old_values.detach(), returns.detach())
    clipped = v.clamp(old - epsilon, old + epsilon)
    return (v - target).square(), (clipped - target).square()


@misconception("value_loss", "The half in front is missing.")
def value_without_half(values, old_values, returns, mask, epsilon=0.2):
    return _mean(torch.maximum(*_errors(values, old_values, returns, mask, epsilon)), mask)


@misconception(
    "value_loss",
    "You take the smaller error. It is a loss: to be pessimistic is to take the larger.",
)
def value_smaller_error(values, old_values, returns, mask, epsilon=0.2):
    return _mean(torch.minimum(*_errors(values, old_values, returns, mask, epsilon)), mask) / 2


@misconception("value_loss", "Nothing is clipped: this is the plain squared error.")
def value_without_clip(values, old_values, returns, mask, epsilon=0.2):
    return _mean(_errors(values, old_values, returns, mask, epsilon)[0], mask) / 2


@misconception("value_loss", "Only the clipped error counts. It is the larger of the two.")
def value_clipped_alone(values, old_values, returns, mask, epsilon=0.2):
    return _mean(_errors(values, old_values, returns, mask, epsilon)[1], mask) / 2


@misconception(
    "value_loss",
    "The range is 1 - epsilon to 1 + epsilon, as for a ratio. Values move around their old one: "
    "old - epsilon to old + epsilon.",
)
def value_clipped_like_a_ratio(values, old_values, returns, mask, epsilon=0.2):
    v, _, target = _tokens(mask, values, old_values.detach(), returns.detach())
    clipped = v.clamp(1 - epsilon, 1 + epsilon)
    return _mean(torch.maximum((v - target).square(), (clipped - target).square()), mask) / 2


@misconception(
    "value_loss",
    "You average each row and then the rows. Every token of the batch weighs the same: one mean "
    "over all of them.",
)
def value_mean_of_row_means(values, old_values, returns, mask, epsilon=0.2):
    errors = torch.maximum(*_errors(values, old_values, returns, mask, epsilon))
    kept = errors.masked_fill(~mask.bool(), 0.0)
    return (kept.sum(1) / mask.bool().sum(1).clamp(min=1)).mean() / 2


@misconception("value_loss", "The square is missing: the error counts squared.")
def value_absolute(values, old_values, returns, mask, epsilon=0.2):
    plain, clipped = _errors(values, old_values, returns, mask, epsilon)
    return _mean(torch.maximum(plain, clipped).sqrt(), mask) / 2


@misconception(
    "value_loss",
    "You average over all positions. The mean runs over response tokens: divide by their number.",
)
def value_mean_over_everything(values, old_values, returns, mask, epsilon=0.2):
    errors = torch.maximum(*_errors(values, old_values, returns, mask, epsilon))
    return errors.masked_fill(~mask.bool(), 0.0).mean() / 2


@misconception(
    "value_loss",
    "You multiply by the mask. Where it hides inf or nan, 0 * inf is nan: select or fill instead.",
)
def value_times_mask(values, old_values, returns, mask, epsilon=0.2):
    clipped = values.clamp(old_values - epsilon, old_values + epsilon)
    errors = torch.maximum((values - returns).square(), (clipped - returns).square())
    weight = mask.to(errors.dtype)
    return 0.5 * (errors * weight).sum() / weight.sum().clamp(min=1)


# --- adaptive_kl_coefficient ------------------------------------------------------------------


def _paces(target, horizon):
    if target <= 0:
        raise ValueError(f"target must be above 0, got {target}")
    if horizon <= 0:
        raise ValueError(f"horizon must be above 0, got {horizon}")


def _fifth(error):
    return min(max(error, -0.2), 0.2)


@misconception(
    "adaptive_kl_coefficient",
    "The sign is flipped: a KL above the target has to raise beta, or the policy strays further.",
)
def steers_away(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta * (1 - _fifth(kl / target - 1) * n_steps / horizon)


@misconception("adaptive_kl_coefficient", "The error is not clipped to +-0.2.")
def steers_without_clip(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta * (1 + (kl / target - 1) * n_steps / horizon)


@misconception(
    "adaptive_kl_coefficient", "The error is relative: kl / target - 1, not kl - target."
)
def absolute_error(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta * (1 + _fifth(kl - target) * n_steps / horizon)


@misconception("adaptive_kl_coefficient", "n_steps / horizon is upside down.")
def pace_upside_down(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta * (1 + _fifth(kl / target - 1) * horizon / max(n_steps, 1e-9))


@misconception("adaptive_kl_coefficient", "The pace is missing: n_steps / horizon.")
def without_pace(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta * (1 + _fifth(kl / target - 1))


@misconception(
    "adaptive_kl_coefficient", "You add the correction. beta is multiplied by 1 + correction."
)
def adds_the_correction(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta + _fifth(kl / target - 1) * n_steps / horizon


@misconception(
    "adaptive_kl_coefficient",
    "You clip the whole factor. The error is clipped, before the pace.",
)
def clips_after_the_pace(beta, kl, target, horizon, n_steps):
    _paces(target, horizon)
    return beta * (1 + _fifth((kl / target - 1) * n_steps / horizon))
