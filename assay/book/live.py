"""The live book: the same pages, served on this machine, and a stream of what the learner's
functions do.

The server answers GET alone and takes nothing from a page but its address. It listens on the
loopback only and answers only requests that name it as a host, and no page of another origin. The
learner's code runs elsewhere: in children of a process of its own (:mod:`assay.book.following`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from assay.book.building import build
from assay.course import Course
from assay.source import CourseError

HOST = "127.0.0.1"
#: Seconds after which a silent stream says that it is still there.
PULSE = 15.0
#: Bytes of one message at most: a figure's rows.
LONGEST = 1 << 26


class News:
    """What has been told last of each thing, and the listeners to tell it to."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], str] = {}
        self._listeners: set[asyncio.Queue[str]] = set()

    def tell(self, message: dict[str, Any]) -> None:
        event = message.pop("event")
        key = (event, message.get("chapter", message.get("id", "")), message.get("name", ""))
        self._last[key] = text = f"event: {event}\ndata: {json.dumps(message)}\n\n"
        for listener in self._listeners:
            listener.put_nowait(text)

    async def stream(self) -> AsyncIterator[str]:
        """What is known already, then what comes."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        for text in self._last.values():
            queue.put_nowait(text)
        self._listeners.add(queue)
        try:
            yield ": the live book\n\n"
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), PULSE)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._listeners.discard(queue)


class OnlyHere:
    """Refuses requests of another host's name or another origin, and all but GET.

    The name of the host guards against a page elsewhere whose name is made to mean this machine.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no websockets
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        elsewhere = headers.get("sec-fetch-site") == "cross-site" and scope["path"].startswith(
            "/live/"
        )
        if headers.get("host") not in self.hosts or elsewhere:
            answer = PlainTextResponse("This book is served to this machine only.", 403)
        elif origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            answer = PlainTextResponse("Pages of another origin are not answered.", 403)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = PlainTextResponse("There is nothing to send here.", 405)
        else:
            await self.app(scope, receive, send)
            return
        await answer(scope, receive, send)


def application(course: Course, pages: Path, port: int) -> ASGIApp:
    """The server's application, which follows the course while it runs."""
    news = News()

    async def events(request: Request) -> StreamingResponse:
        return StreamingResponse(
            news.stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "assay.book.following",
            str(course.root),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST,
        )
        listening = asyncio.create_task(_listen(process, news))
        try:
            yield
        finally:
            listening.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    routes = [
        Route("/live/events", events),
        Mount("/", StaticFiles(directory=pages, html=True)),
    ]
    return OnlyHere(Starlette(routes=routes, lifespan=lifespan), port)


async def _listen(process: asyncio.subprocess.Process, news: News) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        news.tell(json.loads(line))
    print("assay: what follows your functions has stopped", file=sys.stderr)


def serve(course: Course, pages: Path, port: int) -> int:
    """Build the live pages and serve them until interrupted; returns the exit status.

    Raises:
        CourseError: the port is taken, or the book can't be built.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise CourseError(
            f"port {port} is taken: give another with --port, or --port 0 for any free one"
        ) from error
    with listener:
        port = listener.getsockname()[1]
        for line in build(course, pages, live=True):
            print(line, file=sys.stderr)
        print(f"open http://{HOST}:{port}/index.html (Ctrl+C stops it)", flush=True)
        config = uvicorn.Config(
            application(course, pages, port),
            log_level="critical",  # an open page at the end is no error
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        server = uvicorn.Server(config)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return 0
