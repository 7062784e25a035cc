"""What is true of DPO. Every definition here is written independently of the reference solution."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import batches, distributions, masks, numbers, sizes, tensors
from assay.judging import (
    agree,
    detached,
    finite,
    keeps_dtype,
    no_gradient,
    rejects,
    require,
    untouched,
)
from assay.properties import core, extra

BETAS = st.sampled_from([0.1, 0.5, 1.0, 2.0])
PAIRS = batches(4)  # policy chosen, policy rejected, reference chosen, reference rejected
INF, NAN = float("inf"), float("nan")


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


#: Two pairs, one ranked right and one wrong, whose reference is not zero.
TELLING = (f64(-2.0, -5.0), f64(-4.0, -3.0), f64(-2.5, -4.0), f64(-3.0, -4.5))


def margins(pairs: tuple[Tensor, ...], beta: float) -> Tensor:
    """h of each pair."""
    pw, pl, rw, rl = pairs
    return beta * ((pw - pl) - (rw - rl))


def softplus(x: Tensor) -> Tensor:
    """log(1 + e^x), the stable way; -log sigmoid(h) is softplus(-h)."""
    return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))


# --- sequence_logprobs
# -----------------------------------------------------------------------------------


@st.composite
def masked_tokens(draw):
    shape = draw(sizes()), draw(sizes(1, 5))
    return draw(tensors(*shape)), draw(masks(*shape))


@core("sequence_logprobs")
@given(masked_tokens())
@example((f64(-1.0, -2.0, -4.0)[None], tensor([[False, True, True]])))
def test_sequence_logprobs_is_the_masked_sum(learner, tokens):
    """The log-probability of a response is the sum over its unmasked tokens, row by row."""
    logps, mask = tokens
    rows = zip(logps.tolist(), mask.tolist(), strict=True)
    expected = [sum(x for x, keep in zip(*row, strict=True) if keep) for row in rows]
    agree(learner.sequence_logprobs(logps, mask), f64(*expected))


@extra("sequence_logprobs", weight=2)
@given(st.sampled_from([INF, -INF, NAN]))
def test_sequence_logprobs_ignores_what_a_mask_hides(learner, garbage):
    """A masked position never influences the sum or its gradient, even when it holds inf or nan."""
    logps, mask = f64(-1.0, garbage, -2.0)[None], tensor([[True, False, True]])
    agree(learner.sequence_logprobs(logps, mask), f64(-3.0))
    agree(learner.gradient("sequence_logprobs", logps, mask, wrt=0), f64(1.0, 0.0, 1.0)[None])


@extra("sequence_logprobs")
@given(st.sampled_from([torch.bool, torch.int64, torch.float64]))
def test_sequence_logprobs_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    mask = tensor([[1, 0], [1, 1]]).to(kind)
    agree(learner.sequence_logprobs(f64(-1.0, -2.0, -4.0, -8.0).view(2, 2), mask), f64(-1.0, -12.0))


@extra("sequence_logprobs")
def test_sequence_logprobs_of_an_empty_response(learner):
    """A row without any token has log-probability 0, and still a graph."""
    logps, mask = f64(-1.0, -2.0)[None], tensor([[False, False]])
    agree(learner.sequence_logprobs(logps, mask), f64(0.0))
    agree(learner.gradient("sequence_logprobs", logps, mask, wrt=0), f64(0.0, 0.0)[None])


@extra("sequence_logprobs")
def test_sequence_logprobs_keeps_float32(learner):
    """float32 log-probabilities give a float32 result, also under a float64 mask."""
    logps, mask = tensor([[-1.0, -2.0]]), f64(1.0, 1.0)[None]
    keeps_dtype(learner.sequence_logprobs(logps, mask), torch.float32)


@extra("sequence_logprobs")
def test_sequence_logprobs_leaves_its_input(learner):
    """The function changes neither the log-probabilities nor the mask."""
    untouched(learner.attempt("sequence_logprobs", f64(-1.0, -2.0)[None], tensor([[True, False]])))


# --- implicit_reward
# -------------------------------------------------------------------------------------


@core("implicit_reward")
@given(batches(2), BETAS)
@example((f64(-3.0), f64(-4.0)), 0.5)
def test_implicit_reward_is_the_scaled_log_ratio(learner, logps, beta):
    """The implicit reward is beta times the log-ratio of policy and reference."""
    policy, reference = logps
    expected = [beta * (p - r) for p, r in zip(policy.tolist(), reference.tolist(), strict=True)]
    agree(learner.implicit_reward(policy, reference, beta=beta), f64(*expected))


@extra("implicit_reward")
def test_implicit_reward_has_the_usual_beta(learner):
    """Without a beta, 0.1 is taken."""
    agree(learner.implicit_reward(f64(-1.0), f64(-3.0)), f64(0.2))


@extra("implicit_reward")
def test_implicit_reward_moves_with_the_policy(learner):
    """The gradient by the policy's log-probability is beta."""
    agree(
        learner.gradient("implicit_reward", f64(-1.0, 2.0), f64(0.0, 0.0), 0.5, wrt=0),
        f64(0.5, 0.5),
    )


