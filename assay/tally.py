"""From single tests, as pytest reports them, back to the result of a chapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assay.course import Course
from assay.result import Failure, FunctionResult, Result, Status, import_notes


@dataclass(frozen=True)
class Tally:
    """The result of a chapter, and whether every hidden property of the functions in it was
    selected.
    """

    result: Result
    complete: bool


def results(course: Course, stories: Sequence[dict[str, Any]]) -> Iterator[Tally]:
    """A tally per chapter; a story is what the pytest plugin writes down of one test."""
    for chapter_id in dict.fromkeys(story["chapter"] for story in stories):
        chapter = course.chapter(chapter_id)
        own = [story for story in stories if story["chapter"] == chapter_id]
        functions: dict[str, FunctionResult] = {}
        complete = True
        for exercise in chapter.exercises:
            told = [story for story in own if story["function"] == exercise.function]
            if not told:
                continue
            complete &= abs(sum(story["share"] for story in told) - 1) < 1e-6
            functions[exercise.function] = _function(exercise.points, told)
        yield Tally(Result("", chapter_id, functions, import_notes(functions.values())), complete)


def _function(max_points: float, told: Sequence[dict[str, Any]]) -> FunctionResult:
    # The score looks at hidden properties alone; visible examples still show what is wrong.
    held = [story for story in told if story["outcome"] == "passed"]
    failed = [story for story in told if story["outcome"] == "failed"]
    core_holds = all(story["outcome"] == "passed" for story in told if story["role"] == "core")
    points = round(max_points * sum(story["share"] for story in held), 2) if core_holds else 0.0
    halted = [story for story in failed if "status" in story]
    false = [story for story in failed if "status" not in story]
    false.sort(key=lambda story: ("core", "worked", "extra").index(story["role"]))
    if halted:
        status = Status(halted[0]["status"])
    elif not false:
        status = Status.PASSED
    elif points > 0:
        status = Status.PARTLY
    else:
        status = Status.ERROR if false[0]["raised"] else Status.FAILED
    failures = [
        Failure(
            story["property"],
            story["sentence"],
            story["reason"],
            story["counterexample"],
            story["misconception"],
            story["line"],
            story["trace"],
        )
        for story in false
    ]
    if halted and halted[0]["status"] == "timed_out":
        story = halted[0]
        failures.append(
            Failure(story["property"], story["sentence"], story["note"], line=story["line"])
        )
    return FunctionResult(
        points,
        max_points,
        status,
        tuple(failures),
        tuple(story["property"] for story in held if story["role"] != "worked"),
        sum(story["duration"] for story in told),
        halted[0]["note"] if halted else "",
    )
