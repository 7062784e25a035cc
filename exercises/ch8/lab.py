"""Lab 8: a policy that fools its reward model, and what helps against it.

Run it with `python exercises/ch8/lab.py` once the functions of this chapter are yours. Each of
forty small worlds has 2000 answers to one prompt. An answer has substance, a length, a tone (how
confident) and a stance (how much it agrees with the user). Gold, what people really want, grows
with substance and falls where the style goes too far. The reward model sees substance dimly and
style clearly, and has read 20 ordinary answers, none of them extreme.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from mitigations import (
    ensemble_reward,
    find_exploits,
    length_normalized_reward,
    refresh_reward_model,
    remove_length_bias,
)
from overoptimization import (
    best_of_n_kl,
    gold_reward,
    optimize_proxy,
    overoptimization_step,
    peak_kl,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

WORLDS, ANSWERS = 40, 2000
LABELS, NOISE = 20, 0.3  # ordinary answers that the reward model learns from, noise of a label
MEMBERS, PENALTY = 5, 1.0  # of the ensemble
ROUNDS, FRESH = 4, 15  # of adversarial training and of the refresh, and new labels in each
BETAS = (8.0, 4.0, 2.0, 1.4, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05)
DRAWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#555555"  # also for the colour-blind

Labels = list[tuple[int, float]]  # (answer, noisy gold reward)


@dataclass(frozen=True)
class Curve:
    """What a reward does to the policy, from hardly optimised to hard, averaged over the worlds.

    Attributes:
        name: the reward that is optimised.
        kl, proxy, gold: divergence from the base policy, optimised reward, true reward.
        turned: the step after which gold fell while the proxy still rose, None if it never did.
    """

    name: str
    kl: np.ndarray
    proxy: np.ndarray
    gold: np.ndarray
    turned: int | None


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        curves: one for each reward, over BETAS; the first is the single reward model.
        best_of_n: the single reward model again, over DRAWS instead; `kl` by the formula.
        counted_kl: the divergence of best of n, counted answer by answer.
        alpha, beta: of the gold reward curve fitted to `best_of_n`.
    """

    curves: tuple[Curve, ...]
    best_of_n: Curve
    counted_kl: np.ndarray
    alpha: float
    beta: float


class World:
    """Answers to one prompt, and the means to learn a reward from labels."""

    def __init__(self, seed: int) -> None:
        self.dice = np.random.default_rng(seed)
        substance, *noise = self.dice.normal(size=(4, ANSWERS))
        # Good answers tend to be longer and surer: that is why style looks like quality.
        length, tone = 0.7 * substance + np.sqrt(1 - 0.7**2) * np.array(noise[:2])
        stance = noise[2]
        style = np.stack([length, tone, stance], axis=1).clip(-2.8, 2.8)
        self.tokens = np.exp(4.5 + 0.6 * style[:, 0]).round()
        gold = substance - 0.8 * (np.maximum(style - 0.8, 0) ** 2).sum(axis=1)
        self.gold = gold - gold.mean()  # 0 is what the base policy earns
        seen = substance + 0.8 * self.dice.normal(size=ANSWERS)
        self.features = np.column_stack([seen, style, style**2 - 1, np.ones(ANSWERS)])
        # A reward model starts from random weights; little data leaves much of the start in place.
        scale = np.array([0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.5])
        self.starts = scale * self.dice.normal(size=(MEMBERS, 8))
        ordinary = np.flatnonzero((np.abs(style) < 1.5).all(axis=1))
        self.ordinary = self.label(self.dice.choice(ordinary, LABELS))
        self.more = self.ordinary + self.label(self.dice.choice(ordinary, ROUNDS * FRESH))

    def label(self, answers: list[int] | np.ndarray) -> Labels:
        """Ask people: the gold reward, with some noise."""
        return [(int(i), self.gold[i] + NOISE * self.dice.normal()) for i in answers]

    def fit(self, labelled: Labels, member: int = 0) -> np.ndarray:
        """Rewards of all answers by a linear reward model that stays near its start (ridge)."""
        answers, labels = map(np.array, zip(*labelled, strict=True))
        x, start = self.features[answers], self.starts[member]
        pull = x.T @ x + 2.0 * np.eye(len(start))
        return self.features @ (start + np.linalg.solve(pull, x.T @ (labels - x @ start)))

    def policy(self, reward: np.ndarray, beta: float = 0.3) -> np.ndarray:
        """The uniform base policy, tilted by a reward."""
        tilt = np.exp((standardized(reward) - standardized(reward).max()) / beta)
        return tilt / tilt.sum()

    def rewards(self) -> dict[str, np.ndarray]:
        """The rewards of all answers by a single reward model, and by each mitigation."""
        members = np.stack([self.fit(self.ordinary, member) for member in range(MEMBERS)])
        single = members[0]

        hunted, attacked = list(self.ordinary), single
        for _ in range(ROUNDS):
            hunted += self.label(find_exploits(attacked, self.gold, FRESH))
            attacked = self.fit(hunted)

        # The last policy of the refresh goes unused: its last reward model is put to the test.
        refreshed = [single]

        def fit_and_keep(labelled: Labels) -> np.ndarray:
            refreshed.append(self.fit(self.ordinary + list(labelled)))
            return refreshed[-1]

        refresh_reward_model(
            self.policy(single),
            ROUNDS,
            lambda policy: self.dice.choice(ANSWERS, FRESH, p=policy),
            self.label,
            fit_and_keep,
            lambda _, reward: self.policy(reward),
        )
        found = {
            "single reward model": single,
            "reward per token": length_normalized_reward(single, self.tokens),
            "length line removed": remove_length_bias(single, self.tokens),
            "ensemble, mean": ensemble_reward(members, "mean"),
            "ensemble, uncertainty": ensemble_reward(members, "uncertainty", PENALTY),
            "ensemble, worst": ensemble_reward(members, "worst"),
            "more ordinary labels": self.fit(self.more),
            "adversarial training": attacked,
            "refreshed reward model": refreshed[-1],
        }
        return {name: np.asarray(reward) for name, reward in found.items()}


