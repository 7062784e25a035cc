"""``assay check``: judge one's own functions, addressed by chapter or by name."""

from __future__ import annotations

import argparse
from pathlib import Path

from assay.course import Course, CourseError

HELP = "check your own functions: a chapter, or one function"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER", help="such as ch4, or a function's name")
    parser.add_argument("function", nargs="?", metavar="FUNCTION")
    parser.add_argument(
        "--submission",
        type=Path,
        metavar="DIR",
        help="check the modules in DIR instead of exercises/",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="every failure in full")


def run(args: argparse.Namespace) -> int:
    from assay import panel
    from assay.checking import check_chapter

    course = Course.find(args.course)
    if args.function is None and args.chapter not in course.chapter_ids:
        exercise = course.exercise(args.chapter)
        chapter, function = course.chapter(exercise.chapter), exercise.function
    else:
        chapter, function = course.chapter(args.chapter), args.function
    if function is not None:
        chapter.exercise(function)
    folder = args.submission or chapter.stub_dir
    if not folder.is_dir():
        raise CourseError(f"there is no folder {folder}")
    checked = check_chapter(chapter, folder, functions=(function,) if function else ())
    console = panel.console()
    if checked.printed:
        console.print("your code printed:")
        console.print(panel.excerpt(checked.printed), soft_wrap=True)
    chapter = chapter.located_in(folder)
    panel.show(console, checked.result, chapter, points=checked.hidden, every=args.verbose)
    return 0 if checked.result.solved else 1
