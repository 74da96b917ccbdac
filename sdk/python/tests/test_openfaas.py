"""Every row of the tables for Python, with a function that imports Flask and with one that does not."""

import contextlib
import json

import pytest

from host import req, worker

HTML = ("content-type", "text/html; charset=utf-8")
JSON = ("content-type", "application/json")

ANSWERS = """
import datetime, decimal, uuid

def pieces():
    yield "one"
    yield b"two"

def broken():
    yield "one"
    raise RuntimeError("boom")

WHEN = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
ANSWERS = {
    "/none": lambda: None,
    "/plain-dict": lambda: {"hello": 1},
    "/dict-body": lambda: {"body": {"b": "\\u00e9", "a": [1, None]}},
    "/odd-json": lambda: {"body": {"d": WHEN, "n": decimal.Decimal("1.5"), "u": uuid.UUID(int=1), "t": WHEN.date()}},
    "/list-body": lambda: {"body": [1, 2]},
    "/none-body": lambda: {"body": None},
    "/number-body": lambda: {"body": 1.5},
    "/bytes-body": lambda: {"body": b"\\x00\\xff", "headers": {"Content-type": "application/octet-stream"}},
    "/status": lambda: {"statusCode": 418, "body": "teapot"},
    "/status-text": lambda: {"statusCode": "418", "body": "teapot"},
    "/headers": lambda: {"body": "x", "headers": {"X-One": "1", "Content-Type": "text/css"}},
    "/pairs": lambda: {"body": "x", "headers": [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]},
    "/json-typed": lambda: {"body": {"a": 1}, "headers": {"Content-Type": "application/problem+json"}},
    "/str": lambda: "caf\\u00e9",
    "/bytes": lambda: b"bytes",
    "/tuple-status": lambda: ("made", 201),
    "/tuple-status-text": lambda: ("gone", "410 GONE"),
    "/tuple-headers": lambda: ("x", {"X-One": "1"}),
    "/tuple-all": lambda: ("x", 202, [("X-One", "1")]),
    "/tuple-json": lambda: ({"a": 1}, 202),
    "/list": lambda: [1, {"b": 2, "a": 1}],
    "/generator": pieces,
    "/broken": broken,
    "/int": lambda: 42,
    "/object": lambda: object(),
    "/none-in-tuple": lambda: (None, 200),
    "/four": lambda: ("x", 200, {}, 4),
    "/raise": lambda: 1 / 0,
}
"""

WITH_EVENT = ANSWERS + """
def handle(event, context):
    if event.path in ANSWERS:
        return ANSWERS[event.path]()
    if event.path == "/missing":
        return event.query["none"]
    if event.path == "/missing-header":
        return event.headers["none"]
    return {"body": {
        "body": repr(event.body), "method": event.method, "path": event.path, "hostname": context.hostname,
        "query": [event.query["a"], event.query.get("a"), event.query.getlist("a"), event.query.get("none"),
            event.query.get("none", "-"), event.query.get("n", type=int), event.query.get("a", 7, type=int),
            event.query.getlist("n", type=int), "a" in event.query, dict(event.query), event.query.to_dict(),
            event.query.to_dict(flat=False), list(event.query), list(event.query.values())],
        "headers": [event.headers["x-ONE"], event.headers.get("X-One"), event.headers.getlist("x-one"),
            event.headers.get("none"), "X-ONE" in event.headers, "none" in event.headers,
            sorted(event.headers), sorted(event.headers.items()), sorted(event.headers.keys())],
    }}
"""

WITH_TEXT = ANSWERS + """
def handle(req):
    if req in ANSWERS:
        return ANSWERS[req]()
    return repr(req)
"""


@contextlib.contextmanager
def function(folder, source, env=None, **options):
    """A worker with the entry of a template and a function of its own."""
    (folder / "function").mkdir()
    (folder / "function" / "handler.py").write_text(source, encoding="utf-8")
    entry = folder / "index.py"
    entry.write_text("import fwatchdog, fwatchdog.openfaas as o\nfwatchdog.serve(o.openfaas('function.handler'))")
    with worker((entry,), env=env, **options) as host:
        yield host


