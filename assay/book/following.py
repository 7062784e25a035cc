"""What a learner's functions do, for the live book: how each stands, and what the figures draw.

This runs in a process of its own and tells the server what has changed, one JSON object a line. It
reads nothing but the learner's files, and runs their code only in forked children.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from assay.book.figures import WHO, Figure, Row, load_figures, reference_rows
from assay.book.functions import Functions, named
from assay.course import Chapter, Course
from assay.forking import forked
from assay.learner import Halt
from assay.panel import SIGNS, next_step
from assay.progress import Progress, untouched
from assay.result import FunctionResult, Result, Status
from assay.watching import Bench

#: Seconds between two looks at the files.
TICK = 0.1
#: Wall seconds that a figure may take with a learner's functions.
PATIENCE = 10.0
#: How far apart two numbers may be and still draw the same curve.
CLOSE = 1e-4

Message = dict[str, Any]


@dataclass
class Follower:
    """One chapter under watch: its bench, and the figures with what the references draw."""

    course: Course
    chapter: Chapter
    figures: list[Figure]
    references: dict[str, list[Row]]
    _bench: Bench | None = None
    _seen: object = field(default_factory=object)

    @classmethod
    def of(cls, course: Course, chapter: Chapter) -> Follower:
        figures = [one for one in load_figures(chapter).values() if one.functions]
        references = {one.name: reference_rows(chapter, one) for one in figures}
        return cls(course, chapter, figures, references)

    def changes(self) -> Iterator[Message]:
        """What to tell, if a file has changed since the last time: the picture first, then the
        verdict, which takes longer.
        """
        stamps = _stamps(self.chapter)
        if stamps == self._seen:
            return
        self._seen = stamps
        for figure in self.figures:
            yield self._drawn(figure)
        yield self._standing(self._result())

    def _result(self) -> Result:
        if self._bench is None:
            if untouched(self.chapter):
                return Progress(self.course).result(self.chapter)
            self._bench = Bench.set_up(self.course, self.chapter)
        return self._bench.check()

    def _standing(self, result: Result) -> Message:
        functions = {name: _function(one) for name, one in result.functions.items()}
        step = next_step(result, self.chapter.located_in(self.chapter.stub_dir))
        return {
            "event": "chapter",
            "id": self.chapter.id,
            "score": f"{result.score:g}",
            "max_score": f"{result.max_score:g}",
            "solved": result.solved,
            "functions": functions,
            "step": step or "",
        }

    def _drawn(self, figure: Figure) -> Message:
        message: Message = {"event": "figure", "chapter": self.chapter.id, "name": figure.name}
        who = f"Your {named(figure.functions)}"
        ended = forked(lambda: _draw(self.chapter, figure), PATIENCE)
        if not ended.data:
            did = "took too long" if ended.out_of_time else "ended the process"
            return {**message, "rows": [], "state": "error", "message": f"{who}: {did}."}
        drawn = msgspec.json.decode(ended.data)
        if drawn["rows"]:
            state, says = _compared(drawn["rows"], self.references[figure.name], figure)
            return {**message, "rows": drawn["rows"], "state": state, "message": says}
        return {
            **message,
            "rows": [],
            "state": drawn["state"],
            "message": f"{who}: {drawn['says']}",
        }


def _draw(chapter: Chapter, figure: Figure) -> bytes:
    """In the child: the figure's rows by the learner's functions, or why there are none."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            rows = figure.rows(Functions(chapter, chapter.stub_dir), WHO[1])
            return msgspec.json.encode({"rows": rows})
        except NotImplementedError:
            state, says = "waiting", "not written yet. The curve appears when it runs."
        except Halt as halt:
            state, says = "error", str(halt)
        except Exception as error:
            state, says = "error", f"it ends in {type(error).__name__}: {error}"[:300]
    return msgspec.json.encode({"rows": [], "state": state, "says": says})


def _compared(yours: list[Row], reference: list[Row], figure: Figure) -> tuple[str, str]:
    who = named(figure.functions)
    what = "draws" if len(figure.functions) == 1 else "draw"
    if len(yours) != len(reference):
        return "different", f"Your {who} {what} something else than the reference."
    for mine, theirs in zip(yours, reference, strict=True):
        for column, expected in theirs.items():
            got = mine.get(column)
            if column != "who" and not _alike(got, expected):
                says = (
                    f"Your {who} {what} another picture than the reference: "
                    f"{_shown(mine)}, where {column} should be {_value(expected)}."
                )
                return "different", says
    return "same", f"✓ Your {who} {what} the same picture as the reference."


def _alike(got: object, expected: object) -> bool:
    if isinstance(got, int | float) and isinstance(expected, int | float):
        return abs(got - expected) <= CLOSE * max(1.0, abs(expected))
    return got == expected


def _shown(row: Row) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in row.items() if key != "who")[:200]


def _value(value: object) -> str:
    if value is None:
        return "not finite"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _function(one: FunctionResult) -> Message:
    sign, _, word = SIGNS[one.status]
    message = one.note if one.status not in (Status.PASSED, Status.NOT_STARTED) else ""
    if one.failures:
        first = one.failures[0]
        message = f"{first.sentence}\nYours: {first.reason}" if first.reason else first.sentence
        if first.misconception:
            message = f"{message}\n{first.misconception}"
    return {
        "status": str(one.status),
        "sign": sign,
        "word": word,
        "points": f"{one.points:g}",
        "max_points": f"{one.max_points:g}",
        "message": message,
    }


def _stamps(chapter: Chapter) -> dict[str, tuple[int, int]]:
    found = {}
    for file in chapter.stub_dir.glob("*.py"):
        with contextlib.suppress(OSError):
            stat = file.stat()
            found[file.name] = (stat.st_mtime_ns, stat.st_size)
    return found


def follow(root: Path) -> Iterator[Message]:
    """What there is to tell, for as long as it is asked."""
    import torch

    torch.set_num_threads(1)  # a forked child hangs on torch's threads
    course = Course.find(root)
    followers = [Follower.of(course, chapter) for chapter in course.chapters]
    standing: dict[str, Message] = {}
    told = None
    while True:
        for follower in followers:
            for message in follower.changes():
                if message["event"] == "chapter":
                    standing[message["id"]] = message
                yield message
        step = next((one["step"] for one in standing.values() if not one["solved"]), "")
        text = f"Next: {step}" if step else "The whole course is solved. Well done!"
        if text != told:
            told = text
            yield {"event": "next", "text": text}
        time.sleep(TICK)


def main() -> None:
    """Tell everything on standard output, until whoever listens is gone."""
    # What learners' code prints goes elsewhere: this stream is for messages only.
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        for message in follow(Path(sys.argv[1])):
            stream.write(msgspec.json.encode(message) + b"\n")
            stream.flush()


if __name__ == "__main__":
    main()
