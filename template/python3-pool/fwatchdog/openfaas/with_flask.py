"""Functions of python3-http and python3-flask that import Flask: served by the Flask that they use."""

from __future__ import annotations

from typing import Any, Callable

from ..request import Request
from ..wsgi import wsgi
from .answer import unwrap
from .event import Context, Event
from .plain import EVENT_VERBS, TEXT_VERBS, wants_bytes


def with_flask(handle: Callable[..., Any], with_event: bool) -> Callable[[Request], Any]:
    """Returns a handler that calls a function inside a Flask request, and lets Flask convert what it returns."""
    import flask  # the function did

    def view(path: str) -> Any:
        request = flask.request
        if with_event:
            event = Event(request.get_data(), request.headers, request.method, request.args, request.path)
            return unwrap(handle(event, Context()))
        return handle(request.get_data() if wants_bytes() else request.get_data(as_text=True))

    app = flask.Flask(__name__, static_folder=None)
    methods = EVENT_VERBS if with_event else TEXT_VERBS
    app.add_url_rule("/", "function", view, methods=methods[:-1], defaults={"path": ""})
    app.add_url_rule("/<path:path>", "function", view, methods=methods[:-1])
    return wsgi(app)
