"""Lab 1: annotators disagree about numbers, not about which answer is better.

Run it with `python exercises/ch1/lab.py` once the functions of this chapter are yours. Forty
simulated annotators read answers made of tokens. Each has a taste for high or low marks of their
own. Two equal reward models learn from them: one from marks out of ten, one from "this one is
better".
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from bradley_terry_fit import fit_bradley_terry
from reward_modeling import (
    bradley_terry_loss,
    last_token_reward,
    preference_accuracy,
    preference_probability,
    reward_centering_loss,
)
from torch import Tensor, nn

matplotlib.use("Agg")
import matplotlib.pyplot as plt

VOCABULARY, LENGTH = 12, 8
PAIRS, HELD_OUT = 300, 1000
STEPS, CENTERING = 200, 0.01
GAMES = 60
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"  # told apart by the colour-blind, too


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        accuracy_from_ratings, accuracy_from_pairs: share of held-out pairs in true order.
        losses: Bradley-Terry loss over training of the model that learns from pairs.
        quality, learned: true quality and learned reward of held-out answers.
        mean_with, mean_without: mean learned reward with and without the centering loss.
        strengths, fitted: true and fitted log-strengths of the players of a tournament.
        loss_shift: change of the loss when every reward is raised by 100.
    """

    accuracy_from_ratings: float
    accuracy_from_pairs: float
    losses: tuple[float, ...]
    quality: Tensor
    learned: Tensor
    mean_with: float
    mean_without: float
    strengths: np.ndarray
    fitted: np.ndarray
    loss_shift: float


class RewardModel(nn.Module):
    """A reward at every token, from the mean embedding of the tokens so far."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, 8)
        self.head = nn.Linear(8, 1)
        nn.init.constant_(self.head.bias, 2.0)  # a constant that no comparison can see

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        so_far = self.embed(tokens).cumsum(1) / torch.arange(1, LENGTH + 1).unsqueeze(1)
        return last_token_reward(self.head(so_far).squeeze(-1), mask)


def answers(count: int, worth: Tensor, dice: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Random answers: tokens (padded on the right), mask, true quality."""
    tokens = torch.randint(VOCABULARY, (count, LENGTH), generator=dice)
    lengths = torch.randint(3, LENGTH + 1, (count, 1), generator=dice)
    mask = torch.arange(LENGTH) < lengths
    quality = 3 * (worth[tokens] * mask).sum(1) / mask.sum(1)
    return tokens, mask, quality


def train(tokens: Tensor, mask: Tensor, objective: Callable[[Tensor], Tensor]) -> RewardModel:
    """Fit a fresh reward model: minimise `objective`, a function of the rewards of all answers."""
    torch.manual_seed(0)
    model = RewardModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(STEPS):
        optimizer.zero_grad()
        objective(model(tokens, mask)).backward()
        optimizer.step()
    return model


def run() -> Numbers:
    """Collect ratings and comparisons, train on each, and fit a tournament."""
    dice = torch.Generator().manual_seed(2)
    worth = torch.linspace(-1.5, 1.5, VOCABULARY)
    tokens, mask, quality = answers(2 * PAIRS, worth, dice)

    # What an annotator feels about an answer: its quality and a whim. With whims of this shape
    # (Gumbel), "feels better" follows Bradley-Terry exactly.
    whim = -torch.log(-torch.log(torch.rand(2 * PAIRS, generator=dice)))
    felt = quality + whim
    # Rows i and i + PAIRS are a pair, read by one annotator, who has a mark for "average" and a
    # stretch of the scale of their own. Both are the annotator's, and cancel in a comparison.
    annotator = torch.randint(40, (PAIRS,), generator=dice).repeat(2)
    usual_mark = (5.5 + 3 * torch.randn(40, generator=dice))[annotator]
    stretch = (0.3 + torch.rand(40, generator=dice))[annotator]
    rating = (usual_mark + stretch * felt).round().clamp(1, 10)
    first_wins = felt[:PAIRS] > felt[PAIRS:]

    def chosen_and_rejected(rewards: Tensor) -> tuple[Tensor, Tensor]:
        first, second = rewards[:PAIRS], rewards[PAIRS:]
        return torch.where(first_wins, first, second), torch.where(first_wins, second, first)

    losses = []

    def from_ratings(rewards: Tensor) -> Tensor:
        return ((rewards - (rating - rating.mean()) / rating.std()) ** 2).mean()

    def from_pairs(rewards: Tensor) -> Tensor:
        return bradley_terry_loss(*chosen_and_rejected(rewards))

    def from_pairs_centred(rewards: Tensor) -> Tensor:
        pair = chosen_and_rejected(rewards)
        loss = bradley_terry_loss(*pair)
        losses.append(loss.item())
        return loss + CENTERING * reward_centering_loss(*pair)

    by_ratings = train(tokens, mask, from_ratings)
    uncentred = train(tokens, mask, from_pairs)
    by_pairs = train(tokens, mask, from_pairs_centred)

    with torch.no_grad():
        tokens, mask, quality = answers(2 * HELD_OUT, worth, dice)
        learned = by_pairs(tokens, mask)
        better = quality[:HELD_OUT] > quality[HELD_OUT:]

        def accuracy(rewards: Tensor) -> float:
            first, second = rewards[:HELD_OUT], rewards[HELD_OUT:]
            chosen = torch.where(better, first, second)
            return preference_accuracy(chosen, torch.where(better, second, first))

        pair = learned[:HELD_OUT].double(), learned[HELD_OUT:].double()
        shift = bradley_terry_loss(pair[0] + 100, pair[1] + 100) - bradley_terry_loss(*pair)
        accuracies = accuracy(by_ratings(tokens, mask)), accuracy(learned)
        mean_without = uncentred(tokens, mask).mean().item()

    strengths = torch.tensor([1.6, 1.0, 0.5, 0.0, -0.4, -1.0, -1.7], dtype=torch.float64)
    p = preference_probability(strengths.unsqueeze(1), strengths.unsqueeze(0)).numpy()
    drawn = np.triu(np.random.default_rng(2).binomial(GAMES, p), 1)
    wins = drawn + np.tril(GAMES - drawn.T, -1)
    return Numbers(
        *accuracies,
        tuple(losses),
        quality,
        learned,
        learned.mean().item(),
        mean_without,
        strengths.numpy(),
        np.asarray(fit_bradley_terry(wins)),
        abs(shift.item()),
    )


