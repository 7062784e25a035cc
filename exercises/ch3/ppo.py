"""Proximal policy optimization for language models: the ratio, the clip and the KL leash."""

import torch
from torch import Tensor


def probability_ratio(logprobs: Tensor, old_logprobs: Tensor) -> Tensor:
    """How many times likelier each token is now than under the policy that sampled it.

        ratio_t = pi(a_t | s_t) / pi_old(a_t | s_t) = exp(logprobs_t - old_logprobs_t)

    Subtract first and exponentiate once: the probabilities of rare tokens underflow, their ratio
    does not. It is exact for differences up to 80 either way.

    Args:
        logprobs: log-probabilities of the sampled tokens under the current policy, any shape.
        old_logprobs: the same under the policy that sampled them, same shape. A constant: no
            gradient reaches it.

    Returns:
        The ratios, in the shape and dtype of `logprobs`; differentiable in `logprobs`.

    Example:
        A token that went from probability 0.2 to 0.3 has become 1.5 times as likely.

        >>> ratio = probability_ratio(torch.tensor([0.3]).log(), torch.tensor([0.2]).log())
        >>> round(ratio.item(), 4)
        1.5

    Source:
        Schulman et al. 2017, Proximal Policy Optimization Algorithms.
    """
    raise NotImplementedError("write probability_ratio here")


def clipped_surrogate(ratio: Tensor, advantages: Tensor, epsilon: float = 0.2) -> Tensor:
    """PPO's pessimistic objective of each token: a gain is capped, a loss never is.

        L_t = min(r_t * A_t, clip(r_t, 1 - epsilon, 1 + epsilon) * A_t)

    It is never above r * A. Once a good token (A > 0) is more than 1 + epsilon times as likely, or
    a bad one (A < 0) less than 1 - epsilon times, it is flat there: moving further pays nothing.

    Args:
        ratio: probability ratios r, any shape.
        advantages: advantages A, same shape.
        epsilon: half-width of the trusted range, at least 0 (typically 0.1 to 0.2).

    Returns:
        The objective of each token (to be maximised), in the shape and dtype of `ratio`;
        differentiable in `ratio`. The gradient exactly at r = 1 - epsilon and r = 1 + epsilon,
        and the one with respect to `advantages`, are left open.

    Raises:
        ValueError: if `epsilon` is negative.

    Example:
        At epsilon 0.2 the gain of a good token that is 1.5 times as likely is cut to 1.2, while a
        bad token that is 1.5 times as likely is charged in full.

        >>> clipped_surrogate(torch.tensor([1.5, 1.5]), torch.tensor([1.0, -1.0]))
        tensor([ 1.2000, -1.5000])

    Source:
        Schulman et al. 2017, Proximal Policy Optimization Algorithms.
    """
    raise NotImplementedError("write clipped_surrogate here")


def ppo_policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    epsilon: float = 0.2,
) -> Tensor:
    """The loss that PPO minimises: minus the clipped objective, averaged over response tokens.

        loss = -(1 / N) * sum of min(r_t * A_t, clip(r_t, 1 - epsilon, 1 + epsilon) * A_t)
        r_t  = exp(logprobs_t - old_logprobs_t)

    The sum runs over the N tokens of the whole batch where the mask is set: every token weighs the
    same, a long response more than a short one. It is not a mean of per-row means. Log-ratios up to
    80 either way are no trouble, nor are tokens so rare that their probability underflows.

    Args:
        logprobs: log-probabilities of the tokens under the current policy, (B, T).
        old_logprobs: the same under the policy that sampled them, (B, T). A constant.
        advantages: how much better than expected each token was, (B, T). A constant.
        mask: True or 1 on response tokens, (B, T); bool, int or float. What it hides never counts,
            not even inf or nan, and gets gradient exactly 0.
        epsilon: half-width of the trusted range, at least 0.

    Returns:
        The loss, a tensor of shape () in the dtype of `logprobs`; gradient flows through
        `logprobs` only. An empty mask gives 0, still attached to the graph.

    Example:
        Two response tokens with ratio 1.5 and advantages 1 and -1 contribute 1.2 and -1.5; the
        third token is padding. The loss is -(1.2 - 1.5) / 2.

        >>> logprobs = torch.tensor([[1.5, 1.5, 7.0]]).log()
        >>> advantages = torch.tensor([[1.0, -1.0, 9.0]])
        >>> mask = torch.tensor([[True, True, False]])
        >>> loss = ppo_policy_loss(logprobs, torch.zeros(1, 3), advantages, mask)
        >>> round(loss.item(), 4)
        0.15

    Source:
        Schulman et al. 2017, Proximal Policy Optimization Algorithms.
    """
    raise NotImplementedError("write ppo_policy_loss here")


