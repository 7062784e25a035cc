"""Right answers to chapter 1 in other styles: the hidden properties must give each full marks."""

import numpy as np
import torch
from torch import nn

from assay.prove import variant


@variant("preference_probability")
def as_softmax(reward_a, reward_b):
    return torch.softmax(torch.stack(torch.broadcast_tensors(reward_a, reward_b)), 0)[0]


@variant("preference_probability")
def with_tanh(reward_a, reward_b):
    return (1 + torch.tanh((reward_a - reward_b) / 2)) / 2


@variant("bradley_terry_loss")
def with_softplus(chosen_rewards, rejected_rewards, margin=None):
    bar = 0.0 if margin is None else margin
    return nn.functional.softplus(rejected_rewards - chosen_rewards + bar).mean()


@variant("bradley_terry_loss")
def as_cross_entropy(chosen_rewards, rejected_rewards, margin=None):
    gap = chosen_rewards - rejected_rewards
    if margin is not None:
        gap = gap - margin
    return nn.BCEWithLogitsLoss()(gap, torch.ones_like(gap))


@variant("bradley_terry_loss")
def pair_by_pair(chosen_rewards, rejected_rewards, margin=None):
    losses = []
    for i, (chosen, rejected) in enumerate(zip(chosen_rewards, rejected_rewards, strict=True)):
        bar = 0.0 if margin is None else margin[i] if torch.is_tensor(margin) else margin
        both = torch.stack([chosen - bar, rejected])
        losses.append(torch.logsumexp(both, 0) - both[0])
    return sum(losses) / len(losses)


@variant("preference_accuracy")
def with_sign(chosen_rewards, rejected_rewards):
    if not len(chosen_rewards):
        raise ValueError("chosen_rewards must not be empty")
    return float(((chosen_rewards - rejected_rewards).sign().double() + 1).mean() / 2)


@variant("preference_accuracy")
def counted_in_python(chosen_rewards, rejected_rewards):
    pairs = list(zip(chosen_rewards.tolist(), rejected_rewards.tolist(), strict=True))
    if pairs == []:
        raise ValueError("Chosen rewards: none given")
    return sum((c > r) + 0.5 * (c == r) for c, r in pairs) / len(pairs)


@variant("last_token_reward")
def row_by_row(token_rewards, attention_mask):
    found = []
    for rewards, mask in zip(token_rewards, attention_mask, strict=True):
        places = mask.nonzero()
        if len(places) == 0:
            raise ValueError("empty row in attention_mask")
        found.append(rewards[places[-1, 0]])
    return torch.stack(found)


@variant("last_token_reward")
def from_the_end(token_rewards, attention_mask):
    attended = attention_mask.bool()
    if (~attended).all(dim=-1).any():
        raise ValueError("The attention mask must attend to something in each row")
    width = attended.shape[1]
    last = width - 1 - attended.int().flip(1).argmax(1)
    return token_rewards[torch.arange(len(last)), last]


@variant("last_token_reward")
def by_running_count(token_rewards, attention_mask):
    count = (attention_mask != 0).cumsum(1)
    if bool((count[:, -1] == 0).any()):
        raise ValueError("attention_mask: nothing attended")
    last = (count * (attention_mask != 0)).argmax(1, keepdim=True)
    return torch.take_along_dim(token_rewards, last, 1)[:, 0]


@variant("reward_centering_loss")
def with_mse(chosen_rewards, rejected_rewards):
    return nn.functional.mse_loss(chosen_rewards, -rejected_rewards)


@variant("reward_centering_loss")
def with_a_product(chosen_rewards, rejected_rewards):
    total = chosen_rewards + rejected_rewards
    return total @ total / len(total)


def _check(wins):
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError("wins has to be square")
    if table.size and table.min() < 0:
        raise ValueError("wins can't be negative")
    for arrows in (table > 0, table.T > 0):
        seen, todo = {0}, [0]
        while todo:
            new = set(np.flatnonzero(arrows[todo.pop()])) - seen
            seen |= new
            todo += list(new)
        if len(seen) < len(table):
            raise ValueError("wins: not strongly connected, no finite strengths")
    return table


@variant("fit_bradley_terry")
def newton_with_backtracking(wins, steps=1000):
    table = _check(wins)
    n = len(table)

    def likelihood(s):
        return -(table * np.logaddexp(0.0, s[None, :] - s[:, None])).sum()

    s = np.zeros(n)
    for _ in range(steps):
        p = 1 / (1 + np.exp(s[None, :] - s[:, None]))
        slope = (table * (1 - p)).sum(1) - (table.T * p).sum(1)
        if abs(slope).max() < 1e-9 * max(1.0, table.sum()):
            break
        weight = (table + table.T) * p * (1 - p)
        step = np.linalg.solve(np.diag(weight.sum(1)) - weight + 1 / n, slope)
        rate = 1.0
        while likelihood(s + rate * step) < likelihood(s) and rate > 1e-9:
            rate /= 2
        s = s + rate * step
    return (s - s.mean()).tolist()


@variant("fit_bradley_terry")
def one_player_held_at_zero(wins, steps=1000):
    table = torch.tensor(_check(wins))
    n = len(table)
    free = torch.zeros(n - 1, dtype=torch.float64)

    def loss(free):
        s = torch.cat([free, torch.zeros(1, dtype=torch.float64)])
        return -(table * nn.functional.logsigmoid(s[:, None] - s)).sum()

    for _ in range(steps if n > 1 else 0):
        slope = torch.autograd.functional.jacobian(loss, free)
        if slope.abs().max() <= 1e-9 * max(1.0, float(table.sum())):
            break
        step = torch.linalg.solve(torch.autograd.functional.hessian(loss, free), slope)
        free = free - step * min(1.0, 0.5 / float(step.abs().max()))
    s = torch.cat([free, torch.zeros(1, dtype=torch.float64)])
    return (s - s.mean()).numpy()
