"""``assay gradescope``: the autograder of a chapter for Gradescope."""

from __future__ import annotations

import argparse
from pathlib import Path

from assay.course import Course

HELP = "make the autograder zip of a chapter for Gradescope"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER")
    parser.add_argument("out", type=Path, metavar="OUT", help="the zip to write, or a folder")
    parser.add_argument(
        "--reveal", choices=("nothing", "sentence", "counterexample"), default="sentence"
    )
    parser.add_argument(
        "--unsafe-in-process",
        action="store_true",
        help="without the sandbox, where Gradescope's container allows none: a student's code can "
        "then read what grades it, and forge its score",
    )


def run(args: argparse.Namespace) -> int:
    from assay.gradescope import autograder
    from assay.saving import write_whole

    chapter = Course.find(args.course).chapter(args.chapter)
    out = args.out / f"{chapter.id}-autograder.zip" if args.out.is_dir() else args.out
    write_whole(out, autograder(chapter, reveal=args.reveal, unsafe=args.unsafe_in_process))
    print(f"{out}: upload it as the autograder of a programming assignment")
    return 0
