"""Misunderstandings of overoptimization and its mitigations, each as the code it leads to."""

import math

import numpy as np

from assay.misconceptions import misconception

# --- best_of_n_kl ---------------------------------------------------------------------------------


def _checked_n(n):
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")


@misconception(
    "best_of_n_kl",
    "You stop at log n. That is the log-ratio of the very best response alone; averaged over "
    "what is picked, (n − 1)/n comes off.",
)
def kl_is_log_n(n):
    _checked_n(n)
    return math.log(n)


@misconception("best_of_n_kl", "(n − 1)/n is subtracted from log n, not added.")
def kl_adds_the_fraction(n):
    _checked_n(n)
    return math.log(n) + (n - 1) / n


@misconception("best_of_n_kl", "You take off 1. The fraction is (n − 1)/n, which is 0 for n = 1.")
def kl_takes_off_one(n):
    _checked_n(n)
    return math.log(n) - 1


@misconception("best_of_n_kl", "The brackets are missing: n − 1/n is not (n − 1)/n.")
def kl_without_brackets(n):
    _checked_n(n)
    return math.log(n) - (n - 1 / n)


@misconception(
    "best_of_n_kl", "The logarithm is the natural one (nats), not that to base 2 (bits)."
)
def kl_in_bits(n):
    _checked_n(n)
    return math.log2(n) - (n - 1) / n


@misconception("best_of_n_kl", "You divide by n − 1; the fraction is (n − 1)/n.")
def kl_with_fraction_upside_down(n):
    _checked_n(n)
    return math.log(n) - n / (n - 1) if n > 1 else 0.0


@misconception(
    "best_of_n_kl",
    "n below 1 is not refused on purpose: check it first, with a message that names n.",
)
def kl_without_a_check(n):
    return math.log(n) - (n - 1) / n


# --- gold_reward ----------------------------------------------------------------------------------


def _checked_curve(kl, kind):
    if kind not in ("bon", "rl"):
        raise ValueError(f"unknown kind {kind}")
    if np.any(np.asarray(kl) < 0):
        raise ValueError("kl must be at least 0")


def _log(d):
    """log d, and 0 at d = 0, where the factor d makes it irrelevant."""
    return np.log(np.where(np.asarray(d) > 0, d, 1.0))


