"""Lab 9: a strong student, a weak supervisor with a bad habit, and a look inside.

Run it with `python exercises/ch9/lab.py` once the functions of this chapter are yours. Is an answer
right? The supervisor sees the evidence blurred and leans on the answer's tone: right answers mostly
sound sure. The student sees the evidence clearly, but all it is told is what the supervisor says.
How much better than its teacher does it get, and did it take over the habit?
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from interpretability import ablate_direction, difference_of_means_probe, worst_group_accuracy
from torch import Tensor, nn
from weak_to_strong import confidence_loss, performance_gap_recovered

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FEATURES, EVIDENCE, TONE, BLUR = 20, 3.0, 3.0, 1.0
USUAL, BALANCED = 0.85, 0.5  # how often tone and truth go together
ANSWERS, TESTS, STEPS, SEEDS = 600, 4000, 200, 5
ALPHAS = (0.0, 0.25, 0.5, 0.65, 0.75, 0.85)
LOOKED_INTO = 0.75  # the alpha of the student whose inside is studied
GROUPS = ("wrong, hesitant", "wrong, sounds sure", "right, hesitant", "right, sounds sure")
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"  # told apart by the colour-blind, too


@dataclass(frozen=True)
class Readout:
    """How well a student reads the truth off its hidden layer.

    Attributes:
        usual: accuracy where tone and truth go together as in training.
        balanced: accuracy where they don't.
        worst: accuracy in the worst of the four groups.
        by_group: accuracy in each of `GROUPS`.
        tone: accuracy of a probe that reads the tone off the same layer; 0.5 is a coin toss.
    """

    usual: float
    balanced: float
    worst: float
    by_group: np.ndarray
    tone: float


@dataclass(frozen=True)
class Numbers:
    """What the lab measures; accuracies are on balanced answers unless they say otherwise.

    Attributes:
        weak, strong: accuracy of the supervisor and of the ceiling, averaged over the seeds.
        students: accuracy of the students, one for each of `ALPHAS`, averaged over the seeds.
        recovered: (seeds, alphas) share of the gap that each student recovers.
        as_it_is, tone_ablated, random_ablated: the confident student, averaged over the seeds:
            untouched, without its tone direction, and without a random direction.
    """

    weak: float
    strong: float
    students: np.ndarray
    recovered: np.ndarray
    as_it_is: Readout
    tone_ablated: Readout
    random_ablated: Readout


@dataclass(frozen=True)
class Answers:
    """Answers to judge, as the student and as the supervisor see them, and what is true of them."""

    seen: Tensor
    blurred: Tensor
    right: Tensor
    sure: Tensor

    @property
    def groups(self) -> np.ndarray:
        return (2 * self.right + self.sure).numpy()


def draw(count: int, together: float, dice: torch.Generator) -> Answers:
    """Answers whose tone fits the truth in a share `together` of them."""
    right = torch.randint(2, (count,), generator=dice)
    sure = torch.where(torch.rand(count, generator=dice) < together, right, 1 - right)
    truth, tone = 2 * right - 1, 2 * sure - 1
    seen = torch.randn(count, FEATURES, generator=dice)
    seen[:, 0] += EVIDENCE * truth
    seen[:, 1] += TONE * tone
    noise = torch.randn(count, 2, generator=dice) * torch.tensor([BLUR, 1.0])
    return Answers(seen, torch.stack([truth, tone], 1) + noise, right, sure)


def train(
    inputs: Tensor, labels: Tensor, alpha: float, seed: int, width: int = 32
) -> nn.Sequential:
    """A small network fitted with the confidence loss, its alpha warmed up over the first steps."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(inputs.shape[1], width), nn.Tanh(), nn.Linear(width, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(STEPS):
        warm = min(1.0, 10 * step / STEPS)
        loss = confidence_loss(model(inputs), labels, alpha * warm)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Sequential, inputs: Tensor, right: Tensor) -> float:
    return (model(inputs).argmax(1) == right).double().mean().item()


@torch.no_grad()
def look_inside(
    model: nn.Sequential, usual: Answers, balanced: Answers, dice: np.random.Generator
) -> tuple[Readout, Readout, Readout]:
    """Find the tone in the hidden layer, and read the truth with and without it."""
    hidden_layer, head = model[:2], model[2]
    hidden, hidden_usual = (hidden_layer(a.seen).double().numpy() for a in (balanced, usual))
    half = TESTS // 2  # the probe is found on one half and tested on the other
    sure = balanced.sure.bool().numpy()

    def readout(rows: np.ndarray, rows_usual: np.ndarray) -> Readout:
        def correct(rows: np.ndarray, answers: Answers) -> np.ndarray:
            return (head(torch.from_numpy(rows).float()).argmax(1) == answers.right).numpy()

        right = correct(rows, balanced)
        by_group = np.array([right[balanced.groups == group].mean() for group in range(4)])
        direction, bias = difference_of_means_probe(rows[:half], sure[:half])
        tone = ((rows[half:] @ direction + bias > 0) == sure[half:]).mean()
        worst = worst_group_accuracy(right, balanced.groups)
        return Readout(correct(rows_usual, usual).mean(), right.mean(), worst, by_group, tone)

    def without(direction: np.ndarray) -> Readout:
        return readout(
            *(np.asarray(ablate_direction(rows, direction)) for rows in (hidden, hidden_usual))
        )

    tone_direction = np.asarray(difference_of_means_probe(hidden[:half], sure[:half])[0])
    random_direction = dice.normal(size=hidden.shape[1])
    return readout(hidden, hidden_usual), without(tone_direction), without(random_direction)


