"""Worked examples for mitigations: numbers small enough to check by hand."""

import numpy as np

from assay.judging import agree, rejects
from assay.properties import worked

QUARREL = np.array([[1.0, 4.0], [1.0, 0.0]])  # two models, which quarrel over the second response


@worked("ensemble_reward")
def test_the_mean_ignores_the_quarrel(learner):
    """Rewards 4 and 0 have the mean 2: more than the 1 on which both models agree."""
    agree(learner.ensemble_reward(QUARREL, "mean"), np.array([1.0, 2.0]))


@worked("ensemble_reward")
def test_the_worst_opinion_is_cautious(learner):
    """The worst opinion of the second response is 0."""
    agree(learner.ensemble_reward(QUARREL, "worst"), np.array([1.0, 0.0]))


@worked("ensemble_reward")
def test_disagreement_has_a_price(learner):
    """4 and 0 have the biased variance 4 (divided by K = 2): at penalty 1/4, 2 − 1 = 1."""
    agree(learner.ensemble_reward(QUARREL, "uncertainty", penalty=0.25), np.array([1.0, 1.0]))


@worked("length_normalized_reward")
def test_the_shorter_response_earns_more_per_token(learner):
    """2 points for 4 tokens are 0.5 a token, 3 points for 12 tokens only 0.25."""
    reward = learner.length_normalized_reward(np.array([2.0, 3.0]), np.array([4, 12]))
    agree(reward, np.array([0.5, 0.25]))


@worked("length_normalized_reward")
def test_an_empty_response_has_no_reward_per_token(learner):
    """A length of 0 is a ValueError, not infinity."""
    rejects(learner.attempt("length_normalized_reward", np.array([2.0, 3.0]), np.array([4, 0])))


@worked("remove_length_bias")
def test_ten_tokens_more_bring_nothing_any_more(learner):
    """The line rises by 1 point per 10 tokens; without it, only the second response stands out."""
    corrected = learner.remove_length_bias(np.array([1.0, 2.75, 3.0]), np.array([10, 20, 30]))
    agree(corrected, np.array([2.0, 2.75, 2.0]))


@worked("remove_length_bias")
def test_equal_lengths_explain_nothing(learner):
    """Where all lengths are equal, the rewards come back unchanged."""
    agree(
        learner.remove_length_bias(np.array([1.0, 5.0]), np.array([20, 20])), np.array([1.0, 5.0])
    )


@worked("find_exploits")
def test_the_two_largest_gaps(learner):
    """The gaps are 0, 2, −1 and 2: responses 1 and 3, the earlier one first."""
    exploits = learner.find_exploits(
        np.array([1.0, 3.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0, 0.0]), 2
    )
    agree(exploits, np.array([1, 3]))


@worked("find_exploits")
def test_no_exploits_wanted_none_given(learner):
    """k = 0 gives an empty list."""
    agree(learner.find_exploits(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 0), np.array([]))


@worked("find_exploits")
def test_more_exploits_than_responses_are_refused(learner):
    """k = 3 of 2 responses is a ValueError."""
    rejects(learner.attempt("find_exploits", np.array([1.0, 3.0]), np.array([1.0, 1.0]), 3))


@worked("refresh_reward_model")
def test_two_rounds_of_a_toy(learner):
    """Policy 1, labels double the samples, the reward is their sum: 1 + 2 = 3, then 3 + 8 = 11."""
    policy = learner.refresh_reward_model(
        1,
        2,
        lambda policy: [policy],
        lambda samples: [2 * sample for sample in samples],
        sum,
        lambda policy, reward: policy + reward,
    )
    agree(policy, 11)


@worked("refresh_reward_model")
def test_no_round_no_change(learner):
    """With 0 rounds the policy comes back as it was, and nothing is called."""

    def never(*_):
        raise AssertionError("nothing should be called in 0 rounds")

    agree(learner.refresh_reward_model(5, 0, never, never, never, never), 5)
