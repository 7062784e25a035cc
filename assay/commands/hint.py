"""``assay hint``: the next hint for a function, one level deeper each time."""

from __future__ import annotations

import argparse
import textwrap

from assay.course import Course

HELP = "the next hint for a function: the idea, then the usual trap, then an outline"

LEVELS = ("the idea", "the usual trap", "an outline")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION")
    parser.add_argument("--again", action="store_true", help="start with the first hint again")


def run(args: argparse.Namespace) -> int:
    from assay.progress import Progress

    course = Course.find(args.course)
    exercise = course.exercise(args.function)
    progress = Progress(course)
    if args.again:
        progress.forget_hints(args.function)
    level = progress.next_hint(args.function)
    name = LEVELS[level] if level < len(LEVELS) else "more"
    print(f"{args.function}, hint {level + 1} of {len(exercise.hints)} ({name}):")
    print(textwrap.fill(exercise.hints[level], 78, initial_indent="  ", subsequent_indent="  "))
    if level + 1 == len(exercise.hints):
        print("That was the last hint. `assay hint --again` starts over.")
    return 0
