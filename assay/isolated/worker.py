"""The learner's side of the wall: import the submission, answer calls, nothing else.

Runs in the sandboxed child. What it says of the learner's function is testimony, not proof: the
learner's code shares its memory. The grader's side judges the answers only.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.util
import linecache
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

from assay.calling import Raised, Reply, Request, perform
from assay.isolated import messages
from assay.isolated.channel import Channel, Gone
from assay.isolated.importing import import_sentence
from assay.isolated.messages import FromGrader
from assay.isolated.packing import Packer, Unpacker
from assay.plain import Model, NotPlain

#: Where tracebacks say that the learner's files are.
PLACE = "/submission"


def serve(end: socket.socket, walls: Sequence[str]) -> None:
    """Answer the grader until it hangs up."""
    channel: Channel[FromGrader] = Channel(end, messages.from_grader)
    try:
        _Conversation(channel).run(walls)
    except Gone:
        return


class _Conversation:
    def __init__(self, channel: Channel[FromGrader]) -> None:
        self._channel = channel
        self._modules: dict[str, ModuleType] = {}
        # One call of a model at a time: a learner's threads may call them too.
        self._speaking = threading.Lock()
        self._current: int | None = None

    def run(self, walls: Sequence[str]) -> None:
        sources, blobs = self._channel.receive()
        assert isinstance(sources, messages.Sources)
        Submission(_files(sources, bytes(blobs))).install()
        self._channel.send(messages.Ready(list(walls)))
        while True:
            message, blobs = self._channel.receive()
            if isinstance(message, messages.Import):
                self._channel.send(self._import(message.module))
            elif isinstance(message, messages.Ask):
                self._answer(message, blobs)

    def _import(self, module: str) -> messages.Imported | messages.Broken:
        name = f"{module}.py"
        try:
            self._modules[module] = importlib.import_module(module)
        except BaseException as exception:
            sentence, line = import_sentence(exception, name, f"{PLACE}/{name}")
            return messages.Broken(_text(sentence, 3000), _line(line))
        return messages.Imported()

    def _answer(self, ask: messages.Ask, blobs: memoryview) -> None:
        function = getattr(self._modules[ask.module], ask.function, None)
        if not callable(function):
            self._channel.send(messages.Absent(ask.number))
            return
        known: dict[int, Model] = {}

        def model(position: int, name: str, careless: bool) -> Model:
            if position not in known:
                known[position] = self._model(ask.number, position, name, careless)
            return known[position]

        unpacker = Unpacker(blobs, model)
        args, kwargs = unpacker.unpack(ask.args), unpacker.unpack(ask.kwargs)
        cotangent = unpacker.unpack(ask.cotangent)
        request = Request(ask.function, args, kwargs, tuple(ask.wrt), cotangent, ask.output)
        self._current = ask.number
        reply = perform(function, request)
        with self._speaking:
            self._current = None
        self._reply(ask.number, reply)

    def _reply(self, number: int, reply: Reply) -> None:
        packer = Packer()
        try:
            value = packer.pack(reply.value)
            gradients = [packer.pack(gradient) for gradient in reply.gradients]
            answer = messages.Answer(
                number,
                value,
                gradients,
                list(reply.changed),
                None if reply.raised is None else _exit(reply.raised),
                reply.tracked,
                None if reply.unfit is None else _text(reply.unfit, 1000),
            )
            self._channel.send(answer, packer.blobs)
        except NotPlain as refusal:
            changed = list(reply.changed)
            unfit = _text(str(refusal), 1000)
            self._channel.send(messages.Answer(number, None, [], changed, None, False, unfit))

    def _model(self, number: int, position: int, name: str, careless: bool) -> Model:
        def model(*args: Any) -> Any:
            packer = Packer()
            call = messages.CallModel(number, position, packer.pack(args))
            if not self._speaking.acquire(timeout=60.0):
                raise RuntimeError(f"{name} is already being called")
            try:
                if self._current != number:
                    raise RuntimeError(f"{name} was called after the function had returned")
                self._channel.send(call, packer.blobs)
                said, blobs = self._channel.receive()
            finally:
                self._speaking.release()
            if isinstance(said, messages.ModelRaised):
                raise _likeness(said)
            assert isinstance(said, messages.Answered)
            return Unpacker(blobs).unpack(said.answer)

        model.__name__ = name
        return Model(model, careless=careless)


def _files(sources: messages.Sources, blobs: bytes) -> dict[str, bytes]:
    files, start = {}, 0
    for name, length in zip(sources.names, sources.lengths, strict=True):
        files[name] = blobs[start : start + length]
        start += length
    return files


class Submission(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """The learner's modules, importable by each other and found before any other of that name.

    Args:
        files: their sources by file name, such as ``"dpo.py"``.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._sources = {name.removesuffix(".py"): source for name, source in files.items()}

    def install(self) -> None:
        for name in self._sources:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if path is not None or fullname not in self._sources:
            return None
        return importlib.util.spec_from_file_location(
            fullname, f"{PLACE}/{fullname}.py", loader=self
        )

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._sources[fullname], f"{PLACE}/{fullname}.py")

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._sources[fullname])

    def exec_module(self, module: ModuleType) -> None:
        linecache.lazycache(f"{PLACE}/{module.__name__}.py", module.__dict__)
        super().exec_module(module)


def _exit(raised: Raised) -> messages.Exit:
    return messages.Exit(
        _text(raised.kind, 200),
        [_text(base, 200) for base in raised.bases[:64]],
        _text(raised.message, 2000),
        _line(raised.line),
        _text(raised.trace, 4000),
        raised.from_model,
    )


def _text(text: str, limit: int) -> str:
    """Text that can be sent, whatever a learner has put into it."""
    return str(text).encode("utf-8", "backslashreplace").decode()[:limit]


def _line(line: int | None) -> int | None:
    return line if line is not None and 0 <= line <= 10_000_000 else None


def _likeness(said: messages.ModelRaised) -> Exception:
    """An exception like the model's: of the same built-in type, or of one that is named and based
    alike.
    """
    kinds: list[type[Exception]] = []
    for base in said.bases:
        kind = getattr(builtins, base, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            kinds.append(kind)
    nearest = kinds[0] if kinds else Exception
    if not said.bases or said.bases[0] == nearest.__name__:
        return nearest(said.message)
    module, _, name = said.bases[0].rpartition(".")
    own = {"__module__": module, "__init__": Exception.__init__}
    likeness: type[Exception] = type(name, (nearest,), own)
    return likeness(said.message)


def quiet() -> None:
    """Standard input is empty from here on, and what is printed goes nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)
