"""Work done in a forked child, so that a loop without end, a crash or a changed global dies with
it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a child ended: what it wrote (nothing where it did not come so far), its status, and
    whether its time ran out.
    """

    data: bytes
    status: int
    out_of_time: bool


def forked(work: Callable[[], bytes], patience: float) -> Ended:
    """Do the work in a child for at most so many seconds. The child and all that it started are
    gone when this returns.
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(receive)
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            message = work()
            with os.fdopen(send, "wb") as pipe:
                pipe.write(message)
        finally:
            os._exit(0)
    os.close(send)
    data = bytearray()
    deadline = time.monotonic() + patience
    out_of_time = False
    while not out_of_time:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([receive], [], [], left)[0]:
            out_of_time = True
        elif chunk := os.read(receive, 1 << 16):
            data += chunk
        else:
            break
    os.close(receive)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return Ended(b"" if out_of_time else bytes(data), status, out_of_time)
