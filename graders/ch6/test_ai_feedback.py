"""What is true of preferences that an AI judge labels, whatever the judge."""

import math
from collections import Counter

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import batches, numbers, sizes
from assay.judging import (
    Falsified,
    agree,
    finite,
    is_float,
    keeps_dtype,
    passes_through,
    rejects,
    untouched,
)
from assay.properties import core, extra

# --- ai_preference

BRIEF, LONG, EVEN = "Be brief.", "Be thorough.", "Be kind."


def judge(prompt, first, second, principle):
    """Counts letters; favours what it reads first, the more so the longer the prompt."""
    lead = {BRIEF: len(second) - len(first), LONG: len(first) - len(second), EVEN: 0}[principle]
    return min(1.0, max(0.0, 0.5 + lead / 16 + len(prompt) / 32))


def preference(prompt, a, b, principles):
    """P(a is better), both orders and all principles averaged."""
    for_a = [judge(prompt, a, b, principle) for principle in principles]
    for_b = [judge(prompt, b, a, principle) for principle in principles]
    return 0.5 + (sum(for_a) - sum(for_b)) / (2 * len(principles))


ASKED = st.sampled_from(["Hi", "Why?"])
ANSWERS = st.text("a", max_size=8)
PRINCIPLES = st.lists(st.sampled_from([BRIEF, LONG, EVEN]), min_size=1, max_size=3)


@core("ai_preference")
@given(ASKED, ANSWERS, ANSWERS, PRINCIPLES)
@example("Hi", "a", "aaaa", [BRIEF])
@example("Why?", "aaaaaaaa", "a", [BRIEF, LONG, EVEN])
@example("Why?", "a", "aaaaaaaa", [BRIEF, EVEN])
@example("Hi", "aaa", "aaa", [LONG])
def test_ai_preference_averages_orders_and_principles(learner, prompt, a, b, principles):
    """p is the mean of (j(A, B) + 1 - j(B, A)) / 2 over the principles."""
    expected = preference(prompt, a, b, principles)
    agree(learner.ai_preference(prompt, a, b, judge, principles), expected)


@extra("ai_preference", weight=2)
@given(ASKED, ANSWERS, ANSWERS, PRINCIPLES)
@example("Why?", "aaaaaaaa", "a", [BRIEF, EVEN])
def test_ai_preference_of_swapped_answers(learner, prompt, a, b, principles):
    """With A and B swapped, p turns into 1 - p."""
    swapped = learner.ai_preference(prompt, b, a, judge, principles)
    agree(learner.ai_preference(prompt, a, b, judge, principles) + swapped, 1.0)


@extra("ai_preference", weight=2)
@given(st.sampled_from([0.0, 0.25, 0.875, 1.0]), PRINCIPLES)
@example(0.875, [BRIEF])
def test_ai_preference_cancels_the_position_bias(learner, p, principles):
    """A judge that only looks at the position gives 1/2."""
    agree(learner.ai_preference("Hi", "a", "b", lambda *args: p, principles), 0.5)


@extra("ai_preference")
@given(st.lists(st.sampled_from([BRIEF, LONG, EVEN]), min_size=1, max_size=3, unique=True))
@example([BRIEF, EVEN])
def test_ai_preference_asks_once_in_each_order(learner, principles):
    """For each principle the judge is asked twice, once in either order, and not again."""
    call = learner.attempt("ai_preference", "Hi", "a", "aaaa", judge, principles)
    _ = call.value
    orders = [("a", "aaaa"), ("aaaa", "a")]
    expected = Counter(("Hi", *order, principle) for principle in principles for order in orders)
    agree(sorted(one.args for one in call.models), sorted(expected.elements()))


@extra("ai_preference")
def test_ai_preference_lets_exceptions_through(learner):
    """An exception of the judge comes out unchanged."""

    def fails(*args):
        raise RuntimeError("the model is down")

    passes_through(learner.attempt("ai_preference", "Hi", "a", "b", fails, [BRIEF]))


@extra("ai_preference")
def test_ai_preference_is_a_plain_float(learner):
    """The probability is a Python float."""
    is_float(learner.ai_preference("Hi", "a", "aaaa", judge, (BRIEF, EVEN)))


@extra("ai_preference")
def test_ai_preference_refuses_no_principles(learner):
    """Without a principle there is nothing to judge by: ValueError."""
    rejects(learner.attempt("ai_preference", "Hi", "a", "b", judge, []))


@extra("ai_preference")
def test_ai_preference_names_the_principles(learner):
    """The message of the ValueError names principles."""
    rejects(learner.attempt("ai_preference", "Hi", "a", "b", judge, []), naming="principles")


@extra("ai_preference")
def test_ai_preference_leaves_the_principles(learner):
    """The list of principles is not changed."""
    untouched(learner.attempt("ai_preference", "Hi", "a", "b", judge, [LONG, BRIEF]))


