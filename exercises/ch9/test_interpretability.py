"""Worked examples for probes and ablation: numbers small enough to check by hand."""

from numpy import array

from assay.judging import agree, rejects
from assay.properties import worked


@worked("difference_of_means_probe")
def test_the_probe_points_from_one_mean_to_the_other(learner):
    """Means (4, 2) and (1, -2) differ by (3, 4): direction (0.6, 0.8), bias -1.5."""
    activations = array([[3.0, 2.0], [5.0, 2.0], [1.0, -2.0]])
    direction, bias = learner.difference_of_means_probe(activations, array([True, True, False]))
    agree(direction, array([0.6, 0.8]))
    agree(bias, -1.5)


@worked("difference_of_means_probe")
def test_the_cut_lies_midway_between_the_means(learner):
    """Three rows at 10 and one at 0: the cut is at 5, not at the mean of all rows, 7.5."""
    activations = array([[10.0], [10.0], [10.0], [0.0]])
    labels = array([True, True, True, False])
    direction, bias = learner.difference_of_means_probe(activations, labels)
    agree(direction, array([1.0]))
    agree(bias, -5.0)


@worked("difference_of_means_probe")
def test_a_probe_needs_two_classes(learner):
    """Labels that are all True are a ValueError."""
    activations = array([[3.0, 2.0], [5.0, 2.0]])
    rejects(learner.attempt("difference_of_means_probe", activations, array([True, True])))


@worked("ablate_direction")
def test_what_lies_along_the_direction_is_gone(learner):
    """(2, 0) keeps (1, -1) when (5, 5) is projected out; (3, 3) keeps nothing."""
    kept = learner.ablate_direction(array([[2.0, 0.0], [3.0, 3.0]]), array([5.0, 5.0]))
    agree(kept, array([[1.0, -1.0], [0.0, 0.0]]))


@worked("ablate_direction")
def test_the_length_of_the_direction_does_not_matter(learner):
    """A direction of length 1e-100 removes as much as one of length 1."""
    agree(learner.ablate_direction(array([[3.0, 4.0]]), array([0.0, 1e-100])), array([[3.0, 0.0]]))


@worked("ablate_direction")
def test_zero_is_no_direction(learner):
    """The zero vector is a ValueError."""
    rejects(learner.attempt("ablate_direction", array([[3.0, 4.0]]), array([0.0, 0.0])))


@worked("worst_group_accuracy")
def test_the_average_hides_the_worst_group(learner):
    """Group 0 is always right, group 7 half of the time: 0.5, though the average is 0.75."""
    correct = array([True, True, True, False])
    agree(learner.worst_group_accuracy(correct, array([0, 0, 7, 7])), 0.5)


@worked("worst_group_accuracy")
def test_a_small_group_counts_as_much_as_a_large_one(learner):
    """A single wrong answer in a group of its own is an accuracy of 0."""
    correct = array([True, True, True, True, False])
    agree(learner.worst_group_accuracy(correct, array([1, 1, 1, 1, 2])), 0.0)


@worked("worst_group_accuracy")
def test_no_examples_have_no_accuracy(learner):
    """Empty arrays are a ValueError."""
    rejects(learner.attempt("worst_group_accuracy", array([], bool), array([], int)))
