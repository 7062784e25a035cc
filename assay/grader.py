"""What a chapter is graded with: its hidden properties, and the diagnosis that goes with them."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import version

from hypothesis import settings

import assay
from assay.course import Chapter
from assay.diagnosis import Diagnosis
from assay.exploration import GRADING, seal, searching
from assay.inprocess import Folder
from assay.misconceptions import load_misconceptions
from assay.properties import Property, load_properties
from assay.source import CourseError


@dataclass(frozen=True)
class Grader:
    """The properties of one chapter, loaded for one way of searching, and its diagnosis where
    there is one.
    """

    chapter: Chapter
    properties: tuple[Property, ...]
    diagnosis: Diagnosis | None

    @property
    def version(self) -> str:
        """Everything that a verdict may depend on besides the submission."""
        packages = " ".join(f"{name} {version(name)}" for name in ("hypothesis", "numpy", "torch"))
        return (
            f"assay {assay.__version__} python {platform.python_version()} {packages} "
            f"{self.chapter.id} {self._course_hash}"
        )

    @property
    def _course_hash(self) -> str:
        """A hash of the chapter's properties, misconceptions, solutions and points."""
        chapter, digest = self.chapter, hashlib.sha256()
        toml = chapter.text_dir / "chapter.toml"
        folders = (chapter.grader_dir, chapter.solution_dir)
        for file in [toml, *(file for folder in folders for file in sorted(folder.glob("*.py")))]:
            digest.update(f"{file.parent.name}/{file.name}\0".encode() + file.read_bytes() + b"\0")
        return digest.hexdigest()[:16]


def grader_of(chapter: Chapter, search: settings = GRADING) -> Grader:
    """Load what a chapter is graded with.

    Raises:
        CourseError: there are no hidden properties here, as in what students are given.
    """
    files = sorted(chapter.grader_dir.glob("test_*.py"))
    if not files:
        raise CourseError(
            f"{chapter.id} has no hidden properties here (no {chapter.grader_dir.name} folder): "
            f"run `pytest exercises/{chapter.id}` for the visible examples"
        )
    if search.derandomize:
        seal()
    with searching(search):
        properties = load_properties(files)
    return Grader(chapter, properties, _diagnosis(chapter, properties))


def diagnosis_of(chapter: Chapter) -> Diagnosis | None:
    """The diagnosis of a chapter; None where graders or solutions are not at hand."""
    if not chapter.grader_dir.is_dir():
        return None
    return grader_of(chapter).diagnosis


def _diagnosis(chapter: Chapter, properties: tuple[Property, ...]) -> Diagnosis | None:
    if not chapter.solution_dir.is_dir():
        return None
    misconceptions = load_misconceptions(chapter.grader_dir / "misconceptions.py")
    return Diagnosis(misconceptions, properties, Folder(chapter.solution_dir, chapter.module_of))
