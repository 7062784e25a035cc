"""The grader's hold on a template process in its sandbox, and on the children it forks."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import msgspec

from assay.isolated import messages, sandbox, seccomp, zygote
from assay.isolated.channel import Channel, Gone
from assay.isolated.messages import FromLearner

#: Seconds until a look at the clock, while nothing arrives.
TICK = 0.1
#: Seconds that the sandbox may take to start, or a child to end.
PATIENCE = 60.0

_CODE = "import sys; sys.path.append({root!r}); from assay.isolated.zygote import main; main({fd})"
_CREDENTIALS = struct.Struct("iII")


class NoSandbox(Exception):
    """The sandbox can't be started. The message is a sentence that says why."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        call: CPU seconds of one call, or of importing one module.
        wait: seconds by the clock for the same, for code that waits instead of working.
        submission: CPU seconds of all calls together.
        submission_wait: seconds by the clock of all calls together.
        memory: bytes of address space.
        threads: how many of them at once.
    """

    call: float = 5.0
    wait: float = 15.0
    submission: float = 120.0
    submission_wait: float = 300.0
    memory: int = 2 << 30
    threads: int = 32


class Template:
    """A warm template process in its sandbox.

    Args:
        limits: of the children.
        warm: fork a child per submission; False makes a template that is good for one child only.

    Raises:
        NoSandbox: it can't be started.
    """

    def __init__(self, limits: Limits, *, warm: bool = True) -> None:
        self._control, theirs = socket.socketpair()
        os.register_at_fork(after_in_child=functools.partial(_close, self._control))
        with theirs:
            theirs.set_inheritable(True)
            code = _CODE.format(root=sandbox.package_root(), fd=theirs.fileno())
            try:
                self._process = subprocess.Popen(
                    sandbox.command(code),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd="/",
                )
            except OSError as error:
                self._control.close()
                raise NoSandbox(str(error)) from error
        try:
            self.started = self._greet(limits, warm)
        except BaseException:
            self.close()
            raise

    def _greet(self, limits: Limits, warm: bool) -> zygote.Started:
        settings = zygote.Settings(
            seccomp.program(),
            limits.memory,
            int(limits.submission) + 10,
            limits.threads,
            nested=warm,
        )
        self._control.settimeout(PATIENCE)
        try:
            zygote.send_frame(self._control, settings)
            answer = zygote.receive_frame(self._control)
        except TimeoutError:
            raise NoSandbox(f"the sandbox did not start within {PATIENCE:g} s") from None
        except OSError:
            answer = b""
        if not answer:
            self._process.kill()
            assert self._process.stderr is not None
            said = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            raise NoSandbox(said[-1] if said else "the sandbox ended at once")
        return msgspec.msgpack.decode(answer, type=zygote.Started)

    @property
    def used_up(self) -> bool:
        """Whether no further child can be had from here."""
        return self._control.fileno() < 0 or self._process.poll() is not None

    def child(self, wait: Callable[[], None]) -> Child:
        """A new child in its inner walls, waiting for the sources.

        Args:
            wait: called while nothing comes from it, about every ``TICK``; it raises to give up.

        Raises:
            NoSandbox: the template is gone.
        """
        ours, theirs = socket.socketpair()
        life, their_life = socket.socketpair()
        # The kernel then says who sent a message, in this process's own terms.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with theirs, their_life:
            try:
                socket.send_fds(self._control, [b"c"], [theirs.fileno(), their_life.fileno()])
            except OSError as error:
                ours.close()
                life.close()
                raise NoSandbox("the sandbox has ended") from error
        if self.started.nested:
            return Child(ours, life, wait)
        self._control.close()
        return Child(ours, life, wait, self._process)

    def close(self) -> None:
        """End the template; all its children end with it."""
        self._control.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> Template:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _close(end: socket.socket) -> None:
    """In a forked copy of the grader: or the template would outlive the grader it belongs to."""
    with contextlib.suppress(OSError):
        end.close()


class Child:
    """One sandboxed child: the channel to it, its clock, and the power to end it.

    Attributes:
        channel: to talk with it.
        walls: those that it reports to have put up.
    """

    def __init__(
        self,
        end: socket.socket,
        life: socket.socket,
        wait: Callable[[], None],
        sandbox_of_its_own: subprocess.Popen[bytes] | None = None,
    ) -> None:
        end.settimeout(TICK)
        self.channel: Channel[FromLearner] = Channel(end, messages.from_learner, wait)
        self.walls: list[str] = []
        self._life = life
        self._sandbox = sandbox_of_its_own
        self._clock: int | None = None

    def load(self, sources: dict[str, bytes]) -> None:
        """Hand over the submission's files.

        Raises:
            Gone: the child has ended.
        """
        lengths = [len(source) for source in sources.values()]
        self.channel.send(messages.Sources(list(sources), lengths), list(sources.values()))
        pid = self._sender()
        # Linux's number of the clock that counts the CPU time of one process.
        self._clock = (~pid << 3) | 2
        ready, _ = self.channel.receive()
        if not isinstance(ready, messages.Ready):
            raise Gone
        self.walls = list(ready.walls)
        self.channel.end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)

    def _sender(self) -> int:
        """The process that speaks first, as the kernel says; no learner's line has run yet."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            try:
                size = socket.CMSG_SPACE(_CREDENTIALS.size)
                data, extras, _, _ = self.channel.end.recvmsg(1, size, socket.MSG_PEEK)
            except TimeoutError:
                continue
            except OSError as error:
                raise Gone from error
            for level, kind, content in extras:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    return int(_CREDENTIALS.unpack(content)[0])
            if not data:
                break
        raise Gone

    @property
    def cpu(self) -> float:
        """CPU seconds that it has used, by the kernel's count; 0 where it has ended."""
        if self._clock is None:
            return 0.0
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0

    def end(self) -> str:
        """Kill it, with all that it has started, and say how it ended if that came first."""
        self._clock = None
        self.channel.end.close()
        try:
            return self._end_sandbox() if self._sandbox is not None else self._end_by_keeper()
        finally:
            self._life.close()

    def _end_by_keeper(self) -> str:
        self._life.settimeout(PATIENCE)
        # Hanging up is the keeper's order to kill; a child that has ended is reported all the same.
        with contextlib.suppress(OSError):
            self._life.shutdown(socket.SHUT_WR)
        try:
            report = self._life.recv(zygote.ENDED.size, socket.MSG_WAITALL)
        except OSError:
            report = b""
        if len(report) < zygote.ENDED.size:
            return "it ended"
        killed, number = zygote.ENDED.unpack(report)
        return _ending(bool(killed), number)

    def _end_sandbox(self) -> str:
        assert self._sandbox is not None
        try:
            code = self._sandbox.wait(0.2)
        except subprocess.TimeoutExpired:
            self._sandbox.kill()
            self._sandbox.wait()
            return "it ended"
        return _ending(code > 128, code - 128 if code > 128 else code)


def _ending(killed: bool, number: int) -> str:
    if not killed:
        return f"it left with exit status {number}"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    reasons = {"SIGKILL": "it was killed", "SIGSEGV": "it crashed", "SIGXCPU": "it was out of time"}
    return f"{reasons.get(name, 'it was ended by a signal')} ({name})"
