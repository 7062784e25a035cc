"""Where a learner stands: the last verdict on each chapter, and how deep the hints have gone.

Kept in ``.assay/progress.json`` of the course. A verdict is remembered with a hash of the files
that it was given on, so that only what has changed is checked again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from assay.course import Chapter, Course
from assay.result import FunctionResult, Result, Status
from assay.saving import write_whole


@dataclass(frozen=True)
class Kept:
    """A verdict, and the hash of the files that it was given on."""

    hash: str
    result: Result


@dataclass(frozen=True)
class Memory:
    """What is written down: verdicts by chapter, and how many hints of a function were seen."""

    chapters: dict[str, Kept] = field(default_factory=dict)
    hints: dict[str, int] = field(default_factory=dict)


class Progress:
    """The progress of the learner of a course."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self._file = course.root / ".assay" / "progress.json"
        self._memory = self._read()

    def result(self, chapter: Chapter) -> Result:
        """The verdict on the chapter as it stands; checks what has changed since the last time."""
        if untouched(chapter):
            functions = {
                one.function: FunctionResult(
                    0.0, one.points, Status.NOT_STARTED, note="not started yet"
                )
                for one in chapter.exercises
            }
            return Result("", chapter.id, functions)
        kept = self._memory.chapters.get(chapter.id)
        if kept is not None and kept.hash == content_hash(chapter):
            return kept.result
        from assay.checking import check_chapter

        result = check_chapter(chapter).result
        self.remember(chapter, result)
        return result

    def remember(self, chapter: Chapter, result: Result) -> None:
        """Keep a verdict on the whole chapter."""
        self._memory.chapters[chapter.id] = Kept(content_hash(chapter), result)
        self._write()

    def next_hint(self, function: str) -> int:
        """The level of the hint to show now, counted from 0: one deeper each time, then the last
        again.
        """
        hints = self.course.exercise(function).hints
        level = min(self._memory.hints.get(function, 0), len(hints) - 1)
        self._memory.hints[function] = level + 1
        self._write()
        return level

    def forget_hints(self, function: str) -> None:
        """Start with the first hint of the function again."""
        self._memory.hints.pop(function, None)
        self._write()

    def _read(self) -> Memory:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Memory)
        except (OSError, msgspec.DecodeError):
            return Memory()  # nothing yet, or not ours any more: progress starts afresh

    def _write(self) -> None:
        write_whole(self._file, msgspec.json.encode(self._memory))


def content_hash(chapter: Chapter) -> str:
    """A hash of all that the verdict on a learner's own chapter depends on."""
    digest = hashlib.sha256()
    for folder in (chapter.stub_dir, chapter.grader_dir):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def untouched(chapter: Chapter) -> bool:
    """Whether every module of the chapter is still the stub that it came as."""
    from assay.stubs import pristine

    return all(
        (file := chapter.stub_dir / f"{module}.py").exists()
        and file.read_text(encoding="utf-8") == pristine(chapter, module)
        for module in chapter.modules
    )
