"""What is true of advantages, whitening and the critic's loss, each written independently."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import masks, numbers, sizes, tensors
from assay.judging import agree, finite, keeps_dtype, no_gradient, require, untouched
from assay.properties import core, extra

INF, NAN = float("inf"), float("nan")
GARBAGE = st.sampled_from([INF, -INF, NAN])
MASK_KINDS = st.sampled_from([torch.bool, torch.int64, torch.float64])
LAMBDAS = st.sampled_from([0.0, 0.5, 0.95, 1.0])
GAMMAS = st.sampled_from([1.0, 0.9, 0.5])


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


# --- gae --------------------------------------------------------------------------------------


@st.composite
def episodes(draw):
    """(rewards, values, mask): rows with a contiguous response that may start late or be empty."""
    rows, columns = draw(sizes(1, 3)), draw(sizes(1, 4))
    mask = torch.zeros(rows, columns, dtype=torch.bool)
    for row in range(rows):
        start = draw(st.integers(0, columns - 1))
        mask[row, start : draw(st.integers(start, columns))] = True
    mask[0, 0] = mask[0, 0] or not bool(mask.any())
    return draw(tensors(rows, columns)), draw(tensors(rows, columns)), mask


#: A prompt before the first response, padding behind the second, and no response in the third.
BATCH = (
    f64(5.0, 0.0, 1.0, 0.5, -1.0, 7.0, 3.0, 3.0, 3.0).view(3, 3),
    f64(2.0, 0.5, 0.75, 0.25, 1.5, 9.0, 1.0, 1.0, 1.0).view(3, 3),
    tensor([[False, True, True], [True, True, False], [False, False, False]]),
)


def advantages_of(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """The definition as a sum: A_t = sum over later steps k of (gamma * lam)^k * delta_(t + k)."""
    advantages, returns = torch.zeros_like(values), torch.zeros_like(values)
    for row in range(len(values)):
        steps = [t for t in range(values.shape[1]) if mask[row, t]]
        r = [float(rewards[row, t]) for t in steps]
        v = [float(values[row, t]) for t in steps] + [0.0]
        deltas = [r[k] + gamma * v[k + 1] - v[k] for k in range(len(steps))]
        for k, t in enumerate(steps):
            credit = sum((gamma * lam) ** j * d for j, d in enumerate(deltas[k:]))
            advantages[row, t], returns[row, t] = credit, credit + v[k]
    return advantages, returns


@core("gae")
@given(episodes(), GAMMAS, LAMBDAS)
@example(BATCH, 1.0, 0.5)
@example(BATCH, 0.5, 0.95)
def test_gae_discounts_the_surprises_to_come(learner, episode, gamma, lam):
    """The advantage is the sum of the surprises from here on, each discounted by gamma * lam per
    step, and the return is the advantage plus the value.
    """
    agree(learner.gae(*episode, gamma=gamma, lam=lam), advantages_of(*episode, gamma, lam))


@extra("gae")
@given(episodes(), GAMMAS)
@example(BATCH, 0.5)
def test_gae_trusts_the_critic_at_lambda_0(learner, episode, gamma):
    """At lam = 0 the advantage is one step's surprise: r + gamma * V(next) - V."""
    rewards, values, mask = episode
    following = torch.cat([values * mask, torch.zeros_like(values[:, :1])], 1)[:, 1:]
    advantages, _ = learner.gae(*episode, gamma=gamma, lam=0.0)
    agree(advantages, (rewards + gamma * following - values) * mask)


@extra("gae")
@given(episodes(), GAMMAS)
@example(BATCH, 0.5)
def test_gae_trusts_the_rewards_at_lambda_1(learner, episode, gamma):
    """At lam = 1 the return is the discounted sum of the rewards, whatever the critic says."""
    rewards, values, mask = episode
    _, returns = learner.gae(rewards, values, mask, gamma=gamma, lam=1.0)
    expected = torch.zeros_like(rewards)
    to_come = torch.zeros(len(rewards), dtype=torch.float64)
    for t in reversed(range(rewards.shape[1])):
        to_come = torch.where(mask[:, t], rewards[:, t] + gamma * to_come, 0.0)
        expected[:, t] = to_come
    agree(returns, expected, atol=1e-9)


