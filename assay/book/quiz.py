"""The questions of a chapter, read from its ``quiz.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from assay.book.numbers import Numbers
from assay.course import Chapter
from assay.source import CourseError, place


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Slip:
    """A wrong number that a known mistake leads to."""

    value: float
    why: str


@dataclass(frozen=True)
class Question:
    """One question: to choose an answer, or to predict a number.

    Attributes:
        id: its name within the chapter.
        text: Markdown, its numbers filled in; so is every ``why``.
        check: whether this is the chapter's check question.
        options: the answers to choose from; empty where a number is asked for.
        answer, tolerance, why, slips: the number, how far off still counts, why, and known ways to
        go wrong.
    """

    id: str
    text: str
    check: bool = False
    options: tuple[Option, ...] = ()
    answer: float = 0.0
    tolerance: float = 0.0
    why: str = ""
    slips: tuple[Slip, ...] = ()


def read_quiz(chapter: Chapter, numbers: Numbers) -> tuple[Question, ...]:
    """The chapter's questions, in order; none where there is no ``quiz.toml``.

    Raises:
        CourseError: The file is not what it must be; the message says what and where.
    """
    file = chapter.text_dir / "quiz.toml"
    where = place(file, chapter.root)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except ValueError as error:
        raise CourseError(f"{where}: not valid TOML: {error}") from error
    questions = tuple(
        _question(entry, numbers, f"{where}: question {number}")
        for number, entry in enumerate(table.get("question", ()), start=1)
    )
    ids = [one.id for one in questions]
    if twice := {id for id in ids if ids.count(id) > 1}:
        raise CourseError(f"{where}: {min(twice)!r} names two questions")
    if questions and sum(one.check for one in questions) != 1:
        raise CourseError(f"{where}: exactly one question must say check = true")
    return questions


def _question(entry: dict[str, Any], numbers: Numbers, where: str) -> Question:
    id = _text(entry, "id", where)
    where = f"{where} ({id})"
    text = numbers.fill(_text(entry, "text", where), where)
    check = entry.get("check", False) is True
    kind = _text(entry, "kind", where)
    if kind == "choice":
        options = tuple(
            Option(
                numbers.fill(_text(one, "text", where), where),
                numbers.fill(_text(one, "why", where), where),
                one.get("right", False) is True,
            )
            for one in entry.get("option", ())
        )
        if len(options) < 2 or sum(one.right for one in options) != 1:
            raise CourseError(
                f"{where}: a choice has two options or more, exactly one of them right"
            )
        return Question(id, text, check, options)
    if kind == "number":
        slips = tuple(
            Slip(
                numbers.number(_text(one, "answer", where), where),
                numbers.fill(_text(one, "why", where), where),
            )
            for one in entry.get("slip", ())
        )
        answer = numbers.number(_text(entry, "answer", where), where)
        tolerance = entry.get("tolerance")
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance < 0:
            raise CourseError(f"{where}: tolerance must be a number that is not negative")
        for slip in slips:
            if abs(slip.value - answer) <= tolerance:
                raise CourseError(f"{where}: the slip {slip.value:g} would count as right")
        why = numbers.fill(_text(entry, "why", where), where)
        return Question(id, text, check, (), answer, tolerance, why, slips)
    raise CourseError(f"{where}: kind is {kind!r}, but must be 'choice' or 'number'")


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise CourseError(f"{where}: {key} must be a text")
    return value
