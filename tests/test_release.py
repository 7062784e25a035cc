"""What students are given is whole, works by itself, and shows nothing that they must find."""

import ast
import os
import shutil
import subprocess
import sys

import pytest

from assay.course import Course, CourseError
from assay.markers import marked
from assay.release import leaks, release
from assay.stubs import drift, reset, write_stubs


def texts(bundle):
    """All that a student can read, without its spaces."""
    files = [file for file in bundle.rglob("*") if file.is_file()]
    return {
        file: "".join(file.read_text(encoding="utf-8", errors="replace").split()) for file in files
    }


def test_the_bundle_has_what_a_student_needs_and_nothing_else(arith, tmp_path):
    write_stubs(arith.chapters)
    root = arith.root
    (root / "exercises/ch1/lab.py").write_text("import sys\nfrom toy import box\n")
    (root / "exercises/ch1/toy.py").write_text("from arith import add\n\nbox = 1\n")
    for own in (
        "exercises/ch1/notes.py",
        "exercises/ch1/arith.py.saved-2026-01-01T00-00-00",
        "exercises/ch1/test_mine.py",
        "exercises/ch1/lab.png",
        "exercises/ch1/.secret.md",
        "chapters/ch1/.draft.md",
        "chapters/ch1/figure.py",
        "chapters/ch1/hidden.ipynb",
        "tests/variants/ch1.py",
    ):
        (root / own).parent.mkdir(parents=True, exist_ok=True)
        (root / own).write_text("mine\n")
    (root / "chapters/ch1/text.md").write_text("# Prose\n")
    files = release(arith.chapters, tmp_path / "out")
    assert [file.as_posix() for file in files] == [
        "README.md",
        "chapters/ch1/chapter.toml",
        "chapters/ch1/stubs/arith.py",
        "chapters/ch1/text.md",
        "exercises/ch1/arith.py",
        "exercises/ch1/lab.py",
        "exercises/ch1/test_arith.py",
        "exercises/ch1/toy.py",
    ]
    assert "Numbers, added and averaged." in (tmp_path / "out/README.md").read_text()


def test_an_instructors_own_answers_stay_at_home(arith, tmp_path):
    (write,) = write_stubs(arith.chapters)
    stub = write.file.read_text()
    write.file.write_text("def add(a, b):\n    return b + a\n")
    release(arith.chapters, tmp_path / "out")
    assert (tmp_path / "out/exercises/ch1/arith.py").read_text() == stub


def test_the_bundle_is_a_course_whose_exercises_can_be_reset(arith, tmp_path):
    release(arith.chapters, tmp_path / "out")
    bundle = Course.find(tmp_path / "out" / "exercises")
    exercise = bundle.exercise("add")
    assert exercise.sentence == "The sum of two numbers."
    assert drift(bundle.chapters) == []
    stub = exercise.file.read_text()
    exercise.file.write_text("def add(a, b):\n    return b + a\n")
    reset(bundle.chapter("ch1"))
    assert exercise.file.read_text() == stub


def test_a_file_that_shows_a_solution_stops_the_release(arith, tmp_path):
    lab = arith.root / "exercises/ch1/lab.py"
    lab.parent.mkdir(exist_ok=True)
    lab.write_text(
        "def average(numbers, default):\n"
        "  if not numbers:\n    return default\n"
        "  return _total( numbers) / len(numbers)\n"
    )
    with pytest.raises(CourseError, match=r"^exercises/ch1/lab.py: shows what solutions/ch1/arith"):
        release(arith.chapters, tmp_path / "out")
    assert [found.name for found in tmp_path.iterdir()] == ["course"]


def test_a_release_overwrites_nothing(arith, tmp_path):
    (tmp_path / "out").mkdir()
    release(arith.chapters, tmp_path / "out")
    with pytest.raises(CourseError, match="not empty"):
        release(arith.chapters, tmp_path / "out")
    with pytest.raises(CourseError, match="no chapter"):
        release([], tmp_path / "other")


@pytest.fixture(scope="module")
def bundle(course, tmp_path_factory):
    out = tmp_path_factory.mktemp("release") / "bundle"
    release(course.chapters, out)
    return out


def test_the_real_bundle_shows_no_solution(course, bundle):
    assert leaks(course.chapters, bundle) == []
    seen = texts(bundle)
    for chapter in course.chapters:
        for module in chapter.modules:
            solution = chapter.solution_dir / f"{module}.py"
            regions = marked(solution.read_text(encoding="utf-8"), solution.name)
            assert len(regions) >= len([e for e in chapter.exercises if e.module == module])
            for region in regions:
                body = "".join(region.split())
                assert [file for file, text in seen.items() if body in text] == [], region
    assert not [
        file
        for file, text in seen.items()
        if "BEGINSOLUTION" in text and "assay" not in file.relative_to(bundle).parts
    ]


def test_the_real_bundle_shows_no_property_and_no_misconception(course, bundle):
    seen = texts(bundle)
    secrets = 0
    for chapter in course.chapters:
        for file in sorted(chapter.grader_dir.glob("*.py")):
            source = file.read_text(encoding="utf-8")
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    secrets += 1
                    secret = "".join((ast.get_source_segment(source, node) or "").split())
                    assert [name for name, text in seen.items() if secret in text] == [], node.name
    assert secrets > 100
    folders = {file.relative_to(bundle).parts[0] for file in seen}
    assert folders.isdisjoint({"solutions", "graders", "tests", ".git"})


def test_the_real_bundle_runs_by_itself(course, bundle, tmp_path):
    copy = tmp_path / "student"
    shutil.copytree(bundle, copy)
    chapter = course.chapters[0]
    for module in chapter.modules:
        shutil.copyfile(
            chapter.solution_dir / f"{module}.py", copy / "exercises" / chapter.id / f"{module}.py"
        )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", f"exercises/{chapter.id}", "-q"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
