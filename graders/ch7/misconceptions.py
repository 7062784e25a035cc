"""Misunderstandings of process rewards and of search, each as the code that it leads to."""

import numpy as np
import torch
from torch.nn import functional

from assay.misconceptions import misconception

# --- step_labels ----------------------------------------------------------------------------------


def _checked_step(first_error, n_steps):
    if first_error is not None and not 0 <= first_error < n_steps:
        raise ValueError(f"first_error is {first_error}, but there are {n_steps} steps")


@misconception(
    "step_labels",
    "The first wrong step still counts as right with you. It is a mistake itself: label 0 begins "
    "there.",
)
def labels_fall_one_late(first_error, n_steps):
    _checked_step(first_error, n_steps)
    last = n_steps if first_error is None else first_error
    return np.array([1.0 if t <= last else 0.0 for t in range(n_steps)])


@misconception(
    "step_labels",
    "Steps are counted from 0 here: you take first_error for a number counted from 1.",
)
def labels_count_from_one(first_error, n_steps):
    _checked_step(first_error, n_steps)
    last = n_steps if first_error is None else first_error - 1
    return np.array([1.0 if t < last else 0.0 for t in range(n_steps)])


@misconception(
    "step_labels",
    "Only the wrong step itself gets 0. What is built on it can't be trusted: all later steps are "
    "0 too.",
)
def labels_blame_one_step(first_error, n_steps):
    _checked_step(first_error, n_steps)
    return np.array([0.0 if t == first_error else 1.0 for t in range(n_steps)])


@misconception(
    "step_labels",
    "`if first_error` takes an error in step 0 for no error at all: ask `is None` instead.",
)
def labels_take_zero_for_none(first_error, n_steps):
    _checked_step(first_error, n_steps)
    labels = np.ones(n_steps)
    if first_error:
        labels[first_error:] = 0.0
    return labels


@misconception("step_labels", "None means that there is no error: all labels are 1, not 0.")
def labels_take_none_for_all_wrong(first_error, n_steps):
    _checked_step(first_error, n_steps)
    return np.array([1.0 if t < (first_error or 0) else 0.0 for t in range(n_steps)])


@misconception("step_labels", "The labels are the wrong way round: 1 is right, 0 is wrong.")
def labels_mark_errors(first_error, n_steps):
    _checked_step(first_error, n_steps)
    last = n_steps if first_error is None else first_error
    return np.array([0.0 if t < last else 1.0 for t in range(n_steps)])


@misconception(
    "step_labels", "A wrong step is labelled -1 with you. Labels are probabilities: 1 and 0."
)
def labels_of_plus_and_minus_one(first_error, n_steps):
    _checked_step(first_error, n_steps)
    last = n_steps if first_error is None else first_error
    return np.array([1.0 if t < last else -1.0 for t in range(n_steps)])


@misconception(
    "step_labels",
    "first_error is not checked: an index outside the chain passes silently. It should raise "
    "ValueError.",
)
def labels_without_check(first_error, n_steps):
    labels = np.ones(n_steps)
    if first_error is not None:
        labels[first_error:] = 0.0
    return labels


@misconception(
    "step_labels",
    "A negative first_error counts from the end with you, as in Python. There is no step -1: "
    "ValueError.",
)
def labels_count_from_the_end(first_error, n_steps):
    labels = np.ones(n_steps)
    if first_error is not None:
        if first_error >= n_steps:
            raise ValueError("first_error is too large")
        labels[first_error:] = 0.0
    return labels


@misconception(
    "step_labels",
    "first_error = n_steps is let through. Counted from 0, the last step is n_steps - 1.",
)
def labels_allow_one_step_too_many(first_error, n_steps):
    if first_error is not None and not 0 <= first_error <= n_steps:
        raise ValueError("first_error is out of range")
    labels = np.ones(n_steps)
    if first_error is not None:
        labels[first_error:] = 0.0
    return labels


# --- first_error ----------------------------------------------------------------------------------


@misconception(
    "first_error", "You look for the lowest score. It is the first low one that spoils the chain."
)
def finds_the_lowest(step_scores, threshold=0.5):
    if len(step_scores) == 0 or min(step_scores) >= threshold:
        return None
    return int(np.argmin(step_scores))