class Caller:
    """Sends requests to one worker for many tests."""

    def __init__(self, host):
        self.host = host
        self.stream = 0

    def __call__(self, target, body=b"", method="POST", headers=()):
        self.stream += 1
        return self.host.call(self.stream, target, body, method=method, headers=headers)


BOTH = pytest.mark.parametrize("flask", ["", "import flask\n"], ids=["without Flask", "with Flask"])


@pytest.fixture(scope="module", params=["", "import flask\n"], ids=["without Flask", "with Flask"])
def with_event(request, tmp_path_factory):
    with function(tmp_path_factory.mktemp("event"), request.param + WITH_EVENT, {"HOSTNAME": "pod-1"}) as host:
        yield Caller(host)


@pytest.fixture(scope="module", params=["", "import flask\n"], ids=["without Flask", "with Flask"])
def with_text(request, tmp_path_factory):
    with function(tmp_path_factory.mktemp("text"), request.param + WITH_TEXT) as host:
        yield Caller(host)


def seen(exchange):
    """Status, headers without the length, which the host puts in anyway, and body."""
    return exchange.status, [pair for pair in exchange.headers if pair[0] != "content-length"], exchange.body


def test_an_event_is_that_of_python3_http(with_event):
    headers = [("host", "a"), ("x-one", "1"), ("x-one", "2"), ("content-type", "text/x"), ("content-length", "3")]

    exchange = with_event("/caf%C3%A9/a%20b?a=x&n=1&a=y&n=z&e=", b"\x00\xff!", "PATCH", headers)

    event = json.loads(exchange.body)
    assert (event["body"], event["method"], event["hostname"]) == (r"b'\x00\xff!'", "PATCH", "pod-1")
    assert event["path"] == "/café/a b"
    flat, full = {"a": "x", "n": "1", "e": ""}, {"a": ["x", "y"], "n": ["1", "z"], "e": [""]}
    # What dict() makes of a MultiDict is a matter of Werkzeug's inside: the test takes either.
    assert event["query"].pop(9) in (flat, full)
    assert event["query"] == ["x", "x", ["x", "y"], None, "-", 1, 7, [1], True, flat, full, ["a", "n", "e"], ["x", "1", ""]]
    pairs = [["Content-Length", "3"], ["Content-Type", "text/x"], ["Host", "a"], ["X-One", "1, 2"]]
    names = [name for name, _ in pairs]
    assert event["headers"] == ["1, 2", "1, 2", ["1, 2"], None, True, False, pairs, pairs, names]


def test_the_hostname_is_localhost_without_an_environment(tmp_path):
    source = "def handle(event, context):\n    return context.hostname"
    with function(tmp_path, "import os\nos.environ.pop('HOSTNAME', None)\n" + source) as host:
        assert host.call(1).body == b"localhost"


def test_a_missing_part_of_the_query_is_the_clients_fault_and_a_missing_header_is_not(with_event):
    exchange = with_event("/missing")
    assert exchange.status == 400 or exchange.code == 5
    assert with_event("/missing-header").status == 500


