"""What is true of weak-to-strong generalisation."""

import math
from fractions import Fraction

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import sizes, tensors
from assay.judging import Falsified, agree, finite, keeps_dtype, rejects, untouched
from assay.properties import core, extra


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


# --- performance_gap_recovered -------------------------------------------------------------------


@st.composite
def performances(draw):
    """Weak, student and strong in whole percent, weak below strong."""
    weak, gap = draw(st.integers(0, 60)), draw(st.integers(5, 40))
    return weak, draw(st.integers(weak, weak + gap)), weak + gap


@core("performance_gap_recovered")
@given(performances())
@example((60, 72, 90))
@example((0, 25, 80))
def test_performance_gap_recovered_is_the_share_of_the_gap(learner, percent):
    """The share is (weak_to_strong - weak) / (strong - weak)."""
    weak, student, strong = percent
    share = learner.performance_gap_recovered(weak / 100, student / 100, strong / 100)
    agree(share, float(Fraction(student - weak, strong - weak)))


@extra("performance_gap_recovered", weight=2)
@given(st.sampled_from([(0.6, 0.54, 0.9, -0.2), (0.6, 0.96, 0.9, 1.2), (0.5, 0.0, 0.75, -2.0)]))
def test_performance_gap_recovered_is_not_clipped(learner, case):
    """A student worse than its supervisor counts below 0, one better than the ceiling above 1."""
    *performance, share = case
    agree(learner.performance_gap_recovered(*performance), share)


@extra("performance_gap_recovered", weight=2)
@given(st.sampled_from([(2.0, 1.75, 1.0, 0.25), (2.0, 2.5, 1.0, -0.5), (-1.0, -2.0, -3.0, 0.5)]))
def test_performance_gap_recovered_of_a_loss(learner, case):
    """A measure where less is better gives the same share: both differences change their sign."""
    *performance, share = case
    agree(learner.performance_gap_recovered(*performance), share)


@extra("performance_gap_recovered")
def test_performance_gap_recovered_of_a_tiny_gap(learner):
    """A gap of 1e-6 is a gap; only an exactly equal weak and strong have none."""
    gap = 2.0**-20
    agree(learner.performance_gap_recovered(0.5, 0.5 + gap / 4, 0.5 + gap), 0.25)


@extra("performance_gap_recovered")
@given(st.sampled_from([(0.75, 0.8, 0.75), (0.0, 0.5, 0.0), (0.5, 0.5, 0.5)]))
def test_performance_gap_recovered_needs_a_gap(learner, equal):
    """Equal weak and strong performance raises ValueError."""
    rejects(learner.attempt("performance_gap_recovered", *equal))


@extra("performance_gap_recovered")
def test_performance_gap_recovered_names_the_bad_argument(learner):
    """The message of the ValueError names weak or strong."""
    call = learner.attempt("performance_gap_recovered", 0.75, 0.8, 0.75)
    try:
        rejects(call, naming="weak")
    except Falsified:
        rejects(call, naming="strong")


# --- confidence_loss -----------------------------------------------------------------------------

ALPHAS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])

#: Three rows: the supervisor agrees, disagrees with a sure student, disagrees with an unsure one.
LOGITS = f64(2.0, 0.0, -1.0, -1.0, 0.5, 3.0, 0.25, 0.0, 0.125).view(3, 3)
LABELS = tensor([0, 1, 2])


@st.composite
def supervised(draw):
    rows, classes = draw(sizes()), draw(sizes(2, 4))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    return draw(tensors(rows, classes)), tensor(labels)


def cross_entropy(row, label):
    """-log softmax(row)[label], with the largest logit taken out."""
    top = max(row)
    return top - row[label] + math.log(sum(math.exp(x - top) for x in row))