def average(readouts: list[Readout]) -> Readout:
    return Readout(
        *(np.mean(values, axis=0) for values in zip(*map(fields, readouts), strict=True))
    )


def fields(readout: Readout) -> tuple[object, ...]:
    return tuple(vars(readout).values())


def run() -> Numbers:
    """Train supervisor, students and ceiling for each seed, and look into the confident student."""
    torch.set_num_threads(1)
    weak, strong, students, insides = [], [], [], []
    for seed in range(SEEDS):
        dice = torch.Generator().manual_seed(seed)
        for_weak, for_student = (draw(ANSWERS, USUAL, dice) for _ in range(2))
        usual, balanced = draw(TESTS, USUAL, dice), draw(TESTS, BALANCED, dice)

        supervisor = train(for_weak.blurred, for_weak.right, 0.0, seed, width=8)
        weak_labels = supervisor(for_student.blurred).argmax(1)
        weak.append(accuracy(supervisor, balanced.blurred, balanced.right))
        ceiling = train(for_student.seen, for_student.right, 0.0, seed)
        strong.append(accuracy(ceiling, balanced.seen, balanced.right))

        trained = {alpha: train(for_student.seen, weak_labels, alpha, seed) for alpha in ALPHAS}
        students.append([accuracy(one, balanced.seen, balanced.right) for one in trained.values()])
        insides.append(
            look_inside(trained[LOOKED_INTO], usual, balanced, np.random.default_rng(seed))
        )

    recovered = [
        [performance_gap_recovered(w, student, s) for student in row]
        for w, s, row in zip(weak, strong, students, strict=True)
    ]
    return Numbers(
        float(np.mean(weak)),
        float(np.mean(strong)),
        np.mean(students, axis=0),
        np.array(recovered),
        *(average(list(column)) for column in zip(*insides, strict=True)),
    )


def plot(numbers: Numbers, file: Path) -> None:
    """How much of the gap each alpha recovers, and what ablating the tone does to each group."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")

    for row in numbers.recovered:
        left.plot(ALPHAS, row, "x", color=GREY, ms=5, alpha=0.7)
    left.plot([], [], "x", color=GREY, ms=5, label="one of five runs")
    left.plot(ALPHAS, numbers.recovered.mean(0), "o-", color=BLUE, label="their mean")
    for level, what in ((0.0, "weak supervisor"), (1.0, "ceiling: trained on the truth")):
        left.axhline(level, color=GREY, linestyle="--", linewidth=1)
        left.annotate(what, (0.0, level), (0, 4), textcoords="offset points", color=GREY)
    left.axvline(0.5, color=GREY, linestyle=":", linewidth=1)
    left.annotate(
        "half the weight\nis its own",
        (0.5, 0.78),
        (-5, 0),
        textcoords="offset points",
        ha="right",
        color=GREY,
    )
    left.legend(frameon=False, loc="center left", bbox_to_anchor=(0.0, 0.6))
    left.set(
        xlabel="alpha: weight of the student's own guess",
        ylabel="share of the gap recovered",
        ylim=(min(-0.05, numbers.recovered.min() - 0.05), 1.15),
        title="Better than its teacher, short of the ceiling",
    )

    place = np.arange(4)
    before, after = numbers.as_it_is.by_group, numbers.tone_ablated.by_group
    right.hlines(place, before, after, color=GREY, linewidth=1)
    right.plot(before, place, "o", mfc="none", color=ORANGE, ms=9, label="as it is")
    right.plot(after, place, "x", color=BLUE, ms=8, mew=2, label="tone direction ablated")
    right.set_yticks(place, GROUPS)
    right.invert_yaxis()
    right.legend(frameon=False, loc="lower left")
    right.locator_params(axis="x", nbins=5, steps=[1, 5, 10])
    right.xaxis.set_major_formatter("{x:.0%}")
    right.set(xlabel="accuracy", title=f"Inside the student with alpha {LOOKED_INTO}")

    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    print("Who judges best, when tone says nothing about truth?\n")
    print(f"{'':<46}{'accuracy':>12}{'gap recovered':>18}")
    print(f"{'weak supervisor':<46}{numbers.weak:>12.1%}{0:>18.2f}")
    for at, alpha in enumerate(ALPHAS):
        name = f"student of its labels, alpha {alpha:g}"
        share = numbers.recovered[:, at].mean()
        print(f"{name:<46}{numbers.students[at]:>12.1%}{share:>18.2f}")
    print(f"{'ceiling: the same student, told the truth':<46}{numbers.strong:>12.1%}{1:>18.2f}\n")

    print(f"{f'student with alpha {LOOKED_INTO}':<26}{'usual':>10}{'balanced':>12}", end="")
    print(f"{'worst group':>14}{'tone readable':>16}")
    for name, readout in (
        ("as it is", numbers.as_it_is),
        ("tone direction ablated", numbers.tone_ablated),
        ("random direction ablated", numbers.random_ablated),
    ):
        print(f"{name:<26}{readout.usual:>10.1%}{readout.balanced:>12.1%}", end="")
        print(f"{readout.worst:>14.1%}{readout.tone:>16.1%}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- On average the students beat the supervisor whose labels they learned from,
  and none reaches the ceiling. Past alpha 1/2 a student's own guess outweighs a
  label that it is sure is wrong, and the share recovered jumps.
- On the usual answers the student looks fine. Where the tone misleads it does
  much worse: it took over some of its supervisor's habit, and behaviour hid it.
- The probe finds the tone inside. Without that one direction the four groups do
  about equally well, and the tone can hardly be read any more; a random
  direction taken out changes next to nothing. There is a price: on the usual
  answers, where the habit pays, accuracy falls."""
    )


if __name__ == "__main__":
    main()
