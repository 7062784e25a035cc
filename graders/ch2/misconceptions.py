"""Misunderstandings of the RLHF pipeline, each as the code that it leads to."""

import torch
import torch.nn.functional as F

from assay.misconceptions import misconception

# --- token_logprobs


def _gathered(table, tokens):
    return table.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


@misconception(
    "token_logprobs",
    "The shift is missing: you ask for the probability of the token that was just read. Position t "
    "predicts token t + 1.",
)
def looks_up_the_token_just_read(logits, tokens):
    return _gathered(torch.log_softmax(logits, -1)[:, :-1], tokens[:, :-1])


@misconception(
    "token_logprobs",
    "The shift goes the wrong way: you score token t by the logits after it. Drop the last "
    "logits and the first token.",
)
def shifts_backwards(logits, tokens):
    return _gathered(torch.log_softmax(logits, -1)[:, 1:], tokens[:, :-1])


@misconception(
    "token_logprobs",
    "log(softmax(x)) is not stable: a probability that underflows to 0 has the log -inf. Use "
    "log_softmax.",
)
def log_of_softmax(logits, tokens):
    return _gathered(torch.softmax(logits[:, :-1], -1).log(), tokens[:, 1:])


@misconception(
    "token_logprobs",
    "You look up raw logits. Normalise over the vocabulary first (log-softmax).",
)
def raw_logits(logits, tokens):
    return _gathered(logits[:, :-1], tokens[:, 1:])


@misconception("token_logprobs", "You return probabilities. Log-probabilities are asked for.")
def probabilities(logits, tokens):
    return _gathered(torch.softmax(logits[:, :-1], -1), tokens[:, 1:])


@misconception(
    "token_logprobs", "The sign is flipped: that is the surprise (a loss), not the log-probability."
)
def surprises(logits, tokens):
    return -_gathered(torch.log_softmax(logits[:, :-1], -1), tokens[:, 1:])


@misconception(
    "token_logprobs",
    "You normalise over the positions. The softmax runs over the vocabulary, the last axis.",
)
def normalised_over_positions(logits, tokens):
    return _gathered(torch.log_softmax(logits[:, :-1], 1), tokens[:, 1:])


@misconception(
    "token_logprobs",
    "You take the best token of each position. The text says which token counts.",
)
def best_tokens(logits, tokens):
    return torch.log_softmax(logits[:, :-1], -1).amax(-1)


@misconception(
    "token_logprobs",
    "You keep T columns. T tokens have T - 1 predictions: the first token has none.",
)
def padded_to_full_length(logits, tokens):
    found = _gathered(torch.log_softmax(logits[:, :-1], -1), tokens[:, 1:])
    return torch.cat([found.new_zeros(len(found), 1), found], 1)


@misconception(
    "token_logprobs", "You add the tokens up. One log-probability per token is asked for."
)
def summed_over_the_text(logits, tokens):
    return _gathered(torch.log_softmax(logits[:, :-1], -1), tokens[:, 1:]).sum(1)


@misconception(
    "token_logprobs",
    "The graph is cut (detach, no_grad, item or NumPy). A policy is trained through its "
    "log-probabilities.",
)
def cut_from_the_graph(logits, tokens):
    return _gathered(torch.log_softmax(logits[:, :-1], -1), tokens[:, 1:]).detach()


# --- response_mask


def _fitting(prompts, totals, width):
    if (prompts > totals).any():
        raise ValueError("prompt_lengths exceed total_lengths")
    if (totals > width).any():
        raise ValueError("total_lengths exceed max_length")


