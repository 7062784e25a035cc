"""Forged frames: whatever a worker sends is a fitting reply or a breach, and never a crash."""

import socket
import struct
import threading
import time

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from assay.calling import Raised, Reply, Request
from assay.plain import MAX_DEPTH, Model, identical
from assay.sandbox import protocol
from assay.sandbox.protocol import (
    MAX_FRAME,
    Breach,
    CallModel,
    Channel,
    Closed,
    Halted,
    Overdue,
    Ready,
    Result,
    ask,
    asked,
    from_wire,
    replied,
    result,
    to_wire,
)

quick = settings(max_examples=150, deadline=None)
many = settings(max_examples=500, deadline=None)

# --- plain data, as far as it may cross

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
KEYS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
ARRAYS = npst.arrays(
    st.sampled_from(["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]),
    npst.array_shapes(min_dims=0, min_side=0, max_side=4),
)
TEXT_ARRAYS = npst.arrays(
    st.integers(1, 6).map("<U{}".format),
    npst.array_shapes(max_side=3),
    elements=st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=1),
)


@st.composite
def tensors(draw):
    """A tensor of any dtype that may cross, its entries any bit pattern of it."""
    name = draw(st.sampled_from(sorted(protocol._DTYPES)))
    shape = draw(npst.array_shapes(min_dims=0, min_side=0, max_side=4))
    dtype = getattr(torch, name)
    count = int(np.prod(shape))
    if dtype is torch.bool:
        return (
            torch.tensor(draw(st.lists(st.booleans(), min_size=count, max_size=count))).reshape(
                shape
            )
            if count
            else torch.zeros(shape, dtype=dtype)
        )
    size = torch.zeros(1, dtype=dtype).element_size() * count
    bits = bytearray(draw(st.binary(min_size=size, max_size=size)))
    return (torch.frombuffer(bits, dtype=dtype) if size else torch.zeros(0, dtype=dtype)).reshape(
        shape
    )


PLAIN = st.recursive(
    SCALARS | ARRAYS | TEXT_ARRAYS | tensors(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=8,
)

# --- whatever MessagePack can say

WIRE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | TEXTS
    | st.binary(max_size=40)
    | st.sampled_from([*protocol._DTYPES, *sorted(protocol._ARRAYS), 2**40, -1, [0], [2], [1, -1]]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS | st.integers(0, 9), inner, max_size=3)
        | st.tuples(st.sampled_from("itdTAUmx"), inner).map(lambda pair: dict([pair]))
        | st.tuples(
            st.sampled_from("TA"),
            st.sampled_from([*protocol._DTYPES, *sorted(protocol._ARRAYS)]) | inner,
            st.lists(st.integers(-1, 5), max_size=3) | inner,
            st.binary(max_size=40) | inner,
        ).map(lambda four: {four[0]: list(four[1:])})
    ),
    max_leaves=15,
)
TAGS = st.sampled_from(["load", "ask", "ready", "call", "result", "halted", "nothing"])
FRAMES = st.tuples(TAGS, st.lists(WIRE, max_size=7)).map(lambda pair: [pair[0], *pair[1]])


def through(value):
    """What the other side makes of it, after a real encoding."""
    packed = msgspec.msgpack.encode(to_wire(value))
    return from_wire(msgspec.msgpack.decode(packed))


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def arrives(payload, *, size=None):
    """What the trusted side says to a frame with this content."""
    one, other = socket.socketpair()
    with one, other:
        length = struct.pack(">I", len(payload) if size is None else size)
        sender = threading.Thread(target=_send, args=(one, length + payload))
        sender.start()
        try:
            return Channel(other, trusted=True).receive(time.monotonic() + 20)
        finally:
            other.close()
            sender.join()


def _send(end, data):
    try:
        end.sendall(data)
        end.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# --- round trips


@many
@given(PLAIN)
def test_plain_data_comes_out_as_it_went_in(value):
    assert identical(through(value), value)


@pytest.mark.parametrize("dtype", [">f8", ">i4", ">u2"])
def test_the_byte_order_of_an_array_does_not_matter(dtype):
    array = np.arange(5).astype(dtype)
    assert (through(array) == array).all()


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, dtype=torch.complex64),
        np.zeros(2, dtype=np.longdouble),
        np.array([object()]),
        object(),
        b"bytes",
        {1, 2},
        Model(len),
    ],
)
def test_nothing_else_is_sent(value):
    with pytest.raises(TypeError):
        to_wire(value)


