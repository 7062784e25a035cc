"""A folder's functions, called by name as a figure or a number of the text calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assay.course import Chapter, Course
from assay.inprocess import Folder
from assay.source import CourseError


class Functions:
    """The functions of a chapter, read from a folder when they are first asked for.

    ``functions.dpo_loss`` is the function itself, not a guarded copy. Asking for one that can't be
    imported raises :class:`assay.learner.Halt`.
    """

    def __init__(self, chapter: Chapter, folder: Path) -> None:
        self._folder = Folder(folder, chapter.module_of)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._folder.function(name)


def references(course: Course) -> dict[str, Callable[..., Any]]:
    """Every reference function of the course, by name.

    Raises:
        CourseError: the course has no solutions, as what students are given.
    """
    return {
        exercise.function: getattr(reference(chapter), exercise.function)
        for chapter in course.chapters
        for exercise in chapter.exercises
    }


def reference(chapter: Chapter) -> Functions:
    """The reference functions of a chapter.

    Raises:
        CourseError: the course has no solutions.
    """
    if not chapter.solution_dir.is_dir():
        raise CourseError(
            f"solutions/{chapter.id} is missing: the numbers of the book are computed from it"
        )
    return Functions(chapter, chapter.solution_dir)


def named(functions: Iterable[str]) -> str:
    """Some functions in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = functions
    return f"{', '.join(most)} and {last}" if most else last
