"""The grader's side of the wall: a :class:`assay.learner.Backend` whose functions live in a
sandboxed process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from assay.calling import Raised, Reply, Request
from assay.isolated import messages
from assay.isolated.channel import Gone
from assay.isolated.messages import type_name
from assay.isolated.packing import Breach, Packer, Unpacker
from assay.isolated.template import Child, Limits, NoSandbox, Template
from assay.learner import Backend, Halt
from assay.plain import Model, own

__all__ = ["Isolated", "Limits", "NoSandbox", "Pool", "isolated_backends", "sandbox_problem"]

#: How often one call may call models, and how many bytes it may hand them in all.
MODEL_CALLS = 10_000
MODEL_BYTES = 64 << 20

_MODULE = re.compile(r"[^\W\d]\w*\.py")


class _OutOfTime(Exception):
    """The child has used up its time; the message is a sentence."""


class Pool:
    """Templates kept warm, so that a submission costs a fork and not an import of torch.

    Args:
        limits: of the submissions.
        warm: False starts a sandbox per child, as it is done where a template can't give its
            children namespaces of their own.
    """

    def __init__(self, limits: Limits | None = None, *, warm: bool = True) -> None:
        self.limits = limits or Limits()
        self._warm = warm
        self._template: Template | None = None
        self._owner = os.getpid()
        self._lock = threading.Lock()

    def child(self, wait: Callable[[], None]) -> Child:
        """A new child that no learner's code has touched.

        Raises:
            NoSandbox: none can be had.
        """
        with self._lock:
            if self._owner != os.getpid():  # a forked copy of the grader starts its own
                self._template, self._owner = None, os.getpid()
            try:
                return self._ready().child(wait)
            except NoSandbox:
                self._retire()  # killed from outside, or its thread has gone: once more, afresh
                return self._ready().child(wait)

    def _ready(self) -> Template:
        if self._template is not None and self._template.used_up:
            self._retire()
        if self._template is None:
            self._template = Template(self.limits, warm=self._warm)
        return self._template

    @property
    def template(self) -> Template:
        """The template that the next child comes from.

        Raises:
            NoSandbox: it can't be started.
        """
        with self._lock:
            return self._ready()

    def _retire(self) -> None:
        template, self._template = self._template, None
        # A template that was good for one child lives on in that child.
        if template is not None and template.started.nested:
            template.close()

    def close(self) -> None:
        """End the template and all its children."""
        with self._lock:
            if self._owner == os.getpid():
                self._retire()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Isolated:
    """A backend that runs one submission in a sandboxed child.

    A child that breaks a rule, runs out of time or ends is replaced when the next call comes, so
    that one bad function costs one function.

    Args:
        pool: where children come from.
        sources: the submission's files by name, such as ``"dpo.py"``. Others than modules are left
            out.
        modules: the module in which each function is looked for.
    """

    def __init__(
        self, pool: Pool, sources: Mapping[str, bytes], modules: Mapping[str, str]
    ) -> None:
        self._pool = pool
        self._sources = {
            name: bytes(source) for name, source in sources.items() if _MODULE.fullmatch(name)
        }
        self._modules = dict(modules)
        self._child: Child | None = None
        self._imported: set[str] = set()
        self._broken: dict[str, Halt] = {}
        self._number = 0
        self._clock = _Clock(pool.limits)

    @property
    def walls(self) -> list[str]:
        """The walls that stand around the child; a child is started where there is none."""
        return list(self._ready().walls)

    def perform(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            Halt: the function is missing, can't be imported, ran out of time, took its process
                down or broke the rules of the connection.
            NoSandbox: no child can be had.
        """
        module = self._modules[request.function]
        if f"{module}.py" not in self._sources:
            raise Halt("missing", f"the file {module}.py is missing")
        if module in self._broken:
            raise self._broken[module]
        with self._judged("the submission"):
            child = self._ready()
        if module not in self._imported:
            try:
                with self._judged(f"importing {module}.py"):
                    self._import(child, module)
            except Halt as halt:
                self._broken[module] = halt
                raise
        with self._judged(request.function):
            return self._ask(child, module, request)

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        self._imported.clear()
        if child is not None:
            child.end()

    def _ready(self) -> Child:
        if self._child is None:
            child = self._child = self._pool.child(self._clock.check)
            self._clock.watch(child)
            child.load(self._sources)
        return self._child

    @contextmanager
    def _judged(self, what: str) -> Iterator[None]:
        """Make a verdict of whatever goes wrong with the child, and be rid of that child."""
        try:
            with self._clock.running():
                yield
        except Halt:
            raise
        except _OutOfTime as end:
            self.close()
            raise Halt("timed_out", str(end)) from None
        except Gone:
            ending = self._child.end() if self._child is not None else "it ended"
            self._child = None
            self._imported.clear()
            sentence = f"the process that ran {what} is gone: {ending}"
            raise Halt("error", sentence) from None
        except Breach as breach:
            self.close()
            sentence = f"{what} broke the connection to the grader: it sent {breach}"
            raise Halt("error", sentence) from None
        except BaseException:
            self.close()
            raise

    def _import(self, child: Child, module: str) -> None:
        child.channel.send(messages.Import(module))
        said, _ = child.channel.receive()
        if isinstance(said, messages.Broken):
            raise Halt("error", said.sentence, said.line)
        if not isinstance(said, messages.Imported):
            raise Breach("an answer to a question that was not asked")
        self._imported.add(module)

    def _ask(self, child: Child, module: str, request: Request) -> Reply:
        self._number += 1
        packer = Packer(models=True)
        ask = messages.Ask(
            self._number,
            module,
            request.function,
            packer.pack(own(request.args, models=True)),
            packer.pack(own(request.kwargs, models=True)),
            list(request.wrt),
            packer.pack(request.cotangent),
            request.output,
        )
        child.channel.send(ask, packer.blobs)
        heard = _Models(packer.models, self._clock)
        while True:
            said, blobs = child.channel.receive()
            self._clock.check()
            if isinstance(said, messages.CallModel) and said.number == self._number:
                answer, parts = heard.call(said, blobs)
                child.channel.send(answer, parts)
            elif isinstance(said, messages.Answer) and said.number == self._number:
                return _reply(said, blobs, request, heard)
            elif isinstance(said, messages.Absent) and said.number == self._number:
                raise Halt("missing", f"{module}.py has no function {request.function}")
            else:
                raise Breach("an answer to a question that was not asked")


