"""The three stages of RLHF, each built on the one before."""

from collections.abc import Callable
from typing import Any


def rlhf_pipeline(
    base: Any,
    demonstrations: Any,
    preferences: Any,
    prompts: Any,
    sft: Callable[[Any, Any], Any],
    fit_reward: Callable[[Any, Any], Any],
    ppo: Callable[[Any, Any, Any, Any], Any],
) -> Any:
    """Run RLHF: imitate demonstrations, learn a reward from preferences, optimise it on a leash.

    The stages are given as functions. What matters here is which data flows where:

        sft(base, demonstrations)               gives the SFT model
        fit_reward(SFT model, preferences)      gives the reward
        ppo(start, reference, reward, prompts)  gives the aligned model

    The SFT model is both the `start` that `ppo` goes on training and the frozen `reference` that
    its KL penalty holds on to: hand over the SFT model for both (a copy of it as the reference is
    fine too). Call each stage exactly once, in this order, with positional arguments as shown.
    Models, rewards and data may be any objects, also ones that count as false, such as 0, "" or
    []: look at none of them, only pass them on. An exception raised by a stage passes through as
    it is, and no later stage runs.

    Args:
        base: the pre-trained model.
        demonstrations: prompts with responses written by people, for `sft`.
        preferences: pairs of responses with the better one marked, for `fit_reward`.
        prompts: prompts without responses, for `ppo` to answer.
        sft: stage 1, a function of (model, demonstrations).
        fit_reward: stage 2, a function of (model, preferences).
        ppo: stage 3, a function of (start, reference, reward, prompts).

    Returns:
        What `ppo` returned.

    Example:
        >>> rlhf_pipeline(
        ...     "base", "demos", "pairs", "prompts",
        ...     sft=lambda model, data: f"sft({model}, {data})",
        ...     fit_reward=lambda model, data: f"reward({data})",
        ...     ppo=lambda start, ref, reward, data: f"ppo({start}, {reward}, {data})",
        ... )
        'ppo(sft(base, demos), reward(pairs), prompts)'

    Source: Christiano et al. 2017; Stiennon et al. 2020; Ouyang et al. 2022.
    """
    raise NotImplementedError("write rlhf_pipeline here")
