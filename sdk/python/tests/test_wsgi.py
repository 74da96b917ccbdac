"""WSGI applications behind frames."""

import json

import pytest

from host import WINDOW, data, req, window, worker

RAW = """
import io
import fwatchdog
from fwatchdog.wsgi import wsgi

class Pieces:
    def __init__(self, *pieces):
        self.pieces = list(pieces)
    def __iter__(self):
        return self
    def __next__(self):
        if not self.pieces:
            raise StopIteration
        return self.pieces.pop(0)
    def close(self):
        request.log("info", "closed")

def late(start):
    yield b""
    start("203 Late", [("X-Late", "yes")])
    yield b"late"

def application(environ, start):
    global request
    request = environ["fwatchdog.request"]
    path = environ["PATH_INFO"]
    if path == "/late":
        return late(start)
    if path == "/silent":
        return [b"no head"]
    if path == "/silent-empty":
        return []
    if path == "/write":
        write = start("200 OK", [])
        write(b"written ")
        return [b"returned"]
    if path == "/twice":
        start("200 OK", [])
        start("200 OK", [])
    if path == "/replace":
        start("200 OK", [("x", "1")])
        try:
            1 / 0
        except ZeroDivisionError:
            import sys
            start("500 Oops", [], sys.exc_info())
        return [b"oops"]
    if path == "/length":
        start("200 OK", [("Content-Length", "3")])
        return Pieces(b"abc")
    if path == "/many":
        start("200 OK", [])
        return Pieces(b"a", b"", b"b", b"c" * 300000)
    if path == "/lines":
        start("200 OK", [])
        file = environ["wsgi.input"]
        return [repr([file.readline(), file.read(2), file.read()]).encode()]
    start("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    import json
    return [json.dumps(seen).encode()]

fwatchdog.serve(wsgi(application))
"""

FLASK = """
import flask
import fwatchdog
from fwatchdog.wsgi import wsgi

app = flask.Flask(__name__)

@app.route("/hello/<name>", methods=["GET", "POST"])
def hello(name):
    flask.session["seen"] = True
    return flask.jsonify(name=name, form=flask.request.form, args=flask.request.args.getlist("a"))

@app.route("/events")
def events():
    return flask.Response(("event %d\\n" % number for number in range(3)), mimetype="text/event-stream")

@app.post("/size")
def size():
    return str(len(flask.request.get_data()))

@app.route("/boom")
def boom():
    raise RuntimeError("boom")

app.secret_key = "for tests"
fwatchdog.serve(wsgi(app))
"""


@pytest.fixture
def raw(program):
    with worker(program(RAW)) as host:
        yield host


@pytest.fixture
def flask(program):
    with worker(program(FLASK)) as host:
        yield host


def test_the_environment_is_that_of_pep_3333(raw):
    headers = [
        ("host", "example.org:8080"), ("content-type", "text/x"), ("content-length", "0"), ("x-a", "1"), ("x-a", "2"),
        ("cookie", "a=1"), ("cookie", "b=2"), ("x_a", "forged"),
    ]  # fmt: skip

    exchange = raw.call(1, "/caf%C3%A9/a%2Fb?q=%20", method="PUT", headers=headers)

    seen = json.loads(exchange.body)
    assert seen == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "q=%20",
        "REQUEST_URI": "/caf%C3%A9/a%2Fb?q=%20",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "0",
        "HTTP_HOST": "example.org:8080",
        "HTTP_X_A": "1, 2",
        "HTTP_COOKIE": "a=1; b=2",
        "wsgi.url_scheme": "http",
    }
    assert exchange.headers == [("content-type", "application/json"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]


@pytest.mark.parametrize("host, name, port", [("[::1]:81", "[::1]", "81"), ("[::1]", "[::1]", "80"), ("a", "a", "80")])
def test_the_server_is_what_the_client_called_it(raw, host, name, port):
    seen = json.loads(raw.call(1, "/", headers=[("host", host)]).body)

    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == (name, port)


@pytest.mark.parametrize(
    "target, status, body",
    [("/late", 203, b"late"), ("/write", 200, b"written returned"), ("/replace", 500, b"oops"), ("/length", 200, b"abc")],
)
def test_an_application_may_name_its_head_in_every_way(raw, target, status, body):
    exchange = raw.call(1, target)

    assert (exchange.status, exchange.body) == (status, body)


@pytest.mark.parametrize("target, text", [("/silent", "not called"), ("/silent-empty", "not called"), ("/twice", "twice")])
def test_an_application_that_breaks_the_rules_is_an_error(raw, target, text):
    exchange = raw.call(1, target)

    assert exchange.code == 3
    assert text in exchange.text.splitlines()[0]


def test_pieces_are_streamed_and_the_iterable_is_closed_once(raw):
    raw.withhold_window()
    raw.write(req(1, "/many"))
    raw.until(lambda: raw.sent(1) == WINDOW)
    raw.write(window(1, 1_000_000))

    assert raw.exchange(1).body == b"ab" + b"c" * 300000
    assert raw.frame("LOG").text == "closed"
    assert raw.call(2, "/length").logs == [(1, "closed")]
    assert sum(one.kind == "LOG" for one in raw.frames) == 2


def test_a_body_of_known_length_takes_one_frame(raw):
    assert [one.kind for one in raw.call(1, "/length").frames] == ["LOG", "RESP"]


def test_the_body_is_a_file(raw):
    raw.write(req(1, "/lines", b"first\nse", end=False), data(1, b"cond"), data(1, b"\nthird", end=True))

    assert raw.exchange(1).body == b"[b'first\\n', b'se', b'cond\\nthird']"


def test_flask_routes_forms_queries_and_sessions(flask):
    exchange = flask.call(
        1, "/hello/Ada?a=1&a=2", b"x=1&y=%C3%A9", headers=[("content-type", "application/x-www-form-urlencoded")]
    )

    assert exchange.status == 200
    assert json.loads(exchange.body) == {"name": "Ada", "form": {"x": "1", "y": "é"}, "args": ["1", "2"]}
    assert any(name == "set-cookie" and value.startswith("session=") for name, value in exchange.headers)
    assert len(exchange.frames) == 1


def test_flask_streams(flask):
    exchange = flask.call(1, "/events", method="GET")

    assert exchange.body == b"event 0\nevent 1\nevent 2\n"
    assert [one.body for one in exchange.frames if one.kind == "DATA" and one.body] == [
        b"event 0\n", b"event 1\n", b"event 2\n",
    ]  # fmt: skip


def test_flask_reads_an_upload_of_unknown_length(flask):
    flask.write(req(1, "/size", end=False))
    flask.write(data(1, bytes(65536)), data(1, bytes(65536)), data(1, end=True))

    assert flask.exchange(1).body == b"131072"


def test_errors_of_flask_are_its_own(flask):
    assert flask.call(1, "/none").status == 404
    assert flask.call(2, "/hello/Ada", method="DELETE").status == 405
    assert flask.call(3, "/boom", method="GET").status == 500
    flask.until(lambda: b"RuntimeError: boom" in flask.stderr)
