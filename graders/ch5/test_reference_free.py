"""What is true of ORPO, SimPO and GRPO. Definitions here are independent of the reference."""

import math
from statistics import mean, stdev

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import batches, numbers, sizes, tensors
from assay.judging import agree, finite, keeps_dtype, rejects, untouched
from assay.properties import core, extra


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


def scalar(value: float) -> Tensor:
    return tensor(value, dtype=torch.float64)


def softplus(x: float) -> float:
    """log(1 + e^x), the stable way; -log sigmoid(d) is softplus(-d)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def sigmoid(x: float) -> float:
    return math.exp(-softplus(-x))


def logit(logp: float) -> float:
    """The log-odds of p = exp(logp), to all digits."""
    return logp - math.log(-math.expm1(logp))


def each(function, x: Tensor) -> Tensor:
    """A function of a number, entry by entry."""
    return tensor([function(value) for value in x.flatten().tolist()], dtype=x.dtype).view(x.shape)


#: Mean log-probs of ordinary responses, p from 0.05 to 0.88.
LOGPS = batches(2, low=-3.0, high=-0.125)
#: Chosen and rejected: one pair ranked right, one wrong, one close.
TELLING = (f64(-0.25, -2.0, -1.0), f64(-1.5, -0.5, -1.125))

# --- log_odds


@core("log_odds")
@given(tensors(sizes(), sizes(1, 3), low=-3.0, high=-0.125))
@example(f64(math.log(0.8)))
@example(f64(-3.0, -1.0, -0.5))
def test_log_odds_is_the_log_of_p_over_one_minus_p(learner, logps):
    """The log-odds are log(p / (1 - p)) with p = exp(mean_logps), entry by entry."""
    agree(learner.log_odds(logps), each(lambda x: math.log(math.exp(x) / (1 - math.exp(x))), logps))


@extra("log_odds", weight=2)
@given(st.sampled_from([-1e-3, -1e-8, -1e-12, -1e-15]))
def test_log_odds_is_accurate_near_certainty(learner, logp):
    """For p within 1e-15 of 1 the log-odds keep their digits."""
    agree(learner.log_odds(f64(logp)), f64(logit(logp)))


@extra("log_odds", weight=2)
@given(st.sampled_from([-40.0, -750.0, -1e4]))
def test_log_odds_is_accurate_near_impossibility(learner, logp):
    """For tiny p the odds are p itself: the log-odds are the log-prob, down to -1e4."""
    agree(learner.log_odds(f64(logp)), f64(logp))


@extra("log_odds")
@given(st.sampled_from([0.0, 1e-9, -1e-9]))
def test_log_odds_passes_through_zero_at_a_half(learner, shift):
    """Near p = 1/2 the log-odds are near 0, right to 1e-12."""
    logp = math.log(0.5) + shift
    agree(learner.log_odds(f64(logp)), f64(logit(logp)))


@extra("log_odds", weight=2)
@given(st.sampled_from([-1e-15, -1e-8, -0.125, -0.75, -2.0, -40.0, -1e4]))
@example(-1e-15)
@example(-2.0)
@example(-1e4)
def test_log_odds_rises_by_one_over_one_minus_p(learner, logp):
    """The gradient is 1 / (1 - p), accurate for p near 1 and 1 for tiny p."""
    agree(learner.gradient("log_odds", f64(logp), wrt=0), f64(-1 / math.expm1(logp)))


@extra("log_odds")
@given(st.sampled_from([0.0625, 0.25, 0.5, 0.75, 0.9375]))
def test_log_odds_is_antisymmetric(learner, p):
    """The log-odds of not-p are minus those of p."""
    agree(learner.log_odds(f64(math.log(1 - p))), -learner.log_odds(f64(math.log(p))))


@extra("log_odds")
@given(st.sampled_from([-1e-7, -1e-3, -1.0, -1e4]))
def test_log_odds_keeps_float32(learner, logp):
    """float32 stays float32, accurate from -1e4 to -1e-7."""
    given_ = tensor([logp])
    keeps_dtype(learner.log_odds(given_), torch.float32)
    agree(learner.log_odds(given_), each(logit, given_))


@extra("log_odds")
def test_log_odds_leaves_its_input(learner):
    """The function doesn't change its argument."""
    untouched(learner.attempt("log_odds", f64(-1.0, -1e-3)))


@extra("log_odds")
@given(st.sampled_from([0.0, 0.5]))
def test_log_odds_refuses_a_certain_response(learner, logp):
    """A mean log-prob of 0 or more raises ValueError, also as one of several."""
    rejects(learner.attempt("log_odds", f64(-1.0, logp, -2.0)))


