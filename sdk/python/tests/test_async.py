"""Async handlers."""

import time

import pytest

from host import WINDOW, cancel, data, frame, req, window, worker

PROGRAM = """
import asyncio
import fwatchdog

loops = set()
background = []

async def handler(request):
    loops.add(asyncio.get_running_loop())
    path = request.path
    if path == "/sleep":
        await asyncio.sleep(int(request.query["ms"]) / 1000)
        return "slept"
    if path == "/size":
        size = 0
        async for piece in request.stream:
            size += len(piece)
        return str(size)
    if path == "/stream":
        return pieces(request)
    if path == "/head":
        return 201, {"x-kind": "async"}, pieces(request)
    if path == "/quiet":
        return quiet(request)
    if path == "/quiet-object":
        return Quiet()
    if path == "/generator":
        return (str(number) for number in range(3))
    if path == "/loops":
        return str(len(loops))
    if path == "/wait":
        await asyncio.get_running_loop().run_in_executor(None, request.cancelled.wait)
        return "cancelled"
    if path == "/later":
        background.append(asyncio.ensure_future(later(request)))
        return "soon"
    if path == "/throw":
        raise RuntimeError("boom")

async def later(request):
    await asyncio.sleep(0.01)
    request.log("info", "later")

async def pieces(request):
    try:
        for _ in range(int(request.query["n"])):
            await asyncio.sleep(0)
            yield b"x" * int(request.query["piece"])
    finally:
        request.log("info", "closed")

async def quiet(request):
    try:
        yield "hello"
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        request.log("info", "closed")

class Quiet:
    source = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.source:
            self.source = asyncio.ensure_future(asyncio.Event().wait())
            return "hello"
        await self.source

    async def aclose(self):
        await self.source

fwatchdog.serve(handler)
"""


@pytest.fixture(params=[1, 16], ids=["one thread", "16 threads"])
def host(request, program):
    with worker(program(PROGRAM), concurrency=request.param) as started:
        yield started


def test_an_async_handler_is_awaited(host):
    assert host.call(1, "/sleep?ms=1").body == b"slept"


def test_an_async_handler_that_raises_is_an_error_with_its_stack(host):
    exchange = host.call(1, "/throw")

    assert exchange.code == 3
    assert exchange.text.splitlines()[0] == "boom"
    assert "in handler" in exchange.text


def test_an_async_handler_reads_its_upload_piece_by_piece(host):
    host.write(req(1, "/size", b"abc", end=False))
    sent = 3
    for _ in range(40):
        host.until(lambda: WINDOW + host.granted(1) >= sent + 30000)
        host.write(data(1, bytes(30000)))
        sent += 30000
    host.write(data(1, end=True))

    assert host.exchange(1).body == b"%d" % sent


def test_a_cancelled_upload_of_an_async_handler_ends_with_an_error(host):
    host.write(req(1, "/size", end=False), data(1, b"abc"))
    host.write(cancel(1))

    assert host.exchange(1).code == 2


def test_an_async_iterator_is_streamed(host):
    assert host.call(1, "/stream?n=20&piece=50000").body == b"x" * 1_000_000


def test_an_async_iterator_may_come_with_a_head(host):
    exchange = host.call(1, "/head?n=2&piece=2")

    assert (exchange.status, exchange.headers, exchange.body) == (201, [("x-kind", "async")], b"xxxx")


def test_an_async_handler_may_return_an_ordinary_iterator(host):
    assert host.call(1, "/generator").body == b"012"


def test_an_async_iterator_stops_at_its_window_and_is_closed_when_cancelled(host):
    host.withhold_window()
    host.write(req(1, "/stream?n=1000&piece=1000"))
    host.until(lambda: host.sent(1) == WINDOW)
    host.write(window(1, 500))
    host.until(lambda: host.sent(1) == WINDOW + 500)
    host.write(cancel(1))

    exchange = host.exchange(1)
    assert exchange.code == 2
    assert exchange.logs == [(1, "closed")]


def test_an_async_iterator_without_news_is_closed_when_cancelled(host):
    host.write(req(1, "/quiet"))
    host.frame("DATA", 1)
    host.write(cancel(1))

    exchange = host.exchange(1)
    assert exchange.code == 2
    assert exchange.logs == [(1, "closed")]


