"""Lab 6: a written constitution instead of human labels, from first draft to trained policy.

Run it with `python exercises/ch6/lab.py` once the functions of this chapter are yours. A small
policy talks like the toy model beside this file: rude, too sure, dangerous, unhelpful. Phase 1: it
criticises and revises itself, and is fine-tuned on the revisions. Phase 2: it judges pairs of its
own answers, a reward model learns from the verdicts, and the policy moves towards the reward.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import matplotlib
import torch
from ai_feedback import ai_preference, label_preferences, soft_preference_loss
from constitution import build_sft_dataset, critique_revision, sample_principles
from matplotlib.axes import Axes
from torch import Tensor
from toy_model import (
    ADVICE,
    CLAIMS,
    CLOSINGS,
    CONSTITUTION,
    FLAWS,
    OPENINGS,
    PROMPTS,
    critique,
    flaws,
    judge,
    respond,
    revise,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DRAFTS, ROUNDS, PAIRS = 8, 2, 16  # drafts, rounds and labelled pairs per prompt
THRESHOLDS = (0.5, 0.55, 0.6, 0.65)
BETA = 0.1
NAMES = ("kind", "honest", "harmless", "helpful")
COLOURS, HATCHES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), ("", "//", "..", "xx")


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        transcript: one prompt's responses over the rounds of the whole constitution.
        rounds: flaws per answer after each round, shape (rounds + 1, principles).
        kept: how many of the transcripts became demonstrations, and of how many.
        policies: expected flaws per answer by principle, for each stage of the policy.
        twin_one_order, twin_both_orders: P(first better) for two equal answers.
        right_one_order: share of labels that agree with the truth, judged in one order.
        thresholds: for each threshold, the share of labels kept and the share of them right.
    """

    transcript: tuple[str, ...]
    rounds: Tensor
    kept: tuple[int, int]
    policies: dict[str, Tensor]
    twin_one_order: float
    twin_both_orders: float
    right_one_order: float
    thresholds: tuple[tuple[float, float], ...]


# The policy says an opening, a claim, an advice on the topic and a closing, each as the toy model
# says it or better.
BETTER = {flaw.words: flaw.better for flaw in FLAWS}
SAID = {"opening": OPENINGS, "claim": CLAIMS, "closing": CLOSINGS}
SAID |= {topic: (advice,) for topic, advice in ADVICE.items()}
TEXTS = {part: [*said, *(BETTER[t] for t in said if t in BETTER)] for part, said in SAID.items()}
Table = dict[str, Tensor]  # a number for each text of each part: logits, or rewards


def parts(prompt: str) -> tuple[str, ...]:
    """The parts of an answer to this prompt."""
    topic = next(topic for topic in ADVICE if topic in prompt.lower())
    return "opening", "claim", topic, "closing"


def texts_in(prompt: str, response: str) -> list[tuple[str, int]]:
    """Which text stands in each part of this response."""
    return [
        (part, next(i for i, text in enumerate(TEXTS[part]) if text in response))
        for part in parts(prompt)
    ]


def sample(logits: Table, prompt: str, dice: torch.Generator) -> str:
    """A response of the policy."""
    picks = (
        (part, torch.multinomial(logits[part].softmax(0), 1, generator=dice).item())
        for part in parts(prompt)
    )
    return " ".join(TEXTS[part][pick] for part, pick in picks)


def logprob(logits: Table, prompt: str, response: str) -> Tensor:
    """Log-probability of a response under the policy."""
    return sum(logits[part].log_softmax(0)[pick] for part, pick in texts_in(prompt, response))


def reward(rewards: Table, prompt: str, response: str) -> Tensor:
    """Reward of a response: the sum over its texts."""
    return sum(rewards[part][pick] for part, pick in texts_in(prompt, response))


def expected_flaws(logits: Table) -> Tensor:
    """Flaws per answer of the policy, by principle: exactly, without sampling."""
    count = torch.zeros(len(CONSTITUTION))
    for part in (part for prompt in PROMPTS for part in parts(prompt)):
        broken = [[len(flaws(text, rule)) for rule in CONSTITUTION] for text in TEXTS[part]]
        count += logits[part].softmax(0) @ torch.tensor(broken, dtype=torch.float32)
    return count / len(PROMPTS)