@extra("log_odds")
def test_log_odds_names_the_bad_argument(learner):
    """The message of the ValueError names mean_logps."""
    rejects(learner.attempt("log_odds", f64(0.0)), naming="mean_logps")


# --- orpo_loss


def gap_of_odds(chosen: Tensor, rejected: Tensor) -> list[float]:
    """By how much the log-odds of each chosen response are higher."""
    pairs = zip(chosen.tolist(), rejected.tolist(), strict=True)
    return [logit(c) - logit(r) for c, r in pairs]


def orpo(chosen: Tensor, rejected: Tensor, lam: float) -> Tensor:
    gaps = gap_of_odds(chosen, rejected)
    return scalar(mean(-c + lam * softplus(-d) for c, d in zip(chosen.tolist(), gaps, strict=True)))


@core("orpo_loss")
@given(LOGPS, st.sampled_from([0.1, 0.5, 2.0]))
@example((f64(math.log(0.8)), f64(math.log(0.5))), 0.5)
@example(TELLING, 0.5)
def test_orpo_loss_is_sft_and_the_odds_ratio(learner, pairs, lam):
    """The loss is the mean of -chosen - lam * log sigmoid(difference of log-odds)."""
    agree(learner.orpo_loss(*pairs, lam=lam), orpo(*pairs, lam))


@extra("orpo_loss")
@given(LOGPS)
def test_orpo_loss_without_preference_is_sft(learner, pairs):
    """At lam = 0 the rejected responses don't count, and the loss is SFT on the chosen ones."""
    agree(learner.orpo_loss(*pairs, lam=0.0), scalar(mean((-pairs[0]).tolist())))


@extra("orpo_loss")
@given(tensors(sizes(), low=-3.0, high=-0.125))
def test_orpo_loss_of_equal_responses(learner, logps):
    """Where both responses are equally likely, the preference costs lam * log 2."""
    expected = mean((-logps).tolist()) + 0.5 * math.log(2)
    agree(learner.orpo_loss(logps, logps, lam=0.5), scalar(expected))


@extra("orpo_loss", weight=2)
@given(LOGPS, st.sampled_from([0.1, 2.0]))
@example(TELLING, 0.5)
def test_orpo_loss_pulls_up_the_chosen_and_pushes_down_the_rejected(learner, pairs, lam):
    """Gradient pulls the chosen response up and pushes the rejected one down, through the odds.

    It is (-1 - lam w / (1 - p)) / B for the chosen and lam w / (1 - p) / B for the rejected one,
    where w = sigmoid(-gap of log-odds).
    """
    wrong = [sigmoid(-gap) for gap in gap_of_odds(*pairs)]
    pull, push = (
        [lam * w / -math.expm1(x) / len(wrong) for w, x in zip(wrong, logps.tolist(), strict=True)]
        for logps in pairs
    )
    chosen, rejected = learner.gradient("orpo_loss", *pairs, lam=lam, wrt=(0, 1))
    agree(chosen, f64(*(-1 / len(wrong) - x for x in pull)))
    agree(rejected, f64(*push))


@extra("orpo_loss", weight=2)
@given(st.sampled_from([(-1e4, -1.0), (-1.0, -1e4), (-1e4, -1e-15), (-1e-15, -1e4)]))
@example((-1e4, -1e-15))
@example((-1e-15, -1e-12))
def test_orpo_loss_is_stable(learner, pair):
    """From -1e4 to -1e-15 the loss and its gradients are finite, and the loss is accurate."""
    chosen, rejected = f64(pair[0]), f64(pair[1])
    agree(learner.orpo_loss(chosen, rejected, lam=0.5), orpo(chosen, rejected, 0.5), scale=1e4)
    finite(*learner.gradient("orpo_loss", chosen, rejected, lam=0.5, wrt=(0, 1)))


@extra("orpo_loss")
@given(LOGPS)
@example(TELLING)
def test_orpo_loss_of_the_swapped_pair(learner, pairs):
    """Swapping the pair costs the gap of log-probs and lam times the gap of log-odds."""
    chosen, rejected = pairs
    there = learner.orpo_loss(chosen, rejected, lam=0.5)
    back = learner.orpo_loss(rejected, chosen, lam=0.5)
    difference = mean((chosen - rejected).tolist()) + 0.5 * mean(gap_of_odds(*pairs))
    agree(back - there, scalar(difference), atol=1e-9)


@extra("orpo_loss")
def test_orpo_loss_has_the_usual_lam(learner):
    """Without a lam, 0.1 is taken."""
    agree(learner.orpo_loss(*TELLING), orpo(*TELLING, 0.1))


