"""What is true of reward models. Every definition here is independent of the reference solution."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import batches, numbers, sizes, tensors
from assay.judging import (
    agree,
    finite,
    is_float,
    keeps_dtype,
    rejects,
    require,
    untouched,
)
from assay.properties import core, extra

REWARDS = batches(2)  # of A and B, or of the chosen and the rejected answers
INF, NAN = float("inf"), float("nan")


def f64(*values: float) -> Tensor:
    return tensor(values, dtype=torch.float64)


#: A pair ranked right, one ranked wrong, a tie: not symmetric about zero.
TELLING = (f64(1.5, -0.5, 0.75), f64(-0.5, 2.5, 0.75))


def sigmoid(x: Tensor) -> Tensor:
    return f64(*(1 / (1 + math.exp(-d)) for d in x.tolist()))


def softplus(x: Tensor) -> Tensor:
    """log(1 + e^x), the stable way; -log sigmoid(gap) is softplus(-gap)."""
    return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))


# --- preference_probability


@core("preference_probability")
@given(REWARDS)
@example((f64(1.5), f64(-0.5)))
@example(TELLING)
def test_preference_probability_is_the_sigmoid_of_the_difference(learner, rewards):
    """P(A > B) = sigmoid(reward of A - reward of B), pair by pair."""
    a, b = rewards
    agree(learner.preference_probability(a, b), sigmoid(a - b))


@extra("preference_probability")
@given(REWARDS, numbers(-5, 5))
def test_preference_probability_sees_differences_only(learner, rewards, shift):
    """The same number added to both rewards changes nothing."""
    a, b = rewards
    agree(learner.preference_probability(a + shift, b + shift), sigmoid(a - b))


@extra("preference_probability", weight=2)
@given(REWARDS)
def test_preference_probability_of_both_orders_sums_to_one(learner, rewards):
    """P(A > B) + P(B > A) = 1."""
    a, b = rewards
    both = learner.preference_probability(a, b) + learner.preference_probability(b, a)
    agree(both, torch.ones_like(a))


@extra("preference_probability", weight=2)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0]))
def test_preference_probability_is_stable(learner, gap):
    """For rewards that are 1e4 apart the probability is 0 or 1, and its gradient 0, never nan."""
    for a, b in ((f64(gap), f64(0.0)), (f64(0.0), f64(-gap))):
        agree(learner.preference_probability(a, b), f64(gap > 0))
        agree(learner.gradient("preference_probability", a, b, wrt=0), f64(0.0))


@extra("preference_probability", weight=2)
@given(REWARDS)
@example(TELLING)
def test_preference_probability_changes_most_where_it_is_unsure(learner, rewards):
    """The slope is p * (1 - p) in the reward of A and its opposite in the reward of B."""
    a, b = rewards
    p = sigmoid(a - b)
    by_a, by_b = learner.gradient("preference_probability", a, b, wrt=(0, 1))
    agree(by_a, p * (1 - p))
    agree(by_b, -p * (1 - p))


@extra("preference_probability")
def test_preference_probability_broadcasts(learner):
    """A column of rewards against a row gives the table of all pairs."""
    a, b = f64(0.0, 1.0, 2.5)[:, None], f64(0.5, -1.0)[None]
    table = torch.stack([sigmoid(row - b[0]) for row in a])
    agree(learner.preference_probability(a, b), table)
    agree(learner.preference_probability(f64(1.0)[0], f64(1.0)[0]), f64(0.5)[0])


@extra("preference_probability")
def test_preference_probability_keeps_float32(learner):
    """float32 in, float32 out."""
    keeps_dtype(learner.preference_probability(tensor([1.5]), tensor([-0.5])), torch.float32)


@extra("preference_probability")
def test_preference_probability_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("preference_probability", *TELLING))


# --- bradley_terry_loss


@core("bradley_terry_loss")
@given(REWARDS)
@example((f64(1.5), f64(-0.5)))
@example(TELLING)
def test_bradley_terry_loss_is_minus_the_log_probability(learner, rewards):
    """The loss is the mean of -log sigmoid(chosen - rejected)."""
    chosen, rejected = rewards
    agree(learner.bradley_terry_loss(chosen, rejected), softplus(rejected - chosen).mean())


@extra("bradley_terry_loss", weight=2)
@given(REWARDS, numbers(0, 3))
@example(TELLING, 1.0)
@example(TELLING, 0.0)
def test_bradley_terry_loss_wants_a_lead_of_the_margin(learner, rewards, margin):
    """A margin is taken off the gap: -log sigmoid(chosen - rejected - margin)."""
    chosen, rejected = rewards
    expected = softplus(rejected + margin - chosen).mean()
    agree(learner.bradley_terry_loss(chosen, rejected, margin), expected)


@extra("bradley_terry_loss", weight=2)
@given(batches(3))
@example((*TELLING, f64(1.0, 0.0, 2.0)))
def test_bradley_terry_loss_takes_a_margin_for_each_pair(learner, batch):
    """A tensor of margins holds one for each pair."""
    chosen, rejected, margin = batch
    expected = softplus(rejected + margin - chosen).mean()
    agree(learner.bradley_terry_loss(chosen, rejected, margin=margin), expected)


@extra("bradley_terry_loss", weight=4)
@given(st.sampled_from([1e4, -1e4, 800.0, -800.0, 40.0]))
def test_bradley_terry_loss_is_stable(learner, gap):
    """For gaps of +-1e4 the loss is 0 or the gap itself, and its gradient 0 or -1, never nan."""
    chosen, rejected = f64(gap), f64(0.0)
    loss = softplus(rejected - chosen).mean()
    agree(learner.bradley_terry_loss(chosen, rejected), loss, scale=abs(gap))
    by_chosen, by_rejected = learner.gradient("bradley_terry_loss", chosen, rejected, wrt=(0, 1))
    finite(by_chosen, by_rejected)
    agree(by_chosen, f64(-1.0 if gap < 0 else -math.exp(-gap)), scale=abs(gap))
    agree(by_rejected, -by_chosen, scale=abs(gap))


@extra("bradley_terry_loss", weight=2)
@given(REWARDS)
@example(TELLING)
def test_bradley_terry_loss_pushes_the_pair_apart(learner, rewards):
    """The gradient is -sigmoid(-gap) / B for the chosen reward, the opposite for the rejected."""
    chosen, rejected = rewards
    expected = -sigmoid(rejected - chosen) / len(chosen)
    by_chosen, by_rejected = learner.gradient("bradley_terry_loss", chosen, rejected, wrt=(0, 1))
    agree(by_chosen, expected)
    agree(by_rejected, -expected)


@extra("bradley_terry_loss")
def test_bradley_terry_loss_has_slope_one_half_at_a_tie(learner):
    """At gap 0 the loss is log 2 and its slope -1/2: there is no kink."""
    tie = f64(1.25), f64(1.25)
    agree(learner.bradley_terry_loss(*tie), f64(math.log(2))[0])
    agree(learner.gradient("bradley_terry_loss", *tie, wrt=0), f64(-0.5))


@extra("bradley_terry_loss")
@given(REWARDS, numbers(-5, 5))
def test_bradley_terry_loss_sees_differences_only(learner, rewards, shift):
    """The same number added to all rewards changes nothing."""
    chosen, rejected = rewards
    loss = learner.bradley_terry_loss(chosen + shift, rejected + shift)
    agree(loss, learner.bradley_terry_loss(chosen, rejected))


@extra("bradley_terry_loss")
def test_bradley_terry_loss_keeps_float32(learner):
    """float32 in, float32 out, accurate to float32."""
    chosen, rejected = (x.float() for x in TELLING)
    loss = learner.bradley_terry_loss(chosen, rejected, 0.5)
    keeps_dtype(loss, torch.float32)
    agree(loss, softplus(TELLING[1] + 0.5 - TELLING[0]).mean().float())


@extra("bradley_terry_loss")
def test_bradley_terry_loss_leaves_its_input(learner):
    """The function changes neither the rewards nor the margins."""
    untouched(learner.attempt("bradley_terry_loss", *TELLING, f64(1.0, 0.0, 2.0)))


# --- preference_accuracy


@core("preference_accuracy")
@given(REWARDS)
@example(TELLING)
@example((f64(2.0, 1.0, 0.0), f64(1.0, 1.0, 1.0)))
@example((f64(-1.0, -2.0), f64(-3.0, -1.0)))
def test_preference_accuracy_is_the_share_ranked_right(learner, rewards):
    """A win counts 1, a tie 1/2, a loss 0; the accuracy is the mean over the pairs."""
    pairs = list(zip(*(x.tolist() for x in rewards), strict=True))
    marks = [1.0 if c > r else 0.5 if c == r else 0.0 for c, r in pairs]
    agree(learner.preference_accuracy(*rewards), sum(marks) / len(marks))


@extra("preference_accuracy", weight=2)
@given(tensors(sizes()))
def test_preference_accuracy_of_ties_is_a_coin_toss(learner, rewards):
    """A model that gives both answers of every pair the same reward has accuracy 1/2."""
    agree(learner.preference_accuracy(rewards, rewards), 0.5)


@extra("preference_accuracy")
@given(REWARDS)
def test_preference_accuracy_of_swapped_pairs(learner, rewards):
    """With chosen and rejected swapped, the accuracy a turns into 1 - a."""
    swapped = learner.preference_accuracy(*rewards[::-1])
    agree(learner.preference_accuracy(*rewards) + swapped, 1.0)


@extra("preference_accuracy")
def test_preference_accuracy_does_not_weigh_the_lead(learner):
    """A lead of 1e-6 is a win like one of 1e4; only the order counts."""
    small, large = f64(1.0 + 1e-6, 0.0), f64(1.0, 1e4)
    agree(learner.preference_accuracy(small, large), 0.5)
    agree(learner.preference_accuracy(f64(1e4, 1.0 + 1e-6, -3.0), f64(0.0, 1.0, -3.0)), 2.5 / 3)


@extra("preference_accuracy")
@given(st.sampled_from([torch.float64, torch.float32]))
def test_preference_accuracy_is_a_plain_float(learner, kind):
    """The accuracy is a Python float."""
    is_float(learner.preference_accuracy(*(x.to(kind) for x in TELLING)))


@extra("preference_accuracy")
def test_preference_accuracy_refuses_an_empty_batch(learner):
    """No pairs have no accuracy: ValueError."""
    rejects(learner.attempt("preference_accuracy", f64(), f64()))


@extra("preference_accuracy")
def test_preference_accuracy_names_the_empty_argument(learner):
    """The message of the ValueError names chosen_rewards."""
    rejects(learner.attempt("preference_accuracy", f64(), f64()), naming="chosen_rewards")


@extra("preference_accuracy")
def test_preference_accuracy_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("preference_accuracy", *TELLING))


# --- last_token_reward


@st.composite
def padded(draw):
    """Token rewards and a 0/1 mask, each row padded on one side or on both."""
    width, rows = draw(sizes(1, 5)), draw(sizes(1, 3))
    mask = torch.zeros(rows, width, dtype=torch.int64)
    for row in range(rows):
        length = draw(sizes(1, width))
        start = draw(st.sampled_from([0, width - length]))
        mask[row, start : start + length] = 1
    return draw(tensors(rows, width)), mask


RIGHT_LEFT_FULL_FIRST = (
    f64(0.1, 0.7, 9.0, 0.5, 0.2, 0.3, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0).view(4, 3),
    tensor([[1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 0]]),
)


@core("last_token_reward")
@given(padded())
@example(RIGHT_LEFT_FULL_FIRST)
def test_last_token_reward_stands_at_the_last_attended_position(learner, batch):
    """Each row's reward is the one at its last attended position, for padding on either side."""
    token_rewards, mask = batch
    rows = zip(token_rewards.tolist(), mask.tolist(), strict=True)
    expected = [[x for x, real in zip(*row, strict=True) if real][-1] for row in rows]
    agree(learner.last_token_reward(token_rewards, mask), f64(*expected))


