"""Values as a learner reads them: short, exact where they can be, ready to paste."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from assay.calling import Request

MAX_TEXT = 300


def show(value: Any) -> str:
    """``value`` as Python would write it, floats to six digits, at most ``MAX_TEXT`` characters."""
    text = _show(value)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 2] + " …"


def show_call(request: Request, *, whole: bool = False) -> str:
    """The call that a request makes, as source text; cut when long, unless ``whole``."""
    given = [_show(arg) for arg in request.args]
    given += [f"{name}={_show(value)}" for name, value in request.kwargs.items()]
    text = f"{request.function}({', '.join(given)})"
    return text if whole or len(text) <= 2 * MAX_TEXT else text[: 2 * MAX_TEXT - 3] + " …)"


def _show(value: Any) -> str:
    if isinstance(value, Tensor):
        name = str(value.dtype).removeprefix("torch.")
        dtype = "" if name in ("float64", "bool", "int64") else f", dtype={name}"
        return f"tensor({_show(value.tolist())}{dtype})"
    if isinstance(value, np.ndarray):
        dtype = "" if value.dtype.name in ("float64", "bool", "int64") else f", dtype={value.dtype}"
        return f"array({_show(value.tolist())}{dtype})"
    if isinstance(value, float):
        return _show_float(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_show, value))}]"
    if isinstance(value, tuple):
        inside = ", ".join(map(_show, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_show(k)}: {_show(v)}" for k, v in value.items()) + "}"
    if callable(value):
        return str(getattr(value, "__name__", "a function"))
    return repr(value)


def _show_float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return str(value)
    text = f"{value:.6g}"
    return text if any(sign in text for sign in ".e") else text + ".0"
