"""``assay grade``: grade submissions and write the results."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.course import Course

if TYPE_CHECKING:
    from assay.learner import Backend

HELP = "grade submissions of a chapter"


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
    import contextlib
    import functools
    import io

    from assay import panel
    from assay.grader import grader_of
    from assay.grading import grade
    from assay.inprocess import Folder
    from assay.result import as_json
    from assay.saving import write_whole
    from assay.submissions import submissions

    course = Course.find(args.course)
    chapter = course.chapter(args.chapter)
    if not args.unsafe_in_process:
        print(
            "assay grade: isolated grading is not part of this version yet. For code that you "
            "trust, add --unsafe-in-process.",
            file=sys.stderr,
        )
        return 2
    found = list(submissions(args.paths, chapter))
    grader = grader_of(chapter)
    console = panel.console()
    results = []
    for submission in found:
        backend = Folder(submission.folder, chapter.module_of)
        with contextlib.redirect_stdout(io.StringIO()):
            result = grade(
                submission.name,
                chapter,
                grader.properties,
                functools.partial(_only, backend),
                grader.diagnosis,
            )
        result = replace(result, content_hash=submission.content_hash, grader=grader.version)
        results.append(result)
        if len(found) == 1:
            panel.show(console, result, chapter.located_in(submission.folder))
        else:
            console.print(f"{result.score:>6g}/{result.max_score:g}  {result.submission}")
    if args.json is not None:
        text = json.dumps({"results": [as_json(one) for one in results]}, indent=1)
        write_whole(args.json, text + "\n")
        console.print(f"results written to {args.json}", soft_wrap=True)
    return 0


def _only(backend: Backend, function: str) -> Backend:
    """One backend for every function."""
    return backend
