"""Right answers to chapter 9 in other styles: the properties must give each full marks."""

import math

import numpy as np
import torch

from assay.prove import variant


@variant("debate")
def turn_by_turn(question, debaters, judge, rounds):
    if len(debaters) < 2 or len(debaters) > 2:
        raise ValueError("There must be two debaters.")
    said = ()
    for turn in range(2 * rounds):
        who = turn % 2
        said = (*said, (who, debaters[who](question, list(said))))
    return judge(question, list(said)), list(said)


@variant("debate")
def recursively(question, debaters, judge, rounds):
    try:
        first, second = debaters
    except ValueError:
        raise ValueError("debaters: expected exactly two") from None

    def argue(transcript, left):
        if left == 0:
            return transcript
        opened = [*transcript, [0, first(question, tuple(transcript))]]
        answered = [*opened, [1, second(question, tuple(opened))]]
        return argue(answered, left - 1)

    transcript = argue([], rounds)
    return [judge(question, tuple(transcript)), transcript]


@variant("recursive_oversight")
def with_a_depth_counter(task, decompose, solve, combine, max_depth):
    def judge(task, depth):
        subtasks = decompose(task)  # asked at max_depth, too
        if depth == max_depth or not subtasks:
            return solve(task)
        results = []
        for subtask in subtasks:
            results.append(judge(subtask, depth + 1))
        return combine(task, results)

    return judge(task, 0)


@variant("recursive_oversight")
def with_a_stack(task, decompose, solve, combine, max_depth):
    result = []
    # Each frame: task, subtasks still to do, results so far, where its own result goes.
    stack = [(task, None, [], result, 0)]
    while stack:
        one, left, results, home, depth = stack.pop()
        if left is None:
            left = list(decompose(one)) if depth < max_depth else []
            if not left:
                home.append(solve(one))
                continue
        elif not left:
            home.append(combine(one, results))
            continue
        stack.append((one, left[1:], results, home, depth))
        stack.append((left[0], None, [], results, depth + 1))
    return result[0]


def _liquidity(value):
    if not value > 0:
        raise ValueError("The liquidity has to be above 0")


@variant("market_prices")
def price_by_price(shares, liquidity):
    _liquidity(liquidity)
    prices = []
    for q in shares.tolist():
        with np.errstate(over="ignore"):
            prices.append(1 / sum(np.exp((other - q) / liquidity) for other in shares.tolist()))
    return [float(price) for price in prices]


@variant("market_prices")
def with_logaddexp(shares, liquidity):
    _liquidity(liquidity)
    scaled = np.asarray(shares, dtype=np.float64) / liquidity
    return np.exp(scaled - np.logaddexp.reduce(scaled))


@variant("market_prices")
def with_torch_softmax(shares, liquidity):
    _liquidity(liquidity)
    return torch.softmax(torch.from_numpy(shares).double() / liquidity, dim=0).numpy()


@variant("market_cost")
def with_the_top_taken_out(shares, trade, liquidity):
    _liquidity(liquidity)
    total = 0.0
    for sign, quantities in ((1, shares + trade), (-1, shares)):
        top = quantities.max()
        total += sign * (top + liquidity * np.log(np.exp((quantities - top) / liquidity).sum()))
    return total


@variant("market_cost")
def with_torch_logsumexp(shares, trade, liquidity):
    _liquidity(liquidity)
    before = torch.tensor(shares, dtype=torch.float64) / liquidity
    after = before + torch.tensor(trade, dtype=torch.float64) / liquidity
    return (liquidity * (after.logsumexp(0) - before.logsumexp(0))).item()


@variant("market_cost")
def from_the_prices(shares, trade, liquidity):
    """C(q + t) - C(q) = b log sum price_i exp(t_i / b)."""
    _liquidity(liquidity)
    scaled = shares / liquidity
    log_prices = scaled - np.logaddexp.reduce(scaled)
    return liquidity * np.logaddexp.reduce(log_prices + trade / liquidity)


@variant("performance_gap_recovered")
def one_minus_the_open_share(weak, weak_to_strong, strong):
    if strong - weak == 0:
        raise ValueError("no gap between weak and strong")
    return 1 - (strong - weak_to_strong) / (strong - weak)


@variant("performance_gap_recovered")
def by_catching_the_division(weak, weak_to_strong, strong):
    try:
        return (weak - weak_to_strong) / (weak - strong)
    except ZeroDivisionError:
        raise ValueError("strong must differ from weak") from None


