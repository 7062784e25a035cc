"""On demand (``pytest -m mutation``): the properties notice small wrong changes of every
reference.
"""

from pathlib import Path

import pytest

from assay.course import Course
from assay.mutation import mutate

COURSE = Course.find(Path(__file__))


@pytest.mark.mutation
@pytest.mark.parametrize("chapter", COURSE.chapter_ids)
def test_mutants_are_caught(chapter):
    outcomes = list(mutate(COURSE.chapter(chapter)))
    judged = [one for one in outcomes if one.caught or one.reason is None]
    survivors = [f"{one.mutant.function}: {one.mutant.change}" for one in judged if not one.caught]
    print("\n".join(survivors))
    assert len(survivors) <= 0.05 * len(judged), survivors


@pytest.mark.mutation
def test_declared_equivalents_exist():
    """A reason that no mutant needs any more is removed with it."""
    from assay.mutation import equivalents, mutants

    declared = equivalents(COURSE.root / "tests" / "equivalent_mutants.toml")
    made = {
        (mutant.function, mutant.change)
        for chapter in COURSE.chapters
        for exercise in chapter.exercises
        for mutant in mutants(chapter.solution_dir / f"{exercise.module}.py", exercise.function)
    }
    assert set(declared) <= made
