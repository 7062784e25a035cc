"""Lab 4: DPO finds the policy that the theory promises, from comparisons alone.

Run it with `python exercises/ch4/lab.py` once the functions of this chapter are yours. Eight
responses to one prompt have a true reward, so the best policy under a KL leash can be written down:
the reference, tilted by exp(reward / beta). DPO never sees a reward. It sees who won.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from dpo import dpo_gradient_weight, dpo_loss, reward_from_policy, train_dpo
from torch import Tensor

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RESPONSES = 8
BETA, BETAS = 0.5, (0.25, 0.5, 1.0, 2.0)
SIZES, REPEATS = (100, 400, 1600, 6400), 5
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"  # told apart by the colour-blind, too


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        reference, tilt, trained: probabilities before, at the closed form, and after DPO.
        reward, implicit: the true reward, and the one that the trained policy expresses; mean 0.
        loss: DPO loss on the comparisons (before, after, at the closed form).
        weight: mean gradient weight of the comparisons (before, after).
        away: for each of `SIZES`, KL(trained || tilt) of every repeat.
        leash: for each of `BETAS` reward and KL after DPO, then reward and KL of the closed form.
    """

    reference: Tensor
    tilt: Tensor
    trained: Tensor
    reward: Tensor
    implicit: Tensor
    loss: tuple[float, float, float]
    weight: tuple[float, float]
    away: np.ndarray
    leash: np.ndarray


def kl(p: Tensor, q: Tensor) -> float:
    """KL(p || q) of two tables of log-probs."""
    return (p.exp() * (p - q)).sum().item()


def run() -> Numbers:
    """Draw comparisons from a known reward, train on them, and compare with the closed form."""
    dice = torch.Generator().manual_seed(4)
    reward = torch.linspace(-1.2, 1.2, RESPONSES, dtype=torch.float64)
    reward = reward[torch.randperm(RESPONSES, generator=dice)]
    # The reference has a weakness for bad responses.
    logits = 0.5 * torch.randn(RESPONSES, generator=dice, dtype=torch.float64) - 0.8 * reward
    reference = logits.log_softmax(0)

    def comparisons(count: int) -> tuple[Tensor, Tensor]:
        """Pairs of different responses, and the winner by Bradley-Terry."""
        first = torch.randint(RESPONSES, (count,), generator=dice)
        second = (first + torch.randint(1, RESPONSES, (count,), generator=dice)) % RESPONSES
        wins = torch.rand(count, generator=dice) < torch.sigmoid(reward[first] - reward[second])
        return torch.where(wins, first, second), torch.where(wins, second, first)

    def tilt(beta: float) -> Tensor:
        return (reference + reward / beta).log_softmax(0)

    def dpo(pairs: tuple[Tensor, Tensor], beta: float) -> Tensor:
        return train_dpo(logits, *pairs, beta=beta, lr=0.1, steps=250).log_softmax(0)

    away = np.array(
        [[kl(dpo(comparisons(size), BETA), tilt(BETA)) for _ in range(REPEATS)] for size in SIZES]
    )

    pairs = chosen, rejected = comparisons(SIZES[-1])
    by_beta = {beta: dpo(pairs, beta) for beta in BETAS}

    def reward_and_kl(table: Tensor) -> tuple[float, float]:
        return (table.exp() * reward).sum().item(), kl(table, reference)

    trained = by_beta[BETA]
    implicit = reward_from_policy(trained.exp(), reference.exp(), BETA)

    def on_pairs(table: Tensor) -> tuple[Tensor, ...]:
        return table[chosen], table[rejected], reference[chosen], reference[rejected]

    return Numbers(
        reference.exp(),
        tilt(BETA).exp(),
        trained.exp(),
        reward - reward.mean(),
        implicit - implicit.mean(),
        tuple(
            dpo_loss(*on_pairs(table), BETA).item() for table in (reference, trained, tilt(BETA))
        ),
        tuple(
            dpo_gradient_weight(*on_pairs(table), BETA).mean().item()
            for table in (reference, trained)
        ),
        away,
        np.array([reward_and_kl(by_beta[b]) + reward_and_kl(tilt(b)) for b in BETAS]),
    )