@extra("implicit_reward", weight=2)
def test_implicit_reward_treats_the_reference_as_constant(learner):
    """No gradient reaches the reference."""
    no_gradient(learner.gradient("implicit_reward", f64(-1.0), f64(-2.0), 0.5, wrt=1))


@extra("implicit_reward")
def test_implicit_reward_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.implicit_reward(tensor([-1.0]), tensor([-2.0])), torch.float32)


@extra("implicit_reward")
def test_implicit_reward_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("implicit_reward", f64(-1.0, 0.5), f64(-2.0, 0.0)))


# --- dpo_loss
# --------------------------------------------------------------------------------------------


@core("dpo_loss")
@given(PAIRS, BETAS)
@example((f64(1.0), f64(-0.5), f64(0.0), f64(0.0)), 0.5)
@example(TELLING, 0.5)
def test_dpo_loss_is_bradley_terry_on_implicit_rewards(learner, pairs, beta):
    """The loss is the mean of -log sigmoid(h), h = beta * (log-ratio of chosen - log-ratio of
    rejected).
    """
    agree(learner.dpo_loss(*pairs, beta=beta), softplus(-margins(pairs, beta)).mean())


@core("dpo_loss")
def test_dpo_loss_of_an_untrained_policy(learner):
    """Where the policy equals the reference, the loss is log 2, however unlike the two responses
    are.
    """
    chosen, rejected = f64(-2.0, -9.0), f64(-6.0, -1.0)
    agree(learner.dpo_loss(chosen, rejected, chosen, rejected), f64(math.log(2))[0])


@extra("dpo_loss", weight=2)
@given(PAIRS, st.sampled_from([0.1, 0.25, 0.4]))
@example(TELLING, 0.25)
def test_dpo_loss_smooths_labels(learner, pairs, s):
    """Smoothing s mixes in the loss of the swapped pair: (1 - s) * loss(h) + s * loss(-h)."""
    h = margins(pairs, 0.5)
    expected = ((1 - s) * softplus(-h) + s * softplus(h)).mean()
    agree(learner.dpo_loss(*pairs, beta=0.5, label_smoothing=s), expected)


@extra("dpo_loss", weight=2)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0]), st.sampled_from([0.0, 0.25]))
def test_dpo_loss_is_stable(learner, h, s):
    """For h of +-1e4 the loss and its gradient are finite, and accurate."""
    zero = f64(0.0)
    pairs, expected = (f64(h), zero, zero, zero), (1 - s) * max(-h, 0.0) + s * max(h, 0.0)
    agree(learner.dpo_loss(*pairs, beta=1.0, label_smoothing=s), f64(expected)[0], scale=abs(h))
    gradient = learner.gradient("dpo_loss", *pairs, beta=1.0, label_smoothing=s, wrt=0)
    finite(gradient)
    agree(gradient, f64(s - (h < 0)), scale=abs(h))


@extra("dpo_loss", weight=2)
@given(PAIRS, BETAS)
@example(TELLING, 0.5)
def test_dpo_loss_pushes_the_pair_apart(learner, pairs, beta):
    """The gradient is -beta * sigmoid(-h) / B for the chosen response, and its opposite for the
    rejected.
    """
    expected = -beta * torch.sigmoid(-margins(pairs, beta)) / len(pairs[0])
    chosen, rejected = learner.gradient("dpo_loss", *pairs, beta=beta, wrt=(0, 1))
    agree(chosen, expected)
    agree(rejected, -expected)


