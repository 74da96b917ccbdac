"""serve: from the start of the process to its end."""

from __future__ import annotations

import collections
import faulthandler
import io
import os
import queue
import signal
import sys
import threading
from typing import Any, Callable, Deque, NoReturn, Optional, Tuple

from . import frame, response
from .errors import BadRequest, Cancelled, describe
from .pipes import Pipes, leave, leave_as
from .request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Loop

SDK = "python/0.1.0"
"""How this package names itself to the host."""

Handler = Callable[[Request], Any]
"""Takes a request, returns a response (`fwatchdog.response.Response`) or an awaitable of one."""

_EXIT_INIT = 1
_EXIT_USAGE = 64


def serve(handler: Handler, init: Optional[Callable[[], Any]] = None, concurrency: Optional[int] = None) -> None:
    """Serves requests until the host has no more, then returns. It must be called in the main thread.

    init runs before the worker takes requests: what it loads, no request waits for. It may be async. concurrency is how
    many requests are handled at once, each in a thread of its own; with 1, the default, they are handled one after the
    other in the main thread. FWATCHDOG_CONCURRENCY in the environment replaces it.

    A handler that is an object, such as an adapter, may bring its own init, and a close, which runs after the last request.
    """
    if not os.environ.get("FWATCHDOG_WORKER"):
        _refuse("this program is a worker: start it with fwatchdog")
    places = _places(concurrency)
    source, sink, limit = _take_pipes()
    requests: Any = collections.deque() if places == 1 else queue.SimpleQueue()
    pipes = Pipes(source, sink, limit, places, requests.append if places == 1 else requests.put)
    _ignore_signals(pipes)
    exchanges = Exchanges(pipes, handler)
    pipes.greet(
        (
            ("sdk", SDK),
            ("runtime", "%s %s" % (sys.implementation.name, sys.version.split()[0])),
            ("pid", str(os.getpid())),
            ("stacks", "QUIT"),
            ("concurrency", str(places)),
            ("features", "window exclusive"),
        )
    )
    exchanges.load(init, getattr(handler, "init", None))
    if places == 1:
        exchanges.run_here(requests)
    else:
        exchanges.run_in_threads(requests, places)
    exchanges.close(getattr(handler, "close", None))


class Exchanges:
    """Runs the handler for one request after the other, in one thread or in many."""

    def __init__(self, pipes: Pipes, handler: Handler) -> None:
        self._pipes = pipes
        self._handler = handler
        self._loop: Optional[Loop] = None  # made when the first awaitable is met
        self._making_loop = threading.Lock()

    def load(self, *inits: Optional[Callable[[], Any]]) -> None:
        """Runs what is to be run before READY, and says it; an error ends the process."""
        try:
            for init in filter(None, inits):
                self._result(init())
        except BaseException as error:  # SystemExit too: the host must hear why there will be no READY
            self._pipes.send(frame.encode_error(0, frame.INIT_FAILED, describe(error), self._pipes.limit))
            self._pipes.drain()
            leave(_EXIT_INIT)
        self._pipes.send(frame.encode_ready())

    def run_here(self, requests: Deque[Request]) -> None:
        """Serves in this thread, until the host has no more requests."""
        pipes = self._pipes

        def ready() -> object:
            return requests or pipes.finished

        while True:
            pipes.wait(ready, idle=True)
            if not requests:
                return
            self._run(requests.popleft())

    def run_in_threads(self, requests: queue.SimpleQueue[Request], threads: int) -> None:
        """Serves in threads, until the host has no more requests; this thread reads the pipe for them."""
        for number in range(threads):
            threading.Thread(target=self._serve, args=(requests,), name="fwatchdog-%d" % number, daemon=True).start()
        self._pipes.wait(lambda: self._pipes.finished, idle=True)
        self._pipes.drain()

    def close(self, close: Optional[Callable[[], Any]]) -> None:
        """Runs what the handler wants to be run at the end."""
        if close:
            self._result(close())

    def _serve(self, requests: queue.SimpleQueue[Request]) -> None:
        try:
            while True:
                request = requests.get()
                # The answers of a burst are written together, by the thread that takes the last request of it: there is
                # a thread for each that the host may send, so nobody waits for a handler of somebody else.
                if requests.empty():
                    self._pipes.flush()
                self._run(request)
                if requests.empty():
                    self._pipes.flush()
        except SystemExit as exit:  # would end this thread only
            leave_as(exit)

    def _run(self, request: Request) -> None:
        """One exchange. Whatever the handler does, the stream gets exactly one terminal frame."""
        stream = request.stream
        try:
            result = self._result(self._handler(request))
            if result is response.SENT:
                return
            head, body = response.encode(result)
            if isinstance(body, bytes) or hasattr(body, "__next__"):
                response.write(stream, head, body)
            else:
                self._result(response.write_async(stream, head, body))
        except SystemExit:
            raise
        except BaseException as error:
            if not stream.open:
                self._pipes.log(None, frame.LEVELS["error"], describe(error))
            elif isinstance(error, Cancelled):
                stream.fail(frame.CANCELLED, str(error))
            elif isinstance(error, BadRequest):
                stream.fail(frame.BAD_REQUEST, str(error))
            else:
                stream.fail(frame.RAISED, describe(error))

    def _result(self, value: Any) -> Any:
        """Returns a value, or the result of an awaitable."""
        if not hasattr(value, "__await__"):
            return value
        with self._making_loop:
            if self._loop is None:
                from .loop import Loop  # here, because asyncio takes longer to import than all of this package

                self._loop = Loop(self._pipes)
        return self._loop.run(value)


def _places(concurrency: Optional[int]) -> int:
    text = os.environ.get("FWATCHDOG_CONCURRENCY") or str(concurrency or 1)
    if not text.isdecimal() or int(text) < 1:
        _refuse("FWATCHDOG_CONCURRENCY=%s is no number of requests" % text)
    return int(text)


def _take_pipes() -> Tuple[int, int, int]:
    """Moves the pipes of the host to where user code and its child processes do not find them.

    Returns where to read, where to write, and the largest payload that may be written before the host's HELLO.
    """
    source = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sink = int(os.environ.get("FWATCHDOG_OUT_FD") or 1)
    limit = frame.MAX_PAYLOAD
    if sink == 1:
        sink = os.dup(1)
        os.dup2(2, 1)
        limit = frame.MAX_SHARED_PAYLOAD
    else:
        os.set_inheritable(sink, False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return source, sink, limit


def _ignore_signals(pipes: Pipes) -> None:
    """Leaves it to the host to say when to go, and prints all stacks on SIGQUIT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # SIG_IGN would be inherited by the programs that the function starts.
        signal.signal(number, lambda *_: None)
    faulthandler.enable(2)
    faulthandler.register(signal.SIGQUIT, 2)
    os.register_at_fork(after_in_child=lambda: _become_child(pipes))


def _become_child(pipes: Pipes) -> None:
    """Makes a forked child an ordinary process, which can be terminated and does not hold the pipes."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pipes.close()


def _refuse(text: str) -> NoReturn:
    sys.stderr.write(text + "\n")
    sys.exit(_EXIT_USAGE)
