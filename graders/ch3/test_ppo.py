"""What is true of PPO's ratio, clip and KL leash; every definition is written independently."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import batches, distributions, masks, numbers, sizes, tensors
from assay.judging import (
    agree,
    finite,
    is_float,
    keeps_dtype,
    no_gradient,
    rejects,
    require,
    untouched,
)
from assay.properties import core, extra

INF, NAN = float("inf"), float("nan")
GARBAGE = st.sampled_from([INF, -INF, NAN])
MASK_KINDS = st.sampled_from([torch.bool, torch.int64, torch.float64])
#: None puts 1 - epsilon or 1 + epsilon on a multiple of 1/8, where the objective has a kink.
EPSILONS = st.sampled_from([0.1, 0.2, 0.3])


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


def objective(r: float, a: float, epsilon: float) -> float:
    """The clipped objective of one token, case by case."""
    if a >= 0:
        return min(r, 1 + epsilon) * a
    return max(r, 1 - epsilon) * a


def each(function, *many: Tensor) -> Tensor:
    """Apply a function of plain numbers entry by entry."""
    flat = zip(*(x.reshape(-1).tolist() for x in many), strict=True)
    return f64(*(function(*numbers) for numbers in flat)).reshape(many[0].shape)


#: Ratios below, inside and above the trusted range, each with a good and a bad token.
TELLING = f64(0.5, 1.0, 1.5, 0.5, 1.125, 1.5), f64(1.0, 1.0, 2.0, -1.0, -2.0, -1.0)


@st.composite
def responses(draw, count, low=-2.0, high=0.0):
    """`count` tensors of shape (B, T) and a mask with at least one token."""
    shape = draw(sizes(1, 3)), draw(sizes(1, 4))
    return *(draw(tensors(*shape, low=low, high=high)) for _ in range(count)), draw(
        masks(*shape, at_least=1)
    )


# --- probability_ratio ------------------------------------------------------------------------


@core("probability_ratio")
@given(batches(2, sizes(1, 3), sizes(1, 3)))
@example((f64(math.log(0.3)), f64(math.log(0.2))))
def test_probability_ratio_is_new_over_old(learner, logprobs):
    """The ratio is the new probability divided by the old one."""
    new, old = logprobs
    expected = each(lambda a, b: math.exp(a) / math.exp(b), new, old)
    agree(learner.probability_ratio(new, old), expected)


@extra("probability_ratio")
@given(st.sampled_from([80.0, -80.0]))
def test_probability_ratio_reaches_far(learner, d):
    """It is exact for differences of 80 either way."""
    agree(learner.probability_ratio(f64(d - 1.0), f64(-1.0)), f64(math.exp(d)), atol=0.0)


@extra("probability_ratio")
def test_probability_ratio_of_rare_tokens(learner):
    """Tokens whose probability underflows still have a ratio: only the difference matters."""
    agree(learner.probability_ratio(f64(-1000.0), f64(-1001.0)), f64(math.e))


@extra("probability_ratio")
@given(tensors(3), tensors(3))
def test_probability_ratio_averages_to_1(learner, new, old):
    """Over all tokens, weighted by their old probabilities, the ratios average 1."""
    new, old = new.log_softmax(0), old.log_softmax(0)
    agree((old.exp() * learner.probability_ratio(new, old)).sum(), f64(1.0)[0], atol=1e-9)


@extra("probability_ratio")
def test_probability_ratio_moves_with_the_new_policy(learner):
    """Its gradient by the new log-probability is the ratio itself."""
    gradient = learner.gradient("probability_ratio", f64(-1.0, -2.0), f64(-2.0, -2.0), wrt=0)
    agree(gradient, f64(math.e, 1.0))


@extra("probability_ratio")
def test_probability_ratio_takes_the_old_policy_as_constant(learner):
    """No gradient reaches the policy that sampled the tokens."""
    no_gradient(learner.gradient("probability_ratio", f64(-1.0), f64(-2.0), wrt=1))


@extra("probability_ratio")
def test_probability_ratio_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.probability_ratio(tensor([-1.0]), tensor([-2.0])), torch.float32)


@extra("probability_ratio")
def test_probability_ratio_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("probability_ratio", f64(-1.0), f64(-2.0)))


# --- clipped_surrogate ------------------------------------------------------------------------


@st.composite
def ratios(draw):
    """Ratios above 0 and advantages of either sign, in one shape."""
    shape = draw(sizes(1, 2)), draw(sizes(1, 3))
    return draw(tensors(*shape, low=0.125, high=3.0)), draw(tensors(*shape))


@core("clipped_surrogate")
@given(ratios(), EPSILONS)
@example(TELLING, 0.2)
def test_clipped_surrogate_is_the_pessimistic_minimum(learner, pair, epsilon):
    """The objective is the smaller of r * A and clip(r, 1 - epsilon, 1 + epsilon) * A."""
    expected = each(lambda r, a: objective(r, a, epsilon), *pair)
    agree(learner.clipped_surrogate(*pair, epsilon=epsilon), expected)


@extra("clipped_surrogate")
@given(ratios())
def test_clipped_surrogate_is_never_above_the_plain_one(learner, pair):
    """The objective never exceeds r * A: clipping only ever takes something away."""
    got = learner.clipped_surrogate(*pair)
    plain = pair[0] * pair[1]
    require(bool((got <= plain + 1e-12).all()), "it is above r * A somewhere", returned=got)


@extra("clipped_surrogate", weight=2)
@given(ratios(), EPSILONS)
@example(TELLING, 0.2)
def test_clipped_surrogate_is_flat_where_it_clips(learner, pair, epsilon):
    """Its gradient by the ratio is 0 exactly where a gain is clipped, and A everywhere else."""

    def slope(r: float, a: float) -> float:
        beyond = r > 1 + epsilon if a > 0 else r < 1 - epsilon
        return 0.0 if beyond else a

    agree(learner.gradient("clipped_surrogate", *pair, epsilon=epsilon, wrt=0), each(slope, *pair))


@extra("clipped_surrogate")
def test_clipped_surrogate_charges_a_loss_in_full(learner):
    """A bad token that has become e^80 times as likely costs e^80, and its gradient is finite."""
    huge = f64(math.exp(80.0), math.exp(80.0))
    agree(learner.clipped_surrogate(huge, f64(-1.0, 1.0)), f64(-math.exp(80.0), 1.2))
    agree(learner.gradient("clipped_surrogate", huge, f64(-1.0, 1.0), wrt=0), f64(-1.0, 0.0))


@extra("clipped_surrogate")
def test_clipped_surrogate_has_the_usual_epsilon(learner):
    """Without an epsilon, 0.2 is taken."""
    agree(learner.clipped_surrogate(f64(2.0, 0.25), f64(1.0, -1.0)), f64(1.2, -0.8))


@extra("clipped_surrogate")
def test_clipped_surrogate_allows_no_room_at_all(learner):
    """epsilon = 0 is allowed: every gain is cut to A."""
    agree(
        learner.clipped_surrogate(f64(1.5, 0.5, 1.5), f64(1.0, 1.0, -1.0), epsilon=0.0),
        f64(1.0, 0.5, -1.5),
    )


@extra("clipped_surrogate")
def test_clipped_surrogate_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.clipped_surrogate(tensor([1.5]), tensor([1.0])), torch.float32)


@extra("clipped_surrogate")
def test_clipped_surrogate_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("clipped_surrogate", *TELLING))


@extra("clipped_surrogate")
def test_clipped_surrogate_refuses_a_negative_epsilon(learner):
    """epsilon < 0 raises ValueError."""
    rejects(learner.attempt("clipped_surrogate", *TELLING, epsilon=-0.1))


@extra("clipped_surrogate")
def test_clipped_surrogate_names_the_bad_argument(learner):
    """The message of the ValueError names epsilon."""
    rejects(learner.attempt("clipped_surrogate", *TELLING, epsilon=-0.1), naming="epsilon")


# --- ppo_policy_loss --------------------------------------------------------------------------


def policy_loss(
    new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, epsilon: float
) -> float:
    tokens = [
        objective(math.exp(n - o), a, epsilon)
        for n, o, a, keep in zip(
            *(x.reshape(-1).tolist() for x in (new, old, advantages, mask)), strict=True
        )
        if keep
    ]
    return -sum(tokens) / len(tokens)


#: Two responses of unequal length; on two tokens the clip bites.
UNEVEN = (
    f64(-1.0, -2.0, -0.5, -1.0, -3.0, -1.0).view(2, 3),
    f64(-1.5, -2.0, -1.0, -0.5, -3.0, -1.0).view(2, 3),
    f64(1.0, 0.5, -2.0, -1.0, 3.0, 3.0).view(2, 3),
    tensor([[True, True, True], [True, False, False]]),
)


@core("ppo_policy_loss")
@given(responses(3), EPSILONS)
@example(UNEVEN, 0.2)
def test_ppo_policy_loss_is_minus_the_mean_objective(learner, batch, epsilon):
    """The loss is minus the mean of the clipped objective over all response tokens of the batch."""
    expected = policy_loss(*batch, epsilon)
    agree(learner.ppo_policy_loss(*batch, epsilon=epsilon), f64(expected)[0])


@extra("ppo_policy_loss", weight=2)
@given(GARBAGE, st.integers(0, 2))
def test_ppo_policy_loss_ignores_what_a_mask_hides(learner, garbage, where):
    """Garbage under the mask reaches neither the loss nor the gradient, exactly 0 there."""
    batch = [x.clone() for x in UNEVEN]
    batch[where][1, 1:] = garbage
    agree(learner.ppo_policy_loss(*batch), f64(policy_loss(*UNEVEN, 0.2))[0])
    gradient = learner.gradient("ppo_policy_loss", *batch, wrt=0)
    finite(gradient)
    agree(gradient[1, 1:], f64(0.0, 0.0), atol=0.0)


@extra("ppo_policy_loss", weight=2)
@given(responses(3))
@example(UNEVEN)
def test_ppo_policy_loss_pushes_good_tokens_up(learner, batch):
    """The gradient of a token is -r * A / N, and 0 where the clip bites or the mask hides it."""
    new, old, advantages, mask = batch
    count = int(mask.sum())

    def slope(n: float, o: float, a: float, keep: float) -> float:
        r = math.exp(n - o)
        beyond = r > 1.2 if a > 0 else r < 0.8
        return 0.0 if beyond or not keep else -r * a / count

    expected = each(slope, new, old, advantages, mask)
    agree(learner.gradient("ppo_policy_loss", *batch, wrt=0), expected)


@extra("ppo_policy_loss", weight=2)
def test_ppo_policy_loss_trains_the_new_policy_only(learner):
    """Gradient flows through the new log-probabilities alone: old ones and advantages are
    constants.
    """
    no_gradient(*learner.gradient("ppo_policy_loss", *UNEVEN, wrt=(1, 2)))


@extra("ppo_policy_loss")
def test_ppo_policy_loss_of_an_empty_mask(learner):
    """An empty mask gives a loss of 0 that still has a graph."""
    new, old, advantages, mask = UNEVEN
    nothing = torch.zeros_like(mask)
    agree(learner.ppo_policy_loss(new, old, advantages, nothing), f64(0.0)[0])
    gradient = learner.gradient("ppo_policy_loss", new, old, advantages, nothing, wrt=0)
    agree(gradient, torch.zeros_like(new), atol=0.0)


@extra("ppo_policy_loss")
@given(MASK_KINDS)
def test_ppo_policy_loss_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    *batch, mask = UNEVEN
    agree(learner.ppo_policy_loss(*batch, mask.to(kind)), f64(policy_loss(*UNEVEN, 0.2))[0])


@extra("ppo_policy_loss")
@given(st.sampled_from([80.0, -80.0]))
def test_ppo_policy_loss_is_stable(learner, d):
    """A log-ratio of 80 either way gives a finite loss and gradient."""
    one = torch.ones(1, 1, dtype=torch.float64)
    batch = d * one - 1, -one, -one, one
    agree(learner.ppo_policy_loss(*batch), f64(max(math.exp(d), 0.8))[0])
    agree(learner.gradient("ppo_policy_loss", *batch, wrt=0), one * (math.exp(d) if d > 0 else 0.0))


@extra("ppo_policy_loss")
def test_ppo_policy_loss_of_rare_tokens(learner):
    """Tokens whose probability underflows still count: e^-901 is e^-900 divided by e."""
    new, old = f64(-901.0, -1.0)[None], f64(-900.0, -1.0)[None]
    batch = new, old, f64(1.0, 3.0)[None], torch.ones(1, 2)
    agree(learner.ppo_policy_loss(*batch), f64(-(math.exp(-1) + 3) / 2)[0])
    gradient = learner.gradient("ppo_policy_loss", *batch, wrt=0)
    agree(gradient, f64(-math.exp(-1) / 2, -1.5)[None])


@extra("ppo_policy_loss")
def test_ppo_policy_loss_starts_as_the_policy_gradient(learner):
    """While the policy is still the old one, the gradient of a token is -A / N: nothing is cut."""
    new, _, advantages, mask = UNEVEN
    gradient = learner.gradient("ppo_policy_loss", new, new, advantages, mask, wrt=0)
    agree(gradient, -advantages * mask / mask.sum())


@extra("ppo_policy_loss")
def test_ppo_policy_loss_has_the_usual_epsilon(learner):
    """Without an epsilon, 0.2 is taken."""
    one = torch.ones(1, 1, dtype=torch.float64)
    agree(learner.ppo_policy_loss(one, 0 * one, one, one), f64(-1.2)[0])


@extra("ppo_policy_loss")
def test_ppo_policy_loss_keeps_float32(learner):
    """float32 in, float32 out, also under a float64 mask."""
    new, old, advantages, mask = UNEVEN
    loss = learner.ppo_policy_loss(new.float(), old.float(), advantages.float(), mask.double())
    keeps_dtype(loss, torch.float32)


@extra("ppo_policy_loss")
def test_ppo_policy_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("ppo_policy_loss", *UNEVEN))


# --- clip_fraction ----------------------------------------------------------------------------


@st.composite
def clip_cases(draw):
    shape = draw(sizes(1, 2)), draw(sizes(1, 4))
    return (
        draw(tensors(*shape, low=0.125, high=3.0)),
        draw(tensors(*shape)),
        draw(masks(*shape, at_least=1)),
    )


def fraction(ratio: Tensor, advantages: Tensor, mask: Tensor, epsilon: float) -> float:
    flat = zip(*(x.reshape(-1).tolist() for x in (ratio, advantages, mask)), strict=True)
    kept = [(r, a) for r, a, keep in flat if keep]
    return sum(objective(r, a, epsilon) < r * a for r, a in kept) / len(kept)


#: Good and bad tokens on either side: two of six are clipped.
BOTH_SIGNS = (*(x.view(2, 3) for x in TELLING), torch.ones(2, 3, dtype=torch.bool))


@core("clip_fraction")
@given(clip_cases(), EPSILONS)
@example(BOTH_SIGNS, 0.2)
@example((f64(1.5, 1.5, 1.5)[None], f64(1.0, -1.0, 0.0)[None], torch.ones(1, 3)), 0.2)
def test_clip_fraction_counts_the_tokens_that_are_cut(learner, case, epsilon):
    """It is the share of response tokens whose clipped branch is strictly the smaller."""
    agree(learner.clip_fraction(*case, epsilon=epsilon), fraction(*case, epsilon))


@extra("clip_fraction")
@given(GARBAGE, st.integers(0, 1))
def test_clip_fraction_ignores_what_a_mask_hides(learner, garbage, where):
    """Garbage under the mask doesn't count."""
    case = [f64(1.5, 1.0)[None], f64(1.0, 1.0)[None], tensor([[True, False]])]
    case[where][0, 1] = garbage
    agree(learner.clip_fraction(*case), 1.0)


