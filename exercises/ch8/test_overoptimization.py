"""Worked examples for overoptimization: numbers small enough to check by hand."""

import numpy as np

from assay.judging import agree, rejects
from assay.properties import worked

CLIMB = np.array([0.0, 1.0, 2.0, 3.0])  # a proxy reward that only rises


@worked("best_of_n_kl")
def test_the_best_of_four_lies_log_4_minus_three_quarters_away(learner):
    """Picking the best of 4 moves the policy by log 4 − 3/4 = 0.6363 nats."""
    agree(learner.best_of_n_kl(4), 0.6363, digits=4)


@worked("best_of_n_kl")
def test_the_best_of_one_is_the_base_policy(learner):
    """With n = 1 nothing is selected: the divergence is 0."""
    agree(learner.best_of_n_kl(1), 0.0)


@worked("best_of_n_kl")
def test_the_best_of_none_is_refused(learner):
    """There is no best of 0 responses: ValueError."""
    rejects(learner.attempt("best_of_n_kl", 0))


@worked("gold_reward")
def test_best_of_n_pays_back_1_at_a_kl_of_4(learner):
    """With α = 1 and β = 1/4, kl = 4 means d = 2: 2 · (1 − 2/4) = 1 for best of n."""
    agree(learner.gold_reward(4.0, 1.0, 0.25, "bon"), 1.0)


@worked("gold_reward")
def test_rl_pays_back_more_at_the_same_kl(learner):
    """In reinforcement learning the loss grows with log d only: 2 · (1 − log 2 / 4) = 1.6534."""
    agree(learner.gold_reward(4.0, 1.0, 0.25, "rl"), 1.6534, digits=4)


@worked("gold_reward")
def test_both_curves_start_at_zero(learner):
    """At kl = 0 nothing was gained yet: 0, not nan, in an array as well."""
    agree(learner.gold_reward(np.array([0.0, 1.0]), 1.0, 0.25, "rl"), np.array([0.0, 1.0]))


@worked("peak_kl")
def test_best_of_n_peaks_at_a_kl_of_4(learner):
    """With α = 1 and β = 1/4, best of n does best at (1/(2/4))² = 4 nats."""
    agree(learner.peak_kl(1.0, 0.25, "bon"), 4.0)


@worked("peak_kl")
def test_rl_peaks_much_later(learner):
    """With the same numbers the curve for reinforcement learning peaks at exp(3)² = 403.4288."""
    agree(learner.peak_kl(1.0, 0.25, "rl"), 403.4288, digits=4)


@worked("peak_kl")
def test_without_overoptimization_there_is_no_peak(learner):
    """With β = 0 the gold reward never falls: there is no peak, so ValueError."""
    rejects(learner.attempt("peak_kl", 1.0, 0.0, "bon"))


@worked("optimize_proxy")
def test_a_small_penalty_serves_the_proxy_and_costs_gold(learner):
    """β = 1 gives the proxy's favourite 0.7311, β = 0.1 nearly 1; the gold reward drops to 0."""
    curves = learner.optimize_proxy(
        np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 0.1])
    )
    kl, proxy, gold = [0.1109, 0.6926], [0.7311, 1.0], [0.2689, 0.0]
    agree(curves, (np.array(kl), np.array(proxy), np.array(gold)), digits=4)


@worked("optimize_proxy")
def test_what_the_base_never_says_stays_unsaid(learner):
    """A response with base probability 0 stays at 0, however much the proxy likes it."""
    curves = learner.optimize_proxy(
        np.array([1.0, 0.0]), np.array([1.0, 9.0]), np.array([2.0, 0.0]), np.array([0.5])
    )
    agree(curves, (np.array([0.0]), np.array([1.0]), np.array([2.0])))


@worked("optimize_proxy")
def test_a_penalty_of_zero_is_refused(learner):
    """β must be positive: a 0 among the betas is a ValueError."""
    half = np.array([0.5, 0.5])
    rejects(learner.attempt("optimize_proxy", half, half, half, np.array([1.0, 0.0])))


@worked("overoptimization_step")
def test_gold_was_best_at_step_2(learner):
    """Gold peaks at step 2 and ends lower, the proxy ends higher: step 2."""
    agree(learner.overoptimization_step(CLIMB, np.array([0.0, 0.5, 0.8, 0.1])), 2)


@worked("overoptimization_step")
def test_a_run_that_ends_at_its_best_is_fine(learner):
    """Gold is highest at the last step: no overoptimization, None."""
    agree(learner.overoptimization_step(CLIMB, np.array([0.0, 0.5, 0.8, 0.9])), None)


@worked("overoptimization_step")
def test_a_run_that_lost_both_rewards_was_not_fooled(learner):
    """Gold fell, but so did the proxy: that is bad training, not overoptimization, so None."""
    agree(learner.overoptimization_step(np.array([0.0, 2.0, 1.0]), np.array([0.0, 0.8, 0.1])), None)
