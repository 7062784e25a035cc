"""``assay report``: pages and tables from finished results."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from assay.course import Course

if TYPE_CHECKING:
    from assay.result import Result

HELP = "feedback pages, class page, CSV, Gradescope and JUnit files from graded submissions"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapter", metavar="CHAPTER")
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to write to")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--json", type=Path, metavar="FILE", help="results of assay grade --json")
    source.add_argument("--db", metavar="URL", help="the run's database; .assay/runs.db by default")
    parser.add_argument(
        "--reveal",
        choices=("nothing", "sentence", "counterexample"),
        default="sentence",
        help="how much is told of a hidden failure",
    )
    parser.add_argument(
        "--attempts", choices=("last", "best"), default="last", help="which attempt counts"
    )


def run(args: argparse.Namespace) -> int:
    from assay.reports import pages, systems, tables
    from assay.reports.reading import counted
    from assay.saving import write_whole
    from assay.source import CourseError

    chapter = Course.find(args.course).chapter(args.chapter)
    results = counted(_results(args, chapter.root, chapter.id), args.attempts)
    if not results:
        raise CourseError(f"there are no results for {chapter.id} yet: run `assay grade` first")
    taken: set[str] = set()
    for result in results:
        name = pages.file_name(result.submission, 1, taken)
        page = pages.feedback(result, chapter, args.reveal)
        write_whole(args.out / "feedback" / name, page)
        write_whole(
            args.out / "gradescope" / f"{name.removesuffix('.html')}.json",
            systems.as_gradescope(result, chapter, args.reveal),
        )
    write_whole(args.out / "class.html", pages.class_page(results, chapter))
    write_whole(args.out / "scores.csv", tables.as_csv(results, chapter))
    write_whole(args.out / "junit.xml", systems.as_junit(results, args.reveal))
    summary = systems.as_summary(results, chapter, args.reveal)
    write_whole(args.out / "summary.md", summary)
    if job := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(job).open("a", encoding="utf-8") as file:
            file.write(summary)
    students = "1 student" if len(results) == 1 else f"{len(results)} students"
    print(f"{args.out}: feedback for {students}, class.html, scores.csv, junit.xml, summary.md")
    return 0


def _results(args: argparse.Namespace, root: Path, chapter: str) -> list[Result]:
    if args.json is not None:
        from assay.reports.reading import read_results

        return [one for one in read_results(args.json) if one.chapter == chapter]
    from assay.runs import Run
    from assay.source import CourseError

    url = args.db or str(root / ".assay" / "runs.db")
    if "://" not in url and not Path(url).exists():
        raise CourseError(f"{url}: there is no run yet; `assay grade` makes one, or give --json")
    with Run(url) as run:
        return list(run.latest(chapter))
