"""Results in the forms that other systems read: Gradescope, JUnit, GitHub's job summary."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from assay.course import Chapter
from assay.panel import SIGNS
from assay.reports.revealing import revealed
from assay.result import FunctionResult, Result, Status


def as_gradescope(result: Result, chapter: Chapter, reveal: str = "sentence") -> str:
    """The ``results.json`` of a Gradescope autograder: a test a function."""
    tests = [
        {
            "name": name,
            "score": one.points,
            "max_score": one.max_points,
            "status": "passed" if one.status is Status.PASSED else "failed",
            "output": _said(one) or SIGNS[one.status][2],
            "output_format": "text",
            "visibility": "visible",
        }
        for name, one in revealed(result, reveal).functions.items()
    ]
    document = {
        "score": result.score,
        "output": "\n".join([chapter.title, *result.notes]),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(document, indent=1) + "\n"


def as_junit(results: Sequence[Result], reveal: str = "sentence") -> str:
    """JUnit's XML: a suite a submission, a case a function."""
    root = ET.Element("testsuites")
    for result in results:
        shown = revealed(result, reveal)
        failed = [one for one in shown.functions.values() if one.status is not Status.PASSED]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_xml(result.submission),
            tests=str(len(shown.functions)),
            failures=str(len(failed)),
        )
        for name, one in shown.functions.items():
            seconds = f"{one.seconds:.3f}"
            case = ET.SubElement(
                suite, "testcase", classname=result.chapter, name=name, time=seconds
            )
            if one.status is not Status.PASSED:
                message = f"{one.points:g} of {one.max_points:g} points: {SIGNS[one.status][2]}"
                ET.SubElement(case, "failure", message=message).text = _xml(_said(one))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_summary(results: Sequence[Result], chapter: Chapter, reveal: str = "sentence") -> str:
    """Markdown for ``GITHUB_STEP_SUMMARY``."""
    lines = [f"## {_markdown(chapter.title)}", ""]
    for result in results:
        shown = revealed(result, reveal)
        lines += [
            f"### {_markdown(result.submission)}: {result.score:g} of {result.max_score:g}",
            "",
            "| function | points | | what to look at |",
            "|---|---:|---|---|",
        ]
        for name, one in shown.functions.items():
            sign, _, words = SIGNS[one.status]
            said = _markdown(_said(one)).replace("\n", "<br>")
            points = f"{one.points:g} / {one.max_points:g}"
            lines.append(f"| `{name}` | {points} | {sign} {words} | {said} |")
        lines += ["", *(f"- {_markdown(note)}" for note in result.notes), ""]
    return "\n".join(lines) + "\n"


def _said(one: FunctionResult) -> str:
    """What there is to say of a function, a paragraph a failure."""
    said = []
    for failure in one.failures:
        parts = (failure.sentence, failure.reason, failure.misconception, failure.counterexample)
        said.append("\n".join(part for part in parts if part))
    return "\n\n".join(dict.fromkeys(said)) or one.note


def _xml(text: str) -> str:
    """Text without the characters that XML can't hold."""
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "�", text)


def _markdown(text: str) -> str:
    """Text that stays text: no tag, link, table cell or emphasis comes of it."""
    plain = "".join(one if one.isprintable() or one == "\n" else "�" for one in text)
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#|!~@])", r"\\\1", plain)
