"""Numbers in the text, computed by the reference solutions when the book is built.

``{num}`dpo_loss(t(1.0), t(-0.5), t(0), t(0), beta=0.5)``` in a chapter or a quiz stands for 0.3869.
They are filled in before the Markdown is read, so they work in tables and formulas too.
"""

from __future__ import annotations

import builtins
import math
import re
from typing import Any

import numpy as np
import torch

from assay.book.functions import references
from assay.course import Course
from assay.source import CourseError

NUMBER = re.compile(r"\{num\}`([^`]+)`")
HARMLESS = (
    "abs all any bool dict enumerate float int len list max min range round set sorted str sum "
    "tuple zip True False None"
)


class Numbers:
    """Evaluates the expressions of a course's texts."""

    def __init__(self, course: Course) -> None:
        self._names: dict[str, Any] = {
            "__builtins__": {
                name: getattr(builtins, name) for name in HARMLESS.split() if name[0].islower()
            },
            "np": np,
            "torch": torch,
            "math": math,
            "t": tensor,
            "a": array,
            "sigmoid": sigmoid,
            **references(course),
        }

    def value(self, expression: str, where: str) -> Any:
        """What an expression of the course's author is worth.

        Raises:
            CourseError: it fails; the message says where it stands.
        """
        try:
            return eval(expression.strip(), self._names)  # the author's own words
        except Exception as error:
            raise CourseError(
                f"{where}: {expression.strip()!r} can't be computed: "
                f"{type(error).__name__}: {error}"
            ) from error

    def number(self, expression: str, where: str) -> float:
        """The same as a single float."""
        value = self.value(expression, where)
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise CourseError(f"{where}: {expression!r} is {value!r}, not a number") from error

    def fill(self, text: str, where: str) -> str:
        """The text with its ``{num}`` computed; ``where`` names the file in messages."""

        def replace(match: re.Match[str]) -> str:
            line = text.count("\n", 0, match.start()) + 1
            expression, _, spec = match[1].partition(";")
            return printed(self.value(expression, f"{where}:{line}"), spec.strip())

        return NUMBER.sub(replace, text)


def tensor(*numbers: Any) -> torch.Tensor:
    """A float64 tensor of the numbers, or of one nested list."""
    return torch.tensor(_one(numbers), dtype=torch.float64)


def array(*numbers: Any) -> np.ndarray:
    """The same as an array."""
    return np.array(_one(numbers), dtype=np.float64)


def _one(numbers: tuple[Any, ...]) -> Any:
    return numbers[0] if len(numbers) == 1 and isinstance(numbers[0], list) else list(numbers)


def sigmoid(x: float) -> float:
    """The logistic function of a number."""
    return float(torch.sigmoid(torch.tensor(x, dtype=torch.float64)))


def printed(value: Any, spec: str = "") -> str:
    """A value as the text shows it: at most four decimals, and a real minus sign."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(printed(item, spec) for item in value) + "]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if spec:
        text = format(value, spec)
    elif isinstance(value, int) or not math.isfinite(value):
        text = str(value)
    elif value and abs(value) < 5e-5:
        text = f"{value:.2g}"
    else:
        text = f"{value:.4f}".rstrip("0").rstrip(".")
        text = "0" if text == "-0" else text
    return text.replace("-", "−") if "e" not in text else text
