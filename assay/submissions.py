"""What was handed in: finding the submissions under a path, and reading one safely.

A submission is read into memory as modules by name. It is a stranger's: only regular files of a
reasonable size are read, and what is refused is said in that submission's result.
"""

from __future__ import annotations

import ast
import hashlib
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from stat import S_ISLNK, S_ISREG

from assay.course import Chapter
from assay.lms import Origin, origin
from assay.solution_cells import NotANotebook, modules_of
from assay.source import CourseError

#: Most modules of a submission that are graded, and the most bytes of one.
MAX_FILES = 50
MAX_SIZE = 1_000_000
#: Most bytes of a notebook, which may hold pictures, and of a zip that a student handed in.
MAX_NOTEBOOK = 10_000_000
MAX_ARCHIVE = 50_000_000
#: Most files that are looked at in one submission, and how deep.
MAX_ENTRIES = 2_000
MAX_DEPTH = 6

IGNORED = {"__MACOSX", "__pycache__", "node_modules", "site-packages", "venv"}


@dataclass(frozen=True)
class Entry:
    """One file somewhere in a submission, not read yet; ``refused`` says why it won't be."""

    path: PurePosixPath
    read: Callable[[int], bytes]
    refused: str = ""

    def below(self, depth: int) -> Entry:
        """The same file, seen from ``depth`` folders further down."""
        return replace(self, path=PurePosixPath(*self.path.parts[depth:]))