def test_a_tensor_that_came_over_can_be_written_to():
    tensor = through(torch.zeros(2))
    tensor += 1
    array = through(np.zeros(2))
    array += 1
    assert tensor.tolist() == array.tolist() == [1, 1]


@quick
@given(
    st.lists(PLAIN, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b"]), PLAIN),
    st.lists(st.integers(0, 3) | st.sampled_from(["a", "b"]), max_size=3),
    st.none() | st.integers(0, 3),
)
def test_a_request_comes_out_as_it_went_in(args, kwargs, wrt, output):
    model = Model(len, careless=True)
    request = Request("f", (*args, model, [model]), kwargs, tuple(wrt), torch.ones(2), output)
    sent = ask(request, lambda one: 5 if one is model else 6)
    packed = msgspec.msgpack.encode(sent)
    got = asked(msgspec.msgpack.decode(packed, type=protocol.Ask), lambda *handle: handle)
    assert identical(list(got.args[:-2]), args) and identical(got.kwargs, kwargs)
    assert got.args[-2] == (5, "len", True) and got.args[-1] == [(5, "len", True)]
    assert (got.function, got.wrt, got.output) == ("f", tuple(wrt), output)
    assert torch.equal(got.cotangent, torch.ones(2))


@quick
@given(
    PLAIN,
    st.lists(st.none() | tensors(), max_size=3),
    st.lists(st.integers(0, 3) | st.just("model"), max_size=3),
    st.none() | st.builds(Raised, TEXTS, st.just(("E",)), TEXTS, st.none() | st.integers(0, 99)),
    st.booleans(),
    st.none() | TEXTS,
)
def test_a_reply_comes_out_as_it_went_in(value, gradients, changed, raised, tracked, unfit):
    reply = Reply(value, tuple(gradients), tuple(changed), raised, tracked, unfit)
    packed = msgspec.msgpack.encode(result(reply))
    message = msgspec.msgpack.decode(packed, type=Result)
    got = replied(message, Request("f", wrt=(0,) * len(gradients)), False)
    assert identical(got.value, value) and identical(got.gradients, tuple(gradients))
    assert (got.changed, got.raised, got.tracked) == (tuple(changed), raised, tracked)
    assert got.unfit == unfit


def test_a_live_exception_stays_where_it_was_raised():
    raised = Raised("ValueError", ("ValueError",), "no", exception=ValueError("no"))
    message = msgspec.msgpack.decode(
        msgspec.msgpack.encode(result(Reply(raised=raised))), type=Result
    )
    assert replied(message, Request("f"), False).raised.exception is None


# --- what is not agreed


@many
@given(FRAMES, st.lists(st.integers(0, 1), max_size=3))
def test_any_frame_is_a_fitting_reply_or_a_breach(frame, wrt):
    try:
        message = arrives(msgspec.msgpack.encode(frame))
    except Breach:
        return
    assert isinstance(message, protocol.FromWorker)
    if isinstance(message, Result):
        _is_a_reply(message, Request("f", wrt=tuple(wrt)))


VALUES = st.sampled_from([None, 1.0, {"i": "0x1"}, {"T": ["float32", [1], b"0000"]}])


@many
@given(
    st.tuples(
        st.just("result"),
        VALUES | WIRE,
        st.lists(VALUES, max_size=3) | WIRE,
        st.lists(st.integers(0, 3) | TEXTS, max_size=3) | WIRE,
        st.none() | st.tuples(TEXTS, st.lists(TEXTS), TEXTS, st.none(), TEXTS, st.booleans()),
        st.booleans(),
        st.none() | TEXTS,
    ),
    st.lists(st.integers(0, 1), max_size=3),
)
def test_a_forged_reply_fits_the_request_or_is_a_breach(frame, wrt):
    try:
        message = arrives(msgspec.msgpack.encode(frame))
    except Breach:
        return
    _is_a_reply(message, Request("f", wrt=tuple(wrt)))


def _is_a_reply(message, request):
    try:
        reply = replied(message, request, False)
    except Breach:
        return
    assert all(one is None or type(one) is torch.Tensor for one in reply.gradients)
    assert all(type(key) in (int, str) for key in reply.changed)
    assert (
        reply.raised is not None
        or reply.unfit is not None
        or (len(reply.gradients) == len(request.wrt))
    )
    if reply.raised is not None:
        assert reply.raised.exception is None and not reply.raised.from_model


@many
@given(PLAIN, st.data())
def test_a_mangled_value_is_plain_data_or_a_breach(value, data):
    packed = bytearray(msgspec.msgpack.encode(to_wire(value)))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        mangled = from_wire(msgspec.msgpack.decode(bytes(packed)))
    except (Breach, ValueError):
        return
    through(mangled)


def test_a_length_beyond_the_limit_is_refused_before_memory_is_taken():
    with pytest.raises(Breach, match="too large"):
        arrives(b"", size=2**32 - 1)
    with pytest.raises(Breach, match="too large"):
        arrives(b"", size=MAX_FRAME + 1)


LARGE = {
    "bytes as a number": {"A": ["<f8", [2**37], 2**40]},
    "tensor of a number": {"T": ["uint8", [2**40], 2**40]},
    "texts as long as the longest": {"U": [1_000_000, [200_000], [""] * 200_000]},
    "texts of no width": {"U": [2**40, [1], ["x"]]},
    "negative width": {"U": [-1, [1], [""]]},
    "a shape without data": {"T": ["float64", [2**30, 2**30], b""]},
    "a shape that overflows": {"A": ["<f8", [0, 2**39, 2**39, 2**39], b""]},
    "a long whole number": {"i": "0x" + "f" * 5000},
}


@pytest.mark.parametrize("name", LARGE)
def test_a_small_frame_can_not_ask_for_much_memory(name):
    with pytest.raises(Breach):
        from_wire(LARGE[name])


def test_nesting_is_bounded():
    deep = []
    for _ in range(MAX_DEPTH + 5):
        deep = [deep]
    with pytest.raises(Breach, match="deep"):
        from_wire(deep)
    with pytest.raises(Breach):
        arrives(msgspec.msgpack.encode(["ready"])[:-6] + b"\x91" * 200_000)


@pytest.mark.parametrize(
    "frame",
    [
        ["load", {}, {}, 1.0],
        ["answer", 1],
        ["halted", "passed", "all right", None],
        ["halted", "error", "x" * 8001, None],
        ["result", None, [], [], None, 1, None],
        ["result", None, [None] * 21, [], None, False, None],
        ["result", None, [], [1.5], None, False, None],
        ["result", None, [], ["x" * 101], None, False, None],
        ["result", None, [], [], ["E", ["E"], "", "1", "", False], False, None],
        ["result", None, [], [], ["E", ["E"] * 51, "", 1, "", False], False, None],
        msgspec.msgpack.Ext(1, b"x"),
    ],
)
def test_what_a_worker_may_not_say(frame):
    with pytest.raises(Breach):
        arrives(msgspec.msgpack.encode(frame))


def test_only_a_model_that_raised_can_be_said_to_have_raised():
    message = Result(None, [], [], protocol.Told("E", ["E"], "", None, "", True), False, None)
    assert not replied(message, Request("f"), False).raised.from_model
    assert replied(message, Request("f"), True).raised.from_model


# --- the channel


def test_messages_of_any_length_cross(ends):
    one, other = (Channel(end, trusted=True) for end in ends)
    for text in ("", "x", "x" * 8000):
        one.send(Halted("error", text, None))
        assert other.receive().sentence == text
    call = CallModel(0, ["x" * 10_000_000])
    sender = threading.Thread(target=one.send, args=(call,))
    sender.start()
    assert other.receive() == call
    sender.join()


def test_a_frame_too_large_is_not_sent(ends):
    with pytest.raises(Breach, match="too large"):
        Channel(ends[0], trusted=True).send(CallModel(0, [b"x" * MAX_FRAME]))


def test_waiting_has_an_end(ends):
    silent = Channel(ends[0], trusted=True)
    with pytest.raises(Overdue):
        silent.receive(time.monotonic() + 0.05)
    ends[1].sendall(b"\0\0")  # the beginning of a length, and no more
    with pytest.raises(Overdue):
        silent.receive(time.monotonic() + 0.05)
    with pytest.raises(Overdue):  # the other side never reads
        silent.send(CallModel(0, [b"x" * 10_000_000]), time.monotonic() + 0.05)


def test_the_other_side_may_be_gone(ends):
    channel = Channel(ends[0], trusted=True)
    ends[1].close()
    with pytest.raises(Closed):
        channel.receive()
    with pytest.raises(Closed):
        channel.send(Ready())
