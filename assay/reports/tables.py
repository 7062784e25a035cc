"""The class as a table, for a spreadsheet: no cell of it can act as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from assay.course import Chapter
from assay.result import Result


def as_csv(results: Sequence[Result], chapter: Chapter) -> str:
    """A row a student: score, then points and status of each function."""
    out = io.StringIO()
    # Everything that is text is quoted.
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    names = [one.function for one in chapter.exercises]
    heads = [head for name in names for head in (name, f"{name} status")]
    writer.writerow(["submission", "attempt", "late", "score", "max_score", *heads, "notes"])
    for result in results:
        cells: list[object] = []
        for name in names:
            one = result.functions.get(name)
            cells += [one.points, str(one.status)] if one else ["", ""]
        writer.writerow(
            [
                _safe(result.submission),
                result.attempt,
                "late" if result.late else "",
                result.score,
                result.max_score,
                *cells,
                _safe(" ".join(result.notes)),
            ]
        )
    return out.getvalue()


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula; one that starts like one gets an apostrophe."""
    flat = "".join(one if one.isprintable() else " " for one in text)
    # Full-width signs count too: some spreadsheets fold them to plain ones.
    return f"'{flat}" if flat.lstrip()[:1] in {*"=+-@|%＝＋－＠"} else flat
