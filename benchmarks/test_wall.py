"""What the wall costs, as ratios measured in one run (``pytest -m benchmark benchmarks``)."""

import statistics
import time
from pathlib import Path

import pytest

from assay.calling import Request
from assay.course import Course
from assay.grader import grader_of
from assay.grading import grade
from assay.inprocess import Folder
from assay.sandbox.backend import Isolated, Workshop

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.benchmark


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_a_solved_chapter_isolated_against_in_process(capsys):
    """The same verdicts on ch4 either side of the wall: aim under 1.3, isolated under 1 s."""
    chapter = Course.find(ROOT).chapter("ch4")
    grader = grader_of(chapter)
    sources = {file.name: file.read_bytes() for file in chapter.solution_dir.glob("*.py")}

    def judged(backend_for):
        result = grade("s", chapter, grader.properties, backend_for, grader.diagnosis)
        assert result.score == result.max_score

    def here():
        folder = Folder(chapter.solution_dir, chapter.module_of)
        judged(lambda _: folder)

    with Workshop() as workshop:

        def isolated():
            with Isolated(workshop, sources, chapter.module_of) as backend:
                judged(backend.afresh)

        pairs = [(seconds(here), seconds(isolated)) for _ in range(7)][1:]
    ratio = statistics.median(behind / open_ for open_, behind in pairs)
    with capsys.disabled():
        open_, behind = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"\nin-process {open_:.2f} s, isolated {behind:.2f} s, ratio {ratio:.2f} (aim 1.3)")


def test_a_warm_start_against_a_cold_one(capsys):
    """Start, load and first call of an empty submission: aim over 5 times faster."""
    source = {"code.py": b"def one():\n    return 1\n"}

    def first_call(workshop):
        with Isolated(workshop, source, {"one": "code"}) as backend:
            assert backend.perform(Request("one")).value == 1

    with Workshop() as warm, Workshop(warm=False) as cold:
        assert warm.warm
        starts = range(5)
        pairs = [
            (seconds(lambda: first_call(warm)), seconds(lambda: first_call(cold))) for _ in starts
        ]
        with Isolated(warm, source, {"one": "code"}) as backend:
            calls = [seconds(lambda: backend.perform(Request("one"))) for _ in range(500)]
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    with capsys.disabled():
        fast, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"\nwarm {fast * 1e3:.0f} ms, cold {slow:.2f} s, ratio {ratio:.0f} (aim 5)", end="")
        print(f"; a call {statistics.median(calls) * 1e3:.2f} ms (aim 0.1)")
