"""``assay watch``: check again on every save."""

from __future__ import annotations

import argparse

from assay.course import Course

HELP = "check again whenever you save, from a warm process"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "chapter", nargs="?", metavar="CHAPTER", help="by default the first unsolved one"
    )


def run(args: argparse.Namespace) -> int:
    from assay.progress import Progress
    from assay.watching import watch

    course = Course.find(args.course)
    if args.chapter is not None:
        chapter = course.chapter(args.chapter)
    else:
        progress = Progress(course)
        unsolved = (one for one in course.chapters if not progress.result(one).solved)
        chapter = next(unsolved, course.chapters[0])
    return watch(course, chapter)
