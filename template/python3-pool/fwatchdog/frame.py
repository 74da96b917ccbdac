"""FWP/1 in bytes: what the host and a worker write on the pipes between them.

     0      1      2      3      4                 8                 12
    +------+------+------+------+-----------------+-----------------+---------
    | 0xFB | 0xF7 | type | flags| stream  u32 BE  | length  u32 BE  | payload
    +------+------+------+------+-----------------+-----------------+---------

This module knows no pipe and no request. It decodes what a host sends and encodes what a worker sends. Headers,
methods and targets are bytes on the wire and latin-1 text here: one character, one byte.
"""

from __future__ import annotations

import struct
from typing import Iterable, List, NamedTuple, Tuple, Union

VERSION = 1
"""The version of the protocol that this package speaks."""

HEADER_SIZE = 12
"""What precedes every payload, in bytes."""
MAX_PAYLOAD = 65536
"""The largest payload of a frame, in bytes."""
MAX_SHARED_PAYLOAD = 4096 - HEADER_SIZE
"""The largest payload from a worker whose host does not know the feature `exclusive`."""
DEFAULT_WINDOW = 262144
"""How many bytes of DATA may be sent on a stream before the first WINDOW, unless HELLO says otherwise."""

HELLO, READY, PING, PONG, GOAWAY, LOG = 1, 2, 3, 4, 5, 6
REQ, RESP, DATA, WINDOW, CANCEL, ERROR = 16, 17, 18, 19, 20, 21

INIT_FAILED, CANCELLED, RAISED, NOT_STARTED, BAD_REQUEST, PROTOCOL = 1, 2, 3, 4, 5, 6
"""The codes of ERROR that this package sends."""

LEVELS = {"debug": 0, "info": 1, "warn": 2, "error": 3}
"""The levels of LOG."""

Bytes = Union[bytes, bytearray, memoryview]
Pairs = List[Tuple[str, str]]
"""Keys and values in the order of the wire; a repeated header is a repeated pair."""
Frame = Tuple[int, bool, int, bytes]
"""Type, END, stream, payload."""
Head = Tuple[int, str, str, Pairs, bytes]
"""A decoded REQ: milliseconds left (0: no limit), method, target, headers, and what of the body is in the frame."""

_MAGIC = 0xFBF7
_MAGIC_BYTES = b"\xfb\xf7"
_END = 1
_FIRST_STREAM_TYPE = 16  # an older peer ignores unknown types below it
_MAX_U16 = 65535  # the longest string, and the longest list of pairs

# Whether a frame of the host names a stream, by type; what is not here the host does not send.
_names_stream = {HELLO: False, PING: False, GOAWAY: False, REQ: True, DATA: True, WINDOW: True, CANCEL: True}
_worker_types = (READY, PONG, LOG, RESP, ERROR)

_header = struct.Struct(">HBBII")
_u16 = struct.Struct(">H")
_u32 = struct.Struct(">I")
_meta = struct.Struct(">II")  # the start of REQ: metaLen, timeoutMs
_versions = struct.Struct(">HH")


class FrameError(Exception):
    """What the host sent is no frame: no byte of the pipe can be trusted any more.

    `kind` is one of magic, type, length, stream, payload.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class HeadTooLarge(ValueError):
    """The head of a response does not fit one frame."""


class Hello(NamedTuple):
    """The host's first frame: the versions it speaks, and what it offers."""

    min: int
    max: int
    pairs: Pairs


