"""ASGI applications behind frames."""

import json
import time

import pytest

from host import WINDOW, cancel, data, frame, req, window, worker

RAW = """
import asyncio
import os
import fwatchdog
from fwatchdog.asgi import asgi

background = []

async def late(request, receive, send, more):
    while (await receive())["type"] != "http.disconnect":
        pass
    try:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late", "more_body": more})
    except Exception as error:
        request.log("info", type(error).__name__)

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        if os.environ.get("NO_LIFESPAN"):
            raise NotImplementedError
        assert (await receive())["type"] == "lifespan.startup"
        if os.environ.get("NO_START"):
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("cleaned up")
        await send({"type": "lifespan.shutdown.complete"})
        return
    request = scope["extensions"]["fwatchdog"]["request"]
    start = {"type": "http.response.start", "status": 200, "headers": [(b"X-One", b"1"), (b"x-two", b"caf\\xe9")]}
    path = scope["path"]
    if path == "/raise":
        raise RuntimeError("boom")
    if path.startswith("/leave-behind/"):
        background.append(asyncio.ensure_future(late(request, receive, send, path.endswith("/more"))))
        raise RuntimeError("boom")
    if path == "/silent":
        return
    if path == "/no-start":
        await send({"type": "http.response.body"})
    if path.startswith("/status/"):
        start["status"] = int(path[len("/status/"):])
    await send(start)
    if path.startswith("/status/"):
        await send({"type": "http.response.body"})
    if path == "/half":
        return
    if path == "/raise-late":
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise RuntimeError("boom")
    if path == "/scope":
        body = {key: value for key, value in scope.items() if isinstance(value, (str, dict)) and key != "extensions"}
        body["raw"] = [scope["raw_path"].decode(), scope["query_string"].decode(), [a.decode() for a, b in scope["headers"]]]
        import json
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})
    if path == "/echo":
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                request.log("info", "disconnected")
                return
            await send({"type": "http.response.body", "body": event["body"], "more_body": event["more_body"]})
            if not event["more_body"]:
                break
    if path == "/large":
        await send({"type": "http.response.body", "body": b"x" * 1000000})
    if path == "/endless":
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        except OSError:
            request.log("info", "client gone")
            return
    if path == "/background":
        await send({"type": "http.response.body", "body": b"done"})
        event = await receive(), await receive()
        request.log("info", event[1]["type"])
        await asyncio.sleep(0.3)
        request.log("info", "background")
    if path == "/tick":
        await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        await asyncio.sleep(1000)
    if path == "/again":
        await send({"type": "http.response.body"})
        try:
            await send({"type": "http.response.body"})
        except RuntimeError as error:
            request.log("error", str(error))
    if path == "/sleep":
        await asyncio.sleep(0.5)
        await send({"type": "http.response.body", "body": b"slept"})

fwatchdog.serve(asgi(application))
"""

FASTAPI = """
import asyncio
import contextlib
import fastapi
import fastapi.responses
import fwatchdog
from fwatchdog.asgi import asgi

@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.pool = "open"
    yield
    print("pool closed")

app = fastapi.FastAPI(lifespan=lifespan)

@app.get("/items/{number}")
async def item(number: int, q: str = ""):
    return {"number": number, "q": q, "pool": app.state.pool}

@app.post("/sum")
def total(numbers: list = fastapi.Body()):
    return sum(numbers)

@app.get("/events")
async def events():
    async def pieces():
        for number in range(3):
            yield "event %d\\n" % number
            await asyncio.sleep(0.01)
    return fastapi.responses.StreamingResponse(pieces(), media_type="text/event-stream")

@app.get("/quiet")
async def quiet():
    async def pieces():
        try:
            yield "hello"
            await asyncio.Event().wait()
        finally:
            print("closed")
    return fastapi.responses.StreamingResponse(pieces(), media_type="text/event-stream")

@app.post("/size")
async def size(request: fastapi.Request):
    return sum([len(piece) async for piece in request.stream()])

@app.get("/later")
async def later(background: fastapi.BackgroundTasks):
    background.add_task(print, "in the background")
    return "soon"

@app.get("/boom")
async def boom():
    raise RuntimeError("boom")

fwatchdog.serve(asgi(app))
"""


