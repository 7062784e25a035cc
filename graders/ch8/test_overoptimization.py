"""What is true of overoptimization. Definitions here are written independently of the reference."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import arrays, distributions, numbers, sizes
from assay.judging import agree, finite, rejects, require, untouched
from assay.properties import core, extra

# --- best_of_n_kl ---------------------------------------------------------------------------------


@core("best_of_n_kl")
@given(st.integers(1, 1000))
@example(2)
@example(4)
def test_best_of_n_kl_is_the_formula(learner, n):
    """The divergence is log n − (n − 1)/n, with the natural logarithm."""
    agree(learner.best_of_n_kl(n), math.log(n) - 1 + 1 / n)


@extra("best_of_n_kl", weight=2)
@given(st.sampled_from([2, 3, 8, 50]))
def test_best_of_n_kl_bounds_the_true_divergence(learner, n):
    """Counted over 1000 equally likely answers, the divergence is no larger, and just below."""
    edges = (np.arange(1001) / 1000) ** n  # the best of n is among the k worst with (k/1000)^n
    picked = np.diff(edges)
    counted = float(picked @ np.log(np.maximum(1000 * picked, 1e-300)))
    bound = learner.best_of_n_kl(n)
    agree(bound, math.log(n) - 1 + 1 / n)
    require(counted <= bound <= counted + 0.01, "it is not the least upper bound", returned=bound)


@extra("best_of_n_kl")
def test_best_of_n_kl_of_one_sample(learner):
    """For n = 1 nothing is selected: the divergence is 0."""
    agree(learner.best_of_n_kl(1), 0.0)


@extra("best_of_n_kl")
def test_best_of_n_kl_of_very_many_samples(learner):
    """For a billion samples the divergence is log n − 1, nearly."""
    agree(learner.best_of_n_kl(10**9), 9 * math.log(10) - 1 + 1e-9)


@extra("best_of_n_kl")
@given(st.sampled_from([0, -1]))
def test_best_of_n_kl_refuses_n_below_one(learner, n):
    """n < 1 raises ValueError."""
    rejects(learner.attempt("best_of_n_kl", n))


@extra("best_of_n_kl")
def test_best_of_n_kl_names_n(learner):
    """The message of the ValueError names n."""
    rejects(learner.attempt("best_of_n_kl", 0), naming="n")


# --- gold_reward ----------------------------------------------------------------------------------

SLOPES = numbers(0.125, 3)
ROOTS = arrays(sizes(), low=0.125, high=4)  # d = sqrt(kl), away from 0
TELLING_ROOTS = np.array([0.5, 1.0, 2.0])
KINDS = st.sampled_from(["bon", "rl"])


@core("gold_reward")
@given(ROOTS, SLOPES, SLOPES)
@example(TELLING_ROOTS, 1.0, 0.25)
@example(TELLING_ROOTS, 0.5, 2.0)
def test_gold_reward_of_best_of_n(learner, d, alpha, beta):
    """For "bon" the gold reward is d · (α − β · d), with d = sqrt(kl)."""
    expected = [alpha * x - beta * x * x for x in d.tolist()]
    agree(learner.gold_reward(d**2, alpha, beta, "bon"), np.array(expected))


@core("gold_reward")
@given(ROOTS, SLOPES, SLOPES)
@example(TELLING_ROOTS, 1.0, 0.25)
@example(TELLING_ROOTS, 0.5, 2.0)
def test_gold_reward_of_rl(learner, d, alpha, beta):
    """For "rl" the gold reward is d · (α − β · log d), with d = sqrt(kl) and the natural log."""
    expected = [alpha * x - beta * x * math.log(x) for x in d.tolist()]
    agree(learner.gold_reward(d**2, alpha, beta, "rl"), np.array(expected))


@extra("gold_reward", weight=2)
@given(KINDS)
def test_gold_reward_starts_at_zero(learner, kind):
    """At kl = 0 the gold reward is 0, alone and among others: never nan."""
    at_one = 0.75 if kind == "bon" else 1.0
    found = learner.gold_reward(np.array([0.0, 1.0, 0.0]), 1.0, 0.25, kind)
    agree(found, np.array([0.0, at_one, 0.0]))
    agree(learner.gold_reward(0.0, 1.0, 0.25, kind), 0.0)


@extra("gold_reward")
@given(KINDS)
def test_gold_reward_takes_a_float(learner, kind):
    """A float gives a number: at kl = 1 both curves have d = 1."""
    agree(learner.gold_reward(1.0, 2.0, 0.5, kind), 1.5 if kind == "bon" else 2.0)


@extra("gold_reward")
@given(KINDS)
def test_gold_reward_keeps_the_shape(learner, kind):
    """An array of any shape gives an array of the same shape."""
    d = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, 4.0]])
    penalty = d if kind == "bon" else np.log(d)
    agree(learner.gold_reward(d * d, 1.0, 0.5, kind), d - 0.5 * d * penalty)


@extra("gold_reward")
@given(SLOPES, st.sampled_from([0.5, 1.0, 2.0]))
def test_gold_reward_is_used_up_at_twice_the_peak(learner, alpha, beta):
    """For "bon" nothing is left at d = α/β, twice the d of the peak; beyond, it is negative."""
    d = alpha / beta * np.array([1.0, 2.0])
    expected = np.array([0.0, -2 * alpha**2 / beta])
    agree(learner.gold_reward(d**2, alpha, beta, "bon"), expected, scale=100)


@extra("gold_reward")
@given(KINDS)
def test_gold_reward_leaves_its_input(learner, kind):
    """The function leaves the array of divergences as it is."""
    untouched(learner.attempt("gold_reward", np.array([0.0, 1.0, 4.0]), 1.0, 0.25, kind))


@extra("gold_reward")
@given(st.sampled_from(["ppo", "RL"]))
def test_gold_reward_refuses_another_kind(learner, kind):
    """A kind other than "bon" and "rl" raises ValueError."""
    rejects(learner.attempt("gold_reward", 1.0, 1.0, 0.25, kind))


@extra("gold_reward")
@given(KINDS)
def test_gold_reward_refuses_a_negative_kl(learner, kind):
    """A negative kl raises ValueError, also a single one in an array."""
    rejects(learner.attempt("gold_reward", -0.5, 1.0, 0.25, kind))
    rejects(learner.attempt("gold_reward", np.array([1.0, -0.5]), 1.0, 0.25, kind))


@extra("gold_reward")
def test_gold_reward_names_the_bad_argument(learner):
    """The message of the ValueError names kind or kl, whichever is wrong."""
    rejects(learner.attempt("gold_reward", 1.0, 1.0, 0.25, "ppo"), naming="kind")
    rejects(learner.attempt("gold_reward", np.array([-1.0]), 1.0, 0.25, "bon"), naming="kl")


# --- peak_kl --------------------------------------------------------------------------------------


@core("peak_kl")
@given(SLOPES, SLOPES)
@example(1.0, 0.25)
@example(0.5, 2.0)
def test_peak_kl_of_best_of_n(learner, alpha, beta):
    """For "bon" the peak lies at kl = (α / (2β))²."""
    agree(learner.peak_kl(alpha, beta, "bon"), alpha * alpha / (4 * beta * beta))


@core("peak_kl")
@given(SLOPES, SLOPES)
@example(1.0, 0.25)
@example(0.5, 2.0)
def test_peak_kl_of_rl(learner, alpha, beta):
    """For "rl" the peak lies at kl = (exp(α/β − 1))²."""
    agree(learner.peak_kl(alpha, beta, "rl"), math.exp(2 * alpha / beta - 2))


@extra("peak_kl", weight=2)
@given(SLOPES, st.sampled_from([0.5, 1.0, 2.0]), KINDS)
def test_peak_kl_is_a_peak(learner, alpha, beta, kind):
    """No other kl has a higher gold reward: a little less or more KL is worse."""

    def gold(kl):
        d = math.sqrt(kl)
        return d * (alpha - beta * (d if kind == "bon" else math.log(d)))

    peak = learner.peak_kl(alpha, beta, kind)
    finite(peak)
    require(peak > 0, "the peak lies at a positive kl", returned=peak)
    for factor in (0.25, 0.9, 1.1, 4.0):
        require(
            gold(peak) > gold(factor * peak), f"{factor} times this kl is better", returned=peak
        )


@extra("peak_kl")
@given(KINDS)
def test_peak_kl_depends_on_the_ratio_alone(learner, kind):
    """Doubling α and β together leaves the peak where it is."""
    agree(learner.peak_kl(2.0, 1.5, kind), learner.peak_kl(1.0, 0.75, kind))


@extra("peak_kl")
def test_peak_kl_of_a_proxy_that_hardly_fails(learner):
    """For α/β = 300 the peak is far away, and still a number."""
    agree(learner.peak_kl(300.0, 1.0, "bon"), 22500.0)
    agree(learner.peak_kl(300.0, 1.0, "rl"), math.exp(598.0))


BAD_CURVES = st.sampled_from(
    [
        ("alpha", (0.0, 1.0, "bon")),
        ("alpha", (-1.0, 1.0, "rl")),
        ("beta", (1.0, 0.0, "rl")),
        ("beta", (1.0, -1.0, "bon")),
        ("kind", (1.0, 1.0, "ppo")),
    ]
)


@extra("peak_kl")
@given(BAD_CURVES)
def test_peak_kl_refuses_bad_arguments(learner, bad):
    """alpha <= 0, beta <= 0 and a kind other than "bon" and "rl" raise ValueError."""
    rejects(learner.attempt("peak_kl", *bad[1]))


@extra("peak_kl")
@given(BAD_CURVES)
def test_peak_kl_names_the_bad_argument(learner, bad):
    """The message of the ValueError names the argument that is wrong."""
    rejects(learner.attempt("peak_kl", *bad[1]), naming=bad[0])


# --- optimize_proxy -------------------------------------------------------------------------------


def tilted(base, proxy, beta):
    """The base policy tilted by proxy/beta, for ordinary numbers, and the normaliser Z."""
    weights = [p * math.exp(r / beta) for p, r in zip(base.tolist(), proxy.tolist(), strict=True)]
    return np.array(weights) / sum(weights), sum(weights)


def curves(base, proxy, gold, betas):
    """(kl, expected proxy, expected gold) by the definition, for a base without zeros."""
    policies = [tilted(base, proxy, beta)[0] for beta in betas.tolist()]
    kl = [sum(p * math.log(p / q) for p, q in zip(each, base, strict=True)) for each in policies]
    return np.array(kl), *(np.array([p @ r for p in policies]) for r in (proxy, gold))


@st.composite
def problems(draw):
    """Base policy, proxy and gold over a few responses."""
    size = draw(sizes(1, 4))
    return draw(distributions(size)), draw(arrays(size)), draw(arrays(size))


#: Three unequal responses; the proxy likes the first best, gold the second.
BASE = np.array([0.25, 0.5, 0.25])
PROXY, GOLD = np.array([2.0, 0.5, -1.0]), np.array([-1.0, 1.5, 0.5])
BETAS = np.array([2.0, 0.5, 1.0])  # not in order


@core("optimize_proxy")
@given(problems(), st.permutations([0.5, 1.0, 2.0]).map(np.array))
@example((BASE, PROXY, GOLD), BETAS)
def test_optimize_proxy_looks_along_the_tilt(learner, problem, betas):
    """Each β gives KL(p‖base), E[proxy] and E[gold] under p ∝ base · exp(proxy/β)."""
    agree(learner.optimize_proxy(*problem, betas), curves(*problem, betas))


@extra("optimize_proxy", weight=2)
@given(st.sampled_from([9.0, -9.0, 5e3]))
def test_optimize_proxy_leaves_out_what_the_base_never_says(learner, reward):
    """A response of base probability 0 stays at 0, whatever its proxy is, and adds nothing."""
    base, proxy, gold = (
        np.insert(x, 1, y) for x, y in zip((BASE, PROXY, GOLD), (0.0, reward, 7.0), strict=True)
    )
    agree(learner.optimize_proxy(base, proxy, gold, BETAS), curves(BASE, PROXY, GOLD, BETAS))


@extra("optimize_proxy", weight=2)
@given(st.sampled_from([1e4, -1e4]))
def test_optimize_proxy_is_stable(learner, size):
    """For proxy/β of ±1e4 all mass goes to the best response, without overflow or nan."""
    best, betas = (0 if size > 0 else 2), np.array([0.5])
    proxy = size * betas * np.array([1.0, 0.5, 0.0])
    expected = math.log(4), proxy[best], GOLD[best]
    found = learner.optimize_proxy(BASE, proxy, GOLD, betas)
    agree(found, tuple(np.array([x]) for x in expected), scale=abs(size))


@extra("optimize_proxy", weight=2)
@given(st.sampled_from([1e4, -1e4]))
def test_optimize_proxy_is_stable_far_from_zero(learner, level):
    """Raising every proxy/β by ±1e4 changes the proxy by as much, and nothing else."""
    kl, proxy, gold = curves(BASE, PROXY, GOLD, np.ones(1))
    found = learner.optimize_proxy(BASE, PROXY + level, GOLD, np.ones(1))
    agree(found, (kl, proxy + level, gold), scale=abs(level))


@extra("optimize_proxy")
def test_optimize_proxy_shares_among_equals(learner):
    """Where the best proxies tie, the base policy decides among them."""
    kl, proxy, gold = np.log(4 / 3), 0.0, (GOLD[0] + 2 * GOLD[1]) / 3
    found = learner.optimize_proxy(BASE, np.array([0.0, 0.0, -1e4]), GOLD, np.ones(1))
    agree(found, tuple(np.array([x]) for x in (kl, proxy, gold)), scale=1e4)


@extra("optimize_proxy", weight=2)
@given(problems(), st.sampled_from([0.5, 1.0, 2.0]))
def test_optimize_proxy_reaches_the_optimum(learner, problem, beta):
    """E[proxy] − β · KL is the highest value there is, β · log Σ base · exp(proxy/β)."""
    kl, proxy, _ = learner.optimize_proxy(*problem, np.array([beta]))
    agree(
        np.asarray(proxy) - beta * np.asarray(kl),
        np.array([beta * math.log(tilted(*problem[:2], beta)[1])]),
    )


@extra("optimize_proxy")
def test_optimize_proxy_stays_at_the_base_under_a_huge_penalty(learner):
    """Under β = 1e7 the policy is the base policy, nearly."""
    kl, proxy, gold = learner.optimize_proxy(BASE, PROXY, GOLD, np.array([1e7]))
    agree(kl, np.zeros(1))
    agree((proxy, gold), (np.array([BASE @ PROXY]), np.array([BASE @ GOLD])), atol=1e-5)


@extra("optimize_proxy")
@given(arrays(3))
def test_optimize_proxy_does_not_look_at_gold(learner, gold):
    """Whatever gold is, the KL and the proxy come out the same."""
    kl, proxy, _ = learner.optimize_proxy(BASE, PROXY, gold, BETAS)
    agree((kl, proxy), curves(BASE, PROXY, GOLD, BETAS)[:2])


@extra("optimize_proxy")
def test_optimize_proxy_without_betas(learner):
    """No β, no results: three empty arrays."""
    found = learner.optimize_proxy(BASE, PROXY, GOLD, np.array([]))
    agree(found, (np.array([]), np.array([]), np.array([])))


@extra("optimize_proxy")
def test_optimize_proxy_leaves_its_input(learner):
    """The function changes none of its arrays."""
    untouched(learner.attempt("optimize_proxy", BASE, PROXY, GOLD, BETAS))
    untouched(learner.attempt("optimize_proxy", np.array([0.5, 0.0, 0.5]), PROXY, GOLD, BETAS))


@extra("optimize_proxy")
@given(st.sampled_from([0.0, -0.5]))
def test_optimize_proxy_refuses_a_bad_beta(learner, beta):
    """A single β <= 0 among the betas raises ValueError."""
    rejects(learner.attempt("optimize_proxy", BASE, PROXY, GOLD, np.array([1.0, beta])))


@extra("optimize_proxy")
@given(st.integers(0, 2))
def test_optimize_proxy_refuses_unequal_lengths(learner, short):
    """base_probs, proxy and gold of unequal length raise ValueError, also a single number."""
    problem = [BASE, PROXY, GOLD]
    problem[short] = np.ones(1)
    rejects(learner.attempt("optimize_proxy", *problem, BETAS))


@extra("optimize_proxy")
def test_optimize_proxy_refuses_no_responses(learner):
    """Without any response there is no policy: ValueError."""
    rejects(learner.attempt("optimize_proxy", *[np.array([])] * 3, BETAS))


@extra("optimize_proxy")
def test_optimize_proxy_names_the_bad_argument(learner):
    """The message of the ValueError names betas, or one of base_probs, proxy and gold."""
    rejects(learner.attempt("optimize_proxy", BASE, PROXY, GOLD, np.zeros(1)), naming="betas")
    for problem in ((BASE, PROXY, np.ones(1)), [np.array([])] * 3):
        call = learner.attempt("optimize_proxy", *problem, BETAS)
        rejects(call, naming=("base_probs", "proxy", "gold"))


# --- overoptimization_step ------------------------------------------------------------------------


@st.composite
def runs(draw):
    """Proxy and gold over a few steps, with many ties."""
    steps = draw(sizes(1, 5))
    return draw(arrays(steps, low=0, high=0.5)), draw(arrays(steps, low=0, high=0.5))


RISING = np.array([0.0, 1.0, 2.0, 3.0])


@core("overoptimization_step")
@given(runs())
@example((RISING, np.array([0.0, 0.5, 0.75, 0.25])))
@example((RISING, np.array([0.0, 0.75, 0.5, 0.25])))
@example((RISING, np.array([0.0, 0.5, 0.25, 0.75])))
@example((np.array([0.0, 2.0, 3.0, 1.0]), np.array([0.0, 0.5, 0.75, 0.25])))
def test_overoptimization_step_is_the_best_gold_before_the_fall(learner, run):
    """It is the first step t of the best gold, if gold[-1] < gold[t] and proxy[-1] > proxy[t]."""
    proxy, gold = (x.tolist() for x in run)
    best = 0
    for t, value in enumerate(gold):
        if value > gold[best]:
            best = t
    fooled = gold[-1] < gold[best] and proxy[-1] > proxy[best]
    agree(learner.overoptimization_step(*run), best if fooled else None)


@extra("overoptimization_step", weight=2)
def test_overoptimization_step_may_be_the_first(learner):
    """Where gold falls from the start, it is step 0, which is not None."""
    agree(learner.overoptimization_step(RISING, np.array([0.75, 0.5, 0.25, 0.0])), 0)


@extra("overoptimization_step")
def test_overoptimization_step_takes_the_first_of_equals(learner):
    """Of several steps with the best gold the first counts, also for the comparison of proxies."""
    agree(learner.overoptimization_step(RISING, np.array([0.0, 0.75, 0.75, 0.25])), 1)
    proxy, gold = np.array([3.0, 1.0, 2.0]), np.array([0.75, 0.75, 0.25])
    agree(learner.overoptimization_step(proxy, gold), None)


@extra("overoptimization_step")
def test_overoptimization_step_forgives_ups_and_downs(learner):
    """Ups and downs in between don't matter: only the best step and the last one count."""
    agree(learner.overoptimization_step(RISING, np.array([0.5, 0.25, 0.0, 0.75])), None)
    agree(learner.overoptimization_step(RISING, np.array([0.5, 0.25, 0.75, 0.0])), 2)
    for middle in (0.5, 3.0):  # the proxy falls after the best step, or rises above its end
        proxy = np.array([0.0, 1.0, middle, 2.0])
        agree(learner.overoptimization_step(proxy, np.array([0.0, 0.75, 0.25, 0.5])), 1)


