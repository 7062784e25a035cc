"""``assay prove``: do the hidden properties separate right from wrong?"""

from __future__ import annotations

import argparse
from collections import Counter

from assay.course import Course

HELP = "prove the graders: right variants, misconceptions and trivialities against the properties"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="all by default")
    parser.add_argument("-f", "--function", action="append", default=[], help="only this function")
    parser.add_argument(
        "--mutants", action="store_true", help="judge small wrong changes of the reference instead"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for every specimen")


def run(args: argparse.Namespace) -> int:
    from assay.prove import Finding, prove

    course = Course.find(args.course)
    if args.mutants:
        return _mutants(course, args)
    wrong: list[Finding] = []
    unnamed: list[Finding] = []
    total: Counter[str] = Counter()
    for chapter in [course.chapter(id) for id in args.chapters] or course.chapters:
        print(f"{chapter.id}  {chapter.title}")
        findings: dict[str, list[Finding]] = {}
        for finding in prove(chapter, args.function):
            findings.setdefault(finding.specimen.function, []).append(finding)
            if args.verbose:
                print(_line(finding))
        for function, found in findings.items():
            counts = Counter(one.specimen.kind for one in found)
            total += counts
            print(
                f"  {function:<28} {counts['variant']:>2} right, {counts['misconception']:>2} "
                f"misconceptions, {counts['triviality']} trivialities"
            )
            wrong += [one for one in found if not one.as_it_should_be]
            unnamed += [
                one for one in found if one.specimen.kind != "triviality" and not one.named_right
            ]
    for finding in wrong:
        print("WRONG   " + _line(finding).strip())
        for failure in finding.result.failures:
            print(f"          {failure.property}: {failure.reason}")
            print("            " + failure.counterexample.replace("\n", "\n            "))
    for finding in unnamed:
        print("UNNAMED " + _line(finding).strip())
    misnamed = [one for one in unnamed if one.specimen.kind == "variant"]
    share = 1 - len(unnamed) / max(1, total["misconception"])
    print(
        f"{total['variant']} right versions, {total['misconception']} misconceptions, "
        f"{total['triviality']} trivialities: {len(wrong)} judged wrong; "
        f"{share:.0%} of the misconceptions named"
    )
    return 0 if not wrong and not misnamed and share >= 0.9 else 1


def _mutants(course: Course, args: argparse.Namespace) -> int:
    from assay.mutation import mutate

    caught = total = equivalent = 0
    for chapter in [course.chapter(id) for id in args.chapters] or course.chapters:
        for outcome in mutate(chapter, tuple(args.function)):
            if not outcome.caught and outcome.reason is not None:
                equivalent += 1
                continue
            total += 1
            caught += outcome.caught
            if args.verbose or not outcome.caught:
                word = "caught  " if outcome.caught else "SURVIVED"
                print(f"{word} {outcome.mutant.function}: {outcome.mutant.change}")
    share = caught / max(1, total)
    print(f"{caught} of {total} mutants caught ({share:.1%}), {equivalent} known to be equivalent")
    return 0 if share >= 0.95 else 1


def _line(finding: object) -> str:
    from assay.prove import Finding

    assert isinstance(finding, Finding)
    specimen, result = finding.specimen, finding.result
    return (
        f"    {'ok ' if finding.as_it_should_be else 'BAD'} {specimen.kind:<13} "
        f"{specimen.function}: {specimen.name}  {result.points:g}/{result.max_points:g}  "
        f"{finding.caught_by}"
    )