@extra("gae")
@given(episodes(), LAMBDAS)
def test_gae_is_linear(learner, episode, lam):
    """Twice the rewards and values give twice the advantages and returns."""
    rewards, values, mask = episode
    doubled = learner.gae(2 * rewards, 2 * values, mask, lam=lam)
    agree(doubled, [2 * x for x in learner.gae(*episode, lam=lam)])


@extra("gae")
@given(tensors(1, 4), tensors(1, 4), tensors(1, 5), GAMMAS, LAMBDAS)
def test_gae_does_not_see_a_potential(learner, rewards, values, phi, gamma, lam):
    """Rewards shaped by a potential, gamma * phi(next) - phi, together with values less phi, leave
    every advantage as it was.
    """
    mask = torch.ones(1, 4, dtype=torch.bool)
    phi = phi.clone()
    phi[:, -1] = 0.0
    shaped = rewards + gamma * phi[:, 1:] - phi[:, :-1]
    before, _ = learner.gae(rewards, values, mask, gamma=gamma, lam=lam)
    after, _ = learner.gae(shaped, values - phi[:, :-1], mask, gamma=gamma, lam=lam)
    agree(after, before, atol=1e-9)


@extra("gae", weight=2)
@given(GARBAGE, st.integers(0, 1))
def test_gae_ignores_what_a_mask_hides(learner, garbage, where):
    """Garbage before and behind a response counts for nothing, and the result is 0 there."""
    episode = [x.clone() for x in BATCH]
    episode[where][~BATCH[2]] = garbage
    agree(learner.gae(*episode, lam=0.5), advantages_of(*BATCH, 1.0, 0.5))


@extra("gae")
def test_gae_of_no_response(learner):
    """Rows without response tokens give zeros."""
    rewards, values, mask = BATCH
    zeros = torch.zeros_like(values)
    agree(learner.gae(rewards, values, torch.zeros_like(mask)), (zeros, zeros))


@extra("gae")
def test_gae_has_the_usual_settings(learner):
    """Without a gamma and a lam, 1 and 0.95 are taken."""
    agree(learner.gae(*BATCH), advantages_of(*BATCH, 1.0, 0.95))


@extra("gae", weight=2)
def test_gae_gives_targets_without_gradient(learner):
    """No gradient flows through the advantages or the returns: they are targets."""
    no_gradient(*learner.gradient("gae", *BATCH, wrt=(0, 1), output=0))
    no_gradient(*learner.gradient("gae", *BATCH, wrt=(0, 1), output=1))


@extra("gae")
@given(MASK_KINDS)
def test_gae_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    rewards, values, mask = BATCH
    agree(learner.gae(rewards, values, mask.to(kind), lam=0.5), advantages_of(*BATCH, 1.0, 0.5))


@extra("gae")
def test_gae_keeps_float32(learner):
    """float32 in, float32 out, also under a float64 mask."""
    rewards, values, mask = BATCH
    for result in learner.gae(rewards.float(), values.float(), mask.double()):
        keeps_dtype(result, torch.float32)


@extra("gae")
def test_gae_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("gae", *BATCH))


# --- whiten -----------------------------------------------------------------------------------


@st.composite
def masked(draw):
    shape = draw(sizes(1, 3)), draw(sizes(1, 4))
    return draw(tensors(*shape)), draw(masks(*shape, at_least=1))


#: Rows of unequal length and unequal mean, so that whitening them one by one would differ.
UNEVEN = (
    f64(1.0, 2.0, 4.0, -3.0, 8.0, 8.0).view(2, 3),
    tensor([[True, True, True], [True, False, False]]),
)


def whitened(x: Tensor, mask: Tensor) -> Tensor:
    kept = [float(v) for v in x[mask]]
    mean = math.fsum(kept) / len(kept)
    variance = math.fsum((v - mean) ** 2 for v in kept) / len(kept)
    rows = zip(x.tolist(), mask.tolist(), strict=True)
    return torch.tensor(
        [
            [
                (v - mean) / math.sqrt(variance + 1e-8) if keep else 0.0
                for v, keep in zip(*row, strict=True)
            ]
            for row in rows
        ],
        dtype=torch.float64,
    )