@pytest.fixture(params=[1, 16], ids=["one thread", "16 threads"])
def raw(request, program):
    with worker(program(RAW), concurrency=request.param) as host:
        yield host


@pytest.fixture(params=[1, 16], ids=["one thread", "16 threads"])
def fastapi(request, program):
    with worker(program(FASTAPI), concurrency=request.param) as host:
        yield host


def test_the_scope_is_that_of_asgi_3(raw):
    seen = json.loads(raw.call(1, "/scope?q=%20", method="PATCH", headers=[("host", "a:1"), ("x-b", "2")]).body)

    assert seen == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": "/scope",
        "root_path": "",
        "state": {"pool": "open"},
        "raw": ["/scope", "q=%20", ["host", "x-b"]],
    }


def test_a_whole_response_takes_one_frame(raw):
    exchange = raw.call(1, "/echo", b"hello")

    assert exchange.headers == [("x-one", "1"), ("x-two", "caf\xe9")]
    assert exchange.body == b"hello"
    assert len(exchange.frames) == 1


@pytest.mark.parametrize("status", [99, 100, 199, 1000, 70000])
def test_a_status_that_no_response_can_have_fails_that_request_alone(raw, status):
    error = raw.call(1, "/status/%d" % status)

    assert error.code == 3
    assert error.text.splitlines()[0] == "a response of status %d; it must be a number from 200 to 999" % status
    assert raw.call(2, "/status/204").status == 204


def test_a_body_is_received_and_sent_piece_by_piece(raw):
    raw.write(req(1, "/echo", end=False))
    for number, piece in enumerate([b"one", b"two"], 1):
        raw.write(data(1, piece))
        raw.until(lambda: raw.exchange_so_far(1).body.endswith(piece))
    raw.write(data(1, end=True))

    assert raw.exchange(1).body == b"onetwo"


def test_a_piece_leaves_before_the_next_one_is_made(raw):
    raw.write(req(1, "/tick"))

    assert raw.frame("RESP", 1).body == b"tick"


def test_a_large_body_waits_for_its_window(raw):
    raw.withhold_window()
    raw.write(req(1, "/large"))
    raw.until(lambda: raw.sent(1) == WINDOW)
    raw.ping()
    assert raw.sent(1) == WINDOW
    raw.write(window(1, 1_000_000))

    assert raw.exchange(1).body == b"x" * 1_000_000


def test_an_application_that_sends_without_end_is_told_when_the_client_has_gone(raw):
    raw.write(req(1, "/endless"))
    raw.frame("DATA", 1, 3)
    raw.write(cancel(1))

    exchange = raw.exchange(1)
    assert exchange.code == 2
    assert exchange.logs == [(1, "client gone")]


def test_an_application_that_receives_is_told_when_the_client_has_gone(raw):
    raw.write(req(1, "/echo", end=False), cancel(1))

    exchange = raw.exchange(1)
    assert exchange.code == 2
    assert exchange.logs == [(1, "disconnected")]


@pytest.mark.parametrize("target", ["/raise", "/raise-late"])
def test_an_application_that_raises_is_an_error_with_its_stack(raw, target):
    exchange = raw.call(1, target)

    assert exchange.code == 3
    assert exchange.text.splitlines()[0] == "boom"
    assert "in application" in exchange.text


@pytest.mark.parametrize("rest", ["more", "last"])
def test_what_an_application_sends_after_it_has_raised_does_not_reach_the_host(raw, rest):
    raw.write(req(1, "/leave-behind/" + rest))

    assert raw.frame("LOG", 0).text == "OSError"
    assert [one.kind for one in raw.exchange(1).frames] == ["ERROR"]
    assert raw.call(2, "/echo", b"hello").body == b"hello"


