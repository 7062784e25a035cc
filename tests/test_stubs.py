"""Stubs show what a learner needs and nothing else, and nobody's work is ever lost."""

import ast
import os
import re

import pytest

from assay.cli import main
from assay.course import Course, CourseError
from assay.markers import stub_source
from assay.saving import save_beside, write_whole
from assay.stubs import Drift, Written, drift, pristine, reset, write_stubs

ARITH_STUB = '''\
"""Arithmetic on plain numbers."""

from math import fsum


def add(a: float, b: float) -> float:
    """The sum of two numbers.

    Example:
        >>> add(2.0, 3.0)
        5.0
    """
    raise NotImplementedError("write add here")


def mean(numbers: list[float], default: float = 0.0) -> float:
    """The arithmetic mean.

    Returns:
        `default` where there are no numbers.
    """
    raise NotImplementedError("write mean here")
'''


@pytest.fixture
def stubbed(arith):
    """The course `arith` as a learner gets it."""
    write_stubs(arith.chapters)
    return arith


def learner_file(course):
    return course.chapter("ch1").stub_dir / "arith.py"


def saved_copies(course):
    return sorted(learner_file(course).parent.glob("*.saved-*"))


# From source to stub.


def test_marked_bodies_and_private_functions_vanish_and_all_else_stays(arith):
    assert pristine(arith.chapter("ch1"), "arith") == ARITH_STUB


def test_what_is_given_around_a_region_stays():
    source = """\
class Box:
    @staticmethod
    def area(a, b):
        # a box has no depth
        if a < 0:
            ### BEGIN SOLUTION
            raise ValueError("a")
            ### END SOLUTION
        total = 0
        ### BEGIN SOLUTION
        total = a * b  ### BEGIN is not a marker here
        # nor is this comment code

        total += 0; total -= 0
        ### END SOLUTION
        return total
"""
    assert (
        stub_source(source, "box.py")
        == """\
class Box:
    @staticmethod
    def area(a, b):
        # a box has no depth
        if a < 0:
            raise NotImplementedError("write area here")
        total = 0
        raise NotImplementedError("write area here")
        return total
"""
    )


def test_markers_in_texts_are_texts():
    source = 'def f():\n    """Write\n    ### BEGIN SOLUTION\n    first."""\n    return 1\n'
    assert stub_source(source, "f.py") == source


def test_a_region_may_cover_a_decorated_function_and_compound_statements():
    source = """\
import functools

### BEGIN SOLUTION


@functools.cache
def _f(n):
    for i in range(n):
        pass
    else:
        return i


LIMIT = 3
### END SOLUTION

CHUNK = 2
### BEGIN SOLUTION
_SECRET = 1
### END SOLUTION
"""
    assert stub_source(source, "f.py") == "import functools\n\nCHUNK = 2\n"


def test_windows_line_ends_make_the_same_stub():
    source = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
    assert stub_source(source.replace("\n", "\r\n"), "f.py") == stub_source(source, "f.py")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("### BEGIN SOLUTION\n    return 1", "f.py:2: ### BEGIN SOLUTION without ### END"),
        ("return 1\n    ### END SOLUTION", "f.py:3: ### END SOLUTION without ### BEGIN"),
        (
            "### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION",
            "f.py:3: ### BEGIN SOLUTION inside the region that begins in line 2",
        ),
        ("# BEGIN SOLUTION\n    return 1\n    # END SOLUTION", "f.py:2: a marker is written"),
        ("###begin solution\n    return 1", "f.py:2: a marker is written"),
        ("return 1  ### BEGIN SOLUTION", "f.py:2: a marker is written"),
        ("### BEGIN SOLUTION\n    ### END SOLUTION\n    return 1", "f.py:2: the region"),
        (
            "x = [\n    ### BEGIN SOLUTION\n    1,\n    ### END SOLUTION\n    ]",
            "f.py:3: the region",
        ),
        (
            "x = [\n    ### BEGIN SOLUTION\n    1]\n    y = 2\n    ### END SOLUTION",
            "f.py:3: the region",
        ),
        (
            "if 1:\n     ### BEGIN SOLUTION\n     a = 1\n    else: a = 2\n     ### END SOLUTION",
            "f.py:3: the region",
        ),
        (
            "for a in []:\n     ### BEGIN SOLUTION\n     pass\n    a = 2\n    ### END SOLUTION",
            "f.py:3: the region",
        ),
        ("### BEGIN SOLUTION\n    return 1\nx = 1\n### END SOLUTION", "f.py:2: the region"),
        ("return (", "f.py:2: "),
    ],
)
def test_wrong_markers_are_named_with_their_line(body, message):
    with pytest.raises(CourseError) as caught:
        stub_source(f"def f():\n    {body}\n", "f.py")
    assert str(caught.value).startswith(message)