@misconception(
    "response_mask",
    "The last prompt token is marked, too. The prompt takes up positions 0 to prompt - 1.",
)
def begins_too_early(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(max_length)
    return (t >= prompt_lengths[:, None] - 1) & (t < total_lengths[:, None])


@misconception(
    "response_mask", "The first response token is left out. The response begins at t = prompt."
)
def begins_too_late(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(max_length)
    return (t > prompt_lengths[:, None]) & (t < total_lengths[:, None])


@misconception(
    "response_mask", "One position of padding is marked. The last token stands at total - 1."
)
def ends_too_late(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(max_length)
    return (t >= prompt_lengths[:, None]) & (t <= total_lengths[:, None])


@misconception(
    "response_mask",
    "You take total_lengths for the length of the response. It counts prompt and response "
    "together.",
)
def total_taken_for_the_response(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t, ends = torch.arange(max_length), prompt_lengths + total_lengths
    return (t >= prompt_lengths[:, None]) & (t < ends[:, None])


@misconception("response_mask", "The prompt is marked as well: that is the attention mask.")
def marks_the_prompt_too(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    return torch.arange(max_length) < total_lengths[:, None]


@misconception("response_mask", "The padding is marked as well: the response ends at total - 1.")
def marks_the_padding_too(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    return torch.arange(max_length) >= prompt_lengths[:, None]


@misconception(
    "response_mask", "The mask is the wrong way round: True marks the response, not the rest."
)
def marks_all_but_the_response(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(max_length)
    return (t < prompt_lengths[:, None]) | (t >= total_lengths[:, None])


@misconception(
    "response_mask",
    "The mask is as wide as the longest row. It has max_length columns, all-padding ones included.",
)
def as_wide_as_the_longest_row(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(int(total_lengths.max()))
    return (t >= prompt_lengths[:, None]) & (t < total_lengths[:, None])


@misconception(
    "response_mask", "The lengths of the first row are used for all. Each row has its own."
)
def first_row_for_all(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(max_length).expand(len(prompt_lengths), -1)
    return (t >= prompt_lengths[0]) & (t < total_lengths[0])


@misconception("response_mask", "The mask holds numbers. It should have dtype bool.")
def mask_of_numbers(prompt_lengths, total_lengths, max_length):
    _fitting(prompt_lengths, total_lengths, max_length)
    t = torch.arange(max_length)
    return ((t >= prompt_lengths[:, None]) & (t < total_lengths[:, None])).long()


@misconception(
    "response_mask",
    "Lengths that don't fit go unnoticed. A prompt longer than its total, or a total larger than "
    "max_length, should raise ValueError.",
)
def lengths_unchecked(prompt_lengths, total_lengths, max_length):
    t = torch.arange(max_length)
    return (t >= prompt_lengths[:, None]) & (t < total_lengths[:, None])


@misconception(
    "response_mask",
    "An empty response is refused. A prompt that is as long as its total is fine: its row is all "
    "False.",
)
def empty_response_refused(prompt_lengths, total_lengths, max_length):
    if (prompt_lengths >= total_lengths).any():
        raise ValueError("prompt_lengths are not below total_lengths")
    return lengths_unchecked(prompt_lengths, total_lengths, max_length) & _fits(
        total_lengths, max_length
    )


def _fits(total_lengths, max_length):
    if (total_lengths > max_length).any():
        raise ValueError("total_lengths exceed max_length")
    return True


@misconception(
    "response_mask",
    "A row that fills max_length exactly is refused. Only a total larger than max_length is an "
    "error.",
)
def full_row_refused(prompt_lengths, total_lengths, max_length):
    if (prompt_lengths > total_lengths).any() or (total_lengths >= max_length).any():
        raise ValueError("prompt_lengths, total_lengths and max_length don't fit")
    return lengths_unchecked(prompt_lengths, total_lengths, max_length)


# --- sft_loss


def _surprises(logits, tokens, mask):
    """-log-prob of every next token, 0 where the mask hides it, garbage and all."""
    hidden = ~mask[:, 1:].bool()
    clean = logits[:, :-1].masked_fill(hidden.unsqueeze(-1), 0.0)
    found = _gathered(torch.log_softmax(clean, -1), tokens[:, 1:].masked_fill(hidden, 0))
    return -found.masked_fill(hidden, 0.0), ~hidden


@misconception(
    "sft_loss",
    "You average each row first. Then a token of a short response weighs more than one of a long "
    "response; average over all asked tokens of the batch at once.",
)
def mean_of_row_means(logits, tokens, loss_mask):
    losses, asked = _surprises(logits, tokens, loss_mask)
    rows = losses.sum(1) / asked.sum(1).clamp(min=1)
    return rows.sum() / asked.any(1).sum().clamp(min=1)


@misconception(
    "sft_loss",
    "You divide by the number of all positions. Divide by the number of tokens that are asked for.",
)
def mean_over_all_positions(logits, tokens, loss_mask):
    losses, _ = _surprises(logits, tokens, loss_mask)
    return losses.sum() / max(losses.numel(), 1)


@misconception("sft_loss", "You sum over the tokens. The loss is their mean.")
def summed_surprise(logits, tokens, loss_mask):
    losses, _ = _surprises(logits, tokens, loss_mask)
    return losses.sum()


@misconception(
    "sft_loss",
    "The shift is missing: the model is asked for the token it has just read. Position t "
    "predicts token t + 1.",
)
def asks_for_the_token_just_read(logits, tokens, loss_mask):
    asked = loss_mask[:, 1:].bool()
    return _mean(logits[:, 1:][asked], tokens[:, 1:][asked])


def _mean(logits, targets):
    return F.cross_entropy(logits, targets, reduction="sum") / max(len(targets), 1)


@misconception(
    "sft_loss",
    "The mask is not shifted with the tokens. It says which tokens are asked for: loss_mask[:, t "
    "+ 1] belongs to tokens[:, t + 1].",
)
def mask_left_behind(logits, tokens, loss_mask):
    asked = loss_mask[:, :-1].bool()
    return _mean(logits[:, :-1][asked], tokens[:, 1:][asked])


@misconception(
    "sft_loss", "The mask is not used: the model learns to say the prompt and the padding."
)
def mask_unused(logits, tokens, loss_mask):
    asked = torch.ones_like(loss_mask[:, 1:], dtype=torch.bool)
    return _mean(logits[:, :-1][asked], tokens[:, 1:][asked])


@misconception("sft_loss", "The mask is the wrong way round: 1 marks the tokens to imitate.")
def mask_inverted(logits, tokens, loss_mask):
    asked = ~loss_mask[:, 1:].bool()
    return _mean(logits[:, :-1][asked], tokens[:, 1:][asked])


@misconception(
    "sft_loss",
    "You multiply by the mask. Under it may be nan or inf, and 0 * nan is nan: let what is "
    "hidden not enter the computation.",
)
def multiplied_by_the_mask(logits, tokens, loss_mask):
    asked = loss_mask[:, 1:].to(logits.dtype)
    targets = tokens[:, 1:].masked_fill(asked == 0, 0)
    found = _gathered(torch.log_softmax(logits[:, :-1], -1), targets)
    return -(found * asked).sum() / asked.sum().clamp(min=1)


@misconception(
    "sft_loss",
    "The value is right, but hidden nan or inf still reaches the gradient: softmax's backward "
    "step multiplies by what it computed there. Mask the logits before the softmax, not the "
    "losses after it.",
)
def masked_after_the_softmax(logits, tokens, loss_mask):
    asked = loss_mask[:, 1:].bool()
    targets = tokens[:, 1:].masked_fill(~asked, 0)
    found = _gathered(torch.log_softmax(logits[:, :-1], -1), targets)
    return -torch.where(asked, found, 0.0).sum() / asked.sum().clamp(min=1)


@misconception(
    "sft_loss",
    "A masked token of -100 is looked up as if it were a word. Pick the asked tokens before "
    "looking any up.",
)
def looks_up_masked_tokens(logits, tokens, loss_mask):
    asked = loss_mask[:, 1:].bool()
    clean = logits[:, :-1].masked_fill(~asked.unsqueeze(-1), 0.0)
    found = _gathered(torch.log_softmax(clean, -1), tokens[:, 1:])
    return -found.masked_fill(~asked, 0.0).sum() / asked.sum().clamp(min=1)


@misconception(
    "sft_loss", "The sign is flipped: training would make the demonstrations less likely."
)
def mean_log_probability(logits, tokens, loss_mask):
    losses, asked = _surprises(logits, tokens, loss_mask)
    return -losses.sum() / asked.sum().clamp(min=1)


@misconception(
    "sft_loss", "An empty mask gives 0/0 = nan. Where nothing is asked for, the loss is 0."
)
def nan_for_an_empty_mask(logits, tokens, loss_mask):
    losses, asked = _surprises(logits, tokens, loss_mask)
    return losses.sum() / asked.sum()


@misconception(
    "sft_loss",
    "For an empty mask you return a fresh 0 without a graph, so that backward() fails. Let the "
    "sum over nothing come from the logits.",
)
def bare_zero_for_an_empty_mask(logits, tokens, loss_mask):
    losses, asked = _surprises(logits, tokens, loss_mask)
    if not asked.any():
        return torch.tensor(0.0, dtype=logits.dtype)
    return losses.sum() / asked.sum()


@misconception(
    "sft_loss",
    "log(softmax(x)) is not stable: a probability that underflows to 0 has the log -inf. Use "
    "log_softmax or cross_entropy.",
)
def unstable_surprise(logits, tokens, loss_mask):
    asked = loss_mask[:, 1:].bool()
    probs = torch.softmax(logits[:, :-1][asked], -1)
    return -_gathered(probs, tokens[:, 1:][asked]).log().sum() / asked.sum().clamp(min=1)


# --- kl_shaped_rewards


def _last(mask):
    return torch.where(mask, torch.arange(mask.shape[1]), -1).amax(1)


def _answered(mask):
    if not (mask != 0).any(1).all():
        raise ValueError("mask: a row has no response token")
    return mask != 0


def _fees(logprobs, ref_logprobs, mask, beta):
    with torch.no_grad():
        return (-beta * (logprobs - ref_logprobs)).masked_fill(~mask, 0.0)


def _paid(fees, scores, at):
    rewards = fees.clone()
    rewards[torch.arange(len(fees)), at] += scores.detach()
    return rewards


@misconception(
    "kl_shaped_rewards",
    "The score stands in the last column. Behind the response there is padding: it belongs to "
    "the last response token of the row.",
)
def score_in_the_last_column(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(_fees(logprobs, ref_logprobs, mask, beta), scores, mask.shape[1] - 1)


@misconception(
    "kl_shaped_rewards",
    "You take the number of response tokens for the place of the last one. The prompt stands "
    "before them: look for the last position that the mask marks.",
)
def score_at_the_count(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(_fees(logprobs, ref_logprobs, mask, beta), scores, mask.sum(1) - 1)


@misconception(
    "kl_shaped_rewards",
    "The score stands at the first response token. It judges the whole response, so it comes "
    "with the last.",
)
def score_at_the_first_token(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(_fees(logprobs, ref_logprobs, mask, beta), scores, mask.int().argmax(1))


@misconception(
    "kl_shaped_rewards",
    "Every response token gets the score. It is paid once, at the last of them.",
)
def score_at_every_token(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _fees(logprobs, ref_logprobs, mask, beta) + mask * scores.detach()[:, None]


@misconception(
    "kl_shaped_rewards",
    "The score is spread over the response. It is paid whole, at the last token.",
)
def score_spread_out(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    share = scores.detach() / mask.sum(1)
    return _fees(logprobs, ref_logprobs, mask, beta) + mask * share[:, None]


@misconception(
    "kl_shaped_rewards",
    "At the last token the score replaces the fee. It is added: that token pays its fee, too.",
)
def score_replaces_the_fee(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    rewards = _fees(logprobs, ref_logprobs, mask, beta)
    rewards[torch.arange(len(mask)), _last(mask)] = scores.detach()
    return rewards


@misconception(
    "kl_shaped_rewards",
    "The sign of the fee is flipped: tokens that got likelier than under the reference pay, they "
    "don't earn.",
)
def fee_is_paid_out(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(_fees(logprobs, ref_logprobs, mask, -beta), scores, _last(mask))


@misconception("kl_shaped_rewards", "beta is missing from the fee.")
def fee_without_beta(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(_fees(logprobs, ref_logprobs, mask, 1.0), scores, _last(mask))


@misconception("kl_shaped_rewards", "The KL penalty is missing: nothing holds the policy.")
def score_alone(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(torch.zeros_like(logprobs).detach(), scores, _last(mask))


@misconception(
    "kl_shaped_rewards",
    "Prompt and padding pay fees, too. Outside the mask the reward is 0.",
)
def fees_everywhere(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    return _paid(-beta * (logprobs - ref_logprobs).detach(), scores, _last(mask))


@misconception(
    "kl_shaped_rewards",
    "You multiply by the mask. Under it may be nan or inf, and 0 * nan is nan: overwrite those "
    "places.",
)
def fees_times_mask(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    fees = -beta * (logprobs - ref_logprobs).detach() * mask
    return _paid(fees, scores, _last(mask))


@misconception(
    "kl_shaped_rewards",
    "All fees stand at the last token. Each response token pays its own, so that the policy "
    "learns where it strayed.",
)
def fees_at_the_end(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    total = _fees(logprobs, ref_logprobs, mask, beta).sum(1)
    return _paid(torch.zeros_like(logprobs).detach(), scores + total, _last(mask))


@misconception(
    "kl_shaped_rewards",
    "The fee is an always positive estimate of the KL (k3, or an absolute value). Here it is the "
    "plain log-ratio, which may be negative at a token.",
)
def fee_by_k3(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    d = (logprobs - ref_logprobs).detach().masked_fill(~mask, 0.0)
    return _paid(-beta * (torch.expm1(-d) + d), scores, _last(mask))


@misconception(
    "kl_shaped_rewards",
    "Gradient flows through the rewards. They are data for the policy step: detach them.",
)
def live_rewards(scores, logprobs, ref_logprobs, mask, beta):
    mask = _answered(mask)
    fees = (-beta * (logprobs - ref_logprobs)).masked_fill(~mask, 0.0)
    end = torch.arange(mask.shape[1]) == _last(mask)[:, None]
    return fees + torch.where(end, scores[:, None], 0.0)


@misconception(
    "kl_shaped_rewards",
    "A row without any response token goes unnoticed, and its score is lost or lands anywhere. "
    "Raise ValueError.",
)
def lost_scores_go_unnoticed(scores, logprobs, ref_logprobs, mask, beta):
    mask = mask != 0
    return _paid(_fees(logprobs, ref_logprobs, mask, beta), scores, _last(mask))


# --- rlhf_pipeline


@misconception(
    "rlhf_pipeline",
    "The base model is the reference. The leash holds the policy near the SFT model.",
)
def leashed_to_the_base(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    return ppo(policy, base, fit_reward(policy, preferences), prompts)


@misconception(
    "rlhf_pipeline",
    "PPO starts from the base model. It goes on from the SFT model, whose format it needs.",
)
def starts_from_the_base(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    return ppo(base, policy, fit_reward(policy, preferences), prompts)


@misconception(
    "rlhf_pipeline",
    "The reward model is fitted on the base model. It starts from the SFT model, the result of "
    "stage 1.",
)
def reward_from_the_base(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    return ppo(policy, policy, fit_reward(base, preferences), prompts)


@misconception("rlhf_pipeline", "SFT is left out: all later stages run on the base model.")
def skips_sft(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    return ppo(base, base, fit_reward(base, preferences), prompts)


@misconception(
    "rlhf_pipeline",
    "Reward and reference are in each other's place: ppo takes start, reference, reward, prompts.",
)
def reward_in_the_wrong_place(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    return ppo(policy, fit_reward(policy, preferences), policy, prompts)


@misconception(
    "rlhf_pipeline",
    "The data is mixed up: demonstrations are for SFT, preferences for the reward, prompts for "
    "PPO.",
)
def data_mixed_up(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, preferences)
    return ppo(policy, policy, fit_reward(policy, demonstrations), prompts)


@misconception("rlhf_pipeline", "PPO answers the demonstrations. It gets the prompts.")
def ppo_on_demonstrations(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    return ppo(policy, policy, fit_reward(policy, preferences), demonstrations)


@misconception("rlhf_pipeline", "You return more than PPO's result. Return that alone.")
def returns_everything(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    reward = fit_reward(policy, preferences)
    return policy, reward, ppo(policy, policy, reward, prompts)


@misconception("rlhf_pipeline", "You return the SFT model. The aligned model is what ppo returns.")
def returns_the_sft_model(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations)
    ppo(policy, policy, fit_reward(policy, preferences), prompts)
    return policy


@misconception(
    "rlhf_pipeline",
    "SFT runs a second time for the reference. Each stage runs once: hand over the same model, "
    "or a copy.",
)
def sft_runs_twice(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy, reference = sft(base, demonstrations), sft(base, demonstrations)
    return ppo(policy, reference, fit_reward(policy, preferences), prompts)


@misconception(
    "rlhf_pipeline",
    "A model that counts as false (0, an empty list) is taken for a missing one. Don't ask `if "
    "model` or `model or base`.",
)
def falsy_model_is_none(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(base, demonstrations) or base
    reward = fit_reward(policy, preferences)
    return ppo(policy, policy, reward, prompts) or policy


@misconception(
    "rlhf_pipeline",
    "An exception of a stage is swallowed, and the run goes on with less. Let it pass through.",
)
def carries_on_regardless(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy, reward = base, None
    try:
        policy = sft(base, demonstrations)
        reward = fit_reward(policy, preferences)
        return ppo(policy, policy, reward, prompts)
    except Exception:
        return policy


@misconception(
    "rlhf_pipeline",
    "An exception of a stage is wrapped into another. Let it pass through as it is.",
)
def wraps_exceptions(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    try:
        policy = sft(base, demonstrations)
        return ppo(policy, policy, fit_reward(policy, preferences), prompts)
    except Exception as error:
        raise ValueError(f"a stage failed: {error}") from error


@misconception(
    "rlhf_pipeline",
    "The stages are called with keywords, whose names you can't know. Give the arguments by "
    "position.",
)
def calls_by_keyword(base, demonstrations, preferences, prompts, sft, fit_reward, ppo):
    policy = sft(model=base, demonstrations=demonstrations)
    reward = fit_reward(model=policy, preferences=preferences)
    return ppo(start=policy, reference=policy, reward=reward, prompts=prompts)