@extra("dpo_loss", weight=2)
@given(st.sampled_from([0.0, 0.25]))
def test_dpo_loss_treats_the_reference_as_constant(learner, s):
    """No gradient reaches the log-probabilities of the reference."""
    no_gradient(*learner.gradient("dpo_loss", *TELLING, label_smoothing=s, wrt=(2, 3)))


@extra("dpo_loss")
@given(PAIRS, numbers(-5, 5))
def test_dpo_loss_does_not_see_a_common_shift(learner, pairs, shift):
    """A constant that is added to both of a pair's policy log-probabilities cancels."""
    pw, pl, rw, rl = pairs
    agree(learner.dpo_loss(pw + shift, pl + shift, rw, rl), learner.dpo_loss(*pairs))


@extra("dpo_loss")
def test_dpo_loss_has_the_usual_beta(learner):
    """Without a beta, 0.1 is taken."""
    agree(learner.dpo_loss(*TELLING), softplus(-margins(TELLING, 0.1)).mean())


@extra("dpo_loss")
def test_dpo_loss_keeps_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    loss = learner.dpo_loss(*(x.float() for x in TELLING), beta=0.5)
    keeps_dtype(loss, torch.float32)
    agree(loss, softplus(-margins(TELLING, 0.5)).mean().float())


@extra("dpo_loss")
def test_dpo_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("dpo_loss", *TELLING))


BAD_DPO_ARGUMENTS = st.sampled_from(
    [{"beta": 0.0}, {"beta": -0.1}, {"label_smoothing": 0.5}, {"label_smoothing": -0.1}]
)


@extra("dpo_loss")
@given(BAD_DPO_ARGUMENTS)
def test_dpo_loss_refuses_bad_arguments(learner, bad):
    """beta <= 0 and label_smoothing outside [0, 0.5) raise ValueError."""
    rejects(learner.attempt("dpo_loss", *TELLING, **bad))


@extra("dpo_loss")
@given(BAD_DPO_ARGUMENTS)
def test_dpo_loss_names_the_bad_argument(learner, bad):
    """The message of the ValueError names the argument that is wrong."""
    rejects(learner.attempt("dpo_loss", *TELLING, **bad), naming=next(iter(bad)))


# --- dpo_gradient_weight
# ---------------------------------------------------------------------------------


@core("dpo_gradient_weight")
@given(PAIRS, BETAS)
@example(TELLING, 0.5)
def test_dpo_gradient_weight_is_the_probability_of_the_wrong_order(learner, pairs, beta):
    """The weight of a pair is sigmoid(implicit reward of rejected - implicit reward of chosen)."""
    expected = [1 / (1 + math.exp(h)) for h in margins(pairs, beta).tolist()]
    agree(learner.dpo_gradient_weight(*pairs, beta=beta), f64(*expected))


@extra("dpo_gradient_weight")
@given(st.sampled_from([1e4, -1e4, 800.0]))
def test_dpo_gradient_weight_is_stable(learner, h):
    """For rewards that are 1e4 apart the weight is 0 or 1, never nan."""
    zero = f64(0.0)
    agree(learner.dpo_gradient_weight(f64(h), zero, zero, zero, beta=1.0), f64(h < 0))


@extra("dpo_gradient_weight")
def test_dpo_gradient_weight_carries_no_gradient(learner):
    """The weight is a diagnostic: no gradient flows through it."""
    no_gradient(*learner.gradient("dpo_gradient_weight", *TELLING, wrt=(0, 1, 2, 3)))


@extra("dpo_gradient_weight")
def test_dpo_gradient_weight_has_the_usual_beta(learner):
    """Without a beta, 0.1 is taken."""
    agree(learner.dpo_gradient_weight(*TELLING), torch.sigmoid(-margins(TELLING, 0.1)))


@extra("dpo_gradient_weight")
def test_dpo_gradient_weight_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.dpo_gradient_weight(*(x.float() for x in TELLING)), torch.float32)


@extra("dpo_gradient_weight")
def test_dpo_gradient_weight_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("dpo_gradient_weight", *TELLING))


# --- ipo_loss
# --------------------------------------------------------------------------------------------


