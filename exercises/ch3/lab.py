"""Lab 3: RLHF from beginning to end, with the leash and without it.

Run it with `python exercises/ch3/lab.py` once the functions of this chapter are yours. A policy
that writes answers of up to six words learns from demonstrations (SFT), a reward model learns from
comparisons of its answers, and PPO trains the policy on that reward model: without a KL penalty,
with a fixed one, and with one that adapts. There are few enough answers to list them all, so the
policies are measured exactly, and the best that any method could reach is known.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import matplotlib
import torch
from advantages import gae, value_loss, whiten
from ppo import (
    adaptive_kl_coefficient,
    clip_fraction,
    clipped_surrogate,
    kl_estimate,
    ppo_policy_loss,
    probability_ratio,
)
from torch import Tensor
from torch.nn.functional import one_hot, softplus

matplotlib.use("Agg")
import matplotlib.pyplot as plt

WORDS = (".", "fact", "because", "well", "!")
END, FACT, BECAUSE, WELL, SHOUT = range(5)
LENGTH = 6
# What follows what when a human answers: one row for each word before, that of END for the start.
HUMAN = torch.tensor(
    [
        [0.02, 0.40, 0.10, 0.44, 0.04],
        [0.45, 0.14, 0.20, 0.13, 0.08],
        [0.05, 0.50, 0.05, 0.36, 0.04],
        [0.20, 0.30, 0.15, 0.31, 0.04],
        [0.60, 0.10, 0.05, 0.20, 0.05],
    ]
)
DEMONSTRATIONS, COMPARISONS = 2000, 4000
UPDATES, BATCH, EPOCHS = 120, 256, 4
LEARNING_RATE = 0.05
BETA = 0.4
FIRST_BETA, TARGET, HORIZON = 0.2, 1.0, 1200  # of the adaptive leash
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#555555"


@dataclass(frozen=True)
class Measured:
    """One policy, measured over all answers that it can give.

    Attributes:
        proxy: mean reward, as the reward model has it.
        quality: mean of what the reward model should have learned.
        kl: KL divergence from the SFT policy, in nats an answer.
        likeliest: its likeliest answer.
    """

    proxy: float
    quality: float
    kl: float
    likeliest: str


@dataclass(frozen=True)
class Training:
    """One run of PPO: the policies that it passed through, and its own instruments.

    Attributes:
        policies: before each update, and after the last one.
        k1, k3: KL in nats an answer, estimated from the answers that each update sampled.
        betas: the KL coefficient of each update.
        clipped: share of tokens that the clip cut, at the end of each update.
        critic_loss: loss of the critic, at the start of each update.
        ratio, advantages: of all tokens of the first update, at its end.
    """

    policies: tuple[Measured, ...]
    k1: tuple[float, ...]
    k3: tuple[float, ...]
    betas: tuple[float, ...]
    clipped: tuple[float, ...]
    critic_loss: tuple[float, ...]
    ratio: Tensor
    advantages: Tensor


@dataclass(frozen=True)
class Numbers:
    """What the lab measures.

    Attributes:
        word_rewards: what the reward model gives for each word.
        free, leashed, adaptive: PPO with beta 0, with beta BETA, and with a beta that adapts.
        optimum: the best policy at beta BETA, from its closed form.
    """

    word_rewards: Tensor
    free: Training
    leashed: Training
    adaptive: Training
    optimum: Measured


def every_answer() -> Tensor:
    """All answers, (number of answers, LENGTH): words up to an END, then ENDs only."""
    tokens = torch.tensor(list(product(range(len(WORDS)), repeat=LENGTH)))
    ended = tokens == END
    return tokens[(ended[:, 1:] >= ended[:, :-1]).all(1)]


def response_mask(answers: Tensor) -> Tensor:
    """True on the words of an answer and on its first END."""
    ended = (answers == END).long()
    return ended.cumsum(1) - ended == 0


def counts(answers: Tensor) -> Tensor:
    """How often each word occurs in each answer, (B, number of words); END doesn't count."""
    occurrences = one_hot(answers, len(WORDS)).sum(1).float()
    occurrences[:, END] = 0
    return occurrences


def quality(answers: Tensor) -> Tensor:
    """What people really want: facts, a reason, and one "!" at most. No policy ever sees this."""
    n = counts(answers)
    facts, reasons, shouts = n[:, FACT], n[:, BECAUSE], n[:, SHOUT]
    tone = shouts - 2 * (shouts - 1).clamp(min=0)
    return 0.5 * facts.clamp(max=3) + 0.5 * reasons.clamp(max=1) + tone