# --- label_preferences

# Two principles at most, and a judge that counts in sixteenths: every p is exact, however it is
# computed, so that a threshold can be met exactly.
SURE = st.sampled_from([[BRIEF], [LONG], [BRIEF, EVEN]])


@st.composite
def questions(draw):
    """Prompts, and pairs of answers that differ in length."""
    lengths = st.lists(st.integers(0, 8), min_size=2, max_size=2, unique=True)
    pairs = [tuple("a" * n for n in both) for both in draw(st.lists(lengths, max_size=4))]
    return [draw(ASKED) for _ in pairs], pairs


def labels(prompts, pairs, principles, threshold):
    found = []
    for prompt, (a, b) in zip(prompts, pairs, strict=True):
        p = preference(prompt, a, b, principles)
        better = (prompt, a, b, p) if p > 0.5 else (prompt, b, a, 1 - p)
        found += [better] if better[3] > threshold else []
    return found


TELLING = ["Hi", "Why?", "Hi"], [("a", "aaaa"), ("aaaaaa", "aaa"), ("aaa", "aaaa")]


@core("label_preferences")
@given(questions(), SURE)
@example(TELLING, [BRIEF])
@example(TELLING, [LONG])
@example(([], []), [BRIEF])
def test_label_preferences_puts_the_better_answer_first(learner, asked, principles):
    """A label is (prompt, chosen, rejected, p of the chosen), in the order of the prompts."""
    expected = labels(*asked, principles, 0.5)
    agree(learner.label_preferences(*asked, judge, principles), expected)


@extra("label_preferences", weight=2)
@given(questions(), SURE, st.sampled_from([0.5625, 0.65, 0.75]))
@example(TELLING, [BRIEF], 0.6)
@example(TELLING, [LONG], 0.65)
def test_label_preferences_drops_what_is_unsure(learner, asked, principles, threshold):
    """Only labels whose p exceeds the threshold are kept."""
    expected = labels(*asked, principles, threshold)
    agree(learner.label_preferences(*asked, judge, principles, threshold), expected)


@extra("label_preferences")
@given(st.sampled_from(["aaa", "", "aaaaaaaa"]))
def test_label_preferences_drops_even_verdicts(learner, answer):
    """At the default threshold, a p of exactly 1/2 is no label."""
    agree(learner.label_preferences(["Hi"], [(answer, answer)], judge, [BRIEF]), [])


@extra("label_preferences")
@given(st.sampled_from([("a", "aaa"), ("aaa", "a")]))
def test_label_preferences_wants_more_than_the_threshold(learner, pair):
    """A p that equals the threshold is dropped."""
    agree(learner.label_preferences(["Hi"], [pair], judge, [BRIEF], threshold=0.625), [])
    label = ("Hi", "a", "aaa", 0.625)
    agree(learner.label_preferences(["Hi"], [pair], judge, [BRIEF], threshold=0.62), [label])


@extra("label_preferences")
def test_label_preferences_does_not_fall_for_the_position(learner):
    """A judge that only looks at the position labels nothing."""
    agree(learner.label_preferences(*TELLING, lambda *args: 0.875, [BRIEF]), [])


@extra("label_preferences")
def test_label_preferences_lets_exceptions_through(learner):
    """An exception of the judge comes out unchanged."""

    def fails(*args):
        raise RuntimeError("the model is down")

    passes_through(learner.attempt("label_preferences", *TELLING, fails, [BRIEF]))


BAD_THRESHOLDS = st.sampled_from([0.4, 1.0, -0.5, 1.5])


@extra("label_preferences")
@given(BAD_THRESHOLDS)
@example(0.4)
@example(1.0)
def test_label_preferences_refuses_a_bad_threshold(learner, threshold):
    """A threshold outside [0.5, 1) raises ValueError."""
    rejects(learner.attempt("label_preferences", *TELLING, judge, [BRIEF], threshold))


@extra("label_preferences")
@given(st.sampled_from([(["Hi"], []), (["Hi"], [("a", "b"), ("c", "d")])]))
@example((["Hi"], []))
@example((["Hi"], [("a", "b"), ("c", "d")]))
def test_label_preferences_refuses_unequal_lengths(learner, unequal):
    """Prompts without a pair, or pairs without a prompt, raise ValueError."""
    rejects(learner.attempt("label_preferences", *unequal, judge, [BRIEF]))


@extra("label_preferences")
def test_label_preferences_refuses_no_principles(learner):
    """Without a principle there is nothing to judge by: ValueError."""
    rejects(learner.attempt("label_preferences", *TELLING, judge, []))


