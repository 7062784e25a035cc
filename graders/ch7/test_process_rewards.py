"""What is true of step scores. Every definition here is written independently of the reference."""

import math

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import masks, numbers, sizes, tensors
from assay.judging import agree, finite, keeps_dtype, rejects, require, untouched
from assay.properties import core, extra

INF, NAN = float("inf"), float("nan")


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


# --- step_labels ----------------------------------------------------------------------------------


@st.composite
def mistakes(draw):
    """(first error, number of steps) with at least one right step before the error."""
    steps = draw(st.integers(2, 7))
    return draw(st.integers(1, steps - 1)), steps


@core("step_labels")
@given(mistakes())
@example((2, 5))
@example((1, 2))
@example((4, 5))
def test_step_labels_fall_to_zero_at_the_first_error(learner, mistake):
    """The label is 1 before the first error, and 0 from it on."""
    error, steps = mistake
    expected = np.array([1.0] * error + [0.0] * (steps - error))
    agree(learner.step_labels(error, steps), expected)


@extra("step_labels", weight=2)
@given(sizes(1, 5))
def test_step_labels_without_error(learner, steps):
    """first_error=None means that every step is right: all labels are 1."""
    agree(learner.step_labels(None, steps), np.ones(steps))


@extra("step_labels", weight=2)
@given(sizes(1, 5))
def test_step_labels_wrong_from_the_start(learner, steps):
    """An error in step 0 is an error: all labels are 0."""
    agree(learner.step_labels(0, steps), np.zeros(steps))


NO_SUCH_STEP = st.sampled_from([(3, 3), (5, 3), (1, 1), (-1, 3), (-3, 3)])


@extra("step_labels", weight=2)
@given(NO_SUCH_STEP)
def test_step_labels_refuses_a_step_that_does_not_exist(learner, bad):
    """An index outside 0 ... n_steps - 1 raises ValueError, also a negative one."""
    rejects(learner.attempt("step_labels", *bad))


@extra("step_labels")
@given(NO_SUCH_STEP)
def test_step_labels_names_the_bad_argument(learner, bad):
    """The message of the ValueError names first_error."""
    rejects(learner.attempt("step_labels", *bad), naming="first_error")


# --- first_error ----------------------------------------------------------------------------------


@st.composite
def flawed_scores(draw):
    """A right step, perhaps more, then a wrong one, then anything; no score at the threshold."""
    threshold = draw(st.sampled_from([0.3, 0.5625, 0.7]))
    good, bad = numbers(math.ceil(threshold * 8) / 8, 1), numbers(0, math.floor(threshold * 8) / 8)
    before = draw(st.lists(good, min_size=1, max_size=3))
    after = draw(st.lists(numbers(0, 1), max_size=3))
    return [*before, draw(bad), *after], threshold


@core("first_error")
@given(flawed_scores())
@example(([0.875, 0.75, 0.25, 0.75, 0.125], 0.5625))
@example(([0.5, 0.5, 0.625, 0.25], 0.3))
def test_first_error_is_the_first_score_below_the_threshold(learner, chain):
    """The first error is the first step whose score lies below the threshold."""
    scores, threshold = chain
    expected = next(t for t, score in enumerate(scores) if score < threshold)
    agree(learner.first_error(scores, threshold), expected)


@extra("first_error", weight=2)
@given(st.lists(numbers(0.75, 1), max_size=4))
def test_first_error_where_there_is_none(learner, scores):
    """Where no score lies below the threshold the answer is None, in an empty chain too."""
    agree(learner.first_error(scores, 0.7), None)


@extra("first_error", weight=2)
@given(st.sampled_from([0.25, 0.5, 1.0]))
def test_first_error_spares_a_score_at_the_threshold(learner, threshold):
    """A score that equals the threshold is not an error."""
    agree(learner.first_error([threshold, threshold / 2], threshold), 1)
    agree(learner.first_error([1.0, threshold], threshold), None)


@extra("first_error")
def test_first_error_in_the_first_step(learner):
    """An error in the very first step has index 0, which is not None."""
    agree(learner.first_error([0.25, 0.75], 0.5), 0)


@extra("first_error")
def test_first_error_has_the_usual_threshold(learner):
    """Without a threshold, 0.5 is taken."""
    agree(learner.first_error([0.5625, 0.5, 0.4375, 0.25]), 2)


@extra("first_error")
def test_first_error_does_not_care_what_follows(learner):
    """Whatever comes after the first error, the answer stays."""
    for rest in ([], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0, 0.0]):
        agree(learner.first_error([0.75, 0.25, *rest], 0.5), 1)