class Splitter:
    """Cuts what is read from the host into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()  # the start of a frame that is not complete
        self._need = 0  # how long it must grow before it is worth another look

    def split(self, chunk: bytes) -> List[Frame]:
        """Returns the frames that chunk completes. Raises FrameError."""
        if self._rest:
            self._rest += chunk
            if len(self._rest) < self._need:
                return []
            chunk = bytes(self._rest)
            self._rest.clear()
        frames = []
        at, size = 0, len(chunk)
        unpack, names_stream = _header.unpack_from, _names_stream.get
        self._need = 1
        while size - at >= HEADER_SIZE:
            magic, kind, flags, stream, length = unpack(chunk, at)
            # One test for a good frame; _check finds out what is wrong with another.
            if magic != _MAGIC or length > MAX_PAYLOAD or names_stream(kind) is not (stream != 0):
                _check(magic, kind, stream, length)
            end = at + HEADER_SIZE + length
            if end > size:
                self._need = HEADER_SIZE + length
                break
            if kind in _names_stream:
                frames.append((kind, flags & _END != 0, stream, chunk[at + HEADER_SIZE : end]))
            at = end
        if at < size:
            self._rest += memoryview(chunk)[at:]
            if not _MAGIC_BYTES.startswith(self._rest[:2]):
                raise FrameError("magic", "not the start of a frame: %r" % bytes(self._rest[:HEADER_SIZE]))
        return frames


def _check(magic: int, kind: int, stream: int, length: int) -> None:
    """Raises FrameError unless the header is good, or of a later version's frame that is to be ignored."""
    if magic != _MAGIC:
        raise FrameError("magic", "not the start of a frame: %04x" % magic)
    if kind in _worker_types or kind not in _names_stream and kind >= _FIRST_STREAM_TYPE:
        raise FrameError("type", "a host sends no frame of type %d" % kind)
    if length > MAX_PAYLOAD:
        raise FrameError("length", "a payload of %d bytes, at most %d are allowed" % (length, MAX_PAYLOAD))
    if kind in _names_stream:
        raise FrameError("stream", "a frame of type %d on stream %d" % (kind, stream))


def decode_hello(payload: bytes) -> Hello:
    """Decodes the payload of HELLO."""
    if len(payload) < 4:
        raise FrameError("payload", "HELLO of %d bytes" % len(payload))
    low, high = _versions.unpack_from(payload)
    pairs, end = _decode_pairs(payload, payload.decode("latin-1"), 4)
    if low > high or end != len(payload):
        raise FrameError("payload", "HELLO with versions %d to %d, %d bytes too many" % (low, high, len(payload) - end))
    return Hello(low, high, pairs)


def decode_request(payload: bytes) -> Head:
    """Decodes the payload of REQ. What a later version appended to the meta is ignored."""
    if len(payload) < 8:
        raise FrameError("payload", "REQ of %d bytes" % len(payload))
    meta, timeout_ms = _meta.unpack_from(payload)
    end = 4 + meta
    if meta < 4 or end > len(payload):
        raise FrameError("payload", "REQ of %d bytes with a meta of %d" % (len(payload), meta))
    text = payload[:end].decode("latin-1")
    try:  # a string that reaches over the end is found by the decoder of the pairs, which are behind it
        method_end = 10 + (payload[8] << 8 | payload[9])
        target = method_end + 2
        target_end = target + (payload[method_end] << 8 | payload[method_end + 1])
    except IndexError:
        raise FrameError("payload", "a string reaches over its end") from None
    headers, _ = _decode_pairs(payload, text, target_end)
    return timeout_ms, text[10:method_end], text[target:target_end], headers, payload[end:]


def decode_nonce(payload: bytes) -> bytes:
    """Decodes the payload of PING: the 8 bytes that PONG repeats."""
    if len(payload) != 8:
        raise FrameError("payload", "PING of %d bytes" % len(payload))
    return payload


def decode_window(payload: bytes) -> int:
    """Decodes the payload of WINDOW: how many more bytes of DATA may be sent."""
    if len(payload) != 4:
        raise FrameError("payload", "WINDOW of %d bytes" % len(payload))
    return int(_u32.unpack(payload)[0])


def decode_cancel(payload: bytes) -> int:
    """Decodes the payload of CANCEL: 1 deadline, 2 client gone, 3 host stops."""
    if len(payload) != 1:
        raise FrameError("payload", "CANCEL of %d bytes" % len(payload))
    return payload[0]


def check_late(kind: int, payload: bytes) -> None:
    """Checks a DATA, WINDOW or CANCEL frame that has no stream any more: a wrong payload is wrong all the same."""
    if kind == WINDOW:
        decode_window(payload)
    elif kind == CANCEL:
        decode_cancel(payload)


def decode_goaway(payload: bytes) -> str:
    """Decodes the payload of GOAWAY: the reason in words."""
    return payload.decode("utf-8", "replace")


def encode_hello(pairs: Iterable[Tuple[str, str]]) -> bytes:
    """Encodes HELLO with the versions of this package."""
    return _frame(HELLO, 0, _versions.pack(VERSION, VERSION) + _encode_pairs(pairs))


def encode_ready(pairs: Iterable[Tuple[str, str]] = ()) -> bytes:
    """Encodes READY."""
    return _frame(READY, 0, _encode_pairs(pairs))


