"""Right answers to chapter 7 in other styles, each of which must get full marks."""

import heapq
import itertools
import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import torch

from assay.prove import variant


@variant("step_labels")
def by_comparison(first_error, n_steps):
    if first_error is None:
        first_error = n_steps
    elif first_error < 0 or first_error >= n_steps:
        raise ValueError("bad first error")
    return (np.arange(n_steps) < first_error).astype(np.float32)


@variant("step_labels")
def as_a_list(first_error, n_steps):
    if first_error is None:
        return [1] * n_steps
    if first_error not in range(n_steps):
        raise ValueError(f"first_error={first_error}")
    return [1] * first_error + [0] * (n_steps - first_error)


@variant("first_error")
def with_a_generator(step_scores, threshold=0.5):
    return next((t for t, score in enumerate(step_scores) if score < threshold), None)


@variant("first_error")
def with_flatnonzero(step_scores, threshold=0.5):
    low = np.flatnonzero(np.asarray(step_scores) < threshold)
    return low[0] if low.size else None


@variant("monte_carlo_step_values")
def by_counting(outcomes, kind="soft"):
    n_steps, n_rollouts = outcomes.shape
    if n_rollouts == 0:
        raise ValueError("The outcomes are empty")
    values = []
    for t in range(n_steps):
        count = sum(bool(outcomes[t, k]) for k in range(n_rollouts))
        if kind == "soft":
            values.append(count / n_rollouts)
        elif kind == "hard":
            values.append(1.0 if count else 0.0)
        else:
            raise ValueError("no such kind")
    return values


@variant("monte_carlo_step_values")
def by_table(outcomes, kind="soft"):
    kinds = {"soft": np.mean, "hard": np.max}
    if kind not in kinds:
        raise ValueError(f"unknown kind {kind}")
    if not outcomes.size:
        raise ValueError("outcomes must not be empty")
    return kinds[kind](outcomes.astype(np.float64), axis=1)


@variant("aggregate_step_scores")
def with_plain_python(step_scores, method="min"):
    scores = [float(score) for score in step_scores]
    if not scores:
        raise ValueError("no step scores")
    methods = {
        "min": min,
        "product": math.prod,
        "mean": lambda s: math.fsum(s) / len(s),
        "last": lambda s: s[-1],
    }
    try:
        return methods[method](scores)
    except KeyError:
        raise ValueError(f"unknown method: {method}") from None


@variant("aggregate_step_scores")
def with_logarithms(step_scores, method="min"):
    scores = np.array(step_scores, dtype=float)
    if len(scores) == 0:
        raise ValueError("step_scores: empty")
    match method:
        case "min":
            return np.sort(scores)[0]
        case "product":
            return 0.0 if np.any(scores == 0) else np.exp(np.sum(np.log(scores)))
        case "mean":
            return np.average(scores)
        case "last":
            return scores[len(scores) - 1]
    raise ValueError("method")


@variant("aggregate_step_scores")
def with_torch(step_scores, method="min"):
    scores = torch.tensor(np.asarray(step_scores), dtype=torch.float64)
    if method not in ("min", "product", "mean", "last"):
        raise ValueError("The method is unknown")
    if scores.numel() == 0:
        raise ValueError("There are no step scores")
    if method == "last":
        return scores[-1].item()
    return getattr(scores, {"product": "prod"}.get(method, method))().item()


@variant("prm_loss")
def on_selected_steps(step_logits, labels, mask):
    keep = mask != 0
    x, y = step_logits[keep], labels[keep]
    if x.numel() == 0:
        return x.sum()
    return torch.nn.functional.binary_cross_entropy_with_logits(x, y)


@variant("prm_loss")
def with_softplus(step_logits, labels, mask):
    keep = mask.bool()
    x = step_logits.masked_fill(~keep, 0.0)
    y = labels.masked_fill(~keep, 0.0)
    losses = torch.nn.functional.softplus(x) - x * y
    return losses.masked_fill(~keep, 0.0).sum() / max(int(keep.sum()), 1)


