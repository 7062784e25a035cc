"""The far side of the wall: holds one submission and answers requests about it.

Runs inside the sandbox. It knows nothing of properties, references or other submissions, and what
it says is only data to the other side.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

from assay.inprocess import Folder
from assay.learner import Halt
from assay.plain import Model, NotPlain, own
from assay.sandbox.protocol import (
    Answer,
    Ask,
    Breach,
    CallModel,
    Channel,
    Closed,
    Fail,
    Halted,
    Load,
    Ready,
    asked,
    from_wire,
    result,
    to_wire,
)


class ModelFailure(Exception):
    """A model of the grader's raised an exception of a kind that isn't built in."""


def serve(end: socket.socket) -> None:
    """Answer requests until the other side is gone."""
    channel = Channel(end, trusted=False)
    with contextlib.suppress(Closed, Breach):
        load = channel.receive()
        if not isinstance(load, Load):
            return
        backend = Folder(_unpacked(load), load.modules, load.limit)
        channel.send(Ready())
        while True:
            message = channel.receive()
            if isinstance(message, Ask):
                channel.send(_answer(backend, message, channel))


def _unpacked(load: Load) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="submission-"))
    for name, source in load.sources.items():
        (folder / Path(name).name).write_bytes(source)
    os.chdir(folder)
    return folder


def _answer(backend: Folder, message: Ask, channel: Channel) -> Any:
    line = _Line(channel)
    try:
        return result(backend.perform(asked(message, line.model)))
    except Halt as halt:
        return Halted(halt.status, halt.sentence[:4000], halt.line)  # type: ignore[arg-type]
    except (TypeError, RuntimeError, OverflowError, UnicodeError) as error:
        return Halted("error", f"the result can't be sent: {type(error).__name__}", None)
    finally:
        line.close()


class _Line:
    """The way back to the grader's models during one call: one at a time, and not after its end."""

    def __init__(self, channel: Channel) -> None:
        self.closed = False
        self._channel = channel
        self._turn = threading.Lock()
        self._models: dict[int, Model] = {}

    def close(self) -> None:
        """Let no further call begin, and wait for one that a thread has begun."""
        with self._turn:
            self.closed = True

    def model(self, number: int, name: str, careless: bool) -> Model:
        """The handle of a model; the same number is the same handle."""
        if number not in self._models:

            def call(*args: Any) -> Any:
                return self._call(number, args)

            call.__name__ = name
            self._models[number] = Model(call, careless=careless)
        return self._models[number]

    def _call(self, number: int, args: tuple[Any, ...]) -> Any:
        try:
            sent = [to_wire(own(arg)) for arg in args]
        except NotPlain as refusal:
            raise TypeError(f"a model takes plain data, not {refusal}") from None
        with self._turn:
            if self.closed:
                raise RuntimeError("the call is over: its models can't be called any more")
            self._channel.send(CallModel(number, sent))
            answer = self._channel.receive()
        if isinstance(answer, Answer):
            return from_wire(answer.value)
        if isinstance(answer, Fail):
            kind = getattr(builtins, answer.kind, ModelFailure)
            known = isinstance(kind, type) and issubclass(kind, Exception)
            raise (kind if known else ModelFailure)(answer.message)
        raise RuntimeError("no answer")