def plot(numbers: Numbers, file: Path) -> None:
    """The policy, the reward it expresses, and how both come closer with data, side by side."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 4.2), layout="constrained")

    by_reward = torch.argsort(numbers.reward)
    rank = np.arange(RESPONSES)
    left.plot(rank, numbers.reference[by_reward], "o-", color=GREY, mfc="none", label="reference")
    left.plot(
        rank,
        numbers.tilt[by_reward],
        "s--",
        color=ORANGE,
        mfc="none",
        ms=10,
        label="closed form",
    )
    left.plot(rank, numbers.trained[by_reward], "x-", color=BLUE, ms=7, label="trained by DPO")
    left.set_xticks(rank, [f"{reward:.1f}" for reward in numbers.reward[by_reward]])
    left.legend(frameon=False)
    left.set(
        xlabel="true reward of the response",
        ylabel="probability",
        ylim=(0, None),
        title=f"One policy, found twice (beta {BETA})",
    )

    ends = np.array([numbers.reward.min(), numbers.reward.max()]) * 1.1
    middle.plot(ends, ends, color=ORANGE, linestyle="--", label="slope 1")
    middle.plot(numbers.reward, numbers.implicit, "x", color=BLUE, ms=8, label="response")
    middle.legend(frameon=False)
    middle.set(
        xlabel="true reward (mean 0)",
        ylabel="beta log(policy / reference) (mean 0)",
        title="The reward inside the policy",
    )

    mean = numbers.away.mean(axis=1)
    for repeat in numbers.away.T:
        right.loglog(SIZES, repeat, ".", color=BLUE, alpha=0.5)
    right.loglog(SIZES, mean, "x-", color=BLUE, ms=7, label=f"mean of {REPEATS} runs")
    guide = mean[-1] * SIZES[-1] / np.array(SIZES)
    right.loglog(SIZES, guide, color=GREY, linestyle="--", label="1 / comparisons")
    right.legend(frameon=False)
    right.set_xticks(SIZES, [str(size) for size in SIZES])
    right.minorticks_off()
    right.set(
        xlabel="comparisons",
        ylabel="KL(trained || closed form), nats",
        title="Only the data is missing",
    )

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    torch.set_num_threads(1)  # the tensors are tiny
    numbers = run()
    before, after, ideal = numbers.loss
    print(f"{SIZES[-1]} comparisons of {RESPONSES} responses\n")
    print(f"{'':<26}{'reference':>12}{'DPO':>12}{'closed form':>14}")
    print(f"{'DPO loss':<26}{before:>12.4f}{after:>12.4f}{ideal:>14.4f}")
    print(f"{'mean gradient weight':<26}{numbers.weight[0]:>12.4f}{numbers.weight[1]:>12.4f}\n")
    print(f"{'':<10}{'expected true reward':^32}{'KL from the reference':^32}")
    print(f"{'beta':<10}{'DPO':>14}{'closed form':>14}{'':4}{'DPO':>14}{'closed form':>14}")
    for beta, (reward, kl_, best_reward, best_kl) in zip(BETAS, numbers.leash, strict=True):
        print(f"{beta:<10}{reward:>14.3f}{best_reward:>14.3f}{'':4}{kl_:>14.3f}{best_kl:>14.3f}")
    print(f"\n{'comparisons':<14}{'KL(trained || closed form)':>30}")
    for size, repeats in zip(SIZES, numbers.away, strict=True):
        print(f"{size:<14}{repeats.mean():>30.4f}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- DPO arrives at the tilt of the reference by exp(reward / beta), at every beta,
  though no reward model was ever fitted and nothing was sampled in training.
- The trained policy carries the true reward in it: beta times its log-ratio, up
  to one constant.
- beta is the leash: a small one buys more reward, farther from the reference.
- What keeps DPO away from the closed form is the luck of the comparisons: it
  even has the lower loss on those it saw. The distance falls like one over
  their number, once there are enough that every response has won and lost."""
    )


if __name__ == "__main__":
    main()