@variant("prm_loss")
def step_by_step(step_logits, labels, mask):
    total, count = step_logits[:0].sum(), 0
    zero = torch.zeros((), dtype=step_logits.dtype)
    for b in range(step_logits.shape[0]):
        for s in range(step_logits.shape[1]):
            if mask[b, s]:
                x, y = step_logits[b, s], labels[b, s]
                total = total + y * torch.logaddexp(zero, -x) + (1 - y) * torch.logaddexp(zero, x)
                count += 1
    return total / count if count else total


@variant("best_of_n")
def with_argmax(candidates, score):
    if not candidates:
        raise ValueError("no candidates")
    return candidates[int(np.argmax([score(candidate) for candidate in candidates]))]


@variant("best_of_n")
def with_a_loop_from_behind(candidates, score):
    if len(candidates) < 1:
        raise ValueError("The list of candidates is empty")
    scores = {}
    for at in reversed(range(len(candidates))):
        scores[at] = score(candidates[at])
    best = 0
    for at in range(1, len(candidates)):
        if scores[at] > scores[best]:
            best = at
    return candidates[best]


@variant("weighted_majority_vote")
def with_defaultdict(answers, weights):
    if len(answers) == 0 or len(answers) != len(weights):
        raise ValueError("weights must match answers")
    totals = defaultdict(float)
    for answer, weight in zip(answers, weights, strict=True):
        totals[answer] += weight
    most = max(totals.values())
    for answer in answers:
        if totals[answer] == most:
            return answer
    raise AssertionError


@variant("weighted_majority_vote")
def with_exact_sums(answers, weights):
    if len(weights) != len(answers):
        raise ValueError("unequal numbers of answers and weights")
    if not answers:
        raise ValueError("no answers")
    seen = []
    for answer in answers:
        if answer not in seen:
            seen.append(answer)
    votes = list(zip(answers, map(Fraction, weights), strict=True))
    totals = [sum(weight for answer, weight in votes if answer == one) for one in seen]
    return seen[totals.index(max(totals))]


@variant("weighted_majority_vote")
def with_unique(answers, weights):
    if len(answers) != len(weights):
        raise ValueError("answers: one weight each, please")
    if len(answers) == 0:
        raise ValueError("answers: none")
    values, first, inverse = np.unique(answers, return_index=True, return_inverse=True)
    totals = np.bincount(inverse, weights=weights)
    order = np.argsort(first)
    return values[order][np.argmax(totals[order])]


@variant("step_beam_search")
def with_ranked_triples(start, expand, score, beam_width, max_steps):
    if beam_width <= 0:
        raise ValueError("beam width")
    beam, step = [(start, False)], 0
    while step < max_steps and not all(finished for _, finished in beam):
        contenders = []
        for state, finished in beam:
            children = [] if finished else expand(state)
            contenders += [(child, False) for child in children] or [(state, True)]
        ranks = [(-score(state), at) for at, (state, _) in enumerate(contenders)]
        beam = [contenders[at] for _, at in sorted(ranks)[:beam_width]]
        step += 1
    return [state for state, _ in beam]


@variant("step_beam_search")
def with_a_heap(start, expand, score, beam_width, max_steps):
    if beam_width < 1:
        raise ValueError(f"beam_width must not be {beam_width}")
    beam = [start]
    while max_steps > 0:
        max_steps -= 1
        extensions = list(map(expand, beam))
        if sum(map(len, extensions)) == 0:
            return beam
        counter = itertools.count()
        heap = []
        for state, children in zip(beam, extensions, strict=True):
            for one in children if len(children) > 0 else (state,):
                heapq.heappush(heap, (-score(one), next(counter), one))
        beam = [heapq.heappop(heap)[2] for _ in range(min(beam_width, len(heap)))]
    return beam


@variant("step_beam_search")
def by_insertion(start, expand, score, beam_width, max_steps):
    if beam_width < 1:
        raise ValueError("beam_width < 1")

    def rounds_left(beam, left):
        if left == 0:
            return beam
        kept, moved = [], False
        for state in beam:
            children = expand(state)
            moved = moved or len(children) > 0
            for one in list(children) or [state]:
                value, at = score(one), len(kept)
                while at > 0 and kept[at - 1][0] < value:
                    at -= 1
                kept.insert(at, (value, one))
                del kept[beam_width:]
        return rounds_left([one for _, one in kept], left - 1) if moved else beam

    return rounds_left([start], max_steps)
