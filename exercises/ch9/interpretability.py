"""Looking inside: a linear probe, the ablation of what it finds, and the worst group."""

import numpy as np


def difference_of_means_probe(
    activations: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, float]:
    """The direction in which two classes of activations differ, and where to cut between them.

        direction = (mean_true - mean_false) / ‖mean_true - mean_false‖
        bias = -direction · (mean_true + mean_false) / 2

    with mean_true the mean activation of the rows with label True and mean_false of those with
    label False, each class by itself, however many rows it has. A row x is read as True where
    direction · x + bias > 0: the cut passes through the midpoint of the two means.

    No threshold and no eps: any difference of the means with a length from 1e-100 to 1e100 has a
    direction.

    Args:
        activations: (N, D) array, one row for each example.
        labels: (N,) bool array.

    Returns:
        (direction, bias): a (D,) array of length 1 and a float.

    Raises:
        ValueError: if `labels` holds one class only (or nothing), or if the means of the
            `activations` of the two classes are equal.

    Example:
        >>> activations = np.array([[3.0, 2.0], [5.0, 2.0], [1.0, -2.0]])
        >>> direction, bias = difference_of_means_probe(activations, np.array([True, True, False]))
        >>> direction.round(4), round(bias, 4)
        (array([0.6, 0.8]), -1.5)

    Source:
        Marks and Tegmark 2023, The geometry of truth (mass-mean probes).
    """
    raise NotImplementedError("write difference_of_means_probe here")


def ablate_direction(activations: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Remove from each row its component along a direction.

        row' = row - (row · u) u,    u = direction / ‖direction‖

    What remains is orthogonal to the direction: a linear readout along it finds nothing.
    Only the line matters, so the direction may have any length from 1e-100 to 1e100 (no eps in
    the norm) and either sign.

    Args:
        activations: (N, D) array, one row for each example.
        direction: (D,) array, not necessarily of length 1.

    Returns:
        (N, D) array.

    Raises:
        ValueError: if `direction` is zero.

    Example:
        >>> ablate_direction(np.array([[2.0, 0.0], [3.0, 3.0]]), np.array([5.0, 5.0])).round(4)
        array([[ 1., -1.],
               [ 0.,  0.]])

    Source:
        Ravfogel et al. 2020, Null it out; Arditi et al. 2024, Refusal in language models is
        mediated by a single direction.
    """
    raise NotImplementedError("write ablate_direction here")


def worst_group_accuracy(correct: np.ndarray, groups: np.ndarray) -> float:
    """The accuracy in the group where it is lowest: what an average can hide.

        min over groups g of (number correct in g) / (number in g)

    Only groups that occur count, and a small group counts as much as a large one.

    Args:
        correct: (N,) bool array: was the example answered correctly?
        groups: (N,) int array: the group of each example; any ints, not necessarily 0, 1, 2, ...

    Returns:
        The lowest accuracy, a float in [0, 1].

    Raises:
        ValueError: if `correct` is empty, or if `correct` and `groups` have different lengths.

    Example:
        >>> correct = np.array([True, True, True, False])
        >>> worst_group_accuracy(correct, np.array([0, 0, 7, 7]))
        0.5

    Source:
        Sagawa et al. 2020, Distributionally robust neural networks for group shifts.
    """
    raise NotImplementedError("write worst_group_accuracy here")
