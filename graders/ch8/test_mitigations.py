"""What is true of the mitigations. Definitions here are written independently of the reference."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import arrays, sizes
from assay.judging import agree, passes_through, rejects, require, untouched
from assay.properties import core, extra

# --- ensemble_reward ------------------------------------------------------------------------------

METHODS = st.sampled_from(["mean", "worst", "uncertainty"])

#: Three models, two responses: agreement nearly, and a quarrel. No model is the grimmest of both.
QUARREL = np.array([[1.0, 4.0], [1.5, -1.0], [0.5, 0.0]])


def combined(rewards, method, penalty):
    """The combined reward of each response, by the definitions."""
    results = []
    for opinions in zip(*rewards.tolist(), strict=True):
        mean = sum(opinions) / len(opinions)
        variance = sum((opinion - mean) ** 2 for opinion in opinions) / len(opinions)
        worst = sorted(opinions)[0]
        results.append(
            {"mean": mean, "worst": worst, "uncertainty": mean - penalty * variance}[method]
        )
    return np.array(results)


@core("ensemble_reward")
@given(arrays(sizes(1, 4), sizes()), METHODS, st.sampled_from([0.25, 1.0, 2.0]))
@example(QUARREL, "mean", 0.5)
@example(QUARREL, "worst", 0.5)
@example(QUARREL, "uncertainty", 0.5)
def test_ensemble_reward_combines_the_members(learner, rewards, method, penalty):
    """Over the members: the mean, the minimum, or the mean − penalty · biased variance."""
    agree(learner.ensemble_reward(rewards, method, penalty), combined(rewards, method, penalty))


@extra("ensemble_reward")
def test_ensemble_reward_takes_the_mean_by_default(learner):
    """Without a method the mean is taken; without a penalty disagreement costs nothing."""
    agree(learner.ensemble_reward(QUARREL), np.array([1.0, 1.0]))
    agree(learner.ensemble_reward(QUARREL, "uncertainty"), np.array([1.0, 1.0]))


@extra("ensemble_reward")
@given(METHODS)
def test_ensemble_reward_of_a_single_member(learner, method):
    """One member has nobody to disagree with: its rewards come back."""
    agree(learner.ensemble_reward(QUARREL[:1], method, 2.0), np.array([1.0, 4.0]))


@extra("ensemble_reward")
@given(METHODS)
def test_ensemble_reward_does_not_care_who_speaks_first(learner, method):
    """The order of the members doesn't matter."""
    expected = combined(QUARREL, method, 1.0)
    agree(learner.ensemble_reward(QUARREL[::-1].copy(), method, 1.0), expected)


@extra("ensemble_reward", weight=2)
@given(st.sampled_from([1e8, -1e8]), st.sampled_from([1.0, 1e6]))
def test_ensemble_reward_is_accurate_far_from_zero(learner, offset, penalty):
    """An offset of all rewards moves the result by as much and leaves the variance as it is."""
    expected = combined(QUARREL, "uncertainty", penalty) + offset
    found = learner.ensemble_reward(QUARREL + offset, "uncertainty", penalty)
    agree(found, expected, rtol=0.0, atol=1e-6 * penalty)


@extra("ensemble_reward")
@given(METHODS)
def test_ensemble_reward_leaves_its_input(learner, method):
    """The function leaves the members' rewards as they are."""
    untouched(learner.attempt("ensemble_reward", QUARREL, method, 0.5))


@extra("ensemble_reward")
@given(st.sampled_from(["median", "max"]))
def test_ensemble_reward_refuses_another_method(learner, method):
    """A method other than "mean", "worst" and "uncertainty" raises ValueError."""
    rejects(learner.attempt("ensemble_reward", QUARREL, method))


@extra("ensemble_reward")
@given(METHODS)
def test_ensemble_reward_refuses_no_members(learner, method):
    """An ensemble without members raises ValueError."""
    rejects(learner.attempt("ensemble_reward", np.ones((0, 3)), method))


