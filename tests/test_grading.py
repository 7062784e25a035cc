"""From a submission to points, status and diagnosis, on a tiny course."""

import textwrap

import pytest

from assay.exploration import GRADING
from assay.grader import grader_of
from assay.grading import grade, judge
from assay.inprocess import Folder, Functions
from assay.learner import Learner
from assay.properties import Property
from assay.scoring import points, weights

RIGHT_ADD = "def add(a, b):\n    return a + b\n"
RIGHT_MEAN = (
    "def mean(numbers, default=0.0):\n"
    "    return sum(numbers) / len(numbers) if numbers else default\n"
)


def verdict(course, tmp_path, source):
    folder = tmp_path / "submission"
    folder.mkdir(exist_ok=True)
    (folder / "arith.py").write_text(textwrap.dedent(source), encoding="utf-8")
    chapter = course.chapter("ch1")
    grader = grader_of(chapter)
    backend = Folder(folder, chapter.module_of, limit=0.5)
    return grade("s", chapter, grader.properties, lambda _: backend, grader.diagnosis)


def test_all_right(arith, tmp_path):
    result = verdict(arith, tmp_path, RIGHT_ADD + RIGHT_MEAN)
    assert result.score == result.max_score == 100 and result.solved
    assert result.functions["add"].passed == ("test_add_is_plus", "test_zero_is_neutral")


def test_partial_credit_needs_the_core(arith, tmp_path):
    half = "def mean(numbers, default=0.0):\n    return sum(numbers) / max(1, len(numbers))\n"
    result = verdict(arith, tmp_path, RIGHT_ADD + half)
    mean = result.functions["mean"]
    assert (mean.points, mean.status) == (30.0, "partly")
    assert mean.failures[0].counterexample == "mean([], 7.0) returned 0.0\nexpected 7.0"
    zero = "def mean(numbers, default=0.0):\n    return default\n"
    mean = verdict(arith, tmp_path, zero).functions["mean"]
    assert (mean.points, mean.status) == (0.0, "failed")


def test_the_counterexample_is_the_smallest(arith, tmp_path):
    failure = verdict(arith, tmp_path, "def add(a, b):\n    return a + 2 * b\n")
    (failure,) = failure.functions["add"].failures
    assert failure.counterexample == "add(0.0, 1.0) returned 2.0\nexpected 1.0"
    assert failure.sentence == "A sum is what counting on gives."


def test_the_misconception_is_named(arith, tmp_path):
    source = "def add(a, b):\n    return -(b - a)\n" + RIGHT_MEAN
    (failure,) = verdict(arith, tmp_path, source).functions["add"].failures
    assert failure.misconception == "That is the difference, not the sum."
    (failure,) = (
        verdict(arith, tmp_path, "def add(a, b):\n    return a * b\n").functions["add"].failures
    )
    assert failure.misconception is None


def test_the_misconception_is_named_although_another_thing_is_missing_too(arith, tmp_path):
    source = "def mean(numbers, default=0.0):\n    return sum(numbers)\n"
    failures = verdict(arith, tmp_path, RIGHT_ADD + source).functions["mean"].failures
    assert failures[0].misconception == "That is the sum; it is not yet shared out."


def test_a_function_that_changes_its_mind(arith, tmp_path):
    source = "def add(a, b, seen=[]):\n    seen.append(a)\n    return a + b + (len(seen) == 3)\n"
    (failure,) = verdict(arith, tmp_path, source).functions["add"].failures
    assert "asked the same thing twice" in failure.reason


def test_a_property_may_stumble_over_an_answer(arith):
    def stumbles(learner):
        return 1.0 + learner.add(1.0, 2.0)

    learner = Learner(Functions({"add": lambda a, b: "text"}))
    verdict = judge(one("core", "a", test=stumbles), learner)
    assert "can't work with what the function returned" in verdict.failure.reason


@pytest.mark.parametrize(
    ("body", "status", "note"),
    [
        ("raise NotImplementedError", "not_started", "not started yet"),
        ("return a.b", "error", ""),
        ("while True: pass", "timed_out", "took over 0.5 s"),
        ("return None", "failed", ""),
    ],
)
def test_status(arith, tmp_path, body, status, note):
    result = verdict(arith, tmp_path, f"def add(a, b):\n    {body}\n" + RIGHT_MEAN)
    assert result.functions["add"].status == status and result.functions["add"].points == 0
    assert note in result.functions["add"].note
    assert result.functions["mean"].points == 60


def test_missing_function_and_missing_file(arith, tmp_path):
    assert verdict(arith, tmp_path, RIGHT_MEAN).functions["add"].status == "missing"
    (tmp_path / "submission" / "arith.py").unlink()
    chapter = arith.chapter("ch1")
    backend = Folder(tmp_path / "submission", chapter.module_of)
    result = grade("s", chapter, grader_of(chapter).properties, lambda _: backend)
    assert {one.status for one in result.functions.values()} == {"missing"}


def test_a_module_that_cannot_be_imported_says_so_once(arith, tmp_path):
    result = verdict(arith, tmp_path, "def add(a, b):\n    return a +\n")
    assert [one.status for one in result.functions.values()] == ["error", "error"]
    (note,) = result.notes
    assert "arith.py, line 2" in note and "SyntaxError" in note


def test_siblings_can_be_imported_even_late(arith, tmp_path):
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "plus.py").write_text("def plus(a, b):\n    return a + b\n")
    late = "def add(a, b):\n    from plus import plus\n    return plus(a, b)\n" + RIGHT_MEAN
    assert verdict(arith, tmp_path, late).score == 100


def test_in_process_submissions_do_not_see_each_other(arith, tmp_path):
    assert verdict(arith, tmp_path, RIGHT_ADD + RIGHT_MEAN).score == 100
    other = tmp_path / "other"
    other.mkdir()
    assert verdict(arith, other, RIGHT_MEAN).functions["add"].status == "missing"


def one(role, name, weight=None, test=lambda learner: None):
    return Property("f", name, "", role, weight, test, None, 1)


def test_weights_give_the_core_half():
    properties = [one("core", "a"), one("core", "b"), one("extra", "c", 2), one("extra", "d", 1)]
    assert weights(properties) == {"a": 1.5, "b": 1.5, "c": 2.0, "d": 1.0}
    assert points(30, properties, {"a", "b", "d"}) == 20.0
    assert points(30, properties, {"a", "c", "d"}) == 0.0
    assert points(10, [one("core", "a")], {"a"}) == 10.0


def test_weights_refuse_a_light_core_and_no_core():
    with pytest.raises(ValueError, match="half"):
        weights([one("core", "a", 1), one("extra", "b", 2)])
    with pytest.raises(ValueError, match="no core"):
        weights([one("extra", "b", 2)])


def test_grading_is_derandomised():
    assert GRADING.derandomize and GRADING.database is None and GRADING.deadline is None
