"""Misunderstandings of reward modeling, each as the code that it leads to."""

import numpy as np
import torch
from torch.nn import functional

from assay.misconceptions import misconception

# --- preference_probability


@misconception(
    "preference_probability", "The sign is flipped: A is preferred where A's reward is higher."
)
def probability_flipped(reward_a, reward_b):
    return torch.sigmoid(reward_b - reward_a)


@misconception(
    "preference_probability",
    "You divide A's reward by the sum of both. Rewards are log-odds and may be negative: only "
    "their difference counts.",
)
def probability_as_share(reward_a, reward_b):
    return reward_a / (reward_a + reward_b)


@misconception(
    "preference_probability",
    "exp(a) / (exp(a) + exp(b)) is the right number, but exp overflows at large rewards and "
    "inf / inf is nan. Write it as the sigmoid of the difference.",
)
def probability_overflows(reward_a, reward_b):
    return reward_a.exp() / (reward_a.exp() + reward_b.exp())


@misconception(
    "preference_probability",
    "The softmax runs over the batch. Each pair stands for itself: a sigmoid of its difference.",
)
def probability_over_the_batch(reward_a, reward_b):
    return torch.softmax(reward_a - reward_b, -1)


@misconception(
    "preference_probability",
    "Each reward goes through a sigmoid of its own. Take the difference first, then one sigmoid.",
)
def probability_of_each(reward_a, reward_b):
    return torch.sigmoid(reward_a) - torch.sigmoid(reward_b)


@misconception("preference_probability", "tanh goes from -1 to 1; a probability needs the sigmoid.")
def probability_with_tanh(reward_a, reward_b):
    return torch.tanh(reward_a - reward_b)


@misconception(
    "preference_probability",
    "You decide instead of giving a probability: a small lead is only a little better than a toss.",
)
def probability_as_verdict(reward_a, reward_b):
    lead = torch.sign(reward_a - reward_b)
    return (lead + 1) / 2 + 0 * (reward_a - reward_b)


# --- bradley_terry_loss


def _gap(chosen_rewards, rejected_rewards, margin):
    gap = chosen_rewards - rejected_rewards
    return gap if margin is None else gap - margin


@misconception(
    "bradley_terry_loss",
    "The gap is the wrong way round: it is chosen minus rejected. Yours rewards the rejected.",
)
def loss_flipped(chosen_rewards, rejected_rewards, margin=None):
    gap = rejected_rewards - chosen_rewards
    return -functional.logsigmoid(gap if margin is None else gap - margin).mean()


@misconception(
    "bradley_terry_loss",
    "You take the log of the sigmoid. For a clearly lost pair the sigmoid is 0 to the machine, and "
    "log(0) is -inf. Use the log-sigmoid in one step.",
)
def loss_log_of_sigmoid(chosen_rewards, rejected_rewards, margin=None):
    return -torch.log(torch.sigmoid(_gap(chosen_rewards, rejected_rewards, margin))).mean()


@misconception(
    "bradley_terry_loss",
    "You add a small number inside the logarithm, so that a lost pair can't cost more than its "
    "log, and its gradient dies. Use the log-sigmoid in one step.",
)
def loss_with_epsilon(chosen_rewards, rejected_rewards, margin=None):
    return -torch.log(torch.sigmoid(_gap(chosen_rewards, rejected_rewards, margin)) + 1e-8).mean()


@misconception(
    "bradley_terry_loss",
    "The minus sign is missing: yours is the log-probability, which training would make smaller.",
)
def loss_without_minus(chosen_rewards, rejected_rewards, margin=None):
    return functional.logsigmoid(_gap(chosen_rewards, rejected_rewards, margin)).mean()


@misconception("bradley_terry_loss", "You sum over the batch. The loss is the mean.")
def loss_summed(chosen_rewards, rejected_rewards, margin=None):
    return -functional.logsigmoid(_gap(chosen_rewards, rejected_rewards, margin)).sum()


@misconception("bradley_terry_loss", "One loss per pair comes out. Take the mean over the pairs.")
def loss_per_pair(chosen_rewards, rejected_rewards, margin=None):
    return -functional.logsigmoid(_gap(chosen_rewards, rejected_rewards, margin))