def before(answers: Tensor) -> Tensor:
    """The word before each word; END before the first."""
    return torch.cat([torch.full_like(answers[:, :1], END), answers[:, :-1]], 1)


def token_logprobs(policy: Tensor, answers: Tensor) -> Tensor:
    """(B, LENGTH) log-probabilities. A policy has logits (LENGTH, word before, word)."""
    return policy.log_softmax(-1)[torch.arange(LENGTH), before(answers), answers]


def sample(policy: Tensor, count: int, dice: torch.Generator) -> Tensor:
    """Draw answers, word by word; after END comes END."""
    answers = torch.full((count, LENGTH + 1), END)
    for t in range(LENGTH):
        word = answers[:, t]
        drawn = torch.multinomial(policy[t].softmax(-1)[word], 1, generator=dice).squeeze(1)
        answers[:, t + 1] = torch.where((word == END) & (t > 0), END, drawn)
    return answers[:, 1:]


class Examiner:
    """Measures policies over every answer there is, so that no average is left to luck."""

    def __init__(self, sft: Tensor, word_rewards: Tensor) -> None:
        self.answers = every_answer()
        self.mask = response_mask(self.answers)
        self.proxy = counts(self.answers) @ word_rewards
        self.quality = quality(self.answers)
        self.sft_logps = self.logps(sft)

    def logps(self, policy: Tensor) -> Tensor:
        """Log-probability of every answer under a policy."""
        return (token_logprobs(policy.detach(), self.answers) * self.mask).sum(1)

    def measure(self, logps: Tensor) -> Measured:
        """Measure the policy that has these log-probabilities of all answers."""
        probs = logps.exp()
        likeliest = [WORDS[word] for word in self.answers[probs.argmax()] if word != END]
        return Measured(
            (probs @ self.proxy).item(),
            (probs @ self.quality).item(),
            (probs @ (logps - self.sft_logps)).item(),
            " ".join(likeliest),
        )

    def best(self, beta: float) -> Measured:
        """The policy that maximises reward - beta * KL: SFT, tilted by exp(reward / beta)."""
        return self.measure((self.sft_logps + self.proxy / beta).log_softmax(0))


def supervised_finetuning(dice: torch.Generator) -> Tensor:
    """Stage 1. The policy that imitates the demonstrations: what follows what, and how often."""
    human = HUMAN.log().expand(LENGTH, -1, -1)
    demonstrations = sample(human, DEMONSTRATIONS, dice)
    mask = response_mask(demonstrations)
    follows = torch.ones(len(WORDS), len(WORDS))  # one of each: nothing is impossible
    pair = before(demonstrations)[mask], demonstrations[mask]
    follows.index_put_(pair, torch.tensor(1.0), accumulate=True)
    return (follows / follows.sum(1, keepdim=True)).log().repeat(LENGTH, 1, 1)


def reward_modeling(policy: Tensor, dice: torch.Generator) -> Tensor:
    """Stage 2. A reward for each word, such that the sum over an answer explains comparisons."""
    one, other = sample(policy, COMPARISONS, dice), sample(policy, COMPARISONS, dice)
    difference = counts(one) - counts(other)
    chance = torch.sigmoid(quality(one) - quality(other))
    one_wins = torch.rand(COMPARISONS, generator=dice) < chance
    difference = torch.where(one_wins.unsqueeze(1), difference, -difference)
    word_rewards = torch.zeros(len(WORDS), requires_grad=True)
    optimizer = torch.optim.LBFGS([word_rewards], max_iter=50)

    def bradley_terry_loss() -> Tensor:
        optimizer.zero_grad()
        loss = softplus(-difference @ word_rewards).mean()
        loss.backward()
        return loss

    optimizer.step(bradley_terry_loss)
    return word_rewards.detach()


