"""WSGI applications as handlers: `serve(wsgi(app))`."""

from __future__ import annotations

import io
import sys
from typing import Any, Callable, Dict, Iterable, List, Optional
from urllib.parse import unquote_to_bytes

from .request import Request
from .response import Response
from .stream import Stream

Application = Callable[[Dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def wsgi(application: Application) -> Callable[[Request], Response]:
    """Returns a handler that calls a WSGI application (PEP 3333)."""

    def handler(request: Request) -> Response:
        body = _Body(application, request)
        first = next(body, b"")  # the application may name the status as late as this
        headers = {name.lower(): value for name, value in body.headers}
        if headers.get("content-length") == str(len(first)):
            body.close()
            return body.status, body.headers, first
        body.pieces.insert(0, first)
        return body.status, body.headers, body

    return handler


def environ(request: Request) -> Dict[str, Any]:
    """Returns a request as WSGI has it; the application finds the request itself under `fwatchdog.request`."""
    path, _, query = request.target.partition("?")
    host = request.headers.get("host", "localhost")
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal():
        name, port = host, "80"
    result: Dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": request.target,
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BufferedReader(_Input(request.stream), 65536),
        "wsgi.input_terminated": True,  # it may be read to its end without a Content-Length
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "fwatchdog.request": request,
    }
    for header, value in request.headers.items():
        if "_" in header:
            continue  # x_user would pass for x-user
        key = header.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        if key in result:
            value = result[key] + ("; " if header == "cookie" else ", ") + value
        result[key] = value
    return result


class _Body:
    """What an application answers: the head once it has been named, and the body piece by piece."""

    def __init__(self, application: Application, request: Request) -> None:
        self.status = 0
        self.headers: List[Any] = []
        self.pieces: List[bytes] = []  # what comes before the pieces of the application's iterable
        self._begun = False
        self._result = application(environ(request), self._start)
        self._iterator = iter(self._result)

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        while True:
            piece = self.pieces.pop(0) if self.pieces else next(self._iterator, None)
            if not self.status and (piece is None or piece):
                self.close()
                raise RuntimeError("the application has not called start_response")
            if piece is None:
                raise StopIteration
            if piece:
                self._begun = True
                return piece

    def close(self) -> None:
        """Tells the application that the response has ended, however it did."""
        close = getattr(self._result, "close", None)
        if close:
            close()

    def _start(self, status: str, headers: List[Any], exc_info: Optional[Any] = None) -> Callable[[bytes], None]:
        if exc_info and self._begun:
            raise exc_info[1].with_traceback(exc_info[2])
        if self.status and not exc_info:
            raise RuntimeError("the application has called start_response twice")
        self.status = int(status.split(None, 1)[0])
        self.headers = list(headers)
        return self.pieces.append


class _Input(io.RawIOBase):
    """A request's body as a file."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
