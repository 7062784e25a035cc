"""``assay grade``: grade submissions, behind a wall, and write the results."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assay.course import Chapter, Course

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rich.console import Console

    from assay.batch import Outcome
    from assay.keys import Key
    from assay.result import Result
    from assay.submissions import Submission

HELP = "grade submissions of a chapter, each in a sandbox"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER")
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a folder of modules, a notebook, a file, a zip, or a folder or zip of these",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the results there")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes that grade; as many as cores by default"
    )
    parser.add_argument(
        "--scheduler", metavar="URL", help="grade on a Dask cluster: tcp://HOST:8786"
    )
    parser.add_argument(
        "--db",
        metavar="URL",
        help="where results are kept: an SQLite file (.assay/runs.db by default), or the URL of a "
        "PostgreSQL database",
    )
    parser.add_argument(
        "--unsafe-in-process",
        action="store_true",
        help="run the code in this process, without isolation: for your own code only",
    )


def run(args: argparse.Namespace) -> int:
    from assay import jobs, panel
    from assay.grader import grader_of
    from assay.sandbox import bubblewrap
    from assay.submissions import submissions

    course = Course.find(args.course)
    chapter = course.chapter(args.chapter)
    found = submissions(args.paths, chapter)
    isolated = not args.unsafe_in_process
    problem = bubblewrap.problem() if isolated and args.scheduler is None else None
    if problem is not None:
        print(
            f"assay grade: {problem}.\nNothing was run. Only for code that you trust there is "
            "--unsafe-in-process, which runs it without isolation.",
            file=sys.stderr,
        )
        return 2
    console = panel.console()
    grader = jobs.version_of(grader_of(chapter), isolated=isolated)
    outcomes: list[Outcome] = []
    with _kept(args, chapter) as results:
        try:
            with _executor(args, chapter, len(found), isolated=isolated) as (executor, at_once):
                _grade(
                    console, found, chapter, grader, results, executor, at_once, isolated, outcomes
                )
        except KeyboardInterrupt:
            kept = "and kept; the same command goes on from there" if isolated or args.db else ""
            print(
                f"\nassay grade: stopped. {len(outcomes)} of {len(found)} graded {kept}",
                file=sys.stderr,
            )
            return 130
        graded = [one for one in outcomes if not one.lost]
        keys = sorted((one.key for one in graded), key=lambda key: (key.submission, key.attempt))
        if args.json is not None:
            _write(args.json, (results[key] for key in keys))
            console.print(f"results written to {args.json}", soft_wrap=True)
    for one in outcomes:
        if one.lost:
            print(f"assay grade: {one.key.submission} has no result: {one.lost}", file=sys.stderr)
    return 0 if len(graded) == len(found) else 1


def _grade(
    console: Console,
    found: Sequence[Submission],
    chapter: Chapter,
    grader: str,
    results: MutableMapping[Key, Result],
    executor: Executor,
    at_once: int,
    isolated: bool,
    outcomes: list[Outcome],
) -> None:
    """Grade what is missing, and say how it goes."""
    from assay import panel
    from assay.batch import grade_all

    going = grade_all(found, chapter, grader, results, executor, at_once=at_once, isolated=isolated)
    if len(found) == 1:
        for outcome in going:
            outcomes.append(outcome)
            if not outcome.lost:
                folder = outcome.submission.folder or Path(outcome.submission.name)
                panel.show(console, results[outcome.key], chapter.located_in(folder))
        return
    with _progress(console, len(found)) as advance:
        for outcome in going:
            outcomes.append(outcome)
            if outcome.lost:
                advance(f"no result  {outcome.key.submission}")
                continue
            result = results[outcome.key]
            attempt = f" (attempt {result.attempt})" if result.attempt > 1 else ""
            kept = ", from the last run" if outcome.kept else ""
            shown = "".join(one if one.isprintable() else "�" for one in result.submission)
            advance(f"{result.score:>6g}/{result.max_score:g}  {shown}{attempt}{kept}")


@contextmanager
def _progress(console: Console, total: int) -> Iterator:  # type: ignore[type-arg]
    """A way to tell of each submission: under a bar on a terminal, as plain lines elsewhere."""
    if not console.is_terminal:
        yield lambda line: console.print(line, soft_wrap=True)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    columns = (
        TextColumn("grading"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} a minute, left"),
        Left(compact=True),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total, rate="…")

        def advance(line: str) -> None:
            progress.console.print(line, soft_wrap=True)
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, rate=f"{60 * speed:.0f}" if speed else "…")

        yield advance


@contextmanager
def _executor(
    args: argparse.Namespace, chapter: Chapter, count: int, *, isolated: bool
) -> Iterator[tuple[Executor, int]]:
    """What does the jobs, and how many may be under way."""
    from assay import jobs
    from assay.executing import Here, Pool, cluster

    if args.scheduler is not None:
        with cluster(args.scheduler) as (executor, slots):
            yield executor, 2 * slots
        return
    workers = min(args.workers or os.cpu_count() or 1, count)
    if workers == 1:
        try:
            yield Here(), 1
        finally:
            jobs.close()
        return
    pool = Pool(workers, jobs.warm_up, str(chapter.root), chapter.id, isolated)
    try:
        yield pool, 2 * workers
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _kept(args: argparse.Namespace, chapter: Chapter) -> Iterator[MutableMapping[Key, Result]]:
    """Where results go: a database, but for a quick look at one's own code."""
    if args.unsafe_in_process and args.db is None:
        yield {}
        return
    from assay.runs import Run

    with contextlib.closing(Run(args.db or str(chapter.root / ".assay" / "runs.db"))) as run:
        yield run


def _write(file: Path, results: Iterator[Result]) -> None:
    from assay.result import as_json
    from assay.saving import write_whole

    text = json.dumps({"results": [as_json(one) for one in results]}, indent=1)
    write_whole(file, text + "\n")