def ppo(sft: Tensor, word_rewards: Tensor, beta: float, adapt: bool, seed: int) -> Training:
    """Stage 3. Train the SFT policy on the reward model, on a leash of strength `beta`."""
    dice = torch.Generator().manual_seed(seed)
    examiner = Examiner(sft, word_rewards)
    policy = sft.clone().requires_grad_()
    critic = torch.zeros(LENGTH, len(WORDS), requires_grad=True)  # a value for each word before
    optimizer = torch.optim.Adam([policy, critic], lr=LEARNING_RATE)
    policies, k1, k3, betas, clipped, critic_loss, first = [], [], [], [], [], [], None
    for _ in range(UPDATES):
        policies.append(examiner.measure(examiner.logps(policy)))
        betas.append(beta)
        with torch.no_grad():
            answers = sample(policy, BATCH, dice)
            mask = response_mask(answers)
            place = torch.arange(LENGTH), before(answers)
            old_logprobs = token_logprobs(policy, answers)
            ref_logprobs = token_logprobs(sft, answers)
            old_values = critic[place]
            # The reward of a token is what it costs to stray from the SFT policy; the last token
            # of each answer also gets the reward model's score.
            rewards = -beta * (old_logprobs - ref_logprobs) * mask
            rewards[torch.arange(BATCH), mask.sum(1) - 1] += counts(answers) @ word_rewards

        advantages, returns = gae(rewards, old_values, mask)
        advantages = whiten(advantages, mask)
        for epoch in range(EPOCHS):
            logprobs = token_logprobs(policy, answers)
            critic_error = value_loss(critic[place], old_values, returns, mask)
            if epoch == 0:
                critic_loss.append(critic_error.item())
            loss = ppo_policy_loss(logprobs, old_logprobs, advantages, mask) + critic_error
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        with torch.no_grad():
            ratio = probability_ratio(token_logprobs(policy, answers), old_logprobs)
        clipped.append(clip_fraction(ratio, advantages, mask))
        first = first or (ratio[mask], advantages[mask])

        tokens_an_answer = mask.sum().item() / BATCH
        for estimates, kind in ((k1, "k1"), (k3, "k3")):
            a_token = kl_estimate(old_logprobs, ref_logprobs, mask, kind=kind).item()
            estimates.append(a_token * tokens_an_answer)
        if adapt:
            beta = adaptive_kl_coefficient(beta, k1[-1], TARGET, HORIZON, BATCH)
    policies.append(examiner.measure(examiner.logps(policy)))
    series = (policies, k1, k3, betas, clipped, critic_loss)
    return Training(*map(tuple, series), *first)


def run() -> Numbers:
    """SFT, reward model, and PPO in three ways."""
    dice = torch.Generator().manual_seed(3)
    sft = supervised_finetuning(dice)
    word_rewards = reward_modeling(sft, dice)
    return Numbers(
        word_rewards,
        ppo(sft, word_rewards, beta=0.0, adapt=False, seed=4),
        ppo(sft, word_rewards, beta=BETA, adapt=False, seed=4),
        ppo(sft, word_rewards, beta=FIRST_BETA, adapt=True, seed=4),
        Examiner(sft, word_rewards).best(BETA),
    )