@misconception("gold_reward", "You use the KL itself. d is its square root.")
def gold_in_kl(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = kl * 1.0
    return d * (alpha - beta * (d if kind == "bon" else _log(d)))


@misconception(
    "gold_reward",
    "At kl = 0 the logarithm is −∞ and the product nan. The curve starts at 0: treat d = 0 apart.",
)
def gold_with_nan_at_zero(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    with np.errstate(divide="ignore", invalid="ignore"):
        return d * (alpha - beta * (d if kind == "bon" else np.log(d)))


@misconception("gold_reward", 'The two kinds are swapped: the logarithm belongs to "rl".')
def gold_with_kinds_swapped(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return d * (alpha - beta * (d if kind == "rl" else _log(d)))


@misconception("gold_reward", 'kind is not looked at: "rl" has log d in the place of the second d.')
def gold_without_kind(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return d * (alpha - beta * d)


@misconception("gold_reward", "The logarithm is taken of the KL. It is log d, half of that.")
def gold_with_log_of_kl(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return d * (alpha - beta * (d if kind == "bon" else 2 * _log(d)))


@misconception("gold_reward", "The factor d in front is missing: d · (α − …).")
def gold_without_the_factor(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return np.where(d > 0, alpha - beta * (d if kind == "bon" else _log(d)), 0.0)


@misconception("gold_reward", "Over-optimisation costs: β's part is subtracted, not added.")
def gold_with_plus(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return d * (alpha + beta * (d if kind == "bon" else _log(d)))


@misconception("gold_reward", "You use log(1 + d) to avoid trouble at 0; that is another curve.")
def gold_with_log1p(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return d * (alpha - beta * (d if kind == "bon" else np.log1p(d)))


@misconception(
    "gold_reward", "A negative gold reward is cut off at 0. It really falls below the start."
)
def gold_cut_at_zero(kl, alpha, beta, kind):
    _checked_curve(kl, kind)
    d = np.sqrt(kl)
    return np.maximum(d * (alpha - beta * (d if kind == "bon" else _log(d))), 0.0)


@misconception(
    "gold_reward",
    "A negative kl is not refused: NumPy's square root of it is nan, without an error.",
)
def gold_of_negative_kl(kl, alpha, beta, kind):
    _checked_curve(0.0, kind)
    with np.errstate(invalid="ignore"):
        d = np.sqrt(kl)
    return d * (alpha - beta * (d if kind == "bon" else _log(d)))


@misconception("gold_reward", 'An unknown kind is taken for "rl": refuse it with a ValueError.')
def gold_of_any_kind(kl, alpha, beta, kind):
    _checked_curve(kl, "rl")
    d = np.sqrt(kl)
    return d * (alpha - beta * (d if kind == "bon" else _log(d)))


# --- peak_kl --------------------------------------------------------------------------------------


def _checked_peak(alpha, beta, kind):
    if alpha <= 0:
        raise ValueError("alpha must be positive")
    if beta <= 0:
        raise ValueError("beta must be positive")
    if kind not in ("bon", "rl"):
        raise ValueError("unknown kind")


@misconception("peak_kl", "That is the d of the peak. The KL is its square.")
def peak_as_d(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return alpha / (2 * beta) if kind == "bon" else math.exp(alpha / beta - 1)


@misconception("peak_kl", 'For "bon" the 2 is missing: the slope of β · d² is 2β · d.')
def peak_without_two(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return (alpha / beta) ** 2 if kind == "bon" else math.exp(alpha / beta - 1) ** 2


@misconception(
    "peak_kl",
    'For "rl" the −1 is missing: d · log d has the slope log d + 1, from the product rule.',
)
def peak_without_product_rule(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return (alpha / (2 * beta)) ** 2 if kind == "bon" else math.exp(alpha / beta) ** 2


@misconception("peak_kl", 'The two kinds are swapped: the exponential belongs to "rl".')
def peak_with_kinds_swapped(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return (alpha / (2 * beta)) ** 2 if kind == "rl" else math.exp(alpha / beta - 1) ** 2


@misconception("peak_kl", "α and β are the wrong way round: a larger β moves the peak closer.")
def peak_with_ratio_upside_down(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return (beta / (2 * alpha)) ** 2 if kind == "bon" else math.exp(beta / alpha - 1) ** 2


@misconception("peak_kl", "That is the gold reward at the peak, not the KL at which it is reached.")
def peak_height(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return alpha**2 / (4 * beta) if kind == "bon" else beta * math.exp(alpha / beta - 1)


@misconception("peak_kl", "α/2β in Python multiplies by β: write alpha / (2 * beta).")
def peak_without_brackets(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return (alpha / 2 * beta) ** 2 if kind == "bon" else math.exp(alpha / beta - 1) ** 2


@misconception("peak_kl", 'For "rl" the square is missing; the KL is d².')
def peak_without_square_for_rl(alpha, beta, kind):
    _checked_peak(alpha, beta, kind)
    return (alpha / (2 * beta)) ** 2 if kind == "bon" else math.exp(alpha / beta - 1)


@misconception(
    "peak_kl", "alpha <= 0 is not refused: then gold falls from the start, without a peak."
)
def peak_of_any_alpha(alpha, beta, kind):
    _checked_peak(1.0, beta, kind)
    return (alpha / (2 * beta)) ** 2 if kind == "bon" else math.exp(alpha / beta - 1) ** 2


# --- optimize_proxy -------------------------------------------------------------------------------


def _checked_problem(base_probs, proxy, gold, betas):
    if not len(base_probs) == len(proxy) == len(gold) or len(gold) == 0:
        raise ValueError("base_probs, proxy and gold must be of one length, and not empty")
    if np.any(betas <= 0):
        raise ValueError("betas must be positive")


def _log_base(base_probs):
    return np.log(np.where(base_probs > 0, base_probs, 1.0))


def _tilt(base_probs, reward):
    """The tilt by a reward that is scaled already, stable."""
    exponent = np.where(base_probs > 0, _log_base(base_probs) + reward, -np.inf)
    weights = np.exp(exponent - exponent.max())
    return weights / weights.sum()


def _kl(p, q):
    ratio = np.log(np.where(p > 0, p, 1.0)) - np.log(np.where(p > 0, q, 1.0))
    return np.sum(p * ratio)


def _along(base_probs, proxy, gold, betas, tilt, kl=_kl, proxy_of=None):
    """The three curves for policies that `tilt(beta)` gives."""
    _checked_problem(base_probs, proxy, gold, betas)
    policies = [tilt(beta) for beta in betas]
    shown = proxy if proxy_of is None else proxy_of
    return (
        np.array([kl(p, base_probs) for p in policies]),
        np.array([p @ shown for p in policies]),
        np.array([p @ gold for p in policies]),
    )


@misconception(
    "optimize_proxy",
    "The reward is multiplied by β. It is divided by it: a large β keeps the policy at the base.",
)
def tilts_by_product(base_probs, proxy, gold, betas):
    return _along(base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, beta * proxy))


@misconception(
    "optimize_proxy",
    "The base policy is forgotten: p is base · exp(proxy/β), not a softmax of proxy/β.",
)
def forgets_the_base(base_probs, proxy, gold, betas):
    possible = (base_probs > 0).astype(float)
    return _along(base_probs, proxy, gold, betas, lambda beta: _tilt(possible, proxy / beta))


@misconception("optimize_proxy", "The KL is the wrong way round: it is KL(tilted ‖ base).")
def measures_reverse_kl(base_probs, proxy, gold, betas):
    def reverse(p, q):
        return _kl(q, np.maximum(p, 1e-300))

    return _along(
        base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, proxy / beta), reverse
    )


@misconception(
    "optimize_proxy",
    "You tilt by gold. The optimiser sees the proxy only; gold is looked up afterwards.",
)
def tilts_by_gold(base_probs, proxy, gold, betas):
    return _along(base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, gold / beta))


@misconception("optimize_proxy", "β is not used in the tilt.")
def tilts_without_beta(base_probs, proxy, gold, betas):
    return _along(base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, proxy))


@misconception(
    "optimize_proxy",
    "exp(proxy/β) overflows where proxy/β is large: work with logs and subtract the largest first.",
)
def tilts_with_overflow(base_probs, proxy, gold, betas):
    def tilt(beta):
        weights = base_probs * np.exp(proxy / beta)
        return weights / weights.sum()

    with np.errstate(all="ignore"):
        return _along(base_probs, proxy, gold, betas, tilt)


@misconception(
    "optimize_proxy",
    "The largest proxy is subtracted also where its base probability is 0. All other weights then "
    "underflow: look for the largest among possible responses.",
)
def shifts_by_an_impossible_response(base_probs, proxy, gold, betas):
    def tilt(beta):
        weights = base_probs * np.exp((proxy - proxy.max()) / beta)
        return weights / weights.sum()

    with np.errstate(all="ignore"):
        return _along(base_probs, proxy, gold, betas, tilt)


@misconception(
    "optimize_proxy",
    "A base probability of 0 makes the KL nan (0 · log 0). Such a response adds nothing: leave "
    "it out.",
)
def meets_log_of_zero(base_probs, proxy, gold, betas):
    def kl(p, q):
        return np.sum(p * (np.log(p) - np.log(q)))

    with np.errstate(all="ignore"):
        return _along(
            base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, proxy / beta), kl
        )


@misconception(
    "optimize_proxy", "The tilted weights are not normalised: divide them by their sum Z."
)
def forgets_to_normalise(base_probs, proxy, gold, betas):
    with np.errstate(all="ignore"):
        return _along(
            base_probs, proxy, gold, betas, lambda beta: base_probs * np.exp(proxy / beta)
        )


@misconception(
    "optimize_proxy",
    "You return the penalised objective E[proxy] − β · KL. Return E[proxy] itself.",
)
def returns_the_objective(base_probs, proxy, gold, betas):
    kl, expected, expected_gold = _along(
        base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, proxy / beta)
    )
    return kl, expected - betas * kl, expected_gold


@misconception(
    "optimize_proxy",
    "The results are sorted by β. They belong in the order in which the betas came.",
)
def sorts_the_betas(base_probs, proxy, gold, betas):
    ordered = np.sort(betas)[::-1]
    return _along(base_probs, proxy, gold, ordered, lambda beta: _tilt(base_probs, proxy / beta))


@misconception(
    "optimize_proxy",
    "Each β tilts the policy of the β before. Every tilt starts from the base policy afresh.",
)
def tilts_again_and_again(base_probs, proxy, gold, betas):
    policy = [base_probs]

    def tilt(beta):
        policy.append(_tilt(policy[-1], proxy / beta))
        return policy[-1]

    return _along(base_probs, proxy, gold, betas, tilt)


@misconception("optimize_proxy", "The three results come in the order (kl, proxy, gold).")
def returns_another_order(base_probs, proxy, gold, betas):
    kl, expected, expected_gold = _along(
        base_probs, proxy, gold, betas, lambda beta: _tilt(base_probs, proxy / beta)
    )
    return kl, expected_gold, expected


# --- overoptimization_step ------------------------------------------------------------------------


def _checked_run(proxy, gold):
    if len(proxy) != len(gold) or len(gold) == 0:
        raise ValueError("proxy and gold must be of one length, and not empty")


@misconception(
    "overoptimization_step",
    "You look for the first fall of gold. A dip on the way is harmless: find gold's best, and "
    "look at the end.",
)
def finds_the_first_fall(proxy, gold):
    _checked_run(proxy, gold)
    for t in range(len(gold) - 1):
        if gold[t + 1] < gold[t] and proxy[t + 1] > proxy[t]:
            return t
    return None


@misconception(
    "overoptimization_step", "Of several best steps you take the last. The first counts."
)
def takes_the_last_best(proxy, gold):
    _checked_run(proxy, gold)
    best = len(gold) - 1 - int(np.argmax(gold[::-1]))
    return best if gold[-1] < gold[best] and proxy[-1] > proxy[best] else None


@misconception(
    "overoptimization_step",
    "The proxy is not looked at. If it fell as well, training went badly; nothing was fooled.",
)
def ignores_the_proxy(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(gold))
    return best if gold[-1] < gold[best] else None


@misconception(
    "overoptimization_step",
    "The best step is always returned. Where gold is best at the end there was no "
    "overoptimization: None.",
)
def always_has_a_step(proxy, gold):
    _checked_run(proxy, gold)
    return int(np.argmax(gold))


@misconception(
    "overoptimization_step",
    "`if t` takes step 0 for nothing found. Step 0 is a step: compare with None.",
)
def takes_step_zero_for_none(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(gold))
    return best if best and gold[-1] < gold[best] and proxy[-1] > proxy[best] else None


@misconception(
    "overoptimization_step",
    "The roles are swapped: the best step is that of gold, not of the proxy.",
)
def follows_the_proxy(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(proxy))
    return best if gold[-1] < gold[best] else None


@misconception(
    "overoptimization_step",
    "The proxy has to end strictly higher; an equal proxy is no sign of fooling.",
)
def accepts_an_equal_proxy(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(gold))
    return best if gold[-1] < gold[best] and proxy[-1] >= proxy[best] else None


@misconception(
    "overoptimization_step",
    "Only the step after the best one is looked at. Compare with the last step.",
)
def looks_one_step_ahead(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(gold))
    after = min(best + 1, len(gold) - 1)
    return best if gold[after] < gold[best] and proxy[after] > proxy[best] else None


@misconception("overoptimization_step", "Steps are counted from 0.")
def counts_from_one(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(gold))
    return best + 1 if gold[-1] < gold[best] and proxy[-1] > proxy[best] else None


@misconception(
    "overoptimization_step",
    "The proxy has to be at its highest at the end in your version. It only has to be higher "
    "than at t.",
)
def wants_the_proxy_at_its_best(proxy, gold):
    _checked_run(proxy, gold)
    best = int(np.argmax(gold))
    highest = proxy[-1] >= proxy.max() and proxy[-1] > proxy[best]
    return best if gold[-1] < gold[best] and highest else None


# --- ensemble_reward ------------------------------------------------------------------------------


def _checked_ensemble(rewards, method):
    if len(rewards) == 0:
        raise ValueError("rewards has no members")
    if method not in ("mean", "worst", "uncertainty"):
        raise ValueError(f"unknown method {method}")


def _ensemble(rewards, method, penalty, axis=0, worst=np.min, spread=np.var):
    _checked_ensemble(rewards, method)
    if method == "worst":
        return worst(rewards, axis=axis)
    mean = rewards.mean(axis=axis)
    return mean if method == "mean" else mean - penalty * spread(rewards, axis=axis)


@misconception(
    "ensemble_reward",
    "You combine along the wrong axis. Rows are members, columns responses: combine over the rows.",
)
def combines_the_responses(rewards, method="mean", penalty=0.0):
    return _ensemble(rewards, method, penalty, axis=1)


@misconception(
    "ensemble_reward", "The variance is divided by K − 1. Here it is the biased one, divided by K."
)
def uses_unbiased_variance(rewards, method="mean", penalty=0.0):
    def unbiased(x, axis):
        return np.var(x, axis=axis, ddof=1) if len(x) > 1 else np.full(x.shape[1], np.nan)

    return _ensemble(rewards, method, penalty, spread=unbiased)


@misconception(
    "ensemble_reward", "You charge for the standard deviation. It is the variance, its square."
)
def charges_for_the_deviation(rewards, method="mean", penalty=0.0):
    return _ensemble(rewards, method, penalty, spread=np.std)


@misconception(
    "ensemble_reward",
    "The penalty is added. Disagreement should make a response less attractive: subtract.",
)
def rewards_disagreement(rewards, method="mean", penalty=0.0):
    return _ensemble(rewards, method, -penalty)


@misconception("ensemble_reward", '"worst" is the lowest opinion; you take the highest.')
def takes_the_best_opinion(rewards, method="mean", penalty=0.0):
    return _ensemble(rewards, method, penalty, worst=np.max)


@misconception(
    "ensemble_reward",
    '"worst" picks one member for all responses. Each response has its own lowest opinion.',
)
def trusts_the_grimmest_member(rewards, method="mean", penalty=0.0):
    def grimmest(x, axis):
        return x[x.mean(axis=1).argmin()]

    return _ensemble(rewards, method, penalty, worst=grimmest)


@misconception(
    "ensemble_reward",
    "mean(r²) − mean(r)² loses all digits where the rewards are large. Subtract the mean first, "
    "then square.",
)
def cancels_in_the_variance(rewards, method="mean", penalty=0.0):
    def naive(x, axis):
        return (x**2).mean(axis=axis) - x.mean(axis=axis) ** 2

    return _ensemble(rewards, method, penalty, spread=naive)


@misconception("ensemble_reward", "The penalty is not used: it multiplies the variance.")
def ignores_the_penalty(rewards, method="mean", penalty=0.0):
    return _ensemble(rewards, method, 1.0)


@misconception(
    "ensemble_reward", 'An unknown method is taken for "uncertainty": refuse it with a ValueError.'
)
def takes_any_method(rewards, method="mean", penalty=0.0):
    known = method if method in ("mean", "worst") else "uncertainty"
    return _ensemble(rewards, known, penalty)


@misconception(
    "ensemble_reward",
    'The penalty is charged for "mean" and "worst" as well; it belongs to "uncertainty".',
)
def always_charges(rewards, method="mean", penalty=0.0):
    return _ensemble(rewards, method, 0.0) - penalty * rewards.var(axis=0)


# --- length_normalized_reward ---------------------------------------------------------------------


def _checked_lengths(reward, lengths):
    if len(reward) != len(lengths):
        raise ValueError("reward and lengths must be of one length")
    if np.any(lengths < 1):
        raise ValueError("lengths must be at least 1")


@misconception("length_normalized_reward", "You multiply by the length. Per token means divide.")
def multiplies_by_length(reward, lengths):
    _checked_lengths(reward, lengths)
    return reward * lengths


@misconception(
    "length_normalized_reward",
    "You divide by the mean length. Each response has a length of its own.",
)
def divides_by_the_mean_length(reward, lengths):
    _checked_lengths(reward, lengths)
    return reward / lengths.mean()


@misconception("length_normalized_reward", "// rounds down to a whole number: divide with /.")
def divides_in_whole_numbers(reward, lengths):
    _checked_lengths(reward, lengths)
    return reward // lengths


@misconception(
    "length_normalized_reward",
    "A length of 0 is not refused: NumPy divides by it without an error. Check before you divide.",
)
def divides_by_zero(reward, lengths):
    if len(reward) != len(lengths):
        raise ValueError("reward and lengths must be of one length")
    with np.errstate(all="ignore"):
        return reward / lengths


@misconception(
    "length_normalized_reward",
    "A length below 1 is quietly raised to 1. It is a mistake of the caller: raise ValueError.",
)
def repairs_the_length(reward, lengths):
    if len(reward) != len(lengths):
        raise ValueError("reward and lengths must be of one length")
    return reward / np.maximum(lengths, 1)


@misconception(
    "length_normalized_reward",
    "You divide by the length plus one, to be safe. Lengths below 1 are refused, so no guard is "
    "needed.",
)
def divides_by_length_plus_one(reward, lengths):
    _checked_lengths(reward, lengths)
    return reward / (lengths + 1)


@misconception(
    "length_normalized_reward",
    "You take off a price per token. Per-token reward is a ratio: divide by the length.",
)
def subtracts_the_length(reward, lengths):
    _checked_lengths(reward, lengths)
    return reward - lengths


@misconception(
    "length_normalized_reward",
    "Unequal lengths are not refused: NumPy stretches a single number to fit. Compare the "
    "lengths first.",
)
def stretches_to_fit(reward, lengths):
    if np.any(lengths < 1):
        raise ValueError("lengths must be at least 1")
    return reward / lengths


# --- remove_length_bias ---------------------------------------------------------------------------


def _checked_responses(rewards, lengths):
    if len(rewards) != len(lengths) or len(rewards) == 0:
        raise ValueError("rewards and lengths must be of one length, and not empty")


def _slope(rewards, lengths):
    longer = lengths - lengths.mean()
    total = longer @ longer
    return 0.0 if total == 0 else longer @ (rewards - rewards.mean()) / total


@misconception(
    "remove_length_bias",
    "The mean reward is not put back: the residuals have mean 0, the result has the mean of the "
    "rewards.",
)
def leaves_the_residuals(rewards, lengths):
    _checked_responses(rewards, lengths)
    if np.ptp(lengths) == 0:
        return rewards.copy()
    return rewards - rewards.mean() - _slope(rewards, lengths) * (lengths - lengths.mean())


@misconception(
    "remove_length_bias",
    "The line goes through the origin. A least-squares line has an intercept: centre both first.",
)
def fits_through_the_origin(rewards, lengths):
    _checked_responses(rewards, lengths)
    if np.ptp(lengths) == 0:
        return rewards.copy()
    fitted = (lengths @ rewards) / (lengths @ lengths) * lengths
    return rewards - fitted + rewards.mean()


@misconception(
    "remove_length_bias",
    "You take off slope · length without centring the lengths, so that the mean reward is lost.",
)
def forgets_to_centre(rewards, lengths):
    _checked_responses(rewards, lengths)
    return rewards - _slope(rewards, lengths) * lengths if np.ptp(lengths) else rewards.copy()


@misconception(
    "remove_length_bias", "The line is the wrong way round: fit the reward on the length."
)
def fits_length_on_reward(rewards, lengths):
    _checked_responses(rewards, lengths)
    if np.ptp(lengths) == 0:
        return rewards.copy()
    return rewards - _slope(lengths, rewards) * (lengths - lengths.mean())


@misconception("remove_length_bias", "You return the line. Wanted is what the line leaves over.")
def returns_the_line(rewards, lengths):
    _checked_responses(rewards, lengths)
    if np.ptp(lengths) == 0:
        return rewards.copy()
    return rewards.mean() + _slope(rewards, lengths) * (lengths - lengths.mean())


@misconception(
    "remove_length_bias", "You divide by the length. Here a line is taken off, and the scale stays."
)
def divides_by_length(rewards, lengths):
    _checked_responses(rewards, lengths)
    if np.ptp(lengths) == 0:
        return rewards.copy()
    return rewards / lengths * lengths.mean()


@misconception(
    "remove_length_bias",
    "Where all lengths are equal, the slope is 0/0 and everything nan. Return the rewards then.",
)
def divides_zero_by_zero(rewards, lengths):
    _checked_responses(rewards, lengths)
    longer = lengths - lengths.mean()
    with np.errstate(all="ignore"):
        slope = np.float64(longer @ (rewards - rewards.mean())) / (longer @ longer)
    return rewards - slope * longer


@misconception(
    "remove_length_bias", "The line is added, not taken off: the bias is now twice as large."
)
def adds_the_line(rewards, lengths):
    _checked_responses(rewards, lengths)
    return rewards + _slope(rewards, lengths) * (lengths - lengths.mean())


@misconception(
    "remove_length_bias",
    "The slope is a correlation. It has to be divided by the variance of the lengths, not by the "
    "two standard deviations.",
)
def uses_the_correlation(rewards, lengths):
    _checked_responses(rewards, lengths)
    longer, better = lengths - lengths.mean(), rewards - rewards.mean()
    norm = math.sqrt((longer @ longer) * (better @ better))
    return rewards - (longer @ better / norm if norm else 0.0) * longer


@misconception(
    "remove_length_bias",
    "np.cov divides by N − 1 and np.var by N: the slope needs the same divisor in both.",
)
def mixes_divisors(rewards, lengths):
    _checked_responses(rewards, lengths)
    share = len(rewards) / max(len(rewards) - 1, 1)
    return rewards - share * _slope(rewards, lengths) * (lengths - lengths.mean())


# --- find_exploits --------------------------------------------------------------------------------


def _checked_search(proxy, gold, k):
    if len(proxy) != len(gold):
        raise ValueError("proxy and gold must be of one length")
    if k < 0 or k > len(proxy):
        raise ValueError("k is out of range")


@misconception(
    "find_exploits",
    "Reversing an ascending sort puts the later of equals first. Sort by the negative gap, stably.",
)
def reverses_a_sort(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return np.argsort(proxy - gold, kind="stable")[::-1][:k].tolist()


@misconception(
    "find_exploits", "The gap is the wrong way round: an exploit has a high proxy and a low gold."
)
def finds_the_underrated(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return np.argsort(proxy - gold, kind="stable")[:k].tolist()


@misconception(
    "find_exploits",
    "You look at the size of the gap. An underrated response is no exploit: keep the sign.",
)
def ignores_the_sign(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return np.argsort(-np.abs(proxy - gold), kind="stable")[:k].tolist()


@misconception("find_exploits", "You take the highest proxies. What matters is proxy minus gold.")
def finds_the_highest_proxy(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return np.argsort(-proxy, kind="stable")[:k].tolist()


@misconception(
    "find_exploits", "[-k:] takes everything where k is 0. Sort downwards and take [:k]."
)
def slices_from_the_end(proxy, gold, k):
    _checked_search(proxy, gold, k)
    upwards = np.argsort((gold - proxy)[::-1], kind="stable")[::-1]
    return (len(proxy) - 1 - upwards)[-k:][::-1].tolist()


@misconception(
    "find_exploits", "The exploits come in the order of their indices. The largest gap goes first."
)
def sorts_by_index(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return sorted(np.argsort(gold - proxy, kind="stable")[:k].tolist())


@misconception(
    "find_exploits",
    "The sort is not stable: NumPy's default mixes up equal gaps once there are many. Give "
    'kind="stable".',
)
def sorts_unstably(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return np.argsort(gold - proxy)[:k].tolist()


@misconception("find_exploits", "You return the gaps. Wanted are the indices of the responses.")
def returns_the_gaps(proxy, gold, k):
    _checked_search(proxy, gold, k)
    return sorted((proxy - gold).tolist(), reverse=True)[:k]


@misconception(
    "find_exploits",
    "A k out of range is not refused: a slice just gives what there is. Check it first.",
)
def takes_any_k(proxy, gold, k):
    _checked_search(proxy, gold, 0)
    return np.argsort(gold - proxy, kind="stable")[:k].tolist()


@misconception("find_exploits", "You divide proxy by gold. The gap is a difference.")
def takes_a_ratio(proxy, gold, k):
    _checked_search(proxy, gold, k)
    with np.errstate(all="ignore"):
        return np.argsort(-(proxy / gold), kind="stable")[:k].tolist()


# --- refresh_reward_model -------------------------------------------------------------------------


@misconception(
    "refresh_reward_model",
    "The reward model is fitted on the newest labels alone, and forgets the rest. Keep all of "
    "them.",
)
def forgets_old_labels(policy, rounds, sample, label, fit, optimize):
    for _ in range(rounds):
        policy = optimize(policy, fit(list(label(sample(policy)))))
    return policy


@misconception(
    "refresh_reward_model",
    "Samples are drawn from the first policy for ever. Sample from the newest: that is the point.",
)
def samples_from_the_start(policy, rounds, sample, label, fit, optimize):
    first, labelled = policy, []
    for _ in range(rounds):
        labelled = labelled + label(sample(first))
        policy = optimize(policy, fit(labelled))
    return policy


@misconception(
    "refresh_reward_model",
    "Every round optimises the first policy again. Go on from the policy of the round before.",
)
def optimises_from_the_start(policy, rounds, sample, label, fit, optimize):
    first, labelled = policy, []
    for _ in range(rounds):
        labelled = labelled + label(sample(policy))
        policy = optimize(first, fit(labelled))
    return policy


@misconception(
    "refresh_reward_model",
    "The labels are kept as a list of lists, one for each round. fit wants one flat list of "
    "examples.",
)
def nests_the_labels(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds):
        labelled = [*labelled, label(sample(policy))]
        policy = optimize(policy, fit(labelled))
    return policy


@misconception("refresh_reward_model", "The newest labels come first. fit wants the oldest first.")
def puts_the_newest_first(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds):
        labelled = label(sample(policy)) + labelled
        policy = optimize(policy, fit(labelled))
    return policy


@misconception(
    "refresh_reward_model",
    "You extend the very list that label returned, which belongs to the labeller. Start a list "
    "of your own.",
)
def extends_the_labellers_list(policy, rounds, sample, label, fit, optimize):
    labelled = None
    for _ in range(rounds):
        new = label(sample(policy))
        if labelled is None:
            labelled = new
        else:
            labelled.extend(new)
        policy = optimize(policy, fit(labelled))
    return policy


@misconception(
    "refresh_reward_model",
    "The reward model is fitted once, in the first round. It has to be fitted again in every "
    "round.",
)
def fits_once(policy, rounds, sample, label, fit, optimize):
    reward = fit(list(label(sample(policy)))) if rounds else None
    for _ in range(rounds):
        policy = optimize(policy, reward)
    return policy


@misconception("refresh_reward_model", "The loop runs one round too many.")
def runs_one_round_too_many(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds + 1):
        labelled = labelled + label(sample(policy))
        policy = optimize(policy, fit(labelled))
    return policy


@misconception(
    "refresh_reward_model",
    "An `or` or `if` takes a policy such as 0 for no policy. Any object may be a policy: don't "
    "test it.",
)
def distrusts_false_values(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds):
        labelled = labelled + label(sample(policy))
        policy = optimize(policy, fit(labelled)) or policy
    return policy


@misconception(
    "refresh_reward_model", "You return the last reward model. Wanted is the last policy."
)
def returns_the_reward(policy, rounds, sample, label, fit, optimize):
    labelled, reward = [], policy
    for _ in range(rounds):
        labelled = labelled + label(sample(policy))
        reward = fit(labelled)
        policy = optimize(policy, reward)
    return reward


@misconception(
    "refresh_reward_model",
    "All rounds are labelled and fitted, but the policy is optimised only at the end.",
)
def optimises_at_the_end(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds):
        labelled = labelled + label(sample(policy))
        reward = fit(labelled)
    return optimize(policy, reward) if rounds else policy


@misconception(
    "refresh_reward_model",
    "A round without labels is skipped. It is a round: fit on what there is, and optimise.",
)
def skips_rounds_without_labels(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds):
        new = label(sample(policy))
        if not new:
            continue
        labelled = labelled + new
        policy = optimize(policy, fit(labelled))
    return policy


@misconception(
    "refresh_reward_model",
    "An exception of a stage is swallowed. Let it pass, so that the caller learns what failed.",
)
def swallows_exceptions(policy, rounds, sample, label, fit, optimize):
    labelled = []
    for _ in range(rounds):
        try:
            labelled = labelled + label(sample(policy))
            policy = optimize(policy, fit(labelled))
        except Exception:
            break
    return policy