@extra("ensemble_reward")
def test_ensemble_reward_names_the_bad_argument(learner):
    """The message of the ValueError names method or rewards, whichever is wrong."""
    rejects(learner.attempt("ensemble_reward", QUARREL, "median"), naming="method")
    rejects(learner.attempt("ensemble_reward", np.ones((0, 3)), "mean"), naming="rewards")


# --- length_normalized_reward ---------------------------------------------------------------------


@st.composite
def responses(draw, least=1, most=5):
    """Rewards and lengths of a few responses."""
    count = draw(sizes(least, most))
    lengths = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
    return draw(arrays(count)), np.array(lengths)


@core("length_normalized_reward")
@given(responses())
@example((np.array([2.0, 3.0, -1.0]), np.array([4, 12, 8])))
def test_length_normalized_reward_is_per_token(learner, both):
    """Each reward is divided by the number of tokens of its response."""
    expected = [r / n for r, n in zip(*(x.tolist() for x in both), strict=True)]
    agree(learner.length_normalized_reward(*both), np.array(expected))


@extra("length_normalized_reward")
@given(st.sampled_from([2, 10]))
def test_length_normalized_reward_does_not_pay_for_padding(learner, times):
    """A response of twice the length needs twice the reward to be worth as much."""
    rewards, lengths = np.array([1.5, -2.0]), np.array([3, 8])
    found = learner.length_normalized_reward(times * rewards, times * lengths)
    agree(found, np.array([0.5, -0.25]))


@extra("length_normalized_reward")
def test_length_normalized_reward_of_one_token(learner):
    """A response of one token keeps its reward."""
    agree(learner.length_normalized_reward(np.array([-2.5]), np.array([1])), np.array([-2.5]))


@extra("length_normalized_reward")
def test_length_normalized_reward_leaves_its_input(learner):
    """The function changes neither array."""
    untouched(learner.attempt("length_normalized_reward", np.array([2.0, 3.0]), np.array([4, 12])))


@extra("length_normalized_reward", weight=2)
@given(st.sampled_from([0, -3]))
def test_length_normalized_reward_refuses_a_length_below_one(learner, length):
    """A single length below 1 raises ValueError."""
    lengths = np.array([4, length])
    rejects(learner.attempt("length_normalized_reward", np.array([2.0, 3.0]), lengths))


@extra("length_normalized_reward")
@given(st.sampled_from([(3, 1), (1, 3), (2, 3)]))
def test_length_normalized_reward_refuses_unequal_lengths(learner, sizes_):
    """Unequal numbers of rewards and lengths raise ValueError, also a single one of either."""
    a, b = sizes_
    rejects(learner.attempt("length_normalized_reward", np.ones(a), np.full(b, 2)))


@extra("length_normalized_reward")
def test_length_normalized_reward_names_the_bad_argument(learner):
    """The message of the ValueError names lengths, or, where they don't match, one of the two."""
    bad = learner.attempt("length_normalized_reward", np.ones(2), np.array([1, 0]))
    rejects(bad, naming="lengths")
    unequal = learner.attempt("length_normalized_reward", np.ones(3), np.array([2]))
    rejects(unequal, naming=("lengths", "reward"))


# --- remove_length_bias ---------------------------------------------------------------------------


@st.composite
def unequal_responses(draw):
    """Rewards and lengths of a few responses, at least two of different length."""
    rewards, lengths = draw(responses(least=2))
    lengths[-1] = lengths[0] + draw(st.integers(1, 9))
    return rewards, lengths


#: Longer is better, but not only.
BIASED = np.array([1.0, 2.75, 3.0, 2.5]), np.array([10, 20, 30, 24])


def without_the_line(rewards, lengths):
    """Rewards minus the least-squares line, plus the mean, from the two normal equations."""
    n, r, x = len(rewards), rewards.tolist(), lengths.tolist()
    sum_x, sum_xx = sum(x), sum(a * a for a in x)
    sum_r, sum_xr = sum(r), sum(a * b for a, b in zip(x, r, strict=True))
    slope = (n * sum_xr - sum_x * sum_r) / (n * sum_xx - sum_x**2)
    intercept = (sum_r - slope * sum_x) / n
    return np.array([b - (intercept + slope * a) + sum_r / n for a, b in zip(x, r, strict=True)])