@misconception(
    "bradley_terry_loss",
    "The logarithm is missing: 1 minus the probability hardly corrects what is badly wrong.",
)
def loss_without_log(chosen_rewards, rejected_rewards, margin=None):
    return torch.sigmoid(-_gap(chosen_rewards, rejected_rewards, margin)).mean()


@misconception(
    "bradley_terry_loss",
    "This is a hinge: it stops pushing once the gap is above 0. The log-sigmoid never quite stops.",
)
def loss_as_hinge(chosen_rewards, rejected_rewards, margin=None):
    return functional.relu(-_gap(chosen_rewards, rejected_rewards, margin)).mean()


@misconception(
    "bradley_terry_loss", "The margin is added to the gap. Take it off: it raises the bar."
)
def loss_with_added_margin(chosen_rewards, rejected_rewards, margin=None):
    gap = chosen_rewards - rejected_rewards
    return -functional.logsigmoid(gap if margin is None else gap + margin).mean()


@misconception("bradley_terry_loss", "The margin is not used.")
def loss_without_margin(chosen_rewards, rejected_rewards, margin=None):
    return -functional.logsigmoid(chosen_rewards - rejected_rewards).mean()


@misconception(
    "bradley_terry_loss",
    "The margin is taken off the loss. It belongs inside, off the gap, where it changes the slope.",
)
def loss_with_margin_outside(chosen_rewards, rejected_rewards, margin=None):
    loss = -functional.logsigmoid(chosen_rewards - rejected_rewards)
    return (loss if margin is None else loss - margin).mean()


@misconception(
    "bradley_terry_loss",
    "You average the rewards before the log-sigmoid. The mean is over the losses of the pairs.",
)
def loss_of_the_mean(chosen_rewards, rejected_rewards, margin=None):
    return -functional.logsigmoid(_gap(chosen_rewards, rejected_rewards, margin).mean())


@misconception(
    "bradley_terry_loss",
    "No gradient reaches the rejected reward. Training has to push it down, too: don't detach.",
)
def loss_with_constant_rejected(chosen_rewards, rejected_rewards, margin=None):
    return -functional.logsigmoid(_gap(chosen_rewards, rejected_rewards.detach(), margin)).mean()


@misconception(
    "bradley_terry_loss",
    "You clamp the gap. Beyond the clamp the gradient is 0, so the worst pairs teach nothing.",
)
def loss_with_clamped_gap(chosen_rewards, rejected_rewards, margin=None):
    gap = _gap(chosen_rewards, rejected_rewards, margin).clamp(-30, 30)
    return -functional.logsigmoid(gap).mean()


@misconception(
    "bradley_terry_loss",
    "The value is right, but at gap 0 the slope must be -1/2: clamp and abs have kinks there.",
)
def loss_with_kink(chosen_rewards, rejected_rewards, margin=None):
    gap = _gap(chosen_rewards, rejected_rewards, margin)
    return (torch.clamp(-gap, min=0) + torch.log1p(torch.exp(-gap.abs()))).mean()


# --- preference_accuracy


def _some(chosen_rewards):
    if len(chosen_rewards) == 0:
        raise ValueError("chosen_rewards is empty")