@extra("last_token_reward", weight=2)
@given(st.sampled_from([INF, -INF, NAN]))
def test_last_token_reward_ignores_what_the_padding_holds(learner, garbage):
    """Padding never influences value or gradient, even when it holds inf or nan."""
    token_rewards = f64(1.0, 2.0, garbage, garbage, 3.0, 4.0).view(2, 3)
    mask = tensor([[True, True, False], [False, True, True]])
    agree(learner.last_token_reward(token_rewards, mask), f64(2.0, 4.0))
    gradient = learner.gradient("last_token_reward", token_rewards, mask, wrt=0)
    agree(gradient, f64(0.0, 1.0, 0.0, 0.0, 0.0, 1.0).view(2, 3))


@extra("last_token_reward", weight=2)
@given(padded())
@example(RIGHT_LEFT_FULL_FIRST)
def test_last_token_reward_trains_one_position_per_row(learner, batch):
    """The gradient is 1 at each row's last attended position and exactly 0 elsewhere."""
    token_rewards, mask = batch
    width = mask.shape[1]
    last = [max(t for t in range(width) if row[t]) for row in mask.tolist()]
    expected = f64(*(float(t == at) for at in last for t in range(width))).view_as(token_rewards)
    agree(learner.gradient("last_token_reward", token_rewards, mask, wrt=0), expected)


