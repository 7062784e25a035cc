"""Checking one's own work in this process: visible examples, and the hidden properties where they
are.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.course import Chapter
from assay.exploration import exploring, searching
from assay.grader import Grader, grader_of
from assay.grading import grade
from assay.inprocess import Folder
from assay.properties import load_properties
from assay.result import Result


@dataclass(frozen=True)
class Checked:
    """A result, whether hidden properties were there to judge by, and what the learner's code
    printed.
    """

    result: Result
    hidden: bool
    printed: str = ""


def examiner(chapter: Chapter) -> Grader:
    """What a learner's own work is checked with: at random, the last failure first.

    Where there are no hidden properties, the visible examples take their place.
    """
    search = exploring(chapter.root / ".assay" / "examples")
    if chapter.grader_dir.is_dir():
        return grader_of(chapter, search)
    with searching(search):
        examples = load_properties(sorted(chapter.stub_dir.glob("test_*.py")))
    return Grader(chapter, tuple(one.as_core() for one in examples), None)


def check_chapter(
    chapter: Chapter,
    folder: Path | None = None,
    functions: Sequence[str] = (),
    grader: Grader | None = None,
) -> Checked:
    """Check the learner's modules of a chapter.

    Args:
        chapter: what is checked.
        folder: where the modules are; the chapter's exercises by default.
        functions: only these; all by default.
        grader: what to check with; loaded if not given.
    """
    grader = grader or examiner(chapter)
    backend = Folder(folder or chapter.stub_dir, chapter.module_of)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = grade(
            "", chapter, grader.properties, lambda _: backend, grader.diagnosis, functions
        )
    return Checked(result, chapter.grader_dir.is_dir(), printed.getvalue())
