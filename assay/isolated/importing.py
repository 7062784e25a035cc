"""What to say of a learner's module that can't be imported: once, with the line."""

from __future__ import annotations

from types import TracebackType


def import_sentence(exception: BaseException, name: str, path: str) -> tuple[str, int | None]:
    """The sentence, and the line in that file where that is known.

    Args:
        exception: what the import raised.
        name: the file as the learner knows it.
        path: the file as tracebacks name it.
    """
    try:
        what = exception.msg if isinstance(exception, SyntaxError) else str(exception)
    except Exception:  # a __str__ of the learner's own
        what = ""
    line = _line(exception, path)
    where = f", line {line}" if line else ""
    return f"{name}{where} can't be imported: {type(exception).__name__}: {what}", line


def _line(exception: BaseException, path: str) -> int | None:
    if isinstance(exception, SyntaxError) and exception.filename == path:
        return exception.lineno
    line = None
    trace: TracebackType | None = exception.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
