"""Worked examples for KTO: numbers small enough to check by hand."""

from torch import tensor

from assay.judging import agree, rejects
from assay.properties import worked


@worked("kto_reference_point")
def test_the_reference_point_is_the_mean_log_ratio(learner):
    """Log-ratios 0.5 and -0.1 average to a reference point of 0.2."""
    z0 = learner.kto_reference_point(tensor([-3.0, -4.0]), tensor([-3.5, -3.9]))
    agree(z0, tensor(0.2), digits=4)


@worked("kto_reference_point")
def test_a_negative_mean_becomes_zero(learner):
    """Log-ratios 0.1 and -0.5 average to -0.2; a KL divergence is never negative, so z0 is 0."""
    z0 = learner.kto_reference_point(tensor([-3.0, -4.0]), tensor([-3.1, -3.5]))
    agree(z0, tensor(0.0))


@worked("kto_loss")
def test_one_thumb_up_and_one_thumb_down(learner):
    """Log-ratios 1.2 (up) and -0.3 (down), z0 = 0.2, beta 0.5 and lambda_u 2 cost 0.6266."""
    loss = learner.kto_loss(
        policy_logps=tensor([-2.8, -5.3]),
        ref_logps=tensor([-4.0, -5.0]),
        desirable=tensor([True, False]),
        reference_point=0.2,
        beta=0.5,
        lambda_u=2.0,
    )
    agree(loss, tensor(0.6266), digits=4)


@worked("kto_loss")
def test_thumbs_up_alone_make_a_batch(learner):
    """Two thumbs up, log-ratios 1 and 0, z0 = 0, beta 1: (0.2689 + 0.5) / 2 = 0.3845."""
    loss = learner.kto_loss(
        tensor([-3.0, -4.0]), tensor([-4.0, -4.0]), tensor([True, True]), tensor(0.0), beta=1.0
    )
    agree(loss, tensor(0.3845), digits=4)


@worked("kto_loss")
def test_beta_must_be_positive(learner):
    """A beta of 0 raises ValueError."""
    one = tensor([-1.0])
    rejects(learner.attempt("kto_loss", one, one, tensor([True]), 0.0, beta=0.0))


@worked("pairs_to_binary")
def test_a_pair_becomes_two_thumbs(learner):
    """Chosen with True, then rejected with False, one pair after the other."""
    examples = learner.pairs_to_binary(
        ["Hi", "2 + 2?"], ["Hello!", "4"], ["Go away.", "Who knows?"]
    )
    expected = [
        ("Hi", "Hello!", True),
        ("Hi", "Go away.", False),
        ("2 + 2?", "4", True),
        ("2 + 2?", "Who knows?", False),
    ]
    assert [tuple(example) for example in examples] == expected


@worked("pairs_to_binary")
def test_unequal_lists_are_refused(learner):
    """Two prompts with a single pair of responses raise ValueError."""
    rejects(learner.attempt("pairs_to_binary", ["Hi", "2 + 2?"], ["Hello!"], ["Go away."]))
