"""Worked examples of DPO: numbers small enough to check by hand."""

import torch
from torch import tensor

from assay.judging import agree, rejects, require
from assay.properties import worked

ZERO = tensor([0.0])


@worked("sequence_logprobs")
def test_sequence_logprobs_adds_the_tokens_of_the_response(learner):
    """The prompt's token (mask 0) doesn't count: -2 and -4 make -6."""
    agree(
        learner.sequence_logprobs(tensor([[-1.0, -2.0, -4.0]]), tensor([[0, 1, 1]])), tensor([-6.0])
    )


@worked("sequence_logprobs")
def test_sequence_logprobs_ignores_garbage_under_the_mask(learner):
    """A padded position may hold -inf; it must not spoil the sum."""
    logps = tensor([[-1.0, float("-inf")]])
    agree(learner.sequence_logprobs(logps, tensor([[True, False]])), tensor([-1.0]))


@worked("implicit_reward")
def test_implicit_reward_is_beta_times_the_log_ratio(learner):
    """A response that is 1 nat likelier than under the reference is worth 0.5 at beta 0.5."""
    agree(learner.implicit_reward(tensor([-3.0]), tensor([-4.0]), beta=0.5), tensor([0.5]))


@worked("dpo_loss")
def test_dpo_loss_of_the_worked_pair(learner):
    """Log-ratios 1.0 and -0.5 at beta 0.5: the loss is -log sigmoid(0.75) = 0.3869."""
    loss = learner.dpo_loss(tensor([1.0]), tensor([-0.5]), ZERO, ZERO, beta=0.5)
    agree(loss, tensor(0.3869), digits=4)


@worked("dpo_loss")
def test_dpo_loss_before_training(learner):
    """Where the policy still equals its reference, each pair costs log 2 = 0.6931."""
    logps = tensor([-5.0, -7.0])
    agree(learner.dpo_loss(logps, logps - 1, logps, logps - 1), tensor(0.6931), digits=4)


@worked("dpo_loss")
def test_dpo_loss_refuses_a_beta_of_zero(learner):
    """beta = 0 would make every loss log 2: it must be a ValueError."""
    rejects(learner.attempt("dpo_loss", ZERO, ZERO, ZERO, ZERO, beta=0.0))


@worked("dpo_gradient_weight")
def test_dpo_gradient_weight_of_the_worked_pair(learner):
    """The pair of above is ranked right by 0.75, so it pushes with sigmoid(-0.75) = 0.3208."""
    weight = learner.dpo_gradient_weight(tensor([1.0]), tensor([-0.5]), ZERO, ZERO, beta=0.5)
    agree(weight, tensor([0.3208]), digits=4)


@worked("ipo_loss")
def test_ipo_loss_is_the_squared_distance_to_the_target(learner):
    """A gap of 1.5 against a target of 1 / (2 * 0.5) = 1 costs 0.25."""
    agree(learner.ipo_loss(tensor([1.0]), tensor([-0.5]), ZERO, ZERO, tau=0.5), tensor(0.25))


@worked("reward_from_policy")
def test_reward_from_policy_of_a_coin(learner):
    """A fair coin that has become 0.8 to 0.2 shows rewards log 1.6 and log 0.4 at beta 1."""
    reward = learner.reward_from_policy(tensor([0.8, 0.2]), tensor([0.5, 0.5]), 1.0)
    agree(reward, tensor([0.4700, -0.9163]), digits=4)


@worked("train_dpo")
def test_train_dpo_finds_the_odds_of_the_comparisons(learner):
    """Three wins in four: beta times the gap of the logits becomes log 3 = 1.0986."""
    logits = learner.train_dpo(torch.zeros(2), tensor([0, 0, 0, 1]), tensor([1, 1, 1, 0]))
    agree(0.1 * float(logits[0] - logits[1]), 1.0986, atol=0.1)


@worked("train_dpo")
def test_train_dpo_leaves_an_unseen_response_alone(learner):
    """Response 2 is in no pair, so its logit stays what it was."""
    logits = learner.train_dpo(tensor([0.0, 0.0, 5.0]), tensor([0, 1]), tensor([1, 0]), steps=3)
    require(float(logits[2]) == 5.0, "the logit of a response in no pair moved", returned=logits)
