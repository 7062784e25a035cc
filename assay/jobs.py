"""One submission as a job that any process with the course at hand can do, any number of times."""

from __future__ import annotations

import contextlib
import functools
import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from assay.course import Course
from assay.grader import Grader, grader_of
from assay.grading import grade
from assay.inprocess import Folder
from assay.likeness import sketch
from assay.result import Result
from assay.sandbox.backend import Isolated, Workshop


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know: where the course is, and what was handed in.

    Attributes:
        grader: the version that the results are kept under; a worker that has another refuses.
        isolated: behind the wall, or in the worker's own process.
    """

    course: str
    chapter: str
    grader: str
    submission: str
    attempt: int
    late: bool
    sources: dict[str, bytes]
    notes: tuple[str, ...]
    content_hash: str
    isolated: bool


class OtherVersions(RuntimeError):
    """A worker's Python, packages or course differ from those that the run was started with."""


#: A process grades one submission at a time, also where its executor has threads.
_one_at_a_time = threading.Lock()


def do(job: Job) -> Result:
    """Grade the submission of a job.

    Raises:
        OtherVersions: this process would grade with something else than was asked for.
        SandboxError: no sandbox can be had here.
    """
    with _one_at_a_time:
        grader = _grader(job.course, job.chapter)
        version = version_of(grader, isolated=job.isolated)
        if version != job.grader:
            raise OtherVersions(f"the run needs “{job.grader}”, and a worker has “{version}”")
        with _backends(job, grader) as backend_for:
            result = grade(
                job.submission, grader.chapter, grader.properties, backend_for, grader.diagnosis
            )
        whole = replace(
            result,
            notes=tuple(dict.fromkeys((*job.notes, *result.notes))),
            content_hash=job.content_hash,
            grader=job.grader,
            attempt=job.attempt,
            late=job.late,
            sketch=sketch(job.sources),
        )
        plain: Result = msgspec.convert(encodable(msgspec.to_builtins(whole)), Result)
        return plain


def version_of(grader: Grader, *, isolated: bool) -> str:
    """What results are kept under: nothing that was graded without a wall passes for safe."""
    return grader.version if isolated else f"{grader.version} in-process"


def encodable(value: Any) -> Any:
    """The same data, half characters (which a learner's text may hold) written out: no file and
    no database takes them.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [encodable(one) for one in value]
    return value


def warm_up(course: str, chapter: str, isolated: bool) -> None:
    """Load what every job needs, once per process."""
    _grader(course, chapter)
    if isolated:
        _workshop()


@functools.lru_cache(maxsize=2)
def _grader(course: str, chapter: str) -> Grader:
    return grader_of(Course(Path(course)).chapter(chapter))


@functools.lru_cache(maxsize=1)
def _workshop() -> Workshop:
    return Workshop()


def close() -> None:
    """End what this process keeps warm."""
    if _workshop.cache_info().currsize:
        _workshop().close()
    _workshop.cache_clear()


@contextmanager
def _backends(job: Job, grader: Grader) -> Iterator:  # type: ignore[type-arg]
    """The backend for each function, behind the wall or here."""
    modules = grader.chapter.module_of
    if job.isolated:
        with Isolated(_workshop(), job.sources, modules) as backend:
            yield backend.afresh
        return
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        for name, source in job.sources.items():
            (Path(folder) / name).write_bytes(source)
        here = Folder(Path(folder), modules)
        with contextlib.redirect_stdout(io.StringIO()):
            yield lambda function: here
