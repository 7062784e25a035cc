"""Worked examples for PPO: numbers small enough to check by hand."""

from math import log

from torch import tensor

from assay.judging import agree, rejects
from assay.properties import worked


@worked("probability_ratio")
def test_a_token_gone_from_02_to_03_is_half_as_likely_again(learner):
    """From probability 0.2 to 0.3 is a ratio of 1.5, and unchanged is a ratio of 1."""
    ratio = learner.probability_ratio(tensor([0.3, 0.7]).log(), tensor([0.2, 0.7]).log())
    agree(ratio, tensor([1.5, 1.0]))


@worked("probability_ratio")
def test_a_ratio_of_rare_tokens_does_not_underflow(learner):
    """Two probabilities of e^-900 and e^-901 are 0 to a computer, and their ratio is e."""
    agree(learner.probability_ratio(tensor([-900.0]), tensor([-901.0])), tensor([2.7183]))


@worked("clipped_surrogate")
def test_a_gain_is_capped_and_a_loss_is_not(learner):
    """At ratio 1.5 a good token gains only 1.2, while a bad one is charged 1.5 in full."""
    surrogate = learner.clipped_surrogate(tensor([1.5, 1.5]), tensor([1.0, -1.0]), epsilon=0.2)
    agree(surrogate, tensor([1.2, -1.5]))


@worked("clipped_surrogate")
def test_at_a_low_ratio_it_is_the_other_way_round(learner):
    """At ratio 0.5 a good token counts 0.5, and a bad one gains nothing beyond -0.8."""
    surrogate = learner.clipped_surrogate(tensor([0.5, 0.5]), tensor([1.0, -1.0]), epsilon=0.2)
    agree(surrogate, tensor([0.5, -0.8]))


@worked("clipped_surrogate")
def test_a_negative_epsilon_is_refused(learner):
    """A range from 1.1 down to 0.9 contains nothing: `epsilon` below 0 is a ValueError."""
    rejects(learner.attempt("clipped_surrogate", tensor([1.0]), tensor([1.0]), epsilon=-0.1))


@worked("ppo_policy_loss")
def test_the_policy_loss_is_minus_the_mean_surrogate_of_the_response(learner):
    """Two response tokens worth 1.2 and -1.5, and one of padding, make a loss of 0.15."""
    loss = learner.ppo_policy_loss(
        tensor([[1.5, 1.5, 7.0]]).log(),
        tensor([[0.0, 0.0, 0.0]]),
        tensor([[1.0, -1.0, 9.0]]),
        tensor([[True, True, False]]),
    )
    agree(loss, tensor(0.15))


@worked("ppo_policy_loss")
def test_every_token_weighs_the_same_in_a_long_and_in_a_short_response(learner):
    """Rows of three tokens worth 1 and one worth 5: the mean is 8/4 = 2, not (1 + 5)/2 = 3."""
    loss = learner.ppo_policy_loss(
        tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        tensor([[1.0, 1.0, 1.0], [5.0, 0.0, 0.0]]),
        tensor([[1, 1, 1], [1, 0, 0]]),
    )
    agree(loss, tensor(-2.0))


@worked("clip_fraction")
def test_only_the_good_one_of_three_likelier_tokens_is_clipped(learner):
    """At ratio 1.5 and advantages 1, -1 and 0 the clip bites once: a third of the tokens."""
    fraction = learner.clip_fraction(
        tensor([[1.5, 1.5, 1.5]]), tensor([[1.0, -1.0, 0.0]]), tensor([[1, 1, 1]])
    )
    agree(fraction, 1 / 3)


@worked("clip_fraction")
def test_no_token_is_no_clipped_token(learner):
    """Where the mask is empty the share is 0.0."""
    agree(learner.clip_fraction(tensor([[1.5]]), tensor([[1.0]]), tensor([[False]])), 0.0)


@worked("kl_estimate")
def test_the_three_estimators_on_two_tokens(learner):
    """Log-ratios of 1 and -0.5 give k1 = 0.25, k2 = 0.3125 and k3 = 0.2583."""
    logprobs, ref_logprobs = tensor([[-1.0, -2.0]]), tensor([[-2.0, -1.5]])
    mask = tensor([[True, True]])
    agree(learner.kl_estimate(logprobs, ref_logprobs, mask, kind="k1"), tensor(0.25))
    agree(learner.kl_estimate(logprobs, ref_logprobs, mask, kind="k2"), tensor(0.3125))
    agree(learner.kl_estimate(logprobs, ref_logprobs, mask, kind="k3"), tensor(0.2583))


@worked("kl_estimate")
def test_another_kind_of_estimate_is_refused(learner):
    """There is no k4: another `kind` is a ValueError."""
    tokens, mask = tensor([[-1.0]]), tensor([[True]])
    rejects(learner.attempt("kl_estimate", tokens, tokens, mask, kind="k4"))


@worked("adaptive_kl_coefficient")
def test_a_kl_of_twice_the_target_turns_beta_up(learner):
    """The error of 1 is clipped to 0.2, and a tenth of the horizon passes: 0.5 becomes 0.51."""
    beta = learner.adaptive_kl_coefficient(0.5, kl=12.0, target=6.0, horizon=1000, n_steps=100)
    agree(beta, 0.51)


@worked("adaptive_kl_coefficient")
def test_a_kl_just_below_the_target_turns_beta_down_a_little(learner):
    """A KL 10 % below the target, after half a horizon, takes 5 % off: 0.2 becomes 0.19."""
    beta = learner.adaptive_kl_coefficient(0.2, kl=5.4, target=6.0, horizon=200, n_steps=100)
    agree(beta, 0.19)


@worked("adaptive_kl_coefficient")
def test_a_target_of_zero_is_refused(learner):
    """A KL can't be held at 0: `target` must be above 0, else a ValueError."""
    rejects(learner.attempt("adaptive_kl_coefficient", 0.1, 1.0, 0.0, 100, 10))
