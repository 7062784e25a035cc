"""``assay watch``: a warm process that checks again whenever a file is saved.

Each check runs in a forked child, so that a loop without end, a crash or a changed global of the
learner's dies with it, while torch stays imported here. Only functions whose verdict may have
changed are judged again.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from assay import panel
from assay.calling import warm_up
from assay.checking import Checked, check_chapter, examiner
from assay.course import Chapter, Course
from assay.draws import sizes, tensors
from assay.exploration import GRADING
from assay.fingerprint import fingerprints
from assay.forking import forked
from assay.grader import Grader
from assay.progress import Progress
from assay.result import FunctionResult, Result, Status, import_notes

#: Seconds between two looks at the files and the keyboard.
TICK = 0.05
#: Wall seconds after which a check is given up.
PATIENCE = 120.0
KEYS = "Enter re-run · h hint · l list · q quit"


@dataclass
class Bench:
    """One chapter under watch: its graders, loaded once, and the verdicts that still hold."""

    course: Course
    chapter: Chapter
    grader: Grader
    verdicts: dict[str, FunctionResult] = field(default_factory=dict)
    printed: str = ""
    _known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def set_up(cls, course: Course, chapter: Chapter) -> Bench:
        torch.set_num_threads(1)  # a forked child hangs on torch's threads
        bench = cls(course, chapter, examiner(chapter))
        _warm_up()
        gc.collect()
        gc.freeze()  # the children shall share these pages, not copy them
        return bench

    def check(self, everything: bool = False) -> Result:
        """Judge what has changed, or everything, and return the verdict on the whole chapter."""
        prints = self._fingerprints()
        if everything:
            self._known.clear()
        changed = [name for name, one in prints.items() if self._known.get(name) != one]
        if changed:
            checked = _in_child(self.chapter, changed, self.grader)
            self.verdicts |= checked.result.functions
            self.printed = checked.printed
            self._known = prints
        ordered = {one.function: self.verdicts[one.function] for one in self.chapter.exercises}
        result = Result("", self.chapter.id, ordered, import_notes(ordered.values()))
        Progress(self.course).remember(self.chapter, result)
        return result

    def _fingerprints(self) -> dict[str, str]:
        prints: dict[str, str] = {}
        for module in self.chapter.modules:
            names = [one.function for one in self.chapter.exercises if one.module == module]
            try:
                prints |= fingerprints(self.chapter.stub_dir, module, names)
            except OSError:
                prints |= dict.fromkeys(names, "missing")
        return prints


def _warm_up() -> None:
    """Pay here, once, for what torch and Hypothesis only set up at their first use."""
    warm_up()

    @GRADING
    @given(st.lists(st.integers(0, 9)), tensors(sizes()))
    def draw(numbers: list[int], tensor: torch.Tensor) -> None:
        pass

    draw()


def _in_child(chapter: Chapter, functions: Sequence[str], grader: Grader) -> Checked:
    """Check in a forked child; whatever happens to it becomes a verdict."""
    if not hasattr(os, "fork"):
        return check_chapter(chapter, functions=functions, grader=grader)

    def check() -> bytes:
        checked = check_chapter(chapter, functions=functions, grader=grader)
        return msgspec.json.encode(replace(checked, printed=checked.printed[-20_000:]))

    ended = forked(check, PATIENCE)
    if ended.data:
        return msgspec.json.decode(ended.data, type=Checked)
    why = (
        "the check did not come to an end"
        if ended.out_of_time
        else f"your code ended the process ({ended.status})"
    )
    lost = {
        name: FunctionResult(0.0, chapter.exercise(name).points, Status.ERROR, note=why)
        for name in functions
    }
    return Checked(Result("", chapter.id, lost, (why,)), chapter.grader_dir.is_dir())


def watch(course: Course, chapter: Chapter) -> int:
    """Watch a chapter until the user quits; returns the exit status."""
    terminal = panel.console()
    interactive = terminal.is_terminal and sys.stdin.isatty()
    bench = Bench.set_up(course, chapter)
    seen = _stamps(chapter)  # before the check, or a save during it would go unnoticed
    result = bench.check()
    _show(terminal, bench, result, interactive)
    with _keys(interactive) as keyboard:
        while True:
            key = keyboard(TICK)
            stamps = _stamps(chapter)
            if key == "q":
                return 0 if result.solved else 1
            if key == "h":
                _hint(terminal, course, result)
            elif key == "l":
                _list(terminal, course)
            elif key in ("\n", "\r") or stamps != seen:
                result = bench.check(everything=stamps == seen)
                seen = stamps
                _show(terminal, bench, result, interactive)


def _show(terminal: Console, bench: Bench, result: Result, interactive: bool) -> None:
    chapter = bench.chapter.located_in(bench.chapter.stub_dir)
    if interactive:
        terminal.clear()
    else:
        terminal.rule(time.strftime("%H:%M:%S"))
    if bench.printed:
        terminal.print("your code printed:")
        terminal.print(panel.excerpt(bench.printed), soft_wrap=True)
    first = _first_open(result)
    focus = replace(result, functions={first: result.functions[first]} if first else {})
    for line in panel.failures(focus, chapter, width=terminal.width):
        terminal.print(line, soft_wrap=True)
    for line in panel.score(result, chapter, points=chapter.grader_dir.is_dir()):
        terminal.print(line, soft_wrap=True)
    for line in panel.following(result, chapter, width=terminal.width):
        terminal.print(line, soft_wrap=True)
    if interactive:
        terminal.print(f"\n{KEYS}", style="dim")
    terminal.file.flush()  # into a pipe, nothing else would


def _first_open(result: Result) -> str | None:
    """The function to work on: one that was started before one that wasn't."""
    started = [
        name
        for name, one in result.functions.items()
        if one.status not in (Status.PASSED, Status.NOT_STARTED)
    ]
    waiting = [name for name, one in result.functions.items() if one.status is Status.NOT_STARTED]
    return next(iter(started + waiting), None)


def _hint(terminal: Console, course: Course, result: Result) -> None:
    function = _first_open(result)
    if function is None:
        terminal.print("everything is solved: no hint is needed")
        return
    exercise = course.exercise(function)
    level = Progress(course).next_hint(function)
    terminal.print(
        f"\nhint {level + 1} of {len(exercise.hints)} for {function}: {exercise.hints[level]}"
    )


def _list(terminal: Console, course: Course) -> None:
    from assay.commands.status import lines

    for line in lines(course):
        terminal.print(line, soft_wrap=True)


def _stamps(chapter: Chapter) -> dict[Path, tuple[int, int]]:
    found = {}
    for file in chapter.stub_dir.glob("*.py"):
        with contextlib.suppress(OSError):
            stat = file.stat()
            found[file] = (stat.st_mtime_ns, stat.st_size)
    return found


@contextlib.contextmanager
def _keys(interactive: bool) -> Iterator[Callable[[float], str]]:
    """A function that waits up to so many seconds for a key and returns it, or an empty string."""
    if not interactive:

        def sleep(seconds: float) -> str:
            time.sleep(seconds)
            return ""

        yield sleep
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)

    def read(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1) or "q" if ready else ""

    try:
        tty.setcbreak(sys.stdin)
        yield read
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
