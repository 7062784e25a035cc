"""Plain data as bytes and back: what crosses the wall, in exact types, bounded before it is built.

A packed value is two things: a *tree* of MessagePack, in which every container is an array that
starts with a tag, and *blobs*, the raw bytes of arrays, tensors and lists of numbers, in the order
in which the tree names them. The tree is small by rule, so that a hostile one can't unfold into
much more memory than it took to send; a blob's size follows from its dtype and shape and is
compared with what arrived before anything is made of it.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.plain import MAX_DEPTH, MAX_ITEMS, Model, NotPlain

#: Bits of the largest whole number: it must still be possible to write it out.
MAX_BITS = 4096
MAX_DIMENSIONS = 32

LIST, TUPLE, DICT, ARRAY, TENSOR, BIG, TEXT, FLOATS, INTS, MODEL = range(10)

_DTYPES = {
    name: getattr(torch, name)
    for name in [
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    ]
    if hasattr(torch, name)
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_ARRAY_DTYPE = re.compile(r"[<>=|](b1|[iu][1248]|f(2|4|8|16)|U\d{1,6})")

Blob = bytes | memoryview


class Breach(Exception):
    """What arrived is not what the protocol allows."""


class Packer:
    """Packs the values of one message.

    Attributes:
        blobs: the raw parts so far, in order.
        models: the models met so far; each crosses as its position here.
    """

    def __init__(self, *, models: bool = False) -> None:
        self.blobs: list[Blob] = []
        self.models: list[Model] = []
        self._allow_models = models

    def pack(self, value: Any, depth: int = 0) -> Any:
        """The tree of ``value``, a copy of plain data; its raw parts go to ``blobs``.

        Raises:
            NotPlain: it has a part that can't cross.
        """
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 63 else [BIG, _big(value)]
        if kind is str:
            return value if _encodable(value) else [TEXT, value.encode("utf-8", "surrogatepass")]
        if kind is Tensor:
            return self._tensor(value)
        if kind is np.ndarray:
            return self._array(value)
        if kind is Model and self._allow_models:
            return [MODEL, self._model(value), value.__name__[:200], value.careless]
        if depth >= MAX_DEPTH:
            raise NotPlain("a list that is nested too deeply, or that contains itself")
        if kind is list:
            return self._list(value, depth)
        if kind is tuple:
            return [TUPLE, *(self.pack(item, depth + 1) for item in value)]
        if kind is dict:
            return [DICT, *(self.pack(side, depth + 1) for pair in value.items() for side in pair)]
        raise NotPlain(f"an object of type {kind.__name__}, which is not plain data")

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        kinds = set(map(type, value))
        if kinds == {float}:
            self.blobs.append(array("d", value).tobytes())
            return [FLOATS, len(value)]
        if kinds == {int}:
            try:
                self.blobs.append(array("q", value).tobytes())
                return [INTS, len(value)]
            except OverflowError:
                pass
        return [LIST, *(self.pack(item, depth + 1) for item in value)]

    def _tensor(self, value: Tensor) -> list[Any]:
        name = _NAMES.get(value.dtype)
        if name is None:
            raise NotPlain(f"a tensor of dtype {value.dtype}, which is not numbers")
        order = _order(value.stride())
        flat = value.detach().permute(order).contiguous().reshape(-1)
        self.blobs.append(flat.view(torch.uint8).numpy().tobytes())
        return [TENSOR, name, list(value.shape), *([] if order == sorted(order) else [order])]

    def _array(self, value: np.ndarray) -> list[Any]:
        if not _ARRAY_DTYPE.fullmatch(value.dtype.str):
            raise NotPlain(f"an array of dtype {value.dtype}, which is not numbers")
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        self.blobs.append(value.tobytes("F" if fortran else "C"))
        return [ARRAY, value.dtype.str, list(value.shape), *([True] if fortran else [])]

    def _model(self, model: Model) -> int:
        for position, known in enumerate(self.models):
            if known is model:
                return position
        self.models.append(model)
        return len(self.models) - 1


def _order(strides: Sequence[int]) -> list[int]:
    """The dimensions from the one that steps farthest through memory to the nearest."""
    return sorted(range(len(strides)), key=lambda dimension: -strides[dimension])


def _big(value: int) -> bytes:
    if value.bit_length() > MAX_BITS:
        raise NotPlain(f"a whole number of more than {MAX_BITS} bits")
    return value.to_bytes(MAX_BITS // 8 + 1, "big", signed=True)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Unpacker:
    """Builds the values of one message from their trees and the bytes behind them.

    Args:
        blobs: the raw parts of the message, in order, as they arrived.
        model: makes a model from its position, name and manner; None where none may come.
    """

    def __init__(
        self, blobs: memoryview, model: Callable[[int, str, bool], Model] | None = None
    ) -> None:
        self._blobs = blobs
        self._model = model
        self._budget = 4 * MAX_ITEMS

    def unpack(self, tree: Any, depth: int = 0) -> Any:
        """The value of a tree.

        Raises:
            Breach: the tree or the bytes behind it are not what :class:`Packer` makes.
        """
        kind = type(tree)
        if tree is None or kind is bool or kind is float or kind is int:
            return tree
        if kind is str:
            self._spend(len(tree))
            return tree
        if kind is not list or not tree or type(tree[0]) is not int:
            raise Breach("a value without a tag")
        self._spend(len(tree))
        tag, items = tree[0], tree[1:]
        if tag in (LIST, TUPLE, DICT):
            if depth >= MAX_DEPTH:
                raise Breach("a value that is nested too deeply")
            inner = [self.unpack(item, depth + 1) for item in items]
            if tag == DICT:
                return self._dict(inner)
            return inner if tag == LIST else tuple(inner)
        build = _BUILDERS.get(tag)
        if build is None:
            raise Breach("an unknown tag")
        return build(self, *_exactly(items, *_FORMS[tag]))

    def finish(self) -> None:
        """Check that no bytes are left over.

        Raises:
            Breach: there are.
        """
        if len(self._blobs):
            raise Breach("more bytes than were announced")

    def _dict(self, inner: list[Any]) -> dict[Any, Any]:
        keys = inner[::2]
        if len(inner) % 2 or any(
            key is not None and type(key) not in (bool, int, float, str) for key in keys
        ):
            raise Breach("a dict that is none")
        return dict(zip(keys, inner[1::2], strict=True))

    def _tensor(self, name: str, shape: list[Any], order: list[Any] | None = None) -> Tensor:
        dtype = _DTYPES.get(name)
        if dtype is None:
            raise Breach("a tensor of unknown dtype")
        count = _count(shape)
        raw = bytearray(self._take(count, torch.empty((), dtype=dtype).element_size()))
        if name == "bool":
            _booleans(raw)
        if order is not None and sorted(map(_whole, order)) != list(range(len(shape))):
            raise Breach("a tensor whose dimensions are out of order")
        if not count:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(raw, dtype=dtype)
        if order is None:
            return flat.reshape(shape)
        back = [order.index(dimension) for dimension in range(len(shape))]
        return flat.reshape([shape[dimension] for dimension in order]).permute(back)

    def _array(self, name: str, shape: list[Any], fortran: bool = False) -> np.ndarray:
        if not _ARRAY_DTYPE.fullmatch(name):
            raise Breach("an array of unknown dtype")
        dtype = np.dtype(name)
        count = _count(shape)
        if dtype.kind == "U":
            self._spend(count * (dtype.itemsize // 4))
        raw = bytearray(self._take(count, dtype.itemsize))
        if dtype.kind == "b":
            _booleans(raw)
        if dtype.kind == "U" and raw:
            points = np.frombuffer(raw, dtype=f"{dtype.byteorder}u4")
            if points.max() > 0x10FFFF:
                raise Breach("text that is none")
        if not raw:
            return np.empty(shape, dtype)
        return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")

    def _floats(self, count: int) -> list[float]:
        return self._numbers("d", count)

    def _ints(self, count: int) -> list[int]:
        return self._numbers("q", count)

    def _numbers(self, code: str, count: int) -> list[Any]:
        numbers = array(code)
        numbers.frombytes(self._take(_count([count]), 8))
        return numbers.tolist()

    def _big(self, data: bytes) -> int:
        if len(data) > MAX_BITS // 8 + 1:
            raise Breach("a whole number that is too large")
        return int.from_bytes(data, "big", signed=True)

    def _text(self, data: bytes) -> str:
        self._spend(len(data))
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Breach("text that is none") from error

    def _handle(self, position: int, name: str, careless: bool) -> Model:
        if self._model is None:
            raise Breach("a model where none may be")
        return self._model(position, name, careless)

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise Breach("more than a message may hold")

    def _take(self, count: int, size: int) -> memoryview:
        self._spend(count)
        length = count * size
        if length > len(self._blobs):
            raise Breach("fewer bytes than were announced")
        taken, self._blobs = self._blobs[:length], self._blobs[length:]
        return taken


_BUILDERS: dict[int, Callable[..., Any]] = {
    ARRAY: Unpacker._array,
    TENSOR: Unpacker._tensor,
    BIG: Unpacker._big,
    TEXT: Unpacker._text,
    FLOATS: Unpacker._floats,
    INTS: Unpacker._ints,
    MODEL: Unpacker._handle,
}
#: What follows each tag: how many must be there, and the types.
_FORMS: dict[int, tuple[int, tuple[type, ...]]] = {
    ARRAY: (2, (str, list, bool)),
    TENSOR: (2, (str, list, list)),
    BIG: (1, (bytes,)),
    TEXT: (1, (bytes,)),
    FLOATS: (1, (int,)),
    INTS: (1, (int,)),
    MODEL: (3, (int, str, bool)),
}


def _exactly(items: list[Any], needed: int, kinds: tuple[type, ...]) -> list[Any]:
    if not needed <= len(items) <= len(kinds) or any(
        type(item) is not kind for item, kind in zip(items, kinds, strict=False)
    ):
        raise Breach("a value whose parts are not what its tag promises")
    return items


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise Breach("a dimension that is no whole number")
    return value


def _count(shape: list[Any]) -> int:
    """The number of entries of a shape that may be built.

    Raises:
        Breach: it is no shape, or one of too many entries.
    """
    if len(shape) > MAX_DIMENSIONS or not all(0 <= _whole(size) < 1 << 31 for size in shape):
        raise Breach("a shape that is none")
    # A shape with a zero has no entries, but its other sizes must still fit an index.
    if math.prod(size for size in shape if size) >= 1 << 62:
        raise Breach("a shape that is too large")
    return math.prod(shape)


def _booleans(raw: bytearray) -> None:
    """Any byte but 0 and 1 in a boolean is an answer that compares as it likes."""
    if raw and np.frombuffer(raw, np.uint8).max() > 1:
        raise Breach("a boolean that is neither true nor false")