@misconception("preference_accuracy", "Ties count as lost. A tie is a coin toss: count it 1/2.")
def accuracy_loses_ties(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    return (chosen_rewards > rejected_rewards).double().mean().item()


@misconception("preference_accuracy", "Ties count as won. A tie is a coin toss: count it 1/2.")
def accuracy_wins_ties(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    return (chosen_rewards >= rejected_rewards).double().mean().item()


@misconception(
    "preference_accuracy",
    "Ties are left out of the count. They count 1/2 each, and the mean is over all pairs.",
)
def accuracy_drops_ties(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    won = (chosen_rewards > rejected_rewards).sum().item()
    lost = (chosen_rewards < rejected_rewards).sum().item()
    return won / (won + lost) if won + lost else 0.5


@misconception(
    "preference_accuracy",
    "You average probabilities. Accuracy counts who is ahead, not by how much.",
)
def accuracy_of_probabilities(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    return torch.sigmoid(chosen_rewards - rejected_rewards).mean().item()


@misconception(
    "preference_accuracy",
    "You count where the chosen reward is positive. Only the comparison with the rejected one "
    "means something.",
)
def accuracy_above_zero(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    return ((torch.sign(chosen_rewards) + 1) / 2).double().mean().item()


@misconception("preference_accuracy", "You count the pairs where the rejected answer is ahead.")
def accuracy_flipped(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    return ((torch.sign(rejected_rewards - chosen_rewards) + 1) / 2).double().mean().item()


@misconception(
    "preference_accuracy",
    "Nearly equal rewards count as ties. Only exactly equal ones do: a small lead is a lead.",
)
def accuracy_with_tolerance(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    close = torch.isclose(chosen_rewards, rejected_rewards)
    return torch.where(close, 0.5, (chosen_rewards > rejected_rewards).double()).mean().item()


@misconception("preference_accuracy", "A tensor comes out. Return a Python float: .item().")
def accuracy_as_tensor(chosen_rewards, rejected_rewards):
    _some(chosen_rewards)
    return ((torch.sign(chosen_rewards - rejected_rewards) + 1) / 2).double().mean()


@misconception(
    "preference_accuracy",
    "An empty batch has to raise ValueError; a mean over nothing is nan and goes unnoticed.",
)
def accuracy_of_nothing(chosen_rewards, rejected_rewards):
    return ((torch.sign(chosen_rewards - rejected_rewards) + 1) / 2).double().mean().item()


# --- last_token_reward


def _attended(attention_mask):
    attended = attention_mask != 0
    if not attended.any(1).all():
        raise ValueError("attention_mask has a row of padding only")
    return attended


def _pick(token_rewards, at):
    return token_rewards.gather(1, at.unsqueeze(1)).squeeze(1)


@misconception(
    "last_token_reward",
    "You take the number of real tokens minus one as the position. That holds for padding on the "
    "right only: look for the last attended position itself.",
)
def last_by_counting(token_rewards, attention_mask):
    return _pick(token_rewards, _attended(attention_mask).sum(1) - 1)


@misconception(
    "last_token_reward",
    "You take the last column. With padding on the right that is padding: use the mask.",
)
def last_column(token_rewards, attention_mask):
    _attended(attention_mask)
    return token_rewards[:, -1]


@misconception(
    "last_token_reward",
    "You take the first attended position. Only the last one has seen the whole answer.",
)
def first_attended(token_rewards, attention_mask):
    return _pick(token_rewards, _attended(attention_mask).long().argmax(1))


@misconception(
    "last_token_reward",
    "You multiply by a 0/1 mask and sum. Where padding holds inf or nan, 0 * inf is nan: pick the "
    "entry (gather or indexing) instead.",
)
def last_by_multiplying(token_rewards, attention_mask):
    attended = _attended(attention_mask)
    places = torch.arange(attended.shape[1])
    last = torch.where(attended, places, 0).amax(1, keepdim=True)
    return (token_rewards * (places == last)).sum(1)


@misconception(
    "last_token_reward", "You add the rewards of all real tokens. Take the last one's alone."
)
def last_as_sum(token_rewards, attention_mask):
    return token_rewards.masked_fill(~_attended(attention_mask), 0.0).sum(1)


@misconception(
    "last_token_reward", "You average the rewards of all real tokens. Take the last one's alone."
)
def last_as_mean(token_rewards, attention_mask):
    attended = _attended(attention_mask)
    return token_rewards.masked_fill(~attended, 0.0).sum(1) / attended.sum(1)


@misconception(
    "last_token_reward", "You take the largest reward of the row. Take the one that stands last."
)
def last_as_largest(token_rewards, attention_mask):
    return token_rewards.masked_fill(~_attended(attention_mask), -torch.inf).amax(1)


@misconception(
    "last_token_reward",
    "The numbers are right, but the graph is lost on the way (item, tolist or detach), so that "
    "nothing can be trained: index into the tensor.",
)
def last_without_graph(token_rewards, attention_mask):
    last = [max(t for t, real in enumerate(row) if real) for row in _attended(attention_mask)]
    rows = zip(token_rewards.tolist(), last, strict=True)
    return torch.tensor([row[at] for row, at in rows], dtype=token_rewards.dtype)


@misconception(
    "last_token_reward",
    "A row of padding only goes through: its first entry comes back as if it were a reward. Raise "
    "ValueError.",
)
def last_of_nothing(token_rewards, attention_mask):
    places = torch.arange(attention_mask.shape[1])
    return _pick(token_rewards, torch.where(attention_mask != 0, places, 0).amax(1))


# --- reward_centering_loss


@misconception(
    "reward_centering_loss",
    "You square the difference. That would pull the pair together; square the sum, which moves "
    "both alike.",
)
def centering_of_the_difference(chosen_rewards, rejected_rewards):
    return (chosen_rewards - rejected_rewards).square().mean()


@misconception(
    "reward_centering_loss",
    "You square the mean. Pairs that are off in opposite directions cancel: square first.",
)
def centering_of_the_mean(chosen_rewards, rejected_rewards):
    return (chosen_rewards + rejected_rewards).mean().square()


@misconception(
    "reward_centering_loss",
    "You square each reward and add. That also shrinks the gap; square the sum of the two.",
)
def centering_of_each(chosen_rewards, rejected_rewards):
    return (chosen_rewards.square() + rejected_rewards.square()).mean()


@misconception(
    "reward_centering_loss",
    "You square the average of the two rewards. It is their sum: 4 times it.",
)
def centering_of_the_average(chosen_rewards, rejected_rewards):
    return ((chosen_rewards + rejected_rewards) / 2).square().mean()


@misconception("reward_centering_loss", "You sum over the batch. The loss is the mean.")
def centering_summed(chosen_rewards, rejected_rewards):
    return (chosen_rewards + rejected_rewards).square().sum()


@misconception(
    "reward_centering_loss",
    "You take the absolute value: that pulls as hard near zero as far away. Square it.",
)
def centering_absolute(chosen_rewards, rejected_rewards):
    return (chosen_rewards + rejected_rewards).abs().mean()


@misconception(
    "reward_centering_loss",
    "The coefficient is not part of this loss: the caller multiplies by it.",
)
def centering_with_coefficient(chosen_rewards, rejected_rewards):
    return 0.01 * (chosen_rewards + rejected_rewards).square().mean()


# --- fit_bradley_terry


def _checked(wins):
    wins = np.array(wins, dtype=float)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1]:
        raise ValueError("wins is not square")
    if (wins < 0).any():
        raise ValueError("wins has negative entries")
    if not (_closure(wins > 0)).all():
        raise ValueError("wins has no finite maximum")
    return wins


def _closure(reach):
    reach = reach | np.eye(len(reach), dtype=bool)
    for _ in range(len(reach)):
        reach = reach @ reach
    return reach


def _newton(wins, steps=200, ridge=0.0):
    games, s = wins + wins.T, np.zeros(len(wins))
    with np.errstate(all="ignore"):
        for _ in range(steps):
            p = 1 / (1 + np.exp(s[None] - s[:, None]))
            gradient = (wins - games * p).sum(1) - ridge * s
            if not np.abs(gradient).max() > 1e-11 * wins.sum():
                break
            weight = games * p * (1 - p)
            curvature = np.diag(weight.sum(1)) - weight + 1 / len(s)
            if not np.isfinite(curvature).all():
                break
            step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
            s = s + step / max(1.0, np.ptp(step))
    return s - s.mean()


@misconception(
    "fit_bradley_terry",
    "You read the table the other way round: wins[i, j] is how often i beat j, so the strong have "
    "large rows.",
)
def fits_losses(wins, steps=1000):
    return _newton(_checked(wins).T)


@misconception(
    "fit_bradley_terry",
    "You take the log of total wins over total losses. That forgets whom the games were against: "
    "beating the strong should count for more.",
)
def fits_win_ratios(wins, steps=1000):
    wins = _checked(wins)
    if len(wins) == 1:
        return np.zeros(1)
    s = np.log(wins.sum(1) / wins.sum(0))
    return s - s.mean()


@misconception(
    "fit_bradley_terry",
    "You return strengths. Their logarithms are asked for: they sum to zero and may be negative.",
)
def fits_without_log(wins, steps=1000):
    return np.exp(_newton(_checked(wins)))


@misconception(
    "fit_bradley_terry",
    "The first player is fixed at zero. That, too, fixes the constant; but here the mean is zero.",
)
def fits_from_the_first(wins, steps=1000):
    s = _newton(_checked(wins))
    return s - s[0]


@misconception(
    "fit_bradley_terry",
    "Minorise-maximise is under way, but never arrives where wins are lopsided. Use Newton steps.",
)
def fits_by_minorising(wins, steps=1000):
    wins = _checked(wins)
    if len(wins) == 1:
        return np.zeros(1)
    games, strengths = wins + wins.T, np.ones(len(wins))
    for _ in range(1000):
        old = strengths
        strengths = wins.sum(1) / (games / (old[:, None] + old[None])).sum(1)
        strengths = strengths / np.exp(np.log(strengths).mean())
        if np.abs(strengths - old).max() < 1e-13:
            break
    return np.log(strengths)


@misconception(
    "fit_bradley_terry",
    "Gradient ascent with one fixed step size is under way, but never arrives. Use Newton steps.",
)
def fits_by_gradient(wins, steps=1000):
    wins = _checked(wins)
    games, s = wins + wins.T, np.zeros(len(wins))
    rate = 1 / max(1.0, games.sum(1).max())
    for _ in range(1000):
        p = 1 / (1 + np.exp(s[None] - s[:, None]))
        s = s + rate * (wins - games * p).sum(1)
    return s - s.mean()


@misconception(
    "fit_bradley_terry",
    "You take a single Newton step. It lands near the maximum only where wins are almost even: "
    "repeat it until the gradient has vanished.",
)
def fits_with_one_step(wins, steps=1000):
    return _newton(_checked(wins), steps=1)


@misconception(
    "fit_bradley_terry",
    "You add made-up games to avoid infinities. That shrinks all strengths; the maximum-likelihood "
    "fit takes the wins as they are.",
)
def fits_with_pseudo_counts(wins, steps=1000):
    wins = _checked(wins)
    return _newton(wins + 0.5 * (1 - np.eye(len(wins))))


@misconception(
    "fit_bradley_terry",
    "You penalise large strengths. Without the penalty the constant is fixed by the mean alone.",
)
def fits_with_a_penalty(wins, steps=1000):
    return _newton(_checked(wins), ridge=0.1)


@misconception(
    "fit_bradley_terry",
    "You average the log-ratios of each player's matches. Matches with few games then count like "
    "those with many: maximise the likelihood.",
)
def fits_average_log_ratios(wins, steps=1000):
    wins = _checked(wins)
    with np.errstate(all="ignore"):
        ratios = np.where(wins > 0, np.log(wins) - np.log(wins.T), 0.0)
    ratios = np.where(np.isfinite(ratios), ratios, 0.0)
    s = ratios.sum(1) / len(wins)
    return s - s.mean()


@misconception(
    "fit_bradley_terry",
    "You only refuse players without a win or without a loss. A group that never lost to the "
    "others is as unbeaten: follow the chains of wins.",
)
def fits_after_counting_wins(wins, steps=1000):
    wins = np.array(wins, dtype=float)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1]:
        raise ValueError("wins is not square")
    if (wins < 0).any():
        raise ValueError("wins has negative entries")
    if len(wins) > 1 and not (wins.any(0).all() and wins.any(1).all()):
        raise ValueError("wins: somebody never won or never lost")
    return _newton(wins)


@misconception(
    "fit_bradley_terry",
    "You ask whether the players are connected by games. It takes wins in both directions: a chain "
    "of wins from everyone to everyone.",
)
def fits_after_connecting_games(wins, steps=1000):
    wins = np.array(wins, dtype=float)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1]:
        raise ValueError("wins is not square")
    if (wins < 0).any():
        raise ValueError("wins has negative entries")
    if not _closure(wins + wins.T > 0).all():
        raise ValueError("wins: the games don't connect all players")
    return _newton(wins)


@misconception(
    "fit_bradley_terry", "A negative number of wins is not noticed. Check for it before fitting."
)
def fits_negative_counts(wins, steps=1000):
    wins = np.array(wins, dtype=float)
    _checked(np.abs(wins))
    return _newton(wins)


@misconception(
    "fit_bradley_terry", "You add the games up in the caller's table. Work on a copy of wins."
)
def fits_in_place(wins, steps=1000):
    result = _newton(_checked(wins))
    if isinstance(wins, np.ndarray):
        wins += wins.T.copy()
    return result
