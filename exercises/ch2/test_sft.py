"""Worked examples for supervised fine-tuning: numbers small enough to check by hand."""

from math import inf, log

from torch import tensor, zeros

from assay.judging import agree, rejects
from assay.properties import worked

LOGITS = tensor([[[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]]).log()
TOKENS = tensor([[0, 1, 0]])


@worked("token_logprobs")
def test_each_position_predicts_the_next_token(learner):
    """Position 0 gives token 1 3/4, position 1 gives token 0 1/2: logs -0.2877 and -0.6931."""
    agree(learner.token_logprobs(LOGITS, TOKENS), tensor([[-0.2877, -0.6931]]), digits=4)


@worked("token_logprobs")
def test_an_unlikely_token_keeps_a_finite_log(learner):
    """A token whose logit is 1000 below the best has log-probability -1000."""
    logits = tensor([[[0.0, 1000.0], [0.0, 0.0]]])
    agree(learner.token_logprobs(logits, tensor([[1, 0]])), tensor([[-1000.0]]))


@worked("response_mask")
def test_the_response_lies_between_prompt_and_padding(learner):
    """Prompt 2 of 4 tokens marks positions 2 and 3; prompt 1 of 2 tokens marks position 1."""
    mask = learner.response_mask(tensor([2, 1]), tensor([4, 2]), 4)
    agree(mask, tensor([[False, False, True, True], [False, True, False, False]]))


@worked("response_mask")
def test_an_empty_response_marks_nothing(learner):
    """A row whose prompt is all there is has no response position; that is no error."""
    agree(learner.response_mask(tensor([2]), tensor([2]), 3), tensor([[False, False, False]]))


@worked("response_mask")
def test_lengths_must_fit_into_each_other(learner):
    """Prompt longer than total, or total longer than the maximum: a ValueError each."""
    rejects(learner.attempt("response_mask", tensor([3]), tensor([2]), 4))
    rejects(learner.attempt("response_mask", tensor([1]), tensor([5]), 4))


@worked("sft_loss")
def test_the_mean_surprise_of_two_tokens(learner):
    """Surprises 0.2877 and 0.6931 have the mean 0.4904."""
    agree(learner.sft_loss(LOGITS, TOKENS, tensor([[0, 1, 1]])), tensor(0.4904), digits=4)


@worked("sft_loss")
def test_a_masked_label_of_minus_100_does_no_harm(learner):
    """Only the last token counts, whatever stands in the place of the others: 0.6931."""
    tokens = tensor([[-100, -100, 0]])
    agree(learner.sft_loss(LOGITS, tokens, tensor([[0, 0, 1]])), tensor(log(2)))


@worked("sft_loss")
def test_garbage_under_the_mask_does_not_spread(learner):
    """Logits of nan and inf that predict a masked token change nothing."""
    logits = LOGITS.clone()
    logits[0, 0] = tensor([float("nan"), inf])
    agree(learner.sft_loss(logits, TOKENS, tensor([[0, 0, 1]])), tensor(log(2)))


@worked("sft_loss")
def test_nothing_to_imitate_costs_nothing(learner):
    """With an empty mask the loss is 0, not 0/0."""
    agree(learner.sft_loss(LOGITS, TOKENS, zeros(1, 3)), tensor(0.0))
