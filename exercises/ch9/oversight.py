"""Scalable oversight: debates, recursive decomposition and prediction markets."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Transcript = list[tuple[int, str]]
Task = TypeVar("Task")
Result = TypeVar("Result")
Verdict = TypeVar("Verdict")


def debate(
    question: str,
    debaters: Sequence[Callable[[str, Transcript], str]],
    judge: Callable[[str, Transcript], Verdict],
    rounds: int,
) -> tuple[Verdict, Transcript]:
    """Let two debaters argue in turn, then ask the judge for a verdict.

    The judge need not be able to find the answer, only to tell which of two arguments holds.

        in each round: debater 0 speaks, then debater 1
        verdict = judge(question, all that was said)

    Debaters and judge alike are handed everything said so far as a copy of their own, which they
    may change without changing the record. A text is recorded as it comes, even an empty one, and
    the verdict is handed back as it comes, even a false one or None. An exception of a debater or
    of the judge passes through.

    Args:
        question: what the debate is about.
        debaters: two callables, each `(question, transcript)` -> text, called with positional
            arguments.
        judge: a callable `(question, transcript)` -> verdict of any kind, called once, at the end,
            with positional arguments.
        rounds: turns of each debater; with 0 the judge decides on an empty transcript.

    Returns:
        (verdict, transcript), the transcript a list of (index of the debater, text) in the order
        of speaking, of length 2 * rounds.

    Raises:
        ValueError: if `debaters` does not hold exactly two (before anybody is called).

    Example:
        >>> def pro(question, transcript):
        ...     return "yes"
        >>> def con(question, transcript):
        ...     return f"not {transcript[-1][1]}"
        >>> def judge(question, transcript):
        ...     return len(transcript)
        >>> debate("Is the proof right?", [pro, con], judge, rounds=1)
        (2, [(0, 'yes'), (1, 'not yes')])

    Source:
        Irving, Christiano and Amodei 2018, AI safety via debate.
    """
    raise NotImplementedError("write debate here")


def recursive_oversight(
    task: Task,
    decompose: Callable[[Task], Sequence[Task]],
    solve: Callable[[Task], Result],
    combine: Callable[[Task, list[Result]], Result],
    max_depth: int,
) -> Result:
    """Judge a task too hard to judge whole by judging its parts, and their parts.

    A weak overseer can check a small step; trust in the whole is built from trust in the steps.

        R(task, depth) = solve(task)                     if depth = max_depth or no subtasks
                         combine(task, [R(s_1, depth + 1), ..., R(s_k, depth + 1)])  otherwise
        where s_1, ..., s_k = decompose(task), and the result is R(task, 0)

    The work goes depth-first: a subtask is finished, with all of its own parts, before the next
    one is looked at. No task is decomposed, solved or combined more than once. At `max_depth`
    there is no need to ask `decompose`: whatever it says, the task goes to `solve`. A result is
    passed on as it comes, even 0, False or None. The callables get positional arguments,
    and their exceptions pass through.

    Args:
        task: the task at the root, of depth 0.
        decompose: `decompose(task)` -> list of subtasks, an empty list when the task is simple
            enough to judge; the list stays unchanged.
        solve: `solve(task)` -> the overseer's result for one simple task.
        combine: `combine(task, results)` -> the result for a task from the list of results of its
            subtasks, in the subtasks' order.
        max_depth: the largest depth of a task, at least 0; with 0 the root itself goes to `solve`.

    Returns:
        The result for the root task.

    Example:
        >>> def halves(word):
        ...     return [word[:len(word) // 2], word[len(word) // 2:]] if len(word) > 1 else []
        >>> def bracket(word, results):
        ...     return "(" + "".join(results) + ")"
        >>> recursive_oversight("abcd", halves, str.upper, bracket, max_depth=1)
        '(ABCD)'
        >>> recursive_oversight("abcd", halves, str.upper, bracket, max_depth=2)
        '((AB)(CD))'

    Source:
        Christiano, Shlegeris and Amodei 2018, Supervising strong learners by amplifying weak
        experts; Leike et al. 2018, Scalable agent alignment via reward modeling.
    """
    raise NotImplementedError("write recursive_oversight here")


def market_prices(shares: np.ndarray, liquidity: float) -> np.ndarray:
    """Prices of a prediction market run by the logarithmic market scoring rule (LMSR).

    Traders with different knowledge buy shares of the outcomes; a share pays 1 if its outcome
    comes true. The price of an outcome is then the traders' joint probability of it.

        price_i = exp(shares_i / b) / sum_j exp(shares_j / b),    b = liquidity

    The prices are stable: finite, and accurate to a relative 1e-6 or an absolute 1e-12, for
    shares up to ±1e4 * liquidity, whose exp overflows. The larger the liquidity, the less each
    share bought moves the prices.

    Args:
        shares: (n,) array with n >= 1: shares sold so far of each outcome, ints or floats.
        liquidity: b > 0.

    Returns:
        (n,) array of prices in [0, 1] that sum to 1.

    Raises:
        ValueError: if `liquidity <= 0`.

    Example:
        >>> market_prices(np.array([10.0, 0.0]), liquidity=10.0).round(4)
        array([0.7311, 0.2689])

    Source:
        Hanson 2003, Combinatorial information market design.
    """
    raise NotImplementedError("write market_prices here")


def market_cost(shares: np.ndarray, trade: np.ndarray, liquidity: float) -> float:
    """What a trader pays to the LMSR market maker for a trade.

        cost = C(shares + trade) - C(shares)
        C(q) = b * log(sum_i exp(q_i / b)),    b = liquidity

    The price of an outcome is the slope of C, so the cost of a large trade is the price added up
    while it moves. The cost is stable: finite, and accurate to a relative 1e-6 or an absolute
    1e-12 * max(1, largest input), for shares and trades up to ±1e4 * liquidity.

    Args:
        shares: (n,) array with n >= 1: shares sold so far of each outcome, ints or floats.
        trade: (n,) array: shares bought now of each outcome, negative where sold back.
        liquidity: b > 0.

    Returns:
        The cost, a float; negative when the trader is paid.

    Raises:
        ValueError: if `liquidity <= 0`.

    Example:
        >>> cost = market_cost(np.array([0.0, 0.0]), np.array([10.0, 0.0]), liquidity=10.0)
        >>> round(cost, 4)
        6.2011

    Source:
        Hanson 2003, Combinatorial information market design.
    """
    raise NotImplementedError("write market_cost here")
