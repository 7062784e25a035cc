"""What the two sides of the wall say to each other.

Every message is a frame: the length of its head and of its blobs, the head (MessagePack of one of
the types here, checked on arrival), and the blobs (raw bytes of arrays, see ``packing``). Values
inside a head are trees, which their receiver unpacks.

A conversation, with the grader's side first::

    Sources -> Ready
    Import -> Imported | Broken
    Ask -> (CallModel -> Answered | ModelRaised)* -> Answer | Absent
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

#: Bytes of the head of one frame, and of its blobs. The head's limit is the lower, since a list of
#: empty lists takes 64 times the memory that it took to send.
MAX_HEAD = 1 << 20
MAX_BLOBS = 64 << 20

Name = Annotated[str, Meta(max_length=200)]
Line = Annotated[int, Meta(ge=0, le=10_000_000)]
Key = Annotated[int, Meta(ge=0, le=1000)] | Name
Count = Annotated[int, Meta(ge=0, le=1 << 31)]


class Sources(Struct, tag="sources", array_like=True, frozen=True):
    """The files of the submission: names, and the length of each in the blobs."""

    names: list[str]
    lengths: list[int]


class Ready(Struct, tag="ready", array_like=True, frozen=True):
    """The child stands, with its walls up; no line of the learner's has run yet."""

    walls: Annotated[list[Name], Meta(max_length=32)]


class Import(Struct, tag="import", array_like=True, frozen=True):
    """Import a module."""

    module: str


class Imported(Struct, tag="imported", array_like=True, frozen=True):
    """The module is there."""


class Broken(Struct, tag="broken", array_like=True, frozen=True):
    """The module can't be imported."""

    sentence: Annotated[str, Meta(max_length=3000)]
    line: Line | None


class Ask(Struct, tag="ask", array_like=True, frozen=True):
    """Call a function: an :class:`assay.calling.Request`, numbered."""

    number: int
    module: str
    function: str
    args: Any
    kwargs: Any
    wrt: list[int | str]
    cotangent: Any
    output: int | None


class CallModel(Struct, tag="call", array_like=True, frozen=True):
    """The learner's function calls one of the models that it was given."""

    number: Count
    model: Annotated[int, Meta(ge=0, le=1000)]
    args: Any


class Answered(Struct, tag="answered", array_like=True, frozen=True):
    """What the model answered."""

    answer: Any


class ModelRaised(Struct, tag="raised", array_like=True, frozen=True):
    """The model raised: names of the exception's type and its bases, and its text."""

    bases: list[str]
    message: str


class Exit(Struct, array_like=True, frozen=True):
    """An exception that left the learner's function: :class:`assay.calling.Raised`."""

    kind: Name
    bases: Annotated[list[Name], Meta(max_length=64)]
    message: Annotated[str, Meta(max_length=2000)]
    line: Line | None
    trace: Annotated[str, Meta(max_length=4000)]
    from_model: bool


class Answer(Struct, tag="answer", array_like=True, frozen=True):
    """What came of a call: an :class:`assay.calling.Reply`."""

    number: Count
    value: Any
    gradients: Annotated[list[Any], Meta(max_length=1000)]
    changed: Annotated[list[Key], Meta(max_length=1000)]
    exit: Exit | None
    tracked: bool
    unfit: Annotated[str, Meta(max_length=1000)] | None


class Absent(Struct, tag="absent", array_like=True, frozen=True):
    """The module has no such function."""

    number: Count


FromGrader = Sources | Import | Ask | Answered | ModelRaised
FromLearner = Ready | Imported | Broken | CallModel | Answer | Absent

encode = msgspec.msgpack.Encoder().encode
from_grader = msgspec.msgpack.Decoder(FromGrader)
from_learner = msgspec.msgpack.Decoder(FromLearner)


def type_name(kind: type) -> str:
    """A type as :class:`assay.calling.Raised` names it."""
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
