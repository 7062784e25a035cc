"""``assay grade``: grade submissions, behind a wall, and write the results."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.course import Chapter, Course

if TYPE_CHECKING:
    from assay.learner import Backend
    from assay.submissions import Submission

    BackendFor = Callable[[str], Backend]

HELP = "grade submissions of a chapter, each in a sandbox"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the results there")
    parser.add_argument(
        "--unsafe-in-process",
        action="store_true",
        help="run the code in this process, without isolation: for your own code only",
    )


def run(args: argparse.Namespace) -> int:
    from assay import panel
    from assay.grader import grader_of
    from assay.grading import grade
    from assay.result import as_json
    from assay.sandbox.bubblewrap import SandboxError
    from assay.saving import write_whole
    from assay.submissions import submissions

    course = Course.find(args.course)
    chapter = course.chapter(args.chapter)
    found = list(submissions(args.paths, chapter))
    console = panel.console()
    results = []
    try:
        with _backends(chapter, isolated=not args.unsafe_in_process) as backend_of:
            grader = grader_of(chapter)
            for submission in found:
                with backend_of(submission) as backend_for:
                    result = grade(
                        submission.name,
                        chapter,
                        grader.properties,
                        backend_for,
                        grader.diagnosis,
                    )
                result = replace(
                    result, content_hash=submission.content_hash, grader=grader.version
                )
                results.append(result)
                if len(found) == 1:
                    panel.show(console, result, chapter.located_in(submission.folder))
                else:
                    console.print(f"{result.score:>6g}/{result.max_score:g}  {result.submission}")
    except SandboxError as error:
        print(
            f"assay grade: {error}.\nNothing was run. Only for code that you trust there is "
            "--unsafe-in-process, which runs it without isolation.",
            file=sys.stderr,
        )
        return 2
    if args.json is not None:
        text = json.dumps({"results": [as_json(one) for one in results]}, indent=1)
        write_whole(args.json, text + "\n")
        console.print(f"results written to {args.json}", soft_wrap=True)
    return 0


@contextmanager
def _backends(
    chapter: Chapter, *, isolated: bool
) -> Iterator[Callable[[Submission], contextlib.AbstractContextManager[BackendFor]]]:
    """A way to open a submission for grading, safely or in this process."""
    from assay.inprocess import Folder
    from assay.sandbox.backend import Isolated, Workshop

    @contextmanager
    def here(submission: Submission) -> Iterator[BackendFor]:
        backend = Folder(submission.folder, chapter.module_of)
        with contextlib.redirect_stdout(io.StringIO()):
            yield lambda function: backend

    if not isolated:
        yield here
        return
    with Workshop() as workshop:

        @contextmanager
        def behind_the_wall(submission: Submission) -> Iterator[BackendFor]:
            with Isolated(workshop, submission.sources(), chapter.module_of) as backend:
                yield backend.afresh

        yield behind_the_wall
