"""A tiny course, `arith`, for tests that need one: two functions that no course would teach."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.course import Course

FILES = {
    "chapters/ch1/chapter.toml": """
title = "Arithmetic"
summary = "Numbers, added and averaged."

[[exercise]]
function = "add"
module = "arith"
points = 40
hints = ["Two numbers become one.", "The usual trap: minus.", "Use plus."]

[[exercise]]
function = "mean"
module = "arith"
points = 60
hints = ["Share evenly."]
""",
    "solutions/ch1/arith.py": '''
"""Arithmetic on plain numbers."""

from math import fsum


def add(a: float, b: float) -> float:
    """The sum of two numbers.

    Example:
        >>> add(2.0, 3.0)
        5.0
    """
    ### BEGIN SOLUTION
    return a + b
    ### END SOLUTION


### BEGIN SOLUTION
def _total(numbers: list[float]) -> float:
    return fsum(numbers)


### END SOLUTION


def mean(numbers: list[float], default: float = 0.0) -> float:
    """The arithmetic mean.

    Returns:
        `default` where there are no numbers.
    """
    ### BEGIN SOLUTION
    if not numbers:
        return default
    return _total(numbers) / len(numbers)
    ### END SOLUTION
''',
    "exercises/ch1/test_arith.py": '''
"""Worked examples."""

from assay.judging import agree
from assay.properties import worked


@worked("add")
def test_two_and_three(learner):
    """Two and three are five."""
    agree(learner.add(2.0, 3.0), 5.0)


@worked("mean")
def test_mean_of_two(learner):
    """The mean of 1 and 3 is 2."""
    agree(learner.mean([1.0, 3.0]), 2.0)
''',
    "graders/ch1/test_arith.py": '''
"""Hidden properties."""

from hypothesis import given
from hypothesis import strategies as st

from assay.judging import agree
from assay.properties import core, extra

small = st.integers(-9, 9).map(float)


@core("add")
@given(a=small, b=small)
def test_add_is_plus(learner, a, b):
    """A sum is what counting on gives."""
    agree(learner.add(a, b), a + b)


@extra("add")
@given(a=small)
def test_zero_is_neutral(learner, a):
    """Adding zero changes nothing."""
    agree(learner.add(a, 0.0), a)


@core("mean")
@given(numbers=st.lists(small, min_size=1, max_size=4))
def test_mean_by_hand(learner, numbers):
    """The mean times the count is the sum."""
    agree(learner.mean(numbers), sum(numbers) / len(numbers))


@extra("mean")
def test_mean_of_nothing(learner):
    """The mean of nothing is the default."""
    agree(learner.mean([], 7.0), 7.0)
''',
    "graders/ch1/misconceptions.py": '''
"""Named wrong versions."""

from assay.misconceptions import misconception


@misconception("add", "That is the difference, not the sum.")
def subtracts(a, b):
    return a - b


@misconception("mean", "That is the sum; it is not yet shared out.")
def forgets_to_divide(numbers, default=0.0):
    return sum(numbers) if numbers else default
''',
}


@pytest.fixture
def arith(tmp_path: Path) -> Course:
    """The course `arith` in a fresh folder, its stub not yet written."""
    root = tmp_path / "course"
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.removeprefix("\n"), encoding="utf-8")
    return Course(root)


@pytest.fixture(scope="session")
def course() -> Course:
    """The real course, that of this repository."""
    return Course.find(Path(__file__))


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """The distribution's Chromium: one for all tests, for Playwright can't be started twice."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((found for name in names if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip("no Chromium on PATH")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()
