"""The stubs under exercises/: made from the solutions, and never over a learner's work."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.course import Chapter
from assay.markers import BEGIN, END, stub_source
from assay.saving import save_beside, write_whole
from assay.source import (
    CourseError,
    definition,
    first_line,
    last_line,
    named,
    parse,
    place,
    signature,
)

__all__ = ["Drift", "Written", "drift", "pristine", "reset", "write_stubs"]


@dataclass(frozen=True)
class Drift:
    """A place where the stubs are out of step with the solutions.

    ``function`` is None where the whole file is meant.
    """

    file: Path
    function: str | None
    kind: Literal["missing", "differs", "unreadable"]


@dataclass(frozen=True)
class Written:
    """What became of one stub file, and where the work that stood in it is saved, if it was."""

    file: Path
    outcome: Literal["written", "unchanged", "kept"]
    saved: Path | None = None


def pristine(chapter: Chapter, module: str) -> str:
    """The untouched stub of one module: from its solution or, where students have none, as shipped.

    Raises:
        CourseError: There is neither; or the solution does not mark what it should, see
            `stub_source`, or leaves an exercise unmarked.
    """
    solution = chapter.solution_dir / f"{module}.py"
    shipped = chapter.pristine_dir / f"{module}.py"
    if not solution.exists():
        if not shipped.exists():
            raise CourseError(f"{place(solution, chapter.root)}: missing, and no stub in its stead")
        return shipped.read_text(encoding="utf-8")
    source = solution.read_text(encoding="utf-8")
    filename = place(solution, chapter.root)
    stub = stub_source(source, filename)
    before, after = ast.parse(source), ast.parse(stub)
    for exercise in chapter.exercises:
        written = definition(before, exercise.function)
        left = definition(after, exercise.function)
        if exercise.module == module and written and (left is None or _same(written, left)):
            raise CourseError(
                f"{filename}:{written.lineno}: {exercise.function} is an exercise, but nothing in "
                f"it stands between {BEGIN} and {END}"
            )
    return stub


def drift(chapters: Iterable[Chapter]) -> list[Drift]:
    """Where the stubs are out of step with the solutions; empty when all is well.

    A file that nobody has worked in must equal its stub. In one that a learner has worked in, the
    exercises' signatures and docstrings must.
    """
    return [found for chapter in chapters for found in _chapter_drift(chapter)]


def write_stubs(chapters: Iterable[Chapter], force: bool = False) -> list[Written]:
    """Write the stubs of all modules of these chapters, and say what became of each.

    A file that holds a learner's work is kept, unless ``force`` is set: then the work is saved
    beside it first.
    """
    results = []
    for chapter in chapters:
        for module in chapter.modules:
            file = chapter.stub_dir / f"{module}.py"
            stub = pristine(chapter, module)
            if not force and _holds_work(file, stub):
                results.append(Written(file, "kept"))
            else:
                results.append(_replace(file, stub.encode(), stub))
    return results


def reset(chapter: Chapter, function: str | None = None) -> list[Written]:
    """Put a chapter, or one of its functions, back to the stub, with the work saved beside.

    Of the file around a single function every byte stays as it is.

    Raises:
        CourseError: The chapter has no such function, or the function cannot be found because the
            learner's file is not valid Python.
    """
    if function is None:
        return write_stubs([chapter], force=True)
    exercise = chapter.exercise(function)
    stub = pristine(chapter, exercise.module)
    if not exercise.file.exists():
        return [_replace(exercise.file, stub.encode(), stub)]
    try:
        content = _with_function_reset(exercise.file, chapter.root, stub, function)
    except CourseError as error:
        raise CourseError(
            f"{error}; {function} can't be found in a file that is not valid Python, "
            f"but the whole of {chapter.id} can be reset, and the work is saved"
        ) from error
    return [_replace(exercise.file, content, stub)]


def _same(one: ast.AST, other: ast.AST) -> bool:
    return ast.dump(one) == ast.dump(other)


def _chapter_drift(chapter: Chapter) -> Iterator[Drift]:
    for module in chapter.modules:
        file = chapter.stub_dir / f"{module}.py"
        stub = pristine(chapter, module)
        try:
            tree = parse(file, chapter.root)
        except CourseError:
            yield Drift(file, None, "unreadable")
            continue
        if tree is None:
            yield Drift(file, None, "missing")
        elif not _holds_work(file, stub):
            if file.read_bytes().replace(b"\r\n", b"\n") != stub.encode():
                yield Drift(file, None, "differs")
        else:
            yield from _function_drift(chapter, module, tree, ast.parse(stub))


def _function_drift(
    chapter: Chapter, module: str, tree: ast.Module, stub: ast.Module
) -> Iterator[Drift]:
    for exercise in chapter.exercises:
        if exercise.module != module:
            continue
        ours, theirs = definition(stub, exercise.function), definition(tree, exercise.function)
        if theirs is None:
            yield Drift(exercise.file, exercise.function, "missing")
        elif _heading(ours) != _heading(theirs):
            yield Drift(exercise.file, exercise.function, "differs")


def _heading(node: ast.AST | None) -> tuple[str, str | None] | None:
    if not isinstance(node, ast.FunctionDef):
        return None
    return signature(node), ast.get_docstring(node)


def _holds_work(file: Path, stub: str) -> bool:
    """Whether a file holds anything that a learner may have written.

    That is, beside imports: a statement or a comment that is not in the stub, other than a function
    that is not yet written.
    """
    if not file.exists():
        return False
    content = file.read_bytes()
    try:
        tree = ast.parse(content)
        comments = _comments(content) - _comments(stub.encode())
    except (SyntaxError, ValueError, tokenize.TokenError):
        return True
    known = {ast.dump(node) for node in ast.parse(stub).body}
    return bool(comments) or not all(
        isinstance(node, ast.Import | ast.ImportFrom)
        or _is_text(node)
        or _is_unwritten(node)
        or ast.dump(node) in known
        for node in tree.body
    )


def _comments(content: bytes) -> set[str]:
    tokens = tokenize.tokenize(io.BytesIO(content).readline)
    return {token.string.strip() for token in tokens if token.type == tokenize.COMMENT}


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_unwritten(node: ast.stmt) -> bool:
    """A function that does nothing but raise NotImplementedError."""
    if not isinstance(node, ast.FunctionDef):
        return False
    match node.body[1:] if _is_text(node.body[0]) else node.body:
        case [ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name))]:
            return name == "NotImplementedError"
    return False


def _replace(file: Path, content: bytes, stub: str) -> Written:
    """Write a file unless it says the same already; work that is in it is saved first."""
    if file.exists() and file.read_bytes() == content:
        return Written(file, "unchanged")
    saved = save_beside(file) if _holds_work(file, stub) else None
    write_whole(file, content)
    return Written(file, "written", saved)


def _with_function_reset(file: Path, root: Path, stub: str, function: str) -> bytes:
    """The file's bytes with the function's definition, or definitions, replaced by the stub's."""
    tree = parse(file, root)
    ours = definition(ast.parse(stub), function)
    assert tree is not None and ours is not None
    content = file.read_bytes()
    # Python's lines end as bytes.splitlines sees it, unlike those of str.splitlines.
    lines = content.splitlines(keepends=True)
    newline = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    with file.open("rb") as opened:
        encoding, _ = tokenize.detect_encoding(opened.readline)
    text = "\n".join(stub.split("\n")[first_line(ours) - 1 : last_line(ours)])
    # "utf-8-sig" would put a second byte order mark in front.
    new = text.encode(encoding.removesuffix("-sig")).replace(b"\n", newline) + newline

    spans = [(first_line(node), last_line(node)) for node in named(tree, function)]
    if not spans:
        gap = newline * 2 if content.endswith((b"\n", b"\r")) or not content else newline * 3
        return content + gap + new
    for first, last in reversed(spans[1:]):
        del lines[first - 1 : last]
    first, last = spans[0]
    lines[first - 1 : last] = [new]
    return b"".join(lines)
