"""Where jobs run: here, in a pool of warm processes, or on a Dask cluster. All of them are
``concurrent.futures`` executors.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from assay.source import CourseError

P = ParamSpec("P")
T = TypeVar("T")

#: How often a job is tried whose worker process dies.
TRIES = 3


class Lost(RuntimeError):
    """The worker of a job died as often as it was tried."""


class Here(Executor):
    """Does each job at once, in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Pool(Executor):
    """Warm worker processes that can be killed without loss.

    A ``ProcessPoolExecutor`` loses all that it was given when one of its processes dies. Here each
    process is a pool of its own, held by a thread that starts another and tries the job again.

    Args:
        workers: how many processes.
        warm_up: what each does first, with its arguments.
    """

    def __init__(self, workers: int, warm_up: Callable[..., None], *args: Any) -> None:
        self._threads = ThreadPoolExecutor(workers, "assay-pool", _leave_interrupts)
        self._warm_up = (warm_up, *args)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._pools: set[ProcessPoolExecutor] = set()
        self._stopped = False

    @property
    def pids(self) -> list[int]:
        """The worker processes that are alive."""
        with self._lock:
            pools = list(self._pools)
        return [pid for pool in pools for pid in list(pool._processes or ())]

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._threads.submit(lambda: self._persist(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the jobs finish, or (``cancel_futures``) end the processes with what they do."""
        if cancel_futures:
            self._stopped = True
            for pid in self.pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        with self._lock:
            pools = list(self._pools)
        for pool in pools:
            pool.shutdown(wait=wait)

    def _persist(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES):
            if self._stopped:
                break
            try:
                return self._process().submit(fn, *args, **kwargs).result()
            except BrokenProcessPool:
                self._let_go()
        raise Lost("the worker process died each time it was tried")

    def _process(self) -> ProcessPoolExecutor:
        pool: ProcessPoolExecutor | None = getattr(self._own, "pool", None)
        if pool is None:
            # Spawned and not forked: a fork would inherit threads and locks in any state.
            spawning = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(1, spawning, _begin, self._warm_up)
            self._own.pool = pool
            with self._lock:
                self._pools.add(pool)
        return pool

    def _let_go(self) -> None:
        pool = self._own.pool
        self._own.pool = None
        with self._lock:
            self._pools.discard(pool)
        pool.shutdown(wait=False)


def _leave_interrupts() -> None:
    """Ctrl-C is for the main thread; processes that this thread starts don't hear it either, from
    their very start.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _begin(warm_up: Callable[..., None], *args: Any) -> None:
    """The first thing in a worker process: Ctrl-C is its parent's, and so is its life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True, name="assay-parent").start()
    warm_up(*args)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def cluster(address: str) -> Iterator[tuple[Executor, int]]:
    """The executor of the Dask cluster at an address, and how many jobs it can do at a time.

    Raises:
        CourseError: Dask isn't installed, or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise CourseError(
            "--scheduler needs Dask: pip install 'assay-alignment[instructor,cluster]'"
        ) from None
    try:
        client: Any = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise CourseError(f"no Dask scheduler answers at {address} ({error})") from None
    with client:
        threads = sum(client.nthreads().values())
        yield client.get_executor(pure=False), max(threads, 1)
