"""Search at inference: spend more computation, and let a reward model choose."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Candidate = TypeVar("Candidate")
Answer = TypeVar("Answer", bound=Hashable)
State = TypeVar("State")


def best_of_n(candidates: Sequence[Candidate], score: Callable[[Candidate], float]) -> Candidate:
    """Sample n answers, keep the one that the reward model likes best.

        best = argmax over candidates c of score(c)

    Args:
        candidates: list of n answers, in the order in which they were sampled. They may be anything
            (strings, lists, dicts), so don't compare, sort or hash them: pass them to `score`.
        score: the reward model: takes a candidate, returns a number; higher is better. Scores may
            be negative, and -inf too. Called exactly once per candidate: scoring costs money.

    Returns:
        The candidate with the highest score; of equals the first in the list.

    Raises:
        ValueError: `candidates` is empty.

    Example:
        >>> best_of_n(["2 + 2 = 5", "2 + 2 = 4", "4 = 2 + 2"], lambda text: text.count("4"))
        '2 + 2 = 4'

    Source: Lightman et al. 2023 (best-of-N under outcome and process reward models).
    """
    raise NotImplementedError("write best_of_n here")


def weighted_majority_vote(answers: Sequence[Answer], weights: Sequence[float]) -> Answer:
    """Let the sampled chains vote on the final answer, each with the weight its score gives it.

        total[a] = sum of weights[i] over all i with answers[i] == a
        winner   = argmax over answers a of total[a]

    With all weights equal this is the plain majority vote (self-consistency). With scores of a
    reward model as weights, two doubtful chains can lose against one that is trusted.

    Args:
        answers: list of n >= 1 final answers (strings or numbers), one per chain.
        weights: list or array of n numbers >= 0, one per chain; they need not sum to 1, and all of
            them may be 0.

    Returns:
        The answer with the largest total weight; of equals the one seen first in `answers`.

    Raises:
        ValueError: `answers` and `weights` differ in length, or are empty.

    Example:
        >>> weighted_majority_vote(["12", "7", "12"], [0.3, 0.7, 0.35])
        '7'
        >>> weighted_majority_vote(["12", "7", "12"], [1.0, 1.0, 1.0])
        '12'

    Source: Wang et al. 2022, "Self-consistency" (equal weights); Wang et al. 2023, "Math-Shepherd"
        (weights from a reward model).
    """
    raise NotImplementedError("write weighted_majority_vote here")


def step_beam_search(
    start: State,
    expand: Callable[[State], list[State]],
    score: Callable[[State], float],
    beam_width: int,
    max_steps: int,
) -> list[State]:
    """Search over reasoning steps: extend the best partial chains, drop the others, repeat.

    The beam is the list of states that are kept, at first [start]. One round:

        1. walk through the beam in order: put expand(state), in its order, at the end of a list of
           contenders; where expand gives [], the state is finished and is put there itself
        2. if every state of the beam is finished, stop: the beam stays as it is
        3. the new beam: the beam_width contenders with the highest score, best first,
           of equals the one that comes earlier among the contenders

    So a finished state has no bonus and no privilege: in each round it competes, as it stands,
    with what the others have become, and a state that has dropped out of the beam never returns.
    Width 1 is greedy search; a beam wide enough to drop nothing is exhaustive search.

    Args:
        start: one state (a partial chain, possibly itself a list), not a list of states. States may
            be anything, so don't compare, sort or hash them; equal states are not merged.
        expand: takes a state, returns the list of states one step further, [] if it is finished.
            Don't change that list. Called only on states of the beam: a step costs money.
        score: the process reward model: takes a state, returns a number; higher is better.
        beam_width: how many states are kept, at least 1.
        max_steps: the largest number of rounds; 0 returns [start].

    Returns:
        The states of the last beam, best first: at most `beam_width` of them.

    Raises:
        ValueError: `beam_width` is less than 1.

    Example:
        Greedy search takes "a", and never sees the best answer "ba".

        >>> scores = {"": 0.0, "a": 0.6, "b": 0.5, "aa": 0.2, "ab": 0.3, "ba": 0.9, "bb": 0.1}
        >>> def expand(text):
        ...     return [text + "a", text + "b"] if len(text) < 2 else []
        >>> step_beam_search("", expand, scores.get, beam_width=1, max_steps=5)
        ['ab']
        >>> step_beam_search("", expand, scores.get, beam_width=2, max_steps=5)
        ['ba', 'ab']
        >>> step_beam_search("", expand, scores.get, beam_width=2, max_steps=1)
        ['a', 'b']

    Source: Snell et al. 2024, "Scaling LLM test-time compute optimally" (beam search against a
        process reward model); the idea of step-wise scores: Lightman et al. 2023.
    """
    raise NotImplementedError("write step_beam_search here")