@core("remove_length_bias")
@given(unequal_responses())
@example(BIASED)
@example((np.array([1.0, 2.75, 3.0]), np.array([10, 20, 30])))
def test_remove_length_bias_takes_out_the_line(learner, both):
    """The least-squares line of reward on length is taken off, and the mean reward put back."""
    agree(learner.remove_length_bias(*both), without_the_line(*both), scale=100)


@extra("remove_length_bias")
@given(unequal_responses())
@example(BIASED)
def test_remove_length_bias_keeps_the_mean(learner, both):
    """The corrected rewards have the same mean as the rewards."""
    found = np.asarray(learner.remove_length_bias(*both), dtype=float)
    agree(found.mean(), float(both[0].mean()), scale=100)


@extra("remove_length_bias")
@given(unequal_responses())
@example(BIASED)
def test_remove_length_bias_leaves_nothing_to_explain(learner, both):
    """The corrected rewards have no covariance with the length any more."""
    found = np.asarray(learner.remove_length_bias(*both), dtype=float)
    covariance = float(((both[1] - both[1].mean()) * (found - found.mean())).mean())
    agree(covariance, 0.0, atol=1e-9)


@extra("remove_length_bias", weight=2)
@given(st.sampled_from([np.array([20, 20, 20]), np.array([7, 7, 7])]))
def test_remove_length_bias_of_equal_lengths(learner, lengths):
    """Where all lengths are equal, the rewards come back unchanged: no nan."""
    rewards = np.array([1.0, 5.0, -2.0])
    agree(learner.remove_length_bias(rewards, lengths), rewards)


@extra("remove_length_bias")
def test_remove_length_bias_of_one_response(learner):
    """A single response keeps its reward."""
    agree(learner.remove_length_bias(np.array([2.5]), np.array([9])), np.array([2.5]))


@extra("remove_length_bias", weight=2)
@given(st.sampled_from([0.5, -0.25]))
def test_remove_length_bias_undoes_a_price_per_token(learner, price):
    """A price per token that is added to the rewards moves all corrected ones alike."""
    rewards, lengths = BIASED
    found = learner.remove_length_bias(rewards + price * lengths, lengths)
    agree(found, without_the_line(rewards, lengths) + price * lengths.mean(), scale=100)


@extra("remove_length_bias")
def test_remove_length_bias_does_not_know_the_unit(learner):
    """Lengths in characters or after a prompt of 100 tokens, it is the same correction."""
    rewards, lengths = BIASED
    expected = without_the_line(rewards, lengths)
    agree(learner.remove_length_bias(rewards, 4 * lengths), expected, scale=100)
    agree(learner.remove_length_bias(rewards, lengths + 100), expected, scale=1000)


@extra("remove_length_bias")
def test_remove_length_bias_leaves_its_input(learner):
    """The function changes neither array, also where all lengths are equal."""
    untouched(learner.attempt("remove_length_bias", *BIASED))
    untouched(learner.attempt("remove_length_bias", np.array([1.0, 5.0]), np.array([20, 20])))


@extra("remove_length_bias")
@given(st.sampled_from([(3, 1), (1, 3), (2, 3), (0, 0)]))
def test_remove_length_bias_refuses_unequal_or_no_responses(learner, sizes_):
    """Unequal numbers of rewards and lengths, or none at all, raise ValueError."""
    a, b = sizes_
    rejects(learner.attempt("remove_length_bias", np.ones(a), np.arange(b) + 1))


@extra("remove_length_bias")
def test_remove_length_bias_names_the_bad_argument(learner):
    """The message of the ValueError names rewards or lengths."""
    call = learner.attempt("remove_length_bias", np.ones(3), np.arange(1) + 1)
    rejects(call, naming=("rewards", "lengths"))


# --- find_exploits --------------------------------------------------------------------------------


@st.composite
def searches(draw):
    """Proxy, gold, and how many exploits to find; gaps tie often."""
    count = draw(sizes(1, 6))
    proxy, gold = (draw(arrays(count, low=0, high=1)) for _ in range(2))
    return proxy, gold, draw(st.integers(0, count))