@extra("clip_fraction")
def test_clip_fraction_of_an_empty_mask(learner):
    """An empty mask gives 0.0."""
    agree(learner.clip_fraction(f64(1.5)[None], f64(1.0)[None], torch.zeros(1, 1)), 0.0)


@extra("clip_fraction", weight=2)
def test_clip_fraction_compares_in_the_dtype_of_the_ratio(learner):
    """A float32 ratio of 1.2 is on the border of 1 + 0.2, and one of 0.8 on that of 1 - 0.2: on
    the border nothing is cut.
    """
    ratio, advantages = tensor([[1.2, 0.8]]), tensor([[1.0, -1.0]])
    agree(learner.clip_fraction(ratio, advantages, torch.ones(1, 2)), 0.0)


@extra("clip_fraction")
@given(MASK_KINDS)
def test_clip_fraction_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    case = f64(1.5, 1.5)[None], f64(1.0, -1.0)[None], tensor([[1, 1]]).to(kind)
    agree(learner.clip_fraction(*case), 0.5)


@extra("clip_fraction")
def test_clip_fraction_is_a_number(learner):
    """The result is a Python float, not a tensor."""
    is_float(learner.clip_fraction(*BOTH_SIGNS))


@extra("clip_fraction")
def test_clip_fraction_has_the_usual_epsilon(learner):
    """Without an epsilon, 0.2 is taken."""
    case = f64(1.25, 1.125)[None], f64(1.0, 1.0)[None], torch.ones(1, 2)
    agree(learner.clip_fraction(*case), 0.5)


