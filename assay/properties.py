"""Hidden properties and visible examples: how a test says which function it judges, and how much
it weighs.

A property is a plain pytest test that takes ``learner``. Its first docstring line is the sentence
that a learner reads when it is false.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from assay.learner import Learner

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Property:
    """One test of one function.

    Attributes:
        function: the exercise that it judges.
        name: name of the test.
        sentence: the fact about the function that it states.
        role: ``"core"`` gates the score, ``"extra"`` earns partial credit, ``"worked"`` is a
        visible
            example and earns nothing.
        weight: its share; None for the default (see :mod:`assay.scoring`).
        test: the test itself, called with a learner.
        file, line: where it stands.
    """

    function: str
    name: str
    sentence: str
    role: str
    weight: int | None
    test: Callable[[Learner], None]
    file: Path
    line: int

    def as_core(self) -> Property:
        """The same test as a core property: a visible example, where there is nothing else to
        judge by.
        """
        return replace(self, role="core")


def core(function: str, weight: int | None = None) -> Callable[[Test], Test]:
    """Mark a test as the core of ``function``: while it fails, the function earns nothing."""
    return _mark(function, "core", weight)


def extra(function: str, weight: int = 1) -> Callable[[Test], Test]:
    """Mark a test as one of the further properties of ``function``, for partial credit."""
    return _mark(function, "extra", weight)


def worked(function: str) -> Callable[[Test], Test]:
    """Mark a test as a visible worked example of ``function``."""
    return _mark(function, "worked", None)


def _mark(function: str, role: str, weight: int | None) -> Callable[[Test], Test]:
    def mark(test: Test) -> Test:
        inner = getattr(test, "hypothesis", None)
        if inner is not None:
            inner.inner_test = _one_example(inner.inner_test)
            marked = test
        else:
            marked = _one_example(test)
        raw = inspect.unwrap(inner.inner_test if inner is not None else test)
        sentence = " ".join((inspect.getdoc(raw) or "").split("\n\n", 1)[0].split())
        marked.assay_property = Property(  # type: ignore[attr-defined]
            function,
            raw.__name__,
            sentence,
            role,
            weight,
            marked,
            Path(raw.__code__.co_filename),
            raw.__code__.co_firstlineno,
        )
        return marked

    return mark


def _one_example(test: Any) -> Any:
    """Forget the calls of the last example when the next one starts, so that a counterexample
    stands alone.
    """

    @functools.wraps(test)
    def example(*args: Any, **kwargs: Any) -> Any:
        for given in (*args, *kwargs.values()):
            if isinstance(given, Learner):
                given.begin()
        return test(*args, **kwargs)

    return example


def property_of(test: object) -> Property | None:
    """The property that a test function carries, if any."""
    found = getattr(test, "assay_property", None)
    return found if isinstance(found, Property) else None


def load_properties(files: Sequence[Path]) -> tuple[Property, ...]:
    """Execute test files afresh and return their properties in the order of the source.

    Hypothesis reads its settings while a file is executed: load the profile first
    (:mod:`assay.exploration`).
    """
    properties: list[Property] = []
    for file in files:
        module = load_source(file, f"assay_course.{file.parent.name}.{file.stem}")
        found = (property_of(value) for value in vars(module).values())
        properties += [one for one in found if one is not None]
    return tuple(properties)


def load_source(file: Path, name: str) -> ModuleType:
    """Execute a trusted source file of the course as a fresh module."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not Python source")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
