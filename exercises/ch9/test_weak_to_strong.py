"""Worked examples for weak-to-strong generalisation: numbers small enough to check by hand."""

from torch import tensor

from assay.judging import agree, rejects
from assay.properties import worked


@worked("performance_gap_recovered")
def test_the_student_recovers_part_of_the_gap(learner):
    """From 0.60 to 0.72 on the way to 0.90 is 0.12 of 0.30: a share of 0.4."""
    share = learner.performance_gap_recovered(weak=0.60, weak_to_strong=0.72, strong=0.90)
    agree(share, 0.4)


@worked("performance_gap_recovered")
def test_a_student_worse_than_its_supervisor_counts_below_zero(learner):
    """From 0.60 down to 0.54 is -0.06 of 0.30: a share of -0.2, not clipped to 0."""
    share = learner.performance_gap_recovered(weak=0.60, weak_to_strong=0.54, strong=0.90)
    agree(share, -0.2)


@worked("performance_gap_recovered")
def test_without_a_gap_there_is_no_share(learner):
    """Equal weak and strong performance is a ValueError."""
    rejects(learner.attempt("performance_gap_recovered", 0.75, 0.8, 0.75))


@worked("confidence_loss")
def test_half_of_each_term(learner):
    """Logits 2 and 0, weak label 1, alpha 0.5: halfway between 2.1269 and 0.1269."""
    loss = learner.confidence_loss(tensor([[2.0, 0.0]]), tensor([1]), alpha=0.5)
    agree(loss, tensor(1.1269), digits=4)


@worked("confidence_loss")
def test_alpha_zero_trusts_the_supervisor(learner):
    """With alpha 0 the loss is the plain cross-entropy with the weak label, 2.1269."""
    loss = learner.confidence_loss(tensor([[2.0, 0.0]]), tensor([1]), alpha=0.0)
    agree(loss, tensor(2.1269), digits=4)


@worked("confidence_loss")
def test_alpha_is_a_share(learner):
    """alpha 1.5 lies outside [0, 1]: ValueError."""
    rejects(learner.attempt("confidence_loss", tensor([[2.0, 0.0]]), tensor([1]), alpha=1.5))
