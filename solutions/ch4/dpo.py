"""Direct preference optimization: learning from comparisons, without reward model and RL."""

import torch
import torch.nn.functional as F
from torch import Tensor


def sequence_logprobs(token_logprobs: Tensor, mask: Tensor) -> Tensor:
    """Log-probability of each whole response: the sum over its tokens.

        log pi(y | x) = sum over response tokens t of log pi(y_t | x, y_<t)

    A sum, not a mean: dividing by the length would be another method. What stands at a masked
    position never counts, not even when it is inf or nan, and its gradient is exactly 0. A row
    without any token gives 0.

    Args:
        token_logprobs: (B, T) log-probability of each token.
        mask: (B, T) bool or 0/1, true on the tokens of the response.

    Returns:
        (B,) log-probabilities, in the dtype of ``token_logprobs``.

    Example:
        >>> sequence_logprobs(torch.tensor([[-1.0, -2.0, -4.0]]), torch.tensor([[0, 1, 1]]))
        tensor([-6.])

    Source: Rafailov et al. (2023), "Direct Preference Optimization".
    """
    ### BEGIN SOLUTION
    # masked_fill, not multiplication: 0 * inf would be nan.
    return token_logprobs.masked_fill(~mask.bool(), 0.0).sum(dim=-1)
    ### END SOLUTION


def implicit_reward(policy_logps: Tensor, ref_logps: Tensor, beta: float = 0.1) -> Tensor:
    """The reward that a policy expresses by how far it has moved away from its reference.

        r = beta * (policy_logps - ref_logps)

    Args:
        policy_logps: (B,) log-probability of each response under the policy.
        ref_logps: (B,) the same under the frozen reference; a constant: no gradient reaches it.
        beta: strength of the leash to the reference, > 0.

    Returns:
        (B,) implicit rewards. They are meaningful up to a constant per prompt.

    Example:
        >>> implicit_reward(torch.tensor([-3.0]), torch.tensor([-4.0]), beta=0.5)
        tensor([0.5000])

    Source: Rafailov et al. (2023), section 4.
    """
    ### BEGIN SOLUTION
    return beta * (policy_logps - ref_logps.detach())
    ### END SOLUTION


