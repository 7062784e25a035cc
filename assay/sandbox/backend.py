"""The near side of the wall: a backend that asks a sandboxed worker, and keeps the time."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from assay.calling import Reply, Request
from assay.inprocess import CALL_LIMIT
from assay.learner import Halt
from assay.plain import Model, own
from assay.sandbox import bubblewrap
from assay.sandbox.bubblewrap import SandboxError
from assay.sandbox.protocol import (
    Answer,
    Breach,
    CallModel,
    Channel,
    Closed,
    Fail,
    Halted,
    Load,
    Overdue,
    Ready,
    Result,
    ask,
    from_wire,
    replied,
    to_wire,
)

#: Wall seconds of one submission in all, and for the start of a worker.
SUBMISSION_LIMIT = 90.0
START_LIMIT = 30.0


class Workshop:
    """Starts workers: by forking a warm zygote where that works, by a cold start elsewhere.

    Raises:
        SandboxError: no sandbox can be had here.
    """

    def __init__(self, *, warm: bool = True) -> None:
        why = bubblewrap.problem()
        if why is not None:
            raise SandboxError(why)
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.warm = warm and self._warm_up()

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote, and with it every worker."""
        if self._control is not None:
            self._control.close()
        if self._zygote is not None:
            _end(self._zygote)
        self._zygote = self._control = None

    @property
    def pid(self) -> int | None:
        """The process of the sandbox that workers are forked in; None with cold starts."""
        return None if self._zygote is None else self._zygote.pid

    def worker(self) -> Worker:
        """A fresh worker, in a process of its own."""
        if self.warm:
            try:
                return self._forked()
            except OSError:  # the zygote is gone: a new one, or cold starts from now on
                self.close()
                self.warm = self._warm_up()
                return self.worker()
        process, control = bubblewrap.start("cold")
        return Worker(Channel(control, trusted=True), process=process)

    def _forked(self) -> Worker:
        assert self._control is not None
        ours, theirs = socket.socketpair()
        life, thread = socket.socketpair()
        try:
            with theirs, thread:
                socket.send_fds(self._control, [b"w"], [theirs.fileno(), thread.fileno()])
        except OSError:
            ours.close()
            life.close()
            raise
        return Worker(Channel(ours, trusted=True), lifeline=life)

    def _warm_up(self) -> bool:
        """Start the zygote, and see whether a worker forked from it answers."""
        self._zygote, self._control = bubblewrap.start("warm")
        self._control.settimeout(START_LIMIT)
        try:
            if self._control.recv(4) != b"warm":
                raise Closed
            self._control.settimeout(None)
            probe = self._forked()
            try:
                probe.load({}, {}, 1.0)
            finally:
                probe.close()
        except (OSError, Closed, Overdue, Breach):
            self.close()
            return False
        return True


class Worker:
    """One sandboxed process with one submission in it."""

    def __init__(
        self,
        channel: Channel,
        *,
        lifeline: socket.socket | None = None,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.channel = channel
        self._lifeline = lifeline
        self._process = process

    def load(self, sources: Mapping[str, bytes], modules: Mapping[str, str], limit: float) -> None:
        """Hand over a submission."""
        deadline = time.monotonic() + START_LIMIT
        self.channel.send(Load(dict(sources), dict(modules), limit), deadline)
        if not isinstance(self.channel.receive(deadline), Ready):
            raise Breach("the worker did not take the submission")

    def close(self) -> None:
        """Kill the process and all its descendants."""
        self.channel.close()
        if self._lifeline is not None:
            self._lifeline.close()
        if self._process is not None:
            _end(self._process)


class Isolated:
    """A backend for one submission. A breach costs the function that was asked for, not the others.

    Args:
        workshop: where workers come from.
        sources: the submission's files, by name.
        modules: the module in which each function is looked for.
        limit: CPU seconds for one call; the wall clock stands behind it.
    """

    def __init__(
        self,
        workshop: Workshop,
        sources: Mapping[str, bytes],
        modules: Mapping[str, str],
        limit: float = CALL_LIMIT,
        total: float = SUBMISSION_LIMIT,
    ) -> None:
        self._workshop = workshop
        self._sources = sources
        self._modules = modules
        self._limit = limit
        self._left = total
        self._worker: Worker | None = None

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def afresh(self, function: str) -> Isolated:
        """This backend with a fresh process, for the function that is judged next.

        What one function did to its process doesn't reach the others.
        """
        self.close()
        return self

    def perform(self, request: Request) -> Reply:
        if request.function not in self._modules:
            raise Halt("missing", f"there is no function {request.function}")
        if self._left <= 0:
            raise Halt("timed_out", "the submission has used up its time")
        worker = self._worker or self._started()
        started = time.monotonic()  # the start is our time, not the submission's
        deadline = started + min(2 * self._limit + 3, self._left)
        try:
            return self._asked(worker.channel, request, deadline)
        except Overdue:
            self.close()
            raise Halt("timed_out", "did not answer in time, and had to be ended") from None
        except Closed:
            self.close()
            raise Halt("error", "the code ended its own process") from None
        except Breach as breach:
            self.close()
            raise Halt("error", f"the code sent {breach} in place of an answer") from None
        finally:
            self._left -= time.monotonic() - started

    def _started(self) -> Worker:
        """A worker that holds the submission, of which nothing has run yet."""
        for _ in range(2):
            self._worker = self._workshop.worker()
            try:
                self._worker.load(self._sources, self._modules, self._limit)
                return self._worker
            except (Overdue, Closed, Breach):
                self.close()
        raise Halt("error", "the sandbox could not take the submission")

    def _asked(self, channel: Channel, request: Request, deadline: float) -> Reply:
        models: list[Model] = []

        def number(model: Model) -> int:
            if model not in models:
                models.append(model)
            return models.index(model)

        raised = False
        channel.send(ask(request, number), deadline)
        while True:
            message = channel.receive(deadline)
            if isinstance(message, CallModel):
                answer = _ask_model(models, message)
                raised = raised or isinstance(answer, Fail)
                channel.send(answer, deadline)
            elif isinstance(message, Result):
                return replied(message, request, raised)
            elif isinstance(message, Halted):
                raise Halt(message.status, message.sentence, message.line)
            else:
                raise Breach("a message out of turn")


def _ask_model(models: list[Model], message: CallModel) -> Any:
    if not 0 <= message.model < len(models):
        raise Breach("a call of a model that there isn't")
    args = [from_wire(arg) for arg in message.args]
    try:
        return Answer(to_wire(own(models[message.model](*args))))
    except Exception as error:
        kind = type(error)
        return Fail(kind.__name__ if kind.__module__ == "builtins" else "", str(error)[:2000])


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()