@extra("clip_fraction")
def test_clip_fraction_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("clip_fraction", *BOTH_SIGNS))


# --- kl_estimate ------------------------------------------------------------------------------

KINDS = st.sampled_from(["k1", "k2", "k3"])
TERMS = {"k1": lambda d: d, "k2": lambda d: d * d / 2, "k3": lambda d: math.expm1(-d) + d}
#: Likelier and less likely tokens, in responses of unequal length.
DRIFTED = (
    f64(-1.0, -2.0, -0.5, -1.0).view(2, 2),
    f64(-2.0, -1.5, -0.75, -9.0).view(2, 2),
    tensor([[True, True], [True, False]]),
)


def mean_term(new: Tensor, ref: Tensor, mask: Tensor, kind: str) -> float:
    flat = zip(*(x.reshape(-1).tolist() for x in (new, ref, mask)), strict=True)
    terms = [TERMS[kind](n - r) for n, r, keep in flat if keep]
    return sum(terms) / len(terms)


@core("kl_estimate")
@given(responses(2), KINDS)
@example(DRIFTED, "k1")
@example(DRIFTED, "k2")
@example(DRIFTED, "k3")
def test_kl_estimate_is_the_mean_of_its_terms(learner, batch, kind):
    """The estimate is the mean over response tokens of d, of d^2 / 2, or of exp(-d) - 1 + d, with d
    the policy's log-probability minus the reference's.
    """
    agree(learner.kl_estimate(*batch, kind=kind), f64(mean_term(*batch, kind))[0])


