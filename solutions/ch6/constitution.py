"""Constitutional AI, phase 1: a model criticises and rewrites its own answers, by written rules."""

import random
from collections.abc import Callable, Sequence


def critique_revision(
    prompt: str,
    respond: Callable[[str], str],
    critique: Callable[[str, str, str], str | None],
    revise: Callable[[str, str, str, str], str],
    principles: Sequence[str],
) -> list[str]:
    """Answer a prompt, then improve the answer by one principle of the constitution per round.

        response_0 = respond(prompt)
        for round k = 1, 2, ..., one per principle:
            text       = critique(prompt, response_(k-1), principle_k)
            response_k = response_(k-1)                                           if text is None
                         revise(prompt, response_(k-1), text, principle_k)        otherwise

    `respond`, `critique` and `revise` are the same language model with three different
    instructions; here they are plain functions. Call them with positional arguments, exactly as
    often as the formula says and always with the newest response. An empty string is a
    critique too: only None means that there is nothing to criticise. An exception that one
    of them raises passes through.

    Args:
        prompt: the user's request.
        respond: `respond(prompt)` gives the first response.
        critique: `critique(prompt, response, principle)` says in words how the response breaks
            the principle, or gives None.
        revise: `revise(prompt, response, critique_text, principle)` gives a better response.
        principles: the principle of each round, in order; there may be none. Not changed.

    Returns:
        All responses, the initial one first and then one per round, unchanged where nothing was
        criticised: a list of len(principles) + 1 texts.

    Example:
        >>> critique_revision(
        ...     "How are you?",
        ...     respond=lambda prompt: "SPLENDID!",
        ...     critique=lambda prompt, response, principle:
        ...         "It shouts." if response.isupper() else None,
        ...     revise=lambda prompt, response, critique_text, principle: response.lower(),
        ...     principles=["Do not shout.", "Be calm."],
        ... )
        ['SPLENDID!', 'splendid!', 'splendid!']

    Source: Bai et al. 2022.
    """
    ### BEGIN SOLUTION
    response = respond(prompt)
    responses = [response]
    for principle in principles:
        critique_text = critique(prompt, response, principle)
        if critique_text is not None:
            response = revise(prompt, response, critique_text, principle)
        responses.append(response)
    return responses
    ### END SOLUTION


def sample_principles(constitution: Sequence[str], rounds: int, seed: int) -> list[str]:
    """Draw at random which principle of the constitution each round applies.

        shuffle the constitution, take its principles in that order; when it is used up,
        shuffle it afresh; and so on until there are `rounds` principles

    So no principle comes twice before every other came once: each block of len(constitution)
    draws is a permutation of the constitution, all permutations equally likely, independent of
    the other blocks; the last block may be cut short. (Bai et al. draw with repeats; without,
    a few rounds cover more of the constitution.)

    Args:
        constitution: the principles; not changed.
        rounds: how many to draw, 0 or more; may exceed len(constitution).
        seed: seed of the draw, an int: the same seed gives the same draw whatever was drawn
            before, so make a random generator of your own here. Which generator is up to you.

    Returns:
        The drawn principles in order: a list of `rounds` texts, as they stand in the constitution.

    Raises:
        ValueError: `constitution` is empty; the message names it.

    Example:
        >>> drawn = sample_principles(["be kind", "be honest"], rounds=3, seed=0)
        >>> len(drawn), sorted(drawn[:2])
        (3, ['be honest', 'be kind'])

    Source: Bai et al. 2022.
    """
    ### BEGIN SOLUTION
    if len(constitution) == 0:
        raise ValueError("constitution is empty: there is no principle to draw")
    generator = random.Random(seed)
    drawn: list[str] = []
    while len(drawn) < rounds:
        drawn += generator.sample(constitution, len(constitution))
    return drawn[:rounds]
    ### END SOLUTION


def build_sft_dataset(
    prompts: Sequence[str], transcripts: Sequence[Sequence[str]]
) -> list[tuple[str, str]]:
    """Turn critique-revision transcripts into demonstrations for supervised fine-tuning.

        keep (prompt, last response) of each transcript in which some response differs
        from another; drop the transcripts whose responses are all equal

    Where nobody found anything to criticise, the model already answers like that, and the pair
    teaches nothing. A response that was changed and then changed back is kept.

    Args:
        prompts: the prompts, one per transcript.
        transcripts: for each prompt the list of its responses, initial one first, as
            `critique_revision` returns it: at least one response each.

    Returns:
        A list of (prompt, response) tuples, in the order of the prompts. The inputs stay as they
        are.

    Raises:
        ValueError: `prompts` and `transcripts` differ in length; the message names one of them.

    Example:
        >>> build_sft_dataset(["Hi", "Bye"], [["WHAT?", "Hello!"], ["Goodbye.", "Goodbye."]])
        [('Hi', 'Hello!')]

    Source: Bai et al. 2022.
    """
    ### BEGIN SOLUTION
    if len(prompts) != len(transcripts):
        raise ValueError(f"{len(prompts)} prompts, but {len(transcripts)} transcripts")
    return [
        (prompt, responses[-1])
        for prompt, responses in zip(prompts, transcripts, strict=True)
        if any(response != responses[0] for response in responses)
    ]
    ### END SOLUTION