class _Models:
    """The models of one call: they are called here, on the grader's side."""

    def __init__(self, models: list[Model], clock: _Clock) -> None:
        self._models = models
        self._clock = clock
        self._calls = 0
        self._bytes = 0
        self.failure: Exception | None = None

    def call(
        self, said: messages.CallModel, blobs: memoryview
    ) -> tuple[messages.Answered | messages.ModelRaised, list[bytes | memoryview]]:
        if said.model >= len(self._models):
            raise Breach("a call of a model that it was not given")
        self._calls += 1
        self._bytes += len(blobs)
        if self._calls > MODEL_CALLS or self._bytes > MODEL_BYTES:
            raise Breach("more calls of a model than anybody needs")
        unpacker = Unpacker(blobs)
        args = unpacker.unpack(said.args)
        unpacker.finish()
        if type(args) is not tuple:
            raise Breach("a call without arguments")
        packer = Packer()
        try:
            with self._clock.stopped():
                answer = packer.pack(own(self._models[said.model](*args)))
        except Exception as exception:
            self.failure = exception
            bases = [type_name(base) for base in type(exception).__mro__]
            return messages.ModelRaised(bases, _text(exception)), []
        return messages.Answered(answer), packer.blobs


def _text(exception: Exception) -> str:
    return str(exception).encode("utf-8", "backslashreplace").decode()


