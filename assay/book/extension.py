"""The Sphinx extension: the directives of a chapter, and numbers filled in as it is read."""

from __future__ import annotations

import os
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from assay.book import markup
from assay.book.figures import Figure, encoded, load_figures, reference_rows
from assay.book.functions import named
from assay.book.numbers import Numbers
from assay.book.quiz import Question, read_quiz
from assay.course import Chapter, Course, Exercise
from assay.source import CourseError


class Book:
    """What the directives share during one build: the course, its numbers, and what was placed."""

    def __init__(self, course: Course, out: Path) -> None:
        self.course = course
        self.out = out
        self.numbers = Numbers(course)
        self.placed: Counter[tuple[str, str, str]] = Counter()
        self._quizzes: dict[str, tuple[Question, ...]] = {}
        self._figures: dict[str, dict[str, Figure]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Sphinx pickles its settings beside the pages; nobody reads this one back.
        return {}

    def quiz(self, chapter: Chapter) -> tuple[Question, ...]:
        if chapter.id not in self._quizzes:
            self._quizzes[chapter.id] = read_quiz(chapter, self.numbers)
        return self._quizzes[chapter.id]

    def figures(self, chapter: Chapter) -> dict[str, Figure]:
        if chapter.id not in self._figures:
            self._figures[chapter.id] = load_figures(chapter)
        return self._figures[chapter.id]

    def link(self, exercise: Exercise) -> str | None:
        """From the chapter's page to the stub, where the book is built inside the course."""
        if not self.out.is_relative_to(self.course.root):
            return None
        return Path(os.path.relpath(exercise.file, self.out / exercise.chapter)).as_posix()

    def complaints(self) -> list[str]:
        """What a chapter has that its page does not show once."""
        found = []
        for chapter in self.course.chapters:
            if not (chapter.text_dir / "index.md").is_file():
                continue
            wanted = {
                "exercise": [one.function for one in chapter.exercises],
                "question": [one.id for one in self.quiz(chapter)],
                "figure": list(self.figures(chapter)),
            }
            for kind, names in wanted.items():
                for name in names:
                    times = self.placed[chapter.id, kind, name]
                    if times != 1:
                        often = "is not shown" if times == 0 else f"is shown {times} times"
                        found.append(f"chapters/{chapter.id}/index.md: the {kind} {name} {often}")
        return found


class Piece(SphinxDirective):
    """A directive of a chapter."""

    @property
    def book(self) -> Book:
        book: Book = self.config.assay_book
        return book

    @property
    def chapter(self) -> Chapter:
        return self.book.course.chapter(self.env.docname.partition("/")[0])

    def once(self, kind: str, name: str) -> None:
        self.book.placed[self.chapter.id, kind, name] += 1

    def unplaced(self, kind: str, names: list[str]) -> list[str]:
        return [name for name in names if not self.book.placed[self.chapter.id, kind, name]]

    def inline(self, text: str) -> list[nodes.Node]:
        parsed, messages = self.parse_inline(" ".join(text.split()))
        return [*parsed, *messages]

    def fail(self, message: str) -> CourseError:
        return CourseError(f"chapters/{self.env.docname}.md:{self.lineno}: {message}")


class Chart(Piece):
    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        figures = self.book.figures(self.chapter)
        if name not in figures:
            raise self.fail(f"there is no figure {name}; there are {', '.join(figures) or 'none'}")
        self.once("figure", name)
        figure = figures[name]
        specification = figure.specification(reference_rows(self.chapter, figure))
        opening = markup.element(
            "figure",
            class_="chart",
            id=f"figure-{name}",
            data_figure=name,
            data_functions=" ".join(figure.functions) or None,
        )
        overlay = ""
        if figure.functions:
            functions = escape(named(figure.functions))
            overlay = f'<p class="overlay" role="status" data-of="{functions}" hidden></p>'
        return [
            markup.raw(
                f'{opening}<div class="chart-view"></div>'
                f'<script type="application/json">{encoded(specification)}</script>'
                f"{overlay}<figcaption>"
            ),
            *self.parse_content_to_nodes(),
            markup.raw(
                "<details><summary>The picture in words</summary>"
                f"<p>{escape(figure.alt)}</p></details></figcaption></figure>"
            ),
        ]


class ExerciseBox(Piece):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.box(self.chapter.exercise(self.arguments[0]))

    def box(self, exercise: Exercise) -> list[nodes.Node]:
        self.once("exercise", exercise.function)
        return [markup.raw(markup.exercise_box(exercise, self.book.link(exercise)))]


class ExerciseBoxes(ExerciseBox):
    required_arguments = 0

    def run(self) -> list[nodes.Node]:
        names = self.unplaced("exercise", [one.function for one in self.chapter.exercises])
        return [node for name in names for node in self.box(self.chapter.exercise(name))]


class OneQuestion(Piece):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.form(self.arguments[0])

    def form(self, id: str) -> list[nodes.Node]:
        quiz = self.book.quiz(self.chapter)
        found = [one for one in quiz if one.id == id]
        if not found:
            known = ", ".join(one.id for one in quiz) or "none"
            raise self.fail(f"there is no question {id}; there are {known}")
        self.once("question", id)
        return markup.question(found[0], self.chapter.id, quiz.index(found[0]) + 1, self.inline)


class Quiz(OneQuestion):
    required_arguments = 0

    def run(self) -> list[nodes.Node]:
        quiz = self.book.quiz(self.chapter)
        ids = self.unplaced("question", [one.id for one in quiz])
        return [node for id in ids for node in self.form(id)]


class Chapters(Piece):
    """The chapters of the course with what they are worth, for the start page."""

    def run(self) -> list[nodes.Node]:
        return [markup.raw(_chapters(self.book.course))]


def _chapters(course: Course) -> str:
    items = []
    for chapter in course.chapters:
        title = f"{chapter.number}. {escape(chapter.title)}"
        if (chapter.text_dir / "index.md").is_file():
            title = f'<a href="{chapter.id}/index.html">{title}</a>'
        items.append(
            f'<li data-chapter="{chapter.id}"><p class="chapter-title">{title}</p>'
            f'<p class="chapter-summary">{escape(chapter.summary)}</p>'
            f'<p class="chapter-points"><span class="points">{chapter.points:g} points</span>, '
            f"{len(chapter.exercises)} functions</p>"
            f'<progress max="{chapter.points:g}" value="0" hidden '
            f'aria-label="Points of chapter {chapter.number}"></progress></li>'
        )
    return (
        '<p class="next-step" role="status" hidden></p>'
        f'<ol class="chapters" start="0">{"".join(items)}</ol>'
    )


def _fill_numbers(app: Sphinx, docname: str, source: list[str]) -> None:
    book: Book = app.config.assay_book
    source[0] = book.numbers.fill(source[0], f"chapters/{docname}.md")


def _only_where_used(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """A page without a figure does not load what draws figures."""
    html = context.get("body", "")
    if 'class="chart"' in html:
        app.add_js_file("vega.js", loading_method="defer")
        app.add_js_file("figures.js", loading_method="defer")
    if 'class="question"' in html:
        app.add_js_file("quiz.js", loading_method="defer")
    if app.config.assay_live:
        app.add_js_file("live.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_config_value("assay_book", None, "", Book)
    app.add_config_value("assay_live", False, "html", bool)
    app.add_directive("chart", Chart)
    app.add_directive("exercise", ExerciseBox)
    app.add_directive("exercises", ExerciseBoxes)
    app.add_directive("question", OneQuestion)
    app.add_directive("quiz", Quiz)
    app.add_directive("chapters", Chapters)
    app.connect("source-read", _fill_numbers)
    app.connect("html-page-context", _only_where_used)
    app.add_css_file("book.css")
    return {"parallel_read_safe": False, "parallel_write_safe": True}