#: The gaps are 0, 2, −1, 2 and 1.
RATED = np.array([1.0, 3.0, 0.0, 2.0, 4.0]), np.array([1.0, 1.0, 1.0, 0.0, 3.0])


@core("find_exploits")
@given(searches())
@example((*RATED, 3))
@example((*RATED, 5))
def test_find_exploits_has_the_largest_gaps_first(learner, search):
    """The k largest gaps proxy − gold, the largest first; of equal gaps the earlier response."""
    proxy, gold, k = search
    left = {i: p - g for i, (p, g) in enumerate(zip(proxy.tolist(), gold.tolist(), strict=True))}
    expected = []
    for _ in range(k):
        worst = max(left, key=left.__getitem__)  # max takes the first of equals
        expected.append(worst)
        del left[worst]
    agree(learner.find_exploits(proxy, gold, k), np.array(expected))


@extra("find_exploits", weight=2)
@given(st.integers(1, 4))
def test_find_exploits_takes_the_earlier_of_equals(learner, k):
    """Where all gaps are equal, the first k responses come in their order."""
    agree(learner.find_exploits(np.full(4, 2.0), np.full(4, 1.5), k), np.arange(k))


@extra("find_exploits")
def test_find_exploits_keeps_many_equals_in_order(learner):
    """Ties keep their order among many responses, too: the sort has to be a stable one."""
    proxy = np.arange(200) % 2 * 1.0
    expected = np.concatenate([np.arange(1, 200, 2), np.arange(0, 200, 2)])
    agree(learner.find_exploits(proxy, np.zeros(200), 200), expected)


@extra("find_exploits")
def test_find_exploits_of_none(learner):
    """k = 0 finds none."""
    agree(learner.find_exploits(*RATED, 0), np.array([]))


@extra("find_exploits")
@given(st.sampled_from([3.0, -3.0]))
def test_find_exploits_does_not_see_a_common_level(learner, level):
    """A constant that is added to every proxy reward changes no order, also below zero."""
    agree(learner.find_exploits(RATED[0] + level, RATED[1], 4), np.array([1, 3, 4, 0]))


@extra("find_exploits")
def test_find_exploits_leaves_its_input(learner):
    """The function changes neither array."""
    untouched(learner.attempt("find_exploits", *RATED, 2))


@extra("find_exploits")
@given(st.sampled_from([-1, 6]))
def test_find_exploits_refuses_a_bad_k(learner, k):
    """k below 0, or above the number of responses, raises ValueError."""
    rejects(learner.attempt("find_exploits", *RATED, k))


@extra("find_exploits")
@given(st.sampled_from([(3, 1), (1, 3), (2, 3)]))
def test_find_exploits_refuses_unequal_lengths(learner, sizes_):
    """Unequal numbers of proxy and gold rewards raise ValueError, also a single one of either."""
    a, b = sizes_
    rejects(learner.attempt("find_exploits", np.ones(a), np.ones(b), 1))


@extra("find_exploits")
def test_find_exploits_names_the_bad_argument(learner):
    """The message of the ValueError names k, or, where they don't match, proxy or gold."""
    rejects(learner.attempt("find_exploits", *RATED, 6), naming="k")
    unequal = learner.attempt("find_exploits", np.ones(3), np.ones(1), 1)
    rejects(unequal, naming=("proxy", "gold"))


# --- refresh_reward_model -------------------------------------------------------------------------
# The policy is a number. Its samples are the numbers around it, as many as tell one round from
# another; a label is a pair; the reward model is a weighted sum, in which the order counts.


def sample(policy):
    return [policy + i for i in range(policy % 3 + 1)]


def label(samples):
    return [[one, one % 5] for one in samples]


def fit(labelled):
    return sum((at + 1) * (one + 2 * mark) for at, (one, mark) in enumerate(labelled)) % 97


def optimize(policy, reward):
    return (3 * policy + reward) % 89


STAGES = (sample, label, fit, optimize)


def history(policy, rounds):
    """Every call that the loop should make, in order, and the policy at its end."""
    calls, labelled = [], []
    for _ in range(rounds):
        samples = sample(policy)
        labels = label(samples)
        labelled = labelled + labels
        reward = fit(labelled)
        calls += [("sample", (policy,)), ("label", (samples,)), ("fit", (labelled,))]
        calls.append(("optimize", (policy, reward)))
        policy = optimize(policy, reward)
    return calls, policy


