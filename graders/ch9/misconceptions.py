"""Misunderstandings of chapter 9, each as the code that it leads to."""

import numpy as np
import torch
from torch.nn import functional

from assay.misconceptions import misconception

# --- debate --------------------------------------------------------------------------------------


def _two(debaters):
    if len(debaters) != 2:
        raise ValueError(f"debaters must be exactly two, got {len(debaters)}")


@misconception(
    "debate",
    "Both debaters of a round answer the same transcript. Record debater 0's text before debater 1 "
    "speaks, so that the second can answer the first.",
)
def both_speak_at_once(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for _ in range(rounds):
        texts = [debater(question, list(transcript)) for debater in debaters]
        transcript += enumerate(texts)
    return judge(question, list(transcript)), transcript


@misconception(
    "debate",
    "`rounds` counts the turns of both together in your version. It is the turns of each debater: "
    "2 * rounds texts in all.",
)
def rounds_count_single_turns(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for turn in range(rounds):
        text = debaters[turn % 2](question, list(transcript))
        transcript.append((turn % 2, text))
    return judge(question, list(transcript)), transcript


@misconception(
    "debate",
    "You hand out the record itself. A debater or a judge that changes its list rewrites what was "
    "said: give each a copy, list(transcript).",
)
def hands_out_the_record(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for _ in range(rounds):
        for index, debater in enumerate(debaters):
            transcript.append((index, debater(question, transcript)))
    return judge(question, transcript), transcript


@misconception(
    "debate",
    "The judge still gets the record itself. It needs a copy as much as the debaters do.",
)
def trusts_the_judge(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for _ in range(rounds):
        for index, debater in enumerate(debaters):
            transcript.append((index, debater(question, list(transcript))))
    return judge(question, transcript), transcript


@misconception(
    "debate",
    "One debater makes all its speeches before the other begins. In each round each speaks once.",
)
def one_after_the_other(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for index, debater in enumerate(debaters):
        for _ in range(rounds):
            transcript.append((index, debater(question, list(transcript))))
    return judge(question, list(transcript)), transcript


@misconception(
    "debate",
    "Each speaker hears only what the other said last. Hand over all that was said so far.",
)
def hears_the_last_turn_only(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for _ in range(rounds):
        for index, debater in enumerate(debaters):
            transcript.append((index, debater(question, transcript[-1:])))
    return judge(question, list(transcript)), transcript


@misconception(
    "debate",
    "The judge is asked after every round. It decides once, when all has been said.",
)
def judges_every_round(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    verdict = judge(question, [])
    for _ in range(rounds):
        for index, debater in enumerate(debaters):
            transcript.append((index, debater(question, list(transcript))))
        verdict = judge(question, list(transcript))
    return verdict, transcript


@misconception("debate", "Debater 1 opens in your version. Debater 0 speaks first.")
def the_second_opens(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for _ in range(rounds):
        for index in (1, 0):
            transcript.append((index, debaters[index](question, list(transcript))))
    return judge(question, list(transcript)), transcript


@misconception("debate", "Any number of debaters may speak in your version. It takes exactly two.")
def lets_any_number_debate(question, debaters, judge, rounds):
    transcript = []
    for _ in range(rounds):
        for index, debater in enumerate(debaters):
            transcript.append((index, debater(question, list(transcript))))
    return judge(question, list(transcript)), transcript


@misconception("debate", "An empty text is a turn, too: record it.")
def drops_silence(question, debaters, judge, rounds):
    _two(debaters)
    transcript = []
    for _ in range(rounds):
        for index, debater in enumerate(debaters):
            text = debater(question, list(transcript))
            if text:
                transcript.append((index, text))
    return judge(question, list(transcript)), transcript


# --- recursive_oversight -------------------------------------------------------------------------


@misconception(
    "recursive_oversight",
    "You stop one level too early. The root has depth 0; only tasks at depth max_depth are not "
    "split any more.",
)
def stops_one_level_early(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task) if max_depth > 1 else []
    if len(subtasks) == 0:
        return solve(task)
    results = [
        stops_one_level_early(one, decompose, solve, combine, max_depth - 1) for one in subtasks
    ]
    return combine(task, results)


@misconception(
    "recursive_oversight",
    "You go one level too deep. A task at depth max_depth goes to `solve`, so with max_depth 0 the "
    "root does.",
)
def goes_one_level_deeper(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task) if max_depth >= 0 else []
    if len(subtasks) == 0:
        return solve(task)
    results = [
        goes_one_level_deeper(one, decompose, solve, combine, max_depth - 1) for one in subtasks
    ]
    return combine(task, results)


@misconception(
    "recursive_oversight",
    "max_depth is not used: a task that can be split for ever would never be judged.",
)
def ignores_max_depth(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task)
    if len(subtasks) == 0:
        return solve(task)
    results = [ignores_max_depth(one, decompose, solve, combine, max_depth) for one in subtasks]
    return combine(task, results)


@misconception(
    "recursive_oversight",
    "You split the task once and solve the parts as they are. The parts are judged by the same "
    "procedure: call the function itself on them.",
)
def splits_only_once(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task) if max_depth > 0 else []
    if len(subtasks) == 0:
        return solve(task)
    return combine(task, [solve(one) for one in subtasks])


@misconception(
    "recursive_oversight",
    "You solve the whole task before you look at its parts. `solve` is for tasks that are not "
    "split; the overseer can't judge the others whole.",
)
def solves_what_it_splits(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task) if max_depth > 0 else []
    result = solve(task)
    if len(subtasks) == 0:
        return result
    results = [
        solves_what_it_splits(one, decompose, solve, combine, max_depth - 1) for one in subtasks
    ]
    return combine(task, results)


@misconception(
    "recursive_oversight",
    "A result that is 0, False, None or empty is a result: don't filter the list of results.",
)
def drops_false_results(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task) if max_depth > 0 else []
    if len(subtasks) == 0:
        return solve(task)
    results = [
        drops_false_results(one, decompose, solve, combine, max_depth - 1) for one in subtasks
    ]
    return combine(task, [result for result in results if result])


@misconception(
    "recursive_oversight",
    "The subtasks are worked off from the last to the first. Keep their order, in the work and in "
    "the results.",
)
def starts_with_the_last_part(task, decompose, solve, combine, max_depth):
    subtasks = list(decompose(task)) if max_depth > 0 else []
    if len(subtasks) == 0:
        return solve(task)
    results = []
    while subtasks:
        one = subtasks.pop()
        results.append(starts_with_the_last_part(one, decompose, solve, combine, max_depth - 1))
    return combine(task, results)


@misconception(
    "recursive_oversight",
    "`decompose` is asked twice about the same task. Ask once and keep the answer: oversight is "
    "the scarce resource.",
)
def decomposes_twice(task, decompose, solve, combine, max_depth):
    if max_depth == 0 or len(decompose(task)) == 0:
        return solve(task)
    results = [
        decomposes_twice(one, decompose, solve, combine, max_depth - 1) for one in decompose(task)
    ]
    return combine(task, results)


@misconception(
    "recursive_oversight",
    "You go level by level: all parts are split before the first is finished. Depth-first means "
    "that a part is finished before the next one is looked at.",
)
def goes_level_by_level(task, decompose, solve, combine, max_depth):
    levels = [[task]]
    children = {}
    for depth in range(max_depth):
        below = []
        for at, one in enumerate(levels[-1]):
            found = list(decompose(one))
            children[depth, at] = range(len(below), len(below) + len(found))
            below += found
        if not below:
            break
        levels.append(below)
    results = []
    for depth in reversed(range(len(levels))):
        above = []
        for at, one in enumerate(levels[depth]):
            own = children.get((depth, at), range(0))
            above.append(combine(one, [results[i] for i in own]) if own else solve(one))
        results = above
    return results[0]


@misconception(
    "recursive_oversight",
    "You take the first subtask off the list that `decompose` handed out. The list isn't yours: "
    "loop over it instead.",
)
def empties_the_callers_list(task, decompose, solve, combine, max_depth):
    subtasks = decompose(task) if max_depth > 0 else []
    if len(subtasks) == 0:
        return solve(task)
    results = []
    while subtasks:
        one = subtasks.pop(0)
        results.append(empties_the_callers_list(one, decompose, solve, combine, max_depth - 1))
    return combine(task, results)


# --- market_prices -------------------------------------------------------------------------------


def _liquid(liquidity):
    if liquidity <= 0:
        raise ValueError(f"liquidity must be positive, got {liquidity}")


@misconception(
    "market_prices",
    "exp of the shares overflows, and inf / inf is nan. Subtract the largest number of shares "
    "first: it cancels.",
)
def prices_overflow(shares, liquidity):
    _liquid(liquidity)
    with np.errstate(all="ignore"):
        weights = np.exp(shares / liquidity)
        return weights / weights.sum()


@misconception("market_prices", "You multiply by the liquidity. Divide the shares by it.")
def prices_times_liquidity(shares, liquidity):
    _liquid(liquidity)
    weights = np.exp((shares - np.max(shares)) * liquidity)
    return weights / weights.sum()


@misconception("market_prices", "The liquidity is not used: divide the shares by it.")
def prices_without_liquidity(shares, liquidity):
    _liquid(liquidity)
    weights = np.exp((shares - np.max(shares)) * 1.0)
    return weights / weights.sum()


@misconception(
    "market_prices",
    "You share out the shares themselves. A price is a share of the exponentials: it is positive "
    "even where shares were sold back.",
)
def prices_without_exp(shares, liquidity):
    _liquid(liquidity)
    with np.errstate(all="ignore"):
        return shares / np.sum(shares)


@misconception(
    "market_prices",
    "The prices don't sum to 1: divide by the sum of the exponentials, not by the largest.",
)
def prices_over_the_largest(shares, liquidity):
    _liquid(liquidity)
    return np.exp((shares - np.max(shares)) / liquidity)


@misconception(
    "market_prices",
    "Each price is a sigmoid by itself. The outcomes compete: divide by the sum over all of them.",
)
def prices_as_sigmoids(shares, liquidity):
    _liquid(liquidity)
    return 0.5 * (1 + np.tanh(shares / liquidity / 2))


@misconception(
    "market_prices",
    "A price falls with the shares sold in your version. What is bought becomes dearer.",
)
def prices_fall_with_demand(shares, liquidity):
    _liquid(liquidity)
    weights = np.exp((np.min(shares) - shares) / liquidity)
    return weights / weights.sum()


@misconception("market_prices", "A liquidity of 0 or less must raise ValueError.")
def prices_without_check(shares, liquidity):
    with np.errstate(all="ignore"):
        weights = np.exp((shares - np.max(shares)) / np.float64(liquidity))
        return weights / weights.sum()


@misconception(
    "market_prices",
    "You shift the caller's shares in place (-= or out=). Work on a new array.",
)
def prices_in_place(shares, liquidity):
    _liquid(liquidity)
    shares -= np.max(shares)
    weights = np.exp(shares / liquidity)
    return weights / weights.sum()


# --- market_cost ---------------------------------------------------------------------------------


def _potential(shares, liquidity):
    return liquidity * np.logaddexp.reduce(shares / liquidity)


def _prices(shares, liquidity):
    weights = np.exp((shares - np.max(shares)) / liquidity)
    return weights / weights.sum()


@misconception(
    "market_cost",
    "You take the price before the trade. The price moves while one buys: take the difference of "
    "the potential C.",
)
def cost_at_the_old_price(shares, trade, liquidity):
    _liquid(liquidity)
    return float(_prices(shares, liquidity) @ trade)


@misconception(
    "market_cost",
    "You take the price after the trade. The price moves while one buys: take the difference of "
    "the potential C.",
)
def cost_at_the_new_price(shares, trade, liquidity):
    _liquid(liquidity)
    return float(_prices(shares + trade, liquidity) @ trade)


@misconception(
    "market_cost",
    "The mean of the prices before and after is close, but C is not a parabola: take the "
    "difference of the potential.",
)
def cost_at_the_mean_price(shares, trade, liquidity):
    _liquid(liquidity)
    prices = _prices(shares, liquidity) + _prices(shares + trade, liquidity)
    return float(prices @ trade / 2)


@misconception(
    "market_cost",
    "exp of the shares overflows, and inf - inf is nan. Use a stable log-sum-exp.",
)
def cost_overflows(shares, trade, liquidity):
    _liquid(liquidity)
    with np.errstate(all="ignore"):
        after, before = (np.log(np.sum(np.exp(q / liquidity))) for q in (shares + trade, shares))
        return float(liquidity * (after - before))


@misconception("market_cost", "The factor b in front of the logarithm is missing.")
def cost_without_the_factor(shares, trade, liquidity):
    _liquid(liquidity)
    return float(
        (_potential(shares + trade, liquidity) - _potential(shares, liquidity)) / liquidity
    )


@misconception("market_cost", "The shares are not divided by b inside the exponential.")
def cost_without_the_division(shares, trade, liquidity):
    _liquid(liquidity)
    after, before = (np.logaddexp.reduce(q * 1.0) for q in (shares + trade, shares))
    return float(liquidity * (after - before))


@misconception("market_cost", "The sign is flipped: the trader pays C after minus C before.")
def cost_flipped(shares, trade, liquidity):
    _liquid(liquidity)
    return float(_potential(shares, liquidity) - _potential(shares + trade, liquidity))


@misconception(
    "market_cost",
    "You return C of the market after the trade. What the trader pays is the difference that the "
    "trade makes.",
)
def cost_of_the_whole_market(shares, trade, liquidity):
    _liquid(liquidity)
    return float(_potential(shares + trade, liquidity))


@misconception(
    "market_cost",
    "You return C of the trade alone. The cost depends on the shares sold before.",
)
def cost_of_the_trade_alone(shares, trade, liquidity):
    _liquid(liquidity)
    return float(_potential(trade, liquidity) - _potential(0 * trade, liquidity))


@misconception("market_cost", "A liquidity of 0 or less must raise ValueError.")
def cost_without_check(shares, trade, liquidity):
    with np.errstate(all="ignore"):
        after, before = (
            np.logaddexp.reduce(q / np.float64(liquidity)) for q in (shares + trade, shares)
        )
        return float(liquidity * (after - before))


@misconception(
    "market_cost", "You book the trade in the caller's array (+=). Add into a new array."
)
def cost_in_place(shares, trade, liquidity):
    _liquid(liquidity)
    before = _potential(shares, liquidity)
    shares += trade
    return float(_potential(shares, liquidity) - before)


# --- performance_gap_recovered -------------------------------------------------------------------


def _gap(weak, strong):
    if weak == strong:
        raise ValueError(f"weak and strong must differ, both are {weak}")


@misconception(
    "performance_gap_recovered",
    "You compare with the ceiling alone. What the supervisor can do by itself is no merit of the "
    "student: subtract it above and below.",
)
def share_of_the_ceiling(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return weak_to_strong / strong


@misconception(
    "performance_gap_recovered",
    "That is the share of the gap which is still open. The recovered share is counted from weak.",
)
def share_still_open(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return (strong - weak_to_strong) / (strong - weak)


@misconception(
    "performance_gap_recovered",
    "You divide by the ceiling. Divide by the gap, strong - weak, so that the ceiling gets 1.",
)
def gain_over_the_ceiling(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return (weak_to_strong - weak) / strong


@misconception(
    "performance_gap_recovered", "That is the gain itself. Divide it by the gap, strong - weak."
)
def gain_alone(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return weak_to_strong - weak


@misconception(
    "performance_gap_recovered",
    "You clip the share to 0 to 1. A student may be worse than its supervisor or better than the "
    "ceiling: leave the value as it is.",
)
def share_clipped(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return min(1.0, max(0.0, (weak_to_strong - weak) / (strong - weak)))


@misconception("performance_gap_recovered", "That is a percentage. A share of the whole gap is 1.")
def share_in_percent(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return 100 * (weak_to_strong - weak) / (strong - weak)


@misconception(
    "performance_gap_recovered",
    "You take the size of the gap (abs). The signs of gain and gap belong together: for a loss, "
    "where less is better, both are negative.",
)
def share_of_the_size(weak, weak_to_strong, strong):
    _gap(weak, strong)
    return (weak_to_strong - weak) / abs(strong - weak)


@misconception(
    "performance_gap_recovered",
    "Equal weak and strong must raise ValueError, not ZeroDivisionError, and not return a number.",
)
def share_without_check(weak, weak_to_strong, strong):
    return (weak_to_strong - weak) / (strong - weak)


@misconception(
    "performance_gap_recovered",
    "You refuse a strong below weak, too. For a loss, where less is better, that is the usual "
    "case: only equal ones have no gap.",
)
def share_of_a_rise_only(weak, weak_to_strong, strong):
    if strong <= weak:
        raise ValueError("strong must exceed weak")
    return (weak_to_strong - weak) / (strong - weak)


# --- confidence_loss -----------------------------------------------------------------------------


def _share(alpha):
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")


@misconception(
    "confidence_loss",
    "The weights are swapped: alpha belongs to the student's own guess, 1 - alpha to the weak "
    "labels.",
)
def weights_swapped(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = functional.cross_entropy(strong_logits, strong_logits.argmax(-1))
    return alpha * functional.cross_entropy(strong_logits, weak_labels) + (1 - alpha) * own


@misconception(
    "confidence_loss",
    "You take the student's probabilities as targets (its entropy). The own label is hard: the "
    "argmax of the logits.",
)
def soft_targets(strong_logits, weak_labels, alpha):
    _share(alpha)
    targets = torch.softmax(strong_logits, -1).detach()
    own = functional.cross_entropy(strong_logits, targets)
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) + alpha * own


@misconception(
    "confidence_loss",
    "You minimise the entropy of the student. The own label is hard, the argmax of the logits, "
    "and a constant.",
)
def minimises_entropy(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = functional.cross_entropy(strong_logits, torch.softmax(strong_logits, -1))
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) + alpha * own


@misconception(
    "confidence_loss",
    "cross_entropy takes logits: it makes the softmax itself. You make it twice.",
)
def softmax_twice(strong_logits, weak_labels, alpha):
    _share(alpha)
    probs = torch.softmax(strong_logits, -1)
    own = functional.cross_entropy(probs, strong_logits.argmax(-1))
    return (1 - alpha) * functional.cross_entropy(probs, weak_labels) + alpha * own


@misconception(
    "confidence_loss",
    "The logarithm of a softmax that underflowed is -inf. Use log_softmax, or cross_entropy on "
    "the logits.",
)
def log_of_softmax(strong_logits, weak_labels, alpha):
    _share(alpha)
    logps = torch.softmax(strong_logits, -1).log()
    own = functional.nll_loss(logps, strong_logits.argmax(-1))
    return (1 - alpha) * functional.nll_loss(logps, weak_labels) + alpha * own


@misconception("confidence_loss", "You sum over the batch. The loss is its mean.")
def summed_over_the_batch(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = functional.cross_entropy(strong_logits, strong_logits.argmax(-1), reduction="sum")
    weak = functional.cross_entropy(strong_logits, weak_labels, reduction="sum")
    return (1 - alpha) * weak + alpha * own


@misconception(
    "confidence_loss",
    "The first term counts in full: 1 - alpha must weigh the weak labels.",
)
def bonus_on_top(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = functional.cross_entropy(strong_logits, strong_logits.argmax(-1))
    return functional.cross_entropy(strong_logits, weak_labels) + alpha * own


@misconception(
    "confidence_loss",
    "The second term has its sign flipped: a small cross-entropy with the own guess is what one "
    "wants, so it is added.",
)
def confidence_subtracted(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = functional.cross_entropy(strong_logits, strong_logits.argmax(-1))
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) - alpha * own


@misconception(
    "confidence_loss",
    "Only the loss with the weak labels is there. Add the one with the student's own guess.",
)
def weak_labels_alone(strong_logits, weak_labels, alpha):
    _share(alpha)
    return functional.cross_entropy(strong_logits, weak_labels)


@misconception(
    "confidence_loss",
    "You detach the logits of the second term, so that it teaches nothing. Only the choice of the "
    "own label is a constant; the cross-entropy with it is not.",
)
def own_term_detached(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = functional.cross_entropy(strong_logits.detach(), strong_logits.argmax(-1))
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) + alpha * own


@misconception(
    "confidence_loss",
    "You reward confidence without the logarithm (1 - the largest probability). The second term is "
    "a cross-entropy, too.",
)
def one_minus_the_largest(strong_logits, weak_labels, alpha):
    _share(alpha)
    own = (1 - torch.softmax(strong_logits, -1).max(-1).values).mean()
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) + alpha * own


@misconception("confidence_loss", "alpha outside [0, 1] must raise ValueError.")
def alpha_unchecked(strong_logits, weak_labels, alpha):
    own = functional.cross_entropy(strong_logits, strong_logits.argmax(-1))
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) + alpha * own


@misconception("confidence_loss", "alpha may be 0 or 1: both ends belong to [0, 1].")
def alpha_strictly_inside(strong_logits, weak_labels, alpha):
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1), got {alpha}")
    own = functional.cross_entropy(strong_logits, strong_logits.argmax(-1))
    return (1 - alpha) * functional.cross_entropy(strong_logits, weak_labels) + alpha * own


# --- difference_of_means_probe -------------------------------------------------------------------


def _class_means(activations, labels):
    if labels.all() or not labels.any():
        raise ValueError("labels must hold both classes")
    return activations[labels].mean(axis=0), activations[~labels].mean(axis=0)


def _unit(difference):
    length = np.linalg.norm(difference)
    if length == 0:
        raise ValueError("activations have the same mean in both classes")
    return difference / length


@misconception(
    "difference_of_means_probe",
    "The direction points from True to False. It is mean_true - mean_false.",
)
def probe_flipped(activations, labels):
    high, low = _class_means(activations, labels)
    direction = _unit(low - high)
    return direction, float(-direction @ (high + low) / 2)


@misconception("difference_of_means_probe", "The direction must have length 1: divide by its norm.")
def probe_not_normalised(activations, labels):
    high, low = _class_means(activations, labels)
    _unit(high - low)
    return high - low, float(-(high - low) @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "You cut at the mean of all rows, which lies nearer to the larger class. Cut at the midpoint "
    "of the two class means.",
)
def cut_at_the_overall_mean(activations, labels):
    direction = _unit(np.subtract(*_class_means(activations, labels)))
    return direction, float(-direction @ activations.mean(axis=0))


@misconception(
    "difference_of_means_probe",
    "The sign of the bias is flipped: at the midpoint direction · x + bias must be 0.",
)
def bias_flipped(activations, labels):
    high, low = _class_means(activations, labels)
    direction = _unit(high - low)
    return direction, float(direction @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "The bias takes the sum of the two means. The midpoint is half of it.",
)
def bias_without_the_half(activations, labels):
    high, low = _class_means(activations, labels)
    direction = _unit(high - low)
    return direction, float(-direction @ (high + low))


@misconception("difference_of_means_probe", "The bias is missing: the cut need not pass through 0.")
def no_bias(activations, labels):
    return _unit(np.subtract(*_class_means(activations, labels))), 0.0


@misconception(
    "difference_of_means_probe",
    "You compute the bias with the direction before it is normalised. Both must be on one scale.",
)
def bias_on_the_old_scale(activations, labels):
    high, low = _class_means(activations, labels)
    return _unit(high - low), float(-(high - low) @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "You subtract sums. Classes of unequal size need their means.",
)
def sums_for_means(activations, labels):
    _class_means(activations, labels)
    high, low = activations[labels].sum(axis=0), activations[~labels].sum(axis=0)
    direction = _unit(high - low)
    return direction, float(-direction @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "An eps in the norm spoils small activations: divide by the norm itself; only a norm of 0 is "
    "an error.",
)
def probe_with_eps(activations, labels):
    high, low = _class_means(activations, labels)
    direction = (high - low) / (np.linalg.norm(high - low) + 1e-8)
    _unit(high - low)
    return direction, float(-direction @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "You count means as equal when they are merely close. Activations may be small: only equal "
    "means have no direction.",
)
def close_means_are_equal(activations, labels):
    high, low = _class_means(activations, labels)
    if np.allclose(high, low):
        raise ValueError("activations have the same mean in both classes")
    direction = _unit(high - low)
    return direction, float(-direction @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "A missing class has no mean, only nan: raise ValueError where the labels hold one class only.",
)
def one_class_unchecked(activations, labels):
    high, low = (
        activations[side].sum(axis=0) / np.float64(max(side.sum(), 1)) for side in (labels, ~labels)
    )
    direction = _unit(high - low)
    return direction, float(-direction @ (high + low) / 2)


@misconception(
    "difference_of_means_probe",
    "Equal means give 0 / 0, a direction of nan: raise ValueError there.",
)
def equal_means_unchecked(activations, labels):
    high, low = _class_means(activations, labels)
    with np.errstate(all="ignore"):
        direction = (high - low) / np.linalg.norm(high - low)
    return direction, float(-direction @ (high + low) / 2)


# --- ablate_direction ----------------------------------------------------------------------------


@misconception(
    "ablate_direction",
    "(row · u) u is the projection only for a u of length 1: normalise the direction first.",
)
def ablates_without_normalising(activations, direction):
    _unit(direction)
    return activations - np.outer(activations @ direction, direction)


@misconception(
    "ablate_direction",
    "You divide by the length once. The direction stands in the formula twice, so the square of "
    "its length goes below; or normalise it first.",
)
def ablates_half_normalised(activations, direction):
    unit = _unit(direction)
    return activations - np.outer(activations @ direction, unit)


@misconception(
    "ablate_direction",
    "An eps in the norm (or in its square) spoils short directions: only length 0 is an error.",
)
def ablates_with_eps(activations, direction):
    _unit(direction)
    unit = direction / (np.linalg.norm(direction) + 1e-8)
    return activations - np.outer(activations @ unit, unit)


@misconception(
    "ablate_direction",
    "You return the part along the direction. What remains without it is wanted.",
)
def keeps_only_the_direction(activations, direction):
    unit = _unit(direction)
    return np.outer(activations @ unit, unit)


@misconception(
    "ablate_direction",
    "You subtract the direction itself from every row. Each row loses a share of its own, row · u.",
)
def subtracts_the_direction(activations, direction):
    return activations - _unit(direction)


@misconception(
    "ablate_direction",
    "You add the projection instead of subtracting it.",
)
def doubles_the_direction(activations, direction):
    unit = _unit(direction)
    return activations + np.outer(activations @ unit, unit)


@misconception(
    "ablate_direction",
    "You subtract the projection twice, which mirrors the rows. Once is enough.",
)
def mirrors_the_rows(activations, direction):
    unit = _unit(direction)
    return activations - 2 * np.outer(activations @ unit, unit)


@misconception(
    "ablate_direction",
    "You remove the mean share of the direction from all rows. Each row has a share of its own.",
)
def removes_the_mean_share(activations, direction):
    unit = _unit(direction)
    return activations - (activations @ unit).mean() * unit


@misconception(
    "ablate_direction",
    "You set features to 0 where the direction isn't. A direction is a mixture of features: "
    "project it out.",
)
def zeroes_features(activations, direction):
    return np.where(_unit(direction) != 0, 0.0, activations)


@misconception(
    "ablate_direction",
    "Dividing by 0 gives nan everywhere: raise ValueError for a direction of zeros.",
)
def zero_direction_unchecked(activations, direction):
    with np.errstate(all="ignore"):
        unit = direction / np.linalg.norm(direction)
        return activations - np.outer(activations @ unit, unit)


@misconception(
    "ablate_direction",
    "You refuse a direction that is merely short. Only zeros are no direction.",
)
def refuses_a_short_direction(activations, direction):
    if np.linalg.norm(direction) < 1e-8:
        raise ValueError("direction must not be zero")
    unit = _unit(direction)
    return activations - np.outer(activations @ unit, unit)


@misconception(
    "ablate_direction", "You write into the caller's activations (-=). Return a new array."
)
def ablates_in_place(activations, direction):
    unit = _unit(direction)
    activations -= np.outer(activations @ unit, unit)
    return activations


# --- worst_group_accuracy ------------------------------------------------------------------------


def _examples(correct, groups):
    if len(correct) == 0:
        raise ValueError("correct must not be empty")
    if len(correct) != len(groups):
        raise ValueError("correct and groups must have the same length")


def _accuracies(correct, groups):
    return {int(group): float(correct[groups == group].mean()) for group in np.unique(groups)}


@misconception(
    "worst_group_accuracy",
    "That is the accuracy over all examples, which hides a bad group. Take it group by group.",
)
def accuracy_over_all(correct, groups):
    _examples(correct, groups)
    return float(correct.mean())


@misconception(
    "worst_group_accuracy",
    "That is the mean of the groups' accuracies. The lowest is asked for.",
)
def mean_of_the_groups(correct, groups):
    _examples(correct, groups)
    return float(np.mean(list(_accuracies(correct, groups).values())))


@misconception("worst_group_accuracy", "That is the best group.")
def best_group(correct, groups):
    _examples(correct, groups)
    return max(_accuracies(correct, groups).values())


@misconception(
    "worst_group_accuracy",
    "That is an error rate, the share of wrong answers. The accuracy is asked for.",
)
def worst_error_rate(correct, groups):
    _examples(correct, groups)
    return 1 - min(_accuracies(correct, groups).values())


@misconception(
    "worst_group_accuracy",
    "You count correct answers. Divide by the size of the group.",
)
def fewest_correct(correct, groups):
    _examples(correct, groups)
    return float(min(correct[groups == group].sum() for group in np.unique(groups)))


@misconception(
    "worst_group_accuracy",
    "You divide each group's count by the number of all examples. Divide by the size of the group.",
)
def share_of_all_examples(correct, groups):
    _examples(correct, groups)
    return float(min(correct[groups == group].sum() for group in np.unique(groups)) / len(groups))


@misconception(
    "worst_group_accuracy",
    "That is the accuracy of the smallest group, which is not always the worst.",
)
def smallest_group(correct, groups):
    _examples(correct, groups)
    names, sizes = np.unique(groups, return_counts=True)
    return float(correct[groups == names[np.argmin(sizes)]].mean())


@misconception(
    "worst_group_accuracy",
    "That is the number of the worst group. Its accuracy is asked for.",
)
def name_of_the_worst_group(correct, groups):
    _examples(correct, groups)
    accuracies = _accuracies(correct, groups)
    return min(accuracies, key=accuracies.get)


@misconception(
    "worst_group_accuracy",
    "You run over 0, 1, 2, ... Group numbers are names: some may not occur, others lie outside. "
    "Run over the different numbers that do occur.",
)
def groups_from_zero_on(correct, groups):
    _examples(correct, groups)
    members = [groups == group for group in range(len(np.unique(groups)))]
    return float(min(correct[some].sum() / max(some.sum(), 1) for some in members))


@misconception(
    "worst_group_accuracy",
    "Without any example there is no accuracy: raise ValueError where the arrays are empty.",
)
def empty_is_perfect(correct, groups):
    if len(correct) != len(groups):
        raise ValueError("correct and groups must have the same length")
    return min(_accuracies(correct, groups).values(), default=1.0)


@misconception(
    "worst_group_accuracy",
    "Arrays of unequal length don't belong together: raise ValueError instead of cutting one.",
)
def cuts_to_the_shorter(correct, groups):
    if len(correct) == 0:
        raise ValueError("correct must not be empty")
    count = min(len(correct), len(groups))
    return min(_accuracies(correct[:count], groups[:count]).values())
