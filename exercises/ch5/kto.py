"""KTO: aligning a model with thumbs up and thumbs down on single responses."""

from collections.abc import Sequence

import torch
from torch import Tensor


def kto_reference_point(policy_kl_logps: Tensor, ref_kl_logps: Tensor) -> Tensor:
    """How far the policy has drifted from the reference on average: KTO's zero of gain and loss.

    Prospect theory says that people judge an outcome against a reference point, not on an
    absolute scale. KTO takes the KL divergence from policy to reference as that point and
    estimates it from mismatched pairs (a prompt together with a response that was written for
    another prompt), so that the thumbs themselves do not enter:

        z0 = max(0, mean_i(policy_i - ref_i))

    The maximum comes after the mean. (A KL divergence is never negative, though an estimate of it
    from a few samples can be.) The result is a constant: no gradient flows through it.

    Args:
        policy_kl_logps: log-probs of the mismatched responses under the policy, shape (B,), B >= 1.
        ref_kl_logps: log-probs of the same responses under the frozen reference, shape (B,).

    Returns:
        A tensor of shape () in the dtype of the arguments, at least 0, cut off from the graph.

    Example:
        The differences are 0.5 and -0.1, their mean is 0.2.

        >>> z0 = kto_reference_point(torch.tensor([-3.0, -4.0]), torch.tensor([-3.5, -3.9]))
        >>> round(z0.item(), 4)
        0.2

    Source: Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization".
    """
    raise NotImplementedError("write kto_reference_point here")


def kto_loss(
    policy_logps: Tensor,
    ref_logps: Tensor,
    desirable: Tensor,
    reference_point: Tensor | float,
    beta: float = 0.1,
    lambda_d: float = 1.0,
    lambda_u: float = 1.0,
) -> Tensor:
    """The Kahneman-Tversky loss: learn from one thumb per response, no pairs needed.

    A response with thumbs up should be likelier than under the reference by more than the
    reference point z0, one with thumbs down by less. A sigmoid flattens the value of gains and
    losses alike, and the two lambdas say how much one weighs against the other (loss aversion):

        rho_i  = policy_i - ref_i
        loss_i = lambda_d * (1 - sigmoid(beta * (rho_i - z0)))    where thumbs up
        loss_i = lambda_u * (1 - sigmoid(beta * (z0 - rho_i)))    where thumbs down
        loss   = mean of loss_i over the whole batch, thumbs up and thumbs down together

    One pooled mean: a batch with a single kind of thumb is as good as any other. The reference
    point and the reference's log-probs are constants; gradient reaches `policy_logps` only. The
    loss is finite and accurate for log-ratios and z0 up to +-1e4 (mind that torch.tensor(z0) rounds
    a float to float32).

    Args:
        policy_logps: log-prob of each whole response under the policy, shape (B,).
        ref_logps: log-prob of the same responses under the frozen reference, shape (B,).
        desirable: True for thumbs up, False for thumbs down; bool, shape (B,).
        reference_point: z0 as `kto_reference_point` returns it, a tensor of shape () or a float.
        beta: how sharply the value bends around z0.
        lambda_d: weight of the desirable responses.
        lambda_u: weight of the undesirable responses.

    Returns:
        A tensor of shape (), in the dtype of `policy_logps`.

    Raises:
        ValueError: if `beta` <= 0; the message names the argument.

    Example:
        The log-ratios are 1.2 (thumbs up) and -0.3 (thumbs down). With z0 = 0.2 they are 1.0 and
        0.5 on their right side of it, times beta 0.5 and 0.25. The loss is the mean of
        1 * (1 - sigmoid(0.5)) and 2 * (1 - sigmoid(0.25)).

        >>> loss = kto_loss(
        ...     policy_logps=torch.tensor([-2.8, -5.3]),
        ...     ref_logps=torch.tensor([-4.0, -5.0]),
        ...     desirable=torch.tensor([True, False]),
        ...     reference_point=0.2,
        ...     beta=0.5,
        ...     lambda_u=2.0,
        ... )
        >>> round(loss.item(), 4)
        0.6266

    Source: Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization";
    loss aversion: Tversky and Kahneman 1992.
    """
    raise NotImplementedError("write kto_loss here")


def pairs_to_binary(
    prompts: Sequence[str], chosen: Sequence[str], rejected: Sequence[str]
) -> list[tuple[str, str, bool]]:
    """Take preference pairs apart into single responses with a thumb each.

    KTO needs no pairs, but it can use them: the chosen response of a pair becomes a thumbs up,
    the rejected one a thumbs down, and who was compared with whom is forgotten.

        (prompt, chosen, rejected)  ->  (prompt, chosen, True), (prompt, rejected, False)

    Args:
        prompts: N prompts; the same one may occur more than once.
        chosen: the preferred response to each prompt.
        rejected: the other response to each prompt.

    Returns:
        A list of 2N tuples (prompt, response, desirable), chosen then rejected of each pair, the
        pairs in their given order, nothing dropped. No pairs give an empty list.

    Raises:
        ValueError: if the lists are not equally long; the message names one that doesn't fit, so
            say `prompts`, `chosen` and `rejected` in it.

    Example:
        >>> pairs_to_binary(["Hi"], ["Hello!"], ["Go away."])
        [('Hi', 'Hello!', True), ('Hi', 'Go away.', False)]
    """
    raise NotImplementedError("write pairs_to_binary here")
