"""The pages: feedback for one student, and the class at a glance. Each is one file, without scripts
and without anything from elsewhere; all that comes from learners is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.course import Chapter
from assay.likeness import pairs
from assay.panel import SIGNS
from assay.reports.revealing import revealed
from assay.result import Result, Status


def _visible(text: object) -> str:
    """Text without characters that act instead of being seen: controls, and those that turn the
    direction of writing.
    """
    return "".join(
        one if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cf", "Cs") else "�"
        for one in str(text)
    )


_pages = Environment(
    loader=PackageLoader("assay.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    # What a macro made is markup already, and its parts have been through here.
    finalize=lambda value: value if isinstance(value, Markup) else _visible(value),
)


def feedback(result: Result, chapter: Chapter, reveal: str = "sentence") -> str:
    """The page for one student."""
    return _pages.get_template("feedback.html").render(
        result=revealed(result, reveal),
        chapter=chapter,
        signs=_signs(),
        sentences={one.function: one.sentence for one in chapter.exercises},
    )


def file_name(submission: str, attempt: int, taken: set[str]) -> str:
    """A name for a student's page that every file system takes, and that nobody else has."""
    plain = re.sub(r"[^\w.-]+", "_", submission).strip("._")[:80] or "student"
    stem = plain if attempt == 1 else f"{plain}-{attempt}"
    number, name = 1, f"{stem}.html"
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}.html"
    taken.add(name.casefold())
    return name


@dataclass(frozen=True)
class Bar:
    """How a class did on one function."""

    function: str
    mean: float
    max_points: float
    counts: tuple[tuple[str, str, int], ...]


def class_page(results: Sequence[Result], chapter: Chapter) -> str:
    """The page for the instructor."""
    hard: Counter[tuple[str, str]] = Counter()
    misconceptions: Counter[tuple[str, str]] = Counter()
    for result in results:
        for name, function in result.functions.items():
            hard.update({(name, one.sentence) for one in function.failures if one.sentence})
            misconceptions.update(
                {(name, one.misconception) for one in function.failures if one.misconception}
            )
    return _pages.get_template("class.html").render(
        results=results,
        chapter=chapter,
        bars=[_bar(one.function, results) for one in chapter.exercises],
        scores=_histogram(results),
        hard=hard.most_common(10),
        misconceptions=misconceptions.most_common(10),
        pairs=pairs({one.submission: one.sketch for one in results})[:50],
        noted=[one for one in results if one.notes],
    )


def _signs() -> dict[str, tuple[str, str]]:
    return {str(status): (sign, words) for status, (sign, _, words) in SIGNS.items()}


def _bar(function: str, results: Sequence[Result]) -> Bar:
    own = [one.functions[function] for one in results if function in one.functions]
    counts = Counter(one.status for one in own)
    return Bar(
        function,
        sum(one.points for one in own) / max(len(own), 1),
        max((one.max_points for one in own), default=0.0),
        tuple((SIGNS[one][0], SIGNS[one][2], counts[one]) for one in Status if counts[one]),
    )


def _histogram(results: Sequence[Result]) -> list[tuple[str, int]]:
    """How many scores fall in each tenth."""
    tenths = Counter(min(9, int(10 * one.score / max(one.max_score, 1e-9))) for one in results)
    return [(f"{10 * n} to {10 * n + (9 if n < 9 else 10)} %", tenths[n]) for n in range(10)]
