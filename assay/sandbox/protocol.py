"""What crosses the wall: length-prefixed MessagePack frames of plain data, checked on arrival.

Tensors and arrays travel as dtype, shape and bytes. Nothing is ever unpickled, sizes are bounded
before memory is taken, and whatever does not fit the schema is a :class:`Breach`.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from socket import MSG_DONTWAIT
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta, Struct
from torch import Tensor

from assay.calling import Raised, Reply, Request
from assay.plain import MAX_DEPTH, MAX_ITEMS, Model, bytes_of

#: Bytes of one frame at most.
MAX_FRAME = 16 * 1024 * 1024

_FLOATS = ("float64", "float32", "float16", "bfloat16")
_WHOLE = ("int64", "int32", "int16", "int8", "uint8", "bool")
_DTYPES = {name: getattr(torch, name) for name in _FLOATS + _WHOLE}
_ARRAYS = frozenset(f"<{kind}" for kind in ("f8", "f4", "f2", "i8", "i4", "i2", "u8", "u4", "u2"))
_ARRAYS |= frozenset(("|i1", "|u1", "|b1"))

Text = Annotated[str, Meta(max_length=8000)]
Key = int | Annotated[str, Meta(max_length=100)]


class Breach(Exception):
    """What came over the wall is not what was agreed."""


class Closed(Exception):
    """The other side is gone."""


class Overdue(Exception):
    """The other side did not answer in time."""


class Load(Struct, tag="load", array_like=True):
    """The submission: its sources by file name, and the module in which each function is."""

    sources: dict[str, bytes]
    modules: dict[str, str]
    limit: float


class Ask(Struct, tag="ask", array_like=True):
    """A request, its values in wire form."""

    function: str
    args: list[Any]
    kwargs: dict[str, Any]
    wrt: list[Key]
    cotangent: Any
    output: int | None


class Answer(Struct, tag="answer", array_like=True):
    """What a model answered."""

    value: Any


class Fail(Struct, tag="fail", array_like=True):
    """A model raised an exception."""

    kind: str
    message: str


class Ready(Struct, tag="ready", array_like=True):
    """The worker has the sources."""


class CallModel(Struct, tag="call", array_like=True):
    """The learner's function calls a model."""

    model: int
    args: list[Any]


class Told(Struct, array_like=True):
    """An exception, as text."""

    kind: Text
    bases: Annotated[list[Text], Meta(max_length=50)]
    message: Text
    line: int | None
    trace: Text
    from_model: bool


class Result(Struct, tag="result", array_like=True):
    """The reply to a request, its values in wire form."""

    value: Any
    gradients: Annotated[list[Any], Meta(max_length=20)]
    changed: Annotated[list[Key], Meta(max_length=50)]
    raised: Told | None
    tracked: bool
    unfit: Text | None


class Halted(Struct, tag="halted", array_like=True):
    """The function can't be judged."""

    status: Literal["not_started", "error", "timed_out", "missing"]
    sentence: Text
    line: int | None


ToWorker = Load | Ask | Answer | Fail
FromWorker = Ready | CallModel | Result | Halted

_encoder = msgspec.msgpack.Encoder()
_from_worker = msgspec.msgpack.Decoder(FromWorker)
_to_worker = msgspec.msgpack.Decoder(ToWorker)


