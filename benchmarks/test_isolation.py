"""What the wall costs, as ratios measured in one run (``pytest -m benchmark benchmarks``)."""

import statistics
import time
from pathlib import Path

import pytest

from assay.course import Course
from assay.grader import grader_of
from assay.grading import grade
from assay.inprocess import Folder
from assay.sandbox.backend import Isolated, Workshop

pytestmark = pytest.mark.benchmark
CHAPTER = Course.find(Path(__file__)).chapter("ch4")
SOURCES = {file.name: file.read_bytes() for file in CHAPTER.solution_dir.glob("*.py")}


def timed(job):
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def test_isolated_against_in_process(capsys):
    """A solved chapter, graded on either side of the wall: aim below 1.3."""
    grader = grader_of(CHAPTER)

    def here():
        backend = Folder(CHAPTER.solution_dir, CHAPTER.module_of)
        grade("s", CHAPTER, grader.properties, lambda _: backend, grader.diagnosis)

    def behind_the_wall():
        with Isolated(workshop, SOURCES, CHAPTER.module_of) as backend:
            grade("s", CHAPTER, grader.properties, backend.afresh, grader.diagnosis)

    with Workshop() as workshop:
        here(), behind_the_wall()
        pairs = [(timed(here), timed(behind_the_wall)) for _ in range(7)]
    with capsys.disabled():
        ratio = statistics.median(wall / plain for plain, wall in pairs)
        plain, wall = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"\nin-process {plain:.2f} s, isolated {wall:.2f} s, ratio {ratio:.2f} (aim 1.3)")


def test_warm_against_cold_start(capsys):
    """From nothing to a worker that holds a submission: aim above 5."""

    def start(workshop):
        worker = workshop.worker()
        worker.load(SOURCES, CHAPTER.module_of, 5.0)
        worker.close()

    with Workshop() as warm, Workshop(warm=False) as cold:
        assert warm.warm, "no warm start here"
        pairs = [(timed(lambda: start(warm)), timed(lambda: start(cold))) for _ in range(5)]
    with capsys.disabled():
        fast, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"\nwarm {1000 * fast:.0f} ms, cold {1000 * slow:.0f} ms, ratio {slow / fast:.0f}")
