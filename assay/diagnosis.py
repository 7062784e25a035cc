"""Naming the misunderstanding: which known wrong version does a learner's function behave like?

The inputs are those on which the hidden properties call the reference. Where exactly one known
wrong version gives the learner's answers (values, gradients, errors, calls of models, changed
arguments), that is the diagnosis; otherwise there is none, for a wrong name is worse than no name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.calling import Request
from assay.inprocess import Functions
from assay.learner import Backend, Call, Falsified, Halt, Learner
from assay.misconceptions import Misconception
from assay.properties import Property
from assay.rendering import show_call

#: Most inputs that are compared, spread over the properties of the function.
MAX_PROBES = 120


@dataclass(frozen=True)
class Probe:
    """An input that tells functions apart: the request, what the reference answers, whose it is."""

    number: int
    request: Request
    right: Call | None
    core: bool


class Diagnosis:
    """Knows the misconceptions of a chapter, and the inputs that tell them apart.

    Args:
        misconceptions: the known wrong versions.
        properties: the hidden properties, which supply the inputs.
        reference: the reference solution, on which the properties are run to collect them.
    """

    def __init__(
        self,
        misconceptions: Sequence[Misconception],
        properties: Sequence[Property],
        reference: Backend,
    ) -> None:
        self.misconceptions = misconceptions
        self._properties = properties
        self._reference = reference
        self._probes: dict[str, tuple[Probe, ...]] = {}
        self._answers: dict[tuple[str, int], Call | None] = {}

    def of(self, function: str, backend: Backend) -> Misconception | None:
        """The one misconception that behaves like the backend's ``function``, if there is one.

        A function that is wrong on the core's inputs is compared on these alone, if they suffice:
        who also forgot an error check should still hear what is wrong in the first place.
        """
        probes = self.probes(function)
        alive = [one for one in self.misconceptions if one.function == function]
        wrong = False
        for probe in (one for one in probes if one.core):
            given = _answer(backend, probe.request)
            wrong = wrong or not _alike(given, probe.right)
            alive = [one for one in alive if _alike(given, self._known(one, probe))]
        if wrong and len(alive) == 1:
            return alive[0]
        for probe in (one for one in probes if not one.core):
            if not alive:
                return None
            given = _answer(backend, probe.request)
            alive = [one for one in alive if self._fits(one, probe, given)]
        if len(alive) > 1:
            # One whose mistake no probe shows fits everybody; it must not stand in the way.
            alive = [one for one in alive if self._shows(one, probes)]
        return alive[0] if len(alive) == 1 else None

    def _shows(self, one: Misconception, probes: Sequence[Probe]) -> bool:
        return not all(_alike(self._known(one, probe), probe.right) for probe in probes)

    def _fits(self, one: Misconception, probe: Probe, given: Call | None) -> bool:
        """Alike; an error check that only the learner forgot is no matter."""
        known = self._known(one, probe)
        refused = probe.right is not None and probe.right.raised is not None
        return (refused and _alike(known, probe.right)) or _alike(given, known)

    def probes(self, function: str) -> tuple[Probe, ...]:
        """The calls that the function's properties make of the reference, the core's first."""
        if function not in self._probes:
            own = [one for one in self._properties if one.function == function]
            own.sort(key=lambda one: one.role != "core")
            found: list[Probe] = []
            seen: set[str] = set()
            for one in own:
                learner = _Recorder(self._reference)
                # `assay prove` reports a property that fails the reference
                with contextlib.suppress(Falsified, Halt):
                    one.test(learner)
                for call in learner.heard[: max(4, MAX_PROBES // len(own))]:
                    key = _key(call)
                    if key is None or key not in seen:
                        seen.add(key or "")
                        found.append(Probe(len(found), call.request, call, one.role == "core"))
            self._probes[function] = tuple(found)
        return self._probes[function]

    def _known(self, one: Misconception, probe: Probe) -> Call | None:
        key = (one.name, probe.number)
        if key not in self._answers:
            backend = Functions({one.function: one.implementation})
            self._answers[key] = _answer(backend, probe.request)
        return self._answers[key]


class _Recorder(Learner):
    """A learner that keeps its calls beyond the example that they were made in."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.heard: list[Call] = []

    def ask(self, request: Request) -> Call:
        call = super().ask(request)
        self.heard.append(call)
        return call


def _key(call: Call) -> str | None:
    """What makes a call a repetition; None where it holds a model, which may differ unseen."""
    if call.models:
        return None
    request = call.request
    return f"{show_call(request, whole=True)} {request.wrt} {request.output} {request.cotangent}"


def _answer(backend: Backend, request: Request) -> Call | None:
    """What the backend makes of the request; None where it can't be judged."""
    learner = Learner(backend)
    try:
        return learner.ask(request)
    except Halt:
        return None


def _alike(one: Call | None, other: Call | None) -> bool:
    if one is None or other is None:
        return one is other
    a, b = one.reply, other.reply
    if (a.raised is None) != (b.raised is None) or (a.unfit is None) != (b.unfit is None):
        return False
    if a.raised is not None and b.raised is not None and a.raised.kind != b.raised.kind:
        return False
    return (
        a.changed == b.changed
        and a.tracked == b.tracked
        and _same(a.value, b.value)
        and _same(a.gradients, b.gradients)
        and _same(
            [(call.args, call.answer) for call in one.models],
            [(call.args, call.answer) for call in other.models],
        )
    )


def _same(a: Any, b: Any) -> bool:
    """Equal up to rounding; sequences of any type are alike, dtypes of tensors are not."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.dtype == b.dtype):
            return False
        return a.shape == b.shape and bool(
            torch.allclose(a.double(), b.double(), rtol=1e-5, atol=1e-11, equal_nan=True)
        )
    if isinstance(a, np.ndarray) != isinstance(b, np.ndarray):
        plain = [x.tolist() if isinstance(x, np.ndarray) else x for x in (a, b)]
        return _same(*plain)  # a list of numbers may stand for an array
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape or a.dtype.kind == "U" or b.dtype.kind == "U":
            return bool(a.shape == b.shape and a.tolist() == b.tolist())
        return bool(np.allclose(a, b, rtol=1e-5, atol=1e-11, equal_nan=True))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        missing = object()
        return all(_same(x, y) for x, y in zip_longest(a, b, fillvalue=missing))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return bool(np.isclose(a, b, rtol=1e-5, atol=1e-11, equal_nan=True))
    return type(a) is type(b) and bool(a == b)
