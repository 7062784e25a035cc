"""The author's proof that the hidden properties separate right from wrong.

Right versions in other styles must earn full marks and get no diagnosis; every misconception must
be caught, and be named; trivialities (constants, zeros, the first argument, one memorised answer)
must earn nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from assay.course import Chapter
from assay.diagnosis import Diagnosis
from assay.grader import grader_of
from assay.grading import check
from assay.inprocess import Folder, Functions
from assay.learner import Learner
from assay.properties import load_source
from assay.result import FunctionResult
from assay.source import CourseError

Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True)
class Specimen:
    """One implementation whose verdict is known beforehand.

    Attributes:
        function: the exercise.
        kind: ``"variant"`` (right), ``"misconception"`` or ``"triviality"`` (wrong).
        name: what it is called.
        sentence: for a misconception, the diagnosis that it should get.
        implementation: the code.
    """

    function: str
    kind: str
    name: str
    implementation: Callable[..., Any]
    sentence: str | None = None


@dataclass(frozen=True)
class Finding:
    """What the properties made of a specimen."""

    specimen: Specimen
    result: FunctionResult

    @property
    def caught_by(self) -> str:
        return self.result.failures[0].property if self.result.failures else ""

    @property
    def diagnosis(self) -> str | None:
        return self.result.failures[0].misconception if self.result.failures else None

    @property
    def as_it_should_be(self) -> bool:
        """Full marks for a right version, a failure for a misconception, 0 points for a
        triviality.
        """
        full = self.result.points == self.result.max_points
        if self.specimen.kind == "variant":
            return full and self.result.status == "passed"
        if self.specimen.kind == "misconception":
            return not full
        return self.result.points == 0

    @property
    def named_right(self) -> bool:
        """A misconception is named as itself, and nothing else is named at all."""
        return self.diagnosis == self.specimen.sentence


def variant(function: str) -> Callable[[Implementation], Implementation]:
    """Declare the decorated function as a right version of ``function`` in another style."""

    def declare(implementation: Implementation) -> Implementation:
        implementation.assay_variant = Specimen(  # type: ignore[attr-defined]
            function, "variant", implementation.__name__, implementation
        )
        return implementation

    return declare


def prove(chapter: Chapter, functions: Sequence[str] = ()) -> Iterator[Finding]:
    """Judge every specimen of a chapter, function by function, with the settings of grading."""
    torch.set_num_threads(1)
    grader = grader_of(chapter)
    properties, diagnosis = grader.properties, grader.diagnosis
    if diagnosis is None:
        raise CourseError(f"{chapter.id} has no solutions here to prove its graders with")
    reference = Folder(chapter.solution_dir, chapter.module_of)
    variants = _variants(chapter.root / "tests" / "variants" / f"{chapter.id}.py")
    for exercise in chapter.exercises:
        if functions and exercise.function not in functions:
            continue
        own = [one for one in properties if one.function == exercise.function]
        specimens = [
            Specimen(
                exercise.function, "variant", "the reference", reference.function(exercise.function)
            ),
            *(one for one in variants if one.function == exercise.function),
            *(
                Specimen(one.function, "misconception", one.name, one.implementation, one.sentence)
                for one in diagnosis.misconceptions
                if one.function == exercise.function
            ),
            *_trivialities(exercise.function, reference, diagnosis),
        ]
        for specimen in specimens:
            learner = Learner(Functions({exercise.function: specimen.implementation}))
            known = None if specimen.kind == "triviality" else diagnosis
            yield Finding(specimen, check(exercise.function, exercise.points, own, learner, known))


def _variants(file: Path) -> list[Specimen]:
    if not file.exists():
        return []
    module = load_source(file, f"assay_course.variants.{file.stem}")
    found = (getattr(value, "assay_variant", None) for value in vars(module).values())
    return [one for one in found if isinstance(one, Specimen)]


def _trivialities(function: str, reference: Folder, diagnosis: Diagnosis) -> Iterator[Specimen]:
    """Answers that need no thought. They know the shape of the right answer, and nothing else."""
    right = reference.function(function)
    answers: list[Any] = []
    for probe in diagnosis.probes(function):
        if probe.right is not None and probe.right.raised is None:
            answers.append(probe.right.value)

    def first_argument(*args: Any, **kwargs: Any) -> Any:
        return args[0] if args else next(iter(kwargs.values()))

    def nothing(*args: Any, **kwargs: Any) -> Any:
        return None

    def zeros(*args: Any, **kwargs: Any) -> Any:
        return _filled(right(*args, **kwargs), 0)

    def ones(*args: Any, **kwargs: Any) -> Any:
        return _filled(right(*args, **kwargs), 1)

    triviality: Callable[..., Any]
    for triviality in (first_argument, nothing, zeros, ones):
        yield Specimen(function, "triviality", triviality.__name__, triviality)
    for at, answer in enumerate(answers[:2]):

        def memorised(*args: Any, answer: Any = answer, **kwargs: Any) -> Any:
            return copy.deepcopy(answer)

        yield Specimen(function, "triviality", f"memorised answer {at + 1}", memorised)


def _filled(answer: Any, number: int) -> Any:
    """Something of the answer's form that holds one number everywhere."""
    if isinstance(answer, Tensor):
        return torch.full_like(answer, number).detach()
    if isinstance(answer, np.ndarray):
        return np.full_like(answer, number)
    if isinstance(answer, (list, tuple)):
        return type(answer)(_filled(item, number) for item in answer)
    if isinstance(answer, (bool, int, float)):
        return type(answer)(number)
    return "" if isinstance(answer, str) else number