class Channel:
    """One end of the wall's only opening."""

    def __init__(self, end: socket.socket, *, trusted: bool) -> None:
        self._end = end
        self._decoder = _from_worker if trusted else _to_worker
        end.setblocking(True)

    def send(self, message: ToWorker | FromWorker, deadline: float | None = None) -> None:
        """Send one frame.

        Raises:
            Closed: the other side is gone.
            Overdue: it does not take the frame before the deadline (``time.monotonic``).
        """
        try:
            payload = _encoder.encode(message)
        except UnicodeEncodeError as error:  # a lone surrogate, in a file's name for example
            raise Breach("text that is not Unicode") from error
        if len(payload) > MAX_FRAME:
            raise Breach(f"a frame of {len(payload):,} bytes is too large")
        view = memoryview(struct.pack(">I", len(payload)) + payload)
        while view:
            self._wait(write=True, deadline=deadline)
            try:
                # a blocking send returns only when all is sent, whatever the deadline
                view = view[self._end.send(view, 0 if deadline is None else MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed from error

    def receive(self, deadline: float | None = None) -> Any:
        """Receive one frame and check it against the schema.

        Raises:
            Breach: it is too long, or not what was agreed.
            Closed, Overdue: as for :meth:`send`.
        """
        (size,) = struct.unpack(">I", self._exactly(4, deadline))
        if size > MAX_FRAME:
            raise Breach(f"a frame of {size:,} bytes is too large")
        payload = self._exactly(size, deadline)
        try:
            return self._decoder.decode(payload)
        except (msgspec.DecodeError, RecursionError, ValueError, MemoryError) as error:
            raise Breach("a frame that is not of the agreed form") from error

    def close(self) -> None:
        self._end.close()

    def _exactly(self, count: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < count:
            self._wait(write=False, deadline=deadline)
            try:
                chunk = self._end.recv(min(count - len(data), 1 << 20))
            except OSError as error:
                raise Closed from error
            if not chunk:
                raise Closed
            data += chunk
        return bytes(data)

    def _wait(self, *, write: bool, deadline: float | None) -> None:
        if deadline is None:
            return
        left = deadline - time.monotonic()
        ends: list[Any] = [self._end]
        ready = select.select([] if write else ends, ends if write else [], [], max(0.0, left))
        if not (ready[0] or ready[1]):
            raise Overdue


# --- values ---------------------------------------------------------------------------------------


def to_wire(value: Any, number: Callable[[Model], int] | None = None) -> Any:
    """Plain data in wire form. Models, where ``number`` is given, become handles."""
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else {"i": hex(value)}
    if kind is Tensor:
        name = str(value.dtype).removeprefix("torch.")
        if name not in _DTYPES:
            raise TypeError(f"a tensor of {name} can't cross the wall")
        return {"T": [name, list(value.shape), bytes_of(value)]}
    if kind is np.ndarray:
        if value.dtype.kind == "U":
            width = value.dtype.itemsize // 4
            return {"U": [width, list(value.shape), [str(item) for item in value.reshape(-1)]]}
        little = value.astype(value.dtype.newbyteorder("<"), copy=False)
        if little.dtype.str not in _ARRAYS:
            raise TypeError(f"an array of {value.dtype} can't cross the wall")
        return {"A": [little.dtype.str, list(value.shape), little.tobytes()]}
    if kind is list:
        return [to_wire(item, number) for item in value]
    if kind is tuple:
        return {"t": [to_wire(item, number) for item in value]}
    if kind is dict:
        return {"d": [[to_wire(k), to_wire(v, number)] for k, v in value.items()]}
    if kind is Model and number is not None:
        return {"m": [number(value), str(value.__name__), value.careless]}
    raise TypeError(f"{kind.__name__} can't cross the wall")


def from_wire(value: Any, model: Callable[[int, str, bool], Any] | None = None) -> Any:
    """Plain data out of wire form.

    Raises:
        Breach: it isn't in wire form.
    """
    try:
        return _from_wire(value, model, 0)
    except Breach:
        raise
    except (TypeError, ValueError, KeyError, RuntimeError, OverflowError, MemoryError) as error:
        raise Breach("a value that is not in wire form") from error


def _from_wire(value: Any, model: Callable[[int, str, bool], Any] | None, depth: int) -> Any:
    if depth > MAX_DEPTH + 2:
        raise Breach("a value that is nested too deeply")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_from_wire(item, model, depth + 1) for item in value]
    if type(value) is not dict or len(value) != 1:
        raise Breach("a value that is not in wire form")
    ((tag, body),) = value.items()
    if tag == "i":
        return int(_text(body, 5000), 16)
    if tag == "t":
        return tuple(_from_wire(item, model, depth + 1) for item in _items(body))
    if tag == "d":
        pairs = [_items(pair) for pair in _items(body)]
        return {_from_wire(k, None, depth + 1): _from_wire(v, model, depth + 1) for k, v in pairs}
    if tag == "T":
        name, shape, data = _items(body)
        _bytes(data)
        flat = torch.frombuffer(bytearray(data), dtype=_DTYPES[name]) if data else None
        if flat is None:
            return torch.zeros(_shape(shape, 0), dtype=_DTYPES[name])
        if name == "bool":
            flat = torch.frombuffer(bytearray(data), dtype=torch.uint8) != 0
        return flat.reshape(_shape(shape, flat.numel()))
    if tag == "A":
        name, shape, data = _items(body)
        _bytes(data)
        if name not in _ARRAYS:
            raise Breach("an array of another dtype")
        array = np.frombuffer(bytearray(data), dtype="<u1" if name[1:] == "b1" else name)
        if name[1:] == "b1":
            array = array != 0
        return array.reshape(_shape(shape, array.size))
    if tag == "U":
        width, shape, texts = _items(body)
        if type(width) is not int or width < 0 or width * len(_items(texts)) > MAX_ITEMS:
            raise Breach("an array of texts that is too large")  # each takes as much as the longest
        texts = [_text(item, width) for item in texts]
        return np.array(texts, dtype=f"<U{width}").reshape(_shape(shape, len(texts)))
    if tag == "m" and model is not None:
        number, name, careless = _items(body)
        return model(int(number), _text(name, 200), bool(careless))
    raise Breach("a value of an unknown kind")


def _items(body: Any) -> list[Any]:
    if type(body) is not list:
        raise Breach("a value that is not in wire form")
    return body


def _bytes(body: Any) -> None:
    if type(body) is not bytes:  # bytearray(n) would take n bytes of memory
        raise Breach("entries that are not bytes")


def _text(body: Any, longest: int) -> str:
    if type(body) is not str or len(body) > longest:
        raise Breach("a text that is too long, or none")
    return body


def _shape(shape: Any, count: int) -> tuple[int, ...]:
    sizes = tuple(_items(shape))
    if len(sizes) > 16 or not all(type(n) is int and 0 <= n < 2**40 for n in sizes):
        raise Breach("a shape that is none")
    product = 1
    for n in sizes:
        product *= n
    if product != count:
        raise Breach("a shape that does not fit its data")
    return sizes


# --- requests and replies -------------------------------------------------------------------------


def ask(request: Request, number: Callable[[Model], int]) -> Ask:
    """A request in wire form."""
    return Ask(
        request.function,
        [to_wire(arg, number) for arg in request.args],
        {name: to_wire(arg, number) for name, arg in request.kwargs.items()},
        list(request.wrt),
        to_wire(request.cotangent),
        request.output,
    )


def asked(message: Ask, model: Callable[[int, str, bool], Any]) -> Request:
    """The request that a message holds."""
    return Request(
        message.function,
        tuple(from_wire(arg, model) for arg in message.args),
        {name: from_wire(arg, model) for name, arg in message.kwargs.items()},
        tuple(message.wrt),
        from_wire(message.cotangent),
        message.output,
    )


def result(reply: Reply) -> Result:
    """A reply in wire form."""
    raised = reply.raised
    told = None
    if raised is not None:
        bases = [base[:300] for base in raised.bases[:50]]
        told = Told(
            raised.kind[:300],
            bases,
            _sendable(raised.message),
            raised.line,
            _sendable(raised.trace),
            raised.from_model,
        )
    return Result(
        to_wire(reply.value),
        [to_wire(gradient) for gradient in reply.gradients],
        list(reply.changed),
        told,
        reply.tracked,
        reply.unfit and _sendable(reply.unfit),
    )


def _sendable(text: str) -> str:
    """Text that UTF-8 can carry, cut to a length."""
    return text[:4000].encode("utf-8", "replace").decode("utf-8")


def replied(message: Result, request: Request, model_raised: bool) -> Reply:
    """The reply that a message holds, as far as it fits the request.

    Raises:
        Breach: it claims what can't be.
    """
    gradients = tuple(from_wire(one) for one in message.gradients)
    if any(one is not None and type(one) is not Tensor for one in gradients):
        raise Breach("a gradient that is no tensor")
    if message.raised is None and message.unfit is None and len(gradients) != len(request.wrt):
        raise Breach("another number of gradients than asked for")
    told = message.raised
    raised = None
    if told is not None:
        raised = Raised(
            told.kind,
            tuple(told.bases),
            told.message,
            told.line,
            told.trace,
            told.from_model and model_raised,
        )
    return Reply(
        from_wire(message.value),
        gradients,
        tuple(message.changed),
        raised,
        message.tracked,
        message.unfit,
    )
