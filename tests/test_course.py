"""A course is what its files say, and a file that says something wrong is named with its line."""

import subprocess
import sys
from pathlib import Path

import pytest

from assay.course import Course, CourseError


def edit(course: Course, name: str, old: str, new: str) -> None:
    file = course.root / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def add_chapter(course: Course, name: str, function: str) -> None:
    toml = f'''
title = "T"
summary = "S"
[[exercise]]
function = "{function}"
module = "more"
points = 1
hints = []
'''
    source = f'def {function}():\n    """One line."""\n'
    for target, text in (("chapters/{}/chapter.toml", toml), ("exercises/{}/more.py", source)):
        file = course.root / target.format(name)
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")


TOML = "chapters/ch1/chapter.toml"
SOLUTION = "solutions/ch1/arith.py"


def test_a_chapter_says_what_its_files_say(arith):
    (chapter,) = arith.chapters
    assert (chapter.id, chapter.number, chapter.title) == ("ch1", 1, "Arithmetic")
    assert chapter.summary == "Numbers, added and averaged."
    assert chapter.points == 100
    assert chapter.modules == ("arith",)
    assert chapter.grader_dir == arith.root / "graders" / "ch1"


def test_an_exercise_joins_what_toml_and_source_say(arith):
    exercise = arith.exercise("mean")
    assert (exercise.chapter, exercise.module, exercise.points) == ("ch1", "arith", 60)
    assert exercise.sentence == "The arithmetic mean."
    assert "where there are no numbers" in exercise.docstring
    assert exercise.signature == "mean(numbers: list[float], default: float=0.0) -> float"
    assert exercise.hints == ("Share evenly.",)
    assert exercise.file == arith.root / "exercises/ch1/arith.py"
    assert exercise.line == 1


def test_the_line_is_that_of_the_learners_definition(arith):
    edited = arith.root / "exercises/ch1/arith.py"
    edited.write_text("def mean(x):\n    return x\n\n\ndef add(a, b):\n    '''Mine.'''\n")
    add, mean = arith.chapter("ch1").exercises
    assert (add.line, mean.line) == (5, 1)
    assert add.sentence == "The sum of two numbers."


def test_a_learners_syntax_error_hides_nothing_but_the_line(arith):
    (arith.root / "exercises/ch1/arith.py").write_text("def add(a, b:\n")
    assert arith.exercise("add").sentence == "The sum of two numbers."
    assert arith.exercise("add").line == 1


def test_without_solutions_the_shipped_stubs_speak_for_the_author(arith):
    shipped = arith.chapter("ch1").pristine_dir / "arith.py"
    shipped.parent.mkdir()
    (arith.root / SOLUTION).rename(shipped)
    fresh = Course(arith.root)
    assert fresh.exercise("add").sentence == "The sum of two numbers."


@pytest.mark.parametrize("start", ["", "exercises/ch1/test_arith.py", "chapters/ch1"])
def test_a_course_is_found_from_anywhere_inside(arith, start):
    assert Course.find(arith.root / start).root == arith.root.resolve()


def test_outside_of_a_course_there_is_none(tmp_path):
    with pytest.raises(CourseError, match="no course here"):
        Course.find(tmp_path / "nowhere")


def test_chapters_are_in_the_order_of_their_numbers(arith):
    add_chapter(arith, "ch10", "ten")
    add_chapter(arith, "ch2", "two")
    assert [chapter.id for chapter in arith.chapters] == ["ch1", "ch2", "ch10"]
    assert [exercise.function for exercise in arith] == ["add", "mean", "two", "ten"]


def test_an_unknown_name_brings_up_the_nearest(arith):
    with pytest.raises(CourseError, match=r"no chapter 'ch11'; did you mean ch1\?"):
        arith.chapter("ch11")
    with pytest.raises(CourseError, match="no chapter 'x'; there are ch1"):
        arith.chapter("x")
    with pytest.raises(CourseError, match=r"no exercise 'men'; did you mean mean\?"):
        arith.exercise("men")
    with pytest.raises(CourseError, match="ch1 has no exercise 'divide'; there are add, mean"):
        arith.chapter("ch1").exercise("divide")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Arithmetic"', "", f"{TOML}: title is missing"),
        ('title = "Arithmetic"', 'title = ""', f"{TOML}: title is ''"),
        ("points = 60", "points = 0", f"{TOML}:11: points is 0, but must be a number above 0"),
        ("points = 60", "points = true", f"{TOML}:11: points is True"),
        ('hints = ["Share evenly."]', "", f"{TOML}:11: hints is missing"),
        ('hints = ["Share evenly."]', 'hints = "x"', f"{TOML}:11: hints is 'x'"),
        ('function = "mean"', "", f"{TOML}: exercise 2: function is missing"),
        ('function = "mean"', 'function = "add"', f"{TOML}:11: add is listed twice"),
        ('module = "arith"', 'module = "../x"', f"{TOML}:5: module is '../x'"),
        (
            'function = "mean"',
            'function = "median"',
            f"{TOML}:11: median is listed, but no function of that name in {SOLUTION}",
        ),
        (
            'module = "arith"',
            'module = "other"',
            f"{TOML}:5: add is listed, but no function of that name in solutions/ch1/other.py",
        ),
        ("points = 60", "points =", f"{TOML}: not valid TOML: Invalid value (at line 13,"),
        ("[[exercise]]", "[exercise]", f"{TOML}: not valid TOML"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(arith, old, new, message):
    edit(arith, TOML, old, new)
    with pytest.raises(CourseError) as caught:
        arith.chapter("ch1")
    assert str(caught.value).startswith(message)


def test_a_solution_that_is_not_python_is_named_with_its_line(arith):
    edit(arith, SOLUTION, "return a + b", "return a +")
    with pytest.raises(CourseError, match=f"^{SOLUTION}:14: invalid syntax"):
        arith.chapter("ch1")


def test_a_broken_chapter_leaves_the_others_usable(arith):
    add_chapter(arith, "ch2", "two")
    edit(arith, TOML, "points = 60", "points =")
    assert arith.chapter("ch2").title == "T"
    with pytest.raises(CourseError):
        _ = arith.chapters


def test_a_name_means_one_exercise(arith):
    add_chapter(arith, "ch2", "add")
    with pytest.raises(CourseError, match=r"ch2/chapter.toml:5: add is listed by ch1 too"):
        arith.exercise("mean")


def test_reading_a_course_imports_none_of_it_and_nothing_heavy():
    code = (
        "import sys; from pathlib import Path; from assay.course import Course; "
        "Course.find(Path.cwd()).chapters; "
        "heavy = {'torch', 'numpy', 'hypothesis', 'pytest'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_the_real_courses_chapters_are_worth_100_points_each(course):
    assert {chapter.id: chapter.points for chapter in course.chapters} == dict.fromkeys(
        course.chapter_ids, 100
    )
    assert all(exercise.sentence for exercise in course)