@extra("orpo_loss")
def test_orpo_loss_keeps_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    loss = learner.orpo_loss(*(x.float() for x in TELLING), lam=0.5)
    keeps_dtype(loss, torch.float32)
    agree(loss, orpo(*TELLING, 0.5).float())


@extra("orpo_loss")
def test_orpo_loss_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("orpo_loss", *TELLING))


# --- simpo_loss


def margins(chosen: Tensor, rejected: Tensor, beta: float, gamma: float) -> list[float]:
    return [beta * gap - gamma for gap in (chosen - rejected).tolist()]


def simpo(chosen: Tensor, rejected: Tensor, beta: float, gamma: float) -> Tensor:
    return scalar(mean(softplus(-m) for m in margins(chosen, rejected, beta, gamma)))


@core("simpo_loss")
@given(batches(2, low=-3.0, high=0.0), st.sampled_from([0.5, 2.0, 10.0]), numbers(0, 2))
@example((f64(-0.5), f64(-1.25)), 2.0, 1.0)
@example(TELLING, 2.0, 0.5)
def test_simpo_loss_asks_the_chosen_to_win_by_a_margin(learner, pairs, beta, gamma):
    """The loss is the mean of -log sigmoid(beta * (chosen - rejected) - gamma)."""
    agree(learner.simpo_loss(*pairs, beta=beta, gamma=gamma), simpo(*pairs, beta, gamma))


@extra("simpo_loss", weight=2)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0]))
def test_simpo_loss_is_stable(learner, gap):
    """For gaps of +-1e4 the loss and its gradient are finite, and accurate."""
    pairs = (f64(min(gap, 0.0)), f64(min(-gap, 0.0)))
    agree(learner.simpo_loss(*pairs, beta=1.0), scalar(max(1.0 - gap, 0.0)), scale=1e4)
    agree(learner.gradient("simpo_loss", *pairs, beta=1.0, wrt=0), f64(-float(gap < 0)))


@extra("simpo_loss", weight=2)
@given(LOGPS, st.sampled_from([0.5, 2.0]))
@example(TELLING, 2.0)
@example((f64(-0.5), f64(-0.75)), 2.0)  # margin 0, where clamp and abs have a kink
def test_simpo_loss_pushes_the_pair_apart(learner, pairs, beta):
    """The gradient is -beta * sigmoid(-margin) / B for the chosen, the opposite for the other."""
    slopes = [beta * sigmoid(-m) / len(pairs[0]) for m in margins(*pairs, beta, 0.5)]
    chosen, rejected = learner.gradient("simpo_loss", *pairs, beta=beta, gamma=0.5, wrt=(0, 1))
    agree(chosen, -f64(*slopes))
    agree(rejected, f64(*slopes))


@extra("simpo_loss")
@given(LOGPS, numbers(-5, 0))
def test_simpo_loss_sees_differences_only(learner, pairs, shift):
    """The same number added to both mean log-probs changes nothing: there is no reference."""
    chosen, rejected = pairs
    agree(learner.simpo_loss(chosen + shift, rejected + shift), simpo(*pairs, 2.0, 1.0))


@extra("simpo_loss")
@given(st.sampled_from([0.5, 2.0, 10.0]))
def test_simpo_loss_of_equal_responses(learner, beta):
    """Two equally likely responses cost -log sigmoid(-gamma), whatever beta is."""
    logps = f64(-0.5, -2.0)
    agree(learner.simpo_loss(logps, logps, beta=beta, gamma=1.5), scalar(softplus(1.5)))


@extra("simpo_loss")
def test_simpo_loss_has_the_usual_settings(learner):
    """Without further arguments beta is 2 and gamma is 1."""
    agree(learner.simpo_loss(*TELLING), simpo(*TELLING, 2.0, 1.0))


@extra("simpo_loss")
def test_simpo_loss_keeps_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    loss = learner.simpo_loss(*(x.float() for x in TELLING))
    keeps_dtype(loss, torch.float32)
    agree(loss, simpo(*TELLING, 2.0, 1.0).float())


@extra("simpo_loss")
def test_simpo_loss_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("simpo_loss", *TELLING))


# --- grpo_advantages

#: An easy prompt and a hard one; within each group the rewards are spread differently.
GROUPS = f64(3.0, 2.0, 2.5, 2.75, -1.0, 0.0, 1.0, -3.0).view(2, 4)
CONSTANT = f64(0.5, 0.5, 0.5, 0.0, 1.0, 2.0).view(2, 3)
#: What rounding may leave of a 0 that is divided by eps = 1e-6.
ROUNDING = 1e-9


def standardised(rewards: Tensor, eps: float = 1e-6) -> Tensor:
    rows = [[(r - mean(row)) / (stdev(row) + eps) for r in row] for row in rewards.tolist()]
    return tensor(rows, dtype=torch.float64)