def loss_of(logits, labels, alpha):
    losses = [
        (1 - alpha) * cross_entropy(row, label) + alpha * cross_entropy(row, row.index(max(row)))
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    return f64(sum(losses) / len(losses))[0]


@core("confidence_loss")
@given(supervised(), ALPHAS)
@example((f64(2.0, 0.0).view(1, 2), tensor([1])), 0.5)
@example((LOGITS, LABELS), 0.25)
@example((LOGITS, LABELS), 0.75)
def test_confidence_loss_mixes_two_cross_entropies(learner, batch, alpha):
    """The cross-entropy with the weak labels counts 1 - alpha, that with the own labels alpha."""
    agree(learner.confidence_loss(*batch, alpha), loss_of(*batch, alpha))


@extra("confidence_loss", weight=2)
@given(ALPHAS)
def test_confidence_loss_pulls_to_both_labels(learner, alpha):
    """The gradient is (softmax - (1 - alpha) onehot(weak) - alpha onehot(own)) / B."""
    eye = torch.eye(3, dtype=torch.float64)
    target = (1 - alpha) * eye[LABELS] + alpha * eye[LOGITS.argmax(1)]
    expected = (torch.softmax(LOGITS, 1) - target) / 3
    agree(learner.gradient("confidence_loss", LOGITS, LABELS, alpha, wrt=0), expected)


@extra("confidence_loss", weight=2)
@given(st.sampled_from([1e4, 800.0]), ALPHAS)
def test_confidence_loss_is_stable(learner, size, alpha):
    """For logits of +-1e4 the loss and its gradient are finite and accurate."""
    logits, labels = f64(size, -size, -size, -size, 0.0, size).view(2, 3), tensor([1, 2])
    agree(learner.confidence_loss(logits, labels, alpha), f64((1 - alpha) * size)[0], scale=size)
    gradient = learner.gradient("confidence_loss", logits, labels, alpha, wrt=0)
    finite(gradient)
    pull = (1 - alpha) / 2
    agree(gradient, f64(pull, -pull, 0.0, 0.0, 0.0, 0.0).view(2, 3))


@extra("confidence_loss")
@given(st.sampled_from([0, 1, 2]))
def test_confidence_loss_at_alpha_one_does_not_hear_the_supervisor(learner, label):
    """With alpha 1 the weak labels have no say."""
    agree(learner.confidence_loss(LOGITS, tensor([label] * 3), 1.0), loss_of(LOGITS, LABELS, 1.0))


@extra("confidence_loss")
@given(ALPHAS)
def test_confidence_loss_where_both_agree(learner, alpha):
    """Where the weak label is the student's own guess, alpha makes no difference."""
    own = LOGITS.argmax(1)
    agree(learner.confidence_loss(LOGITS, own, alpha), loss_of(LOGITS, own, 0.0))


@extra("confidence_loss")
@given(st.sampled_from([5.0, -20.0, 100.0]))
def test_confidence_loss_does_not_see_a_common_shift(learner, shift):
    """A constant that is added to all logits of a row cancels."""
    shifted = LOGITS + shift * f64(1.0, -1.0, 0.5).view(3, 1)
    agree(learner.confidence_loss(shifted, LABELS, 0.25), loss_of(LOGITS, LABELS, 0.25))


@extra("confidence_loss")
def test_confidence_loss_of_an_undecided_student(learner):
    """Where logits tie the guess is the first of equals, and costs as much as any of them."""
    logits = f64(1.0, 1.0, 0.0).view(1, 3)
    agree(learner.confidence_loss(logits, tensor([2]), 0.5), loss_of(logits, tensor([2]), 0.5))


@extra("confidence_loss")
def test_confidence_loss_keeps_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    loss = learner.confidence_loss(LOGITS.float(), LABELS, 0.25)
    keeps_dtype(loss, torch.float32)
    agree(loss, loss_of(LOGITS, LABELS, 0.25).float())


@extra("confidence_loss")
def test_confidence_loss_leaves_its_input(learner):
    """The function changes neither the logits nor the labels."""
    untouched(learner.attempt("confidence_loss", LOGITS, LABELS, 0.25))


@extra("confidence_loss")
@given(st.sampled_from([-0.1, 1.1, -1.0, 2.0]))
def test_confidence_loss_refuses_a_bad_alpha(learner, alpha):
    """alpha outside [0, 1] raises ValueError."""
    rejects(learner.attempt("confidence_loss", LOGITS, LABELS, alpha))


@extra("confidence_loss")
@given(st.sampled_from([-0.1, 1.1]))
def test_confidence_loss_names_the_bad_argument(learner, alpha):
    """The message of the ValueError names alpha."""
    rejects(learner.attempt("confidence_loss", LOGITS, LABELS, alpha), naming="alpha")
