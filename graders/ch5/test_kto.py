"""What is true of KTO. Every definition here is written independently of the reference solution."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import batches, masks, numbers, sizes, tensors
from assay.judging import agree, keeps_dtype, no_gradient, rejects, untouched
from assay.properties import core, extra

BETAS = st.sampled_from([0.1, 0.5, 1.0, 2.0])


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


def scalar(value: float) -> Tensor:
    return tensor(value, dtype=torch.float64)


# --- kto_reference_point

#: Log-ratios 0.5 and -0.1: one of them is negative, their mean is not.
DRIFTED = (f64(-3.0, -4.0), f64(-3.5, -3.9))


def floored_mean(policy: Tensor, reference: Tensor) -> Tensor:
    ratios = [p - r for p, r in zip(policy.tolist(), reference.tolist(), strict=True)]
    return scalar(max(0.0, sum(ratios) / len(ratios)))


@core("kto_reference_point")
@given(batches(2))
@example(DRIFTED)
@example((f64(-1.0), f64(-3.0)))
@example((f64(-3.0, -2.0, -4.0), f64(-1.0, -2.0, -5.0)))
def test_kto_reference_point_is_the_mean_log_ratio_or_zero(learner, logps):
    """The reference point is the mean of policy - reference, or 0 where that mean is negative."""
    agree(learner.kto_reference_point(*logps), floored_mean(*logps))


@extra("kto_reference_point")
@given(tensors(sizes()))
def test_kto_reference_point_before_training(learner, logps):
    """Where the policy still equals its reference, the reference point is 0."""
    agree(learner.kto_reference_point(logps, logps), scalar(0.0))


@extra("kto_reference_point")
@given(batches(2), numbers(0, 5))
def test_kto_reference_point_follows_the_drift(learner, logps, shift):
    """Log-ratios count, not log-probs: policy up by c or reference down by c is the same drift."""
    policy, reference = logps
    expected = floored_mean(policy + shift, reference)
    agree(learner.kto_reference_point(policy + shift, reference), expected)
    agree(learner.kto_reference_point(policy, reference - shift), expected)


@extra("kto_reference_point")
def test_kto_reference_point_of_long_responses(learner):
    """Log-probs of -1e4 are no trouble: no probability is ever computed."""
    z0 = learner.kto_reference_point(f64(-1e4, -9e3), f64(-1.2e4, -9e3))
    agree(z0, scalar(1e3), scale=1e4)


@extra("kto_reference_point", weight=2)
def test_kto_reference_point_is_a_constant(learner):
    """No gradient flows through the reference point, neither to the policy nor to the reference."""
    no_gradient(*learner.gradient("kto_reference_point", *DRIFTED, wrt=(0, 1)))


@extra("kto_reference_point")
def test_kto_reference_point_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.kto_reference_point(*(x.float() for x in DRIFTED)), torch.float32)


@extra("kto_reference_point")
def test_kto_reference_point_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("kto_reference_point", *DRIFTED))


# --- kto_loss

#: Thumbs up and down, each on either side of z0, and unequally many.
TELLING = (
    f64(-2.0, -5.0, -3.0, -4.5, -1.0),
    f64(-2.5, -4.0, -4.5, -5.5, -1.75),
    tensor([True, True, False, True, False]),
)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def gains(policy: Tensor, reference: Tensor, thumbs: Tensor, z0: float, beta: float) -> list[float]:
    """How far each response is on its right side of z0, in units of 1 / beta."""
    ratios = (policy - reference).tolist()
    return [
        beta * ((rho - z0) if up else (z0 - rho))
        for rho, up in zip(ratios, thumbs.tolist(), strict=True)
    ]


def kto(policy, reference, thumbs, z0, beta, up=1.0, down=1.0) -> Tensor:
    """The definition, response by response."""
    gain = gains(policy, reference, thumbs, z0, beta)
    weights = [up if thumb else down for thumb in thumbs.tolist()]
    losses = [w * (1 - sigmoid(x)) for w, x in zip(weights, gain, strict=True)]
    return scalar(sum(losses) / len(losses))


@st.composite
def thumbed(draw):
    """Log-probs under policy and reference, and a thumb for each response."""
    size = draw(sizes(1, 5))
    return draw(tensors(size)), draw(tensors(size)), draw(masks(size))


@core("kto_loss")
@given(thumbed(), numbers(0, 2), BETAS)
@example(TELLING, 0.5, 0.5)
@example((f64(-3.0), f64(-4.0), tensor([True])), 0.25, 1.0)
@example((f64(-3.0), f64(-4.0), tensor([False])), 0.25, 1.0)
@example((f64(-3.0, -1.0), f64(-4.0, -1.5), tensor([True, True])), 0.0, 2.0)
@example((f64(-3.0, -1.0), f64(-4.0, -1.5), tensor([False, False])), 0.0, 2.0)
def test_kto_loss_is_one_minus_the_value_of_each_response(learner, batch, z0, beta):
    """The loss is the mean of 1 - sigmoid(beta (rho - z0)), with z0 - rho for thumbs down."""
    agree(learner.kto_loss(*batch, z0, beta=beta), kto(*batch, z0, beta))


@extra("kto_loss", weight=2)
@given(thumbed(), st.sampled_from([(1.0, 2.25), (1.5, 1.0), (0.0, 1.0), (2.0, 0.0)]))
@example(TELLING, (1.0, 2.25))
@example(TELLING, (2.0, 0.0))
def test_kto_loss_weighs_each_kind_of_thumb(learner, batch, lambdas):
    """lambda_d multiplies the loss of each thumbs up, lambda_u that of each thumbs down."""
    up, down = lambdas
    loss = learner.kto_loss(*batch, 0.5, beta=0.5, lambda_d=up, lambda_u=down)
    agree(loss, kto(*batch, 0.5, 0.5, up, down))


@extra("kto_loss", weight=2)
@given(thumbed(), numbers(0, 2), BETAS)
@example(TELLING, 0.5, 0.5)
def test_kto_loss_pushes_hardest_at_the_reference_point(learner, batch, z0, beta):
    """The slope is lambda beta s (1 - s) / B with s = sigmoid(beta (rho - z0)): steepest at z0.

    It is negative for a thumbs up, positive for a thumbs down.
    """
    slopes = [
        (-1.5 if up else 2.0) * beta * sigmoid(x) * sigmoid(-x) / len(batch[2])
        for x, up in zip(gains(*batch, z0, beta), batch[2].tolist(), strict=True)
    ]
    gradient = learner.gradient(
        "kto_loss", *batch, z0, beta=beta, lambda_d=1.5, lambda_u=2.0, wrt=0
    )
    agree(gradient, f64(*slopes))


@extra("kto_loss", weight=2)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0]), st.booleans())
def test_kto_loss_saturates(learner, rho, thumb):
    """For log-ratios of +-1e4 a response costs 0 or lambda and has gradient 0, never nan."""
    batch = (f64(rho), f64(0.0), tensor([thumb]))
    lambdas = {"beta": 1.0, "lambda_d": 1.5, "lambda_u": 2.0}
    expected = 0.0 if (rho > 0) == thumb else (1.5 if thumb else 2.0)
    agree(learner.kto_loss(*batch, 0.5, **lambdas), scalar(expected))
    agree(learner.gradient("kto_loss", *batch, 0.5, **lambdas, wrt=0), f64(0.0))


@extra("kto_loss")
@given(thumbed(), numbers(0, 2))
@example(TELLING, 0.5)
def test_kto_loss_of_a_thumb_and_its_opposite(learner, batch, z0):
    """Turn every thumb and swap the lambdas: both losses add up to the mean of the lambdas."""
    policy, reference, thumbs = batch
    one = learner.kto_loss(policy, reference, thumbs, z0, beta=0.5, lambda_d=1.5, lambda_u=2.0)
    other = learner.kto_loss(policy, reference, ~thumbs, z0, beta=0.5, lambda_d=2.0, lambda_u=1.5)
    weights = [1.5 if up else 2.0 for up in thumbs.tolist()]
    agree(one + other, scalar(sum(weights) / len(weights)))


@extra("kto_loss")
@given(thumbed(), numbers(-5, 5), numbers(0, 2))
@example(TELLING, 1.5, 1.0)
@example(TELLING, 0.0, 1e4 + 0.3)
def test_kto_loss_sees_only_the_distance_to_the_reference_point(learner, batch, shift, drift):
    """A common shift of the log-probs cancels, and so does a drift of the policy that z0 shares."""
    policy, reference, thumbs = batch
    moved = learner.kto_loss(policy + shift + drift, reference + shift, thumbs, 0.25 + drift, 0.5)
    agree(moved, kto(*batch, 0.25, 0.5))


@extra("kto_loss")
@given(thumbed(), numbers(0, 2))
@example(TELLING, 0.5)
def test_kto_loss_takes_a_tensor_or_a_float(learner, batch, z0):
    """The reference point may be a float or a tensor of shape ()."""
    agree(learner.kto_loss(*batch, scalar(z0), beta=0.5), kto(*batch, z0, 0.5))


@extra("kto_loss", weight=2)
def test_kto_loss_treats_the_reference_as_constant(learner):
    """No gradient reaches the log-probs of the reference."""
    no_gradient(learner.gradient("kto_loss", *TELLING, 0.5, wrt=1))


@extra("kto_loss", weight=2)
def test_kto_loss_treats_the_reference_point_as_constant(learner):
    """No gradient reaches the reference point."""
    no_gradient(learner.gradient("kto_loss", *TELLING, scalar(0.5), wrt=3))


@extra("kto_loss")
def test_kto_loss_has_the_usual_settings(learner):
    """Without further arguments beta is 0.1 and both lambdas are 1."""
    agree(learner.kto_loss(*TELLING, 0.5), kto(*TELLING, 0.5, 0.1))


@extra("kto_loss")
@given(st.sampled_from([0.5, tensor(0.5)]))
def test_kto_loss_keeps_float32(learner, z0):
    """float32 in, float32 out, accurate to float32."""
    policy, reference, thumbs = TELLING
    loss = learner.kto_loss(policy.float(), reference.float(), thumbs, z0, beta=0.5)
    keeps_dtype(loss, torch.float32)
    agree(loss, kto(*TELLING, 0.5, 0.5).float())


@extra("kto_loss")
def test_kto_loss_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(learner.attempt("kto_loss", *TELLING, scalar(0.5)))


@extra("kto_loss")
@given(st.sampled_from([0.0, -0.1]))
def test_kto_loss_refuses_a_bad_beta(learner, beta):
    """beta <= 0 raises ValueError."""
    rejects(learner.attempt("kto_loss", *TELLING, 0.5, beta=beta))


@extra("kto_loss")
def test_kto_loss_names_the_bad_argument(learner):
    """The message of the ValueError names beta."""
    rejects(learner.attempt("kto_loss", *TELLING, 0.5, beta=-1.0), naming="beta")


# --- pairs_to_binary

WORDS = st.sampled_from(["", "yes", "no", "maybe", "never"])
TEXTS = st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=4)


@core("pairs_to_binary")
@given(TEXTS)
@example([("Hi", "Hello!", "Go away.")])
@example([("Hi", "Hello!", "Go away."), ("Bye", "So long.", "At last."), ("Hi", "Hey.", "No.")])
@example([("Hi", "Hello!", "Hello!"), ("Hi", "Hello!", "")])
def test_pairs_to_binary_takes_each_pair_apart(learner, pairs):
    """Each pair gives (prompt, chosen, True) and then (prompt, rejected, False), none dropped."""
    expected = []
    for prompt, chosen, rejected in pairs:
        expected += [(prompt, chosen, True), (prompt, rejected, False)]
    agree(learner.pairs_to_binary(*map(list, zip(*pairs, strict=True))), expected)


@extra("pairs_to_binary")
def test_pairs_to_binary_of_no_pairs(learner):
    """No pairs give no examples."""
    agree(learner.pairs_to_binary([], [], []), [])


@extra("pairs_to_binary")
def test_pairs_to_binary_leaves_its_input(learner):
    """The function changes none of the lists."""
    untouched(
        learner.attempt("pairs_to_binary", ["Hi", "Bye"], ["Hello!", "Ciao"], ["No.", "What?"])
    )


UNEQUAL = st.sampled_from([(1, 2, 2), (2, 1, 2), (2, 2, 1), (3, 2, 2), (2, 3, 2), (0, 1, 1)])


@extra("pairs_to_binary", weight=2)
@given(UNEQUAL)
@example((2, 2, 1))
@example((1, 2, 2))
def test_pairs_to_binary_refuses_unequal_lists(learner, lengths):
    """Lists of unequal length raise ValueError, whichever is the odd one out."""
    rejects(learner.attempt("pairs_to_binary", *(["text"] * length for length in lengths)))


@extra("pairs_to_binary")
def test_pairs_to_binary_names_the_lists(learner):
    """The message of the ValueError names a list whose length is wrong."""
    call = learner.attempt("pairs_to_binary", ["Hi", "Bye"], ["Hello!"], ["Go away."])
    rejects(call, naming=("prompts", "chosen", "rejected"))