@extra("kl_estimate", weight=2)
@given(st.integers(2, 4).flatmap(lambda n: st.tuples(distributions(n), distributions(n))))
def test_kl_estimate_is_right_on_average(learner, pair):
    """Averaged over what the policy samples, k1 and k3 both give KL(policy || reference)."""
    policy, reference = pair
    counts = [round(p * sum_of(policy)) for p in policy]
    tokens = [at for at, count in enumerate(counts) for _ in range(count)]
    new = f64(*(math.log(policy[at]) for at in tokens))[None]
    ref = f64(*(math.log(reference[at]) for at in tokens))[None]
    kl = sum(p * math.log(p / q) for p, q in zip(policy, reference, strict=True))
    for kind in ("k1", "k3"):
        estimate = learner.kl_estimate(new, ref, torch.ones_like(new), kind=kind)
        agree(estimate, f64(kl)[0], atol=1e-9)


def sum_of(policy) -> int:
    """The whole number over which all probabilities of `distributions` are whole."""
    return next(n for n in range(1, 40) if all(abs(p * n - round(p * n)) < 1e-9 for p in policy))


@extra("kl_estimate")
@given(numbers(-3, 3))
def test_kl_estimate_k3_is_never_negative(learner, d):
    """k3 of a single sample is never negative, whichever way the policy moved."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    got = learner.kl_estimate(zero + d, zero, torch.ones(1, 1), kind="k3")
    require(float(got) >= 0, "k3 is negative", returned=got)


@extra("kl_estimate")
def test_kl_estimate_keeps_its_digits_near_zero(learner):
    """For d = 1e-6, k3 is d^2 / 2 to six digits: nothing is lost to cancellation."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    got = learner.kl_estimate(zero + 1e-6, zero, torch.ones(1, 1), kind="k3")
    agree(got, f64(5e-13 - 1e-18 / 6)[0], rtol=1e-6, atol=0.0)