@core("whiten")
@given(masked())
@example(UNEVEN)
def test_whiten_gives_mean_0_and_variance_1(learner, case):
    """Every masked entry becomes (x - mean) / sqrt(biased variance + 1e-8), all others 0."""
    agree(learner.whiten(*case), whitened(*case), atol=1e-9)


@extra("whiten", weight=2)
def test_whiten_adds_epsilon_inside_the_root(learner):
    """The 1e-8 stands under the root: it counts where the variance is 1e-8 itself."""
    x = f64(1e-4, -1e-4)[None]
    agree(learner.whiten(x, torch.ones(1, 2)), f64(math.sqrt(0.5), -math.sqrt(0.5))[None])


@extra("whiten")
@given(st.sampled_from([1e8, -1e8]))
def test_whiten_does_not_see_an_offset(learner, offset):
    """A large number added to every entry changes nothing: the digits are not lost."""
    x, mask = f64(0.1, 0.7, 2.9, -1.3)[None], torch.ones(1, 4, dtype=torch.bool)
    agree(learner.whiten(x + offset, mask), whitened(x, mask), rtol=1e-6)


@extra("whiten", weight=2)
@given(GARBAGE)
def test_whiten_ignores_what_a_mask_hides(learner, garbage):
    """Garbage under the mask counts for nothing: result and gradient are exactly 0 there."""
    x, mask = UNEVEN[0].clone(), UNEVEN[1]
    x[~mask] = garbage
    agree(learner.whiten(x, mask), whitened(*UNEVEN), atol=1e-9)
    cotangent = f64(1.0, -2.0, 0.5, 3.0, 5.0, 5.0).view(2, 3)
    gradient = learner.gradient("whiten", x, mask, wrt=0, cotangent=cotangent)
    finite(gradient)
    require(not bool(gradient[~mask].any()), "a hidden entry has a gradient", returned=gradient)


@extra("whiten")
@given(st.sampled_from([0, 1]))
def test_whiten_of_almost_nothing(learner, entries):
    """An empty mask and a single entry give 0 everywhere, with a graph."""
    x = f64(7.0, 3.0)[None]
    mask = tensor([[entries == 1, False]])
    agree(learner.whiten(x, mask), torch.zeros_like(x))
    agree(learner.gradient("whiten", x, mask, wrt=0), torch.zeros_like(x))


@extra("whiten")
def test_whiten_of_equal_entries(learner):
    """Where all entries are equal, the result is 0 and the gradient finite."""
    x, mask = torch.full((1, 3), 2.5, dtype=torch.float64), torch.ones(1, 3)
    agree(learner.whiten(x, mask), torch.zeros_like(x))
    finite(learner.gradient("whiten", x, mask, wrt=0, cotangent=f64(1.0, 0.0, 0.0)[None]))


@extra("whiten", weight=2)
@given(numbers(-2, 2))
def test_whiten_is_differentiable_through_mean_and_variance(learner, weight):
    """The mean and the variance depend on x as well: the gradient is
    (g - mean(g) - y * mean(g * y)) / std.
    """
    x, mask = UNEVEN
    cotangent = f64(1.0, weight, 0.5, 3.0, 5.0, 5.0).view(2, 3)
    y, g = whitened(x, mask)[mask], cotangent[mask]
    std = math.sqrt(float(x[mask].var(correction=0)) + 1e-8)
    expected = torch.zeros_like(x)
    expected[mask] = (g - g.mean() - y * (g * y).mean()) / std
    gradient = learner.gradient("whiten", x, mask, wrt=0, cotangent=cotangent)
    agree(gradient, expected, atol=1e-9)


@extra("whiten")
@given(MASK_KINDS)
def test_whiten_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    x, mask = UNEVEN
    agree(learner.whiten(x, mask.to(kind)), whitened(x, mask), atol=1e-9)


@extra("whiten")
def test_whiten_keeps_float32(learner):
    """float32 in, float32 out, also under a float64 mask."""
    x, mask = UNEVEN
    keeps_dtype(learner.whiten(x.float(), mask.double()), torch.float32)


