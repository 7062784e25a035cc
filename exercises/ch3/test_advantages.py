"""Worked examples for advantages: numbers small enough to check by hand."""

from torch import nan, tensor

from assay.judging import agree
from assay.properties import worked


@worked("gae")
def test_a_reward_at_the_end_is_shared_out_backwards(learner):
    """With lam 0.5 the advantages are 0.25 at the end, then 0.375, then 0.1875."""
    advantages, returns = learner.gae(
        tensor([[0.0, 0.0, 1.0]]), tensor([[0.5, 0.5, 0.75]]), tensor([[1, 1, 1]]), lam=0.5
    )
    agree(advantages, tensor([[0.1875, 0.375, 0.25]]))
    agree(returns, tensor([[0.6875, 0.875, 1.0]]))


@worked("gae")
def test_the_padding_behind_a_response_is_worth_nothing(learner):
    """Whatever value the critic gives to padding, the last response token gets 1 - 0.75."""
    advantages, returns = learner.gae(
        tensor([[0.0, 1.0, 8.0]]), tensor([[0.5, 0.75, 9.0]]), tensor([[1, 1, 0]]), lam=0.0
    )
    agree(advantages, tensor([[0.25, 0.25, 0.0]]))
    agree(returns, tensor([[0.75, 1.0, 0.0]]))


@worked("whiten")
def test_one_two_three_whitened(learner):
    """1, 2, 3 have mean 2 and variance 2/3; the hidden 99 counts for nothing and becomes 0."""
    y = learner.whiten(tensor([[1.0, 2.0, 3.0, 99.0]]), tensor([[1, 1, 1, 0]]))
    agree(y, tensor([[-1.2247, 0.0, 1.2247, 0.0]]))


@worked("whiten")
def test_a_single_entry_whitens_to_zero(learner):
    """One entry is its own mean: it becomes 0, and hidden garbage does no harm."""
    agree(learner.whiten(tensor([[7.0, nan]]), tensor([[True, False]])), tensor([[0.0, 0.0]]))


@worked("value_loss")
def test_a_jump_beyond_the_range_gains_nothing(learner):
    """Old value 0, return 1: a move to 0.1 has error 0.9, a jump to 0.5 counts as 0.2."""
    loss = learner.value_loss(
        tensor([[0.1, 0.5]]), tensor([[0.0, 0.0]]), tensor([[1.0, 1.0]]), tensor([[1, 1]])
    )
    agree(loss, tensor(0.3625))


@worked("value_loss")
def test_a_move_away_from_the_return_is_charged_in_full(learner):
    """Old value 0, return 1: a value of -0.5 has error 1.5, so half the square is 1.125."""
    loss = learner.value_loss(tensor([[-0.5]]), tensor([[0.0]]), tensor([[1.0]]), tensor([[True]]))
    agree(loss, tensor(1.125))
