"""From what a handler returns to the frames of a response."""

from __future__ import annotations

import json
from typing import Any, AsyncIterable, Dict, Iterable, Iterator, List, Mapping, Tuple, Union

from . import frame
from .errors import Cancelled
from .stream import Stream

Value = Union[str, bytes, int]
ResponseHeaders = Union[Mapping[str, Union[Value, Iterable[Value]]], Iterable[Tuple[str, Union[Value, Iterable[Value]]]]]
"""Headers of a response: a mapping or a list of pairs; a list of values makes several headers."""
Body = Union[str, frame.Bytes, Dict[str, Any], List[Any], None, Iterator[Any], AsyncIterable[Any]]
"""Text, bytes, JSON, nothing, or an iterator of text or bytes, which is streamed."""
Response = Union[Body, Tuple[int, ResponseHeaders, Body]]
"""What a handler may return."""

SENT: Any = object()
"""What a handler returns that has sent its response itself: adapters do."""

Encoded = Tuple[bytes, Union[bytes, Iterator[Any], AsyncIterable[Any]]]
"""The head as RESP has it, and the body: whole, or its pieces."""

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_default_heads = {kind: frame.encode_head(200, [("content-type", kind)] if kind else []) for kind in ("", _TEXT, _JSON)}


def encode(response: Response) -> Encoded:
    """Encodes what a handler returned; TypeError or ValueError when it is no response."""
    if isinstance(response, tuple):
        status, headers, content = _parts(response)
        body, kind = _encode_body(content)
        pairs = encode_headers(headers)
        if kind and not any(name == "content-type" for name, _ in pairs):
            pairs.append(("content-type", kind))
        return encode_head(status, pairs), body
    body, kind = _encode_body(response)
    return _default_heads[kind], body


def write(stream: Stream, head: bytes, body: Any) -> None:
    """Sends a response, waiting for the window. Raises Cancelled, HeadTooLarge, and what the body's iterator raises."""
    if isinstance(body, bytes):
        rest = stream.begin(head, body, last=True)
        if rest:
            stream.write(rest)
            stream.finish()
        return
    try:
        stream.begin(head)
        stream.poll()
        for piece in body:
            stream.write(_to_bytes(piece))
            stream.poll()  # so that a piece leaves before the next one is made, and a CANCEL is seen between two
        stream.finish()
    finally:
        close = getattr(body, "close", None)
        if close:
            close()


async def write_async(stream: Stream, head: bytes, body: Any) -> None:
    """Sends a response as write does, and lets the event loop run meanwhile. A CANCEL ends it between two pieces, too."""
    import asyncio  # here, because it takes longer to import than all of this package

    pieces = body.__aiter__()
    watch = asyncio.ensure_future(_break_off(stream, asyncio.current_task()))
    try:
        try:
            stream.begin(head)
            stream.poll()
            async for piece in pieces:
                await stream.write_async(_to_bytes(piece))
                stream.poll()
            stream.finish()
        finally:
            watch.cancel()
            close = getattr(pieces, "aclose", None)
            if close:
                await close()
    except asyncio.CancelledError:  # the watch's, which may come as late as in close
        if not stream.cancelled:
            raise
        raise Cancelled("nobody waits for the rest of the response") from None


async def _break_off(stream: Stream, writer: Any) -> None:
    """Ends a task that writes a response which nobody waits for any more: its next piece may never come."""
    await stream.wait_over()
    if stream.cancelled:
        writer.cancel()


def _parts(response: Tuple[Any, ...]) -> Tuple[int, ResponseHeaders, Body]:
    if len(response) != 3:
        raise TypeError("a response of %d parts; a tuple is (status, headers, body)" % len(response))
    status, headers, body = response
    return status, headers or (), body


def _encode_body(body: Any) -> Tuple[Any, str]:
    """Returns a body's bytes or its pieces, and the content type to name when the handler names none."""
    if isinstance(body, str):
        return body.encode(), _TEXT
    if isinstance(body, bytes):
        return body, ""
    if isinstance(body, (dict, list)):
        return json.dumps(body).encode(), _JSON
    if body is None:
        return b"", ""
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body), ""
    if hasattr(body, "__next__") or hasattr(body, "__aiter__"):
        return body, ""
    raise TypeError("a body of type %s; it must be str, bytes, dict, list, None or an iterator" % type(body).__name__)


def encode_head(status: Any, pairs: frame.Pairs) -> bytes:
    """Encodes a head that a handler has named; ValueError when no response can have its status."""
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise ValueError("a response of status %r; it must be a number from 200 to 999" % (status,))
    return frame.encode_head(status, pairs)


def encode_headers(headers: Any) -> frame.Pairs:
    """Returns headers as pairs with names in lower case; ValueError when one holds a line break."""
    pairs = []
    for key, value in headers.items() if hasattr(headers, "items") else headers:
        name = _to_text(key)
        for one in value if isinstance(value, (list, tuple)) else (value,):
            text = _to_text(one)
            if not name or not name.isprintable() or "\n" in text or "\r" in text or "\0" in text:
                raise ValueError("a response header %r with the value %r" % (name, text))
            pairs.append((name.lower(), text))
    return pairs


def _to_text(value: Value) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _to_bytes(piece: Any) -> frame.Bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, memoryview):
        return piece.tobytes()  # its items may be larger than a byte
    if isinstance(piece, (bytes, bytearray)):
        return piece
    raise TypeError("a piece of type %s; it must be str or bytes" % type(piece).__name__)
