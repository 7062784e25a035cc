"""A result on the terminal: what is wrong and where, then the score, then the next thing to do.

Plain text first: status is a word and a sign, colour comes on top, 80 columns are enough.
"""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from assay.course import Chapter
from assay.result import Failure, Result, Status

SIGNS = {
    Status.PASSED: ("✓", "green", "solved"),
    Status.PARTLY: ("~", "yellow", "partly right"),
    Status.FAILED: ("✗", "red", "not right yet"),
    Status.ERROR: ("!", "red", "ends in an error"),
    Status.TIMED_OUT: ("!", "red", "runs out of time"),
    Status.MISSING: ("?", "red", "missing"),
    Status.NOT_STARTED: ("·", "dim", "not started"),
}

INDENT = "    "

#: Reasons that say no more than the answer and the expected one, shown beside each other.
SHOWN = ("another number", "another answer")


def console() -> Console:
    """A console for this terminal, or 80 plain columns without one; NO_COLOR is respected."""
    return Console(highlight=False, emoji=False, markup=False)


def as_text(lines: Iterable[Text], *, color: bool, width: int) -> str:
    """Rendered lines as one string, for a writer that is not rich's."""
    out = io.StringIO()
    terminal = Console(
        file=out,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for line in lines:
        terminal.print(line, soft_wrap=True)
    return out.getvalue()


def show(
    terminal: Console, result: Result, chapter: Chapter, *, points: bool = True, every: bool = False
) -> None:
    """Print a result whole: failures, score, next step."""
    for line in failures(result, chapter, width=terminal.width, every=every):
        terminal.print(line, soft_wrap=True)
    for line in score(result, chapter, points=points):
        terminal.print(line, soft_wrap=True)
    for line in following(result, chapter, width=terminal.width):
        terminal.print(line, soft_wrap=True)


def following(result: Result, chapter: Chapter, *, width: int = 80) -> Iterator[Text]:
    """The next step, wrapped."""
    return step(next_step(result, chapter), width)


def step(sentence: str, width: int = 80) -> Iterator[Text]:
    """A line that says what comes next, wrapped."""
    text = f"next: {sentence}"
    lines = textwrap.wrap(
        text,
        max(40, width),
        initial_indent="  ",
        subsequent_indent="        ",
        break_on_hyphens=False,
    )
    return (Text(line) for line in lines)


def excerpt(text: str, lines: int = 10) -> str:
    """The last lines of what a learner's code printed, safe for a terminal."""
    printed = _printable(text).rstrip().split("\n")
    left_out = [f"{INDENT}… {len(printed) - lines} lines"] if len(printed) > lines else []
    return "\n".join(left_out + [f"{INDENT}{line[:200]}" for line in printed[-lines:]])


def failures(
    result: Result, chapter: Chapter, *, width: int = 80, every: bool = False
) -> Iterator[Text]:
    """What is wrong with each function that was started: the first failure in full, the others by
    sentence.
    """
    for note in result.notes:
        yield Text()
        yield from _wrapped(f"! {note}", width, "bold red", hanging="  ")
    for name, function in result.functions.items():
        said_above = function.note in result.notes
        if function.status in (Status.PASSED, Status.NOT_STARTED, Status.MISSING) or said_above:
            continue
        sign, style, word = SIGNS[function.status]
        yield Text()
        yield Text(f"{sign} {name}", f"bold {style}") + Text(f"  {word}", style)
        shown = function.failures if every else function.failures[:1]
        for failure in shown:
            yield from _failure(failure, width)
        rest = function.failures[len(shown) :]
        if rest:
            yield Text(f"{INDENT}also false, so far:", "dim")
            for failure in rest:
                yield from _wrapped(f"- {failure.sentence}", width, "dim", hanging="  ")
        line = next((one.line for one in function.failures if one.line), None)
        yield Text(f"{INDENT}edit    ", "dim") + Text(_place(chapter, name, line), "cyan")


def _failure(failure: Failure, width: int) -> Iterator[Text]:
    if failure.sentence:
        yield from _wrapped(failure.sentence, width, "bold")
    calls, _, expected = failure.counterexample.rpartition("expected ")
    for call in (calls if expected and calls else failure.counterexample).strip().split("\n"):
        if call:
            yield from _wrapped(call, width, hanging="  ")
    if expected and calls:
        yield from _wrapped(f"expected {expected}", width, "green", hanging="  ")
    if failure.reason not in SHOWN:
        yield from _wrapped(failure.reason, width, "red", hanging="  ")
    if failure.misconception:
        yield from _wrapped(f"Perhaps: {failure.misconception}", width, "yellow", hanging="  ")
    trace = [line for line in failure.trace.rstrip().split("\n") if line.strip(" ^~")]
    if trace:
        yield Text(f"{INDENT}  > {trace[-1].strip()}"[:width], "dim")


def score(result: Result, chapter: Chapter, *, points: bool = True) -> Iterator[Text]:
    """A line per function and the total; without ``points`` only whether the visible examples
    hold.
    """
    yield Text()
    yield Text(f"{chapter.id}  {chapter.title}", "bold")
    longest = max((len(name) for name in result.functions), default=0)
    for name, function in result.functions.items():
        sign, style, word = SIGNS[function.status]
        earned = f"{function.points:g}/{function.max_points:g}".rjust(9) if points else ""
        line = (
            Text(f"  {sign} ", style)
            + Text(name.ljust(longest))
            + Text(f" {earned}  {word}", style)
        )
        if points and function.status is Status.PARTLY:
            held, total = len(function.passed), len(function.passed) + len(function.failures)
            line += Text(f": {held} of {total} properties hold", style)
        yield line
    if points:
        yield Text(f"  score {result.score:g} of {result.max_score:g}", "bold")
    else:
        yield Text(
            "  These are the visible examples; the hidden properties earn the points.", "dim"
        )


def next_step(result: Result, chapter: Chapter) -> str:
    """What to do next, as a sentence."""
    broken = next(iter(result.notes), None)
    if broken is not None:
        return "mend first what stops the import (above)"
    order = (
        Status.ERROR,
        Status.TIMED_OUT,
        Status.FAILED,
        Status.PARTLY,
        Status.MISSING,
        Status.NOT_STARTED,
    )
    for status in order:
        for name, function in result.functions.items():
            if function.status is status:
                verb = "write" if status in (Status.NOT_STARTED, Status.MISSING) else "mend"
                return f"{verb} {name} in {_place(chapter, name)} (stuck? assay hint {name})"
    if not result.functions:
        return "nothing was selected"
    whole = len(result.functions) == len(chapter.exercises)
    return f"{chapter.id} is solved. Well done!" if whole else f"on with the rest of {chapter.id}"


def _place(chapter: Chapter, function: str, line: int | None = None) -> str:
    exercise = chapter.exercise(function)
    return f"{_relative(exercise.file)}:{line or exercise.line}"


def _relative(file: Path) -> str:
    try:
        return os.path.relpath(file)
    except ValueError:  # another drive
        return str(file)


def _wrapped(text: str, width: int, style: str = "", hanging: str = "") -> Iterator[Text]:
    lines = textwrap.wrap(
        _printable(text),
        max(40, width),
        initial_indent=INDENT,
        subsequent_indent=INDENT + hanging,
        break_on_hyphens=False,
    )
    return (Text(line, style) for line in lines)


def _printable(text: str) -> str:
    """Without control characters and direction marks: a message may not steer the terminal."""
    return "".join(char if char.isprintable() or char in " \n" else "�" for char in text)
