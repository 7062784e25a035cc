"""Results, read back from the JSON that ``assay grade`` writes, and one chosen for each student."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from assay.result import Result
from assay.source import CourseError


def read_results(file: Path) -> list[Result]:
    """The results in a file.

    Raises:
        CourseError: it isn't there, or not what ``assay grade --json`` writes.
    """
    try:
        document = json.loads(file.read_bytes())
        return msgspec.convert(document["results"], list[Result])
    except OSError as error:
        raise CourseError(f"{file}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
        raise CourseError(f"{file}: not results of `assay grade --json` ({error})") from None


def counted(results: Iterable[Result], policy: str = "last") -> list[Result]:
    """The attempt of each student that counts, by name: the last one, or the best (of equal ones
    the first).
    """
    chosen: dict[str, Result] = {}
    for result in sorted(results, key=lambda one: (one.submission, one.attempt)):
        before = chosen.get(result.submission)
        if before is None or policy == "last" or result.score > before.score:
            chosen[result.submission] = result
    return list(chosen.values())
