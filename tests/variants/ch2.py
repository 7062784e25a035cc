"""Right answers to chapter 2 in other styles: the hidden properties must accept each of them."""

import copy

import torch
import torch.nn.functional as F

from assay.prove import variant


@variant("token_logprobs")
def with_cross_entropy(logits, tokens):
    return -F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")


@variant("token_logprobs")
def logit_minus_log_sum_exp(logits, tokens):
    scores, words = logits[:, :-1, :], tokens[:, 1:]
    picked = torch.take_along_dim(scores, words[..., None], dim=2)[..., 0]
    return picked - torch.logsumexp(scores, dim=2)


@variant("token_logprobs")
def cell_by_cell(logits, tokens):
    batch, length = tokens.shape
    logps = F.log_softmax(logits, dim=-1)
    found = [logps[b, t, tokens[b, t + 1]] for b in range(batch) for t in range(length - 1)]
    return torch.stack(found).view(batch, -1) if found else logits.new_zeros(batch, 0)


@variant("response_mask")
def row_by_row(prompt_lengths, total_lengths, max_length):
    mask = torch.zeros(len(prompt_lengths), max_length, dtype=torch.bool)
    pairs = zip(prompt_lengths.tolist(), total_lengths.tolist(), strict=True)
    for row, (prompt, total) in zip(mask, pairs, strict=True):
        if prompt > total:
            raise ValueError(f"prompt length {prompt}: prompt_lengths must not exceed the totals")
        if total > max_length:
            raise ValueError("max_length is too small")
        row[prompt:total] = True
    return mask


@variant("response_mask")
def difference_of_two_masks(prompt_lengths, total_lengths, max_length):
    if torch.any(total_lengths < prompt_lengths):
        raise ValueError("total_lengths are too short")
    if total_lengths.max() > max_length:
        raise ValueError("total_lengths are too long")
    t = torch.arange(max_length).unsqueeze(0)
    return (t < total_lengths.unsqueeze(1)) ^ (t < prompt_lengths.unsqueeze(1))


@variant("sft_loss")
def with_ignore_index(logits, tokens, loss_mask):
    asked = loss_mask[:, 1:] != 0
    clean = torch.where(asked[..., None], logits[:, :-1], torch.zeros_like(logits[:, :-1]))
    targets = tokens[:, 1:].masked_fill(~asked, -100)
    total = F.cross_entropy(
        clean.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-100, reduction="sum"
    )
    return total / asked.sum().clamp(min=1)


@variant("sft_loss")
def token_by_token(logits, tokens, loss_mask):
    total, count = logits[:0].sum(), 0
    for b in range(tokens.shape[0]):
        for t in range(tokens.shape[1] - 1):
            if loss_mask[b, t + 1]:
                total = total + torch.logsumexp(logits[b, t], 0) - logits[b, t, tokens[b, t + 1]]
                count += 1
    return total / count if count else total


@variant("sft_loss")
def mean_of_the_picked(logits, tokens, loss_mask):
    rows, columns = torch.nonzero(loss_mask[:, 1:], as_tuple=True)
    if len(rows) == 0:
        return (logits[:0] * 0).sum()
    picked = torch.log_softmax(logits[rows, columns], -1)
    return -picked[torch.arange(len(rows)), tokens[rows, columns + 1]].mean()


@variant("kl_shaped_rewards")
def response_by_response(scores, logprobs, ref_logprobs, mask, beta):
    rewards = torch.zeros_like(logprobs).detach()
    for b in range(len(scores)):
        places = [t for t in range(mask.shape[1]) if mask[b, t]]
        if not places:
            raise ValueError(f"the mask of row {b} is empty")
        for t in places:
            rewards[b, t] = -beta * (logprobs[b, t] - ref_logprobs[b, t]).item()
        rewards[b, places[-1]] += scores[b].item()
    return rewards


@variant("kl_shaped_rewards")
def with_a_flipped_argmax(scores, logprobs, ref_logprobs, mask, beta):
    marked = mask.bool()
    if (marked.sum(dim=1) == 0).any():
        raise ValueError("Empty mask")
    last = mask.shape[1] - 1 - marked.flip(1).int().argmax(dim=1)
    end = F.one_hot(last, mask.shape[1]).bool()
    fees = torch.where(marked, beta * (ref_logprobs - logprobs), 0.0)
    return (fees + torch.where(end, scores.unsqueeze(1), 0.0)).detach()


@variant("kl_shaped_rewards")
def with_scatter(scores, logprobs, ref_logprobs, mask, beta):
    counted = (mask != 0).long().cumsum(1)
    if (counted[:, -1:] < 1).any():
        raise ValueError("mask")
    last = counted.argmax(1, keepdim=True)
    log_ratio = (logprobs.detach() - ref_logprobs.detach()).masked_fill(mask == 0, 0.0)
    return (-beta * log_ratio).scatter_add(1, last, scores.detach()[:, None])


@variant("rlhf_pipeline")
def with_a_copy_as_reference(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    reference = copy.deepcopy(policy)
    reward = fit_reward(policy, preferences)
    return ppo(policy, reference, reward, prompts)


@variant("rlhf_pipeline")
def as_one_expression(*given):
    base, demonstrations, preferences, prompts, sft, fit_reward, ppo = given
    return (lambda tuned: ppo(tuned, tuned, fit_reward(tuned, preferences), prompts))(
        sft(base, demonstrations)
    )
