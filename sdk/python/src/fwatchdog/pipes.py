"""The two pipes between this worker and the host: who reads them, who writes them, and the streams on them."""

from __future__ import annotations

import collections
import os
import select
import sys
import threading
import time
from typing import Any, Callable, Deque, Dict, Iterable, List, NoReturn, Optional, Tuple

from . import frame
from .request import Request
from .stream import Stream

_READ_SIZE = 65536
_EXIT_HOST_GONE = 0  # as at the end of the pipe
_EXIT_PROTOCOL = 65


class Pipes:
    """Reads and writes the frames of this worker.

    Any thread may need something of the host: a request, a piece of a body, a larger window, a CANCEL. The first that
    does reads the pipe, for itself and for all others, until it has what it wants; then another one takes over. So a
    worker with one thread needs no second one, and a request costs no change of threads.

    Frames to the host are gathered, and written by the thread that finds the pipe idle; at the latest before a thread
    waits for something.
    """

    def __init__(self, source: int, sink: int, limit: int, places: int, accept: Callable[[Request], object]) -> None:
        self.lock = threading.RLock()  # guards the streams, and all fields down to the empty line
        self.streams: Dict[int, Stream] = {}  # those without a terminal frame
        self.window = frame.DEFAULT_WINDOW  # with what each direction of a stream starts
        self.limit = limit  # the largest payload that we may send
        self.eof = False  # the host has closed its end
        self.loop: Any = None  # the worker's event loop: while a handler runs there, the handler's thread reads
        self._leaving = False  # the host said GOAWAY
        self._places = places  # how many requests are taken at once
        self._newest = 0  # the highest number of a stream so far
        self._reading = False  # whether a thread reads the pipe
        self._listening = False  # whether that thread must be told of what does not come through the pipe
        self._followers = 0  # threads that wait for what it reads
        self._futures: List[Tuple[Any, Any]] = []  # event loop and future of the tasks that wait for it
        self._changed = threading.Condition(self.lock)
        self._out: Deque[bytes] = collections.deque()  # whole frames to be written

        self._writing = threading.Lock()  # held by the thread that writes
        self._accept = accept  # is given each request, with the lock held
        self._source = source
        self._sink = sink
        self._alarm, self._alarm_sink = os.pipe()  # wakes the thread that reads
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)
        self._poll.register(self._alarm, select.POLLIN)
        self._splitter = frame.Splitter()
        self._bytes_read = 0

    def close(self) -> None:
        """Gives all descriptors up: a forked child must neither hold the pipes open nor speak on them."""
        for descriptor in (self._source, self._sink, self._alarm, self._alarm_sink):
            os.close(descriptor)

    # Handshake

    def greet(self, pairs: Iterable[Tuple[str, str]]) -> None:
        """Sends our HELLO and takes the host's. A host that has gone already is no error yet."""
        self.send(frame.encode_hello(pairs))
        self.flush()
        with self.lock:
            frames: List[frame.Frame] = []
            while not frames and not self.eof:
                frames = self._split(os.read(self._source, _READ_SIZE))
            if frames:
                self._take_hello(*frames[0])
                self._take(frames[1:])

    def _take_hello(self, kind: int, _end: bool, _number: int, payload: bytes) -> None:
        if kind != frame.HELLO:
            self._abort("the host's first frame is of type %d, not HELLO" % kind)
        try:
            hello = frame.decode_hello(payload)
            self._agree(dict(reversed(hello.pairs)))  # of a repeated key the first counts
        except (frame.FrameError, ValueError) as error:
            self._abort(str(error))
        if not hello.min <= frame.VERSION <= hello.max:
            text = "no common version: the host speaks %d to %d, this worker %d to %d" % (
                hello.min, hello.max, frame.VERSION, frame.VERSION)  # fmt: skip
            self.send(frame.encode_error(0, frame.PROTOCOL, text, self.limit))
            self.flush()
            self._abort(text)

    def _agree(self, offered: Dict[str, str]) -> None:
        """Takes over what the host offers; ValueError when that should be a number and is none."""
        features = offered.get("features", "").split()
        if "exclusive" in features:
            self.limit = frame.MAX_PAYLOAD
        self.limit = min(self.limit, int(offered.get("max_frame", self.limit)))
        if "window" in features:
            self.window = int(offered.get("window", self.window))
        else:
            self.window = sys.maxsize  # the host does not count, so neither do we

    # Reading

    @property
    def finished(self) -> bool:
        """Whether no request is open and the host has closed its end."""
        return self.eof and not self.streams

    def wait(self, ready: Callable[[], object], timeout: Optional[float] = None, idle: bool = False) -> None:
        """Returns once ready() holds or the timeout in seconds has passed.

        ready is called with the lock held. idle says that only frames of the host can make it true, which saves a
        system call.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        self.flush()
        with self.lock:
            left = timeout
            happened = True
            while happened and not ready():
                if self._reading or self.eof:
                    happened = self._follow(left)
                else:
                    happened = self._lead(left, idle)
                if ends is not None:
                    left = max(0, ends - time.monotonic())
        if not idle:
            self.flush()  # a PONG, perhaps; after an idle wait it leaves with the first answer

    def poll(self) -> None:
        """Takes what the host has sent, without waiting."""
        self.wait(lambda: False, 0)

    async def wait_async(self, ready: Callable[[], object]) -> None:
        """Waits as wait does, and lets the event loop run meanwhile."""
        import asyncio

        loop = asyncio.get_running_loop()
        self.flush()
        while True:
            with self.lock:
                if ready():
                    return
                future = loop.create_future()
                self._futures.append((loop, future))
                if loop is not self.loop and not self._reading:
                    self._read_aside()
            await future

    def _read_aside(self) -> None:
        """Reads in a thread of its own until no request is open. The lock is held.

        An event loop that the handler has made itself may run in the very thread that would read otherwise.
        """
        arguments = (lambda: not self.streams,)
        threading.Thread(target=self.wait, args=arguments, name="fwatchdog-reader", daemon=True).start()

    def wake(self) -> None:
        """Lets everything that waits look again: something has changed that the pipe does not tell."""
        with self.lock:
            self._notify()

    def _follow(self, timeout: Optional[float]) -> bool:
        """Waits for what another thread reads; False when the timeout has passed."""
        self._followers += 1
        try:
            return self._changed.wait(timeout)
        finally:
            self._followers -= 1

    def _lead(self, timeout: Optional[float], idle: bool) -> bool:
        """Reads once for all threads; False when the timeout has passed."""
        self._reading = True
        self._listening = not idle
        chunk = None
        self.lock.release()
        try:
            if self._out:
                self.flush()
            happened, readable = (True, True) if idle else self._listen(timeout)
            if readable:
                chunk = os.read(self._source, _READ_SIZE)
        finally:
            self.lock.acquire()
            self._reading = self._listening = False
            if chunk is not None:
                self._take(self._split(chunk))
            if self._followers or self._futures:
                self._notify()
        return happened

    def _listen(self, timeout: Optional[float]) -> Tuple[bool, bool]:
        """Waits for the host or for wake; says whether anything happened, and whether there is something to read."""
        events = self._poll.poll(None if timeout is None else timeout * 1000)
        descriptors = [descriptor for descriptor, _ in events]
        if self._alarm in descriptors:
            os.read(self._alarm, _READ_SIZE)
        return bool(events), self._source in descriptors

    def _notify(self) -> None:
        """Wakes everything that waits. The lock is held."""
        if self._followers:
            self._changed.notify_all()
        if self._listening:
            self._listening = False  # one alarm is enough
            os.write(self._alarm_sink, b"!")
        while self._futures:
            loop, future = self._futures.pop()
            try:
                loop.call_soon_threadsafe(lambda future=future: future.done() or future.set_result(None))
            except RuntimeError:  # a loop of the function's own, which has been closed: nobody waits there any more
                pass

    def _split(self, chunk: bytes) -> List[frame.Frame]:
        if not chunk:
            self.eof = True
            for stream in self.streams.values():
                stream.stop()
            return []
        try:
            frames = self._splitter.split(chunk)
        except frame.FrameError as error:
            self._abort(str(error))
        self._bytes_read += len(chunk)
        return frames

    def _take(self, frames: List[frame.Frame]) -> None:
        try:
            for kind, end, number, payload in frames:
                if kind == frame.REQ:
                    self._open(number, end, payload)
                elif kind == frame.PING:
                    self.send(frame.encode_pong(frame.decode_nonce(payload)))
                elif kind == frame.GOAWAY:
                    self._leaving = True
                elif kind == frame.HELLO:
                    raise frame.FrameError("type", "a second HELLO")
                else:
                    stream = self.streams.get(number)
                    if stream:
                        stream.take(kind, end, payload)
                    else:  # the frame crossed our last one on the pipe
                        frame.check_late(kind, payload)
        except frame.FrameError as error:
            self._abort(str(error))

    def _open(self, number: int, end: bool, payload: bytes) -> None:
        if number <= self._newest:
            raise frame.FrameError("stream", "REQ on stream %d after stream %d" % (number, self._newest))
        self._newest = number
        head = frame.decode_request(payload)
        if self._leaving or len(self.streams) >= self._places:
            self.send(frame.encode_error(number, frame.NOT_STARTED, "the worker takes no more requests", self.limit))
            return
        stream = self.streams[number] = Stream(self, number, head[-1], end)
        self._accept(Request(head, stream))

    def _abort(self, text: str) -> NoReturn:
        """Ends the process at once: after a violation no byte of the pipe means anything."""
        leave(_EXIT_PROTOCOL, "protocol error after %d bytes: %s" % (self._bytes_read, text))

    # Writing

    def send(self, data: bytes) -> None:
        """Takes one or more whole frames, to be written with the next flush."""
        self._out.append(data)

    def send_open(self, stream: Stream, data: bytes) -> bool:
        """Sends a frame of a stream, or returns False when that has had its terminal frame."""
        with self.lock:
            if stream.open:
                self.send(data)
            return stream.open

    def log(self, stream: Optional[Stream], level: int, text: str) -> None:
        """Sends a text to the host's log, under a stream's number as long as that is open."""
        with self.lock:
            number = stream.number if stream and stream.open else 0
            self.send(frame.encode_log(number, level, text, self.limit))
        self.flush()

    def end(self, stream: Stream, last: bytes) -> bool:
        """Sends a stream's terminal frame; False when it has had one: another thread may have been faster."""
        with self.lock:
            if not stream.open:
                return False
            stream.open = False
            del self.streams[stream.number]
            self.send(last)
            if self._followers or self._listening or self._futures:
                self._notify()
            return True

    def flush(self) -> None:
        """Writes what was gathered, unless another thread is about to."""
        # That thread looks again after it has released the pipe, so nothing is left behind.
        while self._out and self._writing.acquire(False):
            try:
                self._write()
            finally:
                self._writing.release()

    def drain(self) -> None:
        """Writes what was gathered, after what another thread is writing."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        parts = []
        while self._out:
            parts.append(self._out.popleft())
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        try:
            written = os.write(self._sink, data)
            while written < len(data):  # a signal's handler ran
                written += os.write(self._sink, memoryview(data)[written:])
        except BrokenPipeError:
            leave(_EXIT_HOST_GONE, "the host has gone")


def leave(code: int, text: str = "") -> NoReturn:
    """Ends the process from any thread, with a sentence on stderr."""
    try:
        if text:
            sys.stderr.write("fwatchdog: %s\n" % text)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:  # the log may be gone with the host, which must not keep this process
        os._exit(code)


def leave_as(exit: SystemExit) -> NoReturn:
    """Ends the process as an exit in the main thread would."""
    if exit.code is None or isinstance(exit.code, int):
        leave(exit.code or 0)
    leave(1, str(exit.code))
