"""How long a learner waits, as ratios measured in one run (``pytest -m benchmark benchmarks``)."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.benchmark


def seconds(command, **kwargs):
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, **kwargs)
    return time.perf_counter() - started


def test_a_solved_chapter_against_bare_imports(capsys):
    """``pytest exercises/ch4``, all solved: at most 3 times the imports it can't do without."""
    bare = [sys.executable, "-c", "import torch, pytest, hypothesis"]
    solved = [sys.executable, "-m", "pytest", "exercises/ch4", "--submission", "solutions", "-q"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # a learner's Python keeps what it has compiled
    pairs = [(seconds(bare, env=env), seconds(solved, env=env)) for _ in range(5)]
    ratio = statistics.median(chapter / imports for imports, chapter in pairs)
    with capsys.disabled():
        imports, chapter = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"\nimports {imports:.2f} s, solved ch4 {chapter:.2f} s, ratio {ratio:.2f} (aim 3)")


def test_watch_from_save_to_verdict(tmp_path, capsys):
    """One function of ch4 after the other is broken and mended under a warm watcher: aim 0.5 s."""
    from assay.course import Course
    from assay.watching import TICK, Bench

    root = tmp_path / "course"
    for folder in ("exercises", "solutions", "graders", "chapters"):
        shutil.copytree(ROOT / folder, root / folder)
    course = Course.find(root)
    chapter = course.chapter("ch4")
    file = chapter.stub_dir / "dpo.py"
    solved = (chapter.solution_dir / "dpo.py").read_text()
    file.write_text(solved)
    bench = Bench.set_up(course, chapter)
    bench.check()
    times = {}
    for function in (one.function for one in chapter.exercises):
        head, body = solved.split(f"def {function}(", 1)
        broken = body.replace(
            "### BEGIN SOLUTION\n    ", "### BEGIN SOLUTION\n    return None\n    ", 1
        )
        for text in (f"{head}def {function}({broken}", solved):
            file.write_text(text)
            started = time.perf_counter()
            bench.check()
            times.setdefault(function, []).append(time.perf_counter() - started + TICK)
    every = sorted(one for pair in times.values() for one in pair)
    with capsys.disabled():
        for function, (broken, mended) in times.items():
            print(f"\n{function:<22} broken {broken:.2f} s, mended {mended:.2f} s", end="")
        print(f"\nmedian {statistics.median(every):.2f} s (aim 0.5)")
