"""``assay release``: what students are given."""

import argparse
from pathlib import Path

from assay.course import Course

HELP = "make the student bundle, without solutions, graders and tests"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapters", nargs="+", metavar="CHAPTER")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder that is empty or not there")


def run(args: argparse.Namespace) -> int:
    from assay.release import release

    course = Course.find(args.course)
    files = release([course.chapter(id) for id in args.chapters], args.out)
    print(f"{args.out}: {len(files)} files for students")
    return 0
