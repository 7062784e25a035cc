"""Lab: train a process reward model without an annotator, then let it search.

A problem is a chain of six operations modulo 10, such as 7, then +6, x3, +4, x7, x5, +9. The policy
writes one intermediate result after another. It slips now and then, and it believes something
wrong: more often than not it takes x7 for +7. Nobody labels its steps; Monte-Carlo rollouts do.
Then five methods choose an answer with the same budget.

Once your functions work: `python exercises/ch7/lab.py`. It takes a few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from process_rewards import (
    aggregate_step_scores,
    first_error,
    monte_carlo_step_values,
    prm_loss,
    step_labels,
)
from search import best_of_n, step_beam_search, weighted_majority_vote

# x5 forgets everything but odd and even: behind it, a wrong result may come out right.
OPERATIONS = ("+4", "+6", "+9", "x3", "x7", "x5")
X7 = OPERATIONS.index("x7")
N_STEPS = 6
BELIEF = 0.65  # how often the policy takes x7 for +7
SLIP = 0.04  # how often it writes a random digit
TRAINING_CHAINS = 400
ROLLOUTS = 16
TEST_PROBLEMS = 200
BUDGETS = (1, 4, 8, 16, 32)  # chains that a method may sample for one problem
BRANCHES = 4  # next steps that beam search tries for each state
MAJORITY, WEIGHTED = "majority vote", "vote weighted by PRM"
ORM_BEST, PRM_BEST, BEAM = "best-of-n by ORM", "best-of-n by PRM", "beam search by PRM"

Chain = tuple[int, ...]

# 3, +6: 9, x3: 7, +4: 1, x7: 8 (should be 7), x5: 0, +9: 9
EXAMPLE = (np.array([1, 3, 0, 4, 5, 2]), 3, (9, 7, 1, 8, 0, 9))


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        label_agreement: share of training steps that the rollouts label like a perfect annotator.
        lucky: share of the chains with the right final answer in which a step is wrong.
        located: share of the chains with a wrong step in which the PRM points at the first one.
        example: the PRM's score of each step of the example chain.
        accuracy: for each method, the share of test problems solved, by budget (nan: not possible).
    """

    label_agreement: float
    lucky: float
    located: float
    example: tuple[float, ...]
    accuracy: dict[str, tuple[float, ...]]


# ── The policy ────────────────────────────────────────────────────────────────────────────────────


def calculate(operation: str, digit: int) -> int:
    """The right result of one step."""
    number = int(operation[1:])
    return (digit + number if operation[0] == "+" else digit * number) % 10


RIGHT = np.array([[calculate(operation, digit) for digit in range(10)] for operation in OPERATIONS])


def next_results(operations: np.ndarray, digits: np.ndarray, rng) -> np.ndarray:
    """One step of the policy, for many chains at once."""
    results = RIGHT[operations, digits]
    confused = (operations == X7) & (rng.random(digits.shape) < BELIEF)
    results = np.where(confused, (digits + 7) % 10, results)
    slips = rng.random(digits.shape) < SLIP
    return np.where(slips, rng.integers(0, 10, digits.shape), results)


def sample_chains(operations: np.ndarray, digits: np.ndarray, rng) -> np.ndarray:
    """Let the policy carry out operations (n, k) from the digits (n,): all results, (n, k)."""
    results = np.empty_like(operations)
    for step in range(operations.shape[1]):
        digits = results[:, step] = next_results(operations[:, step], digits, rng)
    return results


def right_results(operations: np.ndarray, digit: int) -> Chain:
    """The chain without a mistake."""
    chain = []
    for operation in operations:
        digit = int(RIGHT[operation, digit])
        chain.append(digit)
    return tuple(chain)


# ── The reward models ─────────────────────────────────────────────────────────────────────────────


def step_cells(operations: np.ndarray, start: int, chain: Chain) -> np.ndarray:
    """Number of each step's cell in a table over (operation, digit before, digit after)."""
    before = (start, *chain[:-1])[: len(chain)]
    return operations[: len(chain)] * 100 + np.array(before, int) * 10 + np.array(chain, int)


def first_wrong(operations: np.ndarray, start: int, chain: Chain) -> int | None:
    """What a perfect annotator would say."""
    before = np.array((start, *chain[:-1]))
    return first_error((RIGHT[operations, before] == np.array(chain)).astype(float))


def first_wrong_by_rollouts(operations: np.ndarray, chain: Chain, goal: int, rng) -> int | None:
    """The step from which on hardly any rollout of the policy still reaches the goal."""
    outcomes = np.empty((N_STEPS, ROLLOUTS), dtype=bool)
    for step, digit in enumerate(chain):
        rest = np.tile(operations[step + 1 :], (ROLLOUTS, 1))
        digits = np.full(ROLLOUTS, digit)
        ends = sample_chains(rest, digits, rng)[:, -1] if rest.size else digits
        outcomes[step] = ends == goal
    return first_error(monte_carlo_step_values(outcomes), threshold=0.2)