@core("ipo_loss")
@given(PAIRS, st.sampled_from([0.1, 0.25, 1.0]))
@example(TELLING, 0.25)
def test_ipo_loss_is_the_squared_distance_to_the_target(learner, pairs, tau):
    """The loss is the mean of (gap of log-ratios - 1 / (2 tau)) squared."""
    gaps = margins(pairs, 1.0).tolist()
    expected = sum((gap - 0.5 / tau) ** 2 for gap in gaps) / len(gaps)
    agree(learner.ipo_loss(*pairs, tau=tau), f64(expected)[0])


@extra("ipo_loss", weight=2)
@given(PAIRS)
@example(TELLING)
def test_ipo_loss_pulls_to_the_target_from_both_sides(learner, pairs):
    """The gradient by the chosen log-probability is 2 (gap - target) / B: it pulls back beyond the
    target.
    """
    expected = 2 * (margins(pairs, 1.0) - 1.0) / len(pairs[0])
    chosen, rejected = learner.gradient("ipo_loss", *pairs, tau=0.5, wrt=(0, 1))
    agree(chosen, expected)
    agree(rejected, -expected)


@extra("ipo_loss", weight=2)
def test_ipo_loss_treats_the_reference_as_constant(learner):
    """No gradient reaches the log-probabilities of the reference."""
    no_gradient(*learner.gradient("ipo_loss", *TELLING, wrt=(2, 3)))


@extra("ipo_loss")
def test_ipo_loss_has_the_usual_tau(learner):
    """Without a tau, 0.1 is taken: the target is 5."""
    agree(learner.ipo_loss(*TELLING), (margins(TELLING, 1.0) - 5.0).square().mean())


@extra("ipo_loss")
def test_ipo_loss_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.ipo_loss(*(x.float() for x in TELLING)), torch.float32)


@extra("ipo_loss")
def test_ipo_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("ipo_loss", *TELLING))


@extra("ipo_loss")
@given(st.sampled_from([0.0, -0.5]))
def test_ipo_loss_refuses_a_bad_tau(learner, tau):
    """tau <= 0 raises ValueError."""
    rejects(learner.attempt("ipo_loss", *TELLING, tau=tau))


@extra("ipo_loss")
def test_ipo_loss_names_the_bad_argument(learner):
    """The message of the ValueError names tau."""
    rejects(learner.attempt("ipo_loss", *TELLING, tau=-1.0), naming="tau")


# --- reward_from_policy
# ----------------------------------------------------------------------------------


@st.composite
def policies(draw):
    size = draw(sizes(2, 5))
    return tuple(torch.from_numpy(draw(distributions(size))) for _ in range(2))


@core("reward_from_policy")
@given(policies(), BETAS)
@example((f64(0.8, 0.2), f64(0.5, 0.5)), 1.0)
def test_reward_from_policy_is_the_scaled_log_ratio(learner, pair, beta):
    """The reward is beta * log(pi / ref)."""
    policy, reference = pair
    ratios = zip(policy.tolist(), reference.tolist(), strict=True)
    agree(
        learner.reward_from_policy(policy, reference, beta),
        f64(*(beta * math.log(p / q) for p, q in ratios)),
    )


@extra("reward_from_policy", weight=2)
@given(tensors(sizes(2, 5)), BETAS)
def test_reward_from_policy_inverts_the_tilt(learner, reward, beta):
    """From the optimum for a reward, that reward comes back up to one constant."""
    reference = torch.softmax(torch.arange(len(reward), dtype=torch.float64), -1)
    optimum = torch.softmax(reference.log() + reward / beta, -1)
    found = learner.reward_from_policy(optimum, reference, beta)
    agree(found - found[0], reward - reward[0], atol=1e-9)


@extra("reward_from_policy")
@given(policies(), BETAS)
def test_reward_from_policy_fixes_the_constant(learner, pair, beta):
    """The constant is fixed so that sum ref * exp(r / beta) = 1."""
    reward = learner.reward_from_policy(*pair, beta)
    agree((pair[1] * torch.exp(reward / beta)).sum(), f64(1.0)[0], atol=1e-9)


@extra("reward_from_policy")
def test_reward_from_policy_of_an_impossible_response(learner):
    """A response that the policy never gives has reward -inf; the others are as usual."""
    reward = learner.reward_from_policy(f64(1.0, 0.0), f64(0.5, 0.5), 2.0)
    agree(reward, f64(2 * math.log(2), -INF))