@extra("kl_estimate")
@given(st.sampled_from([80.0, -80.0]), KINDS)
def test_kl_estimate_is_not_clamped(learner, d, kind):
    """For d of 80 either way every kind is exact."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    got = learner.kl_estimate(zero + d, zero, torch.ones(1, 1), kind=kind)
    agree(got, f64(TERMS[kind](d))[0])


@extra("kl_estimate", weight=2)
@given(GARBAGE, st.integers(0, 1), KINDS)
def test_kl_estimate_ignores_what_a_mask_hides(learner, garbage, where, kind):
    """Garbage under the mask reaches neither the estimate nor any gradient that flows."""
    batch = [x.clone() for x in DRIFTED]
    batch[where][1, 1] = garbage
    agree(learner.kl_estimate(*batch, kind=kind), f64(mean_term(*DRIFTED, kind))[0])
    gradient = learner.gradient("kl_estimate", *batch, kind=kind, wrt=0)
    if gradient is not None:
        finite(gradient)
        agree(gradient[1, 1], f64(0.0)[0], atol=0.0)


@extra("kl_estimate")
@given(KINDS)
def test_kl_estimate_of_an_empty_mask(learner, kind):
    """An empty mask gives 0."""
    new, ref, mask = DRIFTED
    agree(learner.kl_estimate(new, ref, torch.zeros_like(mask), kind=kind), f64(0.0)[0])


@extra("kl_estimate")
@given(MASK_KINDS)
def test_kl_estimate_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1; the usual kind is k1."""
    new, ref, mask = DRIFTED
    agree(learner.kl_estimate(new, ref, mask.to(kind)), f64(mean_term(*DRIFTED, "k1"))[0])


