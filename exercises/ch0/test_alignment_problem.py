"""Worked examples for the alignment problem: numbers small enough to check by hand."""

from math import inf, log

import numpy as np

from assay.judging import agree, rejects
from assay.properties import worked

BASE, REWARD = np.array([0.8, 0.2]), np.array([0.0, 1.0])


@worked("next_token_probs")
def test_three_times_the_weight_is_three_times_the_probability(learner):
    """Logits log 1 and log 3 give probabilities 1/4 and 3/4."""
    agree(learner.next_token_probs(np.log([1.0, 3.0])), np.array([0.25, 0.75]))


@worked("next_token_probs")
def test_half_the_temperature_squares_the_odds(learner):
    """At temperature 0.5, odds of 1 to 3 become 1 to 9."""
    probs = learner.next_token_probs(np.log([1.0, 3.0]), temperature=0.5)
    agree(probs, np.array([0.1, 0.9]))


@worked("next_token_probs")
def test_large_logits_do_not_overflow(learner):
    """Logits 1000 and 1000 are a coin toss, as 0 and 0 are."""
    agree(learner.next_token_probs(np.array([1000.0, 1000.0])), np.array([0.5, 0.5]))


@worked("next_token_probs")
def test_a_temperature_of_zero_is_refused(learner):
    """Temperature 0 would divide by zero: a ValueError."""
    rejects(learner.attempt("next_token_probs", np.array([0.0, 1.0]), temperature=0.0))


@worked("sequence_logprob")
def test_log_probabilities_of_the_tokens_add_up(learner):
    """A token of probability 3/4, then one of 1/2: log(3/8) = -0.9808."""
    logits = np.log([[1.0, 3.0], [2.0, 2.0]])
    agree(learner.sequence_logprob(logits, np.array([1, 0])), -0.9808, digits=4)


@worked("sequence_logprob")
def test_the_empty_text_is_certain(learner):
    """No tokens at all have probability 1, so log-probability 0."""
    agree(learner.sequence_logprob(np.zeros((0, 3)), np.zeros(0, dtype=int)), 0.0)


@worked("sequence_logprob")
def test_an_unlikely_token_keeps_a_finite_log(learner):
    """Of logits 0 and 1000, token 0 has log-probability -1000; its probability underflows to 0."""
    agree(learner.sequence_logprob(np.array([[0.0, 1000.0]]), np.array([0])), -1000.0)


@worked("kl_divergence")
def test_from_a_fair_coin_to_a_biased_one(learner):
    """KL([1/2, 1/2] || [1/4, 3/4]) = log(2)/2 + log(2/3)/2 = 0.1438; reversed, 0.1308."""
    fair, biased = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    agree(learner.kl_divergence(fair, biased), 0.1438, digits=4)
    agree(learner.kl_divergence(biased, fair), 0.1308, digits=4)


@worked("kl_divergence")
def test_what_p_never_says_costs_nothing(learner):
    """p = [1, 0] against q = [1/2, 1/2]: the second term counts 0, the first is log 2 = 0.6931."""
    agree(learner.kl_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])), log(2))


@worked("kl_divergence")
def test_what_q_never_says_costs_everything(learner):
    """p = [1/2, 1/2] against q = [1, 0] is infinitely far."""
    agree(learner.kl_divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])), inf)


@worked("expected_reward")
def test_a_rare_large_reward_balances_a_frequent_small_loss(learner):
    """0.8 times -1 and 0.2 times 4 make 0."""
    agree(learner.expected_reward(BASE, np.array([-1.0, 4.0])), 0.0)


@worked("expected_reward")
def test_one_mean_for_each_row(learner):
    """Two models, one reward: 0.2 for the first, 0.5 for the second."""
    probs = np.array([[0.8, 0.2], [0.5, 0.5]])
    agree(learner.expected_reward(probs, REWARD), np.array([0.2, 0.5]))


@worked("aligned_distribution")
def test_the_tilt_of_two_answers(learner):
    """0.8 · exp(0) to 0.2 · exp(1 / 0.5), rescaled to sum to 1: 0.3512 and 0.6488."""
    tilted = learner.aligned_distribution(BASE, REWARD, 0.5)
    agree(tilted, np.array([0.3512, 0.6488]), digits=4)


@worked("aligned_distribution")
def test_reward_cannot_create_an_answer(learner):
    """The second answer has the largest reward by far, and base 0: it stays at 0."""
    tilted = learner.aligned_distribution(
        np.array([0.5, 0.0, 0.5]), np.array([1.0, 900.0, 1.0]), 0.1
    )
    agree(tilted, np.array([0.5, 0.0, 0.5]))


@worked("aligned_distribution")
def test_a_beta_of_zero_is_refused(learner):
    """Beta 0 would divide by zero: a ValueError."""
    rejects(learner.attempt("aligned_distribution", BASE, REWARD, 0.0))


@worked("alignment_objective")
def test_staying_at_the_base_is_free(learner):
    """The base itself pays no price: its objective is its expected reward, 0.2."""
    agree(learner.alignment_objective(BASE, BASE, REWARD, 0.5), 0.2)


@worked("alignment_objective")
def test_the_even_mix_pays_for_its_distance(learner):
    """[1/2, 1/2] earns 0.5 and has moved by 0.2231 nats: 0.5 - 0.5 · 0.2231 = 0.3884."""
    even = np.array([0.5, 0.5])
    agree(learner.alignment_objective(even, BASE, REWARD, 0.5), 0.3884, digits=4)


@worked("alignment_objective")
def test_the_optimum_is_worth_beta_log_z(learner):
    """At the tilt (7 decimals of it) the objective is 0.5 · log(0.8 + 0.2 · e²) = 0.4116."""
    tilted = np.array([0.3512143, 0.6487857])
    agree(learner.alignment_objective(tilted, BASE, REWARD, 0.5), 0.4116, digits=4)