def _reply(said: messages.Answer, blobs: memoryview, request: Request, models: _Models) -> Reply:
    """The reply as the grader may use it: every part is of the type that it must be."""
    unpacker = Unpacker(blobs)
    value = unpacker.unpack(said.value)
    gradients = tuple(unpacker.unpack(gradient) for gradient in said.gradients)
    unpacker.finish()
    answered = said.exit is None and said.unfit is None
    if len(gradients) != (len(request.wrt) if answered else 0):
        raise Breach("another number of gradients than was asked for")
    if not all(gradient is None or isinstance(gradient, Tensor) for gradient in gradients):
        raise Breach("a gradient that is no tensor")
    given = {*range(len(request.args)), *request.kwargs, "model"}
    if not given.issuperset(said.changed):
        raise Breach("a change of an argument that it was not given")
    return Reply(
        value,
        gradients,
        tuple(said.changed),
        None if said.exit is None else _raised(said.exit, models.failure),
        said.tracked,
        said.unfit,
    )


def _raised(said: messages.Exit, failure: Exception | None) -> Raised:
    if not said.from_model:
        return Raised(said.kind, tuple(said.bases), said.message, said.line, said.trace)
    if failure is None:
        raise Breach("an exception of a model that raised none")
    bases = tuple(type_name(base) for base in type(failure).__mro__)
    message = str(failure)[:2000]
    return Raised(bases[0], bases, message, said.line, said.trace, from_model=True)


class _Clock:
    """Counts the time that a submission uses, and says when it is up."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: Child | None = None
        self._used_cpu = self._used_wall = 0.0
        self._cpu_from = self._wall_from = 0.0
        self._what_if_over = ""

    def watch(self, child: Child) -> None:
        self._child = child
        self._cpu_from = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """The time of what is done in the block counts as one call's."""
        self._cpu_from = self._cpu()
        self._wall_from = time.monotonic()
        self.check()
        try:
            yield
        finally:
            self._used_cpu += max(0.0, self._cpu() - self._cpu_from)
            self._used_wall += time.monotonic() - self._wall_from

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The time of what is done in the block doesn't count: it is the grader's own."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._wall_from += time.monotonic() - started

    def check(self) -> None:
        """Raise _OutOfTime when the time is up."""
        limits = self._limits
        cpu, wall = self._cpu() - self._cpu_from, time.monotonic() - self._wall_from
        if cpu > limits.call:
            raise _OutOfTime(f"took over {limits.call:g} s: is there a loop that never ends?")
        if wall > limits.wait:
            raise _OutOfTime(f"did not end within {limits.wait:g} s: does it wait for something?")
        if (
            self._used_cpu + cpu > limits.submission
            or self._used_wall + wall > limits.submission_wait
        ):
            raise _OutOfTime("the submission as a whole has used up its time")

    def _cpu(self) -> float:
        return self._child.cpu if self._child is not None else 0.0


_shared: dict[int, Pool] = {}


def shared_pool() -> Pool:
    """The pool of this process, started at first use and closed at its end."""
    pool = _shared.get(os.getpid())
    if pool is None:
        _shared.clear()
        pool = _shared[os.getpid()] = Pool()
        atexit.register(pool.close)
    return pool


@contextmanager
def isolated_backends(
    sources: Mapping[str, bytes], modules: Mapping[str, str], pool: Pool | None = None
) -> Iterator[Callable[[str], Backend]]:
    """The backends of one submission, for ``assay.grading.grade``.

    Args:
        sources: the submission's files by name.
        modules: the module in which each function is looked for.
        pool: where the sandboxed child comes from; this process's own by default.

    Raises:
        NoSandbox: this machine has no working sandbox.
    """
    with contextlib.closing(Isolated(pool or shared_pool(), sources, modules)) as backend:
        yield lambda function: backend


def sandbox_problem() -> str | None:
    """Why submissions can't be isolated on this machine, as a sentence; None where they can."""
    try:
        shared_pool().template  # noqa: B018  (started to see whether it starts)
    except NoSandbox as problem:
        return (
            f"no working sandbox: {problem}. Install bubblewrap (on Debian: apt-get install "
            "bubblewrap) and see `assay doctor`; for code that you trust, there is "
            "--unsafe-in-process."
        )
    return None
