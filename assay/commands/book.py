"""``assay book``: build the book, or serve it with the learner's own functions behind it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from assay.course import Course

HELP = "build the book, or with --live serve it with your own functions behind the figures"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "out", nargs="?", type=Path, metavar="OUT", help="where it goes; _build/book by default"
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="serve it on this machine, each figure and exercise following what you save",
    )
    parser.add_argument("--port", type=int, default=8044, help="of the live book (0: any free one)")


def run(args: argparse.Namespace) -> int:
    course = Course.find(args.course)
    _require()
    if args.live:
        from assay.book.live import serve

        return serve(course, args.out or course.root / "_build" / "live", args.port)
    from assay.book.building import build

    out = args.out or course.root / "_build" / "book"
    for line in build(course, out):
        print(line, file=sys.stderr)
    print(f"open {out / 'index.html'}")
    return 0


def _require() -> None:
    from importlib.util import find_spec

    from assay.source import CourseError

    needed: tuple[str, ...] = (
        "sphinx",
        "myst_parser",
        "pydata_sphinx_theme",
        "sphinx_design",
        "altair",
    )
    needed += ("vl_convert", "starlette", "uvicorn")
    if missing := [name for name in needed if find_spec(name) is None]:
        raise CourseError(
            f"the book needs {', '.join(missing)}: install the extra 'book', "
            "as in pip install -e '.[book]'"
        )
