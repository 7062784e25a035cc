"""Worked examples for the RLHF pipeline: three stages that write down what they were given."""

from assay.judging import agree
from assay.properties import worked


def sft(model, demonstrations):
    return f"SFT of {model} on {demonstrations}"


def fit_reward(model, preferences):
    return f"reward from {preferences}, begun at [{model}]"


def ppo(start, reference, reward, prompts):
    return [start, reference, reward, prompts]


@worked("rlhf_pipeline")
def test_the_data_flows_through_three_stages(learner):
    """PPO gets the SFT model as start and as reference, then the reward, then the prompts."""
    aligned = learner.rlhf_pipeline("base", "demos", "pairs", "prompts", sft, fit_reward, ppo)
    tuned = "SFT of base on demos"
    agree(aligned, [tuned, tuned, f"reward from pairs, begun at [{tuned}]", "prompts"])


@worked("rlhf_pipeline")
def test_a_model_may_count_as_false(learner):
    """An SFT model that happens to be 0 is a model like any other."""

    def sft_to_zero(model, demonstrations):
        return 0

    aligned = learner.rlhf_pipeline(
        "base", "demos", "pairs", "prompts", sft_to_zero, fit_reward, ppo
    )
    agree(aligned, [0, 0, "reward from pairs, begun at [0]", "prompts"])