@extra("reward_from_policy")
def test_reward_from_policy_of_tiny_probabilities(learner):
    """Probabilities of 1e-300 are no trouble."""
    reward = learner.reward_from_policy(f64(1e-300, 1.0), f64(1.0, 1e-300), 1.0)
    agree(reward, f64(-300 * math.log(10), 300 * math.log(10)))


@extra("reward_from_policy")
def test_reward_from_policy_takes_leading_dimensions(learner):
    """(..., V) means any number of leading dimensions."""
    policy = f64(0.75, 0.25, 0.5, 0.5).view(2, 1, 2)
    reference = torch.full((2, 1, 2), 0.5, dtype=torch.float64)
    agree(learner.reward_from_policy(policy, reference, 1.0), torch.log(2 * policy))


@extra("reward_from_policy")
def test_reward_from_policy_keeps_float32_and_the_graph(learner):
    """float32 stays float32, and the gradient by the policy is beta / pi."""
    policy, reference = tensor([0.75, 0.25]), tensor([0.5, 0.5])
    keeps_dtype(learner.reward_from_policy(policy, reference, 1.0), torch.float32)
    gradient = learner.gradient("reward_from_policy", policy, reference, 0.5, wrt=0)
    agree(gradient, tensor([0.5 / 0.75, 2.0]))


@extra("reward_from_policy")
def test_reward_from_policy_leaves_its_input(learner):
    """The function changes neither argument, a probability of 0 included."""
    untouched(learner.attempt("reward_from_policy", f64(1.0, 0.0), f64(0.5, 0.5), 1.0))


# --- train_dpo
# -------------------------------------------------------------------------------------------


def entropy(p: float) -> float:
    """The least that the loss of comparisons won with frequency p can be."""
    return -(p * math.log(p) + (1 - p) * math.log(1 - p))


def logits_fit(logits: Tensor, reference: Tensor) -> None:
    """The result is a tensor of one logit per response."""
    require(
        isinstance(logits, Tensor) and logits.shape == reference.shape,
        "the result should be a tensor of shape (V,)",
        returned=logits,
    )


def trained_loss(logits: Tensor, reference: Tensor, wins: Tensor, losses: Tensor) -> float:
    """The DPO loss at beta 0.1 of a table of logits."""
    logits_fit(logits, reference)
    pairs = logits[wins], logits[losses], reference[wins], reference[losses]
    return float(softplus(-margins(pairs, 0.1)).mean())