def standardized(reward: np.ndarray) -> np.ndarray:
    """Mean 0 and spread 1 under the base policy, so that one β means the same for every reward."""
    return (reward - reward.mean()) / reward.std()


def optimize(world: World, reward: np.ndarray) -> np.ndarray:
    """(kl, proxy, gold) over BETAS."""
    base = np.full(ANSWERS, 1 / ANSWERS)
    return np.array(optimize_proxy(base, standardized(reward), world.gold, np.array(BETAS)))


def pick_best(world: World, reward: np.ndarray) -> np.ndarray:
    """(kl, proxy, gold) over DRAWS, counted: the best of n has rank i or worse in (i/N)^n cases."""
    order = np.argsort(reward)
    proxy, gold = standardized(reward)[order], world.gold[order]
    rank = np.arange(ANSWERS + 1) / ANSWERS
    picked = np.array([np.diff(rank**n) for n in DRAWS])
    ratio = np.where(picked > 0, picked * ANSWERS, 1.0)
    return np.array([(picked * np.log(ratio)).sum(axis=1), picked @ proxy, picked @ gold])


def run() -> Numbers:
    """Optimise every reward in every world; average; fit the curve of best of n."""
    worlds = [World(seed) for seed in range(WORLDS)]
    rewards = [world.rewards() for world in worlds]

    def averaged(name: str, measure: Callable[[World, np.ndarray], np.ndarray]) -> Curve:
        measured = [measure(w, r[name]) for w, r in zip(worlds, rewards, strict=True)]
        kl, proxy, gold = np.mean(measured, axis=0)
        return Curve(name, kl, proxy, gold, overoptimization_step(proxy, gold))

    curves = tuple(averaged(name, optimize) for name in rewards[0])
    counted = averaged(curves[0].name, pick_best)
    kl = np.array([best_of_n_kl(n) for n in DRAWS])
    best_of_n = Curve("best of n", kl, counted.proxy, counted.gold, counted.turned)
    # gold = d (α − β d) is a straight line in α and β: least squares finds both.
    (alpha, minus_beta), *_ = np.linalg.lstsq(np.column_stack([kl**0.5, kl]), counted.gold)
    return Numbers(curves, best_of_n, counted.kl, float(alpha), float(-minus_beta))


