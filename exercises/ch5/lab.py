"""Lab 5: from thumbs up and down to a policy, and four other ways to get there.

Run it with `python exercises/ch5/lab.py` once the functions of this chapter are yours. The policy
is a table: the same ten responses for each of six prompts, good or bad by a true reward that only
the simulated crowd knows. The crowd gives single thumbs, picks the better of two, or hands out
scores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from kto import kto_loss, kto_reference_point, pairs_to_binary
from reference_free import grpo_advantages, orpo_loss, simpo_loss
from torch import Tensor

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PROMPTS = tuple("ABCDEF")
RESPONSES = tuple(f"response {n}" for n in range(10))
PAIRS, THUMBS, GROUP = 1000, 2000, 8
STEPS, BETA = 200, 0.5
BARS = {(1.0, 1.0): 1 / 2, (1.0, 3.0): 3 / 4}  # (lambda_d, lambda_u): the bar that they set
INK = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")  # told apart by the colour-blind, too
GREY = "#555555"

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        paths: for each method the (KL from the start, expected true reward) after every step.
        frontier: the same for the best policy at each KL, the tilt of the start by reward.
        reference_points: z0 at every step of KTO from single thumbs.
        thumbs_up: for each response to each prompt its share of thumbs up.
        moved: its log-ratio after KTO, under each pair of lambdas of `BARS`.
    """

    paths: dict[str, np.ndarray]
    frontier: np.ndarray
    reference_points: np.ndarray
    thumbs_up: np.ndarray
    moved: dict[tuple[float, float], np.ndarray]


def train(start: Tensor, loss: Loss) -> tuple[Tensor, list[Tensor]]:
    """Minimise `loss`, a function of the table of log-probs; the last table, and all on the way."""
    logits, steps = start.clone().requires_grad_(), []
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for _ in range(STEPS):
        table = logits.log_softmax(dim=1)
        steps.append(table.detach())
        optimizer.zero_grad()
        loss(table).backward()
        optimizer.step()
    steps.append(logits.detach().log_softmax(dim=1))
    return steps[-1], steps


def run() -> Numbers:
    """Ask the crowd, train every method on its own kind of answer, and measure where each goes."""
    dice = torch.Generator().manual_seed(5)
    shape = len(PROMPTS), len(RESPONSES)
    # Some responses are better anywhere, and each prompt adds a taste of its own.
    reward = torch.linspace(-1.5, 1.5, shape[1]) + 0.5 * torch.randn(shape, generator=dice)
    reward = reward[:, torch.randperm(shape[1], generator=dice)]
    start = 0.5 * torch.randn(shape, generator=dice)
    reference = start.log_softmax(dim=1)
    lengths = torch.randint(2, 9, (shape[1],), generator=dice)  # tokens per response

    def draw(table: Tensor, rows: Tensor, count: int) -> Tensor:
        return torch.multinomial(table.exp()[rows], count, replacement=True, generator=dice)

    def coin(chances: Tensor) -> Tensor:
        return torch.rand(chances.shape, generator=dice) < chances

    # Single thumbs: one response to each prompt, liked or not.
    prompt = torch.randint(shape[0], (THUMBS,), generator=dice)
    response = draw(reference, prompt, 1).squeeze(1)
    liked = coin(torch.sigmoid(reward[prompt, response]))

    # Pairs: two responses to the same prompt, and the better one by Bradley-Terry.
    asked = torch.randint(shape[0], (PAIRS,), generator=dice)
    first, second = draw(reference, asked, 2).unbind(dim=1)
    first_wins = coin(torch.sigmoid(reward[asked, first] - reward[asked, second]))
    chosen = torch.where(first_wins, first, second)
    rejected = torch.where(first_wins, second, first)

    # The same pairs once more, taken apart into thumbs.
    apart = pairs_to_binary(
        [PROMPTS[n] for n in asked],
        [RESPONSES[n] for n in chosen],
        [RESPONSES[n] for n in rejected],
    )
    apart_prompt = torch.tensor([PROMPTS.index(text) for text, _, _ in apart])
    apart_response = torch.tensor([RESPONSES.index(text) for _, text, _ in apart])
    apart_liked = torch.tensor([thumb for _, _, thumb in apart])

    reference_points: list[float] = []

    def kto(rows: Tensor, columns: Tensor, thumbs: Tensor, up: float = 1, down: float = 1) -> Loss:
        def loss(table: Tensor) -> Tensor:
            # Mismatched pairs: what the policy says to one prompt, scored under another.
            other = draw(table.detach(), rows, 1).squeeze(1)
            mismatched = (rows + 1) % shape[0]
            z0 = kto_reference_point(table[mismatched, other], reference[mismatched, other])
            reference_points.append(z0.item())
            policy_logps, ref_logps = table[rows, columns], reference[rows, columns]
            return kto_loss(policy_logps, ref_logps, thumbs, z0, BETA, up, down)

        return loss

    def mean_logps(table: Tensor, columns: Tensor) -> Tensor:
        return table[asked, columns] / lengths[columns]

    def orpo(table: Tensor) -> Tensor:
        return orpo_loss(mean_logps(table, chosen), mean_logps(table, rejected), lam=1.0)

    def simpo(table: Tensor) -> Tensor:
        return simpo_loss(mean_logps(table, chosen), mean_logps(table, rejected))

    def grpo(table: Tensor) -> Tensor:
        sampled = draw(table.detach(), torch.arange(shape[0]), GROUP)
        advantages = grpo_advantages(reward.gather(1, sampled))
        return -(advantages * table.gather(1, sampled)).mean()

    def kl_and_reward(table: Tensor) -> tuple[float, float]:
        kl = (table.exp() * (table - reference)).sum(dim=1).mean()
        return kl.item(), (table.exp() * reward).sum(dim=1).mean().item()

    methods: dict[str, Loss] = {
        "KTO, single thumbs": kto(prompt, response, liked),
        "KTO, pairs taken apart": kto(apart_prompt, apart_response, apart_liked),
        "ORPO": orpo,
        "SimPO": simpo,
        "GRPO": grpo,
    }
    paths: dict[str, np.ndarray] = {}
    tables: dict[str, Tensor] = {}
    for name, loss in methods.items():
        tables[name], steps = train(start, loss)
        paths[name] = np.array([kl_and_reward(table) for table in steps])
    averse, _ = train(start, kto(prompt, response, liked, 1.0, 3.0))
    after = {(1.0, 1.0): tables["KTO, single thumbs"], (1.0, 3.0): averse}
    tilts = [start + reward * sharpness for sharpness in np.geomspace(0.01, 100, 200)]

    cell = prompt * shape[1] + response
    total = torch.bincount(cell, minlength=reward.numel())
    ups = torch.bincount(cell, weights=liked.double(), minlength=reward.numel())
    return Numbers(
        paths,
        np.array([kl_and_reward(logits.log_softmax(dim=1)) for logits in tilts]),
        np.array(reference_points[:STEPS]),
        (ups / total).numpy(),
        {bar: (table - reference).flatten().numpy() for bar, table in after.items()},
    )


