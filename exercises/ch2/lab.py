"""Lab 2: a whole RLHF run in a few seconds, and what happens when a part of it is left out.

Run it with `python exercises/ch2/lab.py` once the functions of this chapter are yours. Users ask
for the capital of a country. The policy is a table of logits: for each question and each last word,
a score for every next word. A good answer names the right city, is polite once, and ends there;
nobody tells the policy so. It gets demonstrations of mixed quality, then comparisons.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from pipeline import rlhf_pipeline
from sft import response_mask, sft_loss, token_logprobs
from shaped_rewards import kl_shaped_rewards
from torch import Tensor

matplotlib.use("Agg")
import matplotlib.pyplot as plt

QUESTIONS, CITIES = ("France?", "Japan?", "Peru?"), ("Paris", "Tokyo", "Lima")
WORDS = (*QUESTIONS, *CITIES, "please", "um", "lol", "<end>")
PLEASE, UM, LOL, END = (WORDS.index(word) for word in ("please", "um", "lol", "<end>"))
LENGTH = 1 + 8  # the question, then at most eight words

DEMONSTRATIONS, PAIRS, JUDGED = 300, 2000, 4000
STEPS, BATCH, BETA = 120, 256, 0.5
GREY, BLUE, ORANGE = "#555555", "#0072B2", "#D55E00"  # told apart by the colour-blind, too


@dataclass(frozen=True)
class Answers:
    """A batch of dialogues: tokens (B, LENGTH), question first; how many of them count, (B,)."""

    tokens: Tensor
    total_lengths: Tensor

    @property
    def mask(self) -> Tensor:
        """True on the words of the answers, their <end> included."""
        return response_mask(torch.ones_like(self.total_lengths), self.total_lengths, LENGTH)


@dataclass(frozen=True)
class Outcome:
    """What one model is like.

    Attributes:
        score: mean score by the reward model.
        quality: mean true quality, which no part of the training sees.
        kl: KL divergence from the SFT model, in nats per answer.
        right, polite: share of answers with the right city and with a polite word.
        words: mean number of words.
        usual: its most frequent answer to the first question.
    """

    score: float
    quality: float
    kl: float
    right: float
    polite: float
    words: float
    usual: str


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        outcomes: by name of the model.
        leashed, unleashed: (steps, 3) score, quality and KL from SFT during policy training.
        shaping_error: largest gap between a row of shaped rewards and score - beta * log-ratio.
    """

    outcomes: dict[str, Outcome]
    leashed: Tensor
    unleashed: Tensor
    shaping_error: float


def logits_of(policy: Tensor, tokens: Tensor) -> Tensor:
    """The policy, (questions, words, words), as a language model: (B, T) tokens to (B, T, V)."""
    return policy[tokens[:, :1], tokens]


def speak(policy: Tensor, questions: Tensor, dice: torch.Generator) -> Answers:
    """Answer each question word by word, until <end> or the end of the page."""
    tokens = torch.full((len(questions), LENGTH), END)
    tokens[:, 0] = questions
    total_lengths = torch.full_like(questions, LENGTH)
    for t in range(1, LENGTH):
        going = total_lengths == LENGTH
        probs = torch.softmax(policy[questions, tokens[:, t - 1]], -1)
        word = torch.multinomial(probs, 1, generator=dice).squeeze(1)
        tokens[:, t] = torch.where(going, word, END)
        total_lengths = torch.where(going & (word == END), t + 1, total_lengths)
    return Answers(tokens, total_lengths)


def people(questions: Tensor, dice: torch.Generator) -> Answers:
    """Answers as hurried people write them: [um] [please] city [lol] <end>, the city often wrong.

    A few say please twice.
    """
    count = len(questions)
    chance = torch.rand(4, count, generator=dice)
    elsewhere = (questions + torch.randint(1, 3, (count,), generator=dice)) % 3
    city = len(QUESTIONS) + torch.where(chance[0] < 0.6, questions, elsewhere)
    says_um, says_lol = (chance[1] < 0.3).tolist(), (chance[3] < 0.2).tolist()
    pleases = ((chance[2] < 0.4).int() + (chance[2] < 0.08)).tolist()
    rows = [
        [question, *[UM] * um, *[PLEASE] * please, name, *[LOL] * lol, END]
        for question, um, please, name, lol in zip(
            questions.tolist(), says_um, pleases, city.tolist(), says_lol, strict=True
        )
    ]
    total_lengths = torch.tensor([len(row) for row in rows])
    return Answers(torch.tensor([row + [END] * (LENGTH - len(row)) for row in rows]), total_lengths)


def traits(answers: Answers) -> Tensor:
    """(B, 6): how often the right city, a wrong one, please, um, lol and <end> occur."""
    said = answers.tokens.masked_fill(~answers.mask, -1)
    right = (said == answers.tokens[:, :1] + len(QUESTIONS)).sum(1)
    cities = ((said >= len(QUESTIONS)) & (said < len(QUESTIONS) + len(CITIES))).sum(1)
    others = [(said == word).sum(1) for word in (PLEASE, UM, LOL, END)]
    return torch.stack([right, cities - right, *others], 1).float()


