"""How much a report tells of what failed: that is the instructor's choice."""

from __future__ import annotations

from dataclasses import replace

from assay.result import Failure, FunctionResult, Result

#: Nothing but points; the false sentence and the misconception; or the counterexample, too.
LEVELS = ("nothing", "sentence", "counterexample")


def revealed(result: Result, level: str) -> Result:
    """The result with no more in it than the level allows."""
    functions = {name: _function(one, level) for name, one in result.functions.items()}
    return replace(result, functions=functions)


def _function(one: FunctionResult, level: str) -> FunctionResult:
    if level == "nothing":
        return replace(one, failures=(), passed=(), note="")
    return replace(one, failures=tuple(_failure(failure, level) for failure in one.failures))


def _failure(failure: Failure, level: str) -> Failure:
    if level == "counterexample":
        return failure
    # The reason may quote numbers of the counterexample; without a sentence it is all there is.
    reason = "" if failure.sentence else failure.reason
    return replace(failure, property="", reason=reason, counterexample="", trace="")
