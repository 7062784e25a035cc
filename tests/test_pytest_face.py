"""``pytest exercises/ch1`` as a learner runs it: a real pytest, on a tiny course."""

import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

RIGHT = """
def add(a, b):
    return a + b


def mean(numbers, default=0.0):
    return sum(numbers) / len(numbers) if numbers else default
"""


@pytest.fixture
def run(arith, tmp_path):
    """Run pytest on the course with this source in arith.py; returns exit status and output."""

    def run(source, *args, cwd=None, stdin="", graders=True, env=None):
        (arith.root / "exercises" / "ch1" / "arith.py").write_text(source, encoding="utf-8")
        (arith.root / "pyproject.toml").write_text(
            '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n'
        )
        if not graders:
            (arith.root / "graders").rename(tmp_path / "graders")
            (arith.root / "solutions").rename(tmp_path / "solutions")
        command = [sys.executable, "-m", "pytest", *(args or ("exercises/ch1",))]
        done = subprocess.run(
            command,
            cwd=cwd or arith.root,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **(env or {})},
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_solved(run):
    status, out = run(RIGHT)
    assert status == 0
    assert "6 passed" in out and "score 100 of 100" in out and "ch1 is solved" in out


def test_not_started_is_calm(run):
    stub = "def add(*args):\n    raise NotImplementedError\n\n\n"
    status, out = run(stub + stub.replace("add", "mean"))
    assert status == 1
    assert "Traceback" not in out and "Error" not in out
    assert len(re.findall(r"^  · (add|mean) .*not started$", out, re.M)) == 2
    assert "next: write add in exercises/ch1/arith.py:1" in out


def test_a_failure_says_what_where_and_why(run):
    status, out = run(RIGHT.replace("a + b", "a - b"))
    assert status == 1
    for part in (
        "A sum is what counting on gives.",
        "add(0.0, 1.0) returned -1.0",
        "expected 1.0",
        "Perhaps: That is the difference, not the sum.",
        "edit    exercises/ch1/arith.py:2",
        "✗ add   ",
        "score 60 of 100",
        "next: mend add in exercises/ch1/arith.py:2",
    ):
        assert part in out, out
    shown = out[out.index("✗ add") :]
    assert "\x1b" not in out and max(map(len, shown.split("\n"))) <= 80


def test_a_broken_file_is_said_once(run):
    status, out = run("def add(a, b):\n    return (a +\n")
    assert status == 1 and out.count("SyntaxError") == 1
    assert "arith.py, line 2" in out and "next: mend first what stops" in out


def test_an_endless_loop_that_swallows_everything(run):
    endless = (
        "def add(a, b):\n    while True:\n        try:\n            pass\n        except: pass\n"
    )
    status, out = run(endless + RIGHT[RIGHT.index("def mean") :])
    assert status == 1
    assert "took over 5 s: is there a loop that never ends?" in out
    assert "✓ mean" in out


def test_visible_examples_alone(run):
    status, out = run(RIGHT, graders=False)
    assert status == 0 and "2 passed" in out
    assert "hidden properties earn the points" in out and "score" not in out


def test_selection(run):
    status, out = run(RIGHT.replace("a + b", "a - b"), "exercises/ch1", "-k", "mean")
    assert status == 0 and "add" not in out.split("\nch1")[1]
    status, out = run(RIGHT, "graders/ch1/test_arith.py::test_add_is_plus")
    assert status == 0 and "1 passed" in out
    status, out = run(RIGHT, "exercises/ch1/test_arith.py::test_two_and_three")
    assert status == 0 and "1 passed" in out


def test_stop_at_the_first_and_run_the_last_failed(run):
    wrong = RIGHT.replace("a + b", "a - b").replace("/ len", "/ 1 / len")
    status, out = run(wrong, "exercises/ch1", "-x")
    assert status == 1 and "1 not right yet" in out
    status, out = run(RIGHT, "exercises/ch1", "--lf")
    assert status == 0 and re.search(r"\b[12] passed", out)


def test_quiet(run):
    status, out = run(RIGHT, "exercises/ch1", "-q")
    assert status == 0 and "score 100 of 100" in out and len(out.strip().split("\n")) < 10


def test_many_processes(run):
    status, out = run(RIGHT.replace("a + b", "a - b"), "exercises/ch1", "-n", "2")
    assert status == 1 and "score 60 of 100" in out and "Perhaps: That is the difference" in out


def test_junit(run, arith):
    run(RIGHT.replace("a + b", "a - b"), "exercises/ch1", "--junitxml=out.xml")
    cases = ElementTree.parse(arith.root / "out.xml").iter("testcase")
    failures = [failure.text for case in cases for failure in case.iter("failure")]
    assert any("add(0.0, 1.0) returned -1.0" in text for text in failures)


def test_pdb_opens_in_the_learners_frame(run):
    source = RIGHT.replace("return a + b", "mine = 41\n    return a.nonsense")
    _, out = run(source, "exercises/ch1", "--pdb", "-x", stdin="p mine + 1\nq\n")
    assert re.search(r"\(Pdb\) 42", out), out


def test_a_breakpoint_can_be_left(run):
    source = RIGHT.replace("return a + b", "breakpoint()\n    return a + b")
    status, out = run(source, "exercises/ch1", stdin="p a + b\nq\n")
    assert status == 2 and "(Pdb) 5.0" in out


def test_from_any_directory(run, arith, tmp_path):
    status, out = run(RIGHT, str(arith.root / "exercises" / "ch1"), cwd=tmp_path)
    assert status == 0 and "score 100 of 100" in out
    status, out = run(RIGHT, ".", cwd=arith.root / "exercises" / "ch1")
    assert status == 0 and "score 100 of 100" in out


def test_another_folder_can_be_judged(run, arith):
    stub = "def add(a, b):\n    raise NotImplementedError\n"
    status, out = run(stub, "exercises/ch1", "--submission", "solutions")
    assert status == 0 and "score 100 of 100" in out


def test_collecting_shows_real_node_ids(run):
    status, out = run(RIGHT, "exercises", "--collect-only", "-q")
    assert status == 0
    assert "exercises/ch1/test_arith.py::test_two_and_three" in out
    assert "graders/ch1/test_arith.py::test_add_is_plus" in out


def test_the_last_failure_is_tried_first(run, arith):
    """What failed last time is the first thing that the next run asks."""
    log = arith.root / "asked.txt"
    wrong = RIGHT.replace(
        "return a + b", f"open({str(log)!r}, 'a').write(f'{{a}} {{b}}\\n'); return a + b + (a > 2)"
    )
    core = "graders/ch1/test_arith.py::test_add_is_plus"
    assert run(wrong, core)[0] == 1
    log.unlink()
    status, out = run(wrong, core)
    assert status == 1 and "add(3.0, 0.0) returned 4.0" in out
    assert "3.0 0.0" in log.read_text().splitlines()[:2]


def test_other_tests_are_left_alone(run, tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_one():\n    assert False, 'mine'\n")
    status, out = run(RIGHT, "test_plain.py", cwd=tmp_path)
    assert status == 1 and "1 failed" in out and "mine" in out and "score" not in out