@misconception(
    "first_error", "A score that equals the threshold is not an error: below means <, not <=."
)
def errs_at_the_threshold(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score <= threshold), None)


@misconception("first_error", "Where there is no error you return -1. The answer is None.")
def finds_minus_one(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score < threshold), -1)


@misconception(
    "first_error", "Where there is no error you return the number of steps. The answer is None."
)
def finds_the_end(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score < threshold), len(step_scores))


@misconception(
    "first_error",
    "np.argmax over a list without any True is 0: where no score is low you blame step 0. Return "
    "None.",
)
def blames_step_zero(step_scores, threshold=0.5):
    low = np.asarray(step_scores, dtype=float) < threshold
    return int(np.argmax(low)) if len(low) else None


@misconception("first_error", "You return the last error. It is the first that spoils the chain.")
def finds_the_last(step_scores, threshold=0.5):
    errors = [t for t, score in enumerate(step_scores) if score < threshold]
    return errors[-1] if errors else None


@misconception("first_error", "Steps are counted from 0: your index is one too large.")
def finds_counting_from_one(step_scores, threshold=0.5):
    return next((t + 1 for t, score in enumerate(step_scores) if score < threshold), None)


@misconception("first_error", "The threshold is not used: you always compare with 0.5.")
def finds_by_one_half(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score < 0.5), None)


@misconception("first_error", "You look for the first right step: the comparison is turned round.")
def finds_the_first_right_step(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score >= threshold), None)


@misconception(
    "first_error", "An error in step 0 becomes None: `index or None` takes the index 0 for nothing."
)
def takes_zero_for_none(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score < threshold), None) or None


@misconception("first_error", "You return the score. Asked for is the index of the step.")
def finds_the_score(step_scores, threshold=0.5):
    return next((float(score) for score in step_scores if score < threshold), None)


# --- monte_carlo_step_values ----------------------------------------------------------------------


def _checked_rollouts(outcomes, kind):
    if outcomes.shape[1] == 0:
        raise ValueError("outcomes has no rollouts")
    if kind not in ("soft", "hard"):
        raise ValueError(f"kind is {kind!r}")