def clip_fraction(ratio: Tensor, advantages: Tensor, mask: Tensor, epsilon: float = 0.2) -> float:
    """How often the clip bites: the share of response tokens whose objective it cuts.

        clipped_t = [ clip(r_t, 1 - epsilon, 1 + epsilon) * A_t < r_t * A_t ]
        fraction  = (number of clipped tokens in the mask) / (number of tokens in the mask)

    That is r > 1 + epsilon for a good token (A > 0) and r < 1 - epsilon for a bad one (A < 0). A
    bad token that has become likelier is far from 1 too, but it is not clipped: its objective is
    r * A in full. Many trainers report |r - 1| > epsilon instead, which also counts those. A token
    with A = 0 or with r exactly on the border is not clipped either.

    Args:
        ratio: probability ratios r, (B, T).
        advantages: advantages A, (B, T).
        mask: True or 1 on response tokens, (B, T); bool, int or float. What it hides never counts,
            not even inf or nan.
        epsilon: half-width of the trusted range, at least 0.

    Returns:
        A Python float between 0 and 1, and 0.0 for an empty mask. Compare in the tensor's own
        dtype: a float32 ratio of 1.2 is not above 1 + 0.2, though it is once it is made a Python
        float.

    Example:
        Of three tokens with ratio 1.5, only the good one is clipped: the second is bad, the third
        neither.

        >>> ratio, advantages = torch.full((1, 3), 1.5), torch.tensor([[1.0, -1.0, 0.0]])
        >>> round(clip_fraction(ratio, advantages, torch.ones(1, 3)), 4)
        0.3333
    """
    raise NotImplementedError("write clip_fraction here")


def kl_estimate(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, kind: str = "k1") -> Tensor:
    """Estimate KL(policy || reference) from the tokens that the policy itself sampled.

        d  = logprobs - ref_logprobs
        k1 = d                    right on average, but noisy, and a sample of it can be negative
        k2 = d^2 / 2              never negative, a little off on average
        k3 = exp(-d) - 1 + d      never negative, and right on average

    The estimate is the mean over all response tokens of the batch. Near d = 0 the terms of k3
    cancel: `expm1` computes exp(-d) - 1 there without losing its digits, so that even for d = 1e-6
    six of them are right in float64. k3 is exact for |d| up to 80; it is not clamped.

    Args:
        logprobs: log-probabilities of the sampled tokens under the policy, (B, T).
        ref_logprobs: the same under the frozen reference, (B, T).
        mask: True or 1 on response tokens, (B, T); bool, int or float. What it hides never counts,
            not even inf or nan, neither in the value nor in a gradient.
        kind: "k1", "k2" or "k3".

    Returns:
        The estimate, a tensor of shape () in the dtype of `logprobs`; 0 for an empty mask. It
        estimates a value to watch or to subtract from a reward. It is not meant as a loss
        (the gradient of k1 is zero on average), so whether a gradient flows is left open.

    Raises:
        ValueError: if `kind` is none of the three.

    Example:
        A token 1 nat likelier than under the reference, and one 0.5 nats less likely.

        >>> logprobs, ref_logprobs = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-2.0, -1.5]])
        >>> [round(kl_estimate(logprobs, ref_logprobs, torch.ones(1, 2), kind).item(), 4)
        ...  for kind in ("k1", "k2", "k3")]
        [0.25, 0.3125, 0.2583]

    Source:
        Schulman 2020, Approximating KL Divergence (blog post).
    """
    raise NotImplementedError("write kl_estimate here")


def adaptive_kl_coefficient(
    beta: float, kl: float, target: float, horizon: float, n_steps: int
) -> float:
    """Turn the KL penalty up when the policy strays too far, and down when it stays too close.

        error    = clip(kl / target - 1, -0.2, 0.2)
        new beta = beta * (1 + error * n_steps / horizon)

    The clip keeps one wild measurement from throwing beta about, and `horizon` sets the pace: a
    correction after as many steps as the horizon changes beta by at most 20 %.

    Args:
        beta: the present KL coefficient.
        kl: the KL divergence just measured.
        target: the KL divergence to hold, above 0.
        horizon: how many steps a correction is spread over, above 0.
        n_steps: how many steps have passed since the last correction.

    Returns:
        The new coefficient, a Python float.

    Raises:
        ValueError: if `target` or `horizon` is not above 0.

    Example:
        A KL of 12 is twice the target of 6: the error of 1 is clipped to 0.2, and 100 of 1000
        steps pass.

        >>> round(adaptive_kl_coefficient(0.5, kl=12.0, target=6.0, horizon=1000, n_steps=100), 4)
        0.51

    Source:
        Ziegler et al. 2019, Fine-Tuning Language Models from Human Preferences (as in the code
        they released).
    """
    raise NotImplementedError("write adaptive_kl_coefficient here")
