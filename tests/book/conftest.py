"""The book, built once, and a browser to read it with."""

import shutil
from pathlib import Path

import pytest

from assay.course import Chapter, Course

ROOT = Path(__file__).parents[2]
#: All chapters, and those whose text stands.
CHAPTERS = tuple(f"ch{n}" for n in range(10))
WRITTEN = tuple(id for id in CHAPTERS if (ROOT / "chapters" / id / "index.md").is_file())


@pytest.fixture(scope="session")
def course() -> Course:
    """The course of this repository."""
    return Course(ROOT)


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A copy of the course, whose exercises a test may solve."""
    root = tmp_path_factory.mktemp("course")
    aside = shutil.ignore_patterns("__pycache__", "lab.png", "*.saved-*")
    for name in ("chapters", "solutions", "graders"):
        shutil.copytree(ROOT / name, root / name, ignore=aside)
    from assay.stubs import pristine

    shutil.copytree(ROOT / "exercises", root / "exercises", ignore=aside)
    found = Course(root)
    for chapter in found.chapters:
        for module in chapter.modules:  # whatever has been solved here
            stub = chapter.stub_dir / f"{module}.py"
            stub.write_text(pristine(chapter, module), encoding="utf-8")
        if chapter.id not in WRITTEN:
            _plain_page(chapter)
    return found


def _plain_page(chapter: Chapter) -> None:
    """Figures and exercises alone, so that they are tried before the text is written."""
    from assay.book.figures import load_figures

    charts = "".join(f"```{{chart}} {name}\n```\n\n" for name in load_figures(chapter))
    text = f"# {chapter.title}\n\n{charts}```{{exercises}}\n```\n"
    (chapter.text_dir / "index.md").write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def pages(copy: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static book."""
    from assay.book.building import build

    out = tmp_path_factory.mktemp("book") / "html"
    assert build(copy, out) == []
    return out