def encode_pong(nonce: bytes) -> bytes:
    """Encodes the answer to a PING."""
    return _frame(PONG, 0, nonce)


def encode_goaway(reason: str) -> bytes:
    """Encodes a worker's wish to be replaced, with the reason in words."""
    return _frame(GOAWAY, 0, _cut(reason.encode("utf-8", "replace"), MAX_SHARED_PAYLOAD))


def encode_log(stream: int, level: int, text: str, limit: int = MAX_PAYLOAD) -> bytes:
    """Encodes a text as LOG: one frame, or as many as payloads of at most limit bytes demand."""
    rest = text.encode("utf-8", "replace")
    frames: List[bytes] = []
    while rest or not frames:
        piece = _cut(rest, limit - 1)
        frames.append(_frame(LOG, stream, bytes((level,)) + piece))
        rest = rest[len(piece) :]
    return b"".join(frames)


def encode_head(status: int, headers: Iterable[Tuple[str, str]]) -> bytes:
    """Encodes the part of a RESP's payload that precedes the body; keys must be in lower case."""
    meta = _u16.pack(status) + _encode_pairs(headers)
    return _u32.pack(len(meta)) + meta


def encode_response(stream: int, head: bytes, body: Bytes, end: bool, limit: int = MAX_PAYLOAD) -> bytes:
    """Encodes RESP with what encode_head made and a body that must fit with it. Raises HeadTooLarge."""
    size = len(head) + len(body)
    if size > limit:
        raise HeadTooLarge("response headers too large: %d bytes, at most %d fit one frame" % (len(head), limit))
    return b"".join((_header.pack(_MAGIC, RESP, end, stream, size), head, body))


def encode_data(stream: int, body: Bytes, end: bool) -> bytes:
    """Encodes DATA with at most MAX_PAYLOAD bytes."""
    return b"".join((_header.pack(_MAGIC, DATA, end, stream, len(body)), body))


def encode_window(stream: int, more: int) -> bytes:
    """Encodes WINDOW: the host may send as many more bytes of DATA."""
    return _frame(WINDOW, stream, _u32.pack(more))


def encode_error(stream: int, code: int, text: str, limit: int = MAX_PAYLOAD) -> bytes:
    """Encodes ERROR. The text's first line is the message; all of it is cut to a payload of at most limit bytes."""
    payload = _u16.pack(code) + _cut(text.encode("utf-8", "replace"), limit - 2)
    return _frame(ERROR, stream, payload, end=stream != 0)


def _frame(kind: int, stream: int, payload: bytes, end: bool = False) -> bytes:
    return _header.pack(_MAGIC, kind, end, stream, len(payload)) + payload


# Strings are cut out of a payload as text up to where they may reach: decoding once and slicing takes half the time of
# decoding string by string.


def _decode_pairs(payload: bytes, text: str, at: int) -> Tuple[Pairs, int]:
    """Returns the pairs at an offset, and the offset behind them."""
    pairs = []
    try:
        end = at + 2
        for _ in range(payload[at] << 8 | payload[at + 1]):
            key = end + 2
            key_end = key + (payload[end] << 8 | payload[end + 1])
            value = key_end + 2
            end = value + (payload[key_end] << 8 | payload[key_end + 1])
            pairs.append((text[key:key_end], text[value:end]))
    except IndexError:
        end = len(text) + 1
    if end > len(text):  # slices never fail and offsets only grow: one look at the last is enough
        raise FrameError("payload", "a list of pairs reaches over its end")
    return pairs, end


def _encode_pairs(pairs: Iterable[Tuple[str, str]]) -> bytes:
    parts: List[bytes] = []
    for pair in pairs:
        for text in pair:
            data = text.encode("latin-1")
            if len(data) > _MAX_U16:
                raise HeadTooLarge("response headers too large: one has %d bytes" % len(data))
            parts += _u16.pack(len(data)), data
    count = len(parts) // 4
    if count > _MAX_U16:
        raise HeadTooLarge("response headers too large: there are %d" % count)
    return _u16.pack(count) + b"".join(parts)


def _cut(text: bytes, limit: int) -> bytes:
    """Returns the longest start of a UTF-8 text that has at most limit bytes and does not end inside a character."""
    if len(text) <= limit:
        return text
    while text[limit] & 0xC0 == 0x80:
        limit -= 1
    return text[:limit]