def test_an_async_iterator_may_be_cancelled_while_it_is_closed(host):
    host.write(req(1, "/quiet-object"))
    host.frame("DATA", 1)
    host.write(cancel(1))

    assert host.exchange(1).code == 2


def test_an_async_iterator_that_is_cancelled_by_the_function_is_an_error(program):
    source = """
import asyncio, fwatchdog
async def handler(request):
    return pieces()
async def pieces():
    yield "hello"
    raise asyncio.CancelledError
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        assert host.call(1).code == 3
        assert host.call(2).code == 3


def test_all_requests_run_on_one_loop_which_never_rests(host):
    host.call(1, "/sleep?ms=1")
    assert host.call(2, "/loops").body == b"1"

    assert host.call(3, "/later").body == b"soon"
    assert host.frame("LOG", 0).text == "later"  # although no request is there


def test_a_cancel_reaches_an_async_handler(host):
    host.write(req(1, "/wait"))
    host.write(cancel(1))

    assert host.exchange(1).body == b"cancelled"


def test_ping_is_answered_while_an_async_handler_waits(host):
    host.write(req(1, "/wait"))

    assert host.ping() == b"12345678"


def test_async_handlers_do_not_hold_up_one_another(program):
    with worker(program(PROGRAM), concurrency=16) as host:
        started = time.monotonic()
        host.write(*[req(stream, "/sleep?ms=500") for stream in range(1, 17)])
        for stream in range(1, 17):
            assert host.exchange(stream).body == b"slept"

        assert time.monotonic() - started < 16 * 0.5 / 2


def test_a_worker_with_an_async_handler_finishes_before_it_leaves(host):
    host.write(req(1, "/sleep?ms=50"), frame("GOAWAY"))

    assert host.exchange(1).body == b"slept"
    host.close()
    assert host.exit_code() == 0


OWN_LOOP = """
import asyncio
import concurrent.futures
import threading
import fwatchdog

answered = threading.Event()

async def size(request):
    return sum([len(piece) async for piece in request.stream])

def handler(request):
    if request.path == "/run":
        return str(asyncio.run(size(request)))
    if request.path == "/run-in-thread":
        with concurrent.futures.ThreadPoolExecutor() as executor:
            return str(executor.submit(asyncio.run, size(request)).result())
    if request.path == "/impatient":
        try:
            asyncio.run(asyncio.wait_for(size(request), 0.01))
        except asyncio.TimeoutError:
            request.log("info", "closed")
            return str(answered.wait(10))
    answered.set()
    return "answered"

fwatchdog.serve(handler)
"""


@pytest.mark.parametrize("places", [1, 2])
@pytest.mark.parametrize("target", ["/run", "/run-in-thread"])
def test_an_ordinary_handler_may_read_its_upload_on_a_loop_of_its_own(program, places, target):
    with worker(program(OWN_LOOP), concurrency=places) as host:
        for stream in range(1, 4):
            host.write(req(stream, target, b"abc", end=False))
            host.ping()
            host.write(data(stream, b"def"), data(stream, end=True))
            assert host.exchange(stream).body == b"6"
        host.write(req(4, target, end=False), data(4, b"abc"))
        host.ping()
        host.write(cancel(4))
        assert host.exchange(4).code == 2

        assert host.call(5).body == b"answered"
        host.write(frame("GOAWAY"))
        host.close()
        assert host.exit_code() == 0
        assert host.stderr == b""


def test_a_loop_of_a_handlers_own_may_be_closed_before_what_it_waits_for_has_come(program):
    with worker(program(OWN_LOOP), concurrency=2) as host:
        host.write(req(1, "/impatient", end=False))
        host.frame("LOG", 1)

        assert host.call(2).body == b"answered"
        assert host.exchange(1).body == b"True"


def test_a_loop_of_a_handlers_own_does_not_keep_the_only_thread(program):
    with worker(program(OWN_LOOP)) as host:
        assert host.call(1).body == b"answered"
        host.write(req(2, "/impatient", end=False))

        assert host.exchange(2).body == b"True"
        assert host.call(3).body == b"answered"
        assert [one.text for one in host.frames if one.kind == "LOG"] == ["closed"]