def test_an_exercise_with_nothing_marked_is_an_error(arith):
    solution = arith.chapter("ch1").solution_dir / "arith.py"
    text = solution.read_text(encoding="utf-8")
    marked = "    ### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION\n"
    assert marked in text
    solution.write_text(text.replace(marked, "    return a + b\n"), encoding="utf-8")
    with pytest.raises(CourseError, match=r"^solutions/ch1/arith.py:6: add is an exercise, but"):
        write_stubs(arith.chapters)


# Writing them.


def test_missing_stubs_are_written_and_then_left_alone(arith):
    file = learner_file(arith)
    assert drift(arith.chapters) == [Drift(file, None, "missing")]
    assert write_stubs(arith.chapters) == [Written(file, "written")]
    assert file.read_text(encoding="utf-8") == ARITH_STUB
    assert write_stubs(arith.chapters) == [Written(file, "unchanged")]
    assert drift(arith.chapters) == []


def test_an_outdated_stub_that_nobody_worked_in_is_renewed(stubbed):
    file = learner_file(stubbed)
    file.write_text(ARITH_STUB.replace("The sum of", "The summe of").replace("fsum", "ceil"))
    assert drift(stubbed.chapters) == [Drift(file, None, "differs")]
    assert write_stubs(stubbed.chapters) == [Written(file, "written")]
    assert file.read_text() == ARITH_STUB
    assert not saved_copies(stubbed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('raise NotImplementedError("write add here")', "return a + b"),
        ('raise NotImplementedError("write add here")', "..."),
        ('raise NotImplementedError("write add here")', "raise NotImplementedError  # plus?"),
        ('raise NotImplementedError("write add here")', "return a +"),
        ("from math import fsum", "from math import fsum\n\nTOLERANCE = 3"),
        ("def mean", "def helper():\n    return 3\n\n\ndef mean"),
        ("def mean", "\0def mean"),
    ],
)
def test_a_learners_work_is_kept_and_saved_when_forced(stubbed, old, new):
    file = learner_file(stubbed)
    assert old in ARITH_STUB
    work = ARITH_STUB.replace(old, new)
    file.write_text(work)
    assert write_stubs(stubbed.chapters) == [Written(file, "kept")]
    assert file.read_text() == work
    (result,) = write_stubs(stubbed.chapters, force=True)
    assert (result.file, result.outcome) == (file, "written")
    assert file.read_text() == ARITH_STUB
    assert result.saved is not None and result.saved.read_text() == work
    assert re.fullmatch(r"arith\.py\.saved-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d", result.saved.name)


def test_drift_looks_at_signatures_and_docstrings_where_a_learner_has_worked(stubbed):
    file = learner_file(stubbed)
    work = ARITH_STUB.replace('raise NotImplementedError("write add here")', "return a + b")
    file.write_text(work)
    assert drift(stubbed.chapters) == []
    file.write_text(work.replace("arithmetic mean", "geometric mean"))
    assert drift(stubbed.chapters) == [Drift(file, "mean", "differs")]
    file.write_text(work.replace("b: float", "c: float"))
    assert drift(stubbed.chapters) == [Drift(file, "add", "differs")]
    file.write_text(work.replace("def mean", "def average"))
    assert drift(stubbed.chapters) == [Drift(file, "mean", "missing")]
    file.write_text(work.replace("def add(a", "def add(a a"))
    assert drift(stubbed.chapters) == [Drift(file, None, "unreadable")]


def test_windows_line_ends_are_no_drift(stubbed):
    file = learner_file(stubbed)
    file.write_bytes(ARITH_STUB.replace("\n", "\r\n").encode())
    assert drift(stubbed.chapters) == []


# Going back to them.


def test_a_chapter_is_reset_with_the_work_saved(stubbed):
    file = learner_file(stubbed)
    file.write_text("def add(a, b:")
    (result,) = reset(stubbed.chapter("ch1"))
    assert file.read_text() == ARITH_STUB
    assert result.saved is not None and result.saved.read_text() == "def add(a, b:"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_function_is_reset_and_not_one_byte_around_it(stubbed, newline):
    before = "\ufeff# mine: é \x0c\nimport math\n\n# on add\n".replace("\n", newline).encode()
    add = '@print\ndef add(a, b):\n    """Mine."""\n    return a + b\n'.replace("\n", newline)
    after = "\nx = 1 ;y=2\ndef mean(n):\n\treturn 0   # no newline".replace("\n", newline).encode()
    file = learner_file(stubbed)
    file.write_bytes(before + add.encode() + after)
    (result,) = reset(stubbed.chapter("ch1"), "add")
    stub = ARITH_STUB[ARITH_STUB.index("def add") : ARITH_STUB.index("\n\n\ndef mean")] + "\n"
    assert file.read_bytes() == before + stub.replace("\n", newline).encode() + after
    assert result.saved is not None
    assert result.saved.read_bytes() == before + add.encode() + after
    ast.parse(file.read_bytes())


