"""The commands of a learner, as they are typed."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time

import pytest

STUB = (
    "def add(a, b):\n    raise NotImplementedError\n\n\n"
    "def mean(numbers, default=0.0):\n    raise NotImplementedError\n"
)
RIGHT_ADD = STUB.replace("raise NotImplementedError", "return a + b", 1)


@pytest.fixture
def assay(arith):
    """Run a command in the course; returns exit status and output."""

    def assay(*args, cwd=None):
        done = subprocess.run(
            [sys.executable, "-m", "assay", *args],
            cwd=cwd or arith.root,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80"},
        )
        return done.returncode, done.stdout + done.stderr

    assay("stubs")
    return assay


def work(arith):
    return arith.root / "exercises" / "ch1" / "arith.py"


def test_check_a_chapter_and_a_function(assay, arith):
    work(arith).write_text(RIGHT_ADD)
    status, out = assay("check", "ch1")
    assert status == 1 and "✓ add" in out and "· mean" in out and "score 40 of 100" in out
    status, out = assay("check", "ch1", "add")
    assert status == 0 and "mean" not in out
    status, out = assay("check", "add")
    assert status == 0 and "✓ add" in out


def test_check_shows_what_was_printed(assay, arith):
    work(arith).write_text(RIGHT_ADD.replace("return", 'print("\\x1b[31mseen", a); return'))
    _, out = assay("check", "ch1", "add")
    assert "your code printed" in out and "seen" in out and "\x1b" not in out


def test_names_that_do_not_exist(assay):
    for args in (("check", "ch9"), ("check", "ch1", "ad"), ("hint", "meen"), ("watch", "ch7")):
        status, out = assay(*args)
        assert status == 2 and out.startswith("assay: ") and "Traceback" not in out
    assert "did you mean mean?" in assay("hint", "meen")[1]


def test_no_course_here(assay, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    status, out = assay("status", cwd=empty)
    assert status == 2 and "no course here" in out


def test_hints_go_deeper_and_start_over(assay):
    shown = [assay("hint", "add")[1] for _ in range(4)]
    assert "hint 1 of 3 (the idea)" in shown[0] and "Two numbers become one." in shown[0]
    assert "hint 2 of 3 (the usual trap)" in shown[1]
    assert "hint 3 of 3 (an outline)" in shown[2] and shown[3] == shown[2]
    assert "hint 1 of 3" in assay("hint", "add", "--again")[1]


def test_status_remembers_and_notices_changes(assay, arith):
    status, out = assay("status")
    assert status == 0 and "0/100" in out and "next: write add" in out
    work(arith).write_text(RIGHT_ADD)
    assert "40/100" in assay("status")[1]
    assert json.loads((arith.root / ".assay" / "progress.json").read_text())["chapters"]["ch1"]
    work(arith).write_text(STUB)
    assert " 0/100" in assay("status")[1]


def test_status_survives_a_spoiled_memory(assay, arith):
    work(arith).write_text(RIGHT_ADD)
    memory = arith.root / ".assay" / "progress.json"
    for text in ("{", "[]", '{"chapters": {"ch1": 3}}'):
        memory.parent.mkdir(exist_ok=True)
        memory.write_text(text)
        assert "40/100" in assay("status")[1]


def test_grade_writes_the_contract(assay, arith, tmp_path):
    folder = tmp_path / "class"
    for name, source in {"ann": RIGHT_ADD, "bob": STUB}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "arith.py").write_text(source)
    out = tmp_path / "out.json"
    status, _ = assay("grade", "ch1", str(folder), "--json", str(out), "--unsafe-in-process")
    assert status == 0
    ann, bob = json.loads(out.read_text())["results"]
    assert (ann["submission"], ann["chapter"], ann["score"], ann["max_score"]) == (
        "ann",
        "ch1",
        40,
        100,
    )
    assert {"points", "max_points", "status", "failures"} <= ann["functions"]["add"].keys()
    assert bob["functions"]["add"]["status"] == "not_started" and bob["score"] == 0


def test_prove(assay):
    status, out = assay("prove", "ch1")
    assert status == 0, out
    assert "0 judged wrong; 100% of the misconceptions named" in out
    status, out = assay("prove", "ch1", "--mutants")
    assert "mutants caught" in out


class Screen:
    """``assay watch`` in a real terminal."""

    def __init__(self, root):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assay", "watch", "ch1"],
            cwd=root,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
        )
        os.close(slave)
        self.seen = ""

    def until(self, pattern, seconds=60):
        """Read until the pattern is seen after what was matched last."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < deadline, f"{pattern!r} not in:\n{self.seen}"
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 1 << 16).decode(errors="replace")
        self.seen = self.seen[found.end() :]

    def press(self, key):
        os.write(self.master, key.encode())


def test_watch_follows_saves_and_keys(assay, arith):
    screen = Screen(arith.root)
    try:
        screen.until("score 0 of 100")
        screen.until("q quit")
        work(arith).write_text(RIGHT_ADD)
        screen.until("score 40 of 100")
        screen.until("q quit")
        screen.press("h")
        screen.until("hint 1 of 1 for mean")
        screen.press("l")
        screen.until("ch1 .*40/100")
        work(arith).write_text("def add(a, b:\n")
        screen.until("SyntaxError")
        work(arith).write_text(RIGHT_ADD.replace("a + b", "__import__('os')._exit(7)"))
        screen.until("ended the process")
        screen.until("q quit")
        screen.press("\n")
        screen.until("ended the process")
        screen.press("q")
        assert screen.process.wait(30) == 1
    finally:
        screen.process.kill()
        os.close(screen.master)


def test_watch_without_a_terminal(assay, arith):
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "watch", "ch1"],
        cwd=arith.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    rescue = threading.Timer(60, process.kill)
    rescue.start()
    try:
        lines = iter(process.stdout.readline, "")
        assert any("score 0 of 100" in line for line in lines)
        work(arith).write_text(RIGHT_ADD)
        assert any("score 40 of 100" in line for line in lines)
    finally:
        rescue.cancel()
        process.kill()
        process.wait()