@extra("first_error")
@given(st.sampled_from([np.float64, np.float32]))
def test_first_error_takes_arrays(learner, kind):
    """The scores may come as an array too."""
    agree(learner.first_error(np.array([0.75, 0.625, 0.25, 0.0], dtype=kind)), 2)
    agree(learner.first_error(np.array([0.75, 0.625], dtype=kind)), None)


@extra("first_error")
def test_first_error_leaves_its_input(learner):
    """The function does not change the scores."""
    untouched(learner.attempt("first_error", [0.75, 0.25, 0.125], 0.5))
    untouched(learner.attempt("first_error", np.array([0.75, 0.25, 0.125]), 0.5))


# --- monte_carlo_step_values ----------------------------------------------------------------------


@st.composite
def rollouts(draw):
    """A bool array (n_steps, n_rollouts)."""
    return draw(masks(draw(sizes(1, 4)), draw(sizes(1, 4)))).numpy()


#: Three steps, four rollouts: three, one and no success; and a step that recovers.
TELLING = np.array([[1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
RECOVERING = np.array([[1, 1], [0, 0], [1, 0], [1, 1]], dtype=bool)


def successes(outcomes: np.ndarray) -> list[int]:
    """Number of successful rollouts of each step."""
    return [sum(1 for reached in row if reached) for row in outcomes.tolist()]


@core("monte_carlo_step_values")
@given(rollouts())
@example(TELLING)
@example(TELLING.T)
def test_soft_values_are_shares_of_successful_rollouts(learner, outcomes):
    """The soft value of a step is the share of its rollouts that reach the right answer."""
    expected = np.array(successes(outcomes)) / outcomes.shape[1]
    agree(learner.monte_carlo_step_values(outcomes, kind="soft"), expected)


@extra("monte_carlo_step_values", weight=3)
@given(rollouts())
@example(TELLING)
@example(RECOVERING)
def test_hard_values_ask_whether_any_rollout_succeeds(learner, outcomes):
    """The hard value of a step is 1 if at least one of its rollouts succeeds, else 0."""
    expected = np.array([1.0 if count > 0 else 0.0 for count in successes(outcomes)])
    agree(learner.monte_carlo_step_values(outcomes, kind="hard"), expected)


@extra("monte_carlo_step_values")
def test_values_are_soft_unless_said_otherwise(learner):
    """Without a kind, values are soft."""
    agree(learner.monte_carlo_step_values(TELLING), np.array([0.75, 0.25, 0.0]))


@extra("monte_carlo_step_values")
def test_each_step_is_judged_by_its_own_rollouts(learner):
    """A step without success takes nothing from the steps after it."""
    agree(learner.monte_carlo_step_values(RECOVERING, "soft"), np.array([1.0, 0.0, 0.5, 1.0]))


@extra("monte_carlo_step_values")
def test_of_a_single_rollout_soft_and_hard_say_the_same(learner):
    """With one rollout per step, soft and hard value are both its outcome."""
    outcomes = np.array([[True], [False], [True]])
    for kind in ("soft", "hard"):
        agree(learner.monte_carlo_step_values(outcomes, kind), np.array([1.0, 0.0, 1.0]))


@extra("monte_carlo_step_values")
@given(st.sampled_from(["", "median", "Soft", "harder"]))
def test_monte_carlo_refuses_another_kind(learner, kind):
    """A kind that is neither "soft" nor "hard" raises ValueError."""
    rejects(learner.attempt("monte_carlo_step_values", TELLING, kind))


@extra("monte_carlo_step_values")
@given(st.sampled_from(["soft", "hard"]))
def test_monte_carlo_refuses_to_guess(learner, kind):
    """Without a single rollout there is no estimate: ValueError, for either kind."""
    rejects(learner.attempt("monte_carlo_step_values", np.zeros((3, 0), dtype=bool), kind))


@extra("monte_carlo_step_values")
def test_monte_carlo_names_the_bad_argument(learner):
    """The message of the ValueError names kind or outcomes, whichever is wrong."""
    rejects(learner.attempt("monte_carlo_step_values", TELLING, "median"), naming="kind")
    empty = np.zeros((3, 0), dtype=bool)
    rejects(learner.attempt("monte_carlo_step_values", empty), naming="outcomes")


@extra("monte_carlo_step_values")
@given(st.sampled_from(["soft", "hard"]))
def test_monte_carlo_leaves_its_input(learner, kind):
    """The function does not change the outcomes."""
    untouched(learner.attempt("monte_carlo_step_values", RECOVERING, kind))


# --- aggregate_step_scores ------------------------------------------------------------------------


SCORES = st.lists(numbers(0.125, 1), min_size=1, max_size=5)
METHODS = ("min", "product", "mean", "last")
#: Minimum, product, mean and last, first and largest score all differ.
CHAIN = [0.875, 0.75, 0.5, 1.0, 0.625]


@core("aggregate_step_scores")
@given(SCORES)
@example(CHAIN)
def test_min_is_the_weakest_step(learner, scores):
    """The method "min" is the smallest score of the chain."""
    expected = scores[0]
    for score in scores:
        expected = score if score < expected else expected
    agree(learner.aggregate_step_scores(scores, "min"), expected)


@core("aggregate_step_scores")
@given(SCORES)
@example(CHAIN)
def test_product_multiplies_the_steps(learner, scores):
    """The method "product" is the product of all scores."""
    expected = 1.0
    for score in scores:
        expected *= score
    agree(learner.aggregate_step_scores(scores, "product"), expected)


@extra("aggregate_step_scores", weight=2)
@given(SCORES)
@example(CHAIN)
def test_mean_is_the_average_step(learner, scores):
    """The method "mean" is the sum of the scores over their number."""
    agree(learner.aggregate_step_scores(scores, "mean"), math.fsum(scores) / len(scores))


@extra("aggregate_step_scores", weight=2)
@given(SCORES, numbers(0, 1))
@example(CHAIN, 0.625)
def test_last_looks_at_the_last_step_only(learner, scores, last):
    """The method "last" is the score of the last step, whatever the others are."""
    agree(learner.aggregate_step_scores([*scores, last], "last"), last)


@extra("aggregate_step_scores")
def test_aggregation_is_by_the_weakest_step_unless_said_otherwise(learner):
    """Without a method, the minimum is taken."""
    agree(learner.aggregate_step_scores(CHAIN), 0.5)


@extra("aggregate_step_scores", weight=2)
@given(st.sampled_from(["min", "product"]), st.sampled_from([0, 1, 2]))
def test_one_impossible_step_makes_the_chain_impossible(learner, method, at):
    """One step of score 0 makes minimum and product exactly 0."""
    scores = [0.75, 1.0, 0.5]
    scores[at] = 0.0
    agree(learner.aggregate_step_scores(scores, method), 0.0, atol=0.0)


@extra("aggregate_step_scores", weight=2)
@given(st.sampled_from([np.float16, np.float32]))
def test_aggregation_computes_in_double_precision(learner, kind):
    """Scores in low precision are multiplied and averaged in float64."""
    halves = np.full(30, 0.5, dtype=kind)
    agree(learner.aggregate_step_scores(halves, "product"), 0.5**30, atol=0.0)
    scores = np.array([0.1, 0.2, 0.4, 0.7, 0.9], dtype=kind)
    product, total = 1.0, 0.0
    for score in scores.tolist():
        product, total = product * score, total + score
    agree(learner.aggregate_step_scores(scores, "product"), product, rtol=1e-9)
    agree(learner.aggregate_step_scores(scores, "mean"), total / 5, rtol=1e-9)


@extra("aggregate_step_scores")
def test_the_product_of_a_long_chain(learner):
    """500 steps of 0.5 have the product 0.5 to the power of 500, which float64 can hold."""
    agree(learner.aggregate_step_scores([0.5] * 500, "product"), 0.5**500, atol=0.0)


@extra("aggregate_step_scores")
@given(st.sampled_from(METHODS), numbers(0, 1))
def test_the_score_of_a_single_step(learner, method, score):
    """A chain of one step scores as that step does, by any method."""
    agree(learner.aggregate_step_scores([score], method), score)


@extra("aggregate_step_scores")
@given(SCORES)
@example(CHAIN)
def test_product_is_strictest_and_mean_most_forgiving(learner, scores):
    """For scores in [0, 1]: product <= min <= mean."""
    least, product, mean = (
        float(learner.aggregate_step_scores(scores, method)) for method in METHODS[:3]
    )
    require(product <= least + 1e-9, "the product is above the minimum", returned=product)
    require(least <= mean + 1e-9, "the minimum is above the mean", returned=least)


@extra("aggregate_step_scores")
@given(st.sampled_from(METHODS))
def test_aggregation_takes_arrays(learner, method):
    """An array of scores is as good as a list."""
    expected = {"min": 0.25, "product": 0.0625, "mean": 0.5625, "last": 0.5}
    scores = np.array([0.25, 1.0, 0.5, 0.5])
    agree(learner.aggregate_step_scores(scores, method), expected[method])


@extra("aggregate_step_scores")
@given(st.sampled_from(METHODS), st.booleans())
def test_aggregation_refuses_an_empty_chain(learner, method, as_array):
    """A chain without steps has no score: ValueError, by any method."""
    empty = np.array([]) if as_array else []
    rejects(learner.attempt("aggregate_step_scores", empty, method))


@extra("aggregate_step_scores")
@given(st.sampled_from(["", "median", "max", "Min"]))
def test_aggregation_refuses_another_method(learner, method):
    """A method that is none of the four raises ValueError."""
    rejects(learner.attempt("aggregate_step_scores", CHAIN, method))


@extra("aggregate_step_scores")
def test_aggregation_names_the_bad_argument(learner):
    """The message of the ValueError names step_scores or method, whichever is wrong."""
    rejects(learner.attempt("aggregate_step_scores", [], "mean"), naming="step_scores")
    rejects(learner.attempt("aggregate_step_scores", CHAIN, "median"), naming="method")


@extra("aggregate_step_scores")
@given(st.sampled_from(METHODS))
def test_aggregation_leaves_its_input(learner, method):
    """The function does not change the scores."""
    untouched(learner.attempt("aggregate_step_scores", list(CHAIN), method))
    untouched(learner.attempt("aggregate_step_scores", np.array(CHAIN), method))


# --- prm_loss -------------------------------------------------------------------------------------


LABELS = st.sampled_from([0.0, 1.0, 0.25, 0.75])


@st.composite
def labelled_steps(draw):
    """Logits, labels and a mask of one shape (B, S); no logit is 0, the kink of max(x, 0)."""
    shape = draw(sizes(1, 3)), draw(sizes(1, 4))
    count = shape[0] * shape[1]
    y = draw(st.lists(LABELS, min_size=count, max_size=count))
    return draw(tensors(*shape)) + 0.0625, f64(*y).view(shape), draw(masks(*shape, at_least=1))


def softplus(x: float) -> float:
    """log(1 + e^x), which is -log sigma(-x), the stable way."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def cross_entropies(logits: Tensor, labels: Tensor, mask: Tensor) -> list[float]:
    """The cross-entropy of each step that counts."""
    steps = zip(logits.flatten(), labels.flatten(), mask.flatten(), strict=True)
    return [
        float(y) * softplus(-float(x)) + (1 - float(y)) * softplus(float(x))
        for x, y, counts in steps
        if counts
    ]


#: Two chains, of three and of one step; the labels are hard, and one of them is soft.
STEPS = (
    f64(2.0, -1.0, 0.5, -0.75, 3.0, 1.5).view(2, 3),
    f64(1.0, 0.0, 0.25, 1.0, 0.0, 1.0).view(2, 3),
    tensor([[True, True, True], [True, False, False]]),
)


@core("prm_loss")
@given(labelled_steps())
@example(STEPS)
@example((f64(2.0, -1.0, 7.0)[None], f64(1.0, 0.0, 0.0)[None], tensor([[True, True, False]])))
def test_prm_loss_is_the_masked_mean_cross_entropy(learner, steps):
    """The loss is the mean of -y log sigma(x) - (1 - y) log sigma(-x) over all steps that count."""
    losses = cross_entropies(*steps)
    agree(learner.prm_loss(*steps), f64(sum(losses) / len(losses))[0])


@core("prm_loss")
def test_prm_loss_of_a_model_that_knows_nothing(learner):
    """Logits of 0 cost log 2 per step, whatever the labels are."""
    labels = f64(1.0, 0.0, 0.25, 1.0).view(2, 2)
    zeros, all_steps = torch.zeros_like(labels), torch.ones(2, 2, dtype=torch.bool)
    agree(learner.prm_loss(zeros, labels, all_steps), f64(math.log(2))[0])


@extra("prm_loss", weight=2)
@given(labelled_steps())
@example(STEPS)
def test_prm_loss_pulls_each_probability_to_its_label(learner, steps):
    """The gradient is (sigma(x) - y) / n at each of the n steps that count, exactly 0 elsewhere."""
    logits, labels, mask = steps
    gradient = learner.gradient("prm_loss", *steps, wrt=0)
    expected = (1 / (1 + torch.exp(-logits)) - labels) / mask.sum()
    agree(gradient, torch.where(mask, expected, 0.0))
    require(
        not bool(gradient[~mask].ne(0).any()),
        "a step that does not count gets a gradient",
        returned=gradient,
    )


@extra("prm_loss")
def test_prm_loss_has_no_kink_where_training_starts(learner):
    """At a logit of 0 the slope is (1/2 - y) / n, as everywhere: the loss has no kink there."""
    labels, all_steps = f64(1.0, 0.0, 0.25, 1.0).view(2, 2), torch.ones(2, 2, dtype=torch.bool)
    gradient = learner.gradient("prm_loss", torch.zeros(2, 2).double(), labels, all_steps, wrt=0)
    agree(gradient, (0.5 - labels) / 4)


@extra("prm_loss", weight=3)
@given(st.sampled_from([INF, -INF, NAN]), st.sampled_from([INF, NAN, 1.0]))
def test_prm_loss_ignores_what_a_mask_hides(learner, logit, label):
    """Logits and labels of inf or nan behind the mask change neither the loss nor its gradient."""
    steps = f64(2.0, logit, -1.0)[None], f64(1.0, label, 0.0)[None], tensor([[True, False, True]])
    expected = (softplus(-2.0) + softplus(-1.0)) / 2
    agree(learner.prm_loss(*steps), f64(expected)[0])
    slopes = [-1 / (1 + math.exp(2.0)) / 2, 0.0, 1 / (1 + math.exp(1.0)) / 2]
    agree(learner.gradient("prm_loss", *steps, wrt=0), f64(*slopes)[None])


@extra("prm_loss", weight=2)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0]), st.sampled_from([0.0, 1.0, 0.25]))
def test_prm_loss_is_stable(learner, logit, label):
    """For logits of +-1e4 the loss and its gradient are finite, and accurate."""
    steps = f64(logit)[None], f64(label)[None], tensor([[True]])
    expected = label * max(-logit, 0.0) + (1 - label) * max(logit, 0.0)
    agree(learner.prm_loss(*steps), f64(expected)[0], scale=abs(logit))
    gradient = learner.gradient("prm_loss", *steps, wrt=0)
    finite(gradient)
    agree(gradient, f64((logit > 0) - label)[None], scale=abs(logit))


@extra("prm_loss")
@given(st.sampled_from([torch.bool, torch.int64, torch.float64]))
def test_prm_loss_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1, as int or float."""
    losses = cross_entropies(*STEPS)
    expected = f64(sum(losses) / len(losses))[0]
    agree(learner.prm_loss(STEPS[0], STEPS[1], STEPS[2].to(kind)), expected)


@extra("prm_loss")
@given(st.sampled_from([torch.bool, torch.float64]))
def test_prm_loss_of_an_empty_mask(learner, kind):
    """Where no step counts the loss is 0, and still a graph: the gradient is 0 and not missing."""
    nothing = torch.zeros(2, 3, dtype=kind)
    agree(learner.prm_loss(STEPS[0], STEPS[1], nothing), f64(0.0)[0])
    gradient = learner.gradient("prm_loss", STEPS[0], STEPS[1], nothing, wrt=0)
    agree(gradient, torch.zeros(2, 3, dtype=torch.float64))


@extra("prm_loss")
def test_prm_loss_does_not_see_rows(learner):
    """How the steps are spread over rows does not matter: each step counts the same."""
    loss = learner.prm_loss(*STEPS)
    agree(learner.prm_loss(*(x.reshape(1, 6) for x in STEPS)), loss)
    agree(learner.prm_loss(*(x.reshape(6, 1) for x in STEPS)), loss)


@extra("prm_loss")
@given(labelled_steps())
@example(STEPS)
def test_prm_loss_treats_right_and_wrong_alike(learner, steps):
    """Turning every logit and every label around leaves the loss as it is."""
    logits, labels, mask = steps
    agree(learner.prm_loss(-logits, 1 - labels, mask), learner.prm_loss(logits, labels, mask))


@extra("prm_loss")
def test_prm_loss_rests_where_the_model_is_calibrated(learner):
    """At a soft label y the gradient vanishes exactly where sigma(x) = y."""
    labels = f64(0.25, 0.875, 0.75)[None]
    logits = torch.log(labels / (1 - labels))
    gradient = learner.gradient("prm_loss", logits, labels, torch.ones(1, 3).bool(), wrt=0)
    agree(gradient, torch.zeros(1, 3, dtype=torch.float64), atol=1e-12)


@extra("prm_loss")
def test_prm_loss_keeps_float32(learner):
    """float32 logits give a float32 loss, also under a float64 mask."""
    loss = learner.prm_loss(STEPS[0].float(), STEPS[1].float(), STEPS[2].double())
    keeps_dtype(loss, torch.float32)
    losses = cross_entropies(*STEPS)
    agree(loss, tensor(sum(losses) / len(losses)))


@extra("prm_loss")
def test_prm_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("prm_loss", *STEPS))
    dirty = f64(2.0, NAN)[None], f64(1.0, NAN)[None], tensor([[True, False]])
    untouched(learner.attempt("prm_loss", *dirty))
