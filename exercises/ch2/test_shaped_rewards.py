"""Worked examples for shaped rewards: numbers small enough to check by hand."""

from torch import tensor

from assay.judging import agree, rejects
from assay.properties import worked

LOGPROBS = tensor([[-1.0, -1.0, -7.0]])
REF_LOGPROBS = tensor([[-2.0, -1.5, -9.0]])


@worked("kl_shaped_rewards")
def test_fees_along_the_way_and_the_score_at_the_end(learner):
    """Fees 0.1 and 0.05 on two tokens, the score 2 with the second, nothing on padding."""
    rewards = learner.kl_shaped_rewards(
        tensor([2.0]), LOGPROBS, REF_LOGPROBS, tensor([[1, 1, 0]]), 0.1
    )
    agree(rewards, tensor([[-0.1, 1.95, 0.0]]))


@worked("kl_shaped_rewards")
def test_the_prompt_earns_nothing(learner):
    """Position 0 is prompt: the response is position 1 alone, and it gets fee and score."""
    rewards = learner.kl_shaped_rewards(
        tensor([2.0]), LOGPROBS, REF_LOGPROBS, tensor([[0, 1, 0]]), 0.1
    )
    agree(rewards, tensor([[0.0, 1.95, 0.0]]))


@worked("kl_shaped_rewards")
def test_a_score_needs_a_response(learner):
    """A row without any response token is a ValueError: its score would get lost."""
    call = learner.attempt(
        "kl_shaped_rewards",
        tensor([2.0]),
        LOGPROBS,
        REF_LOGPROBS,
        tensor([[0, 0, 0]]),
        0.1,
    )
    rejects(call)