@variant("performance_gap_recovered")
def with_numpy_numbers(weak, weak_to_strong, strong):
    weak, student, strong = np.float64(weak), np.float64(weak_to_strong), np.float64(strong)
    if weak == strong:
        raise ValueError(f"weak == strong == {strong}")
    return np.divide(student - weak, strong - weak)


def _alpha(alpha):
    if alpha < 0 or alpha > 1:
        raise ValueError("alpha is a share: 0 <= alpha <= 1")


@variant("confidence_loss")
def row_by_row(strong_logits, weak_labels, alpha):
    _alpha(alpha)
    total = 0.0
    for row, label in zip(strong_logits, weak_labels, strict=True):
        own = int(row.argmax())
        logps = row - torch.logsumexp(row, 0)
        total = total - (1 - alpha) * logps[label] - alpha * logps[own]
    return total / len(strong_logits)


@variant("confidence_loss")
def as_one_soft_target(strong_logits, weak_labels, alpha):
    _alpha(alpha)
    classes = strong_logits.shape[1]
    with torch.no_grad():
        weak = torch.nn.functional.one_hot(weak_labels, classes)
        own = torch.nn.functional.one_hot(strong_logits.argmax(1), classes)
        target = ((1 - alpha) * weak + alpha * own).to(strong_logits.dtype)
    return -(target * strong_logits.log_softmax(1)).sum(1).mean()


@variant("confidence_loss")
def from_the_largest_log_probability(strong_logits, weak_labels, alpha):
    _alpha(alpha)
    logps = torch.log_softmax(strong_logits, dim=-1)
    weak = -logps.gather(1, weak_labels[:, None]).mean()
    return torch.lerp(weak, -logps.max(dim=-1).values.mean(), alpha)


@variant("difference_of_means_probe")
def probe_with_loops(activations, labels):
    sides = {True: [], False: []}
    for row, label in zip(activations.tolist(), labels.tolist(), strict=True):
        sides[label].append(row)
    if not (sides[True] and sides[False]):
        raise ValueError("both labels are needed")
    high, low = (
        [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        for rows in (sides[True], sides[False])
    )
    difference = [a - b for a, b in zip(high, low, strict=True)]
    length = math.sqrt(sum(d * d for d in difference))
    if length == 0.0:
        raise ValueError("both labels have the same mean")
    direction = [d / length for d in difference]
    bias = -sum(d * (a + b) / 2 for d, a, b in zip(direction, high, low, strict=True))
    return direction, bias


@variant("difference_of_means_probe")
def probe_with_matrix_products(activations, labels):
    counts = np.array([np.sum(labels), np.sum(~labels)])
    if not counts.all():
        raise ValueError("labels lack a class")
    means = np.stack([labels, ~labels]).astype(float) @ activations / counts[:, None]
    difference = means[0] - means[1]
    if not difference.any():
        raise ValueError("the activations don't differ in their means")
    direction = difference / np.sqrt(np.sum(difference**2))
    return [direction, -0.5 * np.dot(direction, means.sum(0))]


@variant("ablate_direction")
def ablation_row_by_row(activations, direction):
    square = float(direction @ direction)
    if square == 0:
        raise ValueError("a zero direction")
    return [(row - (row @ direction) / square * direction).tolist() for row in activations]


@variant("ablate_direction")
def ablation_as_a_projector(activations, direction):
    if not np.any(direction):
        raise ValueError("The direction vanishes")
    unit = direction / np.max(np.abs(direction))
    unit = unit / np.linalg.norm(unit)
    return activations @ (np.eye(len(unit)) - np.outer(unit, unit))


@variant("worst_group_accuracy")
def with_a_dictionary(correct, groups):
    if len(groups) != len(correct) or len(groups) == 0:
        raise ValueError("correct and groups: at least one example, one group for each")
    right, total = {}, {}
    for hit, group in zip(correct.tolist(), groups.tolist(), strict=True):
        right[group] = right.get(group, 0) + hit
        total[group] = total.get(group, 0) + 1
    return min(right[group] / total[group] for group in total)


@variant("worst_group_accuracy")
def with_bincount(correct, groups):
    if correct.size == 0 or correct.shape != groups.shape:
        raise ValueError("bad groups")
    _, at = np.unique(groups, return_inverse=True)
    return np.min(np.bincount(at, weights=correct) / np.bincount(at))
