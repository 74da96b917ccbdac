"""Handlers that raise, exit, or return what is no response; hosts that break the protocol."""

import struct

import pytest

from host import cancel, data, frame, req, window, worker


def test_a_handler_that_raises_is_an_error_with_its_stack(host):
    exchange = host.call(1, "/throw")

    assert exchange.status is None
    assert exchange.code == 3
    assert exchange.text.splitlines()[0] == "boom"
    assert "RuntimeError: boom" in exchange.text
    assert "in throw" in exchange.text and "in _run" not in exchange.text
    assert host.call(2, "/ignore").body == b"ignored"


def test_a_long_error_keeps_its_first_line_and_is_cut_at_a_character(host):
    exchange = host.call(1, "/throw-long?n=100000")

    assert exchange.text.splitlines()[0] == "boom"
    assert set(exchange.text.splitlines()[1]) == {"é"}
    assert 65533 <= len(exchange.text.encode()) <= 65534


def test_an_error_in_the_middle_of_a_response_ends_it(host):
    exchange = host.call(1, "/throw-late")

    assert exchange.status == 200
    assert exchange.body == b"start"
    assert exchange.code == 3
    assert exchange.text.splitlines()[0] == "boom"


def test_a_head_that_does_not_fit_one_frame_is_an_error(host):
    assert len(host.call(1, "/head?n=65000").headers[0][1]) == 65000

    for stream, size in enumerate((65536, 70000), 2):
        exchange = host.call(stream, "/head?n=%d" % size)
        assert exchange.code == 3
        assert exchange.text.startswith("response headers too large")


@pytest.mark.parametrize(
    "answer, message",
    [
        ("42", "a body of type int"),
        ("object()", "a body of type object"),
        ("(200, {})", "a response of 2 parts"),
        ("(99, {}, '')", "a response of status 99"),
        ("(1000, {}, '')", "a response of status 1000"),
        ("('200', {}, '')", "a response of status '200'"),
        ("(200, {'x': 'a\\r\\nb'}, '')", "a response header 'x'"),
        ("(200, {'x\\n': 'a'}, '')", "a response header 'x\\n'"),
        ("(200, {'': 'a'}, '')", "a response header ''"),
        ("(200, {'x': '\\u20ac'}, '')", "'latin-1' codec can't encode"),
        ("{'x': object()}", "Object of type object is not JSON serializable"),
        ("iter([1])", "a piece of type int"),
    ],
)
def test_what_is_no_response_is_an_error_that_says_why(program, answer, message):
    with worker(program("import fwatchdog\nfwatchdog.serve(lambda request: %s)" % answer)) as host:
        exchange = host.call(1)

        assert exchange.code == 3
        assert exchange.text.startswith(message)


def test_a_bad_request_is_told_apart_from_an_error(program):
    source = """
import fwatchdog
def handler(request):
    raise fwatchdog.BadRequest("no name")
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        exchange = host.call(1)

        assert (exchange.code, exchange.text) == (5, "no name")


def test_an_error_without_a_text_still_has_a_message(program):
    source = """
import fwatchdog
class Silent(Exception):
    def __str__(self):
        raise ValueError("no text")
def handler(request):
    raise Silent if request.target == "/silent" else AssertionError
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        assert host.call(1, "/silent").text.splitlines()[0] == "Silent"
        assert host.call(2, "/empty").text.splitlines()[0] == "AssertionError"


@pytest.mark.parametrize("kind", ["RuntimeError", "fwatchdog.BadRequest", "fwatchdog.Cancelled"])
def test_an_error_after_the_response_is_logged(program, kind):
    source = """
import fwatchdog
class Pieces:
    def __iter__(self):
        return self
    def __next__(self):
        raise StopIteration
    def close(self):
        raise %s("boom")
fwatchdog.serve(lambda request: Pieces())
"""
    with worker(program(source % kind)) as host:
        host.call(1)
        log = host.frame("LOG", 0)

        assert log.level == 3
        assert log.text.splitlines()[0] == "boom"
        assert host.call(2).status == 200


def test_a_stream_ends_only_once(program):
    source = """
import fwatchdog
def handler(request):
    for text in ("first", "second"):
        request.stream.fail(3, text)
    request.stream.finish()
    try:
        request.stream.begin(fwatchdog.response.encode_head(200, []), b"late", last=True)
    except fwatchdog.Cancelled:
        return fwatchdog.response.SENT
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        assert host.call(1).text == "first"
        assert host.call(2).text == "first"
        assert all(one.kind == "ERROR" for one in host.frames if one.kind not in ("HELLO", "READY"))


def test_an_exit_in_a_handler_ends_the_process_without_an_answer(host):
    host.write(req(1, "/exit?code=3"))

    assert host.exit_code() == 3
    assert not any(one.stream == 1 for one in host.frames)


@pytest.mark.parametrize("how, code, said", [("sys.exit()", 0, ""), ("sys.exit('no more')", 1, "no more")])
@pytest.mark.parametrize("places", [1, 2])
@pytest.mark.parametrize("kind", ["", "async "])
def test_an_exit_means_what_it_means_in_any_program(program, how, code, said, places, kind):
    source = "import fwatchdog, sys\n%sdef handler(request):\n    %s\nfwatchdog.serve(handler)" % (kind, how)
    with worker(program(source), concurrency=places) as host:
        host.write(req(1))

        assert host.exit_code() == code
        assert said in host.stderr.decode()


BAD = {
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "a wrong second byte": b"\xfb\xf8" + bytes(10),
    "a type that is not known": struct.pack(">HBBII", 0xFBF7, 99, 0, 1, 0),
    "a type of workers": struct.pack(">HBBII", 0xFBF7, 17, 1, 1, 0),
    "a payload that is too large": struct.pack(">HBBII", 0xFBF7, 18, 0, 1, 65537),
    "a payload of gigabytes": struct.pack(">HBBII", 0xFBF7, 16, 0, 1, 0xFFFFFFFF),
    "a request on stream 0": req(0),
    "a stream that is used twice": req(1, "/wait") + req(1, "/wait"),
    "a request that is cut off": frame("REQ", 1, b"\0\0\0\xff"),
    "a ping of one byte": frame("PING", payload=b"x"),
    "a window of one byte": req(1, "/wait") + frame("WINDOW", 1, b"x"),
    "a cancel of no bytes": req(1, "/wait") + frame("CANCEL", 1),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_host_that_breaks_the_protocol_ends_the_worker(host, bad):
    host.write(bad)

    assert host.exit_code() == 65
    assert b"fwatchdog: protocol error after" in host.stderr
    assert b"Traceback" not in host.stderr


def test_a_frame_of_a_later_version_is_ignored(host):
    host.write(struct.pack(">HBBII", 0xFBF7, 15, 0xFE, 7, 3) + b"abc")

    assert host.call(1, "/ignore").body == b"ignored"


def test_frames_for_a_stream_that_has_ended_or_is_unknown_are_ignored(host):
    host.call(1, "/ignore")

    for stream in (1, 77):
        host.write(data(stream, b"late"), data(stream, end=True), window(stream, 5), cancel(stream))

    assert host.call(2, "/echo", b"alive").body == b"alive"
