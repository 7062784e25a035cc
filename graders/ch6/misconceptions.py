"""Misunderstandings of constitutional AI, each as the code that it leads to."""

import random

import torch
from torch.nn import functional

from assay.misconceptions import misconception

# --- critique_revision


@misconception(
    "critique_revision",
    "Every round looks at the first response. Criticise and revise the newest one, or the rounds "
    "undo each other.",
)
def starts_over_each_round(prompt, respond, critique, revise, principles):
    first = respond(prompt)
    responses = [first]
    for principle in principles:
        text = critique(prompt, first, principle)
        responses.append(responses[-1] if text is None else revise(prompt, first, text, principle))
    return responses


@misconception(
    "critique_revision",
    "The critique is of the newest response, but you revise the first: hand the newest to both.",
)
def revises_the_first(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        text = critique(prompt, responses[-1], principle)
        responses.append(
            responses[-1] if text is None else revise(prompt, responses[0], text, principle)
        )
    return responses


@misconception(
    "critique_revision",
    "A round without criticism leaves no trace. List the unchanged response again: one per round.",
)
def lists_changes_only(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        text = critique(prompt, responses[-1], principle)
        if text is not None:
            responses.append(revise(prompt, responses[-1], text, principle))
    return responses


@misconception(
    "critique_revision",
    "An empty critique is taken for none. Only None means that all is well: use `is not None`.",
)
def takes_empty_for_none(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        text = critique(prompt, responses[-1], principle)
        responses.append(revise(prompt, responses[-1], text, principle) if text else responses[-1])
    return responses


@misconception(
    "critique_revision", "The first response is missing: the list starts with it, before round one."
)
def forgets_the_first(prompt, respond, critique, revise, principles):
    newest, responses = respond(prompt), []
    for principle in principles:
        text = critique(prompt, newest, principle)
        newest = newest if text is None else revise(prompt, newest, text, principle)
        responses.append(newest)
    return responses


@misconception(
    "critique_revision", "Only the last response comes out. Return the list of all of them."
)
def returns_the_last(prompt, respond, critique, revise, principles):
    newest = respond(prompt)
    for principle in principles:
        text = critique(prompt, newest, principle)
        newest = newest if text is None else revise(prompt, newest, text, principle)
    return newest


@misconception(
    "critique_revision",
    "You stop at the first principle that finds no fault. The later ones still have their say.",
)
def stops_when_content(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        text = critique(prompt, responses[-1], principle)
        if text is None:
            break
        responses.append(revise(prompt, responses[-1], text, principle))
    return responses + [responses[-1]] * (len(principles) + 1 - len(responses))


@misconception(
    "critique_revision",
    "You revise even where there is no critique. None means: leave the response as it is.",
)
def revises_always(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        text = critique(prompt, responses[-1], principle)
        responses.append(revise(prompt, responses[-1], text, principle))
    return responses


@misconception(
    "critique_revision",
    "You ask for the critique twice, once to test it and once to use it. Keep the answer: a second "
    "call costs and may differ.",
)
def asks_twice(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        newest = responses[-1]
        if critique(prompt, newest, principle) is not None:
            newest = revise(prompt, newest, critique(prompt, newest, principle), principle)
        responses.append(newest)
    return responses


@misconception(
    "critique_revision",
    "You collect all critiques first and revise afterwards. Later critiques then speak of a text "
    "that is gone: criticise and revise round by round.",
)
def criticises_all_first(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    texts = [critique(prompt, responses[0], principle) for principle in principles]
    for text, principle in zip(texts, principles, strict=True):
        newest = responses[-1]
        responses.append(newest if text is None else revise(prompt, newest, text, principle))
    return responses


@misconception(
    "critique_revision",
    "revise gets its arguments in the wrong order: prompt, response, critique, principle.",
)
def revises_with_swapped_arguments(prompt, respond, critique, revise, principles):
    responses = [respond(prompt)]
    for principle in principles:
        newest = responses[-1]
        text = critique(prompt, newest, principle)
        responses.append(newest if text is None else revise(prompt, newest, principle, text))
    return responses


@misconception(
    "critique_revision",
    "A model's exception is swallowed. Let it through: a transcript without the failed round would "
    "look like a good one.",
)
def swallows_exceptions(prompt, respond, critique, revise, principles):
    responses = []
    try:
        responses.append(respond(prompt))
        for principle in principles:
            newest = responses[-1]
            text = critique(prompt, newest, principle)
            responses.append(newest if text is None else revise(prompt, newest, text, principle))
    except Exception:
        pass
    return responses


# --- sample_principles


def _some(constitution):
    if not len(constitution):
        raise ValueError("constitution is empty")


@misconception(
    "sample_principles",
    "Every round draws on its own, so that principles repeat before all came once. Shuffle, and "
    "deal from the shuffled list.",
)
def draws_with_repeats(constitution, rounds, seed):
    _some(constitution)
    return random.Random(seed).choices(constitution, k=rounds)


@misconception(
    "sample_principles",
    "You shuffle once and deal the same order again and again. Shuffle afresh for each block.",
)
def shuffles_once(constitution, rounds, seed):
    _some(constitution)
    block = random.Random(seed).sample(list(constitution), len(constitution))
    return [block[k % len(block)] for k in range(rounds)]


@misconception(
    "sample_principles", "Nothing is drawn: the principles come in the order of the constitution."
)
def deals_in_order(constitution, rounds, seed):
    _some(constitution)
    return [constitution[k % len(constitution)] for k in range(rounds)]


@misconception(
    "sample_principles",
    "The draw stops when the constitution is used up. Shuffle it again until there are enough.",
)
def stops_at_the_end(constitution, rounds, seed):
    _some(constitution)
    return random.Random(seed).sample(list(constitution), min(rounds, len(constitution)))


@misconception(
    "sample_principles",
    "The seed is not used: the generator always starts from the same one. Hand it the seed given.",
)
def ignores_the_seed(constitution, rounds, seed):
    _some(constitution)
    generator, drawn = random.Random(42), []
    while len(drawn) < rounds:
        drawn += generator.sample(list(constitution), len(constitution))
    return drawn[:rounds]


@misconception(
    "sample_principles",
    "The seed is the same for every block, so every block is the same. Make one generator before "
    "the loop.",
)
def seeds_each_block_alike(constitution, rounds, seed):
    _some(constitution)
    drawn = []
    while len(drawn) < rounds:
        block = list(constitution)
        random.Random(seed).shuffle(block)
        drawn += block
    return drawn[:rounds]


@misconception(
    "sample_principles", "You shuffle the caller's list. Shuffle a copy: list(constitution)."
)
def shuffles_in_place(constitution, rounds, seed):
    _some(constitution)
    generator, drawn = random.Random(seed), []
    block = constitution if isinstance(constitution, list) else list(constitution)
    while len(drawn) < rounds:
        generator.shuffle(block)
        drawn += block
    return drawn[:rounds]


@misconception(
    "sample_principles",
    "You turn the list to a random start. Most orders never occur that way: shuffle it.",
)
def turns_the_list(constitution, rounds, seed):
    _some(constitution)
    generator, drawn = random.Random(seed), []
    while len(drawn) < rounds:
        start = generator.randrange(len(constitution))
        drawn += [*constitution[start:], *constitution[:start]]
    return drawn[:rounds]


@misconception(
    "sample_principles",
    "Whole blocks come out, more principles than rounds. Cut the draw to the number of rounds.",
)
def deals_whole_blocks(constitution, rounds, seed):
    _some(constitution)
    generator, drawn = random.Random(seed), []
    while len(drawn) < rounds:
        drawn += generator.sample(list(constitution), len(constitution))
    return drawn


@misconception(
    "sample_principles",
    "An empty constitution goes unnoticed. Raise ValueError before the loop, or it never ends.",
)
def draws_from_nothing(constitution, rounds, seed):
    generator, drawn = random.Random(seed), []
    while constitution and len(drawn) < rounds:
        drawn += generator.sample(list(constitution), len(constitution))
    return drawn[:rounds]


# --- build_sft_dataset


def _paired(prompts, transcripts):
    if len(prompts) != len(transcripts):
        raise ValueError("prompts and transcripts differ in length")
    return zip(prompts, transcripts, strict=True)


@misconception(
    "build_sft_dataset",
    "You compare the first response with the last. What was changed and changed back is kept, too: "
    "compare all.",
)
def compares_the_ends(prompts, transcripts):
    return [(p, t[-1]) for p, t in _paired(prompts, transcripts) if t[0] != t[-1]]


@misconception(
    "build_sft_dataset",
    "You compare the last response with the one before. An earlier round may have changed it.",
)
def compares_the_last_two(prompts, transcripts):
    return [(p, t[-1]) for p, t in _paired(prompts, transcripts) if len(t) > 1 and t[-2] != t[-1]]


@misconception(
    "build_sft_dataset",
    "You keep what was never revised. Those teach nothing new: drop transcripts without a change.",
)
def keeps_everything(prompts, transcripts):
    return [(p, t[-1]) for p, t in _paired(prompts, transcripts)]


@misconception(
    "build_sft_dataset",
    "The first response comes out. The model should learn the revised one, the last.",
)
def keeps_the_first(prompts, transcripts):
    return [(p, t[0]) for p, t in _paired(prompts, transcripts) if len(set(t)) > 1]


@misconception(
    "build_sft_dataset",
    "The test is the wrong way round: you keep what stayed the same and drop what was revised.",
)
def keeps_the_unchanged(prompts, transcripts):
    return [(p, t[-1]) for p, t in _paired(prompts, transcripts) if len(set(t)) == 1]


@misconception(
    "build_sft_dataset",
    "You keep every transcript with a round. A round alone is no change: compare the texts.",
)
def counts_rounds(prompts, transcripts):
    return [(p, t[-1]) for p, t in _paired(prompts, transcripts) if len(t) > 1]


@misconception(
    "build_sft_dataset",
    "Every revision becomes a pair. Only the last response is good enough to learn from.",
)
def keeps_every_revision(prompts, transcripts):
    pairs = []
    for prompt, responses in _paired(prompts, transcripts):
        if len(set(responses)) > 1:
            pairs += [(prompt, response) for response in responses[1:]]
    return pairs


@misconception(
    "build_sft_dataset",
    "A dict holds one response per prompt. Prompts may repeat: make a list of pairs.",
)
def keys_by_prompt(prompts, transcripts):
    found = {p: t[-1] for p, t in _paired(prompts, transcripts) if len(set(t)) > 1}
    return list(found.items())


@misconception(
    "build_sft_dataset",
    "zip stops at the shorter list, and what is left over is lost in silence. Raise ValueError.",
)
def zips_to_the_shorter(prompts, transcripts):
    both = zip(prompts, transcripts, strict=False)
    return [(p, t[-1]) for p, t in both if len(set(t)) > 1]


# --- ai_preference


def _any(principles):
    if not len(principles):
        raise ValueError("principles is empty")


@misconception(
    "ai_preference",
    "You ask in one order only. The judge's liking for the first place stays: ask in both.",
)
def asks_in_one_order(prompt, response_a, response_b, judge, principles):
    _any(principles)
    answers = [judge(prompt, response_a, response_b, principle) for principle in principles]
    return sum(answers) / len(answers)


@misconception(
    "ai_preference",
    "You average the two answers as they are. The second one says how likely B is better: take one "
    "minus it.",
)
def averages_as_they_are(prompt, response_a, response_b, judge, principles):
    _any(principles)
    answers = [
        judge(prompt, *order, principle)
        for principle in principles
        for order in ((response_a, response_b), (response_b, response_a))
    ]
    return sum(answers) / len(answers)


def _both(prompt, response_a, response_b, judge, principle):
    a_first = judge(prompt, response_a, response_b, principle)
    b_first = judge(prompt, response_b, response_a, principle)
    return 0.5 * (a_first + 1 - b_first)


@misconception("ai_preference", "This is the probability that B is better: the sign is flipped.")
def prefers_b(prompt, response_a, response_b, judge, principles):
    _any(principles)
    both = [_both(prompt, response_a, response_b, judge, principle) for principle in principles]
    return 1 - sum(both) / len(both)


@misconception("ai_preference", "Only the first principle is used. Average over all of them.")
def asks_one_principle(prompt, response_a, response_b, judge, principles):
    _any(principles)
    return _both(prompt, response_a, response_b, judge, principles[0])


@misconception(
    "ai_preference", "The principles are summed. Divide by their number: it is a probability."
)
def sums_over_principles(prompt, response_a, response_b, judge, principles):
    _any(principles)
    return sum(_both(prompt, response_a, response_b, judge, principle) for principle in principles)


@misconception(
    "ai_preference",
    "You multiply over the principles. They are different questions, whose answers are averaged.",
)
def multiplies_over_principles(prompt, response_a, response_b, judge, principles):
    _any(principles)
    p = 1.0
    for principle in principles:
        p *= _both(prompt, response_a, response_b, judge, principle)
    return p


@misconception(
    "ai_preference",
    "You count votes. How sure the judge is gets lost: average the probabilities themselves.",
)
def counts_votes(prompt, response_a, response_b, judge, principles):
    _any(principles)
    votes = []
    for principle in principles:
        p = _both(prompt, response_a, response_b, judge, principle)
        votes.append(1.0 if p > 0.5 else 0.5 if p == 0.5 else 0.0)
    return sum(votes) / len(votes)


@misconception(
    "ai_preference",
    "The half is missing: each order counts 1/2, or p goes from 0 to 2.",
)
def forgets_the_half(prompt, response_a, response_b, judge, principles):
    _any(principles)
    both = [2 * _both(prompt, response_a, response_b, judge, principle) for principle in principles]
    return sum(both) / len(both)


@misconception(
    "ai_preference",
    "You take A's share of the two answers. That bends the scale where the judge favours a place: "
    "average j(A, B) and 1 - j(B, A).",
)
def takes_the_share(prompt, response_a, response_b, judge, principles):
    _any(principles)
    shares = []
    for principle in principles:
        a_first = judge(prompt, response_a, response_b, principle)
        b_first = judge(prompt, response_b, response_a, principle)
        shares.append(a_first / (a_first + b_first) if a_first + b_first else 0.5)
    return sum(shares) / len(shares)


@misconception(
    "ai_preference",
    "Without principles 1/2 comes out, as if the judge had been asked. Raise ValueError.",
)
def shrugs_without_principles(prompt, response_a, response_b, judge, principles):
    if not len(principles):
        return 0.5
    both = [_both(prompt, response_a, response_b, judge, principle) for principle in principles]
    return sum(both) / len(both)


# --- label_preferences


def _asked(prompts, pairs, threshold):
    if not 0.5 <= threshold < 1:
        raise ValueError("threshold must be in [0.5, 1)")
    if len(prompts) != len(pairs):
        raise ValueError("prompts and pairs differ in length")
    return zip(prompts, pairs, strict=True)


def _preference(prompt, a, b, judge, principles):
    _any(principles)
    return sum(_both(prompt, a, b, judge, one) for one in principles) / len(principles)


@misconception(
    "label_preferences",
    "Where B is chosen you still write down the probability of A. The label holds that of the "
    "chosen answer: 1 - p.",
)
def writes_down_p_of_a(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, a, b, p) if p > 0.5 else (prompt, b, a, p))
    return labels


@misconception(
    "label_preferences",
    "You use >=. The threshold must be exceeded, or coin tosses pass at the default of 1/2.",
)
def keeps_the_threshold(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) >= threshold:
            labels.append((prompt, a, b, p) if p >= 0.5 else (prompt, b, a, 1 - p))
    return labels


@misconception(
    "label_preferences",
    "Pairs in which B is better are dropped. They are labels, too, with B chosen.",
)
def keeps_wins_of_a(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if p > threshold:
            labels.append((prompt, a, b, p))
    return labels


@misconception(
    "label_preferences",
    "The answers stay in the order of the pair. The chosen one comes first, the rejected second.",
)
def keeps_the_order_of_the_pair(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, a, b, max(p, 1 - p)))
    return labels


@misconception(
    "label_preferences", "The rejected answer comes first. It is (prompt, chosen, rejected, p)."
)
def puts_the_rejected_first(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, b, a, p) if p > 0.5 else (prompt, a, b, 1 - p))
    return labels


@misconception(
    "label_preferences", "The threshold is not used: labels that the judge is unsure of stay in."
)
def ignores_the_threshold(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if p != 0.5:
            labels.append((prompt, a, b, p) if p > 0.5 else (prompt, b, a, 1 - p))
    return labels


@misconception(
    "label_preferences",
    "The judge is asked in one order only, so that the place decides. Use your ai_preference.",
)
def labels_in_one_order(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        _any(principles)
        p = sum(judge(prompt, a, b, one) for one in principles) / len(principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, a, b, p) if p > 0.5 else (prompt, b, a, 1 - p))
    return labels


@misconception(
    "label_preferences",
    "You round the label to 1. Keep p: a soft label lets the reward model learn how sure the judge "
    "was.",
)
def hardens_the_labels(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, a, b, 1.0) if p > 0.5 else (prompt, b, a, 1.0))
    return labels


@misconception(
    "label_preferences",
    "The surest labels come first. Keep the order of the prompts.",
)
def sorts_by_confidence(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, threshold):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, a, b, p) if p > 0.5 else (prompt, b, a, 1 - p))
    return sorted(labels, key=lambda label: -label[3])


@misconception(
    "label_preferences",
    "A threshold outside [0.5, 1) goes unnoticed. Below 1/2 it would keep coin tosses, at 1 "
    "nothing: raise ValueError.",
)
def takes_any_threshold(prompts, pairs, judge, principles, threshold=0.5):
    labels = []
    for prompt, (a, b) in _asked(prompts, pairs, 0.5):
        p = _preference(prompt, a, b, judge, principles)
        if max(p, 1 - p) > threshold:
            labels.append((prompt, a, b, p) if p > 0.5 else (prompt, b, a, 1 - p))
    return labels


# --- soft_preference_loss


@misconception(
    "soft_preference_loss",
    "Only the first term is there. Where the target is below 1, B may have won: add (1 - target) "
    "times its loss.",
)
def forgets_the_other_outcome(reward_a, reward_b, target):
    return -(target * functional.logsigmoid(reward_a - reward_b)).mean()


@misconception(
    "soft_preference_loss",
    "You take log(1 - sigmoid). For a large gap that is log(0); write 1 - sigmoid(gap) as "
    "sigmoid(-gap), and use the log-sigmoid.",
)
def logs_of_sigmoids(reward_a, reward_b, target):
    p = torch.sigmoid(reward_a - reward_b)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


@misconception(
    "soft_preference_loss",
    "You clamp the probability away from 0 and 1. Beyond the clamp there is no gradient, so a "
    "badly wrong reward stays wrong.",
)
def clamps_the_probability(reward_a, reward_b, target):
    p = torch.sigmoid(reward_a - reward_b).clamp(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


@misconception(
    "soft_preference_loss",
    "The target is rounded to 0 or 1. The judge's doubt is the point of a soft label: use it.",
)
def rounds_the_target(reward_a, reward_b, target):
    hard = (target > 0.5).to(target.dtype)
    return functional.binary_cross_entropy_with_logits(reward_a - reward_b, hard)


@misconception(
    "soft_preference_loss",
    "The target multiplies the gap inside the sigmoid. It weighs the two losses, outside.",
)
def scales_the_gap(reward_a, reward_b, target):
    return -functional.logsigmoid((2 * target - 1) * (reward_a - reward_b)).mean()


@misconception(
    "soft_preference_loss",
    "A and B are swapped: the target is the probability that A is better.",
)
def swaps_the_answers(reward_a, reward_b, target):
    return functional.binary_cross_entropy_with_logits(reward_b - reward_a, target)


@misconception(
    "soft_preference_loss",
    "This is the squared distance of two probabilities, which hardly pulls where it is most wrong. "
    "Use the cross-entropy.",
)
def squares_the_distance(reward_a, reward_b, target):
    return (torch.sigmoid(reward_a - reward_b) - target).square().mean()


@misconception("soft_preference_loss", "You sum over the batch. The loss is the mean.")
def sums_over_the_batch(reward_a, reward_b, target):
    return functional.binary_cross_entropy_with_logits(reward_a - reward_b, target, reduction="sum")


@misconception(
    "soft_preference_loss",
    "The entropy of the target is taken off. That makes it a KL divergence with the same gradient, "
    "but the loss asked for keeps it.",
)
def takes_the_entropy_off(reward_a, reward_b, target):
    loss = functional.binary_cross_entropy_with_logits(reward_a - reward_b, target)
    return loss - (torch.special.entr(target) + torch.special.entr(1 - target)).mean()