@pytest.mark.parametrize("verb", ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"])
def test_verbs_that_reach_a_function_of_an_event(with_event, verb):
    assert with_event("/str", method=verb).status == 200


@pytest.mark.parametrize("verb", ["GET", "POST", "HEAD"])
def test_verbs_that_reach_a_function_of_a_text(with_text, verb):
    assert with_text("/", method=verb).status == 200


def test_options_is_answered_with_allow(with_event, with_text):
    for call, verbs in ((with_event, "GET PUT POST PATCH DELETE HEAD OPTIONS"), (with_text, "GET POST HEAD OPTIONS")):
        exchange = call("/str", method="OPTIONS")
        headers = dict(exchange.headers)
        assert (exchange.status, exchange.body) == (200, b"")
        assert sorted(headers["allow"].split(", ")) == sorted(verbs.split())


def test_other_verbs_are_not_allowed(with_event, with_text):
    assert with_event("/str", method="TRACE").status == 405
    assert "PATCH" in dict(with_event("/str", method="PROPFIND").headers)["allow"]
    for verb in ("PUT", "PATCH", "DELETE"):
        assert with_text("/", method=verb).status == 405


OF_EVENT = {
    "/none": (200, [HTML], b""),
    "/plain-dict": (200, [HTML], b""),
    "/dict-body": (200, [JSON], b'{"a":[1,null],"b":"\\u00e9"}\n'),
    "/odd-json": (
        200,
        [JSON],
        b'{"d":"Thu, 29 Feb 2024 10:30:00 GMT","n":"1.5","t":"Thu, 29 Feb 2024 00:00:00 GMT",'
        b'"u":"00000000-0000-0000-0000-000000000001"}\n',
    ),
    "/list-body": (200, [HTML], b"[1, 2]"),
    "/none-body": (200, [HTML], b"None"),
    "/number-body": (200, [HTML], b"1.5"),
    "/bytes-body": (200, [("content-type", "application/octet-stream")], b"\x00\xff"),
    "/status": (418, [HTML], b"teapot"),
    "/status-text": (418, [HTML], b"teapot"),
    "/headers": (200, [("x-one", "1"), ("content-type", "text/css")], b"x"),
    "/pairs": (200, [("set-cookie", "a=1"), ("set-cookie", "b=2"), HTML], b"x"),
    "/json-typed": (200, [("content-type", "application/problem+json")], b'{"a":1}\n'),
}
OF_BOTH = {
    "/str": (200, [HTML], "café".encode()),
    "/bytes": (200, [HTML], b"bytes"),
    "/tuple-status": (201, [HTML], b"made"),
    "/tuple-status-text": (410, [HTML], b"gone"),
    "/tuple-headers": (200, [("x-one", "1"), HTML], b"x"),
    "/tuple-all": (202, [("x-one", "1"), HTML], b"x"),
    "/tuple-json": (202, [JSON], b'{"a":1}\n'),
    "/list": (200, [JSON], b'[1,{"a":1,"b":2}]\n'),
    "/generator": (200, [HTML], b"onetwo"),
}
OF_TEXT = {
    "/plain-dict": (200, [JSON], b'{"hello":1}\n'),
}


@pytest.mark.parametrize("target", [*OF_EVENT, *OF_BOTH])
def test_what_a_function_of_an_event_returns(with_event, target):
    assert seen(with_event(target)) == {**OF_EVENT, **OF_BOTH}[target]


@pytest.mark.parametrize("target", [*OF_BOTH, *OF_TEXT])
def test_what_a_function_of_a_text_returns(with_text, target):
    assert seen(with_text("/", target.encode())) == {**OF_BOTH, **OF_TEXT}[target]


@pytest.mark.parametrize("target", ["/int", "/object", "/none-in-tuple", "/four", "/raise"])
def test_what_is_no_response_of_a_function_of_an_event_is_a_500(with_event, target):
    exchange = with_event(target)

    assert exchange.status == 500
    assert HTML in exchange.headers
    assert b"<title>500 Internal Server Error</title>" in exchange.body


@pytest.mark.parametrize("target", ["/none", "/int", "/object", "/none-in-tuple", "/four", "/raise"])
def test_what_is_no_response_of_a_function_of_a_text_is_a_500(with_text, target):
    exchange = with_text("/", target.encode())

    assert exchange.status == 500
    assert b"<title>500 Internal Server Error</title>" in exchange.body


@BOTH
def test_the_traceback_of_an_error_goes_to_the_log(tmp_path, flask):
    with function(tmp_path, flask + WITH_EVENT) as host:
        host.call(1, "/raise")

        logged = lambda: host.stderr.decode() + "".join(one.text for one in host.frames if one.kind == "LOG")
        host.until(lambda: "ZeroDivisionError: division by zero" in logged() and "in handle" in logged())


def test_each_item_of_a_generator_leaves_at_once(with_event, with_text):
    for exchange in (with_event("/generator"), with_text("/", b"/generator")):
        assert [one.body for one in exchange.frames if one.kind == "DATA" and one.body] == [b"one", b"two"]


def test_a_generator_that_raises_breaks_the_response_off(with_event):
    exchange = with_event("/broken")

    assert (exchange.status, exchange.body, exchange.code) == (200, b"one", 3)


def test_a_text_is_utf_8_and_what_is_not_is_replaced(with_text):
    assert with_text("/", "café €".encode()).body == repr("café €").encode()
    assert with_text("/", b"a\xffb").body == repr("a\ufffdb").encode()
    assert with_text("/").body == b"''"


@BOTH
@pytest.mark.parametrize("wish, raw", [("true", True), ("TRUE", True), ("1", True), ("false", False), ("yes", False)])
def test_raw_body_gives_bytes(tmp_path, flask, wish, raw):
    with function(tmp_path, flask + WITH_TEXT, {"RAW_BODY": wish}) as host:
        assert host.call(1, "/", b"abc").body == (b"b'abc'" if raw else b"'abc'")


def test_a_function_uses_flask_as_in_the_template(tmp_path):
    source = """
import flask
def handle(event, context):
    if event.path == "/abort":
        flask.abort(403)
    if event.path == "/json":
        return flask.jsonify(seen=flask.request.get_json(), agent=event.headers.get("User-Agent"))
    response = flask.make_response("made", 201)
    response.set_cookie("a", "1")
    return response
"""
    with function(tmp_path, source) as host:
        headers = [("content-type", "application/json"), ("user-agent", "me")]
        assert json.loads(host.call(1, "/json", b"[1]", headers=headers).body) == {"seen": [1], "agent": "me"}
        assert host.call(2, "/abort").status == 403
        made = host.call(3, "/")
        assert (made.status, made.body) == (201, b"made")
        assert ("set-cookie", "a=1; Path=/") in made.headers


def test_flask_is_not_imported_for_a_function_that_does_not(tmp_path):
    source = "import sys\ndef handle(event, context):\n    return str('flask' in sys.modules)"
    with function(tmp_path, source) as host:
        assert host.call(1).body == b"False"


def test_a_function_prints_to_the_log_and_reads_its_neighbours(tmp_path):
    source = "from .other import text\nprint('loaded')\ndef handle(event, context):\n    print('called')\n    return text"
    (tmp_path / "other.py").write_text("text = 'from a neighbour'")
    (tmp_path / "function").mkdir()
    (tmp_path / "other.py").rename(tmp_path / "function" / "other.py")
    (tmp_path / "function" / "handler.py").write_text(source)
    entry = tmp_path / "index.py"
    entry.write_text("import fwatchdog, fwatchdog.openfaas as o\nfwatchdog.serve(o.openfaas('function.handler'))")
    with worker((entry,), env={"PYTHONUNBUFFERED": "1"}) as host:
        assert host.call(1).body == b"from a neighbour"
        host.until(lambda: host.stderr == b"loaded\ncalled\n")
        assert host.stray == b""


def test_a_function_may_be_given_itself(program):
    source = """
import fwatchdog, fwatchdog.openfaas as o
fwatchdog.serve(o.openfaas(lambda req: req.upper()), init=lambda: print("both inits"))
"""
    with worker(program(source)) as host:
        assert host.call(1, "/", b"abc").body == b"ABC"
        assert host.stderr == b"both inits\n"


@pytest.mark.parametrize(
    "source, env, message",
    [
        ("import nowhere", {}, "No module named 'nowhere'"),
        ("def other(): pass", {}, "has no attribute 'handle'"),
        ("def handle(): pass", {}, "handle() has no known signature"),
        ("def handle(a, b, c): pass", {}, "handle(a, b, c) has no known signature"),
        ("def handle(a): pass", {"handler_style": "node"}, "handler_style=node is not known"),
    ],
)
def test_a_function_that_cannot_be_served_is_an_error_of_init(tmp_path, source, env, message):
    with function(tmp_path, source, env, ready=False) as host:
        error = host.frame("ERROR")

        assert error.code == 1
        assert message in error.text.splitlines()[0]
        assert host.exit_code() == 1


def test_a_native_function_has_the_request_of_this_package(tmp_path):
    source = "def handle(request):\n    return 201, {'x-call': request.call_id}, request.body"
    with function(tmp_path, source, {"handler_style": "native"}) as host:
        exchange = host.call(1, "/", b"abc", headers=[("x-call-id", "7")])

        assert (exchange.status, exchange.headers, exchange.body) == (201, [("x-call", "7")], b"abc")


CLASSIC = """
import os, subprocess, sys
def handle(req):
    if req == "print":
        print("printed")
        os.write(1, b"raw\\n")
        subprocess.run(["echo", "subprocess"], check=True)
        sys.stdout.write("no newline")
        return
    if req == "both":
        print("printed")
        return 42
    if req == "none":
        return None
    if req == "stderr":
        print("to the log", file=sys.stderr)
        return "answer"
    if req == "raise":
        print("before")
        raise RuntimeError("boom")
    if req == "environment":
        return sorted((name, value) for name, value in os.environ.items() if name.startswith("Http_"))
    return req + "!"
"""


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    with function(tmp_path_factory.mktemp("classic"), CLASSIC, {"handler_style": "classic"}) as host:
        yield Caller(host)


@pytest.mark.parametrize(
    "body, answer",
    [
        (b"caf\xc3\xa9", b"caf\xc3\xa9!\n"),
        (b"print", b"printed\nraw\nsubprocess\nno newline"),
        (b"both", b"printed\n42\n"),
        (b"none", b""),
        (b"stderr", b"answer\n"),
    ],
)
@pytest.mark.parametrize("verb", ["POST", "GET", "TRACE"])
def test_a_classic_function_answers_what_it_writes_and_what_it_returns(classic, body, answer, verb):
    assert seen(classic("/", body, verb)) == (200, [], answer)


def test_the_stderr_of_a_classic_function_goes_to_the_log(classic):
    classic("/", b"stderr")

    classic.host.until(lambda: b"to the log" in classic.host.stderr)


def test_an_error_of_a_classic_function_is_an_error_and_what_it_wrote_is_logged(classic):
    assert classic("/", b"raise").code == 3

    classic.host.until(lambda: b"before" in classic.host.stderr)
    assert classic("/", b"x").body == b"x!\n"


def test_a_classic_function_finds_the_request_in_its_environment(classic):
    headers = [("host", "a"), ("x-one-two", "1"), ("x-one-two", "2"), ("proxy", "evil")]

    answer = classic("/a%20b?q=%20", b"environment", "PUT", headers).body

    assert eval(answer) == [
        ("Http_ContentLength", "11"), ("Http_Content_Length", "11"), ("Http_Host", "a"), ("Http_Method", "PUT"),
        ("Http_Path", "/a b"), ("Http_Query", "q=%20"), ("Http_X_One_Two", "1"),
    ]  # fmt: skip
    assert b"Http_X_One_Two" not in classic("/", b"environment").body


def test_cgi_headers_can_be_turned_off(tmp_path):
    with function(tmp_path, CLASSIC, {"handler_style": "classic", "cgi_headers": "false"}) as host:
        assert host.call(1, "/", b"environment").body == b"[]\n"


def test_classic_functions_take_turns(tmp_path):
    source = "import time\ndef handle(req):\n    for _ in range(5):\n        print(req)\n        time.sleep(0.01)"
    with function(tmp_path, source, {"handler_style": "classic"}, concurrency=4) as host:
        host.write(*[req(stream, "/", b"%d" % stream) for stream in range(1, 5)])
        for stream in range(1, 5):
            assert host.exchange(stream).body == b"%d\n" % stream * 5
