"""The template: a clean process inside the sandbox that has torch imported and forks children.

It never runs a line of a learner's. For each submission it is handed two sockets, one over which
the child talks with the grader and one by which the child lives: a *keeper* is forked, leaves the
template's namespaces and forks the child, the first process of a fresh pid namespace. When the
grader hangs up, or dies, the keeper kills the child, and with it all that the child has started;
when the child ends, the keeper reports how.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import sys

import msgspec
import numpy as np
import torch

from assay.isolated import jail, worker

#: How a child ended: 0 and its exit status, or 1 and the signal.
ENDED = struct.Struct("<ii")
_LENGTH = struct.Struct("<I")


class Settings(msgspec.Struct, frozen=True):
    """What the template is told at its start.

    Attributes:
        filter: the compiled filter of system calls; None where there is none.
        memory, cpu, threads: limits of a child, in bytes, seconds and number.
        nested: whether children should get namespaces of their own.
    """

    filter: bytes | None
    memory: int
    cpu: int
    threads: int
    nested: bool


class Started(msgspec.Struct, frozen=True):
    """What the template answers.

    Attributes:
        nested: children get namespaces of their own; otherwise this sandbox is good for one child.
        why_not: what the system said where that failed.
    """

    nested: bool
    why_not: str = ""


def send_frame(end: socket.socket, message: msgspec.Struct) -> None:
    data = msgspec.msgpack.encode(message)
    end.sendall(_LENGTH.pack(len(data)) + data)


def receive_frame(end: socket.socket) -> bytes:
    """The next frame; empty where the other side has closed."""
    head = end.recv(_LENGTH.size, socket.MSG_WAITALL)
    return end.recv(_LENGTH.unpack(head)[0], socket.MSG_WAITALL) if len(head) == 4 else b""


def main(descriptor: int) -> None:
    """Serve the grader at the other end of this socket until it hangs up."""
    jail.drop_root()
    control = socket.socket(fileno=descriptor)
    settings = msgspec.msgpack.decode(receive_frame(control), type=Settings)
    _warm_up()
    why_not = _try_nesting() if settings.nested else "not asked for"
    worker.quiet()
    send_frame(control, Started(not why_not, why_not))
    # Keepers end by themselves; nobody waits for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        word, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not word:
            return
        call, life = descriptors
        if why_not:
            control.close()
            os.close(life)
            _become_child(call, settings, ["sandbox"])
        if os.fork() == 0:
            control.close()
            try:
                _keep(call, life, settings)
            finally:
                os._exit(1)
        os.close(call)
        os.close(life)


def _warm_up() -> None:
    """Let torch and numpy do once what they do at first use, and share it with all children."""
    torch.set_num_threads(1)
    for dtype in (torch.float64, torch.float32):
        x = torch.ones(4, 4, dtype=dtype, requires_grad=True)
        y = torch.log_softmax(x @ x, -1).sum() + torch.sigmoid(x).mean()
        torch.autograd.grad(y, [x], torch.ones_like(y))
    for optimizer in (torch.optim.SGD([x], lr=0.1), torch.optim.Adam([x], lr=0.1)):
        optimizer.zero_grad()
        torch.autograd.backward(torch.where(x > 0, x * x, x).sum())
        optimizer.step()
    np.linalg.norm(np.ones((4, 4)) @ np.ones((4, 4)))
    gc.collect()
    gc.freeze()


def _try_nesting() -> str:
    """Empty where a child can have namespaces of its own, or what the system says."""
    reading, writing = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        said = "it ended before it could say why"
        try:
            jail.fresh_namespaces()
            jail.private_view()
            child = os.fork()
            if child == 0:
                os._exit(0 if os.getpid() == 1 else 1)
            _, status = os.waitpid(child, 0)
            said = "" if status == 0 else "no namespace of processes"
        except OSError as error:
            said = error.strerror or str(error)
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    os.waitpid(keeper, 0)
    with os.fdopen(reading, "rb") as answer:
        return answer.read().decode()


def _keep(call: int, life: int, settings: Settings) -> None:
    """Start the child, watch over it, and report its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    jail.fresh_namespaces()
    jail.private_view()
    child = os.fork()
    if child == 0:
        os.close(life)
        _become_child(call, settings, ["sandbox", "namespaces"])
    os.close(call)
    watch = os.pidfd_open(child)
    ready, _, _ = select.select([watch, life], [], [])
    if watch not in ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    number = os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
    with contextlib.suppress(OSError):
        os.write(life, ENDED.pack(killed, number))
    os._exit(0)


def _become_child(call: int, settings: Settings, walls: list[str]) -> None:
    """Put up the inner walls, then serve the grader; never returns."""
    try:
        os.dup2(call, 3)
        os.closerange(4, 4096)
        end = socket.socket(fileno=3)
        os.chdir("/tmp")
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            jail.landlock()
            walls.append("landlock")
        jail.limit_resources(settings.memory, settings.cpu, settings.threads)
        walls.append("limits")
        jail.drop_capabilities()
        jail.hide_from_debuggers()
        if settings.filter is not None:
            jail.filter_calls(settings.filter)
            walls.append("seccomp")
        # A learner who patches the engine's modules patches a copy of their own.
        for name in [name for name in sys.modules if name.partition(".")[0] == "assay"]:
            del sys.modules[name]
        worker.serve(end, walls)
        os._exit(0)
    except BaseException:
        os._exit(70)
