"""Worked examples for reward modeling: numbers small enough to check by hand."""

from torch import nan, tensor

from assay.judging import agree, rejects
from assay.properties import worked


@worked("preference_probability")
def test_two_nats_of_reward_are_a_preference_of_88_percent(learner):
    """Rewards 1.5 and -0.5 lie 2 apart, and sigmoid(2) is 0.8808."""
    agree(learner.preference_probability(tensor([1.5]), tensor([-0.5])), tensor([0.8808]), digits=4)


@worked("preference_probability")
def test_equal_rewards_are_a_coin_toss(learner):
    """Equal rewards give probability one half, however large they are."""
    rewards = tensor([0.0, 3.0, 1000.0])
    agree(learner.preference_probability(rewards, rewards), tensor([0.5, 0.5, 0.5]))


@worked("bradley_terry_loss")
def test_the_chapters_pair_costs_0_1269(learner):
    """Chosen 1.5, rejected -0.5: the loss is -log sigmoid(2) = 0.1269."""
    agree(learner.bradley_terry_loss(tensor([1.5]), tensor([-0.5])), tensor(0.1269), digits=4)


@worked("bradley_terry_loss")
def test_the_loss_is_averaged_over_the_pairs(learner):
    """A pair won by 2 costs 0.1269, one lost by 2 costs 2.1269: 1.1269 on average."""
    chosen, rejected = tensor([1.5, -0.5]), tensor([-0.5, 1.5])
    agree(learner.bradley_terry_loss(chosen, rejected), tensor(1.1269), digits=4)


@worked("bradley_terry_loss")
def test_a_margin_raises_the_bar(learner):
    """With margin 1, the same pair has a gap of 1 only: -log sigmoid(1) = 0.3133."""
    loss = learner.bradley_terry_loss(tensor([1.5]), tensor([-0.5]), margin=1.0)
    agree(loss, tensor(0.3133), digits=4)


@worked("bradley_terry_loss")
def test_a_hopeless_pair_costs_its_gap(learner):
    """A pair lost by 10000 costs 10000, not infinity."""
    agree(learner.bradley_terry_loss(tensor([-5000.0]), tensor([5000.0])), tensor(10000.0))


@worked("preference_accuracy")
def test_a_tie_counts_half(learner):
    """One win, one tie, one loss: (1 + 1/2 + 0) / 3 = 0.5."""
    agree(learner.preference_accuracy(tensor([2.0, 1.0, 0.0]), tensor([1.0, 1.0, 1.0])), 0.5)


@worked("preference_accuracy")
def test_no_pairs_have_no_accuracy(learner):
    """An empty batch is refused with a ValueError."""
    rejects(learner.attempt("preference_accuracy", tensor([]), tensor([])))


@worked("last_token_reward")
def test_padding_may_stand_on_either_side(learner):
    """Row 1 is padded on the right, row 2 on the left: the last real tokens hold 0.7 and 0.3."""
    token_rewards = tensor([[0.1, 0.7, 9.0], [9.0, 0.2, 0.3]])
    attention_mask = tensor([[1, 1, 0], [0, 1, 1]])
    agree(learner.last_token_reward(token_rewards, attention_mask), tensor([0.7, 0.3]))


@worked("last_token_reward")
def test_garbage_in_the_padding_does_no_harm(learner):
    """The padding holds nan, the last real token 0.7: the reward is 0.7."""
    attention_mask = tensor([[True, True, False]])
    agree(learner.last_token_reward(tensor([[0.1, 0.7, nan]]), attention_mask), tensor([0.7]))


@worked("last_token_reward")
def test_a_row_of_padding_has_no_last_token(learner):
    """A row without a real token is refused with a ValueError."""
    token_rewards, attention_mask = tensor([[0.1, 0.7], [0.2, 0.3]]), tensor([[1, 1], [0, 0]])
    rejects(learner.attempt("last_token_reward", token_rewards, attention_mask))


@worked("reward_centering_loss")
def test_the_sums_of_the_pairs_are_squared_and_averaged(learner):
    """The pairs sum to 1 and 0: (1 + 0) / 2 = 0.5."""
    agree(learner.reward_centering_loss(tensor([1.5, 1.0]), tensor([-0.5, -1.0])), tensor(0.5))


@worked("reward_centering_loss")
def test_opposite_drifts_do_not_cancel(learner):
    """One pair sums to 2, the other to -2: the loss is 4, not 0."""
    agree(learner.reward_centering_loss(tensor([1.0, -1.0]), tensor([1.0, -1.0])), tensor(4.0))
