"""Lab 0: what the internet says, and what we would rather hear.

Run it with `python exercises/ch0/lab.py` once the functions of this chapter are yours. The base
model has read a hundred web pages about one question and repeats them, good and bad, as often as
they came. Three ways to improve on it: turn the temperature, forbid a word, or tilt the model
towards reward.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from alignment_problem import (
    aligned_distribution,
    alignment_objective,
    expected_reward,
    kl_divergence,
    next_token_probs,
    sequence_logprob,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

QUESTION = "Can celery juice cure the flu?"
# Every answer that the web gave: how many pages gave it, and how much we like to hear it.
CORPUS = {
    "yes doctors hide the cure": (40, -2.0),
    "yes buy my juice": (25, -1.0),
    "nobody knows": (15, 0.0),
    "no": (12, 1.0),
    "no rest and ask doctors": (8, 2.0),
}
ANSWERS = [f"{answer} <end>".split() for answer in CORPUS]
PAGES = np.array([pages for pages, _ in CORPUS.values()])
REWARD = np.array([reward for _, reward in CORPUS.values()])
VOCABULARY = sorted({word for answer in ANSWERS for word in answer})
FORBIDDEN = "doctors"
BETAS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
NEVER = 1e-12  # pages for a continuation that was never seen: log 0 is no logit

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#A6417F", "#555555"
STYLES = [
    (ORANGE, "s", "-"),
    (PINK, "v", "--"),
    (GREY, "x", ":"),
    (BLUE, "o", "--"),
    (GREEN, "^", "-"),
]


@dataclass(frozen=True)
class Numbers:
    """What the lab measures; each array has one entry per answer, or one row per setting.

    Attributes:
        base: the base model's probabilities of the answers.
        tilted: (betas, answers) probabilities of the tilted model.
        rewards, kls, objectives: of the tilted model, one per beta.
        ceilings: beta · log Z, what the objective should be at its top.
        best_of_random: the best objective among many random distributions, one per beta.
        temperatures, heated: (temperatures, answers) probabilities of the base model at each.
        filtered: probabilities after the forbidden word is taken out.
    """

    base: np.ndarray
    tilted: np.ndarray
    rewards: np.ndarray
    kls: np.ndarray
    objectives: np.ndarray
    ceilings: np.ndarray
    best_of_random: np.ndarray
    temperatures: np.ndarray
    heated: np.ndarray
    filtered: np.ndarray


def logits_after(prefix: list[str]) -> np.ndarray:
    """The base model: log of how often each word followed this prefix in the corpus."""
    counts = np.full(len(VOCABULARY), NEVER)
    for answer, pages in zip(ANSWERS, PAGES, strict=True):
        if answer[: len(prefix)] == prefix and len(answer) > len(prefix):
            counts[VOCABULARY.index(answer[len(prefix)])] += pages
    return np.log(counts)


def base_probs() -> np.ndarray:
    """Probability that the base model gives each answer as a whole."""
    logps = []
    for answer in ANSWERS:
        logits = np.array([logits_after(answer[:t]) for t in range(len(answer))])
        tokens = np.array([VOCABULARY.index(word) for word in answer])
        logps.append(sequence_logprob(logits, tokens))
    return np.exp(logps)


def probs_at(temperature: float) -> np.ndarray:
    """The same when it draws every word at this temperature."""
    probs = np.ones(len(ANSWERS))
    for at, answer in enumerate(ANSWERS):
        for t, word in enumerate(answer):
            next_word = next_token_probs(logits_after(answer[:t]), temperature)
            probs[at] *= next_word[VOCABULARY.index(word)]
    return probs


def run() -> Numbers:
    """Measure the base model, and three ways to change it."""
    base = base_probs()
    tilted = np.array([aligned_distribution(base, REWARD, beta) for beta in BETAS])
    strangers = np.random.default_rng(0).dirichlet(np.full(len(base), 0.7), size=5000)
    temperatures = np.geomspace(0.2, 5.0, 25)
    allowed = np.array([FORBIDDEN not in answer for answer in ANSWERS])
    return Numbers(
        base=base,
        tilted=tilted,
        rewards=expected_reward(tilted, REWARD),
        kls=kl_divergence(tilted, base),
        objectives=np.array(
            [
                alignment_objective(p, base, REWARD, beta)
                for p, beta in zip(tilted, BETAS, strict=True)
            ]
        ),
        ceilings=np.array([beta * np.log((base * np.exp(REWARD / beta)).sum()) for beta in BETAS]),
        best_of_random=np.array(
            [alignment_objective(strangers, base, REWARD, beta).max() for beta in BETAS]
        ),
        temperatures=temperatures,
        heated=np.array([probs_at(temperature) for temperature in temperatures]),
        filtered=base * allowed / (base * allowed).sum(),
    )


def plot(numbers: Numbers, file: Path) -> None:
    """The answers under temperature and under the tilt, and what each way buys for its distance."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")

    betas = np.geomspace(20, 0.15, 60)
    tilted = np.array([aligned_distribution(numbers.base, REWARD, beta) for beta in betas])
    for axes, settings, probs in (
        (left, numbers.temperatures, numbers.heated),
        (middle, betas, tilted),
    ):
        every = max(1, len(settings) // 8)
        for answer, (colour, marker, line), path in zip(CORPUS, STYLES, probs.T, strict=True):
            label = f"{answer} ({CORPUS[answer][1]:+g})".replace("+0", "0")
            style = {"color": colour, "marker": marker, "linestyle": line, "markevery": every}
            axes.plot(settings, path, label=label, **style)
        axes.set(xscale="log", ylim=(-0.02, 1.02), ylabel="probability of the answer")
        axes.invert_xaxis()
    left.set(xlabel="temperature (colder to the right)", title="Cooling: the usual gets more usual")
    middle.set(xlabel="β (more reward to the right)", title="Tilting: the good gets more usual")
    for axes, ticks in ((left, (5, 2, 1, 0.5, 0.2)), (middle, (20, 5, 2, 1, 0.5, 0.2))):
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    middle.legend(frameon=False, fontsize=8, loc="upper left", title="answer (reward)")

    right.plot(kl_divergence(tilted, numbers.base), expected_reward(tilted, REWARD), color=GREEN)
    right.annotate("tilt, β from 20 to 0.15", (1.0, 1.0), (12, -4), color=GREEN, **OFFSET)
    heated = kl_divergence(numbers.heated, numbers.base), expected_reward(numbers.heated, REWARD)
    right.plot(*heated, color=ORANGE, linestyle="--")
    right.annotate("temperature", (0.75, -1.9), (4, 4), color=ORANGE, **OFFSET)
    point = kl_divergence(numbers.filtered, numbers.base), expected_reward(numbers.filtered, REWARD)
    right.plot(*point, marker="D", color=PINK, linestyle="none")
    right.annotate(f"“{FORBIDDEN}” forbidden", point, (8, -4), color=PINK, **OFFSET)
    right.plot(0, expected_reward(numbers.base, REWARD), marker="o", color=GREY, linestyle="none")
    right.annotate("base", (0, numbers.base @ REWARD), (8, -12), color=GREY, **OFFSET)
    right.set(
        xlabel="KL from the base (nats)",
        ylabel="expected reward",
        title="What each way buys for its distance",
    )

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


OFFSET = {"xycoords": "data", "textcoords": "offset points"}


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    print(f"{QUESTION}\n")
    columns = ("reward", "base", "cold", "filtered", "β = 2", "β = 0.5")
    print(f"{'answer':<26}" + "".join(f"{column:>9}" for column in columns))
    shown = zip(
        REWARD,
        numbers.base,
        numbers.heated[0],
        numbers.filtered,
        numbers.tilted[BETAS.index(2.0)],
        numbers.tilted[BETAS.index(0.5)],
        strict=True,
    )
    for answer, row in zip(CORPUS, shown, strict=True):
        print(f"{answer:<26}{row[0]:>9.0f}" + "".join(f"{p:>9.3f}" for p in row[1:]))
    cold_at = numbers.temperatures[0]
    print(f"(cold: temperature {cold_at:.1f}; filtered: the word {FORBIDDEN!r} forbidden)")
    print(
        f"\n{'β':<8}{'E[reward]':>12}{'KL':>10}{'objective':>12}{'β log Z':>12}{'best of 5000':>16}"
    )
    for at, beta in enumerate(BETAS):
        print(
            f"{beta:<8g}{numbers.rewards[at]:>12.3f}{numbers.kls[at]:>10.3f}"
            f"{numbers.objectives[at]:>12.3f}{numbers.ceilings[at]:>12.3f}"
            f"{numbers.best_of_random[at]:>16.3f}"
        )
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- The base model has learned its corpus well, and says most often what the web
  says most often: here, a conspiracy theory. Capability is not alignment.
- A lower temperature makes the usual more usual, not the good. Forbidding a
  word hits the best answer together with the worst.
- The tilt moves probability to the good answers, more of it the smaller β is.
  Its objective is exactly β log Z, and none of 5000 random distributions (last
  column) does better: for its distance from the base, nothing earns more."""
    )


if __name__ == "__main__":
    main()
