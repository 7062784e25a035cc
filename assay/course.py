"""What a course is made of, read from its files: chapters, their exercises, and where each lives.

Nothing of a course is imported to learn this, and nothing here knows any course: a folder
``chapters/chN`` with a ``chapter.toml`` is a chapter, and the functions it lists are its exercises.
"""

import ast
import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from assay.source import CourseError, Definition, definition, parse, place, signature

__all__ = ["Chapter", "Course", "CourseError", "Exercise"]


@dataclass(frozen=True)
class Exercise:
    """One function that a learner writes.

    ``docstring`` and ``signature`` are the author's, whatever a learner has made of them; ``file``
    and ``line`` say where the learner edits it (line 1 while the file does not define it).
    """

    function: str
    module: str
    chapter: str
    points: float
    hints: tuple[str, ...]
    docstring: str
    signature: str
    file: Path
    line: int

    @property
    def sentence(self) -> str:
        """The first line of the docstring: what the function is for."""
        return self.docstring.partition("\n")[0].strip()


@dataclass(frozen=True)
class Chapter:
    """One chapter: its title, its exercises in order, and its folders (which need not exist)."""

    id: str
    title: str
    summary: str
    exercises: tuple[Exercise, ...]
    root: Path

    @property
    def number(self) -> int:
        """The number at the end of the id, by which chapters are ordered."""
        return _number(self.id)

    @property
    def points(self) -> float:
        """What the whole chapter is worth."""
        return sum(exercise.points for exercise in self.exercises)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that the exercises live in, each once, in the order of the exercises."""
        return tuple(dict.fromkeys(exercise.module for exercise in self.exercises))

    @property
    def text_dir(self) -> Path:
        """Where the chapter's own text is: ``chapter.toml``, prose, figures."""
        return self.root / "chapters" / self.id

    @property
    def stub_dir(self) -> Path:
        """Where the learner works."""
        return self.root / "exercises" / self.id

    @property
    def solution_dir(self) -> Path:
        """The reference solutions; absent in what students are given."""
        return self.root / "solutions" / self.id

    @property
    def grader_dir(self) -> Path:
        """The hidden properties; absent in what students are given."""
        return self.root / "graders" / self.id

    @property
    def pristine_dir(self) -> Path:
        """Untouched stubs, which stand in for the solutions in what students are given."""
        return self.text_dir / "stubs"

    @property
    def module_of(self) -> dict[str, str]:
        """The module that each function lives in."""
        return {exercise.function: exercise.module for exercise in self.exercises}

    def exercise(self, function: str) -> Exercise:
        """The exercise of that name.

        Raises:
            CourseError: The chapter has none; the message names the nearest.
        """
        return _find(self.exercises, function, f"{self.id} has no exercise")

    def located_in(self, folder: Path) -> "Chapter":
        """The same chapter with each exercise's ``file`` and ``line`` looked up in that folder."""
        sources = _Sources(self)
        return replace(
            self,
            exercises=tuple(
                replace(
                    exercise,
                    file=folder / f"{exercise.module}.py",
                    line=sources.line(exercise.function, folder / f"{exercise.module}.py"),
                )
                for exercise in self.exercises
            ),
        )


@dataclass(frozen=True)
class Course:
    """A course, by the folder that holds ``chapters/`` and ``exercises/``.

    Chapters are read when they are asked for, so that one broken chapter leaves the others usable,
    and kept: make a new ``Course`` to see later changes of the files.
    """

    root: Path
    _read: dict[str, Chapter] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def find(cls, start: Path) -> "Course":
        """The course that ``start``, a file or folder, belongs to.

        Raises:
            CourseError: Neither ``start`` nor a folder above it is a course.
        """
        start = start.resolve()
        for folder in (start, *start.parents):
            if (folder / "chapters").is_dir() and (folder / "exercises").is_dir():
                return cls(folder)
        raise CourseError(
            f"{start}: no course here; neither this nor a folder above it "
            "has the folders chapters and exercises"
        )

    @cached_property
    def chapter_ids(self) -> tuple[str, ...]:
        """The ids of all chapters, in order (ch10 after ch9)."""
        found = (self.root / "chapters").glob("*/chapter.toml")
        ids = [file.parent.name for file in found]
        return tuple(sorted(ids, key=lambda id: (_number(id), id)))

    @cached_property
    def chapters(self) -> tuple[Chapter, ...]:
        """All chapters, in order.

        Raises:
            CourseError: A chapter's files are wrong, or two chapters list a function of one name.
        """
        chapters = tuple(self.chapter(id) for id in self.chapter_ids)
        owners: dict[str, str] = {}
        for chapter in chapters:
            for exercise in chapter.exercises:
                owner = owners.setdefault(exercise.function, chapter.id)
                if owner != chapter.id:
                    toml = chapter.text_dir / "chapter.toml"
                    line = _line_of(toml, "function", exercise.function)
                    raise CourseError(
                        f"{place(toml, self.root, line)}: {exercise.function} is listed by {owner} "
                        "too, and a name must mean one exercise of the course"
                    )
        return chapters

    def chapter(self, id: str) -> Chapter:
        """The chapter of that id.

        Raises:
            CourseError: There is none (the message names the nearest), or its files are wrong.
        """
        if id not in self._read:
            if id not in self.chapter_ids:
                raise CourseError(f"there is no chapter {id!r}{_suggestion(id, self.chapter_ids)}")
            self._read[id] = _read_chapter(self.root, id)
        return self._read[id]

    def exercise(self, function: str) -> Exercise:
        """The exercise of that name, whichever chapter has it.

        Raises:
            CourseError: No chapter has it; the message names the nearest.
        """
        return _find(self, function, "there is no exercise")

    def __iter__(self) -> Iterator[Exercise]:
        """All exercises, in order."""
        for chapter in self.chapters:
            yield from chapter.exercises


