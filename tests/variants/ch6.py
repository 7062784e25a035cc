"""Right answers to chapter 6 in other styles: the hidden properties must give each full marks."""

import itertools
import statistics

import numpy as np
import torch
from torch import nn

from assay.prove import variant


@variant("critique_revision")
def with_accumulate(prompt, respond, critique, revise, principles):
    def one_round(response, principle):
        text = critique(prompt, response, principle)
        return response if text is None else revise(prompt, response, text, principle)

    return list(itertools.accumulate(principles, one_round, initial=respond(prompt)))


@variant("critique_revision")
def by_index(prompt, respond, critique, revise, principles):
    responses = [None] * (len(principles) + 1)
    responses[0] = respond(prompt)
    for k in range(len(principles)):
        responses[k + 1] = responses[k]
        found = critique(prompt, responses[k], principles[k])
        if found is None:
            continue
        responses[k + 1] = revise(prompt, responses[k], found, principles[k])
    return tuple(responses)


@variant("sample_principles")
def with_numpy(constitution, rounds, seed):
    if len(constitution) < 1:
        raise ValueError("Constitution: no principles")
    generator, n = np.random.default_rng(seed), len(constitution)
    blocks = [generator.permutation(n) for _ in range(-(-rounds // n))]
    return [constitution[i] for i in np.concatenate([*blocks, []]).astype(int)[:rounds]]


@variant("sample_principles")
def as_an_array_of_texts(constitution, rounds, seed):
    if not constitution:
        raise ValueError("the constitution has no principles")
    generator, drawn = np.random.RandomState(seed), []
    while len(drawn) < rounds:
        drawn.extend(generator.permutation(np.array(constitution)))
    return drawn[:rounds]


@variant("sample_principles")
def with_torch(constitution, rounds, seed):
    if not constitution:
        raise ValueError("empty constitution")
    generator = torch.Generator().manual_seed(seed)
    left, drawn = [], []
    for _ in range(rounds):
        left = left or torch.randperm(len(constitution), generator=generator).tolist()
        drawn.append(constitution[left.pop()])
    return drawn


@variant("build_sft_dataset")
def with_sets(prompts, transcripts):
    if len(prompts) != len(transcripts):
        raise ValueError("there must be as many transcripts as prompts")
    dataset = []
    for i, prompt in enumerate(prompts):
        if len(set(transcripts[i])) != 1:
            dataset.append((prompt, transcripts[i][-1]))
    return dataset


@variant("build_sft_dataset")
def with_counts(prompts, transcripts):
    if len(transcripts) - len(prompts):
        raise ValueError("prompts: wrong number")
    pairs = map(list, zip(prompts, transcripts, strict=True))
    return tuple([p, t[-1]] for p, t in pairs if t.count(t[-1]) < len(t))


@variant("ai_preference")
def with_a_mean(prompt, response_a, response_b, judge, principles):
    if not principles:
        raise ValueError("no principles")
    votes = [judge(prompt, response_a, response_b, one) for one in principles]
    votes += [1 - judge(prompt, response_b, response_a, one) for one in principles]
    return statistics.fmean(votes)


@variant("ai_preference")
def with_numpy_means(prompt, response_a, response_b, judge, principles):
    if len(principles) == 0:
        raise ValueError("principles must hold at least one")
    table = np.array(
        [
            [judge(prompt, response_b, response_a, one), judge(prompt, response_a, response_b, one)]
            for one in principles
        ]
    )
    return 0.5 * (1 + np.mean(table[:, 1] - table[:, 0]))


@variant("label_preferences")
def with_max(prompts, pairs, judge, principles, threshold=0.5):
    if threshold < 0.5 or threshold >= 1:
        raise ValueError("The threshold has to be in [0.5, 1)")
    if len(prompts) != len(pairs):
        raise ValueError("pairs and prompts don't match")
    kept = []
    for i in range(len(prompts)):
        a, b = pairs[i]
        p = with_a_mean(prompts[i], a, b, judge, principles)
        sure = max(p, 1 - p)
        if not sure > threshold:
            continue
        chosen, rejected = (a, b) if p >= 0.5 else (b, a)
        kept.append([prompts[i], chosen, rejected, sure])
    return kept


@variant("label_preferences")
def from_both_sides(prompts, pairs, judge, principles, threshold=0.5):
    if min(threshold, 0.5) < 0.5 or not threshold < 1.0:
        raise ValueError(f"threshold={threshold}")
    if len(pairs) != len(prompts):
        raise ValueError(f"prompts: {len(prompts)}")

    def label(prompt, pair):
        p = with_numpy_means(prompt, *pair, judge, principles)
        ways = [(prompt, *pair, p), (prompt, *pair[::-1], 1 - p)]
        return [way for way in ways if way[3] > threshold]

    return list(itertools.chain.from_iterable(map(label, prompts, pairs)))


@variant("soft_preference_loss")
def as_cross_entropy(reward_a, reward_b, target):
    return nn.functional.binary_cross_entropy_with_logits(reward_a - reward_b, target)


@variant("soft_preference_loss")
def with_softplus(reward_a, reward_b, target):
    gap = reward_a - reward_b
    return torch.mean(nn.functional.softplus(gap) - target * gap)


@variant("soft_preference_loss")
def with_log_softmax(reward_a, reward_b, target):
    logps = torch.log_softmax(torch.stack([reward_a, reward_b], dim=-1), dim=-1)
    weights = torch.stack([target, 1 - target], dim=-1)
    return -(weights * logps).sum(-1).mean()