def plot(numbers: Numbers, file: Path) -> None:
    """Training, what was learned, and the tournament, side by side."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")

    left.plot(numbers.losses, color=BLUE)
    left.axhline(np.log(2), color=GREY, linestyle="--", linewidth=1)
    left.annotate("a coin toss: log 2", (STEPS, np.log(2) + 0.004), ha="right", color=GREY)
    left.set(xlabel="training step", ylabel="Bradley–Terry loss", title="Learning from pairs")

    quality, learned = numbers.quality.numpy(), numbers.learned.numpy()
    middle.scatter(quality, learned, s=6, color=BLUE, alpha=0.35, linewidths=0)
    ends = np.array([quality.min(), quality.max()])
    middle.plot(
        ends, ends + learned.mean() - quality.mean(), color=ORANGE, linestyle="--", label="slope 1"
    )
    middle.legend(frameon=False, loc="upper left")
    middle.set(
        xlabel="true quality", ylabel="learned reward", title="New answers: reward against quality"
    )

    rank = np.arange(len(numbers.strengths))
    right.hlines(rank, numbers.strengths, numbers.fitted, color=GREY, linewidth=1)
    right.plot(numbers.strengths, rank, "o", mfc="none", color=ORANGE, ms=9, label="true")
    right.plot(numbers.fitted, rank, "x", color=BLUE, ms=7, label=f"fitted, {GAMES} games a pair")
    right.set_yticks(rank, [f"player {i}" for i in rank])
    right.invert_yaxis()
    right.legend(frameon=False, loc="lower right")
    right.set(xlabel="log-strength", title="A tournament, fitted")

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    print("Two equal reward models, one crowd of annotators\n")
    print(f"{'learned from':<32}{'new pairs in the right order':>30}")
    print(f"{'marks out of ten':<32}{numbers.accuracy_from_ratings:>30.1%}")
    print(f"{'which of two is better':<32}{numbers.accuracy_from_pairs:>30.1%}\n")
    print(f"{'mean reward, loss on pairs alone':<50}{numbers.mean_without:>12.2f}")
    print(f"{'mean reward, with the centering loss':<50}{numbers.mean_with:>12.2f}")
    print(f"{'change of the loss if all rewards rise by 100':<50}{numbers.loss_shift:>12.1e}\n")
    print(f"{'player':<10}{'true strength':>15}{'fitted':>10}{'P(beats the next)':>20}")
    for player, (true, fitted) in enumerate(zip(numbers.strengths, numbers.fitted, strict=True)):
        tail = numbers.fitted[player : player + 2]
        chance = f"{preference_probability(*torch.tensor(tail)):.2f}" if len(tail) == 2 else "-"
        print(f"{player:<10}{true:>15.2f}{fitted:>10.2f}{chance:>20}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- Both models heard the same annotators on the same answers. One annotator's 7
  is another's 5, which blurs the marks; it cancels in a comparison, and the
  model that learned from comparisons ranks new answers better.
- Only differences matter: raising all rewards leaves the loss as it is, and
  without the centering loss the mean reward stays near the arbitrary constant
  (2) where it began.
- Reward differences are log-odds: the learned reward follows true quality with
  a slope near 1, and the tournament's strengths come back from its wins alone."""
    )


if __name__ == "__main__":
    main()
