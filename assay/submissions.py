"""What was handed in: finding the submissions under a path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from assay.course import Chapter
from assay.source import CourseError

#: Most files of a submission that are read, and the size of one in bytes.
MAX_FILES = 50
MAX_SIZE = 1_000_000


@dataclass(frozen=True)
class Submission:
    """One hand-in: its name, and the folder that holds its modules."""

    name: str
    folder: Path

    @property
    def content_hash(self) -> str:
        """A hash of the Python files that are graded."""
        digest = hashlib.sha256()
        for name, source in self.sources().items():
            digest.update(name.encode() + b"\0" + source + b"\0")
        return digest.hexdigest()

    def sources(self) -> dict[str, bytes]:
        """The Python files by name: regular ones of a reasonable size, no links."""
        found: dict[str, bytes] = {}
        for file in sorted(self.folder.glob("*.py"))[:MAX_FILES]:
            stat = file.lstat()
            if S_ISREG(stat.st_mode) and stat.st_size <= MAX_SIZE:
                found[file.name] = file.read_bytes()
        return found


def submissions(paths: Sequence[Path], chapter: Chapter) -> Iterator[Submission]:
    """The submissions under the paths: folders of modules, or folders of such folders.

    Raises:
        CourseError: a path doesn't exist, or nothing under it looks like a submission.
    """
    modules = [f"{module}.py" for module in chapter.modules]
    for path in paths:
        if not path.is_dir():
            raise CourseError(f"{path} is not a folder")
        if any((path / module).is_file() for module in modules):
            yield Submission(path.resolve().name, path)
            continue
        inner = sorted(folder for folder in path.iterdir() if folder.is_dir())
        found = [one for one in inner if any((one / module).is_file() for module in modules)]
        if not found:
            raise CourseError(f"nothing to grade in {path}: no {' or '.join(modules)} there")
        yield from (Submission(folder.name, folder) for folder in found)
