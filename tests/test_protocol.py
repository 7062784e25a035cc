"""What crosses the wall: everything plain arrives as it was, and nothing else arrives at all."""

import contextlib
import socket
import struct
import time

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from assay.calling import Reply, Request
from assay.plain import Model, identical
from assay.sandbox import protocol
from assay.sandbox.protocol import Breach, Channel, Closed, Overdue, from_wire, to_wire

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
DTYPES = st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool])


@st.composite
def tensors(draw):
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    entries = draw(npst.arrays(np.float64, shape, elements=st.floats(-1e6, 1e6)))
    return torch.from_numpy(np.ascontiguousarray(entries).reshape(shape)).to(draw(DTYPES))


ARRAYS = npst.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.int8, np.bool_]),
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=20)
PLAIN = st.recursive(
    SCALARS | tensors() | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(PLAIN)
def test_plain_data_arrives_as_it_was(value):
    try:
        wire = msgspec.msgpack.encode(to_wire(value))
    except UnicodeEncodeError:
        return  # a lone surrogate: the worker says so instead of sending it
    assert identical(from_wire(msgspec.msgpack.decode(wire)), value)


def test_a_request_and_its_models_arrive():
    model = Model(len, careless=True)
    request = Request("f", (1.0, [model, model]), {"x": (2,)}, (0, "x"), torch.ones(2), 1)
    numbers = {}
    message = protocol.ask(request, lambda one: numbers.setdefault(id(one), len(numbers)))
    made = {}
    back = protocol.asked(
        message, lambda number, name, careless: made.setdefault(number, (number, name, careless))
    )
    assert back.args == (1.0, [(0, "len", True), (0, "len", True)])
    assert (back.kwargs, back.wrt, back.output) == ({"x": (2,)}, (0, "x"), 1)
    assert identical(back.cotangent, request.cotangent)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_breach(payload):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack(">I", len(payload)) + payload)
        with contextlib.suppress(Breach):
            Channel(ours, trusted=True).receive(time.monotonic() + 5)


WIRE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | FLOATS
    | st.binary(max_size=16)
    | st.text(max_size=8)
    | st.sampled_from(["float64", "int64", "bool", "<f8", "|b1", "O"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["T", "A", "U", "t", "d", "i", "m", "x"]), inner, max_size=2
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(WIRE)
def test_any_structure_is_plain_data_or_a_breach(wire):
    try:
        value = from_wire(wire)
    except Breach:
        return
    to_wire(value)


RESULT = st.tuples(
    st.just("result"),
    WIRE,
    st.lists(WIRE, max_size=3),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
    st.none() | WIRE,
    st.booleans(),
    st.none() | st.text(max_size=5),
)


@settings(max_examples=300, deadline=None)
@given(RESULT)
def test_any_result_is_a_reply_or_a_breach(body):
    try:
        frame = msgspec.msgpack.encode(body)
        message = msgspec.msgpack.decode(frame, type=protocol.FromWorker)
        reply = protocol.replied(message, Request("f", wrt=(0,)), model_raised=False)
    except (Breach, msgspec.DecodeError, OverflowError):
        return
    assert isinstance(reply, Reply)
    assert reply.raised is None or (reply.raised.exception is None and not reply.raised.from_model)


@pytest.mark.parametrize(
    "wire",
    [
        {"T": ["float64", [2**39, 2**39], b""]},
        {"T": ["float64", [1], b"\0" * 4]},
        {"T": ["complex64", [1], b"\0" * 8]},
        {"T": ["float64", [-1], b""]},
        {"A": ["O", [1], b"\0" * 8]},
        {"A": ["<f8", [3], b"\0" * 8]},
        {"m": [0, "model", False]},
        {"i": "f" * 10_000},
        {"t": 3},
        {"x": 1},
        {"T": []},
    ],
    ids=str,
)
def test_lies_are_breaches(wire):
    with pytest.raises(Breach):
        from_wire(wire)


def test_nesting_is_bounded():
    wire = []
    for _ in range(1000):
        wire = [wire]
    with pytest.raises(Breach):
        from_wire(wire)


def test_a_frame_that_claims_to_be_huge_is_refused_at_once():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"\xff\xff\xff\xff")
        with pytest.raises(Breach, match="too large"):
            Channel(ours, trusted=True).receive(time.monotonic() + 5)


def test_silence_and_the_end():
    ours, theirs = socket.socketpair()
    with ours:
        channel = Channel(ours, trusted=True)
        with pytest.raises(Overdue):
            channel.receive(time.monotonic() + 0.05)
        theirs.sendall(b"\0\0\0\x09half")
        theirs.close()
        with pytest.raises(Closed):
            channel.receive(time.monotonic() + 5)