@dataclass(frozen=True)
class Work:
    """What is graded of a submission: its modules by file name, and what has to be said of it."""

    sources: dict[str, bytes]
    notes: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """A hash of what the verdict depends on."""
        digest = hashlib.sha256()
        for name, source in sorted(self.sources.items()):
            digest.update(f"{name}\0{len(source)}\0".encode() + source)
        for note in self.notes:
            digest.update(f"note\0{note}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Submission:
    """One hand-in of one student, not read yet.

    Attributes:
        name: of its folder, or of its file without ending, or the student as an LMS names them.
        attempt: 1 for the first hand-in of that name, and so on.
        late: the LMS marked it so.
        folder: where its modules lie, if they simply lie in one.
    """

    name: str
    entries: tuple[Entry, ...]
    attempt: int = 1
    late: bool = False
    folder: Path | None = None

    def read(self, chapter: Chapter) -> Work:
        """The modules of the chapter, found by name, and their siblings. Never raises."""
        entries, notes = _unpacked(self.entries)
        refused = [entry for entry in entries if entry.refused]
        notes += [f"{_shown(entry.path)} was not read: {entry.refused}" for entry in refused[:5]]
        if len(refused) > 5:
            notes.append(f"{len(refused) - 5} more files were not read for such reasons")
        usable = [entry for entry in entries if not entry.refused]
        sources = _modules(usable, chapter, notes)
        wanted = {f"{module}.py" for module in chapter.modules}
        if not wanted <= sources.keys():
            _from_notebooks(usable, chapter, sources, notes)
        if not wanted & sources.keys():
            _by_content(usable, chapter, sources, notes)
        absent = " or ".join(sorted(wanted - sources.keys()))
        if absent:
            notes.append(f"there is no {absent} in it")
        return Work(sources, tuple(notes))


def submissions(paths: Sequence[Path], chapter: Chapter) -> list[Submission]:
    """The submissions under the paths: folders of modules, single files, notebooks, zips, or
    folders and zips of all these, as learning management systems hand them out.

    Raises:
        CourseError: a path doesn't exist, or nothing under it looks like a submission.
    """
    found: list[tuple[Origin, Submission]] = []
    for path in paths:
        if not path.exists():
            raise CourseError(f"{path}: there is no such file or folder")
        under = list(_under(path, chapter))
        if not under:
            names = " or ".join(f"{module}.py" for module in chapter.modules)
            raise CourseError(f"nothing to grade in {path}: no {names} there")
        found += under
    return _numbered(found)


def _under(path: Path, chapter: Chapter) -> Iterator[tuple[Origin, Submission]]:
    """The submissions of one path; none where nothing looks like one."""
    name = path.resolve().name
    if path.is_dir():
        entries = list(_walked(path))
    elif zipfile.is_zipfile(path):
        name = path.stem
        try:
            entries = _listed(zipfile.ZipFile(path), limit=200 * MAX_ENTRIES)
        except Exception as error:
            raise CourseError(f"{path}: not a zip that can be read ({error})") from None
    elif path.suffix in (".py", ".ipynb"):
        where = origin(path.name)
        entry = Entry(PurePosixPath(where.file or path.name), _file_reader(path))
        yield where, Submission(where.name or path.stem, (entry,))
        return
    else:
        raise CourseError(f"{path}: neither a folder, nor a zip, a notebook or a Python file")
    wanted = {f"{module}.py" for module in chapter.modules}
    wrapper = _wrapper(entries)
    if wrapper and wrapper != chapter.id and not path.is_dir():
        inside = [entry.below(1) for entry in entries]
        if not _is_one(inside, wanted, chapter) and len({e.path.parts[0] for e in inside}) > 1:
            entries = inside
    if _is_one(entries, wanted, chapter):
        folder = path if path.is_dir() and any((path / one).is_file() for one in wanted) else None
        where = origin(name)
        yield where, Submission(where.name or name, tuple(entries), folder=folder)
        return
    groups: dict[Origin, list[Entry]] = {}
    for entry in entries:
        top = entry.path.parts[0]
        where = origin(top)
        if len(entry.path.parts) > 1:
            key, inner = replace(where, file=""), entry.below(1)
            key = replace(key, name=key.name or top)
        elif entry.path.suffix.lower() in (".py", ".ipynb", ".zip") or where.name:
            key = replace(where, file="", name=where.name or entry.path.stem)
            inner = replace(entry, path=PurePosixPath(where.file or top))
        else:
            continue
        groups.setdefault(key, []).append(inner)
    if not any(_promising(entry, wanted) for group in groups.values() for entry in group):
        return
    for key in sorted(groups, key=lambda key: (key.name, key.when, key.id)):
        folder = path / key.name
        here = path.is_dir() and any((folder / one).is_file() for one in wanted)
        stamp = _timestamp(groups[key])
        yield (
            replace(key, when=key.when or stamp),
            Submission(
                key.name, tuple(groups[key]), late=key.late, folder=folder if here else None
            ),
        )


def _is_one(entries: Sequence[Entry], wanted: set[str], chapter: Chapter) -> bool:
    """Whether these files are one submission: the modules lie at the top, or in the chapter's
    folder.
    """
    for entry in entries:
        parts = entry.path.parts
        if parts[-1] in wanted and (len(parts) == 1 or parts[:-1] == (chapter.id,)):
            return True
        if parts[-1].endswith(".ipynb") and parts[:-1] == (chapter.id,):
            return True
    tops = {entry.path.parts[0] for entry in entries}
    return len(tops) == 1 and tops.pop() == f"{chapter.id}.ipynb"


def _wrapper(entries: Sequence[Entry]) -> str:
    """The one folder that everything is in, if there is one."""
    tops = {entry.path.parts[0] for entry in entries}
    nested = all(len(entry.path.parts) > 1 for entry in entries)
    return tops.pop() if len(tops) == 1 and nested else ""


def _promising(entry: Entry, wanted: set[str]) -> bool:
    name = entry.path.name
    return name in wanted or entry.path.suffix.lower() in (".py", ".ipynb", ".zip")


def _numbered(found: Sequence[tuple[Origin, Submission]]) -> list[Submission]:
    """Attempts counted by time, or in the order found; two students of one name told apart."""
    ids: dict[str, set[str]] = {}
    for where, submission in found:
        ids.setdefault(submission.name, set()).add(where.id)
    counted: Counter[str] = Counter()
    numbered = []
    for where, submission in sorted(found, key=lambda one: one[0].when):
        name = submission.name
        if len(ids[name] - {""}) > 1 and where.id:
            name = f"{name}_{where.id}"
        counted[name] += 1
        numbered.append(replace(submission, name=name, attempt=counted[name]))
    return sorted(numbered, key=lambda one: (one.name, one.attempt))


def _timestamp(entries: Iterable[Entry]) -> str:
    """The time that nbgrader writes beside a submission."""
    for entry in entries:
        if entry.path.name == "timestamp.txt" and not entry.refused:
            try:
                return entry.read(100).decode("ascii", "ignore").strip()
            except Exception:
                return ""
    return ""


def _walked(folder: Path) -> Iterator[Entry]:
    """The files below a folder, each top-level folder with a limit of its own."""
    for top in sorted(folder.iterdir()):
        if _ignored(top.name):
            continue
        waiting = [top]
        seen = 0
        while waiting:
            file = waiting.pop(0)
            path = PurePosixPath(file.relative_to(folder).as_posix())
            seen += 1
            if seen > MAX_ENTRIES:
                yield Entry(PurePosixPath(path.parts[0], "…"), _nothing, "too many files")
                break
            try:
                mode = file.lstat().st_mode
                if S_ISLNK(mode):
                    yield Entry(path, _nothing, "it is a link")
                elif S_ISREG(mode):
                    yield Entry(path, _file_reader(file))
                elif file.is_dir():
                    if len(path.parts) < MAX_DEPTH:
                        inner = sorted(file.iterdir())
                        waiting += [one for one in inner if not _ignored(one.name)]
                else:
                    yield Entry(path, _nothing, "it is not a regular file")
            except OSError as error:
                yield Entry(path, _nothing, error.strerror or "it can't be opened")


def _ignored(name: str) -> bool:
    return name.startswith(".") or name in IGNORED


def _nothing(limit: int) -> bytes:
    return b""


def _file_reader(file: Path) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        # What was a regular file when it was listed may be a link or a pipe by now.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(file, flags), "rb") as opened:
            if not S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise OSError("it is not a regular file")
            return _bounded(opened.read(limit + 1), limit)

    return read


def _listed(archive: zipfile.ZipFile, limit: int = MAX_ENTRIES) -> list[Entry]:
    """The files of a zip, none unpacked."""
    entries = []
    for info in archive.infolist()[:limit]:
        path = PurePosixPath(info.filename)
        if info.is_dir() or any(_ignored(part) for part in path.parts if part != ".."):
            continue
        refused = ""
        kind = info.external_attr >> 16
        if path.is_absolute() or ".." in path.parts or re.search(r"[\\\0]|^\w:", info.filename):
            refused = "its path leads out of the archive"
        elif S_ISLNK(kind):
            refused = "it is a link"
        elif kind >> 12 not in (0, 0o10):
            refused = "it is not a regular file"
        elif info.flag_bits & 1:
            refused = "it is encrypted"
        elif len(path.parts) > MAX_DEPTH:
            refused = "it lies too deep"
        if refused:
            safe = [part for part in path.parts if part not in ("/", "..")]
            path = PurePosixPath(*safe) if safe else PurePosixPath("?")
        if path.parts:
            entries.append(Entry(path, _member_reader(archive, info), refused))
    if len(archive.infolist()) > limit:
        entries.append(Entry(PurePosixPath("…"), _nothing, "too many files"))
    return entries


def _member_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        # The size that is declared may lie, so that what comes out is counted, too.
        if info.file_size > limit:
            raise ValueError(_too_big(limit))
        with archive.open(info) as opened:
            return _bounded(opened.read(limit + 1), limit)

    return read


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise ValueError(_too_big(limit))
    return data


def _too_big(limit: int) -> str:
    return f"it is bigger than {limit // 1_000_000} MB"


def _unpacked(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """The files, those of zips among them; a zip within a zip within a zip stays shut."""
    found: list[Entry] = []
    notes: list[str] = []
    for entry in entries:
        if entry.refused or entry.path.suffix.lower() != ".zip":
            found.append(entry)
            continue
        data = _taken(entry, MAX_ARCHIVE, notes)
        if data is None:
            continue
        try:
            found += _listed(zipfile.ZipFile(io.BytesIO(data)))
        except Exception as error:  # whatever a broken archive makes of the reader
            notes.append(f"{_shown(entry.path)} is not a zip that can be read ({_said(error)})")
    if len(found) > MAX_ENTRIES:
        notes.append(f"only the first {MAX_ENTRIES} of its files were looked at")
    return found[:MAX_ENTRIES], notes


def _taken(entry: Entry, limit: int, notes: list[str]) -> bytes | None:
    """The bytes of a file; None, with a note, where they can't be had."""
    try:
        return entry.read(limit)
    except Exception as error:  # a broken archive can raise nearly anything
        notes.append(f"{_shown(entry.path)} was not read: {_said(error)}")
        return None


def _said(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text.encode("ascii", "backslashreplace").decode()[:200]


def _shown(path: PurePosixPath) -> str:
    """A stranger's file name, without control characters, and not too long."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(one if one.isprintable() else "�" for one in text)[:120]


def _modules(entries: Sequence[Entry], chapter: Chapter, notes: list[str]) -> dict[str, bytes]:
    """The modules in the folder that holds most of the wanted ones; the shallowest where several
    do.
    """
    wanted = {f"{module}.py" for module in chapter.modules}
    python = [entry for entry in entries if entry.path.suffix == ".py"]
    places = Counter(entry.path.parent for entry in python if entry.path.name in wanted)
    if not places:
        return {}
    ranked = sorted(places, key=lambda one: (-places[one], len(one.parts), str(one)))
    best = ranked[0]
    for name in sorted(wanted):
        where = [one for one in ranked if any(e.path == one / name for e in python)]
        if len(where) > 1:
            notes.append(f"{name} is there {len(where)} times; {_shown(where[0] / name)} was taken")
    chosen = {entry.path.name: entry for entry in python if entry.path.parent == best}
    for place in ranked[1:]:
        for entry in python:
            if entry.path.parent == place and entry.path.name in wanted:
                chosen.setdefault(entry.path.name, entry)
    ordered = sorted(chosen, key=lambda name: (name not in wanted, name))
    if len(ordered) > MAX_FILES:
        notes.append(f"only {MAX_FILES} of its {len(ordered)} modules were taken")
    sources = {}
    for name in ordered[:MAX_FILES]:
        data = _taken(chosen[name], MAX_SIZE, notes)
        if data is not None:
            sources[name] = data
    return sources


def _from_notebooks(
    entries: Sequence[Entry], chapter: Chapter, sources: dict[str, bytes], notes: list[str]
) -> None:
    """Add the modules that a notebook's solution cells make up."""
    for entry in [one for one in entries if one.path.suffix == ".ipynb"][:10]:
        data = _taken(entry, MAX_NOTEBOOK, notes)
        if data is None:
            continue
        try:
            modules, said = modules_of(data, chapter)
        except NotANotebook as error:
            notes.append(f"{_shown(entry.path)} was not read: {error}")
            continue
        notes += said
        for name, source in modules.items():
            sources.setdefault(name, source)


def _by_content(
    entries: Sequence[Entry], chapter: Chapter, sources: dict[str, bytes], notes: list[str]
) -> None:
    """Take Python files of other names for the modules whose functions they define."""
    for entry in [one for one in entries if one.path.suffix == ".py"][:MAX_FILES]:
        data = _taken(entry, MAX_SIZE, notes)
        if data is None:
            continue
        try:
            defined = {
                node.name for node in ast.parse(data).body if isinstance(node, ast.FunctionDef)
            }
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            defined = set()
        for module in chapter.modules:
            own = {one.function for one in chapter.exercises if one.module == module}
            if (own & defined or len(chapter.modules) == 1) and f"{module}.py" not in sources:
                notes.append(f"{_shown(entry.path)} was taken for {module}.py")
                sources[f"{module}.py"] = data
                break
