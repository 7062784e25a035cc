"""Supervised fine-tuning: imitate the response tokens of good demonstrations."""

import torch
import torch.nn.functional as F
from torch import Tensor


def token_logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability of each token of a text, given the tokens before it.

    A language model at position t has read tokens 0 to t and predicts token t + 1, so that the
    predictions and the tokens must be shifted against each other by one:

        result[b, t] = log softmax(logits[b, t])[tokens[b, t + 1]]        t = 0 ... T - 2

    The first token is predicted by nothing, and the last row of logits predicts a token that is
    not there: neither is used. Natural logs. Stable: gaps of ±1e4 between logits give a finite
    result and a finite gradient. Gradients flow to the logits; the dtype is that of the logits.

    Args:
        logits: (B, T, V) scores that the model gives at each position to each next token.
        tokens: (B, T) token ids, integers from 0 to V - 1.

    Returns:
        (B, T - 1) log-probabilities; (B, 0) for T = 1.

    Example:
        >>> probs = torch.tensor([[[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]])
        >>> token_logprobs(probs.log(), torch.tensor([[0, 1, 0]]))  # log 0.75 and log 0.5
        tensor([[-0.2877, -0.6931]])

    Source: Bengio et al. 2003; Radford et al. 2018 (GPT).
    """
    ### BEGIN SOLUTION
    predictions = torch.log_softmax(logits[:, :-1], dim=-1)
    targets = tokens[:, 1:]
    return predictions.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    ### END SOLUTION


def response_mask(prompt_lengths: Tensor, total_lengths: Tensor, max_length: int) -> Tensor:
    """Mark which positions of a padded batch hold the response, and not prompt or padding.

    Each row is a prompt, then its response, then padding up to the common length:

        mask[b, t] = prompt_lengths[b] <= t < total_lengths[b]            t = 0 ... max_length - 1

    Args:
        prompt_lengths: (B,) integers, the number of prompt tokens of each row.
        total_lengths: (B,) integers, the number of tokens of prompt and response together; where
            it equals the prompt's length, the response is empty and the row is all False.
        max_length: the number of columns.

    Returns:
        (B, max_length) mask of dtype bool, True on response positions only.

    Raises:
        ValueError: a prompt is longer than its total length, or a total length is larger than
            `max_length`; the message names an argument that is at fault (any one of the two).

    Example:
        >>> response_mask(torch.tensor([2, 1]), torch.tensor([4, 2]), max_length=4)
        tensor([[False, False,  True,  True],
                [False,  True, False, False]])
    """
    ### BEGIN SOLUTION
    if (prompt_lengths > total_lengths).any():
        raise ValueError("prompt_lengths: a prompt is longer than prompt and response together")
    if (total_lengths > max_length).any():
        raise ValueError(f"total_lengths: a row does not fit into max_length = {max_length}")
    positions = torch.arange(max_length)
    return (positions >= prompt_lengths[:, None]) & (positions < total_lengths[:, None])
    ### END SOLUTION


def sft_loss(logits: Tensor, tokens: Tensor, loss_mask: Tensor) -> Tensor:
    """Supervised fine-tuning loss: how surprised the model is by the demonstrated responses.

        loss = - (1 / N) * sum over b, t with loss_mask[b, t + 1] of
                           log softmax(logits[b, t])[tokens[b, t + 1]]

    The mask belongs to the *tokens*: where `loss_mask[b, t + 1]` is set, the model is asked to
    predict that token from position t. So `loss_mask[:, 0]` and the last logits are never used.
    N counts the tokens asked for in the whole batch: every token weighs the same, and a long
    response weighs more than a short one (no mean per row first).

    What the mask hides has no influence at all: the tokens there may be -100 or any other number
    that is no token id, the logits that would predict them (and the last logits) may be nan or
    inf, and the gradient to these logits is exactly 0. Where nothing is asked for (an empty mask,
    or T = 1) the loss is 0 and still carries a graph. Stable: gaps of ±1e4 between logits.

    Args:
        logits: (B, T, V) scores that the model gives at each position to each next token.
        tokens: (B, T) token ids; valid at least where the mask is set.
        loss_mask: (B, T) of bool, int or float, 1 on tokens to imitate and 0 elsewhere.

    Returns:
        Scalar tensor of shape () with a gradient to `logits`, in the dtype of `logits`.

    Example:
        >>> logits = torch.tensor([[[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]]).log()
        >>> tokens, loss_mask = torch.tensor([[0, 1, 0]]), torch.tensor([[0, 1, 1]])
        >>> sft_loss(logits, tokens, loss_mask)  # (0.2877 + 0.6931) / 2
        tensor(0.4904)

    Source: Ouyang et al. 2022.
    """
    ### BEGIN SOLUTION
    asked = loss_mask[:, 1:].bool()
    # Picking out the tokens that count, instead of multiplying the others by 0, keeps garbage
    # under the mask out of the sum (0 * nan is nan) and out of the gradient.
    predictions, targets = logits[:, :-1][asked], tokens[:, 1:][asked]
    total = F.cross_entropy(predictions, targets, reduction="sum")
    return total / max(len(targets), 1)
    ### END SOLUTION