def quality(answers: Answers) -> Tensor:
    """What people really want. Saying a thing twice doesn't make it better, only longer."""
    right, wrong, please, um, lol, end = traits(answers).unbind(1)
    extra_words = (answers.total_lengths - 4).clamp(min=0)  # beyond question, please, city, <end>
    good = 2.0 * (right > 0) + 1.0 * (please > 0) + 1.0 * (end > 0)
    return good - 1.0 * (wrong > 0) - 0.5 * um - 1.0 * lol - 0.5 * extra_words


# --- the three stages ----------------------------------------------------------------------------


def sft(base: Tensor, demonstrations: Answers) -> Tensor:
    """Stage 1: imitate."""
    policy = base.clone().requires_grad_()
    optimizer = torch.optim.Adam([policy], lr=0.1)
    tokens, mask = demonstrations.tokens, demonstrations.mask
    for _ in range(100):
        optimizer.zero_grad()
        sft_loss(logits_of(policy, tokens), tokens, mask).backward()
        optimizer.step()
    return policy.detach()


def fit_reward(policy: Tensor, preferences: tuple[Answers, Answers]) -> Tensor:
    """Stage 2: weights of the traits, such that the chosen answers score higher (Bradley-Terry)."""
    chosen, rejected = (traits(answers) for answers in preferences)
    weights = torch.zeros(chosen.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        F.softplus(-(chosen - rejected) @ weights).mean().backward()
        optimizer.step()
    return weights.detach()


def reinforce(
    start: Tensor, reference: Tensor, reward: Tensor, prompts: Tensor, beta: float, log: list
) -> Tensor:
    """Stage 3, plain REINFORCE in PPO's place: make likelier what was rewarded above average."""
    dice = torch.Generator().manual_seed(3)
    policy = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([policy], lr=0.05)
    for _ in range(STEPS):
        asked = prompts[torch.randint(len(prompts), (BATCH,), generator=dice)]
        with torch.no_grad():
            answers = speak(policy, asked, dice)
        scores, mask = traits(answers) @ reward, answers.mask[:, 1:]
        logprobs = token_logprobs(logits_of(policy, answers.tokens), answers.tokens)
        ref_logprobs = token_logprobs(logits_of(reference, answers.tokens), answers.tokens)
        rewards = kl_shaped_rewards(scores, logprobs, ref_logprobs, mask, beta)

        to_come = rewards.flip(1).cumsum(1).flip(1)  # a word is answerable for what follows it
        advantages = (to_come - to_come[mask].mean()) * mask
        optimizer.zero_grad()
        (-(advantages * logprobs).sum() / BATCH).backward()
        optimizer.step()

        log_ratios = ((logprobs - ref_logprobs) * mask).sum(1).detach()
        error = (rewards.sum(1) - (scores - beta * log_ratios)).abs().max()
        log.append([scores.mean(), quality(answers).mean(), log_ratios.mean(), error])
    return policy.detach()


# --- the experiment ------------------------------------------------------------------------------


def judge(policy: Tensor, sft_model: Tensor, reward: Tensor) -> Outcome:
    """Let the policy answer many questions, and look at the answers."""
    dice = torch.Generator().manual_seed(4)
    answers = speak(policy, torch.arange(JUDGED) % 3, dice)
    tokens, mask = answers.tokens, answers.mask[:, 1:]
    logprobs, ref = (token_logprobs(logits_of(p, tokens), tokens) for p in (policy, sft_model))
    traits_ = traits(answers)
    rows = zip(tokens[::3].tolist(), answers.total_lengths[::3].tolist(), strict=True)
    spoken = Counter(" ".join(WORDS[word] for word in row[1:end]) for row, end in rows)
    usual = spoken.most_common(1)[0][0]
    return Outcome(
        score=(traits_ @ reward).mean().item(),
        quality=quality(answers).mean().item(),
        kl=((logprobs - ref) * mask).sum(1).mean().item(),
        right=(traits_[:, 0] > 0).float().mean().item(),
        polite=(traits_[:, 2] > 0).float().mean().item(),
        words=(answers.total_lengths - 1 - traits_[:, 5]).mean().item(),
        usual=usual,
    )


def run() -> Numbers:
    """Run the pipeline whole, without its leash, and without its first stage."""
    dice = torch.Generator().manual_seed(0)
    prompts = torch.arange(len(QUESTIONS))
    base = torch.randn(len(QUESTIONS), len(WORDS), len(WORDS), generator=dice)  # it has read a lot
    base[:, :, LOL] += 1.0
    base[:, :, : len(QUESTIONS)] -= 2.0
    demonstrations = people(torch.arange(DEMONSTRATIONS) % 3, dice)

    first, second = (people(torch.arange(PAIRS) % 3, dice) for _ in range(2))
    noise = torch.logit(torch.rand(PAIRS, generator=dice))  # annotators err as Bradley-Terry says
    better = (quality(first) - quality(second) > noise).unsqueeze(1)
    chosen, rejected = (
        Answers(
            torch.where(swap, second.tokens, first.tokens),
            torch.where(swap.squeeze(1), second.total_lengths, first.total_lengths),
        )
        for swap in (~better, better)
    )
    data = base, demonstrations, (chosen, rejected), prompts

    leashed, unleashed, from_base = [], [], []
    aligned = rlhf_pipeline(*data, sft, fit_reward, partial(reinforce, beta=BETA, log=leashed))
    hacked = rlhf_pipeline(*data, sft, fit_reward, partial(reinforce, beta=0.0, log=unleashed))
    without_sft = rlhf_pipeline(
        *data,
        lambda model, demonstrations: model,
        fit_reward,
        partial(reinforce, beta=BETA, log=from_base),
    )
    sft_model = sft(base, demonstrations)
    reward = fit_reward(sft_model, (chosen, rejected))
    models = {
        "base": base,
        "SFT only": sft_model,
        "RL without SFT": without_sft,
        "RLHF without leash": hacked,
        "RLHF": aligned,
    }
    histories = torch.tensor(leashed), torch.tensor(unleashed)
    return Numbers(
        {name: judge(policy, sft_model, reward) for name, policy in models.items()},
        *(history[:, :3] for history in histories),
        max(history[:, 3].max().item() for history in histories),
    )


def plot(numbers: Numbers, file: Path) -> None:
    """Every model's score and quality, and both over the training of the policy."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(13, 4.2), layout="constrained", width_ratios=(1.25, 1, 1)
    )
    names = list(numbers.outcomes)
    rank = range(len(names))
    score = [outcome.score for outcome in numbers.outcomes.values()]
    true = [outcome.quality for outcome in numbers.outcomes.values()]
    left.hlines(rank, true, score, color=GREY, linewidth=1)
    left.plot(score, rank, "o", mfc="none", color=ORANGE, ms=9, label="score by the reward model")
    left.plot(true, rank, "x", color=BLUE, ms=8, mew=2, label="true quality")
    left.axvline(0, color=GREY, linewidth=0.5)
    left.set_yticks(rank, names)
    left.invert_yaxis()
    left.legend(frameon=False, loc="upper right")
    left.set(xlabel="mean over the answers", title="What each model gets, and is worth")

    for axes, history, title in (
        (middle, numbers.unleashed, "Stage 3 without the leash (β = 0)"),
        (right, numbers.leashed, f"Stage 3 on the leash (β = {BETA:g})"),
    ):
        axes.plot(history[:, 0], color=ORANGE, linestyle="--", label="score by the reward model")
        axes.plot(history[:, 1], color=BLUE, label="true quality")
        axes.axhline(0, color=GREY, linewidth=0.5)
        axes.set(xlabel="policy step", title=title, ylim=(-2.2, 5.0))
        axes.annotate(
            f"KL from the SFT model at the end: {history[-10:, 2].mean():.1f} nats",
            (STEPS, -2.0),
            color=GREY,
            ha="right",
        )
    middle.set(ylabel="mean over the batch")
    middle.legend(frameon=False, loc="upper left")

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    print("Asked for a capital: five models, and how they answer\n")
    print(f"{'model':<20}{'score':>7}{'quality':>9}{'KL':>7}{'right':>8}{'polite':>8}{'words':>7}")
    for name, one in numbers.outcomes.items():
        print(
            f"{name:<20}{one.score:>7.2f}{one.quality:>9.2f}{one.kl:>7.2f}"
            f"{one.right:>8.0%}{one.polite:>8.0%}{one.words:>7.1f}"
        )
    print("\nIts most frequent answer to “The capital of France?”\n")
    for name, one in numbers.outcomes.items():
        print(f"{name:<20}{one.usual}")
    print(f"\nlargest |row sum - (score - β · log-ratio)| of any row: {numbers.shaping_error:.0e}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too; score is the reward model's,
quality is the truth that no stage was told, at most 4; the two have different
zeros, so compare each with its own kind):
- SFT learns the format: short answers that end. It also learns the mistakes of
  its teachers, and gets the city right about as often as they do.
- Comparisons know better than demonstrations: after stage 3 the city is right.
  Judging was easier than demonstrating.
- Nobody compared long answers, so the reward model believes that politeness
  always adds up. Without the leash the policy finds that out, and the score
  climbs while quality collapses; the KL penalty keeps it where it was judged.
- Without SFT, the leash is tied to the base model, which babbles anyway: the
  policy is free to babble for reward. Hence the order of the stages."""
    )


if __name__ == "__main__":
    main()
