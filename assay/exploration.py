"""How inputs are searched for: at random while one learns, reproducibly while one is graded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

#: Few, telling examples: properties name their boundary cases, the random ones guard the rest.
EXAMPLES = 12

_QUIET = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.differing_executors,
]

GRADING = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=_QUIET,
    report_multiple_bugs=False,
    print_blob=False,
    verbosity=Verbosity.quiet,
)


def exploring(memory: Path) -> settings:
    """Settings for a learner's own runs: random, and the last failure is tried again first."""
    return settings(
        GRADING,
        derandomize=False,
        database=DirectoryBasedExampleDatabase(memory),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )


@contextmanager
def searching(profile: settings) -> Iterator[None]:
    """Make ``profile`` the default for properties that are loaded inside the block."""
    before = settings.default
    settings.register_profile("assay", profile)
    settings.load_profile("assay")
    try:
        yield
    finally:
        settings.register_profile("assay-before", before)
        settings.load_profile("assay-before")


def seal() -> None:
    """Stop Hypothesis from harvesting constants out of modules, the learner's among them.

    Otherwise a submission would have a say in its own test inputs. ``derandomize`` doesn't prevent
    that; there is no public switch, so this replaces the function that collects them (a test
    watches that it works).
    """
    nothing = Constants()
    providers._get_local_constants = lambda: nothing
    providers.CONSTANTS_CACHE.cache.clear()
