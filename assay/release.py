"""The student bundle: a course's exercises and the engine, without what students must not see.

What goes in is named here, and all else stays out: an instructor's own answers, saved copies and
notes lie in the same folders. The exercises are made anew from the solutions.
"""

import ast
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from assay.course import Chapter
from assay.markers import marked
from assay.saving import write_whole
from assay.source import CourseError, parse, place
from assay.stubs import pristine

__all__ = ["leaks", "release"]

PROJECT = ("pyproject.toml", "constraints.txt", "LICENSE", "LICENSE-chapters")
#: Endings of a chapter's text. Its code may compute what the exercises ask for.
TEXT = {".md", ".toml", ".svg", ".png", ".jpg", ".webp"}

README = """\
# Exercises

You write the functions under `exercises/`; tests tell you which are right, and what is not.

## Start

You need Python 3.11 or later. In this folder, install once:

    python -m venv .venv
    .venv/bin/pip install -c constraints.txt -e .

(on Windows `.venv\\Scripts\\pip`, and so on). Then open a file in `exercises/{first}`, read the
docstring of a function, replace its `raise NotImplementedError`, and see how it does:

    .venv/bin/pytest exercises/{first}

## Chapters

{chapters}

## When you are stuck

- `.venv/bin/assay status` shows how far you are, and what comes next.
- `.venv/bin/assay hint FUNCTION` gives a hint, and a deeper one each time.
- `.venv/bin/assay reset {first} FUNCTION` puts a function back to where it started. Your work is
  saved beside it.

The tests here are the worked examples of the docstrings. What you hand in is judged by more than
those: read each docstring to its end.
"""


def release(chapters: Sequence[Chapter], out: Path) -> list[Path]:
    """Make the student bundle of these chapters of one course in the folder ``out``.

    Returns:
        The files of the bundle, relative to ``out``.

    Raises:
        CourseError: ``out`` holds something already, a solution doesn't make a stub, or a file that
            would be handed out shows what stands in a solution. Nothing is left in ``out`` then.
    """
    if not chapters:
        raise CourseError("there is no chapter to release")
    out = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CourseError(f"{out}: not empty; a release goes into a folder of its own")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as draft:
        bundle = Path(draft) / "bundle"
        for name, content in _contents(chapters):
            write_whole(bundle / name, content)
        if found := leaks(chapters, bundle):
            raise CourseError(found[0])
        if out.exists():
            out.rmdir()
        bundle.rename(out)
    return sorted(file.relative_to(out) for file in out.rglob("*") if file.is_file())


def leaks(chapters: Iterable[Chapter], bundle: Path) -> list[str]:
    """Where the bundle shows a marked part of a solution word by word, one sentence each.

    Spaces and line breaks don't count. The engine, which is the same for all, is not looked at.
    """
    files = [file for file in bundle.rglob("*") if file.suffix in {".md", ".py", ".toml"}]
    texts = {
        name: _squeezed(file.read_text(encoding="utf-8"))
        for file in sorted(files)
        if not (name := file.relative_to(bundle).as_posix()).startswith("assay/")
    }
    found = []
    for chapter in chapters:
        for module in chapter.modules:
            solution = chapter.solution_dir / f"{module}.py"
            if not solution.exists():
                continue
            source = place(solution, chapter.root)
            for region in marked(solution.read_text(encoding="utf-8"), source):
                secret = _squeezed(region)
                found += [
                    f"{name}: shows what {source} keeps between its markers: {_opening(region)}"
                    for name, text in texts.items()
                    if secret in text
                ]
    return found


def _contents(chapters: Sequence[Chapter]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file."""
    root = chapters[0].root
    for name in PROJECT:
        if (root / name).exists():
            yield name, (root / name).read_bytes()
    for file in _files(root / "assay"):
        yield file.relative_to(root).as_posix(), file.read_bytes()
    yield "README.md", _readme(chapters).encode()
    for chapter in chapters:
        yield from _chapter_contents(chapter)


def _chapter_contents(chapter: Chapter) -> Iterator[tuple[str, bytes]]:
    for file in _files(chapter.text_dir):
        if file.suffix in TEXT:
            yield file.relative_to(chapter.root).as_posix(), file.read_bytes()
    for module in chapter.modules:
        stub = pristine(chapter, module).encode()
        yield f"exercises/{chapter.id}/{module}.py", stub
        # A second copy, for `assay reset`, where the solution is not at hand.
        yield f"chapters/{chapter.id}/stubs/{module}.py", stub
    for file in _given(chapter):
        yield file.relative_to(chapter.root).as_posix(), file.read_bytes()


def _given(chapter: Chapter) -> list[Path]:
    """The visible examples and the lab, and what these import from beside them."""
    given: list[Path] = []
    waiting = ["lab", *(f"test_{module}" for module in chapter.modules)]
    while waiting:
        file = chapter.stub_dir / f"{waiting.pop()}.py"
        tree = parse(file, chapter.root)
        if tree is None or file in given or file.stem in chapter.modules:
            continue
        given.append(file)
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    waiting += [alias.name for alias in names]
                case ast.ImportFrom(module=str(name), level=0):
                    waiting.append(name)
    return given


def _files(folder: Path) -> list[Path]:
    """All files of a folder, without hidden ones and bytecode."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(
            part.startswith(".") or part == "__pycache__" for part in file.relative_to(folder).parts
        )
    )


def _readme(chapters: Sequence[Chapter]) -> str:
    rows = [f"- `exercises/{c.id}`: **{c.title}.** {c.summary}" for c in chapters]
    return README.format(first=chapters[0].id, chapters="\n".join(rows))


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _opening(region: str) -> str:
    return region.strip().split("\n")[0]
