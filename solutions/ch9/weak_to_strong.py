"""Weak-to-strong generalisation: a strong student learns from a weak supervisor's labels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def performance_gap_recovered(weak: float, weak_to_strong: float, strong: float) -> float:
    """Share of the gap between weak and strong that weak supervision recovers (PGR).

        PGR = (weak_to_strong - weak) / (strong - weak)

    0 means that the student is no better than its supervisor, 1 that the weak labels cost it
    nothing. The value is not clipped: it is negative for a student worse than its supervisor and
    above 1 for one better than the ceiling. A measure where less is better, such as a loss, works
    as it is: both differences change their sign.

    Args:
        weak: performance of the weak supervisor, for example its accuracy.
        weak_to_strong: performance of the strong student trained on the weak labels.
        strong: the ceiling: performance of the strong model trained on true labels.

    Returns:
        The share, a float.

    Raises:
        ValueError: if `weak` and `strong` are exactly equal: there is no gap to recover.

    Example:
        >>> round(performance_gap_recovered(weak=0.60, weak_to_strong=0.72, strong=0.90), 4)
        0.4

    Source:
        Burns et al. 2023, Weak-to-strong generalization.
    """
    ### BEGIN SOLUTION
    if weak == strong:
        raise ValueError(f"weak and strong must differ, both are {weak}")
    return (weak_to_strong - weak) / (strong - weak)
    ### END SOLUTION


def confidence_loss(strong_logits: Tensor, weak_labels: Tensor, alpha: float) -> Tensor:
    """Cross-entropy with weak labels, plus trust of the student in its own best guess.

        loss = (1 - alpha) * CE(logits, weak_labels) + alpha * CE(logits, own_labels)
        own_labels = argmax of the logits over the classes, a constant
        CE(logits, labels) = mean over the batch of -log softmax(logits)[label]

    The first term alone teaches the student its supervisor's errors too; the second lets it
    disagree where it is sure. The guess is a hard label, not the student's probabilities, and the
    first of equals where logits tie; no gradient flows through the choice. (Burns et al. harden
    with a threshold that balances the classes; here it is the plain argmax.)

    The loss is stable for logits up to ±1e4 and keeps the dtype of the logits.

    Args:
        strong_logits: (B, C) float tensor, the student's logits; B >= 1.
        weak_labels: (B,) int64 tensor, the supervisor's classes.
        alpha: weight of the student's own guess, in [0, 1].

    Returns:
        The loss, a scalar tensor of shape ().

    Raises:
        ValueError: if `alpha` lies outside [0, 1].

    Example:
        >>> loss = confidence_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([1]), alpha=0.5)
        >>> round(loss.item(), 4)  # halfway between 2.1269 and 0.1269
        1.1269

    Source:
        Burns et al. 2023, Weak-to-strong generalization, auxiliary confidence loss.
    """
    ### BEGIN SOLUTION
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    own_labels = torch.argmax(strong_logits, dim=-1)  # whole numbers: no gradient flows through
    weak_term = F.cross_entropy(strong_logits, weak_labels)
    own_term = F.cross_entropy(strong_logits, own_labels)
    return (1 - alpha) * weak_term + alpha * own_term
    ### END SOLUTION