@core("grpo_advantages")
@given(tensors(sizes(1, 3), sizes(2, 5)))
@example(f64(1.0, 2.0, 3.0)[None])
@example(f64(1.0, 0.0)[None])
@example(GROUPS)
def test_grpo_advantages_standardise_each_group(learner, rewards):
    """An advantage is (reward - mean of its row) / (std of its row + eps), the std with G - 1."""
    agree(learner.grpo_advantages(rewards), standardised(rewards), atol=ROUNDING)


@extra("grpo_advantages")
@given(st.sampled_from([0.25, 1.0, 4.0]))
def test_grpo_advantages_add_eps_to_the_std(learner, eps):
    """eps is added to the std, not to the variance."""
    agree(learner.grpo_advantages(GROUPS, eps=eps), standardised(GROUPS, eps))


@extra("grpo_advantages")
@given(st.permutations(range(4)))
def test_grpo_advantages_follow_their_responses(learner, order):
    """Reordering the responses of a group reorders their advantages, and nothing else."""
    agree(learner.grpo_advantages(GROUPS[:, order]), standardised(GROUPS)[:, order], atol=ROUNDING)


@extra("grpo_advantages", weight=2)
@given(st.sampled_from([(5.0, -2.0), (1e6 + 0.3, -1e6 / 3), (1e6 + 0.7, 1e6 + 1 / 3)]))
def test_grpo_advantages_ignore_how_easy_a_prompt_is(learner, offsets):
    """The same number added to all rewards of a group changes nothing, be it 1e6."""
    moved = GROUPS + f64(*offsets)[:, None]
    agree(learner.grpo_advantages(moved), standardised(GROUPS), scale=1e6)


@extra("grpo_advantages")
@given(st.sampled_from([0.25, 8.0]))
def test_grpo_advantages_have_no_unit(learner, unit):
    """Rewards in another unit, with eps in the same unit, have the same advantages."""
    agree(learner.grpo_advantages(GROUPS * unit, eps=0.5 * unit), standardised(GROUPS, 0.5))


@extra("grpo_advantages", weight=2)
def test_grpo_advantages_of_equal_rewards(learner):
    """A group of equal rewards gets advantages of 0, and its gradient is finite."""
    agree(learner.grpo_advantages(CONSTANT), standardised(CONSTANT), atol=ROUNDING)
    cotangent = f64(1.0, -2.0, 0.5, 1.0, 0.0, 3.0).view(2, 3)
    finite(learner.gradient("grpo_advantages", CONSTANT, wrt=0, cotangent=cotangent))


@extra("grpo_advantages", weight=2)
@given(tensors(2, 4))
@example(tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 2.0]], dtype=torch.float64))
def test_grpo_advantages_differentiate_through_mean_and_std(learner, cotangent):
    """The gradient counts that a reward also moves its group's mean and std."""
    eps, count = 0.5, GROUPS.shape[1]
    expected = []
    for weights, row in zip(cotangent.tolist(), GROUPS.tolist(), strict=True):
        spread, apart = stdev(row), [r - mean(row) for r in row]
        pull = sum(w * d for w, d in zip(weights, apart, strict=True))
        pull /= (spread + eps) * spread * (count - 1)
        expected.append(
            [
                (w - mean(weights) - pull * d) / (spread + eps)
                for w, d in zip(weights, apart, strict=True)
            ]
        )
    gradient = learner.gradient("grpo_advantages", GROUPS, eps=eps, wrt=0, cotangent=cotangent)
    agree(gradient, tensor(expected, dtype=torch.float64), atol=ROUNDING)


@extra("grpo_advantages")
def test_grpo_advantages_keep_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    advantages = learner.grpo_advantages(GROUPS.float())
    keeps_dtype(advantages, torch.float32)
    agree(advantages, standardised(GROUPS).float())


@extra("grpo_advantages")
def test_grpo_advantages_leave_their_input(learner):
    """The function doesn't change the rewards."""
    untouched(learner.attempt("grpo_advantages", GROUPS))


@extra("grpo_advantages")
@given(sizes(1, 3))
def test_grpo_advantages_refuse_a_group_of_one(learner, prompts):
    """A single response per prompt raises ValueError, for any number of prompts."""
    rejects(learner.attempt("grpo_advantages", torch.ones(prompts, 1, dtype=torch.float64)))


@extra("grpo_advantages")
def test_grpo_advantages_name_the_bad_argument(learner):
    """The message of the ValueError names rewards."""
    rejects(learner.attempt("grpo_advantages", f64(1.0, 2.0)[:, None]), naming="rewards")
