"""What a result depends on, and is kept under."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """Equal files of two students have two keys; a file that changed has another."""

    submission: str
    attempt: int
    content_hash: str
    chapter: str
    grader: str
