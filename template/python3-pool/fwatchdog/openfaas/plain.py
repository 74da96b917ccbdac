"""Functions of python3-http and python3-flask that do not import Flask: served by its rules, without it."""

from __future__ import annotations

import os
from typing import Any, Callable, Sequence

from ..errors import BadRequest, Cancelled, describe
from ..request import Request
from .answer import HTML, answer, unwrap
from .event import Context, Event

EVENT_VERBS = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS")
"""The verbs that reach a function of an event, and OPTIONS, which is answered for it."""
TEXT_VERBS = ("GET", "POST", "HEAD", "OPTIONS")
"""The same for a function of a text."""


def plain(handle: Callable[..., Any], with_event: bool) -> Callable[[Request], Any]:
    """Returns a handler that calls a function of an event and a context, or of a text."""
    verbs = EVENT_VERBS if with_event else TEXT_VERBS
    call = _call_with_event if with_event else _call_with_text

    def handler(request: Request) -> Any:
        if request.method not in verbs:
            return _page(405, "Method Not Allowed", verbs)
        if request.method == "OPTIONS":
            return 200, {"content-type": HTML, "allow": ", ".join(verbs)}, b""
        try:
            return answer(call(handle, request))
        except (BadRequest, Cancelled):
            raise
        except Exception as error:
            request.log("error", describe(error))
            return _page(500, "Internal Server Error", verbs)

    return handler


def wants_bytes() -> bool:
    """Whether a function of a text wants the bytes instead."""
    return os.getenv("RAW_BODY", "").lower() in ("true", "1")


def _call_with_event(handle: Callable[..., Any], request: Request) -> Any:
    return unwrap(handle(Event.of(request), Context()))


def _call_with_text(handle: Callable[..., Any], request: Request) -> Any:
    return handle(request.body if wants_bytes() else request.body.decode("utf-8", "replace"))


def _page(status: int, title: str, verbs: Sequence[str]) -> Any:
    text = "<!doctype html>\n<html lang=en>\n<title>%d %s</title>\n<h1>%s</h1>\n" % (status, title, title)
    return status, {"content-type": HTML, **({"allow": ", ".join(verbs)} if status == 405 else {})}, text
