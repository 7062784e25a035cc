"""What the policy is trained on: the score of the reward model, and a leash to the SFT model."""

import torch
from torch import Tensor


def kl_shaped_rewards(
    scores: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    """Reward for every token: a KL penalty along the way, the score at the end of the response.

        rewards[b, t] = - beta * (logprobs[b, t] - ref_logprobs[b, t])    on response tokens
        rewards[b, t] = 0                                                 elsewhere
        rewards[b, last response token of row b] += scores[b]

    A reward model judges whole responses, so its score arrives with the last token. What a row
    adds up to is the total reward of RLHF,

        R = score - beta * sum over response tokens of (logprob - ref_logprob),

    whose mean over the policy's own samples is E[score] - beta * KL(policy || reference). The last
    response token is the last position of the row that the mask marks, not the last column:
    behind it stands padding. What lies outside the mask has no influence, not even nan or inf.
    Rewards are data for the policy step, not a loss: the result is constant, no gradient flows
    through it to any argument. The inputs are left unchanged.

    Args:
        scores: (B,) reward model's score of each response.
        logprobs: (B, T) log-probabilities of the tokens under the policy that sampled them.
        ref_logprobs: (B, T) log-probabilities of the same tokens under the frozen SFT model.
        mask: (B, T) of bool, int or float, 1 on response tokens and 0 on prompt and padding.
        beta: weight of the KL penalty, zero or positive.

    Returns:
        (B, T) rewards in the dtype of `logprobs`, exactly 0 outside the mask.

    Raises:
        ValueError: a row of `mask` marks no token at all, so that its score has no place; the
            message names it.

    Example:
        >>> logprobs = torch.tensor([[-1.0, -1.0, -7.0]])
        >>> ref_logprobs = torch.tensor([[-2.0, -1.5, -9.0]])
        >>> mask = torch.tensor([[1, 1, 0]])
        >>> kl_shaped_rewards(torch.tensor([2.0]), logprobs, ref_logprobs, mask, beta=0.1)
        tensor([[-0.1000,  1.9500,  0.0000]])

    Source: Ziegler et al. 2019; Ouyang et al. 2022.
    """
    raise NotImplementedError("write kl_shaped_rewards here")