def heard(call):
    return [(one.model, one.args) for one in call.models]


@core("refresh_reward_model")
@given(st.integers(1, 80), st.integers(1, 4))
@example(5, 1)
@example(5, 3)
def test_refresh_reward_model_returns_the_last_policy(learner, policy, rounds):
    """Each round samples, labels, fits on all labels and optimises; the last policy is returned."""
    agree(learner.refresh_reward_model(policy, rounds, *STAGES), history(policy, rounds)[1])


@extra("refresh_reward_model")
@given(st.integers(1, 3))
def test_refresh_reward_model_calls_each_stage_once_a_round(learner, rounds):
    """Each round calls sample, label, fit and optimize once, in this order, and nothing else."""
    call = learner.attempt("refresh_reward_model", 5, rounds, *STAGES)
    _ = call.value
    names = [name for name, _ in heard(call)]
    agree(names, ["sample", "label", "fit", "optimize"] * rounds)


@extra("refresh_reward_model", weight=2)
@given(st.sampled_from([5, 7]))
def test_refresh_reward_model_fits_on_all_labels(learner, policy):
    """fit gets one flat list of all examples of all rounds so far, the oldest first."""
    call = learner.attempt("refresh_reward_model", policy, 3, *STAGES)
    _ = call.value
    expected = [args[0] for name, args in history(policy, 3)[0] if name == "fit"]
    agree([list(args[0]) for name, args in heard(call) if name == "fit"], expected)


@extra("refresh_reward_model")
def test_refresh_reward_model_follows_the_policy(learner):
    """Each round samples from the newest policy, and optimises that one with the newest reward."""
    call = learner.attempt("refresh_reward_model", 5, 3, *STAGES)
    _ = call.value
    expected = [list(args) for name, args in history(5, 3)[0] if name in ("sample", "optimize")]
    found = [list(args) for name, args in heard(call) if name in ("sample", "optimize")]
    agree(found, expected)


@extra("refresh_reward_model")
def test_refresh_reward_model_without_rounds(learner):
    """With 0 rounds the policy comes back and nothing is called."""
    call = learner.attempt("refresh_reward_model", 5, 0, *STAGES)
    agree(call.value, 5)
    require(not call.models, "nothing should be called in 0 rounds")


@extra("refresh_reward_model", weight=2)
@given(st.integers(1, 3))
def test_refresh_reward_model_leaves_the_labels_alone(learner, rounds):
    """The lists that label returned are never changed: they belong to the labeller."""
    untouched(learner.attempt("refresh_reward_model", 5, rounds, *STAGES))


@extra("refresh_reward_model")
def test_refresh_reward_model_knows_false_values(learner):
    """A policy or a reward model that counts as false, such as 0, is one like any other."""

    def always_zero(labelled):
        return 0

    def down(policy, reward):
        return policy - 1 + reward

    agree(learner.refresh_reward_model(2, 3, sample, label, always_zero, down), -1)


@extra("refresh_reward_model")
def test_refresh_reward_model_goes_on_without_labels(learner):
    """A round whose samples get no labels is a round: fit and optimize are called."""

    def shy(samples):
        return [[one, 0] for one in samples if one > 5]

    def count(labelled):
        return len(labelled)

    def add(policy, reward):
        return policy + reward + 1

    call = learner.attempt("refresh_reward_model", 4, 3, sample, shy, count, add)
    agree(call.value, 14)
    agree([one.answer for one in call.models if one.model == "count"], [0, 2, 5])


@extra("refresh_reward_model")
@given(st.sampled_from(["sample", "label", "fit", "optimize"]))
def test_refresh_reward_model_lets_errors_pass(learner, broken):
    """An exception of any of the callables passes through."""

    def fails(*_):
        raise RuntimeError("the stage failed")

    stages = [fails if stage.__name__ == broken else stage for stage in STAGES]
    passes_through(learner.attempt("refresh_reward_model", 5, 2, *stages))