def _read_chapter(root: Path, id: str) -> Chapter:
    toml = root / "chapters" / id / "chapter.toml"
    where = place(toml, root)
    try:
        table = tomllib.loads(toml.read_text(encoding="utf-8"))
    except ValueError as error:
        # Its message ends with the line: "(at line 3, column 7)".
        raise CourseError(f"{where}: not valid TOML: {error}") from error
    title = _value(table, "title", _is_text, "a text", where)
    summary = _value(table, "summary", _is_text, "a text", where)
    entries = table.get("exercise", [])
    if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
        raise CourseError(f"{where}: each exercise stands under a heading [[exercise]]")
    chapter = Chapter(id, title, summary, (), root)
    sources = _Sources(chapter)
    exercises: dict[str, Exercise] = {}
    for number, entry in enumerate(entries, start=1):
        exercise = _read_exercise(sources, toml, number, entry)
        if exercise.function in exercises:
            line = _line_of(toml, "function", exercise.function)
            raise CourseError(f"{place(toml, root, line)}: {exercise.function} is listed twice")
        exercises[exercise.function] = exercise
    return replace(chapter, exercises=tuple(exercises.values()))


def _read_exercise(sources: "_Sources", toml: Path, number: int, entry: dict[str, Any]) -> Exercise:
    chapter = sources.chapter
    function = _value(
        entry, "function", _is_name, "a name", f"{place(toml, chapter.root)}: exercise {number}"
    )
    where = place(toml, chapter.root, _line_of(toml, "function", function))
    module = _value(entry, "module", _is_name, "a name", where)
    points = _value(entry, "points", _is_positive, "a number above 0", where)
    hints = _value(entry, "hints", _is_texts, "a list of texts", where)
    node = sources.authored(function, module)
    if node is None:
        files = ", ".join(place(file, chapter.root) for file in sources.files(module))
        raise CourseError(f"{where}: {function} is listed, but no function of that name in {files}")
    return Exercise(
        function=function,
        module=module,
        chapter=chapter.id,
        points=points,
        hints=tuple(hints),
        docstring=ast.get_docstring(node) or "",
        signature=signature(node),
        file=chapter.stub_dir / f"{module}.py",
        line=sources.line(function, chapter.stub_dir / f"{module}.py"),
    )


class _Sources:
    """The files in which a chapter's functions stand, each parsed once."""

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter
        self._trees: dict[Path, ast.Module | None] = {}

    def files(self, module: str) -> list[Path]:
        """The author's word first: a learner's file may say anything, or not even parse."""
        chapter = self.chapter
        folders = [chapter.solution_dir, chapter.pristine_dir, chapter.stub_dir]
        files = [folder / f"{module}.py" for folder in folders]
        return [file for file in files if file.exists()] or files[:1]

    def authored(self, function: str, module: str) -> ast.FunctionDef | None:
        for file in self.files(module):
            node = self._definition(file, function)
            if isinstance(node, ast.FunctionDef):
                return node
        return None

    def line(self, function: str, file: Path) -> int:
        try:
            node = self._definition(file, function)
        except CourseError:
            return 1
        return node.lineno if node else 1

    def _definition(self, file: Path, function: str) -> Definition | None:
        if file not in self._trees:
            self._trees[file] = parse(file, self.chapter.root)
        tree = self._trees[file]
        return None if tree is None else definition(tree, function)


def _value(
    table: dict[str, Any], key: str, fits: Callable[[Any], bool], wanted: str, where: str
) -> Any:
    if key not in table:
        raise CourseError(f"{where}: {key} is missing; it must be {wanted}")
    if not fits(table[key]):
        raise CourseError(f"{where}: {key} is {table[key]!r}, but must be {wanted}")
    return table[key]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier()


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _number(id: str) -> int:
    digits = id[len(id.rstrip("0123456789")) :]
    if not digits:
        raise CourseError(f"chapters/{id}: a chapter's folder ends in its number, like ch4")
    return int(digits)


def _line_of(toml: Path, key: str, value: str) -> int | None:
    """The last line that sets the key to the value: tomllib keeps no positions."""
    found = None
    for number, line in enumerate(toml.read_text(encoding="utf-8").split("\n"), start=1):
        if line.lstrip().startswith(key):
            try:
                if tomllib.loads(line) == {key: value}:
                    found = number
            except tomllib.TOMLDecodeError:
                continue
    return found


def _find(exercises: Iterable[Exercise], function: str, complaint: str) -> Exercise:
    by_name = {exercise.function: exercise for exercise in exercises}
    if function not in by_name:
        raise CourseError(f"{complaint} {function!r}{_suggestion(function, by_name)}")
    return by_name[function]


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if near := difflib.get_close_matches(name, names):
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(names)}" if names else ""
