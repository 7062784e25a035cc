"""The learner, as a hidden property sees one.

A property never imports the code under test: it calls ``learner.dpo_loss(...)`` or asks
``learner.gradient("dpo_loss", ...)`` and judges the answers. Where that code lives, in this
process or in a sandboxed one, is the business of the :class:`Backend` behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from torch import Tensor

from assay.calling import Raised, Reply, Request
from assay.plain import Model, own


class Falsified(AssertionError):
    """A property does not hold of the learner's function.

    Attributes:
        reason: what is wrong, in a sentence for the learner.
        expected: what was expected of the function, where there is such a value.
    """

    def __init__(self, reason: str, expected: Any = None, returned: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expected = expected
        self.returned = returned


class CallFailed(Falsified):
    """The function raised, or returned something that is not plain data."""

    def __init__(self, reason: str, call: Call) -> None:
        super().__init__(reason)
        self.call = call


class Halt(BaseException):
    """The function can't be judged any further.

    Not an ``Exception``, so that no smaller input is searched for.

    Attributes:
        status: the status of the function, as in results.
        sentence: what happened, for the learner.
        line: line of the learner's file, where that is known.
    """

    def __init__(self, status: str, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.line = line


class Backend(Protocol):
    """Where the learner's code runs."""

    def perform(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            Halt: the function is missing, can't be imported, ran out of time or took its process
            down.
        """
        ...


@dataclass(frozen=True)
class ModelCall:
    """One call that the learner's function made of a model: which model, with what, what it
    answered.
    """

    model: str
    args: tuple[Any, ...]
    answer: Any = None


@dataclass(frozen=True)
class Call:
    """One call of the learner's function, with all that came of it."""

    request: Request
    reply: Reply
    models: tuple[ModelCall, ...] = ()

    @property
    def function(self) -> str:
        return self.request.function

    @property
    def raised(self) -> Raised | None:
        return self.reply.raised

    @property
    def value(self) -> Any:
        """The result.

        Raises:
            CallFailed: the function raised, or the result is not plain data.
        """
        raised = self.reply.raised
        if raised is not None:
            said = f": {raised.message}" if raised.message else ""
            raise CallFailed(f"{self.function} raised {raised.kind}{said}", self)
        if self.reply.unfit is not None:
            raise CallFailed(f"{self.function} returned {self.reply.unfit}", self)
        return self.reply.value


@dataclass
class Learner:
    """What properties talk to. ``learner.f(...)`` calls the exercise ``f`` with copies of the
    arguments.

    Attributes:
        backend: where the code runs.
        calls: the calls since :meth:`begin`; a failing property's calls are its counterexample.
    """

    backend: Backend
    calls: list[Call] = field(default_factory=list)
    _begun: set[str] = field(default_factory=set)

    def __getattr__(self, function: str) -> Callable[..., Any]:
        if function.startswith("_"):
            raise AttributeError(function)
        return lambda *args, **kwargs: self.attempt(function, *args, **kwargs).value

    def begin(self) -> None:
        """Forget earlier calls: a new example starts."""
        self.calls.clear()

    def attempt(self, function: str, *args: Any, **kwargs: Any) -> Call:
        """Call ``function`` and return the whole story, also where it raises."""
        return self.ask(Request(function, args, kwargs))

    def gradient(
        self,
        function: str,
        *args: Any,
        wrt: int | str | tuple[int | str, ...],
        cotangent: Tensor | None = None,
        output: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Gradient of the function's result by the tensor arguments ``wrt`` (positions or keyword
        names).

        A result with several entries is summed, weighted by ``cotangent`` (ones by default); of a
        tuple result the item ``output`` is taken.

        Returns:
            The gradient, or a tuple of them where ``wrt`` is a tuple. None where no gradient
            reaches the argument.
        """
        several = isinstance(wrt, tuple)
        by = wrt if isinstance(wrt, tuple) else (wrt,)
        request = Request(function, args, kwargs, by, cotangent, output)
        call = self.ask(request)
        _ = call.value
        return call.reply.gradients if several else call.reply.gradients[0]

    def ask(self, request: Request) -> Call:
        """Pass a request to the backend and keep the call.

        Raises:
            Halt: the function is not started, or the backend can't go on with it.
        """
        heard: list[ModelCall] = []
        known: dict[int, Model] = {}
        sent = replace(
            request,
            args=tuple(_overheard(arg, heard, known) for arg in request.args),
            kwargs={name: _overheard(arg, heard, known) for name, arg in request.kwargs.items()},
        )
        reply = self.backend.perform(sent)
        call = Call(request, reply, tuple(heard))
        raised = reply.raised
        if raised is not None and raised.kind == "NotImplementedError":
            if request.function not in self._begun:
                raise Halt("not_started", "not started yet", raised.line)
        else:
            self._begun.add(request.function)
        self.calls.append(call)
        return call


def _overheard(value: Any, heard: list[ModelCall], known: dict[int, Model]) -> Any:
    """``value`` with each model in it wrapped, so that its calls are written down on this side.

    A model that is given twice stays one model.
    """
    if type(value) in (list, tuple):
        return type(value)(_overheard(item, heard, known) for item in value)
    if not callable(value):
        return value
    if id(value) not in known:
        known[id(value)] = _listening(value if type(value) is Model else Model(value), heard)
    return known[id(value)]


def _listening(model: Model, heard: list[ModelCall]) -> Model:
    def listening(*args: Any) -> Any:
        said = own(args)
        answer = model.function(*args)
        heard.append(ModelCall(model.__name__, said, own(answer)))
        return answer

    listening.__name__ = model.__name__
    return Model(listening, careless=model.careless)
