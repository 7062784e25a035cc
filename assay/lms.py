"""Whose a file is, as the downloads of learning management systems name it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """What the name of a file or folder tells; all empty where it follows no known pattern.

    Attributes:
        name: the student.
        id: the student's number in the system.
        when: orders several hand-ins of one student.
        late: marked as late.
        file: the name that the student gave the file.
    """

    name: str = ""
    id: str = ""
    when: str = ""
    late: bool = False
    file: str = ""


#: doejane_LATE_1234_567890_dpo-1.py; Canvas counts repeated hand-ins at the end of the name.
CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)")
AGAIN = re.compile(r"(?P<stem>.+)-(?P<number>\d+)(?P<ending>\.\w+)")
#: Jane Doe_1234567_assignsubmission_file_dpo.py, or a folder that ends there.
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)")
#: ch4_jane_attempt_2026-01-30-15-00-00_dpo.py, which nbgrader's zip_collect reads, too.
ATTEMPT = re.compile(r"[^_]+_(?P<name>.+?)_attempt_(?P<when>[\d-]{10,19})_(?P<file>.+)")


def origin(name: str) -> Origin:
    """Read the name of a file or folder of a download."""
    if match := MOODLE.fullmatch(name):
        return Origin(match["name"], match["id"], file=match["file"])
    if match := ATTEMPT.fullmatch(name):
        return Origin(match["name"], when=match["when"], file=match["file"])
    if match := CANVAS.fullmatch(name):
        file, when = match["file"], ""
        if again := AGAIN.fullmatch(file):
            file, when = again["stem"] + again["ending"], again["number"].zfill(6)
        return Origin(match["name"], match["id"], when, match["late"] is not None, file)
    return Origin()
