"""Grading many submissions: what is missing is sent out, and kept as it comes back."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

from assay.course import Chapter
from assay.jobs import Job, do, encodable
from assay.keys import Key
from assay.result import Result
from assay.submissions import Submission


@dataclass(frozen=True)
class Outcome:
    """What became of one submission.

    Attributes:
        key: what its result is kept under.
        kept: there was a result already.
        lost: why there is no result; empty where there is one.
    """

    submission: Submission
    key: Key
    kept: bool = False
    lost: str = ""


def grade_all(
    found: Sequence[Submission],
    chapter: Chapter,
    grader: str,
    results: MutableMapping[Key, Result],
    executor: Executor,
    *,
    at_once: int,
    isolated: bool,
) -> Iterator[Outcome]:
    """Grade each submission that ``results`` lacks, and put its result there before it is yielded.

    Only few are in memory at a time, however many there are.
    """
    waiting: dict[Future[Result], tuple[Submission, Key]] = {}
    for submission in found:
        work = submission.read(chapter)
        name = encodable(submission.name)
        key = Key(name, submission.attempt, work.content_hash, chapter.id, grader)
        if key in results:
            yield Outcome(submission, key, kept=True)
            continue
        job = Job(
            course=str(chapter.root),
            chapter=chapter.id,
            grader=grader,
            submission=name,
            attempt=submission.attempt,
            late=submission.late,
            sources=work.sources,
            notes=work.notes,
            content_hash=work.content_hash,
            isolated=isolated,
        )
        waiting[executor.submit(do, job)] = submission, key
        while len(waiting) >= at_once:
            yield from _finished(waiting, results)
    while waiting:
        yield from _finished(waiting, results)


def _finished(
    waiting: dict[Future[Result], tuple[Submission, Key]], results: MutableMapping[Key, Result]
) -> Iterator[Outcome]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        submission, key = waiting.pop(future)
        if future.cancelled():
            yield Outcome(submission, key, lost="its worker was lost")
            continue
        error = future.exception()
        if error is None:
            results[key] = future.result()
        yield Outcome(submission, key, lost=f"{error}" if error is not None else "")
