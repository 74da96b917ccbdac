"""ASGI applications as handlers: `serve(asgi(app), concurrency=64)`."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Dict, Optional, Set
from urllib.parse import unquote

from . import response
from .errors import Cancelled
from .request import Request

Event = Dict[str, Any]
Application = Callable[[Event, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[Any]]

# From 2.4 on Starlette would learn that a client has gone only when it sends, which a stream without news never does.
_VERSIONS = {"version": "3.0", "spec_version": "2.3"}


def asgi(application: Application) -> _Handler:
    """Returns a handler that calls an ASGI application, and runs its lifespan from before READY to the end."""
    return _Handler(application)


class _Handler:
    def __init__(self, application: Application) -> None:
        self._application = application
        self._state: Event = {}  # what the lifespan gives to all requests
        self._lifespan = _Lifespan()
        self._tasks: Set[Any] = set()  # applications at work: an event loop does not keep its tasks alive

    async def init(self) -> None:
        scope = {"type": "lifespan", "asgi": _VERSIONS, "state": self._state}
        await self._lifespan.start(self._application, scope)

    async def close(self) -> None:
        await self._lifespan.stop()

    async def __call__(self, request: Request) -> Any:
        exchange = _Exchange(request)
        task = asyncio.ensure_future(self._application(self._scope(request), exchange.receive, exchange.send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task, exchange.sent}, return_when=asyncio.FIRST_COMPLETED)
        if exchange.sent.done():
            return response.SENT  # although the application may go on, with what it does after the response
        task.result()  # raises what the application has raised
        if request.stream.cancelled:
            raise Cancelled("the application has ended its response early")
        raise RuntimeError("the application has returned without a complete response")

    def _scope(self, request: Request) -> Event:
        path, _, query = request.target.partition("?")
        return {
            "type": "http",
            "asgi": _VERSIONS,
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()],
            "client": None,
            "server": None,
            "state": self._state.copy(),
            "extensions": {"fwatchdog": {"request": request}},
        }


class _Exchange:
    """The events of one request."""

    def __init__(self, request: Request) -> None:
        self.sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # done with the response
        self._stream = request.stream
        self._head: Optional[bytes] = None
        self._begun = False
        self._read = False  # whether the application has been given the end of the body

    async def receive(self) -> Event:
        if not self._read:
            try:
                piece = await self._stream.__anext__()
            except StopAsyncIteration:
                piece = b""
            except Cancelled:
                return {"type": "http.disconnect"}
            self._read = self._stream.exhausted()
            return {"type": "http.request", "body": piece, "more_body": not self._read}
        await self._stream.wait_over()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        if event["type"] == "http.response.start" and self._head is None:
            self._head = response.encode_head(event["status"], response.encode_headers(event.get("headers", ())))
        elif event["type"] == "http.response.body" and self._head is not None and not self.sent.done():
            try:
                await self._send_body(bytes(event.get("body", b"")), event.get("more_body", False))
            except Cancelled as error:
                raise OSError(str(error)) from error  # as the specification has it
        else:
            raise RuntimeError("the application has sent %s out of turn" % event["type"])

    async def _send_body(self, body: bytes, more: bool) -> None:
        rest: Any = body
        if not self._begun and self._head is not None:
            self._begun = True
            rest = self._stream.begin(self._head, body, last=not more)
        await self._stream.write_async(rest)
        if not more:
            self._stream.finish()
            self.sent.set_result(None)
        self._stream.flush()


class _Lifespan:
    """The events of an application's start and end."""

    async def start(self, application: Application, scope: Event) -> None:
        """Returns once the application has started; RuntimeError when it says that it cannot."""
        self._started = asyncio.get_running_loop().create_future()
        self._stopping = asyncio.Event()
        self._received = False
        self._task = asyncio.ensure_future(application(scope, self._receive, self._send))
        await asyncio.wait({self._task, self._started}, return_when=asyncio.FIRST_COMPLETED)
        if self._started.done():
            self._started.result()
        else:
            self._task.exception()  # an application without a lifespan may refuse it in this way

    async def stop(self) -> None:
        """Returns once the application has cleaned up."""
        self._stopping.set()
        await asyncio.wait({self._task})

    async def _receive(self) -> Event:
        if self._received:
            await self._stopping.wait()
            return {"type": "lifespan.shutdown"}
        self._received = True
        return {"type": "lifespan.startup"}

    async def _send(self, event: Event) -> None:
        if event["type"] == "lifespan.startup.complete":
            self._started.set_result(None)
        elif event["type"] == "lifespan.startup.failed":
            self._started.set_exception(RuntimeError(event.get("message") or "the application could not start"))
