"""Plain data: the only values that pass between a grader and a learner.

Numbers, strings, lists, tuples, dicts, arrays and tensors, by their exact type. An object with an
``__eq__`` of its own, a lazy object or a tensor subclass could answer a comparison itself; here it
is refused before anything is compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_DEPTH = 16
MAX_ITEMS = 1_000_000


class NotPlain(Exception):
    """A value is not plain data. The message is a sentence for the learner."""


def own(value: Any, *, models: bool = False) -> Any:
    """Return a deep copy of ``value`` that shares no memory with it and has exact types.

    NumPy scalars become Python numbers, a ``torch.nn.Parameter`` becomes the tensor it holds, and
    tensors are detached from their graph.

    Args:
        value: what a learner's function returned, or what it is about to be called with.
        models: let a :class:`Model` pass as it is, as arguments may hold the grader's own models.

    Raises:
        NotPlain: for any other type, for nesting deeper than ``MAX_DEPTH`` (a list that contains
            itself, say) and for more than ``MAX_ITEMS`` items or elements in all.
    """
    return _own(value, 0, [MAX_ITEMS], models)


def _own(value: Any, depth: int, budget: list[int], models: bool) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float):
        _spend(budget, 1)
        return value
    if kind is str:
        _spend(budget, len(value))
        return value
    if kind is Tensor or kind is torch.nn.Parameter:
        return _own_tensor(value, budget)
    if kind is np.ndarray:
        return _own_array(value, budget)
    if kind is np.str_:  # what np.unique makes of texts
        return _own(value.item(), depth, budget, models)
    if kind.__module__ == "numpy" and isinstance(value, (np.bool_, np.integer, np.floating)):
        _spend(budget, 1)
        return value.item()
    if kind in (list, tuple, dict):
        if depth >= MAX_DEPTH:
            raise NotPlain("a list that is nested too deeply, or that contains itself")
        _spend(budget, len(value) + 1)
        if kind is dict:
            return {_key(key): _own(item, depth + 1, budget, models) for key, item in value.items()}
        return kind(_own(item, depth + 1, budget, models) for item in value)
    if models and kind is Model:
        return value
    raise NotPlain(f"{_a(kind.__name__)}, which is not plain data")


def _key(key: Any) -> Any:
    if key is None or type(key) in (bool, int, float, str):
        return key
    raise NotPlain("a dict whose keys are not numbers or strings")


def _own_tensor(value: Tensor, budget: list[int]) -> Tensor:
    if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
        raise NotPlain("a tensor that is sparse, quantised or not on the CPU")
    if value.is_complex():
        raise NotPlain("a tensor of complex numbers")
    _spend(budget, value.numel())
    return value.detach().clone().as_subclass(Tensor)


def _own_array(value: np.ndarray, budget: list[int]) -> np.ndarray:
    if value.dtype.kind not in "biufU":
        raise NotPlain(f"an array of dtype {value.dtype}, which is not numbers")
    _spend(budget, value.size * (value.dtype.itemsize // 4 if value.dtype.kind == "U" else 1))
    return np.array(value, copy=True)


def _spend(budget: list[int], count: int) -> None:
    budget[0] -= count
    if budget[0] < 0:
        raise NotPlain(f"more than {MAX_ITEMS:,} numbers")


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


class Model:
    """A callable of the grader's that is handed to a learner's function.

    Args:
        function: a pure function of plain data: the same arguments give the same answer.
        careless: after each call, scribble into every list that the learner's function handed over,
            as a careless model might. A function that hands out copies doesn't notice.
    """

    def __init__(self, function: Any, *, careless: bool = False) -> None:
        self.function = function
        self.careless = careless
        self.__name__ = getattr(function, "__name__", "model")

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


def identical(a: Any, b: Any) -> bool:
    """Whether two values of plain data are the same to the last bit (``nan`` equals ``nan``)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        same_form = a.dtype == b.dtype and a.shape == b.shape
        return same_form and bytes_of(a) == bytes_of(b)
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(identical, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(identical(a[key], b[key]) for key in a)
    return bool(a == b) or (a != a and b != b)


def bytes_of(tensor: Tensor) -> bytes:
    """The entries of a tensor as bytes, row by row."""
    if tensor.numel() == 0:
        return b""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
