"""Reward modeling: learn a scalar reward from pairs of answers, one preferred to the other."""

import torch
import torch.nn.functional as F
from torch import Tensor


def preference_probability(reward_a: Tensor, reward_b: Tensor) -> Tensor:
    """Probability that answer A is preferred to answer B (Bradley-Terry).

        P(A > B) = sigmoid(reward_a - reward_b)

    Only the difference of the rewards matters: adding the same number to both changes nothing.

    Args:
        reward_a: rewards of the answers A, any shape.
        reward_b: rewards of the answers B, any shape that broadcasts with `reward_a`.

    Returns:
        The probabilities, elementwise, in the broadcast shape and the dtype of the rewards;
        differentiable through both arguments. For differences of up to 1e4 either way value and
        gradient are finite. The inputs stay as they are.

    Example:
        >>> p = preference_probability(torch.tensor(1.5), torch.tensor(-0.5))
        >>> round(p.item(), 4)
        0.8808

    Source: Bradley & Terry 1952.
    """
    ### BEGIN SOLUTION
    return torch.sigmoid(reward_a - reward_b)
    ### END SOLUTION


def bradley_terry_loss(
    chosen_rewards: Tensor,
    rejected_rewards: Tensor,
    margin: Tensor | float | None = None,
) -> Tensor:
    """Loss that trains a reward model: minus the log-probability of the human's choices.

        gap  = chosen - rejected - margin
        loss = mean over the pairs of  -log sigmoid(gap)

    With a margin, a chosen answer must win by more than that margin before the loss gets small:
    large margins for pairs where the annotator found one answer much better.

    It must be stable for gaps of up to 1e4 either way, value and gradient: about 0 for a gap of
    +1e4, 1e4 for a gap of -1e4. The derivative of a pair's own loss with respect to its gap is
    -1/2 at gap 0, near -1 for a pair that is clearly lost and near 0 for one that is clearly won.

    Args:
        chosen_rewards: rewards of the preferred answers, shape (B,).
        rejected_rewards: rewards of the other answer of each pair, shape (B,).
        margin: None (no margin), one float for all pairs, or a tensor of shape (B,).

    Returns:
        The mean loss, a scalar tensor of shape () in the dtype of the rewards, differentiable
        through both rewards. The inputs stay as they are.

    Example:
        >>> loss = bradley_terry_loss(torch.tensor([1.5]), torch.tensor([-0.5]))
        >>> round(loss.item(), 4)
        0.1269
        >>> loss = bradley_terry_loss(torch.tensor([1.5]), torch.tensor([-0.5]), margin=1.0)
        >>> round(loss.item(), 4)
        0.3133

    Source: Ouyang et al. 2022 (loss); Touvron et al. 2023, Llama 2 (margin).
    """
    ### BEGIN SOLUTION
    gap = chosen_rewards - rejected_rewards
    if margin is not None:
        gap = gap - margin
    # Not log(sigmoid(gap)): that sigmoid underflows to 0 for a lost pair, and log(0) is -inf.
    return -F.logsigmoid(gap).mean()
    ### END SOLUTION


def preference_accuracy(chosen_rewards: Tensor, rejected_rewards: Tensor) -> float:
    """Share of the pairs that the reward model ranks as the human did.

        accuracy = mean over the pairs of  1    where chosen > rejected
                                           1/2  where chosen = rejected (a tie)
                                           0    where chosen < rejected

    Args:
        chosen_rewards: rewards of the preferred answers, shape (B,).
        rejected_rewards: rewards of the other answer of each pair, shape (B,).

    Returns:
        The accuracy, a Python float from 0 to 1 (a measurement: nothing to differentiate).
        Equal means exactly equal: however small, a lead is a lead.

    Raises:
        ValueError: there are no pairs; the message names `chosen_rewards`.

    Example:
        >>> chosen = torch.tensor([2.0, 1.0, 0.0])
        >>> preference_accuracy(chosen, torch.tensor([1.0, 1.0, 1.0]))
        0.5
    """
    ### BEGIN SOLUTION
    if chosen_rewards.numel() == 0:
        raise ValueError("chosen_rewards is empty: there is no accuracy of no pairs")
    won = (chosen_rewards > rejected_rewards).double()
    tied = (chosen_rewards == rejected_rewards).double()
    return (won + 0.5 * tied).mean().item()
    ### END SOLUTION


def last_token_reward(token_rewards: Tensor, attention_mask: Tensor) -> Tensor:
    """Reward of each answer: the reward head's output at the last real token.

        reward[b] = token_rewards[b, t_b],   t_b = the last t with attention_mask[b, t] != 0

    A reward model puts a number on every token, but only the last real one has seen the whole
    answer. Rows of a batch are padded to one length T, on the right (1 1 1 0 0) or on the left
    (0 0 1 1 1); the rule above serves both. What stands at other positions must influence
    neither value nor gradient, even if it is inf or nan.

    Args:
        token_rewards: the reward at every position, shape (B, T).
        attention_mask: 1 or True at real tokens, 0 or False at padding, shape (B, T); bool, int
            or float.

    Returns:
        The rewards, shape (B,), in the dtype of `token_rewards`. The gradient is 1 at each row's
        last real token and exactly 0 at every other position. The inputs stay as they are.

    Raises:
        ValueError: a row of `attention_mask` has no real token at all; the message names it.

    Example:
        >>> token_rewards = torch.tensor([[0.1, 0.7, 9.0], [9.0, 0.2, 0.3]])
        >>> attention_mask = torch.tensor([[1, 1, 0], [0, 1, 1]])
        >>> last_token_reward(token_rewards, attention_mask)
        tensor([0.7000, 0.3000])

    Source: Ziegler et al. 2019.
    """
    ### BEGIN SOLUTION
    attended = attention_mask != 0
    if not attended.any(dim=1).all():
        raise ValueError("attention_mask has a row without a single attended position")
    positions = torch.arange(token_rewards.shape[1], device=token_rewards.device)
    last = torch.where(attended, positions, 0).amax(dim=1)
    # Pick, don't multiply by a 0/1 mask: 0 * nan is nan.
    return token_rewards.gather(1, last.unsqueeze(1)).squeeze(1)
    ### END SOLUTION


def reward_centering_loss(chosen_rewards: Tensor, rejected_rewards: Tensor) -> Tensor:
    """Regulariser that pins the free constant of a reward model near zero.

        loss = mean over the pairs of  (chosen + rejected)^2

    The Bradley-Terry loss sees differences only, so rewards may drift up or down together.
    Added to it with a small coefficient (0.01, say), this term keeps them centred: it is 0
    exactly where the two rewards of every pair sum to 0.

    Args:
        chosen_rewards: rewards of the preferred answers, shape (B,).
        rejected_rewards: rewards of the other answer of each pair, shape (B,).

    Returns:
        The mean over the pairs, without a coefficient: a scalar tensor of shape () in the dtype
        of the rewards, differentiable through both arguments. The inputs stay as they are.

    Example:
        >>> reward_centering_loss(torch.tensor([1.5, 1.0]), torch.tensor([-0.5, -1.0]))
        tensor(0.5000)

    Source: Eisenstein et al. 2023.
    """
    ### BEGIN SOLUTION
    return ((chosen_rewards + rejected_rewards) ** 2).mean()
    ### END SOLUTION