@misconception(
    "monte_carlo_step_values",
    "You go along the wrong axis: one value per rollout. Each row is a step: average along axis 1.",
)
def values_per_rollout(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    return outcomes.mean(axis=0) if kind == "soft" else outcomes.any(axis=0).astype(float)


@misconception(
    "monte_carlo_step_values", "You average over everything. Each step has a value of its own."
)
def one_value_for_all(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    return float(outcomes.mean() if kind == "soft" else outcomes.any())


@misconception(
    "monte_carlo_step_values",
    "Hard is a majority with you. A single success is enough: the right answer can still be "
    "reached.",
)
def hard_by_majority(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    soft = outcomes.mean(axis=1)
    return soft if kind == "soft" else (soft >= 0.5).astype(float)


@misconception(
    "monte_carlo_step_values",
    "Hard asks with you whether all rollouts succeed. One is enough: any.",
)
def hard_by_all(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    return outcomes.mean(axis=1) if kind == "soft" else outcomes.all(axis=1).astype(float)


@misconception(
    "monte_carlo_step_values",
    "Soft values are numbers of successes with you. Divide by the number of rollouts.",
)
def soft_counts(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    counts = outcomes.sum(axis=1).astype(float)
    return counts if kind == "soft" else (counts > 0).astype(float)


@misconception("monte_carlo_step_values", "kind is not used: hard values are soft ones with you.")
def always_soft(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    return outcomes.mean(axis=1)


@misconception(
    "monte_carlo_step_values", "Without a kind you give hard values; the default is soft."
)
def hard_by_default(outcomes, kind="hard"):
    _checked_rollouts(outcomes, kind)
    return outcomes.mean(axis=1) if kind == "soft" else outcomes.any(axis=1).astype(float)


@misconception(
    "monte_carlo_step_values",
    "Any kind that is not soft passes for hard. A kind that is neither should raise ValueError.",
)
def hard_by_elimination(outcomes, kind="soft"):
    _checked_rollouts(outcomes, "soft")
    return outcomes.mean(axis=1) if kind == "soft" else outcomes.any(axis=1).astype(float)


@misconception(
    "monte_carlo_step_values",
    "Without rollouts you return nan or 0. There is nothing to estimate from: raise ValueError.",
)
def values_out_of_nothing(outcomes, kind="soft"):
    if kind not in ("soft", "hard"):
        raise ValueError(f"kind is {kind!r}")
    counts = outcomes.sum(axis=1)
    share = counts / outcomes.shape[1] if outcomes.shape[1] else np.full(len(counts), np.nan)
    return share if kind == "soft" else (counts > 0).astype(float)


@misconception(
    "monte_carlo_step_values",
    "You let values only fall from step to step. Each step is judged by its own rollouts alone.",
)
def values_never_recover(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    values = outcomes.mean(axis=1) if kind == "soft" else outcomes.any(axis=1).astype(float)
    return np.minimum.accumulate(values)


@misconception(
    "monte_carlo_step_values",
    "You smooth the share, (successes + 1) / (rollouts + 2). It is the plain share here.",
)
def soft_smoothed(outcomes, kind="soft"):
    _checked_rollouts(outcomes, kind)
    counts = outcomes.sum(axis=1)
    return (counts + 1) / (outcomes.shape[1] + 2) if kind == "soft" else (counts > 0).astype(float)


# --- aggregate_step_scores ------------------------------------------------------------------------

_AGGREGATIONS = {
    "min": np.min,
    "product": np.prod,
    "mean": np.mean,
    "last": lambda scores: scores[-1],
}


def _aggregated(step_scores, method, dtype=np.float64, **other):
    scores = np.asarray(step_scores, dtype=dtype)
    if scores.size == 0:
        raise ValueError("step_scores is empty")
    if method not in _AGGREGATIONS:
        raise ValueError(f"method is {method!r}")
    return float((_AGGREGATIONS | other)[method](scores))


@misconception(
    "aggregate_step_scores",
    "You compute in the precision of the scores. In float16, 30 steps of 0.5 are 0: convert to "
    "float64 first.",
)
def aggregates_in_low_precision(step_scores, method="min"):
    return _aggregated(step_scores, method, dtype=getattr(step_scores, "dtype", None))


@misconception(
    "aggregate_step_scores",
    "A small number is added to save the logarithm. A step of score 0 should give a product of "
    "exactly 0.",
)
def product_with_epsilon(step_scores, method="min"):
    return _aggregated(
        step_scores, method, product=lambda scores: np.exp(np.log(scores + 1e-12).sum())
    )


@misconception(
    "aggregate_step_scores",
    "The product stays a sum of logarithms: take the exponential at the end.",
)
def product_left_in_logs(step_scores, method="min"):
    def log_sum(scores):
        return sum(np.log(score) if score > 0 else -np.inf for score in scores)

    return _aggregated(step_scores, method, product=log_sum)


@misconception(
    "aggregate_step_scores",
    "Your product is a geometric mean: no root is taken, so that long chains score lower.",
)
def product_as_geometric_mean(step_scores, method="min"):
    return _aggregated(
        step_scores, method, product=lambda scores: np.prod(scores ** (1 / len(scores)))
    )


@misconception(
    "aggregate_step_scores", "Your mean is a geometric one. It is the sum over the number of steps."
)
def mean_as_geometric_mean(step_scores, method="min"):
    return _aggregated(
        step_scores, method, mean=lambda scores: np.prod(scores ** (1 / len(scores)))
    )


@misconception(
    "aggregate_step_scores", 'Your mean is a median: "mean" is the average of all steps.'
)
def mean_as_median(step_scores, method="min"):
    return _aggregated(step_scores, method, mean=np.median)


@misconception(
    "aggregate_step_scores", "You take the largest score for the minimum: it is the weakest step."
)
def min_as_max(step_scores, method="min"):
    return _aggregated(step_scores, method, min=np.max)


@misconception("aggregate_step_scores", '"last" gives the first score with you: its index is -1.')
def last_as_first(step_scores, method="min"):
    return _aggregated(step_scores, method, last=lambda scores: scores[0])


@misconception("aggregate_step_scores", "method is not used: you always take the minimum.")
def always_the_minimum(step_scores, method="min"):
    _aggregated(step_scores, method)
    return _aggregated(step_scores, "min")


@misconception(
    "aggregate_step_scores", "Without a method you take the product; the default is the minimum."
)
def product_by_default(step_scores, method="product"):
    return _aggregated(step_scores, method)


@misconception(
    "aggregate_step_scores",
    "An unknown method falls through to your last branch. It should raise ValueError.",
)
def last_by_elimination(step_scores, method="min"):
    return _aggregated(step_scores, method if method in ("min", "product", "mean") else "last")


@misconception(
    "aggregate_step_scores",
    "An empty chain scores 1 with you (the empty product). It has no score: raise ValueError.",
)
def empty_chain_is_perfect(step_scores, method="min"):
    return _aggregated(step_scores, method) if len(step_scores) else 1.0


# --- prm_loss -------------------------------------------------------------------------------------


def _entropies(logits, labels):
    return -labels * functional.logsigmoid(logits) - (1 - labels) * functional.logsigmoid(-logits)


def _cleaned(step_logits, labels, mask):
    keep = mask.bool()
    return step_logits.masked_fill(~keep, 0.0), labels.masked_fill(~keep, 0.0), keep


def _mean(losses, keep):
    return losses.masked_fill(~keep, 0.0).sum() / keep.sum().clamp(min=1)


@misconception(
    "prm_loss",
    "You multiply by the mask. 0 * nan is nan: replace what the mask hides before computing with "
    "it.",
)
def loss_times_mask(step_logits, labels, mask):
    weight = mask.to(step_logits.dtype)
    return (_entropies(step_logits, labels) * weight).sum() / weight.sum().clamp(min=1)


@misconception(
    "prm_loss",
    "You hide the loss of masked steps, but too late: garbage behind the mask still makes the "
    "gradient nan. Replace logits and labels first.",
)
def loss_masked_too_late(step_logits, labels, mask):
    return _mean(_entropies(step_logits, labels), mask.bool())


@misconception(
    "prm_loss", "You clean the logits behind the mask but not the labels, which may be nan as well."
)
def loss_with_dirty_labels(step_logits, labels, mask):
    x, _, keep = _cleaned(step_logits, labels, mask)
    weight = keep.to(x.dtype)
    return (_entropies(x, labels) * weight).sum() / weight.sum().clamp(min=1)


@misconception(
    "prm_loss",
    "The value is right, but at logit 0, where training starts, the slope must be 1/2 - y: clamp "
    "and abs have kinks there.",
)
def loss_with_kink(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    losses = x.clamp(min=0) - x * y + torch.log1p(torch.exp(-x.abs()))
    return _mean(losses, keep)


@misconception("prm_loss", "The mask is not used: all steps count with you.")
def loss_without_mask(step_logits, labels, mask):
    return _entropies(step_logits, labels).mean()


@misconception("prm_loss", "The mask is the wrong way round: 1 marks the steps that count.")
def loss_with_inverted_mask(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, ~mask.bool())
    return _mean(_entropies(x, y), keep)


@misconception(
    "prm_loss",
    "You divide by all steps, the masked ones too. Divide by the number of steps that count.",
)
def loss_over_all_steps(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _entropies(x, y).masked_fill(~keep, 0.0).mean()


@misconception(
    "prm_loss",
    "You average each chain first, then the chains. Every step of the batch counts the same: one "
    "mean over all.",
)
def loss_row_by_row(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    rows = _entropies(x, y).masked_fill(~keep, 0.0).sum(1) / keep.sum(1).clamp(min=1)
    return rows.mean()


@misconception(
    "prm_loss", "You sum over the steps. The loss is the mean over the steps that count."
)
def loss_summed(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _entropies(x, y).masked_fill(~keep, 0.0).sum()


@misconception(
    "prm_loss",
    "log(sigmoid(x)) is not stable: sigmoid underflows to 0 for very negative logits. Use "
    "logsigmoid.",
)
def loss_unstable(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    p = torch.sigmoid(x)
    return _mean(-y * p.log() - (1 - y) * (1 - p).log(), keep)


@misconception(
    "prm_loss",
    "You clamp probabilities to save the logarithm. That caps the loss and kills the gradient: "
    "use logsigmoid.",
)
def loss_clamped(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    p = torch.sigmoid(x).clamp(1e-7, 1 - 1e-7)
    return _mean(-y * p.log() - (1 - y) * (1 - p).log(), keep)


@misconception(
    "prm_loss", "Only right steps are learned from: the term (1 - y) log sigma(-x) is missing."
)
def loss_of_right_steps_only(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _mean(-y * functional.logsigmoid(x), keep)


@misconception("prm_loss", "The labels are the wrong way round: 1 pulls the logit up.")
def loss_with_flipped_labels(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _mean(_entropies(x, 1 - y), keep)


@misconception("prm_loss", "The sigmoid is taken twice: a loss with logits applies it once itself.")
def loss_with_two_sigmoids(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _mean(_entropies(torch.sigmoid(x), y), keep)


@misconception("prm_loss", "You take a squared error. A probability is trained by cross-entropy.")
def loss_as_squared_error(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _mean((torch.sigmoid(x) - y).square(), keep)


@misconception(
    "prm_loss", "An empty mask makes you divide 0 by 0. The loss is 0 there: divide by at least 1."
)
def loss_of_nothing_is_nan(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    return _entropies(x, y).masked_fill(~keep, 0.0).sum() / keep.sum()


@misconception(
    "prm_loss",
    "For an empty mask you return a fresh 0 that is cut off from the graph, so that backward "
    "fails.",
)
def loss_of_nothing_without_graph(step_logits, labels, mask):
    x, y, keep = _cleaned(step_logits, labels, mask)
    if not keep.any():
        return torch.zeros((), dtype=x.dtype)
    return _mean(_entropies(x, y), keep)


# --- best_of_n ------------------------------------------------------------------------------------


def _checked_candidates(candidates):
    if len(candidates) == 0:
        raise ValueError("candidates is empty")


@misconception(
    "best_of_n", "Of equal scores you keep the last. The first stays: replace it only by better."
)
def best_is_the_last_of_equals(candidates, score):
    _checked_candidates(candidates)
    best, highest = candidates[0], score(candidates[0])
    for candidate in candidates[1:]:
        s = score(candidate)
        if s >= highest:
            best, highest = candidate, s
    return best


@misconception("best_of_n", "You take the lowest score. A reward is the better the higher it is.")
def best_is_the_worst(candidates, score):
    _checked_candidates(candidates)
    return min(candidates, key=score)


@misconception(
    "best_of_n",
    "Your search starts from a best score of 0, so that negative scores never win. Start from the "
    "first one.",
)
def best_above_zero(candidates, score):
    _checked_candidates(candidates)
    best, highest = None, 0.0
    for candidate in candidates:
        s = score(candidate)
        if s > highest:
            best, highest = candidate, s
    return best


@misconception(
    "best_of_n",
    "Your search starts from -inf, so that a candidate with a score of -inf never wins. Start "
    "from the first one.",
)
def best_above_minus_infinity(candidates, score):
    _checked_candidates(candidates)
    best, highest = None, -np.inf
    for candidate in candidates:
        s = score(candidate)
        if s > highest:
            best, highest = candidate, s
    return best


@misconception(
    "best_of_n",
    "The model is asked again about candidates that it has scored already. Keep the scores: each "
    "is asked once.",
)
def best_scored_twice(candidates, score):
    _checked_candidates(candidates)
    highest = max(score(candidate) for candidate in candidates)
    return next(candidate for candidate in candidates if score(candidate) == highest)


@misconception("best_of_n", "You return the highest score. Asked for is the candidate that has it.")
def best_score_itself(candidates, score):
    _checked_candidates(candidates)
    return max(score(candidate) for candidate in candidates)


@misconception("best_of_n", "You return the index. Asked for is the candidate itself.")
def best_index(candidates, score):
    _checked_candidates(candidates)
    scores = [score(candidate) for candidate in candidates]
    return scores.index(max(scores))


@misconception(
    "best_of_n", "For an empty list you return None. There is no best of nothing: raise ValueError."
)
def best_of_nothing(candidates, score):
    return max(candidates, key=score, default=None)


@misconception(
    "best_of_n",
    "You sort pairs of score and candidate, so that equal scores compare the candidates. Sort by "
    "the score alone.",
)
def best_by_sorting_pairs(candidates, score):
    _checked_candidates(candidates)
    return sorted(((score(candidate), candidate) for candidate in candidates), reverse=True)[0][1]


# --- weighted_majority_vote -----------------------------------------------------------------------


def _checked_vote(answers, weights):
    if len(answers) != len(weights):
        raise ValueError("answers and weights differ in length")
    if len(answers) == 0:
        raise ValueError("answers is empty")


def _totals(answers, weights):
    totals = {}
    for answer, weight in zip(answers, weights, strict=False):
        totals[answer] = totals.get(answer, 0.0) + weight
    return totals


@misconception(
    "weighted_majority_vote",
    "You return the answer of the heaviest single vote. The weights of equal answers add up.",
)
def heaviest_vote(answers, weights):
    _checked_vote(answers, weights)
    return max(zip(answers, weights, strict=True), key=lambda vote: vote[1])[0]


@misconception("weighted_majority_vote", "The weights are not used: you count votes.")
def votes_unweighted(answers, weights):
    _checked_vote(answers, weights)
    totals = _totals(answers, [1.0] * len(answers))
    return max(totals, key=totals.get)


@misconception(
    "weighted_majority_vote",
    "You compare average weights, so that more votes do not help an answer. It is the sum that "
    "counts.",
)
def votes_averaged(answers, weights):
    _checked_vote(answers, weights)
    totals, counts = _totals(answers, weights), _totals(answers, [1.0] * len(answers))
    return max(totals, key=lambda answer: totals[answer] / counts[answer])


@misconception(
    "weighted_majority_vote",
    "You multiply the weights of equal answers. Votes add up: a further vote never harms.",
)
def votes_multiplied(answers, weights):
    _checked_vote(answers, weights)
    totals = {}
    for answer, weight in zip(answers, weights, strict=True):
        totals[answer] = totals.get(answer, 1.0) * weight
    return max(totals, key=totals.get)


@misconception(
    "weighted_majority_vote", "The answer with the smallest total wins with you; it is the largest."
)
def fewest_votes(answers, weights):
    _checked_vote(answers, weights)
    totals = _totals(answers, weights)
    return min(totals, key=totals.get)


@misconception(
    "weighted_majority_vote",
    "Of equal totals you keep the answer seen last. The one seen first wins: replace it only by a "
    "larger total.",
)
def tie_goes_to_the_last(answers, weights):
    _checked_vote(answers, weights)
    totals = _totals(answers, weights)
    return max(reversed(totals), key=totals.get)


@misconception(
    "weighted_majority_vote",
    "You sort the answers (np.unique and sorted do), so that ties go by the alphabet. The answer "
    "seen first wins.",
)
def tie_goes_by_the_alphabet(answers, weights):
    _checked_vote(answers, weights)
    totals = _totals(answers, weights)
    return max(sorted(totals), key=totals.get)


@misconception(
    "weighted_majority_vote",
    "You decide while you count: of equal totals the answer that got there first wins. Ties go to "
    "the answer seen first: compare when all votes are in.",
)
def tie_goes_to_the_quickest(answers, weights):
    _checked_vote(answers, weights)
    totals, best = {}, answers[0]
    for answer, weight in zip(answers, weights, strict=True):
        totals[answer] = totals.get(answer, 0.0) + weight
        if totals[answer] > totals[best]:
            best = answer
    return best


@misconception(
    "weighted_majority_vote",
    "Your search starts from a total of 0, so that nobody wins when all weights are 0. Start from "
    "the first answer.",
)
def nobody_wins_without_weight(answers, weights):
    _checked_vote(answers, weights)
    best, most = None, 0.0
    for answer, total in _totals(answers, weights).items():
        if total > most:
            best, most = answer, total
    return best


@misconception(
    "weighted_majority_vote",
    "zip stops at the shorter list without a word. Lists of unequal length should raise "
    "ValueError.",
)
def surplus_votes_are_dropped(answers, weights):
    totals = _totals(answers, weights)
    if not totals:
        raise ValueError("answers is empty")
    return max(totals, key=totals.get)


@misconception(
    "weighted_majority_vote", "Without a single vote you return None. Raise ValueError there."
)
def nobody_wins_without_votes(answers, weights):
    if len(answers) != len(weights):
        raise ValueError("answers and weights differ in length")
    totals = _totals(answers, weights)
    return max(totals, key=totals.get, default=None)


# --- step_beam_search -----------------------------------------------------------------------------


def _checked_width(beam_width):
    if beam_width < 1:
        raise ValueError("beam_width is less than 1")


def _best(states, score, width):
    return sorted(states, key=score, reverse=True)[:width]


def _beam(start, expand, score, beam_width, max_steps, contend=None, select=_best):
    """Beam search with a way of gathering contenders, or of selecting among them, put in."""
    _checked_width(beam_width)
    beam = [start]
    for _ in range(max_steps):
        following = [expand(state) for state in beam]
        if not any(following):
            break
        if contend is None:
            pool = [new for old, news in zip(beam, following, strict=True) for new in news or [old]]
        else:
            pool = contend(beam, following)
        beam = select(pool, score, beam_width)
    return beam


@misconception(
    "step_beam_search",
    "A finished state is lost with you: expand gives [], but the state stays in the race as it is.",
)
def beam_forgets_finished(start, expand, score, beam_width, max_steps):
    def contend(beam, following):
        return [new for news in following for new in news]

    return _beam(start, expand, score, beam_width, max_steps, contend)


@misconception(
    "step_beam_search",
    "You put finished states aside and look at them again at the end. They compete in each round; "
    "one that drops out of the beam never returns.",
)
def beam_sets_finished_aside(start, expand, score, beam_width, max_steps):
    _checked_width(beam_width)
    beam, finished = [start], []
    for _ in range(max_steps):
        following = [(state, expand(state)) for state in beam]
        finished += [state for state, news in following if not news]
        beam = _best([new for _, news in following for new in news], score, beam_width)
        if not beam:
            break
    return _best(finished + beam, score, beam_width)


@misconception(
    "step_beam_search",
    "Finished states come last among your contenders, so that they lose ties. They stand in the "
    "place of their extensions.",
)
def beam_puts_finished_last(start, expand, score, beam_width, max_steps):
    def contend(beam, following):
        pairs = list(zip(beam, following, strict=True))
        return [new for _, news in pairs for new in news] + [old for old, news in pairs if not news]

    return _beam(start, expand, score, beam_width, max_steps, contend)


@misconception(
    "step_beam_search",
    "Finished states come first among your contenders, so that they win ties. They stand in the "
    "place of their extensions.",
)
def beam_puts_finished_first(start, expand, score, beam_width, max_steps):
    def contend(beam, following):
        pairs = list(zip(beam, following, strict=True))
        return [old for old, news in pairs if not news] + [new for _, news in pairs for new in news]

    return _beam(start, expand, score, beam_width, max_steps, contend)


@misconception(
    "step_beam_search",
    "A state that was extended stays among the contenders with you. Its extensions take its place.",
)
def beam_keeps_parents(start, expand, score, beam_width, max_steps):
    def contend(beam, following):
        pairs = zip(beam, following, strict=True)
        return [state for old, news in pairs for state in (old, *news)]

    return _beam(start, expand, score, beam_width, max_steps, contend)


@misconception(
    "step_beam_search",
    "You prune the extensions of each state by themselves. All contenders of a round compete for "
    "the same places.",
)
def beam_prunes_each_parent(start, expand, score, beam_width, max_steps):
    def contend(beam, following):
        pairs = zip(beam, following, strict=True)
        return [new for old, news in pairs for new in _best(news or [old], score, beam_width)]

    return _beam(start, expand, score, beam_width, max_steps, contend, lambda pool, *_: pool)


@misconception(
    "step_beam_search", "You keep the lowest scores. Higher is better: sort the other way."
)
def beam_keeps_the_worst(start, expand, score, beam_width, max_steps):
    def worst(pool, score, width):
        return sorted(pool, key=score)[:width]

    return _beam(start, expand, score, beam_width, max_steps, select=worst)


@misconception(
    "step_beam_search",
    "You sort upwards and then turn the list round, which turns equals round as well: the earlier "
    "comes first.",
)
def beam_turns_ties_round(start, expand, score, beam_width, max_steps):
    def turned(pool, score, width):
        return sorted(pool, key=score)[::-1][:width]

    return _beam(start, expand, score, beam_width, max_steps, select=turned)


@misconception(
    "step_beam_search",
    "You sort pairs of score and state, so that equal scores compare the states. Sort by the "
    "score alone.",
)
def beam_sorts_pairs(start, expand, score, beam_width, max_steps):
    def by_pairs(pool, score, width):
        return [state for _, state in sorted((-score(s), s) for s in pool)][:width]

    return _beam(start, expand, score, beam_width, max_steps, select=by_pairs)


@misconception(
    "step_beam_search",
    "Equal states are merged with you. They stay: two ways to one state are two entries of the "
    "beam.",
)
def beam_merges_duplicates(start, expand, score, beam_width, max_steps):
    def unique(pool, score, width):
        kept = [state for at, state in enumerate(pool) if state not in pool[:at]]
        return _best(kept, score, width)

    return _beam(start, expand, score, beam_width, max_steps, select=unique)


@misconception(
    "step_beam_search", "The kept states are not sorted: the result should be best first."
)
def beam_left_unsorted(start, expand, score, beam_width, max_steps):
    def unsorted(pool, score, width):
        kept = sorted(sorted(range(len(pool)), key=lambda at: -score(pool[at]))[:width])
        return [pool[at] for at in kept]

    return _beam(start, expand, score, beam_width, max_steps, select=unsorted)


@misconception("step_beam_search", "beam_width is not used: your search is greedy.")
def beam_of_one(start, expand, score, beam_width, max_steps):
    _checked_width(beam_width)
    return _beam(start, expand, score, 1, max_steps)


@misconception(
    "step_beam_search",
    "You prune only at the end, so that the search is exhaustive. Cut to beam_width in each round.",
)
def beam_pruned_at_the_end(start, expand, score, beam_width, max_steps):
    _checked_width(beam_width)
    return _beam(start, expand, score, 10**6, max_steps)[:beam_width]


@misconception("step_beam_search", "One round too many: max_steps is the number of rounds.")
def beam_goes_one_round_further(start, expand, score, beam_width, max_steps):
    return _beam(start, expand, score, beam_width, max_steps + 1)


@misconception(
    "step_beam_search", "You stop when the first state is finished. Go on until all of them are."
)
def beam_stops_at_the_first_finished(start, expand, score, beam_width, max_steps):
    _checked_width(beam_width)
    beam = [start]
    for _ in range(max_steps):
        following = [expand(state) for state in beam]
        if not all(following):
            break
        beam = _best([new for news in following for new in news], score, beam_width)
    return beam


@misconception(
    "step_beam_search",
    "start is taken for a list of states. It is one state, which may itself be a list: begin with "
    "[start].",
)
def beam_unpacks_the_start(start, expand, score, beam_width, max_steps):
    if not isinstance(start, list):
        return _beam(start, expand, score, beam_width, max_steps)
    _checked_width(beam_width)
    beam = list(start)
    for _ in range(max_steps):
        following = [expand(state) for state in beam]
        if not any(following):
            break
        pool = [new for old, news in zip(beam, following, strict=True) for new in news or [old]]
        beam = _best(pool, score, beam_width)
    return beam


@misconception(
    "step_beam_search", "You return the best state alone. Asked for is the whole beam, a list."
)
def beam_returns_one_state(start, expand, score, beam_width, max_steps):
    return _beam(start, expand, score, beam_width, max_steps)[0]


@misconception(
    "step_beam_search",
    "beam_width is not checked: a beam without width should raise ValueError.",
)
def beam_without_check(start, expand, score, beam_width, max_steps):
    return _beam(start, expand, score, max(1, beam_width), max_steps)


@misconception(
    "step_beam_search",
    "You expand every contender, also those that are dropped right after. Expand only what is in "
    "the beam: a step costs money.",
)
def beam_expands_too_much(start, expand, score, beam_width, max_steps):
    def greedy_eye(pool, score, width):
        for state in pool:
            expand(state)
        return _best(pool, score, width)

    return _beam(start, expand, score, beam_width, max_steps, select=greedy_eye)


@misconception(
    "step_beam_search",
    "Your search goes on for max_steps rounds even when all states are finished. Stop there.",
)
def beam_never_stops(start, expand, score, beam_width, max_steps):
    _checked_width(beam_width)
    beam = [start]
    for _ in range(max_steps):
        beam = _best([new for old in beam for new in expand(old) or [old]], score, beam_width)
    return beam
