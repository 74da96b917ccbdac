"""Functions of the template python3: a text in, and out comes what they print and what they return."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Callable, Dict
from urllib.parse import unquote

from ..request import Request


def classic(handle: Callable[[str], Any]) -> Callable[[Request], Any]:
    """Returns a handler that answers with all that a call writes to descriptor 1, then its result and a newline.

    The descriptor and the environment belong to the whole process, so there is one call at a time.
    """
    turn = threading.Lock()

    def handler(request: Request) -> bytes:
        body = request.body.decode("utf-8", "replace")
        with turn, _Environment(request), _Output() as output:
            result = handle(body)
        if result is None:
            return output.written
        return output.written + str(result).encode("utf-8", "replace") + b"\n"

    return handler


class _Output:
    """A file in memory in place of descriptor 1, where programs that the function starts write too."""

    written = b""

    def __enter__(self) -> _Output:
        sys.stdout.flush()
        self._file = os.memfd_create("stdout")
        self._kept = os.dup(1)
        os.dup2(self._file, 1)
        return self

    def __exit__(self, kind: Any, error: Any, stack: Any) -> None:
        sys.stdout.flush()
        os.dup2(self._kept, 1)
        os.close(self._kept)
        with open(self._file, "rb") as file:
            file.seek(0)
            self.written = file.read()
        if error:
            sys.stdout.buffer.write(self.written)  # for the log: the answer is the error
            sys.stdout.flush()


class _Environment:
    """The variables `Http_...` that the classic watchdog sets for each request."""

    def __init__(self, request: Request) -> None:
        self._variables = {} if os.environ.get("cgi_headers") == "false" else _variables(request)

    def __enter__(self) -> None:
        os.environ.update(self._variables)

    def __exit__(self, *_: Any) -> None:
        for name in self._variables:
            os.environ.pop(name, None)


def _variables(request: Request) -> Dict[str, str]:
    variables: Dict[str, str] = {}
    for name, value in request.headers.items():
        if name != "proxy":  # programs would take it for the proxy of their own requests
            variables.setdefault("Http_" + "_".join(part.capitalize() for part in name.split("-")), value)
    length = str(len(request.body))
    variables.update(
        Http_Method=request.method, Http_Path=unquote(request.path), Http_ContentLength=length, Http_Content_Length=length
    )
    query = request.target.partition("?")[2]
    if query:
        variables["Http_Query"] = query
    return variables
