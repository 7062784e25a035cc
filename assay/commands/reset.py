"""``assay reset``: start over with a chapter or a function, the work saved beside."""

import argparse

from assay.course import Course

HELP = "put a chapter, or one function of it, back to the stub; the work is saved beside"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER")
    parser.add_argument("function", nargs="?", metavar="FUNCTION", help="all of it by default")


def run(args: argparse.Namespace) -> int:
    from assay.source import place
    from assay.stubs import reset

    course = Course.find(args.course)
    for written in reset(course.chapter(args.chapter), args.function):
        file = place(written.file, course.root)
        if written.outcome == "unchanged":
            print(f"{file} has nothing to reset")
        elif written.saved is None:
            print(f"{file} is back to the start; there was no work in it to save")
        else:
            print(f"{file} is back to the start; your work is in {written.saved.name}")
    return 0
