"""How a property judges an answer: comparisons and tolerances, all of them the grader's own.

Every function raises :class:`~assay.learner.Falsified` with a sentence for the learner, or returns
None.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.learner import Call, Falsified
from assay.rendering import show

#: Relative and absolute tolerance by dtype; the absolute one is scaled by the size of the signal.
TOLERANCES = {torch.float64: (1e-6, 1e-12), torch.float32: (1e-4, 1e-6)}
_COARSE = (2e-2, 1e-2)


def agree(
    actual: Any,
    expected: Any,
    *,
    scale: float = 1.0,
    digits: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    because: str = "",
) -> None:
    """The answer is ``expected``: in kind, in shape, and in value within the tolerance of its
    dtype.

    Where a tensor is expected only a tensor will do; where an array is, a list of numbers is as
    good; lists and tuples are equally good; texts, whole numbers and booleans must be equal.
    ``inf`` agrees with ``inf`` alone, and ``nan`` with ``nan`` alone.

    Args:
        actual: what the learner's function returned.
        expected: what it should have been, computed by the grader.
        scale: size of the numbers that went in, where cancellation makes the result much smaller.
        digits: compare with a number that is given to so many decimals.
        rtol, atol: tolerances of a property's own; ``atol`` is not scaled.
        because: a phrase that is added to the reason.
    """
    limits = (rtol, atol, scale) if digits is None else (0.0, 0.51 * 10.0**-digits, 1.0)
    problem = _difference(actual, expected, limits)
    if problem is not None:
        raise Falsified(problem + (f" ({because})" if because else ""), expected, actual)


def require(condition: bool, reason: str, *, returned: Any = None, expected: Any = None) -> None:
    """The condition holds; otherwise ``reason`` is the sentence that the learner reads."""
    if not condition:
        raise Falsified(reason, expected, returned)


def finite(*values: Any) -> None:
    """Every entry of every value is a finite number: no inf, no nan."""
    for value in values:
        require(value is not None, "there is no value here, but None (for a gradient: no graph)")
        numbers = value.numpy() if isinstance(value, Tensor) else np.asarray(value, dtype=float)
        require(bool(np.isfinite(numbers).all()), "an entry is inf or nan", returned=value)


def keeps_dtype(actual: Any, dtype: Any) -> None:
    """The result is a tensor (or array) of this dtype."""
    found = getattr(actual, "dtype", type(actual).__name__)
    require(
        found == dtype,
        f"the result should have dtype {dtype}, like the input; it is {found}",
        returned=actual,
    )


def is_float(actual: Any) -> None:
    """The result is a plain Python number, not a tensor or an array."""
    require(
        isinstance(actual, (int, float)) and not isinstance(actual, bool),
        "the result should be a plain Python float (for a tensor: .item())",
        returned=actual,
    )


def no_gradient(*gradients: Tensor | None) -> None:
    """No gradient reaches the argument: there is none, or it is exactly zero."""
    for gradient in gradients:
        require(
            gradient is None or not bool(gradient.ne(0).any()),
            "no gradient may reach this argument: it is a constant here (detach it)",
            returned=gradient,
        )


def detached(call: Call) -> None:
    """The result carries no graph."""
    _ = call.value
    require(not call.reply.tracked, "the result still requires a gradient: detach it")


def untouched(call: Call) -> None:
    """The function left all its arguments, and every list that a model gave it, as they were."""
    _ = call.value
    if call.reply.changed:
        names = ", ".join(
            f"argument {key + 1}" if isinstance(key, int) else f"{key!r}"
            for key in call.reply.changed
        )
        raise Falsified(f"{call.function} changed its input in place ({names}); work on a copy")


def rejects(call: Call, *, naming: str | tuple[str, ...] | None = None) -> None:
    """The call raises ValueError on purpose; with ``naming``, the message names that argument.

    Of several names in a tuple (arguments that don't belong together) one is enough.
    An error that NumPy or the math module raises by accident doesn't count.
    """
    raised = call.raised
    if raised is None:
        raise Falsified(
            f"{call.function} should raise ValueError here",
            returned=call.reply.value,
        )
    on_purpose = (
        "ValueError" in raised.bases
        and not raised.kind.startswith(("numpy.", "torch.", "json.", "Unicode"))
        and raised.message not in _ACCIDENTS
    )
    if not on_purpose:
        raise Falsified(
            f"{call.function} should raise ValueError on purpose here, but {raised.kind} came out"
            + (f": {raised.message}" if raised.message else "")
        )
    if naming is not None:
        names = (naming,) if isinstance(naming, str) else naming
        if not any(_names(raised.message, name) for name in names):
            wanted = " or ".join(map(repr, names))
            raise Falsified(
                f"the message of the ValueError should name {wanted}; it reads {raised.message!r}"
            )


def _names(message: str, argument: str) -> bool:
    words = r"[\s_]*".join(map(re.escape, argument.split("_")))
    return re.search(rf"(?<![a-z]){words}(?![a-z])", message, re.IGNORECASE) is not None


def passes_through(call: Call) -> None:
    """The exception that one of the models raised left the function unchanged."""
    if call.raised is None:
        raise Falsified(
            "a model raised an exception, and the function swallowed it", returned=call.reply.value
        )
    if not call.raised.from_model:
        raise Falsified(
            "a model raised an exception, and the function let another one out: "
            f"{call.raised.kind}: {call.raised.message}"
        )


#: What Python's math functions say of bad numbers: nobody wrote these on purpose.
_ACCIDENTS = frozenset(
    {"math domain error", "math range error", "cannot convert float NaN to integer"}
)


def _difference(actual: Any, expected: Any, limits: tuple[Any, ...]) -> str | None:
    """Why ``actual`` is not ``expected``, as a phrase; None where it is."""
    expected = expected.item() if isinstance(expected, np.generic) else expected
    if isinstance(expected, Tensor):
        if not isinstance(actual, Tensor):
            return f"the result should be a tensor; it is {_kind(actual)}"
        return _numbers(actual.detach(), expected.detach(), limits)
    if isinstance(expected, np.ndarray):
        return _against_array(actual, expected, limits)
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return None if type(actual) is type(expected) and actual == expected else "another answer"
    if isinstance(expected, int):
        whole = isinstance(actual, int) and not isinstance(actual, bool)
        return None if whole and actual == expected else "another answer"
    if isinstance(expected, float):
        if isinstance(actual, (Tensor, np.ndarray)) and actual.ndim == 0:
            actual = actual.item()
        if isinstance(actual, bool) or not isinstance(actual, (int, float)):
            return f"the result should be a number; it is {_kind(actual)}"
        one, other = (torch.tensor(x, dtype=torch.float64) for x in (float(actual), expected))
        return _numbers(one, other, limits)
    if isinstance(expected, (list, tuple)):
        if not isinstance(actual, (list, tuple)):
            return f"the result should be a {type(expected).__name__}; it is {_kind(actual)}"
        if len(actual) != len(expected):
            return f"the result should have {len(expected)} items; it has {len(actual)}"
        for at, (mine, due) in enumerate(zip(actual, expected, strict=True)):
            problem = _difference(mine, due, limits)
            if problem is not None:
                return f"item {at}: {problem}"
        return None
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or set(actual) != set(expected):
            return "another answer"
        problems = (_difference(actual[key], expected[key], limits) for key in expected)
        return next((problem for problem in problems if problem is not None), None)
    raise TypeError(f"a property expects {type(expected).__name__}, which can't be compared")


def _against_array(actual: Any, expected: np.ndarray, limits: tuple[Any, ...]) -> str | None:
    if isinstance(actual, Tensor):
        return "the result should be a NumPy array; it is a tensor"
    if isinstance(actual, (str, dict)) or actual is None:
        return f"the result should be an array; it is {_kind(actual)}"
    try:
        array = np.asarray(actual)
    except ValueError:
        return "the result should be an array; it is a list of unequal rows"
    if array.dtype.kind not in "biuf":
        return f"the result should be an array of numbers; it is {_kind(actual)}"
    return _numbers(
        torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape)),
        torch.from_numpy(np.ascontiguousarray(expected).reshape(expected.shape)),
        limits,
    )


def _numbers(actual: Tensor, expected: Tensor, limits: tuple[Any, ...]) -> str | None:
    if actual.shape != expected.shape:
        return f"the shape should be {tuple(expected.shape)}; it is {tuple(actual.shape)}"
    if (expected.dtype == torch.bool) != (actual.dtype == torch.bool):
        zero_one = actual.dtype != torch.bool and bool(((actual == 0) | (actual == 1)).all())
        if not (zero_one or actual.dtype == torch.bool):
            return "the result should be True or False (or 1 or 0) everywhere"
    rtol, atol, scale = limits
    coarse = TOLERANCES.get(expected.dtype, _COARSE)
    if not expected.dtype.is_floating_point:
        coarse = TOLERANCES[torch.float64]
    rtol = coarse[0] if rtol is None else rtol
    atol = coarse[1] * max(1.0, scale) if atol is None else atol
    a, e = actual.double(), expected.double()
    room = torch.clamp(rtol * e.abs(), min=atol)
    apart = (a - e).abs() > room
    unequal = torch.where(torch.isfinite(a) & torch.isfinite(e), apart, a != e)
    unequal &= ~(torch.isnan(a) & torch.isnan(e))
    if not bool(unequal.any()):
        return None
    if actual.ndim == 0:
        return "another number"
    at = tuple(int(i) for i in unequal.nonzero()[0])
    where = at[0] if len(at) == 1 else at
    return f"entry {where} is {show(a[at].item())} instead of {show(e[at].item())}"


def _kind(value: Any) -> str:
    if value is None:
        return "None (is a return missing?)"
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, np.ndarray):
        return "an array"
    if isinstance(value, (bool, int, float)):
        return f"a Python {type(value).__name__} (a tensor loses its graph in .item() and float())"
    return f"a {type(value).__name__}"


__all__ = [
    "Falsified",
    "agree",
    "detached",
    "finite",
    "is_float",
    "keeps_dtype",
    "no_gradient",
    "passes_through",
    "rejects",
    "require",
    "untouched",
]