@extra("last_token_reward")
@given(st.sampled_from([torch.bool, torch.int64, torch.int32, torch.float32, torch.float64]))
def test_last_token_reward_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1, whole numbers or floats."""
    token_rewards, mask = RIGHT_LEFT_FULL_FIRST
    agree(learner.last_token_reward(token_rewards, mask.to(kind)), f64(0.7, 0.3, 3.0, 4.0))


@extra("last_token_reward")
@given(st.sampled_from([torch.bool, torch.float64]))
def test_last_token_reward_keeps_float32(learner, kind):
    """float32 rewards give a float32 result, also under a float64 mask."""
    token_rewards, mask = RIGHT_LEFT_FULL_FIRST
    keeps_dtype(learner.last_token_reward(token_rewards.float(), mask.to(kind)), torch.float32)


@extra("last_token_reward")
@given(st.sampled_from([tensor([[1, 1], [0, 0]]), tensor([[0, 0], [1, 0]])]))
def test_last_token_reward_refuses_a_row_of_padding(learner, mask):
    """A row without a single attended position raises ValueError."""
    rejects(learner.attempt("last_token_reward", f64(1.0, 2.0, 3.0, 4.0).view(2, 2), mask))


@extra("last_token_reward")
def test_last_token_reward_names_the_mask(learner):
    """The message of the ValueError names attention_mask."""
    call = learner.attempt("last_token_reward", f64(1.0, 2.0)[None], tensor([[False, False]]))
    rejects(call, naming="attention_mask")


@extra("last_token_reward")
def test_last_token_reward_leaves_its_input(learner):
    """The function changes neither the rewards nor the mask."""
    untouched(learner.attempt("last_token_reward", *RIGHT_LEFT_FULL_FIRST))


# --- reward_centering_loss


@core("reward_centering_loss")
@given(REWARDS)
@example(TELLING)
@example((f64(1.0, -1.0), f64(1.0, -1.0)))
def test_reward_centering_loss_is_the_mean_squared_sum(learner, rewards):
    """The loss is the mean of (chosen + rejected)^2."""
    pairs = list(zip(*(x.tolist() for x in rewards), strict=True))
    expected = sum((c + r) ** 2 for c, r in pairs) / len(pairs)
    agree(learner.reward_centering_loss(*rewards), f64(expected)[0])


@extra("reward_centering_loss", weight=2)
@given(tensors(sizes()))
def test_reward_centering_loss_rests_where_pairs_are_centred(learner, rewards):
    """Where the two rewards of every pair are opposite, loss and gradient are 0."""
    agree(learner.reward_centering_loss(rewards, -rewards), f64(0.0)[0])
    gradient = learner.gradient("reward_centering_loss", rewards, -rewards, wrt=0)
    agree(gradient, torch.zeros_like(rewards))


@extra("reward_centering_loss", weight=2)
@given(REWARDS)
@example(TELLING)
def test_reward_centering_loss_moves_both_rewards_alike(learner, rewards):
    """The gradient is 2 * (chosen + rejected) / B for both rewards: their difference stays."""
    expected = 2 * (rewards[0] + rewards[1]) / len(rewards[0])
    for gradient in learner.gradient("reward_centering_loss", *rewards, wrt=(0, 1)):
        agree(gradient, expected)


@extra("reward_centering_loss")
@given(REWARDS)
def test_reward_centering_loss_does_not_see_who_was_chosen(learner, rewards):
    """Chosen and rejected may be swapped."""
    swapped = learner.reward_centering_loss(*rewards[::-1])
    agree(swapped, learner.reward_centering_loss(*rewards))


@extra("reward_centering_loss")
def test_reward_centering_loss_keeps_float32(learner):
    """float32 in, float32 out."""
    loss = learner.reward_centering_loss(*(x.float() for x in TELLING))
    keeps_dtype(loss, torch.float32)
    require(loss.shape == (), "the loss is a scalar of shape ()", returned=loss)


@extra("reward_centering_loss")
def test_reward_centering_loss_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("reward_centering_loss", *TELLING))
