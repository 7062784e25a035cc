"""Direct preference optimization, half done: a sample to try the grader on."""

import torch.nn.functional as F
from torch import Tensor


def sequence_logprobs(token_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (token_logprobs * mask).sum(dim=-1)


def implicit_reward(policy_logps: Tensor, ref_logps: Tensor, beta: float = 0.1) -> Tensor:
    return beta * (policy_logps - ref_logps.detach())


def dpo_loss(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Tensor:
    if beta <= 0:
        raise ValueError("beta must be positive")
    log_ratio_chosen = policy_chosen_logps - ref_chosen_logps.detach()
    log_ratio_rejected = policy_rejected_logps - ref_rejected_logps.detach()
    h = log_ratio_chosen - log_ratio_rejected
    losses = -(1 - label_smoothing) * F.logsigmoid(h) - label_smoothing * F.logsigmoid(-h)
    return losses.mean()


def dpo_gradient_weight(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    beta: float = 0.1,
) -> Tensor:
    raise NotImplementedError


def ipo_loss(
    policy_chosen_logps: Tensor,
    policy_rejected_logps: Tensor,
    ref_chosen_logps: Tensor,
    ref_rejected_logps: Tensor,
    tau: float = 0.1,
) -> Tensor:
    if tau <= 0:
        raise ValueError(f"tau must be positive, not {tau}")
    chosen = policy_chosen_logps - ref_chosen_logps.detach()
    rejected = policy_rejected_logps - ref_rejected_logps.detach()
    return (chosen - rejected - 1 / (2 * tau)).square().mean()


def reward_from_policy(policy_probs: Tensor, ref_probs: Tensor, beta: float) -> Tensor:
    return beta * (policy_probs / ref_probs).log()


def train_dpo(
    ref_logits: Tensor,
    chosen: Tensor,
    rejected: Tensor,
    beta: float = 0.1,
    lr: float = 1.0,
    steps: int = 500,
) -> Tensor:
    raise NotImplementedError