@pytest.mark.parametrize(
    "target, text",
    [("/silent", "without a complete response"), ("/half", "without a complete response"), ("/no-start", "out of turn")],
)
def test_an_application_that_breaks_the_rules_is_an_error(raw, target, text):
    exchange = raw.call(1, target)

    assert exchange.code == 3
    assert text in exchange.text.splitlines()[0]


def test_a_second_end_is_refused_and_does_not_reach_the_host(raw):
    assert raw.call(1, "/again").body == b""
    assert "out of turn" in raw.frame("LOG", 0).text


def test_what_an_application_does_after_its_response_holds_up_nobody(raw):
    assert raw.call(1, "/background").body == b"done"

    assert raw.call(2, "/echo", b"meanwhile").body == b"meanwhile"
    assert raw.frame("LOG", 0, 1).text == "http.disconnect"
    assert [one.text for one in raw.frames if one.kind == "LOG"] == ["http.disconnect"]
    assert raw.frame("LOG", 0, 2).text == "background"


def test_requests_at_once_do_not_wait_for_one_another(program):
    with worker(program(RAW), concurrency=16) as host:
        started = time.monotonic()
        host.write(*[req(stream, "/sleep") for stream in range(1, 17)])
        for stream in range(1, 17):
            assert host.exchange(stream).body == b"slept"

        assert time.monotonic() - started < 16 * 0.5 / 2


def test_the_application_cleans_up_after_the_last_request(raw):
    raw.write(req(1, "/sleep"), frame("GOAWAY"))

    assert raw.exchange(1).body == b"slept"
    raw.close()
    assert raw.exit_code() == 0
    assert raw.stderr == b"cleaned up\n"


def test_an_application_that_cannot_start_is_an_error_of_init(program):
    with worker(program(RAW), env={"NO_START": "1"}, ready=False) as host:
        assert host.frame("ERROR").text.splitlines()[0] == "no database"
        assert host.exit_code() == 1


def test_an_application_needs_no_lifespan(program):
    with worker(program(RAW), env={"NO_LIFESPAN": "1"}) as host:
        assert host.call(1, "/echo", b"hello").body == b"hello"
        host.close()
        assert host.exit_code() == 0
        assert host.stderr == b""


def test_fastapi_routes_validates_and_keeps_its_state(fastapi):
    assert json.loads(fastapi.call(1, "/items/7?q=x", method="GET").body) == {"number": 7, "q": "x", "pool": "open"}
    assert fastapi.call(2, "/items/seven", method="GET").status == 422
    assert fastapi.call(3, "/sum", b"[1, 2, 3]", headers=[("content-type", "application/json")]).body == b"6"
    assert fastapi.call(4, "/none").status == 404


def test_fastapi_streams_in_both_directions(fastapi):
    assert fastapi.call(1, "/events", method="GET").body == b"event 0\nevent 1\nevent 2\n"

    fastapi.write(req(2, "/size", end=False), data(2, bytes(65536)), data(2, bytes(65536)), data(2, end=True))
    assert fastapi.exchange(2).body == b"131072"


def test_a_stream_of_fastapi_without_news_is_closed_when_cancelled(fastapi):
    fastapi.write(req(1, "/quiet", method="GET"))
    fastapi.until(lambda: fastapi.exchange_so_far(1).body == b"hello")
    fastapi.write(cancel(1))

    assert fastapi.exchange(1).code == 2
    fastapi.until(lambda: fastapi.stderr == b"closed\n")


def test_fastapi_runs_background_tasks_and_its_lifespan(fastapi):
    assert fastapi.call(1, "/later", method="GET").body == b'"soon"'
    fastapi.until(lambda: b"in the background\n" in fastapi.stderr)

    fastapi.write(frame("GOAWAY"))
    fastapi.close()
    assert fastapi.exit_code() == 0
    assert fastapi.stderr.endswith(b"pool closed\n")


def test_an_error_of_fastapi_is_a_500_with_its_stack_in_the_log(fastapi):
    exchange = fastapi.call(1, "/boom", method="GET")

    assert exchange.status == 500
    fastapi.until(lambda: b"RuntimeError: boom" in fastapi.stderr)