def fit(cells: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """Logits of the cells, fitted with the learner's loss.

    Labels (n, N_STEPS) make a process reward model. With labels (n, 1) only the sum over a chain
    is judged, and the same table becomes an outcome reward model.
    """
    table = torch.zeros(len(OPERATIONS) * 100, requires_grad=True)
    optimizer = torch.optim.Adam([table], lr=0.1, weight_decay=1e-3)
    for _ in range(150):
        logits = table[cells]
        if labels.shape[1] == 1:
            logits = logits.sum(dim=1, keepdim=True)
        optimizer.zero_grad()
        prm_loss(logits, labels, mask).backward()
        optimizer.step()
    return table.detach().double().numpy()


def train(rng) -> tuple[np.ndarray, np.ndarray, float]:
    """Step probabilities of the PRM, logits of the ORM, and how good the PRM's labels were."""
    problems = rng.integers(0, len(OPERATIONS), (TRAINING_CHAINS, N_STEPS))
    starts = rng.integers(0, 10, TRAINING_CHAINS)
    chains = [tuple(chain) for chain in sample_chains(problems, starts, rng).tolist()]

    cells, labels, mask, outcomes, agreement = [], [], [], [], []
    for operations, start, chain in zip(problems, starts.tolist(), chains, strict=True):
        goal = right_results(operations, start)[-1]
        error = first_wrong_by_rollouts(operations, chain, goal, rng)
        cells.append(step_cells(operations, start, chain))
        labels.append(np.asarray(step_labels(error, N_STEPS), float))
        # Behind the first error a label says nothing about the step itself: mask it.
        mask.append(np.arange(N_STEPS) <= (N_STEPS if error is None else error))
        outcomes.append([chain[-1] == goal])
        annotated = step_labels(first_wrong(operations, start, chain), N_STEPS)
        agreement.append(np.mean(labels[-1] == annotated))

    visited = torch.from_numpy(np.array(cells))
    right_answers = torch.tensor(outcomes).float()
    prm = fit(visited, torch.from_numpy(np.array(labels)).float(), torch.from_numpy(np.array(mask)))
    orm = fit(visited, right_answers, torch.ones_like(right_answers))
    return 1 / (1 + np.exp(-prm)), orm, float(np.mean(agreement))


# ── The competition ───────────────────────────────────────────────────────────────────────────────


def run(seed: int = 0) -> Numbers:
    """Train both reward models; let each method answer the test problems from the same chains."""
    rng = np.random.default_rng(seed)
    prm, orm, label_agreement = train(rng)
    solved = {name: [] for name in (MAJORITY, WEIGHTED, ORM_BEST, PRM_BEST, BEAM)}
    lucky, located = [], []

    for _ in range(TEST_PROBLEMS):
        operations = rng.integers(0, len(OPERATIONS), N_STEPS)
        start = int(rng.integers(0, 10))
        goal = right_results(operations, start)[-1]

        def step_scores(chain: Chain, operations=operations, start=start) -> np.ndarray:
            return prm[step_cells(operations, start, chain)]

        def prm_score(chain: Chain, step_scores=step_scores) -> float:
            return aggregate_step_scores(step_scores(chain), "product")

        def orm_score(chain: Chain, operations=operations, start=start) -> float:
            return float(orm[step_cells(operations, start, chain)].sum())

        def expand(chain: Chain, operations=operations, start=start) -> list[Chain]:
            if len(chain) == N_STEPS:
                return []
            operation = np.full(BRANCHES, operations[len(chain)])
            digits = np.full(BRANCHES, chain[-1] if chain else start)
            return [(*chain, digit) for digit in next_results(operation, digits, rng).tolist()]

        tiled = np.tile(operations, (max(BUDGETS), 1))
        sampled = sample_chains(tiled, np.full(max(BUDGETS), start), rng)
        chains = [tuple(chain) for chain in sampled.tolist()]
        for chain in chains:
            error = first_wrong(operations, start, chain)
            if chain[-1] == goal:
                lucky.append(error is not None)
            if error is not None:
                located.append(first_error(step_scores(chain)) == error)

        row = {name: [] for name in solved}
        for n in BUDGETS:
            some = chains[:n]
            answers = [chain[-1] for chain in some]
            row[MAJORITY].append(weighted_majority_vote(answers, [1.0] * n))
            row[WEIGHTED].append(weighted_majority_vote(answers, [prm_score(c) for c in some]))
            row[ORM_BEST].append(best_of_n(some, orm_score)[-1])
            row[PRM_BEST].append(best_of_n(some, prm_score)[-1])
            # A beam of n / BRANCHES states writes no more steps than n chains have.
            width = n // BRANCHES
            beam = step_beam_search((), expand, prm_score, width, N_STEPS) if width else [(-1,)]
            row[BEAM].append(beam[0][-1])
        for name, answers in row.items():
            solved[name].append([answer == goal for answer in answers])

    accuracy = {name: np.mean(rows, axis=0) for name, rows in solved.items()}
    accuracy[BEAM] = np.where(np.array(BUDGETS) < BRANCHES, np.nan, accuracy[BEAM])
    return Numbers(
        label_agreement,
        float(np.mean(lucky)),
        float(np.mean(located)),
        tuple(prm[step_cells(*EXAMPLE)].tolist()),
        {name: tuple(shares.tolist()) for name, shares in accuracy.items()},
    )


# ── The report ────────────────────────────────────────────────────────────────────────────────────

LOOKS = {  # colour (told apart by colour-blind eyes too), marker, line
    BEAM: ("#0072B2", "o", "-"),
    PRM_BEST: ("#009E73", "s", "-"),
    WEIGHTED: ("#CC79A7", "D", "--"),
    ORM_BEST: ("#D55E00", "^", "--"),
    MAJORITY: ("#555555", "v", ":"),
}


def example_steps() -> list[str]:
    """The example chain in words."""
    operations, start, chain = EXAMPLE
    before = (start, *chain[:-1])
    signs = [OPERATIONS[operation].replace("x", "×") for operation in operations]
    return [f"{b}{sign}={c}" for b, sign, c in zip(before, signs, chain, strict=True)]


def table(numbers: Numbers) -> str:
    """Accuracy of the methods, 80 columns wide at most."""
    lines = [
        f"{'problems solved with n chains':<32}" + "".join(f"{f'n = {n}':>9}" for n in BUDGETS)
    ]
    for name in LOOKS:
        shares = ("—" if np.isnan(x) else f"{x:.0%}" for x in numbers.accuracy[name])
        lines.append(f"{name:<32}" + "".join(f"{share:>9}" for share in shares))
    return "\n".join(lines)


def plot(numbers: Numbers, path: Path) -> None:
    """Left: where the example went wrong. Right: what each method makes of its budget."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.4), width_ratios=(1, 1.7), layout="constrained"
    )

    places = range(N_STEPS)
    low = [score < 0.5 for score in numbers.example]
    bars = left.barh(
        places,
        numbers.example,
        color=["#D55E00" if bad else "#0072B2" for bad in low],
        hatch=["//" if bad else "" for bad in low],
        edgecolor="white",
    )
    left.bar_label(bars, labels=[f"{score:.2f}" for score in numbers.example], padding=3)
    left.axvline(0.5, zorder=0, color="#555555", linestyle=":", linewidth=1)
    left.set_yticks(places, example_steps())
    left.invert_yaxis()
    left.set_xlim(0, 1.15)
    left.set_xlabel("score of the step (dotted: threshold)")
    left.set_title("Which step went wrong? (mod 10)", loc="left")

    for name, (colour, marker, line) in LOOKS.items():
        shares = numbers.accuracy[name]
        right.plot(BUDGETS, shares, color=colour, marker=marker, linestyle=line, label=name)
    right.set_xscale("log", base=2)
    right.set_xticks(BUDGETS, [str(n) for n in BUDGETS])
    right.set_ylim(0.3, 1.0)
    right.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    right.set_xlabel("budget n: chains (or as many steps) per problem")
    right.set_ylabel("test problems solved")
    right.set_title("What the budget buys", loc="left")
    right.grid(axis="y", alpha=0.3)
    right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)

    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Run, print the table, save the plot, say what should be seen."""
    numbers = run()
    path = Path(__file__).with_name("lab.png")
    plot(numbers, path)
    print(table(numbers))
    print()
    print("a chain with a mistake  " + "".join(f"{step:>9}" for step in example_steps()))
    print("PRM score of the step   " + "".join(f"{score:9.2f}" for score in numbers.example))
    print(f"""
What you should see
- Right for the wrong reasons: {numbers.lucky:.0%} of the chains with the right final answer
  contain a wrong step. An outcome reward model (ORM) rewards them too.
- Credit assignment: the PRM points at the first wrong step in {numbers.located:.0%} of the chains
  that have one, and nobody labelled a step by hand: its labels come from
  rollouts. They agree with a perfect annotator's on {numbers.label_agreement:.0%} of the steps.
- Voting does not help: the chains share one wrong belief, so the more of them
  vote, the surer it wins. Weights from the PRM help some.
- The ORM saw the same chains, but one label for each: best-of-n by the ORM
  climbs at first, then falls, as more chains offer it more to misjudge (see
  chapter 8).
- Best-of-n by the PRM keeps climbing. Beam search gets as far with a fraction
  of the budget: it drops a wrong step at once, not a whole chain at the end.

The plot is in {path.name}.""")


if __name__ == "__main__":
    main()
