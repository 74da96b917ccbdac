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
