"""What is true of a probe, of an ablation, and of the worst group."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import arrays, sizes
from assay.judging import Falsified, agree, rejects, untouched
from assay.properties import core, extra


def names_one_of(call, *names):
    """The call raises ValueError, and its message names at least one of these arguments."""
    for name in names[:-1]:
        try:
            rejects(call, naming=name)
        except Falsified:
            continue
        return
    rejects(call, naming=names[-1])


# --- difference_of_means_probe -------------------------------------------------------------------

#: Three rows of one class, whose mean is (4, 1), and one of the other.
ROWS = np.array([[3.0, 2.0], [1.0, -3.0], [6.0, -1.0], [3.0, 2.0]])
CLASSES = np.array([True, False, True, True])


@st.composite
def labelled(draw):
    count, width = draw(sizes(2, 5)), draw(sizes(1, 3))
    labels = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    labels[0] = not labels[-1]
    rows = draw(arrays(count, width))
    difference, _ = means(rows, np.array(labels))
    rows[-1] += 1.0 if not any(difference) else 0.0  # equal means have no direction
    return rows, np.array(labels)


def means(activations, labels):
    """Difference and midpoint of the two class means, feature by feature."""
    high, low = (
        [math.fsum(column) / len(column) for column in activations[labels == side].T]
        for side in (True, False)
    )
    both = list(zip(high, low, strict=True))
    return [a - b for a, b in both], [(a + b) / 2 for a, b in both]


def probe_of(activations, labels):
    difference, midpoint = means(activations, labels)
    length = math.hypot(*difference)
    direction = [d / length for d in difference]
    bias = -math.fsum(d * m for d, m in zip(direction, midpoint, strict=True))
    return np.array(direction), bias


@core("difference_of_means_probe")
@given(labelled())
@example((np.array([[3.0, 2.0], [5.0, 2.0], [1.0, -2.0]]), np.array([True, True, False])))
@example((ROWS, CLASSES))
@example((ROWS, ~CLASSES))
def test_probe_cuts_midway_between_the_class_means(learner, data):
    """The direction is mean_true - mean_false at length 1; the cut passes through the midpoint."""
    agree(learner.difference_of_means_probe(*data), probe_of(*data), atol=1e-5)


@extra("difference_of_means_probe", weight=3)
@given(st.sampled_from([1e-100, 1e-9, 1e9, 1e100]))
def test_probe_does_not_mind_the_scale(learner, scale):
    """Activations as small as 1e-100 or as large as 1e100 have a direction of length 1, too."""
    direction, bias = probe_of(ROWS, CLASSES)
    answer = learner.difference_of_means_probe(scale * ROWS, CLASSES)
    agree(answer, (direction, scale * bias))


@extra("difference_of_means_probe")
@given(st.sampled_from([(8.0, -3.0), (-100.0, 50.0)]))
def test_probe_moves_with_the_activations(learner, shift):
    """A common shift leaves the direction, and lowers the bias by direction · shift."""
    direction, bias = probe_of(ROWS, CLASSES)
    answer = learner.difference_of_means_probe(ROWS + np.array(shift), CLASSES)
    agree(answer, (direction, bias - float(direction @ np.array(shift))), scale=100)


@extra("difference_of_means_probe")
@given(st.integers(2, 4))
def test_probe_does_not_count_heads(learner, times):
    """A class whose rows all come several times has the same mean, so the probe stays the same."""
    rows = np.concatenate([ROWS, *[ROWS[CLASSES]] * (times - 1)])
    labels = np.concatenate([CLASSES, np.ones(len(rows) - len(ROWS), dtype=bool)])
    agree(learner.difference_of_means_probe(rows, labels), probe_of(ROWS, CLASSES), scale=10)


@extra("difference_of_means_probe")
def test_probe_leaves_its_input(learner):
    """The function changes neither the activations nor the labels."""
    untouched(learner.attempt("difference_of_means_probe", ROWS, CLASSES))


ONE_CLASS = st.sampled_from(
    [(ROWS, np.ones(4, dtype=bool)), (ROWS, np.zeros(4, dtype=bool)), (ROWS[:0], CLASSES[:0])]
)
SAME_MEANS = (np.array([[1.0, 0.0], [2.0, 4.0], [3.0, 8.0]]), np.array([True, False, True]))


@extra("difference_of_means_probe")
@given(ONE_CLASS)
def test_probe_refuses_a_single_class(learner, data):
    """Labels that are all True, all False or none at all raise ValueError."""
    rejects(learner.attempt("difference_of_means_probe", *data))


@extra("difference_of_means_probe")
@given(ONE_CLASS)
def test_probe_names_the_labels(learner, data):
    """Where a class is missing, the message of the ValueError names labels."""
    rejects(learner.attempt("difference_of_means_probe", *data), naming="labels")


@extra("difference_of_means_probe")
def test_probe_refuses_equal_means(learner):
    """Two classes with the same mean have no direction between them: ValueError."""
    rejects(learner.attempt("difference_of_means_probe", *SAME_MEANS))


@extra("difference_of_means_probe")
def test_probe_names_the_activations(learner):
    """Where the means are equal, the message of the ValueError names activations (or labels)."""
    call = learner.attempt("difference_of_means_probe", *SAME_MEANS)
    names_one_of(call, "activations", "labels")


# --- ablate_direction ----------------------------------------------------------------------------

DIRECTION = np.array([1.0, -2.0])


@st.composite
def directed(draw):
    width = draw(sizes(1, 4))
    direction = draw(arrays(width))
    direction[0] += 0.0 if direction.any() else 1.0
    return draw(arrays(sizes(), width)), direction


def ablated(activations, direction):
    """Each row less its share of the direction, number by number."""
    square = math.fsum(d * d for d in direction)
    kept = []
    for row in activations:
        share = math.fsum(a * d for a, d in zip(row, direction, strict=True)) / square
        kept.append([a - share * d for a, d in zip(row, direction, strict=True)])
    return np.array(kept)


@core("ablate_direction")
@given(directed())
@example((np.array([[2.0, 0.0], [3.0, 3.0]]), np.array([5.0, 5.0])))
@example((ROWS, DIRECTION))
@example((ROWS, 0.25 * DIRECTION))
def test_ablation_removes_what_lies_along_the_direction(learner, data):
    """Each row loses (row · u) u, with u the direction at length 1."""
    agree(learner.ablate_direction(*data), ablated(*data), atol=1e-5)


@extra("ablate_direction", weight=3)
@given(st.sampled_from([1e-100, 1e-9, 1e9, 1e100, -1.0, -1e-50]))
def test_ablation_does_not_mind_the_length_of_the_direction(learner, length):
    """Only the line counts: any length from 1e-100 to 1e100, and either sign, does the same."""
    agree(learner.ablate_direction(ROWS, length * DIRECTION), ablated(ROWS, DIRECTION), scale=10)


@extra("ablate_direction")
@given(directed())
def test_ablation_a_second_time_changes_nothing(learner, data):
    """What is orthogonal to the direction stays as it is: ablation is idempotent."""
    once = ablated(*data)
    agree(learner.ablate_direction(once, data[1]), once, scale=10)


@extra("ablate_direction")
@given(arrays(sizes()), st.sampled_from([0.5, 3.0]))
def test_ablation_leaves_nothing_of_the_direction_itself(learner, weights, length):
    """Rows along the direction become 0."""
    rows = np.outer(weights, DIRECTION)
    agree(learner.ablate_direction(rows, length * DIRECTION), np.zeros_like(rows), scale=10)


@extra("ablate_direction")
def test_ablation_leaves_its_input(learner):
    """The function changes neither the activations nor the direction."""
    untouched(learner.attempt("ablate_direction", ROWS, 3.0 * DIRECTION))


@extra("ablate_direction")
@given(sizes(1, 3))
def test_ablation_refuses_no_direction(learner, width):
    """A direction of zeros raises ValueError."""
    rejects(learner.attempt("ablate_direction", np.ones((2, width)), np.zeros(width)))


@extra("ablate_direction")
def test_ablation_names_the_bad_argument(learner):
    """The message of the ValueError names direction."""
    rejects(learner.attempt("ablate_direction", ROWS, np.zeros(2)), naming="direction")


# --- worst_group_accuracy ------------------------------------------------------------------------

#: Group 0 has 3 of 4 right, group 1 has 1 of 2, group 2 has 2 of 3.
CORRECT = np.array([True, True, False, True, True, False, True, False, True])
GROUPS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])


@st.composite
def grouped(draw):
    count = draw(sizes(1, 8))
    correct = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    groups = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    numbered = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    return np.array(correct), np.array([numbered[group] for group in groups])


def worst(correct, groups):
    answers = {}
    for right, group in zip(correct.tolist(), groups.tolist(), strict=True):
        answers.setdefault(group, []).append(right)
    return min(sum(answers[group]) / len(answers[group]) for group in answers)


@core("worst_group_accuracy")
@given(grouped())
@example((CORRECT, GROUPS))
@example((~CORRECT, GROUPS))
@example((np.array([True, True, True, True, False]), np.array([0, 0, 0, 0, 1])))
def test_worst_group_accuracy_is_the_lowest_of_the_accuracies(learner, data):
    """The result is the smallest over the groups of the share that is correct in the group."""
    agree(learner.worst_group_accuracy(*data), worst(*data))


@extra("worst_group_accuracy", weight=2)
@given(st.sampled_from([(0, 1, 7), (5, -2, 100), (2, 1, 0), (10, 20, 30)]))
def test_worst_group_accuracy_takes_any_numbers_for_groups(learner, names):
    """Group numbers are names: they need not start at 0 or be without gaps."""
    agree(learner.worst_group_accuracy(CORRECT, np.array(names)[GROUPS]), 0.5)


@extra("worst_group_accuracy")
@given(st.permutations(range(9)))
def test_worst_group_accuracy_does_not_mind_the_order(learner, order):
    """The order of the examples is no matter."""
    agree(learner.worst_group_accuracy(CORRECT[order], GROUPS[order]), 0.5)


@extra("worst_group_accuracy")
def test_worst_group_accuracy_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("worst_group_accuracy", CORRECT[::-1], GROUPS[::-1]))


EMPTY = np.array([], dtype=bool), np.array([], dtype=int)
UNEQUAL = st.sampled_from([(CORRECT, GROUPS[:8]), (CORRECT[:3], GROUPS), (CORRECT[:1], GROUPS)])


@extra("worst_group_accuracy")
def test_worst_group_accuracy_of_nothing(learner):
    """Without any example there is no accuracy: ValueError."""
    rejects(learner.attempt("worst_group_accuracy", *EMPTY))


@extra("worst_group_accuracy")
@given(UNEQUAL)
def test_worst_group_accuracy_needs_one_group_for_each_example(learner, data):
    """Arrays of different lengths raise ValueError."""
    rejects(learner.attempt("worst_group_accuracy", *data))


@extra("worst_group_accuracy")
def test_worst_group_accuracy_names_the_bad_argument(learner):
    """The message of the ValueError names correct or groups."""
    for data in (EMPTY, (CORRECT, GROUPS[:8])):
        names_one_of(learner.attempt("worst_group_accuracy", *data), "correct", "groups")
