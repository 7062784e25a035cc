"""One call of a learner's function, on the learner's side of the wall.

The same code runs in the grader's process (in-process) and in the sandboxed worker (isolated): it
hands over copies of the arguments, runs the function, runs backward where gradients are asked for,
and replies with plain data.
"""

from __future__ import annotations

import bdb
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from assay.plain import Model, NotPlain, identical, own


class Interrupt(BaseException):
    """Raised from outside into running learner code, which must not be taken for an error of its
    own.
    """


#: Exceptions by which a user leaves a debugger that was opened inside learner code.
QUITTING: list[type[BaseException]] = [bdb.BdbQuit]


@dataclass(frozen=True)
class Request:
    """What a property asks of the learner: one call, and perhaps its gradients.

    Attributes:
        function: the name of the exercise.
        args, kwargs: plain data, and the grader's models.
        wrt: positions or names of the tensor arguments to differentiate by.
        cotangent: weights of the result's entries in the sum that is differentiated; ones by
        default.
        output: which item of a tuple result to differentiate, where the result is a tuple.
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrt: tuple[int | str, ...] = ()
    cotangent: Tensor | None = None
    output: int | None = None


@dataclass(frozen=True)
class Raised:
    """An exception that left the learner's function.

    Attributes:
        kind: name of its type; built-in types plain, others with their module.
        bases: names of the type's bases, itself first, written like ``kind``.
        message: its text.
        line: line of the learner's own file where it arose, where that is known.
        trace: the learner's part of the traceback, as text.
        from_model: it is the very exception that one of the grader's models raised.
        exception: the live exception, in-process only (for a debugger).
    """

    kind: str
    bases: tuple[str, ...]
    message: str
    line: int | None = None
    trace: str = ""
    from_model: bool = False
    exception: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        value: the result as plain data.
        gradients: one per entry of ``wrt``; None where no gradient reaches that argument.
        changed: positions or names of the arguments that the function changed in place;
        ``"model"`` for a
            list that a model had handed out.
        raised: the exception, if the function ended with one.
        tracked: the result is a tensor that still carries a graph.
        unfit: why the result was refused as not plain data, a phrase such as "a Lazy, which is …".
    """

    value: Any = None
    gradients: tuple[Tensor | None, ...] = ()
    changed: tuple[int | str, ...] = ()
    raised: Raised | None = None
    tracked: bool = False
    unfit: str | None = None


class _Handle:
    """A model as the learner's function sees it: it gets copies, and answers with copies."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._handed_out: list[tuple[Any, Any]] = []
        self._failure: BaseException | None = None
        self.__name__ = model.__name__

    def __call__(self, *args: Any) -> Any:
        copies = tuple(own(arg) for arg in args)
        try:
            answer = own(self._model(*copies))
        except Exception as exception:
            self._failure = exception
            raise
        if self._model.careless:
            for arg in args:
                if type(arg) is list:
                    arg.append("scribble")
        kept = own(answer)
        self._handed_out.append((answer, kept))
        return answer

    def raised(self, exception: BaseException) -> bool:
        return exception is self._failure

    def spoiled(self) -> bool:
        return not all(identical(answer, kept) for answer, kept in self._handed_out)


def perform(function: Callable[..., Any], request: Request) -> Reply:
    """Call ``function`` as ``request`` says; whatever happens inside becomes data in the reply.

    Raises:
        Interrupt, KeyboardInterrupt: from outside, a time limit or the user.
    """
    handles: dict[int, _Handle] = {}
    given = dict(enumerate(own(request.args, models=True))) | own(request.kwargs, models=True)
    given = {key: _with_handles(value, handles) for key, value in given.items()}
    kept = own({key: value for key, value in given.items() if not _holds_handle(value)})
    leaves = [given[key].requires_grad_() for key in request.wrt]
    args = [value for key, value in given.items() if isinstance(key, int)]
    kwargs = {key: value for key, value in given.items() if isinstance(key, str)}
    try:
        result = function(*args, **kwargs)
        gradients = _gradients(result, leaves, request) if leaves else ()
    except (KeyboardInterrupt, Interrupt):
        raise
    except BaseException as exception:
        if isinstance(exception, tuple(QUITTING)):
            raise KeyboardInterrupt from exception
        return Reply(
            raised=_described(
                exception, function, any(h.raised(exception) for h in handles.values())
            ),
            changed=_changed(given, kept, handles),
        )
    try:
        value = own(result)
    except NotPlain as refusal:
        return Reply(unfit=str(refusal), changed=_changed(given, kept, handles))
    tracked = isinstance(result, Tensor) and result.requires_grad
    return Reply(value, gradients, _changed(given, kept, handles), tracked=tracked)


def _with_handles(value: Any, handles: dict[int, _Handle]) -> Any:
    if type(value) is Model:
        return handles.setdefault(id(value), _Handle(value))
    if type(value) in (list, tuple):
        return type(value)(_with_handles(item, handles) for item in value)
    return value


def _holds_handle(value: Any) -> bool:
    if type(value) in (list, tuple):
        return any(map(_holds_handle, value))
    return type(value) is _Handle


def _changed(
    given: dict[Any, Any], kept: dict[Any, Any], handles: dict[int, _Handle]
) -> tuple[Any, ...]:
    changed = [key for key in kept if not identical(_detached(given[key]), kept[key])]
    if any(handle.spoiled() for handle in handles.values()):
        changed.append("model")
    return tuple(changed)


def _detached(value: Any) -> Any:
    return value.detach() if type(value) is Tensor else value


def _gradients(result: Any, leaves: list[Tensor], request: Request) -> tuple[Tensor | None, ...]:
    if request.output is not None and type(result) in (list, tuple):
        result = result[request.output]
    if not isinstance(result, Tensor) or not result.requires_grad:
        return (None,) * len(leaves)
    cotangent = torch.ones_like(result) if request.cotangent is None else request.cotangent
    gradients = torch.autograd.grad(
        result, leaves, cotangent.to(result.dtype).expand_as(result), allow_unused=True
    )
    return tuple(None if gradient is None else own(gradient) for gradient in gradients)


def _described(exception: BaseException, function: Callable[..., Any], from_model: bool) -> Raised:
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [frame for frame in _frames(exception.__traceback__) if frame.filename == file]
    try:
        message = str(exception)
    except Exception:
        message = ""
    return Raised(
        kind=_name(type(exception)),
        bases=tuple(_name(base) for base in type(exception).__mro__),
        message=message[:2000],
        line=frames[-1].lineno if frames else None,
        trace="".join(traceback.format_list(frames))[:4000],
        from_model=from_model,
        exception=exception,
    )


def line_in(trace: TracebackType | None, file: str | None) -> int | None:
    """The line of a file where a traceback was in it last; None where it never was."""
    lines = [frame.lineno for frame in _frames(trace) if frame.filename == file]
    return lines[-1] if lines else None


def warm_up() -> None:
    """Pay once for what torch only sets up at its first use."""
    leaf = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([leaf])
    torch.nn.functional.logsigmoid(leaf).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()  # the first one imports a good deal


def _frames(trace: TracebackType | None) -> Iterator[traceback.FrameSummary]:
    yield from traceback.extract_tb(trace)


def _name(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
