"""Worked examples for process rewards: numbers small enough to check by hand."""

import numpy as np
from torch import inf, nan, tensor

from assay.judging import agree, rejects
from assay.properties import worked


@worked("step_labels")
def test_step_labels_are_zero_from_the_first_error_on(learner):
    """With the first mistake in step 2 of 5, steps 0 and 1 are right, all others are not."""
    agree(learner.step_labels(2, 5), np.array([1.0, 1.0, 0.0, 0.0, 0.0]))


@worked("step_labels")
def test_step_labels_of_a_chain_without_mistake(learner):
    """Without a mistake every label is 1; with one in the very first step every label is 0."""
    agree(learner.step_labels(None, 3), np.array([1.0, 1.0, 1.0]))
    agree(learner.step_labels(0, 3), np.array([0.0, 0.0, 0.0]))


@worked("step_labels")
def test_step_labels_reject_a_step_that_does_not_exist(learner):
    """A chain of 3 steps has the steps 0, 1 and 2: step 3 is a ValueError."""
    rejects(learner.attempt("step_labels", 3, 3))


@worked("first_error")
def test_first_error_is_the_first_low_score_not_the_lowest(learner):
    """Scores 0.9, 0.8, 0.3, 0.7, 0.1 go wrong in step 2, although step 4 scores lower."""
    agree(learner.first_error([0.9, 0.8, 0.3, 0.7, 0.1]), 2)


@worked("first_error")
def test_first_error_spares_a_score_at_the_threshold(learner):
    """A score equal to the threshold is no error, and without an error the answer is None."""
    agree(learner.first_error([0.9, 0.5]), None)


@worked("monte_carlo_step_values")
def test_soft_values_are_success_rates(learner):
    """3, 1 and 0 right answers in 4 rollouts are worth 0.75, 0.25 and 0."""
    agree(learner.monte_carlo_step_values(ROLLOUTS), np.array([0.75, 0.25, 0.0]))


@worked("monte_carlo_step_values")
def test_hard_values_ask_for_one_success(learner):
    """3, 1 and 0 right answers in 4 rollouts have the hard values 1, 1 and 0."""
    agree(learner.monte_carlo_step_values(ROLLOUTS, kind="hard"), np.array([1.0, 1.0, 0.0]))


@worked("monte_carlo_step_values")
def test_monte_carlo_needs_rollouts(learner):
    """Without a single rollout there is nothing to estimate from: a ValueError."""
    rejects(learner.attempt("monte_carlo_step_values", np.zeros((3, 0), dtype=bool)))


@worked("aggregate_step_scores")
def test_four_ways_to_grade_a_chain(learner):
    """Steps of 0.9, 0.8, 0.5 and 1.0: minimum 0.5, product 0.36, mean 0.8, last 1.0."""
    scores = [0.9, 0.8, 0.5, 1.0]
    agree(learner.aggregate_step_scores(scores, "min"), 0.5)
    agree(learner.aggregate_step_scores(scores, "product"), 0.36)
    agree(learner.aggregate_step_scores(scores, "mean"), 0.8)
    agree(learner.aggregate_step_scores(scores, "last"), 1.0)


@worked("aggregate_step_scores")
def test_chains_without_steps_have_no_score(learner):
    """An empty chain is a ValueError, and so is a method that is none of the four."""
    rejects(learner.attempt("aggregate_step_scores", []))
    rejects(learner.attempt("aggregate_step_scores", [0.5], "median"))


@worked("prm_loss")
def test_prm_loss_averages_over_the_steps_that_count(learner):
    """Logit 2 on a right step and -1 on a wrong one: (0.1269 + 0.3133) / 2 = 0.2201."""
    logits = tensor([[2.0, -1.0, 7.0]])
    labels = tensor([[1.0, 0.0, 0.0]])
    agree(learner.prm_loss(logits, labels, tensor([[1, 1, 0]])), tensor(0.2201), digits=4)


@worked("prm_loss")
def test_prm_loss_is_deaf_to_masked_garbage(learner):
    """Where the mask is 0, logits and labels of inf or nan change nothing."""
    logits = tensor([[2.0, -1.0, inf, nan]])
    labels = tensor([[1.0, 0.0, nan, 1.0]])
    agree(learner.prm_loss(logits, labels, tensor([[1, 1, 0, 0]])), tensor(0.2201), digits=4)


ROLLOUTS = np.array(
    [
        [True, True, True, False],
        [False, True, False, False],
        [False, False, False, False],
    ]
)
