"""One stream: the two directions of an exchange, and their windows."""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING, Deque, Optional

from . import frame
from .errors import Cancelled

if TYPE_CHECKING:
    from .pipes import Pipes


class Stream:
    """The body of a request, piece by piece: iterate over it (`async for` in an async handler), or call read.

    The host is asked for more only once a piece has been read: a slow reader slows down the client and takes no memory.
    """

    # Handlers see what has no underscore and a docstring; the rest is for this package. What changes after the
    # constructor is guarded by the lock of the pipes: their reader and the handler may be two threads.
    __slots__ = (
        "number", "open", "cancelled", "_event", "_pipes",
        "_rest", "_pieces", "_complete", "_consumed", "_credit", "_room",
    )  # fmt: skip

    def __init__(self, pipes: Pipes, number: int, body: bytes, complete: bool) -> None:
        self.number = number
        self.open = True  # until the worker's terminal frame
        self.cancelled = False
        self._event: Optional[CancelEvent] = None  # made when it is asked for: few handlers do
        self._pipes = pipes
        self._rest = body  # what was not read of the piece that is at hand
        self._complete = complete  # whether the last piece has come
        self._room = pipes.window  # bytes of DATA that we may still send
        self._pieces: Optional[Deque[bytes]] = None
        if not complete:
            self._pieces = collections.deque()
            self._consumed = -len(body)  # bytes of DATA read and not granted again; those in REQ do not count
            self._credit = pipes.window  # bytes of DATA that the host may still send

    # Reading

    def read(self, size: int = -1) -> bytes:
        """Returns some bytes, at most size, and b"" at the end; with a negative size, all that are left."""
        return self._read(size) if size >= 0 else b"".join(self)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        piece = self._read(frame.MAX_PAYLOAD)
        if not piece:
            raise StopIteration
        return piece

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        while True:
            piece = self._take(frame.MAX_PAYLOAD)
            self._pipes.flush()
            if piece:
                return piece
            if piece is not None:
                raise StopAsyncIteration
            await self._pipes.wait_async(self._readable)

    def _read(self, size: int) -> bytes:
        while True:
            piece = self._take(size)
            self._pipes.flush()
            if piece is not None:
                return piece
            self._pipes.wait(self._readable)

    def exhausted(self) -> bool:
        """Whether all of the body has been read."""
        with self._pipes.lock:
            return self._complete and not self._rest and not self._pieces

    async def wait_over(self) -> None:
        """Returns once nothing more will come from the host, because the response is complete or nobody waits for it."""
        await self._pipes.wait_async(self.over)

    def _readable(self) -> bool:
        return bool(self._pieces) or self._complete or self.over()

    def _take(self, size: int) -> Optional[bytes]:
        """Returns what is at hand, b"" at the end, None when nothing has come yet."""
        with self._pipes.lock:
            if not self._rest:
                if self._pieces:
                    self._rest = self._pieces.popleft()
                elif self._complete:
                    return b""
                elif self.over():
                    raise Cancelled("the rest of the request's body will not come")
                else:
                    return None
            piece, self._rest = self._rest[:size], self._rest[size:]
            if not self._complete:
                self._grant(len(piece))
            return piece

    def _grant(self, size: int) -> None:
        """Lets the host send as much again as was read, in steps of half a window. The lock is held."""
        self._consumed += size
        if self._consumed >= self._pipes.window // 2 and self.open:
            self._credit += self._consumed
            self._pipes.send(frame.encode_window(self.number, self._consumed))
            self._consumed = 0

    # Writing

    def log(self, level: int, text: str) -> None:
        """Sends a text to the host's log."""
        self._pipes.log(self, level, text)

    def retire(self, reason: str) -> None:
        """Asks the host to replace this worker."""
        self._pipes.send(frame.encode_goaway(reason))
        self._pipes.flush()

    def begin(self, head: bytes, body: bytes = b"", last: bool = False) -> frame.Bytes:
        """Sends the head of a response with as much of the body as fits one frame, and returns the rest of the body.

        last says that this is all of the body. When it fits, the response is complete and the stream has ended.
        """
        pipes = self._pipes
        room = max(0, pipes.limit - len(head))
        end = last and len(body) <= room
        data = frame.encode_response(self.number, head, body[:room], end, pipes.limit)
        if not (pipes.end(self, data) if end else pipes.send_open(self, data)):
            raise Cancelled("the stream has ended")  # a task that the handler has left behind comes too late
        return b"" if end else memoryview(body)[room:]

    def write(self, data: frame.Bytes) -> None:
        """Sends a part of the body, waiting for the window. Raises Cancelled."""
        view = memoryview(data)
        while view:
            sent = self._send(view)
            if not sent:
                self._pipes.wait(self._writable)
            view = view[sent:]

    async def write_async(self, data: frame.Bytes) -> None:
        """Sends a part of the body as write does, and lets the event loop run meanwhile."""
        view = memoryview(data)
        while view:
            sent = self._send(view)
            if not sent:
                await self._pipes.wait_async(self._writable)
            view = view[sent:]

    def poll(self) -> None:
        """Lets out what was written, and takes what the host has sent."""
        self._pipes.poll()

    def flush(self) -> None:
        """Lets out what was written."""
        self._pipes.flush()

    def finish(self) -> None:
        """Ends the response, unless begin has."""
        if self.open:
            self._pipes.end(self, frame.encode_data(self.number, b"", True))

    def fail(self, code: int, text: str) -> None:
        """Ends the stream with ERROR, unless it has ended."""
        self._pipes.end(self, frame.encode_error(self.number, code, text, self._pipes.limit))

    def _writable(self) -> bool:
        return self._room > 0 or self.over()

    def _send(self, view: memoryview) -> int:
        """Sends what the window allows and returns how much that was."""
        with self._pipes.lock:
            if self.cancelled or not self.open or (self._pipes.eof and not self._room):
                raise Cancelled("nobody waits for the rest of the response")
            size = min(len(view), self._room)
            for at in range(0, size, self._pipes.limit):
                piece = view[at : min(at + self._pipes.limit, size)]
                self._pipes.send(frame.encode_data(self.number, piece, False))
            self._room -= size
            return size

    # What the host says. The lock is held.

    def take(self, kind: int, end: bool, payload: bytes) -> None:
        """Takes a DATA, WINDOW or CANCEL frame."""
        if kind == frame.DATA:
            self._take_data(payload, end)
        elif kind == frame.WINDOW:
            self._room += frame.decode_window(payload)
        else:
            frame.decode_cancel(payload)  # a handler has no use for the reason, but a wrong frame is wrong
            self.cancelled = True
            self.stop()

    def _take_data(self, payload: bytes, end: bool) -> None:
        if self._pieces is None or self._complete:
            raise frame.FrameError("stream", "DATA after the end of stream %d" % self.number)
        self._credit -= len(payload)
        if self._credit < 0:
            raise frame.FrameError("stream", "DATA over the window of stream %d" % self.number)
        if payload:
            self._pieces.append(payload)
        self._complete = end

    def stop(self) -> None:
        """Tells a handler that looks that nobody waits for it; at EOF too, when it may finish none the less."""
        if self._event is not None:
            self._event.set()

    def over(self) -> bool:
        """Whether nothing more will come from the host on this stream."""
        return self.cancelled or not self.open or self._pipes.eof

    @property
    def event(self) -> CancelEvent:
        """The event of Request.cancelled."""
        with self._pipes.lock:
            if self._event is None:
                self._event = CancelEvent(self._pipes, self)
                if self.cancelled or self._pipes.eof:
                    self._event.set()
            return self._event


class CancelEvent(threading.Event):
    """A threading.Event that reads the host's frames while it is looked at or waited for.

    So a handler that runs in the only thread learns of a CANCEL without a second thread that reads.
    """

    def __init__(self, pipes: Pipes, stream: Stream) -> None:
        super().__init__()
        self._pipes = pipes
        self._stream = stream

    def is_set(self) -> bool:
        """Whether the host has cancelled the request, or has gone."""
        if not super().is_set():
            self._pipes.poll()
        return super().is_set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until is_set, the end of the request, or the timeout in seconds; returns is_set."""
        self._pipes.wait(self._over, timeout)
        return super().is_set()

    def _over(self) -> bool:
        return super().is_set() or not self._stream.open
