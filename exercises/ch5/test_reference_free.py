"""Worked examples for ORPO, SimPO and GRPO: numbers small enough to check by hand."""

from torch import tensor

from assay.judging import agree, rejects
from assay.properties import worked


@worked("log_odds")
def test_four_to_one(learner):
    """p = 0.8 has odds of 4 to 1, and log 4 = 1.3863; p = 0.2 the opposite."""
    agree(learner.log_odds(tensor([0.8, 0.2]).log()), tensor([1.3863, -1.3863]), digits=4)


@worked("log_odds")
def test_a_certain_answer_has_no_odds(learner):
    """A mean log-prob of 0 means p = 1, and raises ValueError."""
    rejects(learner.attempt("log_odds", tensor([-1.0, 0.0])))


@worked("orpo_loss")
def test_sft_plus_odds_ratio(learner):
    """p = 0.8 against 0.5 at lam 0.5: 0.2231 for SFT and 0.5 * 0.2231 for the odds, 0.3347."""
    agree(
        learner.orpo_loss(tensor([0.8]).log(), tensor([0.5]).log(), lam=0.5),
        tensor(0.3347),
        digits=4,
    )


@worked("orpo_loss")
def test_orpo_averages_over_the_batch(learner):
    """p = 0.8 and 0.5, each against 0.5, at lam 1: (0.4463 + 1.3863) / 2 = 0.9163."""
    loss = learner.orpo_loss(tensor([0.8, 0.5]).log(), tensor([0.5, 0.5]).log(), lam=1.0)
    agree(loss, tensor(0.9163), digits=4)


@worked("simpo_loss")
def test_simpo_asks_for_a_margin(learner):
    """A gap of 0.75 at beta 2 and gamma 1 costs -log sigmoid(0.5) = 0.4741."""
    agree(learner.simpo_loss(tensor([-0.5]), tensor([-1.25])), tensor(0.4741), digits=4)


@worked("simpo_loss")
def test_gamma_itself_is_the_margin(learner):
    """No gap at beta 10 and gamma 0.5: -log sigmoid(-0.5) = 0.9741, whatever beta is."""
    agree(
        learner.simpo_loss(tensor([-1.0]), tensor([-1.0]), beta=10.0, gamma=0.5),
        tensor(0.9741),
        digits=4,
    )


@worked("grpo_advantages")
def test_each_group_is_its_own_yardstick(learner):
    """Rewards 1, 2, 3 and 10, 20, 30 both give -1, 0, 1: row by row, with the unbiased std."""
    advantages = learner.grpo_advantages(tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
    agree(advantages, tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]), digits=4)


@worked("grpo_advantages")
def test_equal_rewards_teach_nothing(learner):
    """A group whose rewards are all equal has advantages of 0."""
    agree(learner.grpo_advantages(tensor([[0.5, 0.5, 0.5, 0.5]])), tensor([[0.0, 0.0, 0.0, 0.0]]))


@worked("grpo_advantages")
def test_one_response_is_no_group(learner):
    """A single response per prompt raises ValueError."""
    rejects(learner.attempt("grpo_advantages", tensor([[1.0], [2.0]])))