@extra("whiten")
def test_whiten_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("whiten", *UNEVEN))


# --- value_loss -------------------------------------------------------------------------------


@st.composite
def critics(draw):
    shape = draw(sizes(1, 2)), draw(sizes(1, 3))
    values, old, returns = (draw(tensors(*shape, low=-2, high=2)) for _ in range(3))
    return values, old, returns, draw(masks(*shape, at_least=1))


#: Inside the range, beyond it towards the return, beyond it away from the return; one is hidden.
JUMPS = (
    f64(0.125, 0.5, -0.5, 2.0).view(2, 2),
    f64(0.0, 0.0, 0.0, 0.0).view(2, 2),
    f64(1.0, 1.0, 1.0, 9.0).view(2, 2),
    tensor([[True, True], [True, False]]),
)


def critic_loss(
    values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, epsilon: float
) -> float:
    flat = zip(*(x.reshape(-1).tolist() for x in (values, old, returns, mask)), strict=True)
    errors = []
    for v, o, r, keep in flat:
        if keep:
            clipped = sorted((o - epsilon, v, o + epsilon))[1]
            errors.append(max((v - r) ** 2, (clipped - r) ** 2))
    return sum(errors) / len(errors) / 2


@core("value_loss")
@given(critics(), st.sampled_from([0.1, 0.2, 0.3]))
@example(JUMPS, 0.2)
def test_value_loss_is_half_the_mean_of_the_larger_error(learner, case, epsilon):
    """The loss is half the mean, over all response tokens, of the larger of the two squared errors:
    that of the value, and that of the value clipped to the old one +- epsilon.
    """
    agree(learner.value_loss(*case, epsilon=epsilon), f64(critic_loss(*case, epsilon))[0])


@extra("value_loss", weight=2)
def test_value_loss_gives_no_credit_for_a_jump(learner):
    """Its gradient is (V - R) / N, but 0 where V has left the range on its way to the return."""
    expected = f64((0.125 - 1) / 3, 0.0, (-0.5 - 1) / 3, 0.0).view(2, 2)
    agree(learner.gradient("value_loss", *JUMPS, wrt=0), expected)


@extra("value_loss", weight=2)
@given(GARBAGE, st.integers(0, 2))
def test_value_loss_ignores_what_a_mask_hides(learner, garbage, where):
    """Garbage under the mask reaches neither the loss nor the gradient, exactly 0 there."""
    case = [x.clone() for x in JUMPS]
    case[where][1, 1] = garbage
    agree(learner.value_loss(*case), f64(critic_loss(*JUMPS, 0.2))[0])
    gradient = learner.gradient("value_loss", *case, wrt=0)
    finite(gradient)
    agree(gradient[1, 1], f64(0.0)[0], atol=0.0)


@extra("value_loss")
def test_value_loss_of_an_empty_mask(learner):
    """An empty mask gives a loss of 0 that still has a graph."""
    values, old, returns, mask = JUMPS
    nothing = torch.zeros_like(mask)
    agree(learner.value_loss(values, old, returns, nothing), f64(0.0)[0])
    gradient = learner.gradient("value_loss", values, old, returns, nothing, wrt=0)
    agree(gradient, torch.zeros_like(values), atol=0.0)


@extra("value_loss")
def test_value_loss_has_the_usual_epsilon(learner):
    """Without an epsilon, 0.2 is taken."""
    one = torch.ones(1, 1, dtype=torch.float64)
    agree(learner.value_loss(one, 0 * one, one, one), f64(0.32)[0])


@extra("value_loss")
@given(MASK_KINDS)
def test_value_loss_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    *case, mask = JUMPS
    agree(learner.value_loss(*case, mask.to(kind)), f64(critic_loss(*JUMPS, 0.2))[0])


@extra("value_loss")
def test_value_loss_keeps_float32(learner):
    """float32 in, float32 out, also under a float64 mask."""
    values, old, returns, mask = JUMPS
    loss = learner.value_loss(values.float(), old.float(), returns.float(), mask.double())
    keeps_dtype(loss, torch.float32)


@extra("value_loss")
def test_value_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("value_loss", *JUMPS))
