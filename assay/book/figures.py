"""The figures of a chapter: a table of numbers that functions compute, and a chart that looks them
up.

A chapter's ``figure.py`` marks each figure with :func:`figure`::

    def losses(f):
        return [
            {"gap": gap, "loss": float(f.bradley_terry_loss(...))} for gap in grid(-6, 6, 0.25)
        ]

    @figure("bradley_terry_loss", table=losses, alt="What the picture shows, in words.")
    def reward_model_training(data):
        return alt.Chart(data).mark_line().encode(x="gap:Q", y="loss:Q", **both)

``table(f)`` calls the functions as ``f.name(...)``. It is called with the reference solutions, and
in the live book with the learner's own; a column ``who`` then says ``reference`` or ``yours``. The
chart has no formula of its own: it filters the table by the position of its sliders, which
therefore stand on a grid. So every number in it comes from the functions that it is about.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from assay.book.functions import named, reference
from assay.course import Chapter
from assay.source import CourseError, place

Row = dict[str, Any]
Table = Callable[[Any], list[Row]]
Draw = Callable[[alt.NamedData], Any]

#: The name of the data set that the chart draws, by which the live book adds the learner's rows.
DATA = "table"
WHO = ("reference", "yours")
#: The parameter that says whether the learner's rows are in the data set, too.
BOTH = "both"
#: Whether the picture is as narrow as on a phone.
NARROW = "width < 380"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: by which the text places it.
        functions: the exercises that its numbers come from.
        alt: what the picture shows, in words.
        table: computes its rows from those functions.
        draw: makes the chart of them.
    """

    name: str
    functions: tuple[str, ...]
    alt: str
    table: Table
    draw: Draw

    def rows(self, functions: Any, who: str) -> list[Row]:
        """The table, computed with these functions."""
        return [{**_plain(row), "who": who} for row in self.table(functions)]

    def specification(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The chart as Vega-Lite with its rows in it."""
        chart = self.draw(alt.NamedData(name=DATA))
        specification: dict[str, Any] = chart.to_dict()
        specification.pop("config", None)  # the page's own, which knows light and dark
        specification["datasets"] = {**specification.get("datasets", {}), DATA: list(rows)}
        specification.setdefault("params", []).append({"name": BOTH, "value": False})
        specification["description"] = self.alt
        return specification


def figure(*functions: str, table: Table, alt: str) -> Callable[[Draw], Figure]:
    """Mark a function that draws a chart from a named data set as a figure of its chapter."""

    def mark(draw: Draw) -> Figure:
        return Figure(draw.__name__, functions, " ".join(alt.split()), table, draw)

    return mark


def load_figures(chapter: Chapter) -> dict[str, Figure]:
    """The figures of a chapter by name; none where it has no ``figure.py``.

    Raises:
        CourseError: a figure names a function that the chapter does not have.
    """
    file = chapter.text_dir / "figure.py"
    if not file.is_file():
        return {}
    name = f"_figures_of_{chapter.id}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    figures = {one.name: one for one in vars(module).values() if isinstance(one, Figure)}
    for one in figures.values():
        if strange := set(one.functions) - set(chapter.module_of):
            raise CourseError(
                f"{place(file, chapter.root)}: {one.name} draws {named(sorted(strange))}, which "
                f"{chapter.id} does not have"
            )
    return figures


def reference_rows(chapter: Chapter, figure: Figure) -> list[Row]:
    """What the reference solutions draw."""
    return figure.rows(reference(chapter), WHO[0])


# What figures are made of.


def grid(low: float, high: float, step: float) -> list[float]:
    """The positions of a slider, both ends included, rounded to what is meant."""
    return [round(low + step * i, 10) for i in range(round((high - low) / step) + 1)]


def slider(name: str, label: str, low: float, high: float, step: float, value: float) -> Any:
    """A number that the reader sets."""
    return alt.param(
        name=name,
        value=value,
        bind=alt.binding_range(min=low, max=high, step=step, name=label),
    )


def choice(name: str, label: str, options: Sequence[str], value: str) -> Any:
    """One of several, which the reader picks."""
    return alt.param(
        name=name, value=value, bind=alt.binding_radio(options=list(options), name=label)
    )


def switch(name: str, label: str, value: bool) -> Any:
    """What the reader turns on and off."""
    return alt.param(name=name, value=value, bind=alt.binding_checkbox(name=label))


def at(**columns: str) -> str:
    """A filter: the rows whose columns have these values (Vega expressions, such as a slider)."""
    return " && ".join(
        f"abs(datum.{column} - ({value})) < 1e-6" for column, value in columns.items()
    )


def readout(chart: Any, says: str, row: int = 0, rows: int = 12) -> Any:
    """The rows of a chart as a line of text at the top right, the learner's below the reference's.

    Args:
        chart: filtered to the one row of each that is meant.
        says: a Vega expression that gives the text.
        row, rows: on which of how many lines the reference's stands.
    """
    prefix = f"({BOTH} ? datum.who + ': ' : '')"
    return (
        chart.transform_calculate(_long=f"{prefix} + {says}")
        .transform_calculate(
            _says=f"{NARROW} ? replace(datum._long, regexp(', +', 'g'), '\\n') : datum._long",
            _row=f"{row} + (datum.who == '{WHO[1]}' ? ({NARROW} ? 2.4 : 1) : 0)",
        )
        .mark_text(
            align="right",
            baseline="top",
            fontSize=size(14),
            fontWeight=600,
            lineBreak="\n",
            lineHeight=16,
            dy=-7,
        )
        .encode(
            x=alt.value("width"),
            y=alt.Y("_row:Q", axis=None, scale=alt.Scale(domain=[0, rows], reverse=True)),
            text="_says:N",
            color=alt.Color("who:N", title=None, scale=alt.Scale(domain=list(WHO))),
        )
    )


def size(pixels: int) -> Any:
    """A size of text that shrinks a little on a phone."""
    return alt.ExprRef(f"{NARROW} ? {pixels - 2} : {pixels}")


def spot(chart: Any, x: str, y: str) -> Any:
    """A point on each curve where the sliders stand: a disc on the reference's, a square else."""
    return chart.mark_point(filled=True, size=140, opacity=1).encode(
        x=x,
        y=y,
        color="who:N",
        shape=alt.Shape(
            "who:N", legend=None, scale=alt.Scale(domain=list(WHO), range=["circle", "square"])
        ),
    )


def weight(test: str) -> Any:
    """Bold text where the Vega expression holds of a row."""
    return alt.ExprRef(f"{test} ? 700 : 400")


def whose() -> dict[str, Any]:
    """Encodings that tell the reference's curve from the learner's, by colour and by dashes."""
    return {
        "color": alt.Color("who:N", title=None, scale=alt.Scale(domain=list(WHO))),
        "strokeDash": alt.StrokeDash(
            "who:N", title=None, scale=alt.Scale(domain=list(WHO), range=[[1, 0], [7, 4]])
        ),
    }


def _plain(row: Row) -> Row:
    return {key: _rounded(value) for key, value in row.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value
    number = float(value)
    # Six digits are more than a picture shows, and keep pages small. JSON knows no infinity.
    return float(f"{number:.6g}") if math.isfinite(number) else None


def encoded(specification: dict[str, Any]) -> str:
    """JSON that may stand inside an HTML script element."""
    return json.dumps(specification, separators=(",", ":"), ensure_ascii=False).replace(
        "<", "\\u003c"
    )