@extra("kl_estimate")
@given(KINDS)
def test_kl_estimate_keeps_float32(learner, kind):
    """float32 in, float32 out, also under a float64 mask."""
    new, ref, mask = DRIFTED
    estimate = learner.kl_estimate(new.float(), ref.float(), mask.double(), kind=kind)
    keeps_dtype(estimate, torch.float32)


@extra("kl_estimate")
@given(KINDS)
def test_kl_estimate_leaves_its_input(learner, kind):
    """The function changes none of its arguments."""
    untouched(learner.attempt("kl_estimate", *DRIFTED, kind=kind))


@extra("kl_estimate")
@given(st.sampled_from(["k4", "kl", ""]))
def test_kl_estimate_refuses_another_kind(learner, kind):
    """A kind that is none of the three raises ValueError."""
    rejects(learner.attempt("kl_estimate", *DRIFTED, kind=kind))


@extra("kl_estimate")
def test_kl_estimate_names_the_bad_argument(learner):
    """The message of the ValueError names kind."""
    rejects(learner.attempt("kl_estimate", *DRIFTED, kind="reverse"), naming="kind")


# --- adaptive_kl_coefficient ------------------------------------------------------------------


@core("adaptive_kl_coefficient")
@given(
    st.sampled_from([0.1, 0.5, 2.0]),
    numbers(0.0, 12.0),
    st.sampled_from([1.0, 4.0, 6.0]),
    st.sampled_from([(1000, 100), (100, 50), (64, 64)]),
)
@example(0.5, 6.25, 6.0, (100, 50))
@example(0.5, 12.0, 6.0, (1000, 100))
@example(0.5, 0.0, 6.0, (1000, 100))
def test_adaptive_kl_coefficient_steers_towards_the_target(learner, beta, kl, target, pace):
    """beta changes by the factor 1 + clip(kl / target - 1, -0.2, 0.2) * n_steps / horizon."""
    horizon, n_steps = pace
    error = sorted((-0.2, kl / target - 1, 0.2))[1]
    expected = beta + beta * error * n_steps / horizon
    agree(learner.adaptive_kl_coefficient(beta, kl, target, horizon, n_steps), expected)


