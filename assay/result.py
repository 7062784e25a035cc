"""The typed result of grading one submission. Every report is rendered from it, and JSON is its
written form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What became of one function."""

    NOT_STARTED = "not_started"
    PASSED = "passed"
    PARTLY = "partly"
    FAILED = "failed"
    ERROR = "error"
    TIMED_OUT = "timed_out"
    MISSING = "missing"


@dataclass(frozen=True)
class Failure:
    """One property that does not hold.

    Attributes:
        property: name of the property's test.
        sentence: the fact that is false of the learner's function.
        reason: what is wrong with the answer, in a phrase.
        counterexample: the smallest input found, with the answer and what was expected.
        misconception: the sentence for the author of a known wrong version that behaves alike;
        None where
            there is not exactly one.
        line: line of the learner's file to look at, where that is known.
        trace: the learner's part of a traceback, where the function raised.
    """

    property: str
    sentence: str
    reason: str
    counterexample: str = ""
    misconception: str | None = None
    line: int | None = None
    trace: str = ""


@dataclass(frozen=True)
class FunctionResult:
    """The verdict on one function."""

    points: float
    max_points: float
    status: Status
    failures: tuple[Failure, ...] = ()
    passed: tuple[str, ...] = ()
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Result:
    """The verdict on one submission of one chapter.

    Attributes:
        submission: name of the submission's folder, or of its file without ending.
        chapter: id of the chapter.
        functions: by name, in the order of the chapter.
        notes: what concerns the submission as a whole: a module that can't be imported, a file
        left out.
        content_hash: of the files that were graded.
        grader: versions that the verdict depends on.
        attempt: which of the hand-ins of that name it is, from 1.
        late: it was marked as late.
        sketch: a sample of the answer's wording, by which look-alikes are found.
    """

    submission: str
    chapter: str
    functions: dict[str, FunctionResult]
    notes: tuple[str, ...] = ()
    content_hash: str = ""
    grader: str = ""
    seconds: float = 0.0
    attempt: int = 1
    late: bool = False
    sketch: tuple[int, ...] = ()

    @property
    def score(self) -> float:
        return round(sum(function.points for function in self.functions.values()), 2)

    @property
    def max_score(self) -> float:
        return sum(function.max_points for function in self.functions.values())

    @property
    def solved(self) -> bool:
        return all(function.status is Status.PASSED for function in self.functions.values())


def import_notes(functions: Iterable[FunctionResult]) -> tuple[str, ...]:
    """What stopped whole modules, such as a syntax error: each said once."""
    broken = (one.note for one in functions if one.note and one.status is Status.ERROR)
    return tuple(dict.fromkeys(broken))


def as_json(result: Result) -> dict[str, Any]:
    """The result as the JSON object of the command line's contract."""
    return {
        "submission": result.submission,
        "attempt": result.attempt,
        "late": result.late,
        "chapter": result.chapter,
        "score": result.score,
        "max_score": result.max_score,
        "functions": {
            name: {
                "points": function.points,
                "max_points": function.max_points,
                "status": str(function.status),
                "failures": [
                    {
                        "property": failure.property,
                        "sentence": failure.sentence,
                        "counterexample": failure.counterexample,
                        "misconception": failure.misconception,
                        "reason": failure.reason,
                        "line": failure.line,
                    }
                    for failure in function.failures
                ],
                "passed": list(function.passed),
                "note": function.note,
                "seconds": round(function.seconds, 4),
            }
            for name, function in result.functions.items()
        },
        "notes": list(result.notes),
        "content_hash": result.content_hash,
        "grader": result.grader,
        "sketch": list(result.sketch),
        "seconds": round(result.seconds, 4),
    }
