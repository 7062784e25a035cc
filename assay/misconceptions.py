"""Named wrong versions of an exercise, each with the sentence that would help its author."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from assay.properties import load_source

Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True)
class Misconception:
    """A runnable misunderstanding.

    Attributes:
        function: the exercise that it gets wrong.
        name: what the mistake is called.
        sentence: what its author should hear.
        implementation: the wrong version.
    """

    function: str
    name: str
    sentence: str
    implementation: Callable[..., Any]


def misconception(function: str, sentence: str) -> Callable[[Implementation], Implementation]:
    """Declare the decorated function as a known wrong version of the exercise ``function``."""

    def declare(implementation: Implementation) -> Implementation:
        name = implementation.__name__
        implementation.assay_misconception = Misconception(  # type: ignore[attr-defined]
            function, name, sentence, implementation
        )
        return implementation

    return declare


def load_misconceptions(file: Path) -> tuple[Misconception, ...]:
    """The misconceptions of a chapter's file, in the order of the source; none if there is no
    file.
    """
    if not file.exists():
        return ()
    module = load_source(file, f"assay_course.{file.parent.name}.misconceptions")
    found = (getattr(value, "assay_misconception", None) for value in vars(module).values())
    return tuple(one for one in found if isinstance(one, Misconception))
