"""``assay status``: how far one is, over all chapters."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from assay.course import Course

HELP = "your progress over all chapters, and the next step"

BAR = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    from assay import panel

    console = panel.console()
    for line in lines(Course.find(args.course)):
        console.print(line, soft_wrap=True)
    return 0


def lines(course: Course) -> Iterator[str]:
    """A line per chapter, and the next step."""
    from assay.panel import next_step, step
    from assay.progress import Progress

    progress = Progress(course)
    hidden = any(chapter.grader_dir.is_dir() for chapter in course.chapters)
    earned = total = 0.0
    following = None
    for chapter in course.chapters:
        result = progress.result(chapter)
        earned, total = earned + result.score, total + result.max_score
        solved = sum(one.status == "passed" for one in result.functions.values())
        share = result.score / result.max_score if result.max_score else 0.0
        bar = ("#" * round(BAR * share)).ljust(BAR, ".")
        points = f"{result.score:g}/{result.max_score:g}"
        functions = f"{solved}/{len(result.functions)}"
        yield f"{chapter.id:<4} [{bar}] {points:>9}  {functions:>5}  {chapter.title}"
        if following is None and not result.solved:
            following = next_step(result, chapter.located_in(chapter.stub_dir))
    yield f"     {earned:g} of {total:g} points" + ("" if hidden else " by the visible examples")
    for line in step(following or "the whole course is solved. Well done!"):
        yield line.plain
