"""What goes wrong in a handler, and how it is told."""

from __future__ import annotations


class Cancelled(Exception):
    """The host no longer wants the response, or has gone: what was asked for will not come.

    Reading and writing a stream raise it instead of waiting for ever. A handler need not catch it.
    """


class BadRequest(Exception):
    """A handler raises it for a request that makes no sense: the client gets 400."""


def describe(error: BaseException) -> str:
    """Returns the message of an error in the first line, and below it the stack with its causes."""
    import traceback  # here, because a start without an error must not wait for it

    try:
        message = str(error)
    except Exception:  # the error's own code: it must not hide that there was an error
        message = ""
    kind, stack = type(error), error.__traceback__
    # The first entry of the stack is this package's own call.
    lines = traceback.format_exception(kind, error, stack and stack.tb_next)
    return "%s\n%s" % (message or kind.__name__, "".join(lines))
