"""What the wall keeps from whom: siblings from each other, and models from misuse."""

import threading
import time

import pytest

from assay.calling import Request
from assay.learner import Halt
from assay.plain import Model
from assay.sandbox import bubblewrap
from assay.sandbox.backend import Isolated, Workshop

pytestmark = pytest.mark.skipif(bubblewrap.problem() is not None, reason=str(bubblewrap.problem()))

MEETING = """
import socket

def listen():
    global kept
    kept = socket.socket(socket.AF_UNIX)
    kept.bind("\\0meeting")
    kept.listen()
    return True

def visit():
    with socket.socket(socket.AF_UNIX) as visitor:
        try:
            visitor.connect("\\0meeting")
        except OSError:
            return False
    return True

def leave(name):
    with open(f"/scratch/{name}", "w") as file:
        file.write("answers")
    return True

def find(name):
    import os
    return any(name in names for _, _, names in os.walk("/scratch"))
"""

POWERS = """
import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)

def capabilities():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    return sum(held)

def cloned_with(flags):
    pid = libc.syscall(56, flags | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid > 0

def noise():
    for fd in (1, 2):
        os.write(fd, b"x" * 10**6)
    return 1
"""

MODELS = """
import threading

late = []

def calls(model):
    return model(3)

def from_threads(model):
    answers = []
    def ask(n):
        answers.append(model(n))
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return sorted(answers)

def keeps(model):
    late.append(model)
    return 0

def calls_late():
    try:
        return late[-1](3)
    except RuntimeError:
        return "refused"

def keeps_calling(model):
    def ask():
        try:
            while True: model(3)
        except RuntimeError:
            late.append("refused")
    threading.Thread(target=ask, daemon=True).start()
    return 0

def how_it_went():
    import time
    for _ in range(200):
        if "refused" in late: return True
        time.sleep(0.01)
    return False

def hands_over(model, value):
    return model(value)
"""


def opened(workshop, source, **limits):
    names = [line[4:].split("(")[0] for line in source.splitlines() if line.startswith("def ")]
    return Isolated(workshop, {"code.py": source.encode()}, dict.fromkeys(names, "code"), **limits)


@pytest.fixture(scope="module", params=[True, False], ids=["warm", "cold"])
def workshop(request):
    with Workshop(warm=request.param) as workshop:
        if request.param and not workshop.warm:
            pytest.skip("user namespaces inside the sandbox are forbidden here")
        yield workshop


def test_siblings_can_not_meet(workshop):
    with opened(workshop, MEETING) as one, opened(workshop, MEETING) as other:
        assert one.perform(Request("listen")).value is True
        assert one.perform(Request("visit")).value is True
        assert other.perform(Request("visit")).value is False
        assert one.perform(Request("leave", ("note",))).value is True
        assert one.perform(Request("find", ("note",))).value is True
        assert other.perform(Request("find", ("note",))).value is False
    with opened(workshop, MEETING) as next_one:
        assert next_one.perform(Request("find", ("note",))).value is False


def test_a_worker_has_no_power_and_gets_none(workshop):
    pytest.importorskip("pyseccomp")
    with opened(workshop, POWERS) as worker:
        assert worker.perform(Request("capabilities")).value == 0
        assert worker.perform(Request("cloned_with", (0,))).value is True
        assert worker.perform(Request("cloned_with", (0x10000000,))).value is False


def test_noise_does_not_hold_it_up(workshop):
    with opened(workshop, POWERS) as worker:
        assert worker.perform(Request("noise")).value == 1


def test_a_name_that_is_not_unicode_costs_nobody_the_run(workshop):
    with Isolated(workshop, {"a\udcff.py": b""}, {"f": "code"}) as worker:
        with pytest.raises(Halt) as halt:
            worker.perform(Request("f"))
        assert halt.value.status == "error"


def test_models_answer_threads_one_at_a_time(workshop):
    busy = threading.Lock()

    def double(n):
        assert busy.acquire(blocking=False)
        try:
            return 2 * n
        finally:
            busy.release()

    with opened(workshop, MODELS) as worker:
        reply = worker.perform(Request("from_threads", (Model(double),)))
        assert reply.value == [2 * n for n in range(20)]


def test_a_model_is_out_of_reach_once_its_call_is_over(workshop):
    calls = []
    model = Model(lambda n: calls.append(n) or 0)
    with opened(workshop, MODELS) as worker:
        assert worker.perform(Request("keeps", (model,))).value == 0
        assert worker.perform(Request("calls_late")).value == "refused"
        assert calls == []
        assert worker.perform(Request("keeps_calling", (model,))).value == 0
        assert worker.perform(Request("how_it_went")).value is True
        before = len(calls)
        time.sleep(0.05)
        assert len(calls) == before
        assert worker.perform(Request("calls", (Model(lambda n: n + 1),))).value == 4


def test_a_model_takes_plain_data_only_and_its_error_is_known(workshop):
    def picky(value):
        raise KeyError("unknown")

    with opened(workshop, MODELS) as worker:
        reply = worker.perform(Request("hands_over", (Model(picky), 1)))
        assert (reply.raised.kind, reply.raised.from_model) == ("KeyError", True)
        assert reply.raised.exception is None


def test_who_never_reads_is_ended_in_time(workshop):
    """The answer of a model is larger than the socket holds, and nobody takes it."""
    source = """
def deaf(model):
    import os, threading
    threading.Thread(target=model, args=(1,), daemon=True).start()
    os.kill(os.getpid(), 19)
    import time
    time.sleep(100)
"""
    with opened(workshop, source, limit=0.2) as worker:
        started = time.monotonic()
        with pytest.raises(Halt) as halt:
            worker.perform(Request("deaf", (Model(lambda n: "x" * 900_000),)))
        assert halt.value.status == "timed_out"
        assert time.monotonic() - started < 60
