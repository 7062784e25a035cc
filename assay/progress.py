"""Where a learner stands: the last verdict on each chapter, and how deep the hints have gone.

Kept in ``.assay/progress.json`` of the course. A verdict is remembered with a hash of the files
that it was given on, so that only what has changed is checked again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from assay.course import Chapter, Course
from assay.result import FunctionResult, Result, Status
from assay.saving import write_whole


class Progress:
    """The progress of the learner of a course."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self._file = course.root / ".assay" / "progress.json"
        self._data = self._read()

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
        digest = content_hash(chapter)
        kept = self._data["chapters"].get(chapter.id, {})
        if kept.get("hash") == digest:
            try:
                return msgspec.convert(kept["result"], Result)
            except msgspec.ValidationError:
                pass  # written by another version: check again
        from assay.checking import check_chapter

        result = check_chapter(chapter).result
        self.remember(chapter, result)
        return result

    def remember(self, chapter: Chapter, result: Result) -> None:
        """Keep a verdict on the whole chapter."""
        self._data["chapters"][chapter.id] = {
            "hash": content_hash(chapter),
            "result": msgspec.to_builtins(result),
        }
        self._write()

    def next_hint(self, function: str) -> int:
        """The level of the hint to show now, counted from 0: one deeper each time, then the last
        again.
        """
        hints = self.course.exercise(function).hints
        level = min(self._data["hints"].get(function, 0), len(hints) - 1)
        self._data["hints"][function] = level + 1
        self._write()
        return int(level)

    def forget_hints(self, function: str) -> None:
        """Start with the first hint of the function again."""
        self._data["hints"].pop(function, None)
        self._write()

    def _read(self) -> dict[str, Any]:
        data: dict[str, Any] = {"chapters": {}, "hints": {}}
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            data.update({key: found[key] for key in data if isinstance(found.get(key), dict)})
        except (OSError, ValueError, AttributeError):
            pass  # nothing yet, or not ours any more: progress starts afresh
        return data

    def _write(self) -> None:
        self._file.parent.mkdir(exist_ok=True)
        write_whole(self._file, json.dumps(self._data))


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
