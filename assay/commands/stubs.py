"""``assay stubs``: the stubs under exercises/, made from the solutions."""

import argparse

from assay.course import Course

HELP = "make the stubs from the solutions, never over a learner's work"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="all by default")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing; fail where they differ")
    what.add_argument(
        "--force", action="store_true", help="over a learner's work too, which is saved beside"
    )


def run(args: argparse.Namespace) -> int:
    from assay.source import place
    from assay.stubs import drift, write_stubs

    course = Course.find(args.course)
    chapters = [course.chapter(id) for id in args.chapters] or course.chapters
    if args.check:
        found = drift(chapters)
        for one in found:
            subject = f": {one.function}" if one.function else ""
            print(f"{place(one.file, course.root)}{subject} {MEANING[one.kind]}")
        return 1 if found else 0
    for written in write_stubs(chapters, force=args.force):
        file = place(written.file, course.root)
        if written.outcome == "kept":
            print(f"{file} kept, since there is work in it (--force replaces and saves it)")
        elif written.outcome == "written":
            print(f"{file} written" + (f"; saved {written.saved.name}" if written.saved else ""))
    return 0


MEANING = {
    "missing": "is missing",
    "differs": "is out of step with the solution",
    "unreadable": "is not valid Python, so that it can't be compared",
}
