"""The learner's code in this very process: real tracebacks, breakpoints that work, no overhead.

For one's own code only. Code that one doesn't trust belongs behind the isolated backend.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from assay.calling import Interrupt, Reply, Request, line_in, perform
from assay.learner import Halt

#: CPU seconds that one call may take.
CALL_LIMIT = 5.0


class OutOfTime(Interrupt):
    """The call has used up its time."""


class Functions:
    """A backend made of functions at hand, such as a reference or a misconception."""

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], limit: float = CALL_LIMIT
    ) -> None:
        self.functions = functions
        self.limit = limit

    def perform(self, request: Request) -> Reply:
        if request.function not in self.functions:
            raise Halt("missing", f"there is no function {request.function}")
        return _limited(self.functions[request.function], request, self.limit)


class Folder:
    """A backend that imports the modules of one submission from its folder when they are first
    needed.

    Args:
        folder: where the learner's modules are; they may import each other.
        modules: the module in which each function is looked for.
        limit: CPU seconds for one call.
    """

    def __init__(self, folder: Path, modules: Mapping[str, str], limit: float = CALL_LIMIT) -> None:
        self.folder = folder.resolve()
        self.limit = limit
        self._module_of = dict(modules)
        self._names = {file.stem for file in self.folder.glob("*.py")}
        self._modules: dict[str, ModuleType] = {}
        self._broken: dict[str, Halt] = {}

    def perform(self, request: Request) -> Reply:
        function = self.function(request.function)
        with self._siblings():
            return _limited(function, request, self.limit)

    def function(self, name: str) -> Callable[..., Any]:
        """The learner's function, its module imported.

        Raises:
            Halt: the module can't be imported, or has no such function.
        """
        function = getattr(self.module_of(name), name, None)
        if not callable(function):
            raise Halt("missing", f"{self._module_of[name]}.py has no function {name}")
        return function  # type: ignore[no-any-return]

    def module_of(self, name: str) -> ModuleType:
        """The learner's module in which a function is looked for, imported.

        Raises:
            Halt: it can't be imported.
        """
        stem = self._module_of[name]
        if stem in self._broken:
            raise self._broken[stem]
        if stem not in self._modules:
            try:
                self._modules[stem] = self._import(stem)
            except Halt as halt:
                self._broken[stem] = halt
                raise
        return self._modules[stem]

    def _import(self, stem: str) -> ModuleType:
        file = self.folder / f"{stem}.py"
        if not file.is_file():
            raise Halt("missing", f"the file {stem}.py is missing")
        importlib.invalidate_caches()  # the folder may be newer than the last look at it
        try:
            with self._siblings(), _time_limit(self.limit):
                return importlib.import_module(stem)
        except OutOfTime:
            raise Halt("timed_out", f"importing {stem}.py took over {self.limit:g} s") from None
        except (KeyboardInterrupt, Interrupt):
            raise
        except BaseException as exception:
            raise import_failure(exception, file) from exception

    @contextmanager
    def _siblings(self) -> Iterator[None]:
        """Make the folder's modules importable by each other, and by nobody else."""
        names = self._names & sys.modules.keys()
        elsewhere = {name: sys.modules.pop(name) for name in names}
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self.folder))
        try:
            yield
        finally:
            sys.path.remove(str(self.folder))
            for name in self._names & sys.modules.keys():
                self._modules[name] = sys.modules.pop(name)
            sys.modules.update(elsewhere)


def import_failure(exception: BaseException, file: Path) -> Halt:
    """What to say of a module that can't be imported: once, with the line."""
    if isinstance(exception, SyntaxError) and exception.filename == str(file):
        line = exception.lineno
    else:
        line = line_in(exception.__traceback__, str(file))
    what = exception.msg if isinstance(exception, SyntaxError) else str(exception)
    where = f", line {line}" if line else ""
    sentence = f"{file.name}{where} can't be imported: {type(exception).__name__}: {what}"
    return Halt("error", sentence, line)


def _limited(function: Callable[..., Any], request: Request, limit: float) -> Reply:
    try:
        with _time_limit(limit):
            return perform(function, request)
    except OutOfTime as interrupt:
        file = getattr(getattr(function, "__code__", None), "co_filename", None)
        line = line_in(interrupt.__traceback__, file)
        sentence = f"took over {limit:g} s: is there a loop that never ends?"
        raise Halt("timed_out", sentence, line) from None


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many CPU seconds, again and again if it is swallowed.

    Waiting for input (a breakpoint) costs no CPU time. Only the main thread gets signals; the
    watchdog stands behind both.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        with _watchdog.watching(seconds):
            yield
        return
    before = signal.signal(signal.SIGPROF, _out_of_time)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.25)
    try:
        with _watchdog.watching(seconds):
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def _out_of_time(signum: int, frame: FrameType | None) -> None:
    raise OutOfTime


class Watchdog:
    """The last resort against code that swallows the time limit, or waits for ever: it ends the
    process.

    It looks at CPU time, as the limit does: a busy machine must not end an honest run. Only a call
    that hardly computes at all, waiting for something, is measured by the wall clock.

    Attributes:
        last_words: what to do before the process ends, such as printing the panel.
        patience: seconds that it waits beyond the limit of a call.
    """

    def __init__(self, patience: float = 5.0) -> None:
        self.last_words: Callable[[], None] = lambda: None
        self.patience = patience
        self.asleep = False
        self._watched: tuple[float, float, float] | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, seconds: float) -> Iterator[None]:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, daemon=True, name="assay-watchdog")
            self._thread.start()
        outer = self._watched
        self._watched = seconds + self.patience, time.process_time(), time.monotonic()
        try:
            yield
        finally:
            self._watched = outer

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            watched = self._watched
            if watched is None or self.asleep or sys.gettrace() is not None:
                continue
            most, cpu, wall = watched
            computed, passed = time.process_time() - cpu, time.monotonic() - wall
            if computed > most or (passed > 2 * most and computed < passed / 20):
                self.last_words()
                sys.stderr.write(
                    "\nA call does not end and can't be interrupted: stopping here. "
                    "Look for a loop without an end, or an `except:` that swallows everything.\n"
                )
                sys.stderr.flush()
                os._exit(3)


_watchdog = Watchdog()


def watchdog() -> Watchdog:
    """The watchdog of this process."""
    return _watchdog