@extra("adaptive_kl_coefficient")
@given(st.sampled_from([1e-9, 1e9]))
def test_adaptive_kl_coefficient_is_moved_by_a_fifth_at_most(learner, kl):
    """However wild the measurement, a whole horizon changes beta by 20 % at most."""
    expected = 0.5 * (1.2 if kl > 1 else 0.8)
    agree(learner.adaptive_kl_coefficient(0.5, kl, 6.0, 1000, 1000), expected)


@extra("adaptive_kl_coefficient")
def test_adaptive_kl_coefficient_rests_at_the_target(learner):
    """A KL on target leaves beta as it is, and so do no steps at all."""
    agree(learner.adaptive_kl_coefficient(0.3, 6.0, 6.0, 1000, 100), 0.3)
    agree(learner.adaptive_kl_coefficient(0.3, 9.0, 6.0, 1000, 0), 0.3)


@extra("adaptive_kl_coefficient")
def test_adaptive_kl_coefficient_takes_any_positive_pace(learner):
    """A target of 0.01 and a horizon of half a step are unusual, and allowed."""
    agree(learner.adaptive_kl_coefficient(0.3, 0.011, 0.01, 0.5, 1), 0.36)


@extra("adaptive_kl_coefficient")
def test_adaptive_kl_coefficient_is_a_number(learner):
    """The result is a Python float."""
    is_float(learner.adaptive_kl_coefficient(0.5, 12.0, 6.0, 1000, 100))


BAD_PACES = st.sampled_from(
    [("target", 0.0, 1000), ("target", -1.0, 1000), ("horizon", 6.0, 0), ("horizon", 6.0, -5)]
)


@extra("adaptive_kl_coefficient")
@given(BAD_PACES)
def test_adaptive_kl_coefficient_refuses_bad_arguments(learner, bad):
    """A target or a horizon that is not above 0 raises ValueError."""
    _, target, horizon = bad
    rejects(learner.attempt("adaptive_kl_coefficient", 0.5, 3.0, target, horizon, 100))


@extra("adaptive_kl_coefficient")
@given(BAD_PACES)
def test_adaptive_kl_coefficient_names_the_bad_argument(learner, bad):
    """The message of the ValueError names the argument that is wrong."""
    name, target, horizon = bad
    call = learner.attempt("adaptive_kl_coefficient", 0.5, 3.0, target, horizon, 100)
    rejects(call, naming=name)
