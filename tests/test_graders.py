"""The author's proof over the real course, and what every exercise must come with."""

import ast
import doctest
from collections import Counter
from pathlib import Path

import pytest

from assay.course import Course
from assay.grader import grader_of
from assay.inprocess import Folder
from assay.prove import prove
from assay.scoring import weights

COURSE = Course.find(Path(__file__))


@pytest.fixture(params=COURSE.chapter_ids)
def chapter(request):
    return COURSE.chapter(request.param)


@pytest.mark.parametrize("function", [exercise.function for exercise in COURSE])
def test_the_properties_separate_right_from_wrong(function):
    exercise = COURSE.exercise(function)
    findings = list(prove(COURSE.chapter(exercise.chapter), [function]))
    judged_wrong = [
        (one.specimen.kind, one.specimen.name, one.result.points, one.result.failures)
        for one in findings
        if not one.as_it_should_be
    ]
    assert not judged_wrong
    kinds = Counter(one.specimen.kind for one in findings)
    body = ast.parse(exercise_source(exercise)).body[0].body
    one_liner = len(body) <= 2
    assert kinds["variant"] >= 3, "the reference and at least two others"
    assert kinds["misconception"] >= (4 if one_liner else 6)
    named = [one for one in findings if one.specimen.kind != "triviality"]
    misnamed = [one.specimen.name for one in named if not one.named_right]
    variants = {one.specimen.name for one in named if one.specimen.kind == "variant"}
    assert not variants & set(misnamed)
    assert len(misnamed) <= 0.1 * kinds["misconception"]


def exercise_source(exercise):
    file = COURSE.chapter(exercise.chapter).solution_dir / f"{exercise.module}.py"
    source = file.read_text(encoding="utf-8")
    nodes = {
        node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)
    }
    return ast.get_source_segment(source, nodes[exercise.function])


def test_a_chapter_is_whole(chapter):
    assert chapter.points == 100
    grader = grader_of(chapter)
    for exercise in chapter.exercises:
        assert len(exercise.hints) == 3, exercise.function
        own = [one for one in grader.properties if one.function == exercise.function]
        assert weights(own), exercise.function
        assert all(one.sentence.endswith((".", "?", "!")) for one in own), exercise.function
    assert {one.function for one in grader.properties} == {
        exercise.function for exercise in chapter.exercises
    }
    names = [one.name for one in grader.properties]
    assert len(names) == len(set(names))


def test_docstrings_give_numbers_that_are_right(chapter):
    for module in chapter.modules:
        backend = Folder(chapter.solution_dir, chapter.module_of)
        name = next(one.function for one in chapter.exercises if one.module == module)
        globs = vars(backend.module_of(name))
        finder = doctest.DocTestFinder(recurse=False)
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        for exercise in chapter.exercises:
            if exercise.module != module:
                continue
            tests = finder.find(globs[exercise.function], exercise.function, globs=dict(globs))
            assert sum(len(test.examples) for test in tests) > 0, exercise.function
            for test in tests:
                assert runner.run(test).failed == 0, exercise.function


def test_the_reference_passes_its_visible_examples(chapter):
    from assay.learner import Learner
    from assay.properties import load_properties

    learner = Learner(Folder(chapter.solution_dir, chapter.module_of))
    examples = load_properties(sorted(chapter.stub_dir.glob("test_*.py")))
    assert {one.function for one in examples} == {one.function for one in chapter.exercises}
    for one in examples:
        one.test(learner)


def test_graders_never_look_at_the_solutions(chapter):
    modules = {module for each in COURSE.chapters for module in each.modules}
    for file in [*chapter.grader_dir.glob("*.py"), *chapter.stub_dir.glob("test_*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            roots = {name.split(".")[0] for name in names}
            assert not roots & ({"solutions", "graders", "exercises"} | modules), file
