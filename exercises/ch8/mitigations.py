"""Mitigations: rewards that are harder to hack, and a loop that keeps up with the policy."""

from collections.abc import Callable
from typing import Any

import numpy as np


def ensemble_reward(rewards: np.ndarray, method: str = "mean", penalty: float = 0.0) -> np.ndarray:
    """Combine the opinions of several reward models, so that no single blind spot decides.

    Member k of the ensemble gives response i the reward r[k, i]. Over the K members,

        "mean":         mean_k r[k, i]
        "worst":        min_k r[k, i]
        "uncertainty":  mean_k r[k, i] − penalty · var_k r[k, i]

    where the variance is the biased one, var = mean_k (r[k, i] − mean_k r[k, i])², divided by K and
    not by K − 1. "worst" and "uncertainty" are conservative: where the members disagree, they
    distrust the response.

    Args:
        rewards: (K, N) rewards of K reward models for N responses, K at least 1.
        method: "mean", "worst" or "uncertainty".
        penalty: price of disagreement, used by "uncertainty" only.

    Returns:
        (N,) array of combined rewards. The variance is accurate to 1e-6 also where all rewards
        share an offset of up to 1e8. The argument is left unchanged.

    Raises:
        ValueError: `method` is none of the three, or `rewards` has no member (K = 0). The message
            names the argument.

    Example:
        Two members agree on the first response and quarrel over the second:

        >>> rewards = np.array([[1.0, 4.0], [1.0, 0.0]])
        >>> ensemble_reward(rewards, "mean").tolist()
        [1.0, 2.0]
        >>> ensemble_reward(rewards, "worst").tolist()
        [1.0, 0.0]
        >>> ensemble_reward(rewards, "uncertainty", penalty=0.25).tolist()
        [1.0, 1.0]

    Source: Coste et al. 2023.
    """
    raise NotImplementedError("write ensemble_reward here")


def length_normalized_reward(reward: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Reward per token, so that a response can't earn more by being longer alone.

        normalized_i = reward_i / lengths_i

    Args:
        reward: (N,) rewards of whole responses.
        lengths: (N,) number of tokens of each response, at least 1.

    Returns:
        (N,) array of rewards per token. The arguments are left unchanged.

    Raises:
        ValueError: some length is below 1 (the message names `lengths`), or `reward` and `lengths`
            differ in length (it names one of them).

    Example:
        The second response earns more in total, the first more per token:

        >>> length_normalized_reward(np.array([2.0, 3.0]), np.array([4, 12])).tolist()
        [0.5, 0.25]
    """
    raise NotImplementedError("write length_normalized_reward here")


def remove_length_bias(rewards: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Take out of the rewards what a straight line in the length explains.

    Fit the least-squares line of reward on length over the N responses; keep what it leaves over,
    and put the mean reward back:

        slope     = Σ (lengths − mean length)(rewards − mean reward) / Σ (lengths − mean length)²
        line_i    = mean reward + slope · (lengths_i − mean length)
        result_i  = rewards_i − line_i + mean reward

    The result has the mean of the rewards and no linear relation to the length. Unlike a division
    by the length, this leaves rewards alone that have nothing to do with length.

    Args:
        rewards: (N,) rewards, N at least 1.
        lengths: (N,) number of tokens of each response.

    Returns:
        (N,) array of corrected rewards. Where all lengths are equal (so also for N = 1) there is no
        line to fit, and the rewards come back as they are. The arguments are left unchanged.

    Raises:
        ValueError: `rewards` and `lengths` differ in length or are empty. The message names one of
            them.

    Example:
        Every 10 tokens brought 1 point; the second response is half a point better than its length
        alone would make it, its neighbours a quarter worse:

        >>> remove_length_bias(np.array([1.0, 2.75, 3.0]), np.array([10, 20, 30])).tolist()
        [2.0, 2.75, 2.0]

    Source: Singhal et al. 2023 (how much of a reward is length); compare Huang et al. 2024, who fit
    a curve where this takes a line.
    """
    raise NotImplementedError("write remove_length_bias here")


def find_exploits(proxy: np.ndarray, gold: np.ndarray, k: int) -> list[int]:
    """The k responses that the proxy overrates most: what to label next in adversarial training.

        gap_i = proxy_i − gold_i

    Args:
        proxy: (N,) proxy rewards.
        gold: (N,) gold rewards of the same responses.
        k: how many to find, from 0 to N.

    Returns:
        k indices, counted from 0, the largest gap first; of equal gaps the earlier index first.
        k = 0 gives none. A list or an array. The arguments are left unchanged.

    Raises:
        ValueError: `k` is below 0 or above N (the message names `k`), or `proxy` and `gold` differ
            in length (it names one of them).

    Example:
        The gaps are 0, 2, −1 and 2:

        >>> proxy, gold = np.array([1.0, 3.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0, 0.0])
        >>> find_exploits(proxy, gold, k=2)
        [1, 3]

    Source: the search step of adversarial training, compare Perez et al. 2022 (red teaming).
    """
    raise NotImplementedError("write find_exploits here")


def refresh_reward_model(
    policy: Any,
    rounds: int,
    sample: Callable[[Any], Any],
    label: Callable[[Any], list],
    fit: Callable[[list], Any],
    optimize: Callable[[Any, Any], Any],
) -> Any:
    """Retrain the reward model again and again on what the policy does now.

    A reward model is only right about responses like those it was trained on, and the policy walks
    away from those. So each round

        samples  = sample(policy)               with the policy of this round
        labelled = all labelled data so far, then label(samples)
        reward   = fit(labelled)
        policy   = optimize(policy, reward)     with the policy and the reward of this round

    Args:
        policy: the policy to start with; any object.
        rounds: how many rounds, at least 0.
        sample: sample(policy) → samples.
        label: label(samples) → list of labelled examples.
        fit: fit(labelled) → reward model. It gets one flat list of all examples of all rounds so
            far, the oldest first.
        optimize: optimize(policy, reward) → the next policy.

    Returns:
        The policy after the last round; the given `policy` for rounds = 0.

        Each callable is called exactly once a round, in this order, with positional arguments. The
        lists that `label` returns are never changed: they belong to the labeller. Any object can be
        a policy or a reward model, also one that counts as false, such as 0. An exception of a
        callable passes through.

    Example:
        A toy: the policy is a number, samples are that number, labels double it, the "reward model"
        is the sum of all labels so far, and optimising adds it. Round 1: 1 + 2 = 3.
        Round 2: 3 + (2 + 6) = 11.

        >>> refresh_reward_model(
        ...     policy=1,
        ...     rounds=2,
        ...     sample=lambda policy: [policy],
        ...     label=lambda samples: [2 * s for s in samples],
        ...     fit=sum,
        ...     optimize=lambda policy, reward: policy + reward,
        ... )
        11

    Source: the iterated schedules of Ziegler et al. 2019 and of Bai et al. 2022.
    """
    raise NotImplementedError("write refresh_reward_model here")