def dpo_loss(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """DPO loss: the Bradley-Terry loss on implicit rewards.

        h    = beta * ((policy_chosen - ref_chosen) - (policy_rejected - ref_rejected))
        loss = mean over the batch of  -(1 - s) * log sigmoid(h) - s * log sigmoid(-h)

    where s is ``label_smoothing``, the assumed share of swapped labels (conservative DPO; not
    divided by 1 - 2s). Stable: finite and accurate for h as extreme as +-1e4, its gradient too.

    Args:
        policy_chosen_logps: (B,) log-probability of each preferred response under the policy.
        policy_rejected_logps: (B,) the same for the response that lost.
        ref_chosen_logps: (B,) the preferred response under the reference; constant, no gradient.
        ref_rejected_logps: (B,) the losing response under the reference; constant, no gradient.
        beta: strength of the leash, > 0.
        label_smoothing: s in [0, 0.5).

    Returns:
        A scalar tensor of shape ().

    Raises:
        ValueError: ``beta`` <= 0, or ``label_smoothing`` outside [0, 0.5); the message names the
            argument.

    Example:
        Log-ratios of 1.0 (chosen) and -0.5 (rejected) at beta 0.5 give h = 0.75:

        >>> zero = torch.tensor([0.0])
        >>> dpo_loss(torch.tensor([1.0]), torch.tensor([-0.5]), zero, zero, beta=0.5)
        tensor(0.3869)

    Source: Rafailov et al. (2023), eq. 7; smoothing: Mitchell (2023), "A note on DPO with noisy
    preferences".
    """
    ### BEGIN SOLUTION
    if beta <= 0:
        raise ValueError(f"beta must be positive, not {beta}")
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(f"label_smoothing must be in [0, 0.5), not {label_smoothing}")
    chosen = implicit_reward(policy_chosen_logps, ref_chosen_logps, beta)
    rejected = implicit_reward(policy_rejected_logps, ref_rejected_logps, beta)
    h = chosen - rejected
    losses = -(1 - label_smoothing) * F.logsigmoid(h) - label_smoothing * F.logsigmoid(-h)
    return losses.mean()
    ### END SOLUTION


def dpo_gradient_weight(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    beta: float = 0.1,
) -> Tensor:
    """How hard DPO pushes on each pair: the probability that the implicit reward gives to the
    wrong order.

        weight = sigmoid(r_rejected - r_chosen),   r = beta * (policy - ref)

    The gradient of the DPO loss is beta times this weight, in the direction that makes the chosen
    response likelier and the rejected one less likely: pairs that are still ranked wrong push
    hardest.

    Args:
        policy_chosen_logps: (B,) preferred responses under the policy.
        policy_rejected_logps: (B,) losing responses under the policy.
        ref_chosen_logps: (B,) preferred responses under the reference.
        ref_rejected_logps: (B,) losing responses under the reference.
        beta: strength of the leash, > 0.

    Returns:
        (B,) weights in [0, 1], cut off from the graph: a diagnostic, no gradient flows through it.

    Example:
        >>> zero = torch.tensor([0.0])
        >>> dpo_gradient_weight(torch.tensor([1.0]), torch.tensor([-0.5]), zero, zero, beta=0.5)
        tensor([0.3208])

    Source: Rafailov et al. (2023), section 4, "What does the DPO update do?".
    """
    ### BEGIN SOLUTION
    chosen = implicit_reward(policy_chosen_logps, ref_chosen_logps, beta)
    rejected = implicit_reward(policy_rejected_logps, ref_rejected_logps, beta)
    return torch.sigmoid(rejected - chosen).detach()
    ### END SOLUTION


def ipo_loss(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    tau: float = 0.1,
) -> Tensor:
    """IPO loss: pull the gap of log-ratios to a fixed target instead of pushing it for ever.

        gap  = (policy_chosen - ref_chosen) - (policy_rejected - ref_rejected)
        loss = mean over the batch of (gap - 1 / (2 * tau))^2

    The log-probabilities are sums over tokens (some public code takes means; here it is sums).

    Args:
        policy_chosen_logps: (B,) preferred responses under the policy.
        policy_rejected_logps: (B,) losing responses under the policy.
        ref_chosen_logps: (B,) preferred responses under the reference; constant, no gradient.
        ref_rejected_logps: (B,) losing responses under the reference; constant, no gradient.
        tau: strength of the leash, > 0: a small tau asks for a wide gap.

    Returns:
        A scalar tensor of shape ().

    Raises:
        ValueError: ``tau`` <= 0; the message names the argument.

    Example:
        A gap of 1.5 and tau 0.5 (target 1) give 0.5^2:

        >>> zero = torch.tensor([0.0])
        >>> ipo_loss(torch.tensor([1.0]), torch.tensor([-0.5]), zero, zero, tau=0.5)
        tensor(0.2500)

    Source: Azar et al. (2023), "A General Theoretical Paradigm to Understand Learning from Human
    Preferences".
    """
    ### BEGIN SOLUTION
    if tau <= 0:
        raise ValueError(f"tau must be positive, not {tau}")
    chosen = policy_chosen_logps - ref_chosen_logps.detach()
    rejected = policy_rejected_logps - ref_rejected_logps.detach()
    return (chosen - rejected - 1 / (2 * tau)).square().mean()
    ### END SOLUTION


def reward_from_policy(policy_probs: Tensor, ref_probs: Tensor, beta: float) -> Tensor:
    """The reward of which a given policy is the KL-regularised optimum.

        r(y) = beta * log(pi(y) / ref(y))

    This undoes the tilt pi(y) proportional to ref(y) * exp(r(y) / beta). A reward is known only up
    to a constant; this one is fixed by sum over y of ref(y) * exp(r(y) / beta) = 1.

    Args:
        policy_probs: (..., V) probabilities; a 0 gives a reward of -inf.
        ref_probs: (..., V) probabilities of the reference, all > 0.
        beta: strength of the leash, > 0.

    Returns:
        (..., V) rewards.

    Example:
        >>> reward_from_policy(torch.tensor([0.8, 0.2]), torch.tensor([0.5, 0.5]), beta=1.0)
        tensor([ 0.4700, -0.9163])

    Source: Rafailov et al. (2023), eq. 5.
    """
    ### BEGIN SOLUTION
    return beta * (policy_probs.log() - ref_probs.log())
    ### END SOLUTION


def train_dpo(
    ref_logits: Tensor,
    chosen: Tensor,
    rejected: Tensor,
    beta: float = 0.1,
    lr: float = 1.0,
    steps: int = 500,
) -> Tensor:
    """Train a policy by DPO: a table of one logit per response to a single prompt.

        start at ref_logits; repeat `steps` times: one Adam step at `lr` on the mean DPO loss of
        all pairs

    The log-probability of response i is log_softmax(logits)[i]. In the gap of a pair its
    normaliser cancels, so compute the gap from differences of logits; then a response that is in
    no pair keeps its logit to the last bit. (Plain gradient descent does not arrive: the curvature
    is only beta^2 / 4.)

    Args:
        ref_logits: (V,) logits of the reference policy; left as they are.
        chosen: (N,) index of the preferred response of each pair.
        rejected: (N,) index of the response that lost.
        beta: strength of the leash.
        lr: learning rate of Adam, its other settings as torch sets them.
        steps: number of updates on the whole set of pairs; 0 returns a copy of ``ref_logits``.

    Returns:
        (V,) trained logits, detached, in the dtype of ``ref_logits``. With the default settings
        their loss is within 1e-3 of the minimum, where there is one (every connected group of
        compared responses is strongly connected, at most 10 responses, win ratios up to 10:1).

    Example:
        Response 0 wins 3 of 4 comparisons: at the optimum beta * (gap of log-ratios) = log 3.

        >>> chosen, rejected = torch.tensor([0, 0, 0, 1]), torch.tensor([1, 1, 1, 0])
        >>> logits = train_dpo(torch.zeros(2), chosen, rejected)
        >>> round(0.1 * float(logits[0] - logits[1]), 2)
        1.1

    Source: Rafailov et al. (2023), section 4; Kingma and Ba (2015) for Adam.
    """
    ### BEGIN SOLUTION
    reference = ref_logits.detach()
    logits = reference.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = dpo_loss(
            logits[chosen], logits[rejected], reference[chosen], reference[rejected], beta
        )
        loss.backward()
        optimizer.step()
    return logits.detach()
    ### END SOLUTION
