"""Functions written for the OpenFaaS templates of Python, unchanged: `serve(openfaas("function.handler"))`.

| environment `handler_style` | signature | as in the template |
|---|---|---|
| `openfaas`, the default | `handle(event, context)` | python3-http, python3-http-debian |
| | `handle(req)` | python3-flask |
| `classic` | `handle(req)` | python3 |
| `native` | `handle(request)` | none: this package's own |
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from typing import Any, Callable, Union

from ..request import Request

Handle = Callable[..., Any]


def openfaas(function: Union[str, Handle]) -> _Function:
    """Returns a handler that calls a function: `handle` itself, or the name of the module that holds it.

    A module is imported before READY, after the protocol has been moved to where its prints cannot reach it.
    """
    return _Function(function)


class _Function:
    def __init__(self, function: Union[str, Handle]) -> None:
        self._function = function

    def init(self) -> None:
        handle = self._function
        if isinstance(handle, str):
            handle = importlib.import_module(handle).handle
        self._handler = _adapt(handle)

    def __call__(self, request: Request) -> Any:
        return self._handler(request)


def _adapt(handle: Handle) -> Callable[[Request], Any]:
    style = os.environ.get("handler_style") or "openfaas"
    if style == "native":
        return handle
    if style == "classic":
        from .classic import classic

        return classic(handle)
    if style != "openfaas":
        raise ValueError("handler_style=%s is not known; use openfaas, classic or native" % style)
    with_event = _takes_two(handle)
    if "flask" in sys.modules:
        from .with_flask import with_flask

        return with_flask(handle, with_event)
    from .plain import plain

    return plain(handle, with_event)


def _takes_two(handle: Handle) -> bool:
    """Whether a function takes an event and a context; ValueError when it takes neither them nor a request."""
    signature = inspect.signature(handle)
    for arguments in (2, 1):
        try:
            signature.bind(*[None] * arguments)
        except TypeError:
            continue
        return arguments == 2
    raise ValueError("handle%s has no known signature; use handle(event, context) or handle(req)" % signature)