@extra("overoptimization_step")
def test_overoptimization_step_compares_strictly(learner):
    """Where gold ends as high as its best, or the proxy no higher, the answer is None."""
    agree(learner.overoptimization_step(RISING, np.array([0.0, 0.75, 0.5, 0.75])), None)
    proxy, gold = np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.75, 0.5])
    agree(learner.overoptimization_step(proxy, gold), None)


@extra("overoptimization_step")
def test_overoptimization_step_knows_negative_rewards(learner):
    """The sign of the rewards doesn't matter."""
    gold = np.array([-3.0, -1.0, -2.0, -2.5])
    agree(learner.overoptimization_step(RISING - 9, gold), 1)


@extra("overoptimization_step")
def test_overoptimization_step_of_a_single_step(learner):
    """A run of one step has no fall: None."""
    agree(learner.overoptimization_step(np.ones(1), np.ones(1)), None)


@extra("overoptimization_step")
def test_overoptimization_step_leaves_its_input(learner):
    """The function changes neither array."""
    untouched(learner.attempt("overoptimization_step", RISING, np.array([0.0, 0.5, 0.75, 0.25])))


@extra("overoptimization_step")
@given(st.sampled_from([(RISING, np.ones(3)), (RISING[:2], RISING), (np.ones(0), np.ones(0))]))
def test_overoptimization_step_refuses_unequal_or_empty_runs(learner, run):
    """Runs of unequal length, or of no step at all, raise ValueError."""
    rejects(learner.attempt("overoptimization_step", *run))


@extra("overoptimization_step")
def test_overoptimization_step_names_the_bad_argument(learner):
    """The message of the ValueError names proxy or gold."""
    names = ("proxy", "gold")
    rejects(learner.attempt("overoptimization_step", RISING, np.ones(3)), naming=names)
    rejects(learner.attempt("overoptimization_step", np.ones(0), np.ones(0)), naming=names)
