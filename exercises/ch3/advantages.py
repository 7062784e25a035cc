"""What each token of a response was worth: advantages, whitening and the critic's loss."""

import torch
from torch import Tensor


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation: share out the credit for what came later.

        delta_t  = r_t + gamma * V_{t+1} - V_t
        A_t      = delta_t + gamma * lam * A_{t+1}
        return_t = A_t + V_t

    Both recursions run backwards from the last response token of each row, behind which V and A
    are 0: the response is over, and nothing behind it is worth anything. lam = 0 trusts the critic
    (A = delta), lam = 1 trusts the rewards (A = what really came, minus V).

    Args:
        rewards: the reward of each token, (B, T).
        values: the critic's estimate V_t before token t, (B, T).
        mask: True or 1 on response tokens, (B, T); bool, int or float. In each row they are
            contiguous, and may start late (prompt before), end early (padding behind), or be
            missing. What it hides never counts, not even inf or nan.
        gamma: discount of the future, between 0 and 1; 1 for language models.
        lam: how far to trust the rewards over the critic, between 0 and 1.

    Returns:
        (advantages, returns), both (B, T) in the dtype of `values`, both 0 outside the mask, so a
        row without response tokens is all zeros. They are targets, not functions of the critic: no
        gradient flows through either.

    Example:
        The only reward comes at the end. With lam = 0.5: A_3 = 1.0 - 0.75 = 0.25, then
        A_2 = (0.75 - 0.5) + 0.5 * 0.25 = 0.375, then A_1 = (0.5 - 0.5) + 0.5 * 0.375 = 0.1875.

        >>> rewards = torch.tensor([[0.0, 0.0, 1.0]])
        >>> values = torch.tensor([[0.5, 0.5, 0.75]])
        >>> advantages, returns = gae(rewards, values, torch.ones(1, 3), lam=0.5)
        >>> advantages
        tensor([[0.1875, 0.3750, 0.2500]])
        >>> returns
        tensor([[0.6875, 0.8750, 1.0000]])

    Source:
        Schulman et al. 2015, High-Dimensional Continuous Control Using Generalized Advantage
        Estimation.
    """
    raise NotImplementedError("write gae here")


def whiten(x: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale the masked entries to mean 0 and variance 1, over the whole batch.

        mean = (1 / N) * sum of x                over the N entries in the mask
        var  = (1 / N) * sum of (x - mean)^2     over the same: biased, divided by N
        y    = (x - mean) / sqrt(var + 1e-8)     in the mask, 0 outside it

    The 1e-8 is inside the root. Take the variance from the deviations, as written: mean(x^2) minus
    mean^2 loses its digits when the entries share a large offset.

    Args:
        x: numbers to whiten, for instance advantages, (B, T).
        mask: True or 1 where x counts, (B, T); bool, int or float. What it hides never counts, not
            even inf or nan, and gets gradient exactly 0.

    Returns:
        y, in the shape and dtype of `x`; differentiable in `x` (the mean and the variance depend
        on it too). An empty mask or a single entry gives 0 everywhere, still attached to the
        graph.

    Example:
        1, 2, 3 have mean 2 and variance 2/3; the fourth entry is hidden.

        >>> whiten(torch.tensor([[1.0, 2.0, 3.0, 99.0]]), torch.tensor([[1, 1, 1, 0]]))
        tensor([[-1.2247,  0.0000,  1.2247,  0.0000]])
    """
    raise NotImplementedError("write whiten here")


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, epsilon: float = 0.2
) -> Tensor:
    """Fit the critic to the returns, pessimistically: no credit for jumping far from its old guess.

        clipped_t = clip(V_t, V_old_t - epsilon, V_old_t + epsilon)
        loss      = 1/2 * (1 / N) * sum of max((V_t - R_t)^2, (clipped_t - R_t)^2)

    The sum runs over the N tokens of the whole batch where the mask is set. The larger error
    counts, so a value that leaves the range on its way towards the return gains nothing there.

    Args:
        values: the critic's present estimates V, (B, T).
        old_values: its estimates when the responses were sampled, (B, T).
        returns: the targets R, (B, T).
        mask: True or 1 on response tokens, (B, T); bool, int or float. What it hides never counts,
            not even inf or nan, and gets gradient exactly 0.
        epsilon: half-width of the trusted range around the old estimate, at least 0.

    Returns:
        The loss, a tensor of shape () in the dtype of `values`; differentiable in `values`. An
        empty mask gives 0, still attached to the graph. Gradients through `old_values` and
        `returns`, and at the exact border of the range, are left open.

    Example:
        The old estimate was 0 and the return is 1. A move to 0.1 is trusted: error 0.9. A jump to
        0.5 counts as 0.2: error 0.8. The loss is (0.81 + 0.64) / 2 / 2.

        >>> values, zeros, ones = torch.tensor([[0.1, 0.5]]), torch.zeros(1, 2), torch.ones(1, 2)
        >>> round(value_loss(values, old_values=zeros, returns=ones, mask=ones).item(), 4)
        0.3625

    Source:
        Schulman et al. 2017, Proximal Policy Optimization Algorithms (the clipped variant is from
        the code released with it).
    """
    raise NotImplementedError("write value_loss here")