def plot(numbers: Numbers, file: Path) -> None:
    """Goodhart's law on the left, the mitigations on the right."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 4.6), width_ratios=(1, 1.15), layout="constrained"
    )
    single, best = numbers.curves[0], numbers.best_of_n
    left.axhline(0, color=GREY, linewidth=0.8)
    left.plot(single.kl**0.5, single.proxy, "s--", color=ORANGE, ms=5, label="proxy, KL penalty")
    left.plot(single.kl**0.5, single.gold, "o-", color=BLUE, ms=5, label="gold, KL penalty")
    left.plot(best.kl**0.5, best.gold, "x", color=GREEN, ms=8, mew=2, label="gold, best of n")
    fine = np.linspace(0, single.kl.max(), 200)
    fitted = gold_reward(fine, numbers.alpha, numbers.beta, "bon")
    left.plot(fine**0.5, fitted, ":", color=GREEN, label="d (α − β d), fitted to best of n")
    peak = peak_kl(numbers.alpha, numbers.beta, "bon")
    top = gold_reward(peak, numbers.alpha, numbers.beta, "bon")
    left.annotate(
        "its peak",
        (peak**0.5, top),
        (peak**0.5, top + 0.5),
        color=GREEN,
        arrowprops={"arrowstyle": "->", "color": GREEN},
    )
    left.legend(frameon=False, loc="upper left")
    left.set(
        xlabel="d = √KL from the base policy",
        ylabel="reward (base policy: 0)",
        title="One reward model, pushed harder and harder",
        ylim=(-1.2, 4.2),
    )

    rows = np.arange(len(numbers.curves))
    names, best_gold, last_gold = zip(
        *((c.name, c.gold.max(), c.gold[-1]) for c in numbers.curves), strict=True
    )
    right.axvline(0, color=GREY, linewidth=0.8)
    right.hlines(rows, last_gold, best_gold, color=GREY, linewidth=1.5)
    right.plot(best_gold, rows, "o", mfc="white", color=BLUE, ms=9, label="at the best β")
    right.plot(last_gold, rows, "X", color=ORANGE, ms=8, label=f"pushed to β = {BETAS[-1]}")
    right.set_yticks(rows, names)
    right.invert_yaxis()
    right.legend(frameon=False, loc="upper right")
    right.set(
        xlabel="gold reward (base policy: 0)", title="Gold, and what a hard push leaves of it"
    )

    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    single, best = numbers.curves[0], numbers.best_of_n
    print(f"One reward model, optimised under a KL penalty (mean of {WORLDS} worlds)\n")
    print(f"{'beta':>8}{'KL':>10}{'proxy':>10}{'gold':>10}")
    for step, beta in enumerate(BETAS):
        mark = "   <- best gold" if step == single.turned else ""
        row = f"{single.kl[step]:>10.2f}{single.proxy[step]:>10.2f}{single.gold[step]:>10.2f}"
        print(f"{beta:>8}{row}{mark}")

    print(f"\n{'n':>8}{'KL formula':>14}{'KL counted':>14}{'proxy':>10}{'gold':>10}")
    for i, n in enumerate(DRAWS):
        row = f"{best.kl[i]:>14.4f}{numbers.counted_kl[i]:>14.4f}"
        print(f"{n:>8}{row}{best.proxy[i]:>10.2f}{best.gold[i]:>10.2f}")
    peak = peak_kl(numbers.alpha, numbers.beta, "bon")
    print(
        f"Fitted d (α − β d): α = {numbers.alpha:.2f}, β = {numbers.beta:.2f}, "
        f"so the peak lies at KL {peak:.2f}."
    )

    print(f"\n{'gold reward':<26}{'best':>8}{'at KL':>8}{'pushed':>10}{'at KL':>8}   verdict")
    for c in numbers.curves:
        top = int(np.argmax(c.gold))
        row = f"{c.gold[top]:>8.2f}{c.kl[top]:>8.2f}{c.gold[-1]:>10.2f}{c.kl[-1]:>8.2f}"
        verdict = "still rising" if c.turned is None else "overoptimised"
        print(f"{c.name:<26}{row}   {verdict}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- The smaller beta is, the better the policy does on the proxy. The true reward
  rises at first, peaks early, and ends below the base policy's 0: the policy
  has found answers that are too long, too sure or too flattering. That is
  Goodhart's law.
- A KL penalty near the peak's beta keeps what was gained, but can't add to it.
- Best of n is fooled as well. It goes by rank, so that an absurdly high proxy
  pulls no harder than a high one, and it gains more on the way. The formula for
  its KL is never below the count, and a curve with two numbers shows where to
  stop.
- Handling length closes one hole of three. Dividing by it also punishes long
  answers that are good; the line takes out no more than length explains.
- The average of an ensemble has the blind spots that all members share.
  Caution, by the worst opinion or a price on disagreement, is what helps.
- What cures the reward model itself is labels in the right place: on exploits
  that were hunted down, or on what the policy does now. As many labels on
  ordinary answers leave it open to fraud."""
    )


if __name__ == "__main__":
    main()
