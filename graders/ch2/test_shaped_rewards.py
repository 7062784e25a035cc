"""What is true of KL-shaped rewards; every definition is written afresh here."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import sizes, tensors
from assay.judging import agree, keeps_dtype, no_gradient, rejects, untouched
from assay.properties import core, extra

INF, NAN = math.inf, math.nan


def f64(values: list) -> Tensor:
    return tensor(values, dtype=torch.float64)


@st.composite
def rollouts(draw):
    """Scores, log-probabilities, those of the reference, and a mask: prompt, response, padding."""
    batch, width = draw(sizes(1, 3)), draw(sizes(1, 4))
    begins = [draw(st.integers(0, width - 1)) for _ in range(batch)]
    ends = [draw(st.integers(begin + 1, width)) for begin in begins]
    mask = [[b <= t < e for t in range(width)] for b, e in zip(begins, ends, strict=True)]
    shape = batch, width
    return draw(tensors(batch)), draw(tensors(*shape)), draw(tensors(*shape)), tensor(mask)


BETAS = st.sampled_from([0.125, 0.5, 2.0])
#: A response between prompt and padding, one that fills its row, and one of a single token.
TELLING = (
    f64([2.0, -1.0, 0.5]),
    f64([[-1.0, -0.5, -2.0, -0.25], [-1.5, -1.0, -0.75, -3.0], [-0.5, -2.5, -1.0, -1.0]]),
    f64([[-2.0, -1.75, -1.5, -0.5], [-1.0, -1.25, -2.0, -2.5], [-1.5, -0.5, -3.0, -2.0]]),
    tensor([[False, True, True, False], [True, True, True, True], [False, True, False, False]]),
)


def shaped(scores: Tensor, logps: Tensor, refs: Tensor, mask: Tensor, beta: float) -> Tensor:
    """A fee on every response token, and the score on the last one."""
    rows = []
    for score, logp, ref, kept in zip(
        *(x.tolist() for x in (scores, logps, refs, mask)), strict=True
    ):
        pairs = zip(logp, ref, kept, strict=True)
        row = [-beta * (a - b) if keep else 0.0 for a, b, keep in pairs]
        row[max(t for t, keep in enumerate(kept) if keep)] += score
        rows.append(row)
    return f64(rows)


# --- kl_shaped_rewards


@core("kl_shaped_rewards")
@given(rollouts(), BETAS)
@example(TELLING, 0.5)
@example(tuple(x[:1] for x in TELLING), 2.0)
def test_kl_shaped_rewards_are_fees_and_a_final_score(learner, rollout, beta):
    """-beta * (logprob - ref) on response tokens, the score added at the last; 0 elsewhere."""
    agree(learner.kl_shaped_rewards(*rollout, beta), shaped(*rollout, beta))


@extra("kl_shaped_rewards", weight=2)
@given(rollouts(), BETAS)
@example(TELLING, 0.5)
def test_kl_shaped_rewards_add_up_to_the_total_reward(learner, rollout, beta):
    """A row sums to score - beta * (sum of log-ratios over its response tokens)."""
    scores, logps, refs, mask = rollout
    log_ratios = ((logps - refs) * mask).sum(1)
    rewards = learner.kl_shaped_rewards(*rollout, beta)
    agree(rewards.sum(1), scores - beta * log_ratios)


@extra("kl_shaped_rewards")
@given(st.sampled_from([(0.5, 0.25, 0.25), (0.125, 0.125, 0.75)]))
def test_kl_shaped_rewards_charge_the_kl_on_average(learner, policy):
    """The mean total over the policy's own answers is E[score] - beta * KL(policy || ref)."""
    policy, reference, scores = f64(policy), f64([0.25, 0.5, 0.25]), f64([1.0, -2.0, 3.0])
    logps, refs = policy.log()[:, None], reference.log()[:, None]
    mask = torch.ones(3, 1, dtype=torch.bool)
    totals = learner.kl_shaped_rewards(scores, logps, refs, mask, 0.5).sum(1)
    divergence = (policy * (policy.log() - reference.log())).sum()
    agree((policy * totals).sum(), (policy * scores).sum() - 0.5 * divergence)


@extra("kl_shaped_rewards", weight=2)
@given(st.sampled_from([NAN, INF, -INF]))
def test_kl_shaped_rewards_ignore_what_the_mask_hides(learner, garbage):
    """A masked position earns exactly 0 and influences nothing, even when it holds inf or nan."""
    scores, logps, refs, mask = TELLING
    rollout = scores, logps.masked_fill(~mask, garbage), refs.masked_fill(~mask, garbage), mask
    agree(learner.kl_shaped_rewards(*rollout, 0.5), shaped(*TELLING, 0.5))


@extra("kl_shaped_rewards", weight=2)
def test_kl_shaped_rewards_are_constant(learner):
    """Rewards are data: no gradient flows through them to scores or log-probabilities."""
    gradients = learner.gradient("kl_shaped_rewards", *TELLING, 0.5, wrt=(0, 1, 2))
    no_gradient(*gradients)


@extra("kl_shaped_rewards")
def test_kl_shaped_rewards_cost_nothing_at_the_reference(learner):
    """With beta = 0, or where policy and reference agree, only the score is left."""
    scores, logps, _, mask = TELLING
    expected = f64([[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, -1.0], [0.0, 0.5, 0.0, 0.0]])
    agree(learner.kl_shaped_rewards(*TELLING, 0.0), expected)
    agree(learner.kl_shaped_rewards(scores, logps, logps, mask, 0.5), expected)


@extra("kl_shaped_rewards")
def test_kl_shaped_rewards_find_the_last_token_behind_a_gap(learner):
    """The score goes to the last marked position, also where the marks have a gap."""
    rollout = (*TELLING[:3], tensor([[1, 0, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0]]).bool())
    agree(learner.kl_shaped_rewards(*rollout, 0.5), shaped(*rollout, 0.5))


@extra("kl_shaped_rewards")
@given(st.sampled_from([torch.int64, torch.float64, torch.float32]))
def test_kl_shaped_rewards_take_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    rewards = learner.kl_shaped_rewards(*TELLING[:3], TELLING[3].to(kind), 0.5)
    agree(rewards, shaped(*TELLING, 0.5))


@extra("kl_shaped_rewards")
def test_kl_shaped_rewards_keep_float32(learner):
    """float32 in, float32 out."""
    floats = [x.float() for x in TELLING[:3]]
    keeps_dtype(learner.kl_shaped_rewards(*floats, TELLING[3], 0.5), torch.float32)


@extra("kl_shaped_rewards")
@given(st.sampled_from([0, 2]))
def test_kl_shaped_rewards_refuse_a_row_without_response(learner, row):
    """A row of the mask that marks nothing raises ValueError."""
    mask = TELLING[3].clone()
    mask[row] = False
    rejects(learner.attempt("kl_shaped_rewards", *TELLING[:3], mask, 0.5))


@extra("kl_shaped_rewards")
def test_kl_shaped_rewards_name_the_bad_argument(learner):
    """The message of the ValueError names mask."""
    mask = torch.zeros_like(TELLING[3])
    rejects(learner.attempt("kl_shaped_rewards", *TELLING[:3], mask, 0.5), naming="mask")


@extra("kl_shaped_rewards")
def test_kl_shaped_rewards_leave_their_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("kl_shaped_rewards", *TELLING, 0.5))
