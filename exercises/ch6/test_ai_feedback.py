"""Worked examples for AI feedback: a judge that likes short texts, and the one it reads first."""

from torch import tensor

from assay.judging import agree, rejects
from assay.properties import worked


def judge(prompt, first, second, principle):
    return 0.875 if len(first) < len(second) else 0.375


@worked("ai_preference")
def test_both_orders_cancel_the_position_bias(learner):
    """A is shorter: (0.875 + 1 - 0.375) / 2 = 0.75."""
    agree(learner.ai_preference("Hi", "Hello.", "Hello to you too.", judge, ["Be brief."]), 0.75)


@worked("ai_preference")
def test_swapping_the_answers_turns_p_into_1_minus_p(learner):
    """The same pair the other way round: 0.25."""
    agree(learner.ai_preference("Hi", "Hello to you too.", "Hello.", judge, ["Be brief."]), 0.25)


@worked("label_preferences")
def test_a_label_carries_the_probability_of_the_chosen_answer(learner):
    """The shorter answer is B, with probability 0.75: it comes first, and 0.75 is written down."""
    labels = learner.label_preferences(["Hi"], [("Good, and you?", "Fine.")], judge, ["Be brief."])
    agree(labels, [("Hi", "Fine.", "Good, and you?", 0.75)])


@worked("label_preferences")
def test_an_even_verdict_is_no_label(learner):
    """Two equally long answers get p = 0.5, which does not exceed the threshold."""
    agree(learner.label_preferences(["Hi"], [("Fine.", "Well.")], judge, ["Be brief."]), [])


@worked("label_preferences")
def test_a_threshold_of_1_would_keep_nothing(learner):
    """A threshold outside [0.5, 1) is refused with a ValueError."""
    pairs = [("Good, and you?", "Fine.")]
    rejects(learner.attempt("label_preferences", ["Hi"], pairs, judge, ["Be brief."], 1.0))


@worked("soft_preference_loss")
def test_three_quarters_of_a_win_by_two(learner):
    """Gap 2, target 0.75: 0.75 * 0.1269 + 0.25 * 2.1269 = 0.6269."""
    loss = learner.soft_preference_loss(tensor([1.5]), tensor([-0.5]), tensor([0.75]))
    agree(loss, tensor(0.6269), digits=4)


@worked("soft_preference_loss")
def test_a_sure_target_gives_the_ordinary_loss(learner):
    """Target 1 is the loss of a pair won by 2, 0.1269; target 0 that of one lost by 2, 2.1269."""
    rewards = tensor([1.5, 1.5]), tensor([-0.5, -0.5])
    loss = learner.soft_preference_loss(*rewards, tensor([1.0, 0.0]))
    agree(loss, tensor(1.1269), digits=4)
