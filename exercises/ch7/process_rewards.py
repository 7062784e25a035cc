"""Process reward models: labels, scores and the loss for single steps of a reasoning chain."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def step_labels(first_error: int | None, n_steps: int) -> np.ndarray:
    """Turn "the first mistake is in this step" into one label per step.

    An annotator reads a chain of reasoning from the top and stops at the first wrong step. Whatever
    is built on a wrong step is not trusted either, so every later step is labelled 0 as well:

        label[t] = 1   for t < first_error
        label[t] = 0   for t >= first_error

    Args:
        first_error: index of the first wrong step, counted from 0; None when every step is right
            (a number here, not the function `first_error` below, which finds it).
        n_steps: number of steps in the chain.

    Returns:
        Float array of shape (n_steps,).

    Raises:
        ValueError: `first_error` is not None and lies outside 0 ... n_steps - 1
            (a negative index does not count from the end).

    Example:
        >>> step_labels(2, 5).tolist()
        [1.0, 1.0, 0.0, 0.0, 0.0]
        >>> step_labels(None, 3).tolist()
        [1.0, 1.0, 1.0]

    Source: Lightman et al. 2023, "Let's verify step by step" (labels up to the first error);
        Uesato et al. 2022.
    """
    raise NotImplementedError("write step_labels here")


def first_error(step_scores: Sequence[float] | np.ndarray, threshold: float = 0.5) -> int | None:
    """Find the step in which a chain of reasoning first goes wrong, as the scores see it.

        first_error = smallest t with step_scores[t] < threshold

    A score equal to the threshold still counts as right. What follows the first bad step does not
    matter, however good or bad it scores.

    Args:
        step_scores: list or array of n_steps numbers, the score of each step in order.
        threshold: scores strictly below it are errors.

    Returns:
        The index of the step, counted from 0, or None when no score lies below the threshold
        (so also for a chain without steps).

    Example:
        >>> first_error([0.9, 0.8, 0.3, 0.7, 0.1])
        2
        >>> first_error([0.9, 0.5]) is None
        True

    Source: Lightman et al. 2023 (the first error is what a process reward model is trained on).
    """
    raise NotImplementedError("write first_error here")


def monte_carlo_step_values(outcomes: np.ndarray, kind: str = "soft") -> np.ndarray:
    """Label the steps of a chain without an annotator: finish it many times and count successes.

    After each step the model itself completes the chain n_rollouts times. outcomes[t, k] says
    whether the k-th completion that starts after step t reaches the right final answer:

        soft[t] = share of the rollouts k with outcomes[t, k] true
        hard[t] = 1 if outcomes[t, k] is true for at least one k, else 0

    Soft values say how promising the chain is so far; hard values only ask whether the right answer
    can still be reached. Each step is judged by its own rollouts alone.

    Args:
        outcomes: bool array of shape (n_steps, n_rollouts).
        kind: "soft" or "hard".

    Returns:
        Float array of shape (n_steps,) with values in [0, 1].

    Raises:
        ValueError: `kind` is neither "soft" nor "hard"; `outcomes` has no rollouts
            (n_rollouts = 0), for either kind.

    Example:
        >>> outcomes = np.array([[True, True, True, False],
        ...                      [False, True, False, False],
        ...                      [False, False, False, False]])
        >>> monte_carlo_step_values(outcomes).tolist()
        [0.75, 0.25, 0.0]
        >>> monte_carlo_step_values(outcomes, kind="hard").tolist()
        [1.0, 1.0, 0.0]

    Source: Wang et al. 2023, "Math-Shepherd" (soft and hard estimation).
    """
    raise NotImplementedError("write monte_carlo_step_values here")


def aggregate_step_scores(step_scores: Sequence[float] | np.ndarray, method: str = "min") -> float:
    """Boil the scores of the steps down to one score for the whole chain.

        "min"       the worst step: a chain is as strong as its weakest link
        "product"   s_1 * s_2 * ... * s_n: the chance that every step is right,
                    if the scores are probabilities of independent steps
        "mean"      the average step: forgiving, good steps hide a bad one
        "last"      the last step only: what an outcome reward model looks at

    Args:
        step_scores: list or array of n_steps >= 1 numbers in [0, 1]. They may come in low precision
            (float16 or float32, as from a network): the arithmetic is always done in float64, where
            the product of 500 steps of 0.5 is a number and not yet 0.
        method: "min", "product", "mean" or "last".

    Returns:
        The score of the chain, a float. One step with score 0 makes "min" and "product" exactly 0.

    Raises:
        ValueError: `step_scores` is empty, or `method` is none of the four.

    Example:
        >>> scores = [0.9, 0.8, 0.5, 1.0]
        >>> [round(aggregate_step_scores(scores, m), 4) for m in ("min", "product", "mean", "last")]
        [0.5, 0.36, 0.8, 1.0]

    Source: Lightman et al. 2023 (product and minimum); Wang et al. 2023 (minimum).
    """
    raise NotImplementedError("write aggregate_step_scores here")


def prm_loss(step_logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Train a process reward model: cross-entropy between its step scores and the step labels.

    The model says sigma(x) for the probability that a step is right, x being its logit, and y is
    the label. The loss is one mean over all steps of the batch that count, not row by row:

        loss = mean over the steps that count of  - y * log sigma(x) - (1 - y) * log sigma(-x)

    Chains differ in length, and often only the steps up to the first error are labelled: the mask
    marks the steps that count.

    Args:
        step_logits: (B, S), float; any real numbers, correct also for logits as large as +-1e4
            (log(sigmoid(x)) is not).
        labels: (B, S), float of the same dtype, in [0, 1]: hard labels or soft Monte-Carlo values.
        mask: (B, S), bool, int or float: 1 for a step that counts, 0 for one that does not.
            Logits and labels where the mask is 0 may be inf or nan and must not matter.

    Returns:
        Scalar tensor of shape () in the dtype of `step_logits`; 0 (still part of the graph) when
        no step counts. A logit where the mask is 0 gets a gradient of exactly 0, one of the N
        steps that count (sigma(x) - y) / N, at x = 0 too: a model starts there.

    Example:
        >>> logits = torch.tensor([[2.0, -1.0, 7.0]])
        >>> labels = torch.tensor([[1.0, 0.0, 0.0]])
        >>> mask = torch.tensor([[1, 1, 0]])      # (0.1269 + 0.3133) / 2
        >>> round(prm_loss(logits, labels, mask).item(), 4)
        0.2201

    Source: Lightman et al. 2023; Wang et al. 2023 (their PRM loss).
    """
    raise NotImplementedError("write prm_loss here")