def pairs_of(*counts: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """(winner, loser, how often) as index pairs."""
    wins = [w for w, _, n in counts for _ in range(n)]
    losses = [loser for _, loser, n in counts for _ in range(n)]
    return tensor(wins), tensor(losses)


def adam(margin: float, wins: int, losses: int, beta: float, lr: float, steps: int) -> float:
    """The gap of two logits after training from `margin`, step by step in plain numbers."""
    gap, first, second = margin, 0.0, 0.0
    for step in range(1, steps + 1):
        h = beta * (gap - margin)
        # the gradient of the winner's logit; the loser's is its opposite
        slope = beta * (losses / (1 + math.exp(-h)) - wins / (1 + math.exp(h))) / (wins + losses)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        size = math.sqrt(second / (1 - 0.999**step)) + 1e-8
        gap -= 2 * lr * first / (1 - 0.9**step) / size
    return gap


@core("train_dpo")
@given(numbers(-2, 2), st.booleans())
@example(1.5, True)
def test_train_dpo_walks_from_the_reference(learner, start, up):
    """Training starts at the reference; it moves the winner's logit up and the loser's down."""
    reference = f64(start, 0.5)
    winner, loser = (0, 1) if up else (1, 0)
    logits = learner.train_dpo(reference, *pairs_of((winner, loser, 1)), steps=1)
    logits_fit(logits, reference)
    moved = (logits - reference).tolist()
    require(
        0 < moved[winner] < 2 and -2 < moved[loser] < 0,
        "after one step from the reference, the winner's logit should be a little higher and the "
        "loser's a little lower",
        returned=logits,
    )


@core("train_dpo")
def test_train_dpo_ranks_three_responses(learner):
    """With odds that fit a ranking, training finds the rewards behind them: beta times the change
    of a gap is the log-odds of the comparisons.
    """
    reference = f64(1.0, 0.0, -1.0)
    chosen, rejected = pairs_of((0, 1, 2), (1, 0, 1), (1, 2, 2), (2, 1, 1), (0, 2, 4), (2, 0, 1))
    logits = learner.train_dpo(reference, chosen, rejected)
    loss = trained_loss(logits, reference, chosen, rejected)
    agree(loss, (6 * entropy(2 / 3) + 5 * entropy(4 / 5)) / 11, atol=1e-3)
    reward = 0.1 * (logits - reference)
    gaps = f64(reward[0] - reward[1], reward[1] - reward[2])
    agree(gaps, f64(math.log(2), math.log(2)), atol=0.15)


@extra("train_dpo", weight=2)
def test_train_dpo_arrives_at_hard_odds(learner):
    """Ten to one, ten responses in a chain: the loss is within 1e-3 of its minimum."""
    chain = [(i, i + 1, 10) for i in range(9)] + [(i + 1, i, 1) for i in range(9)]
    chosen, rejected = pairs_of(*chain)
    reference = torch.linspace(-2, 2, 10, dtype=torch.float64)
    logits = learner.train_dpo(reference, chosen, rejected)
    agree(trained_loss(logits, reference, chosen, rejected), entropy(10 / 11), atol=1e-3)


@extra("train_dpo")
def test_train_dpo_leaves_an_uncompared_response(learner):
    """A response that is in no pair keeps its logit to the last bit."""
    reference = f64(0.25, -0.5, 7.125)
    logits = learner.train_dpo(reference, *pairs_of((0, 1, 2), (1, 0, 1)), steps=20)
    require(bool(logits[2] == reference[2]), "logit 2 moved", returned=logits, expected=reference)


@extra("train_dpo")
@given(st.sampled_from([0.05, 0.5]))
def test_train_dpo_steps_with_adam(learner, lr):
    """The first step of Adam moves each compared logit by lr, up for the winner and down for the
    loser.
    """
    reference = f64(1.0, -1.0)
    logits = learner.train_dpo(reference, *pairs_of((0, 1, 1)), lr=lr, steps=1)
    agree(logits, f64(1.0 + lr, -1.0 - lr), atol=1e-4)


@extra("train_dpo")
def test_train_dpo_has_the_usual_settings(learner):
    """Without a beta and an lr, 0.1 and 1.0 are taken."""
    pairs = pairs_of((0, 1, 3), (1, 0, 1))
    logits = learner.train_dpo(f64(1.0, -1.0), *pairs, steps=20)
    agree(float(logits[0] - logits[1]), adam(2.0, 3, 1, 0.1, 1.0, 20), atol=1e-4)


@extra("train_dpo")
def test_train_dpo_uses_beta(learner):
    """A larger beta needs a smaller change of the gap for the same odds."""
    pairs = pairs_of((0, 1, 3), (1, 0, 1))
    logits = learner.train_dpo(f64(0.0, 0.0), *pairs, beta=1.0, lr=0.1, steps=40)
    agree(float(logits[0] - logits[1]), adam(0.0, 3, 1, 1.0, 0.1, 40), atol=1e-4)


@extra("train_dpo")
def test_train_dpo_without_steps_returns_a_copy(learner):
    """steps=0 returns the reference's logits as they are."""
    reference = f64(0.5, -0.25)
    agree(learner.train_dpo(reference, *pairs_of((0, 1, 1)), steps=0), reference)


@extra("train_dpo")
def test_train_dpo_leaves_the_reference(learner):
    """ref_logits are not trained: they stay what they were."""
    untouched(learner.attempt("train_dpo", f64(0.5, -0.25), *pairs_of((0, 1, 1)), steps=2))


@extra("train_dpo")
def test_train_dpo_returns_detached_float32(learner):
    """float32 logits give float32 logits, without a graph to the reference."""
    args = tensor([0.5, -0.25]), *pairs_of((0, 1, 1))
    keeps_dtype(learner.train_dpo(*args, steps=2), torch.float32)
    detached(learner.attempt("train_dpo", *args, steps=2))
    no_gradient(learner.gradient("train_dpo", *args, steps=2, wrt=0))