def test_a_function_defined_twice_is_reset_to_one(stubbed):
    file = learner_file(stubbed)
    file.write_text("def add(a, b): return 1\nx = 1\ndef add(a, b): return 2\n# end\n")
    reset(stubbed.chapter("ch1"), "add")
    text = file.read_text()
    assert text.count("def add") == 1
    assert text.startswith("def add(a: float, b: float)")
    assert text.endswith('raise NotImplementedError("write add here")\nx = 1\n# end\n')


def test_a_function_that_is_gone_comes_back_at_the_end(stubbed):
    file = learner_file(stubbed)
    for text in ("x = 1\n", "x = 1"):
        file.write_text(text)
        reset(stubbed.chapter("ch1"), "add")
        assert file.read_text().startswith("x = 1\n\n\ndef add(a: float")
    file.unlink()
    reset(stubbed.chapter("ch1"), "add")
    assert file.read_text() == ARITH_STUB


def test_an_untouched_function_is_left_unchanged(stubbed):
    file = learner_file(stubbed)
    assert reset(stubbed.chapter("ch1"), "add") == [Written(file, "unchanged")]
    assert not saved_copies(stubbed)


def test_a_function_in_a_file_that_is_not_python_can_only_be_reset_with_its_chapter(stubbed):
    file = learner_file(stubbed)
    file.write_text("x = (\n")
    with pytest.raises(CourseError, match=r"^exercises/ch1/arith.py:1: .* the whole of ch1 can be"):
        reset(stubbed.chapter("ch1"), "add")
    assert file.read_text() == "x = (\n"


def test_students_without_solutions_reset_to_the_shipped_stub(stubbed):
    chapter = stubbed.chapter("ch1")
    shipped = chapter.pristine_dir / "arith.py"
    write_whole(shipped, ARITH_STUB)
    (chapter.solution_dir / "arith.py").unlink()
    fresh = Course(stubbed.root)
    learner_file(fresh).write_text("def add(a, b):\n    return 3\n")
    reset(fresh.chapter("ch1"))
    assert learner_file(fresh).read_text() == ARITH_STUB
    assert drift(fresh.chapters) == []
    shipped.unlink()
    with pytest.raises(CourseError, match=r"^solutions/ch1/arith.py: missing"):
        reset(fresh.chapter("ch1"))


# The commands.


def test_the_commands_say_what_became_of_each_file(arith, capsys):
    def assay(*words):
        status = main(["--course", str(arith.root), *words])
        return status, capsys.readouterr().out

    assert assay("stubs", "--check") == (1, "exercises/ch1/arith.py is missing\n")
    assert assay("stubs") == (0, "exercises/ch1/arith.py written\n")
    assert assay("stubs", "--check") == (0, "")
    assert assay("reset", "ch1", "add") == (0, "exercises/ch1/arith.py has nothing to reset\n")
    learner_file(arith).write_text("def add(a, c):\n    return a + c\n")
    assert assay("stubs", "ch1")[1].startswith("exercises/ch1/arith.py kept, since there is work")
    assert assay("stubs", "--check")[1].startswith("exercises/ch1/arith.py: add is out of step")
    status, said = assay("reset", "ch1")
    (saved,) = saved_copies(arith)
    assert status == 0
    assert said == f"exercises/ch1/arith.py is back to the start; your work is in {saved.name}\n"


def test_a_wrong_name_is_one_sentence_and_status_2(arith, capsys):
    assert main(["--course", str(arith.root), "reset", "ch1", "ad"]) == 2
    assert capsys.readouterr().err == "assay: ch1 has no exercise 'ad'; did you mean add?\n"


# Saving.


def test_copies_of_one_second_do_not_overwrite_each_other(tmp_path):
    file = tmp_path / "a.py"
    copies = set()
    for number in range(5):
        file.write_text(str(number))
        copies.add(save_beside(file))
    assert sorted(copy.read_text() for copy in copies) == list("01234")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "a.py"
    file.write_text("old")
    file.chmod(0o640)
    write_whole(file, "new")
    assert file.read_text() == "new"
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o640

    def full_disk(descriptor):
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_whole(file, "half")
    assert file.read_text() == "new"
    assert [found.name for found in tmp_path.iterdir()] == ["a.py"]


# The real course.


def test_the_stubs_are_in_step_with_the_solutions(course):
    assert drift(course.chapters) == []