@extra("label_preferences")
def test_label_preferences_names_the_bad_argument(learner):
    """The message of the ValueError names threshold, principles, or prompts or pairs."""
    call = learner.attempt("label_preferences", *TELLING, judge, [BRIEF], 1.0)
    rejects(call, naming="threshold")
    rejects(learner.attempt("label_preferences", *TELLING, judge, []), naming="principles")
    call = learner.attempt("label_preferences", ["Hi"], [], judge, [BRIEF])
    try:
        rejects(call, naming="prompts")
    except Falsified:
        rejects(call, naming="pairs")


@extra("label_preferences")
def test_label_preferences_leaves_its_input(learner):
    """The function changes none of the lists."""
    untouched(learner.attempt("label_preferences", *TELLING, judge, [BRIEF]))


# --- soft_preference_loss


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


@st.composite
def soft_pairs(draw):
    """Rewards of A and B, and targets: eighths, the ends included."""
    rewards = draw(batches(2, sizes()))
    eighths = st.lists(st.integers(0, 8), min_size=len(rewards[0]), max_size=len(rewards[0]))
    return (*rewards, f64(*draw(eighths)) / 8)


SOFT = (f64(1.5, -0.5, 0.75), f64(-0.5, 2.5, 0.25), f64(0.75, 0.125, 1.0))


def soft_loss(a: Tensor, b: Tensor, target: Tensor) -> Tensor:
    """Minus the expected log-likelihood of a winner who is drawn from the target."""
    terms = [
        t * math.log1p(math.exp(-gap)) + (1 - t) * math.log1p(math.exp(gap))
        for gap, t in zip((a - b).tolist(), target.tolist(), strict=True)
    ]
    return f64(sum(terms) / len(terms))[0]


@core("soft_preference_loss")
@given(soft_pairs())
@example((f64(1.5), f64(-0.5), f64(0.75)))
@example(SOFT)
def test_soft_preference_loss_weighs_both_outcomes(learner, pairs):
    """The loss is the mean of -t log sigmoid(gap) - (1 - t) log sigmoid(-gap), gap = A - B."""
    agree(learner.soft_preference_loss(*pairs), soft_loss(*pairs))


@extra("soft_preference_loss", weight=3)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0]), st.sampled_from([0.0, 0.25, 1.0]))
@example(1e4, 1.0)
@example(-1e4, 0.0)
@example(1e4, 0.25)
def test_soft_preference_loss_is_stable(learner, gap, t):
    """For gaps of +-1e4 the loss and its gradient are finite, and accurate."""
    a, b, target = f64(gap), f64(0.0), f64(t)
    expected = (1 - t) * max(gap, 0.0) + t * max(-gap, 0.0)
    agree(learner.soft_preference_loss(a, b, target), f64(expected)[0], scale=abs(gap))
    by_a, by_b = learner.gradient("soft_preference_loss", a, b, target, wrt=(0, 1))
    finite(by_a, by_b)
    agree(by_a, f64((gap > 0) - t), scale=abs(gap))
    agree(by_b, f64(t - (gap > 0)), scale=abs(gap))


@extra("soft_preference_loss", weight=2)
@given(soft_pairs())
@example(SOFT)
def test_soft_preference_loss_pulls_towards_the_target(learner, pairs):
    """The gradient is (sigmoid(gap) - target) / B in the reward of A, the opposite in that of B."""
    a, b, target = pairs
    expected = (torch.sigmoid(a - b) - target) / len(a)
    by_a, by_b = learner.gradient("soft_preference_loss", a, b, target, wrt=(0, 1))
    agree(by_a, expected)
    agree(by_b, -expected)


@extra("soft_preference_loss")
@given(batches(2, sizes()))
def test_soft_preference_loss_rests_where_the_judge_is_matched(learner, rewards):
    """Where sigmoid(gap) equals the target, the gradient is 0."""
    a, b = rewards
    gradient = learner.gradient("soft_preference_loss", a, b, torch.sigmoid(a - b), wrt=0)
    agree(gradient, torch.zeros_like(a))


@extra("soft_preference_loss")
@given(soft_pairs(), numbers(-5, 5))
@example(SOFT, 1.0)
def test_soft_preference_loss_does_not_care_which_is_called_a(learner, pairs, shift):
    """A and B may be swapped if the target is turned into 1 - target; a common shift cancels."""
    a, b, target = pairs
    loss = learner.soft_preference_loss(a, b, target)
    agree(learner.soft_preference_loss(b + shift, a + shift, 1 - target), loss)


@extra("soft_preference_loss")
def test_soft_preference_loss_keeps_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    loss = learner.soft_preference_loss(*(x.float() for x in SOFT))
    keeps_dtype(loss, torch.float32)
    agree(loss, soft_loss(*SOFT).float())


@extra("soft_preference_loss")
def test_soft_preference_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("soft_preference_loss", *SOFT))