def plot(numbers: Numbers, file: Path) -> None:
    """Reward against quality, the KL divergence, and the clip at work, side by side."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.3), layout="constrained")
    updates = range(UPDATES + 1)
    runs = ((numbers.free, ORANGE, "no leash"), (numbers.leashed, BLUE, f"beta {BETA}"))

    for training, colour, name in runs:
        proxy = [policy.proxy for policy in training.policies]
        true = [policy.quality for policy in training.policies]
        left.plot(updates, proxy, color=colour, linestyle="--")
        left.plot(updates, true, color=colour)
        write(left, f"reward, {name}", UPDATES, proxy[-1], 5, colour)
        write(left, f"quality, {name}", UPDATES, true[-1], -13, colour)
    left.axhline(numbers.free.policies[0].quality, color=GREY, linewidth=1, linestyle=":")
    write(left, "quality of SFT", UPDATES, numbers.free.policies[0].quality, -13, GREY)
    left.set(
        ylim=(-3.2, 5),
        xlabel="update",
        ylabel="mean over all answers",
        title="What the leash is for",
    )

    for training, colour, name in (*runs, (numbers.adaptive, GREEN, "adaptive beta")):
        exact = [policy.kl for policy in training.policies[1:]]
        middle.plot(updates[1:], exact, color=colour)
        above = {"no leash": -16, "adaptive beta": -36}.get(name, 12)
        write(middle, name, UPDATES, exact[-1], above, colour)
    seen = slice(1, None, 4)
    for estimates, marker, kind in (
        (numbers.leashed.k1, "+", "k1"),
        (numbers.leashed.k3, "o", "k3"),
    ):
        middle.plot(
            updates[:-1][seen],
            estimates[seen],
            marker,
            color=GREY,
            mfc="none",
            ms=5,
            label=f"{kind}, beta {BETA}",
        )
    middle.axhline(TARGET, color=GREY, linewidth=1, linestyle=":")
    middle.set_yscale("log")
    middle.set_yticks([0.3, 1, 3, 10], ["0.3", "1", "3", "10"])
    middle.minorticks_off()
    middle.legend(frameon=False, loc="upper left", ncols=2)
    middle.set(ylim=(0.2, 40), xlabel="update", ylabel="KL from SFT (nats an answer)")
    middle.set(title=f"Distance from SFT (target {TARGET:g})")

    ratio, advantages = numbers.leashed.ratio, numbers.leashed.advantages
    surrogate = clipped_surrogate(ratio, advantages)
    cut = surrogate < ratio * advantages
    right.plot(ratio[~cut], surrogate[~cut], "o", mfc="none", ms=4, color=BLUE, label="in full")
    right.plot(ratio[cut], surrogate[cut], "x", ms=4, color=ORANGE, label="clipped: no gradient")
    for border in (0.8, 1.2):
        right.axvline(border, color=GREY, linewidth=1, linestyle=":")
    right.axhline(0, color=GREY, linewidth=1)
    right.legend(frameon=False, loc="upper left")
    right.set(xlim=(0.7, 1.4), ylim=(-2, 5.5))
    right.set(xlabel="ratio", ylabel="clipped surrogate", title="The tokens of the first update")

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def write(axes: plt.Axes, text: str, x: float, y: float, above: float, colour: str) -> None:
    """Label a curve at its right end, so that colour is not needed to tell it."""
    axes.annotate(text, (x, y), (0, above), textcoords="offset points", ha="right", color=colour)


def main() -> None:
    """Print the tables, save the plot, and say what should be seen."""
    numbers = run()
    free, leashed, adaptive = numbers.free, numbers.leashed, numbers.adaptive
    print("The reward model, from comparisons of SFT answers: a reward for each word\n")
    for word, reward in zip(WORDS[1:], numbers.word_rewards[1:], strict=True):
        print(f"  {word:<9}{reward:>6.2f}")
    print(f"\n{'policy':<26}{'reward':>8}{'quality':>9}{'KL':>7}   likeliest answer")
    for name, policy in (
        ("SFT, where all begin", free.policies[0]),
        ("PPO without a leash", free.policies[-1]),
        (f"PPO, beta {BETA}", leashed.policies[-1]),
        (f"PPO, KL held at {TARGET:g}", adaptive.policies[-1]),
        (f"best at beta {BETA}", numbers.optimum),
    ):
        row = f"{policy.proxy:>8.2f}{policy.quality:>9.2f}{policy.kl:>7.2f}"
        print(f"{name:<26}{row}   {policy.likeliest}")
    title = f"PPO, beta {BETA}: update"
    print(f"\n{title:<26}{'KL':>7}{'k1':>7}{'k3':>7}{'clipped':>10}{'critic':>8}")
    for at in (0, 1, 4, 14, 39, UPDATES - 1):
        row = f"{leashed.policies[at].kl:>7.2f}{leashed.k1[at]:>7.2f}{leashed.k3[at]:>7.2f}"
        print(f"{at + 1:>26}{row}{leashed.clipped[at]:>10.1%}{leashed.critic_loss[at]:>8.3f}")
    reached, possible = (p.proxy - BETA * p.kl for p in (leashed.policies[-1], numbers.optimum))
    share = "reward - beta * KL that PPO reached, of the most there is"
    print(f"\n{share}: {reached:.2f} of {possible:.2f}")
    file = Path(__file__).with_name("lab.png")
    plot(numbers, file)
    print(
        f"""
What you should see ({file.name} shows it, too):
- The reward model is a proxy. SFT answers hold one "!" or none, and one is
  liked: it learned that every "!" is good, and never saw what five of them are
  like.
- Without the leash PPO does what it was told: the reward rises and rises, while
  quality climbs first, then falls far below that of the SFT model.
- With a KL penalty the policy stays where the reward model knows what it says.
  Quality ends well above SFT, and the objective close to the best possible.
- An adapting beta finds by itself the strength that holds the KL near its
  target, though the KL overshoots first: beta only turns slowly.
- k1 and k3, from the sampled answers alone, follow the exact KL.
- The clip bites most in the first update, where everything moves at once: a
  good token above 1.2 and a bad one below 0.8 are pushed no further. One that
  was dragged the wrong way (bad above 1.2, good below 0.8) still counts in
  full."""
    )


if __name__ == "__main__":
    main()
