"""How much two answers resemble each other, by a small sample of their wording.

Names, comments and docstrings don't count, so that renaming hides nothing. What comes out is a
reason to look, never a proof: short right answers resemble each other by themselves.
"""

from __future__ import annotations

import keyword
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LENGTH = 12
SAMPLE = 128
#: At least so many pieces that not everybody has, and so large a share of them, in common.
ENOUGH = 12
ALIKE = 0.8

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SAID = re.compile(r'"""(?:.|\n)*?"""|#[^\n]*')


def sketch(sources: Mapping[str, bytes]) -> tuple[int, ...]:
    """A sample of the pieces of these files, the same pieces for the same wording."""
    pieces: set[int] = set()
    for source in sources.values():
        tokens = _TOKEN.findall(_SAID.sub("", source.decode("utf-8", "replace")))
        plain = ["x" if one[0].isalpha() and not keyword.iskeyword(one) else one for one in tokens]
        for start in range(max(0, len(plain) - LENGTH + 1)):
            pieces.add(zlib.crc32(" ".join(plain[start : start + LENGTH]).encode()))
    return tuple(sorted(pieces)[:SAMPLE])


@dataclass(frozen=True)
class Pair:
    """Two submissions that resemble each other, and how much, from 0 to 1."""

    one: str
    other: str
    likeness: float


def pairs(sketches: Mapping[str, Sequence[int]]) -> list[Pair]:
    """The pairs that resemble each other in what not everybody wrote, the most alike first."""
    held = Counter(piece for one in sketches.values() for piece in set(one))
    most = max(2, len(sketches) // 5)
    rare = {name: {piece for piece in one if held[piece] <= most} for name, one in sketches.items()}
    owners: dict[int, list[str]] = {}
    for name in sorted(rare):
        for piece in rare[name]:
            owners.setdefault(piece, []).append(name)
    shared: Counter[tuple[str, str]] = Counter()
    for names in owners.values():
        shared.update((a, b) for i, a in enumerate(names) for b in names[i + 1 :])
    found = []
    for (a, b), count in shared.items():
        likeness = count / len(rare[a] | rare[b])
        if count >= ENOUGH and likeness >= ALIKE:
            found.append(Pair(a, b, round(likeness, 2)))
    return sorted(found, key=lambda pair: (-pair.likeness, pair.one, pair.other))
