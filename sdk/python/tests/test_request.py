"""What a handler sees of its request."""

import json

from host import req, worker


def test_method_and_target_are_as_received(host):
    exchange = host.call(1, "/echo?a=%20b", method="PROPFIND", headers=[("content-type", "text/x")])

    assert dict(exchange.headers) == {"x-method": "PROPFIND", "x-target": "/echo?a=%20b", "content-type": "text/x"}


def test_headers_keep_their_order_repetitions_and_bytes(host):
    headers = [("host", "a"), ("x-b", "2"), ("x-a", ""), ("x-b", "1"), ("x-name", "caf\xe9"), ("cookie", "c" * 60000)]

    body = host.call(1, "/headers", headers=headers).body

    assert body.decode("latin-1") == "".join("%s: %s\n" % pair for pair in headers)


def test_a_response_may_repeat_a_header_and_have_an_empty_one(host):
    assert host.call(1, "/cookies").headers == [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-empty", "")]


def test_path_query_and_headers_are_looked_up(program):
    source = """
import fwatchdog
def handler(request):
    return {
        "path": request.path,
        "query": [request.query["a"], request.query.get_all("a"), request.query.get("B"), request.query.items()],
        "header": [request.headers["X-One"], request.headers.get("X-ONE"), request.headers.get_all("x-one")],
        "absent": [request.headers.get("no"), request.headers.get("no", "-"), "no" in request.headers, 1 in request.headers],
        "present": "X-One" in request.headers,
        "names": [list(request.headers), request.headers.keys(), len(request.headers), dict(request.headers)],
        "call_id": request.call_id,
    }
fwatchdog.serve(handler)
"""
    headers = [("x-one", "1"), ("x-call-id", "abc"), ("x-one", "2")]
    with worker(program(source)) as host:
        seen = json.loads(host.call(1, "/a%2Fb/c?a=1&b=%C3%A9+x&a=&c", headers=headers).body)
        bare = host.call(2, "/none")

    assert seen == {
        "path": "/a%2Fb/c",
        "query": ["1", ["1", ""], None, [["a", "1"], ["b", "é x"], ["a", ""], ["c", ""]]],
        "header": ["1", "1", ["1", "2"]],
        "absent": [None, "-", False, False],
        "present": True,
        "names": [["x-one", "x-call-id"], ["x-one", "x-call-id"], 2, {"x-one": "1", "x-call-id": "abc"}],
        "call_id": "abc",
    }
    assert bare.code == 3 and "KeyError" in bare.text


def test_the_deadline_is_what_is_left_of_the_time(host):
    assert host.call(1, "/deadline").body == b"none"
    assert 50_000 < int(host.call(2, "/deadline", timeout_ms=60_000).body) <= 60_000
    assert host.call(3, "/deadline", timeout_ms=1).body in (b"0", b"1")


def test_a_log_carries_its_level_and_the_number_of_its_stream(host):
    exchange = host.call(1, "/log?text=caf%C3%A9")

    assert exchange.logs == [(0, "café"), (1, "café"), (2, "café"), (3, "café")]


def test_a_long_log_takes_several_frames(host):
    logs = host.call(1, "/log-long?n=100000").logs

    assert [level for level, _ in logs] == [1, 1]
    assert "".join(text for _, text in logs) == "x" * 100000


def test_the_body_can_be_read_more_than_once_and_after_a_part_of_it(program):
    source = """
import fwatchdog
def handler(request):
    if request.target == "/twice":
        return request.body + request.body
    parts = [request.stream.read(0), request.stream.read(2), request.stream.read(2), request.body, request.stream.read(2)]
    return b"|".join(parts + [request.stream.read()])
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        assert host.call(1, "/twice", b"abc").body == b"abcabc"
        assert host.call(2, "/parts", b"abcdefg").body == b"|ab|cd|efg||"


def test_what_is_returned_decides_the_content_type(program):
    source = """
import fwatchdog
ANSWERS = {
    "/str": "caf\\u00e9", "/bytes": b"\\x00", "/bytearray": bytearray(b"ab"), "/memoryview": memoryview(b"abc")[1:],
    "/dict": {"a": [1, None]}, "/list": [1, "b"], "/none": None,
    "/tuple": (202, {"X-One": 1, "x-two": ["a", b"\\xe9"]}, "text"),
    "/typed": (200, [("Content-Type", "text/css")], "text"), "/empty": (204, None, None),
}
fwatchdog.serve(lambda request: ANSWERS.get(request.path) if request.path != "/pieces" else iter(["a", b"b", bytearray(b"c"), ""]))
"""
    text, as_json = [("content-type", "text/plain; charset=utf-8")], [("content-type", "application/json")]
    expected = {
        "/str": (200, text, "café".encode()),
        "/bytes": (200, [], b"\0"),
        "/bytearray": (200, [], b"ab"),
        "/memoryview": (200, [], b"bc"),
        "/dict": (200, as_json, b'{"a": [1, null]}'),
        "/list": (200, as_json, b'[1, "b"]'),
        "/none": (200, [], b""),
        "/tuple": (202, [("x-one", "1"), ("x-two", "a"), ("x-two", "\xe9"), *text], b"text"),
        "/typed": (200, [("content-type", "text/css")], b"text"),
        "/empty": (204, [], b""),
        "/pieces": (200, [], b"abc"),
    }
    with worker(program(source)) as host:
        for stream, (target, answer) in enumerate(expected.items(), 1):
            exchange = host.call(stream, target)
            assert (exchange.status, exchange.headers, exchange.body) == answer, target