def fit(start: Table, loss: Callable[[Table], Tensor], steps: int) -> Table:
    """Minimise `loss(table)` with Adam, from a copy of `start`."""
    table = {part: numbers.clone().requires_grad_() for part, numbers in start.items()}
    optimizer = torch.optim.Adam(table.values(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(table).backward()
        optimizer.step()
    return {part: numbers.detach() for part, numbers in table.items()}


def judge_the_judge(pairs: list[tuple[str, str, str]]) -> tuple[float, list[tuple[float, float]]]:
    """How often labels agree with the truth: in one order, then in both, for each threshold."""
    pairs = [(prompt, a, b) for prompt, a, b in pairs if len(flaws(a)) != len(flaws(b))]
    right = 0
    for prompt, a, b in pairs:
        p = sum(judge(prompt, a, b, principle) for principle in CONSTITUTION) / len(CONSTITUTION)
        right += (p > 0.5) == (len(flaws(a)) < len(flaws(b)))
    rows = []
    for threshold in THRESHOLDS:
        prompts, answers = [prompt for prompt, _, _ in pairs], [(a, b) for _, a, b in pairs]
        labels = label_preferences(prompts, answers, judge, CONSTITUTION, threshold)
        good = sum(len(flaws(better)) < len(flaws(worse)) for _, better, worse, _ in labels)
        rows.append((len(labels) / len(pairs), good / len(labels)))
    return right / len(pairs), rows


def run() -> Numbers:
    """Both phases of constitutional AI."""
    dice = torch.Generator().manual_seed(0)

    # What each round does: the whole constitution, one principle a round, on the first drafts.
    transcripts = [
        critique_revision(prompt, respond, critique, revise, CONSTITUTION) for prompt in PROMPTS
    ]
    after_round = [
        [sum(len(flaws(response, rule)) for response in responses) for rule in CONSTITUTION]
        for responses in zip(*transcripts, strict=True)
    ]

    # The policy before training says what the toy model says, and the better texts only rarely.
    base = {
        part: torch.tensor([0.0] * len(SAID[part]) + [-3.0] * (len(texts) - len(SAID[part])))
        for part, texts in TEXTS.items()
    }

    # Phase 1: the policy's own drafts, revised by a few principles drawn at random.
    prompts = [prompt for prompt in PROMPTS for _ in range(DRAFTS)]
    revised = [
        critique_revision(
            prompt,
            lambda prompt: sample(base, prompt, dice),
            critique,
            revise,
            sample_principles(CONSTITUTION, ROUNDS, seed),
        )
        for seed, prompt in enumerate(prompts)
    ]
    demonstrations = build_sft_dataset(prompts, revised)

    def sft_loss(logits: Table) -> Tensor:
        return -sum(logprob(logits, *demonstration) for demonstration in demonstrations)

    sft = fit(base, sft_loss, steps=60)

    # Phase 2: the judge labels pairs of the new policy's answers; a reward model learns from them.
    prompts = [prompt for prompt in PROMPTS for _ in range(PAIRS)]
    pairs = [(sample(sft, prompt, dice), sample(sft, prompt, dice)) for prompt in prompts]
    labels = label_preferences(prompts, pairs, judge, CONSTITUTION)
    target = torch.tensor([p for _, _, _, p in labels])

    def preference_loss(rewards: Table) -> Tensor:
        better = torch.stack([reward(rewards, prompt, a) for prompt, a, _, _ in labels])
        worse = torch.stack([reward(rewards, prompt, b) for prompt, _, b, _ in labels])
        return soft_preference_loss(better, worse, target)

    unknown = {part: torch.zeros(len(texts)) for part, texts in TEXTS.items()}
    rewards = fit(unknown, preference_loss, steps=60)
    # The best policy for this reward at KL penalty BETA, in closed form (parts are independent).
    rlaif = {part: sft[part] + rewards[part] / BETA for part in TEXTS}

    twin = (PROMPTS[0], transcripts[0][-1], transcripts[0][-1])
    right_one_order, thresholds = judge_the_judge(
        [(prompt, a, b) for prompt, (a, b) in zip(prompts, pairs, strict=True)]
    )
    return Numbers(
        tuple(transcripts[0]),
        torch.tensor(after_round) / len(PROMPTS),
        (len(demonstrations), len(revised)),
        {
            "before": expected_flaws(base),
            "phase 1, SFT": expected_flaws(sft),
            "phase 2, RLAIF": expected_flaws(rlaif),
        },
        sum(judge(*twin, principle) for principle in CONSTITUTION) / len(CONSTITUTION),
        ai_preference(*twin, judge, CONSTITUTION),
        right_one_order,
        tuple(thresholds),
    )


def bars(axes: Axes, names: list[str], rows: Tensor) -> None:
    """One bar per row, stacked by principle."""
    bottom = torch.zeros(len(rows))
    for height, name, colour, hatch in zip(rows.T, NAMES, COLOURS, HATCHES, strict=True):
        style = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": name}
        axes.bar(names, height.numpy(), bottom=bottom.numpy(), width=0.6, **style)
        bottom += height
    axes.set_ylabel("flaws per answer")


def plot(numbers: Numbers, file: Path) -> None:
    """Rounds of revision, stages of the policy, and what a threshold buys."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")

    bars(left, [str(k) for k in range(len(numbers.rounds))], numbers.rounds)
    left.legend(frameon=False, title="principle", reverse=True)
    left.set(xlabel="round", title="Phase 1: one principle a round")
    bars(middle, list(numbers.policies), torch.stack(list(numbers.policies.values())))
    middle.set(title="The policy after each phase")

    kept, good = zip(*numbers.thresholds, strict=True)
    right.plot(THRESHOLDS, kept, color=COLOURS[0], marker="o", label="labels kept")
    right.plot(THRESHOLDS, good, color=COLOURS[1], marker="s", label="of these, right")
    right.axhline(numbers.right_one_order, color="#555555", linestyle="--", linewidth=1)
    right.annotate(
        "right, judged one way",
        (THRESHOLDS[-1], numbers.right_one_order + 0.015),
        ha="right",
        color="#555555",
    )
    right.set_xticks(THRESHOLDS)
    right.set_ylim(0, 1.05)
    right.legend(frameon=False, loc="lower left")
    right.set(xlabel="threshold", ylabel="share", title="Phase 2: labels of the AI judge")

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    print(f"One answer, one principle a round\n\n{PROMPTS[0]}")
    for k, response in enumerate(numbers.transcript):
        print(fill(response, 76, initial_indent=f"{k}  ", subsequent_indent="   "))
    header = "".join(f"{name:>10}" for name in NAMES)
    print(f"\n{'flaws per answer':<22}{header}{'all':>10}")
    rows = [(f"after round {k}", row) for k, row in enumerate(numbers.rounds)]
    for name, row in [*rows, *((f"policy {k}", v) for k, v in numbers.policies.items())]:
        print(f"{name:<22}" + "".join(f"{x:>10.2f}" for x in (*row, row.sum())))
    kept, drafts = numbers.kept
    print(f"\n{kept} of {drafts} revised drafts became demonstrations.\n")
    print("The judge reads the same answer twice: P(first is better)")
    print(
        f"  one order {numbers.twin_one_order:.2f}    both orders {numbers.twin_both_orders:.2f}\n"
    )
    print(f"{'threshold':<12}{'labels kept':>14}{'of these, right':>18}")
    for threshold, (share, good) in zip(THRESHOLDS, numbers.thresholds, strict=True):
        print(f"{threshold:<12.2f}{share:>14.0%}{good:>18.0%}")
    print(f"{'one order':<12}{1:>14.0%}{numbers.right_one_order:>18.0%}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- Each round removes the flaws of the one principle that it applies, and no
  others.
- Fine-tuned on revisions by {ROUNDS} principles a draft, the policy has about half
  the flaws left; moved towards the reward that it learned from its own
  verdicts, it loses most of the rest. No human labelled anything; humans wrote
  four sentences.
- In one order, the judge favours what comes first and is often wrong. Asked in
  both orders it is right far more often, and a threshold trades the number of
  labels for their quality."""
    )


if __name__ == "__main__":
    main()