def plot(numbers: Numbers, file: Path) -> None:
    """Where every method goes, and where the lambdas put KTO's bar."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")

    left.plot(*numbers.frontier.T, color=GREY, linestyle="--", label="best possible")
    for (name, path), colour, mark in zip(numbers.paths.items(), INK, "os^Dv", strict=True):
        left.plot(*path.T, color=colour, marker=mark, markevery=25, ms=5, label=name)
    left.legend(frameon=False, loc="lower right", fontsize=9)
    furthest = max(path[-1, 0] for path in numbers.paths.values())
    left.set(
        xlim=(-0.05, 1.05 * furthest),
        xlabel="KL from the start (nats)",
        ylabel="expected true reward",
        title="Five ways up (a mark every 25 steps)",
    )

    for (lambdas, bar), colour, mark in zip(BARS.items(), INK, "ox", strict=False):
        label = "equal lambdas" if lambdas == (1, 1) else "lambda_u = 3 lambda_d"
        right.scatter(
            numbers.thumbs_up, numbers.moved[lambdas], s=28, color=colour, marker=mark, label=label
        )
        right.axvline(bar, color=colour, linestyle=":", linewidth=1.2)
        right.annotate(f" bar {bar}", (bar, 4.0), color=colour, va="top", fontsize=9)
    right.axhline(0, color=GREY, linewidth=0.8)
    right.legend(frameon=False, loc="upper left")
    right.set(
        xlim=(0, 1),
        ylim=(-12, 4.2),
        xlabel="share of thumbs up that a response got",
        ylabel="log-ratio after KTO (below 0: suppressed)",
        title="What a bad thumb weighs sets the bar",
    )
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


NEEDS = {
    "KTO, single thumbs": (f"{THUMBS} thumbs", "reference"),
    "KTO, pairs taken apart": (f"{PAIRS} pairs", "reference"),
    "ORPO": (f"{PAIRS} pairs", "nothing"),
    "SimPO": (f"{PAIRS} pairs", "nothing"),
    "GRPO": (f"{STEPS * GROUP * len(PROMPTS)} scores", "sampling"),
}


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    torch.set_num_threads(1)  # the tensors are tiny
    numbers = run()
    print(f"One policy, five methods, {STEPS} steps each\n")
    columns = f"{'reward':>8}{'KL':>7}{'best there':>13}"
    print(f"{'method':<24}{'learns from':<14}{'also needs':<12}{columns}")
    start = numbers.frontier[0, 1]
    print(f"{'the start':<24}{'':<26}{start:>8.2f}{0:>7.2f}{start:>13.2f}")
    for name, path in numbers.paths.items():
        data, needs = NEEDS[name]
        kl, reward = path[-1]
        best = np.interp(kl, *numbers.frontier.T)
        print(f"{name:<24}{data:<14}{needs:<12}{reward:>8.2f}{kl:>7.2f}{best:>13.2f}")
    print(f"\n{'KTO':<24}{'bar':>8}{'pushed up of those above':>27}{'of those below':>18}")
    for (up, down), bar in BARS.items():
        rose, above = numbers.moved[up, down] > 0, numbers.thumbs_up > bar
        name = f"lambda_d {up:.0f}, lambda_u {down:.0f}"
        print(f"{name:<24}{bar:>8.2f}{rose[above].mean():>27.0%}{rose[~above].mean():>18.0%}")
    peak = numbers.reference_points.max()
    print(
        f"\nReference point z0: at most {peak:.2f}, {numbers.reference_points[-1]:.2f} in the end."
    )
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- KTO learns from thumbs that never compared two responses, and gets about as
  far as with pairs that were taken apart into thumbs.
- The lambdas are a bar: KTO lifts what has a share of thumbs up above
  lambda_u / (lambda_d + lambda_u), and suppresses the rest. Who fears a bad
  response three times as much asks for three thumbs up to one thumb down.
- ORPO and SimPO need no reference model. ORPO is held back by its SFT half,
  which imitates the chosen responses; SimPO has no leash, and walks on.
- GRPO sees the score of everything it samples. It gets furthest, and it needs
  someone to give all these scores.
- No path crosses the dashed line, the most reward that can be had at each KL."""
    )


if __name__ == "__main__":
    main()
