"""Bodies in both directions, whole and in pieces, and their windows."""

import array
import time

import pytest

from host import WINDOW, data, req, window, worker

SIZES = [0, 1, 4084, 4085, 65536, 65537, 5_000_000]


def pattern(size):
    return bytes(range(251)) * (size // 251) + bytes(range(size % 251))


def upload(host, stream, target, body):
    """Sends a body in pieces, as far as the window allows, until the worker has answered."""
    host.write(req(stream, target, end=False))
    for at in range(0, len(body), 60000):
        piece = body[at : at + 60000]
        host.until(lambda: WINDOW + host.granted(stream) >= at + len(piece), "window")
        host.write(data(stream, piece))
    host.write(data(stream, b"", end=True))
    return host.exchange(stream)


@pytest.mark.parametrize("size", SIZES)
def test_a_response_of_any_size_arrives_whole(host, size):
    assert host.call(1, "/bytes?n=%d" % size).body == pattern(size)


@pytest.mark.parametrize("size", SIZES)
def test_a_streamed_response_arrives_whole(host, size):
    assert host.call(1, "/stream?n=%d&piece=70000" % size).body == pattern(size)


@pytest.mark.parametrize("size", SIZES)
def test_an_upload_of_any_size_is_read_whole(host, size):
    body = pattern(size)

    assert upload(host, 1, "/echo", body).body == body
    assert upload(host, 2, "/size", body).body == b"%d" % size


@pytest.mark.parametrize("size", [0, 1, 4084, 65000])
def test_a_body_in_the_frame_of_its_request_is_read_whole(host, size):
    assert host.call(1, "/echo", pattern(size)).body == pattern(size)
    assert host.call(2, "/stream-echo", pattern(size)).body == pattern(size)


def test_a_body_may_begin_in_the_frame_of_its_request_and_go_on_after_it(host):
    host.write(req(1, "/echo", b"begin ", end=False), data(1, b"middle "), data(1), data(1, b"end", end=True))

    assert host.exchange(1).body == b"begin middle end"


def test_a_response_may_begin_before_the_request_has_ended(host):
    host.write(req(1, "/stream-echo", end=False))
    assert host.frame("RESP", 1).status == 200

    for number, piece in enumerate([b"one", b"two", b"three"], 1):
        host.write(data(1, piece))
        assert host.frame("DATA", 1, number).body == piece
    host.write(data(1, end=True))
    assert host.exchange(1).body == b"onetwothree"


def test_a_piece_may_be_a_view_of_items_larger_than_a_byte_or_of_every_other_byte(program):
    source = """
import array, fwatchdog
fwatchdog.serve(lambda request: iter([memoryview(array.array("I", range(1000))), memoryview(b"abcdef")[::2], "end"]))
"""
    with worker(program(source)) as host:
        assert host.call(1).body == array.array("I", range(1000)).tobytes() + b"aceend"


def test_five_megabytes_are_echoed_while_they_come(host):
    body = pattern(5_000_000)

    assert upload(host, 1, "/stream-echo", body).body == body


def test_frames_may_come_in_pieces_of_one_byte(host):
    frames = req(1, "/size", end=False) + data(1, b"xyz") + data(1, end=True)

    for at in range(len(frames)):
        host.write(frames[at : at + 1])

    assert host.exchange(1).body == b"3"


@pytest.mark.parametrize("target", ["/bytes?n=1000000", "/stream?n=1000000&piece=1000"])
def test_a_response_that_nobody_reads_stops_after_exactly_one_window(host, target):
    host.withhold_window()
    host.write(req(1, target))

    host.until(lambda: host.sent(1) >= WINDOW)
    host.ping()  # whatever was sent before the PONG has come
    assert host.sent(1) == WINDOW

    host.write(window(1, 1000))
    host.until(lambda: host.sent(1) >= WINDOW + 1000)
    host.ping()
    assert host.sent(1) == WINDOW + 1000

    host.write(window(1, 1_000_000))
    assert host.exchange(1).body == pattern(1_000_000)


def test_a_slow_reader_of_one_response_does_not_hold_up_another():
    with worker(concurrency=2) as host:
        host.withhold_window()
        host.write(req(1, "/bytes?n=1000000"))
        host.until(lambda: host.sent(1) >= WINDOW)

        assert host.call(2, "/echo", b"hello").body == b"hello"

        host.write(window(1, 1_000_000))
        assert host.exchange(1).body == pattern(1_000_000)


def test_an_upload_that_nobody_reads_gets_no_window(program):
    source = """
import fwatchdog
uploads = []
def handler(request):
    if request.target == "/next":
        return next(uploads[0]) and "read"
    uploads.append(request.stream)
    request.cancelled.wait()
fwatchdog.serve(handler, concurrency=2)
"""
    with worker(program(source)) as host:
        host.write(req(1, end=False), *[data(1, bytes(32768)) for _ in range(WINDOW // 32768)])
        host.ping()
        for number in range(2, 2 + WINDOW // 2 // 32768):
            assert not any(one.kind == "WINDOW" for one in host.frames)
            assert host.call(number, "/next").body == b"read"
        assert host.frame("WINDOW", 1).bytes == WINDOW // 2


def test_window_is_granted_in_steps_of_half_a_window(host):
    upload(host, 1, "/slow-size?ms=1", bytes(1_000_000))

    assert host.granted(1) > 0
    assert all(one.bytes >= WINDOW // 2 for one in host.frames if one.kind == "WINDOW")


def test_what_came_in_the_frame_of_a_request_is_not_granted_again(host):
    host.write(req(1, "/size", bytes(65000), end=False), data(1, bytes(65536)), data(1, bytes(WINDOW // 2 - 65537)))
    host.ping()
    host.write(data(1, end=True))

    assert host.exchange(1).body == b"%d" % (65000 + WINDOW // 2 - 1)
    assert host.granted(1) == 0


def test_data_over_the_window_is_refused(host):
    host.write(req(1, "/wait", end=False), *[data(1, bytes(65536)) for _ in range(WINDOW // 65536)], data(1, b"x"))

    assert host.exit_code() == 65
    assert "over the window" in host.stderr.decode()


def test_data_behind_the_end_of_an_upload_is_refused(host):
    host.write(req(1, "/wait", end=False), data(1, end=True), data(1, b"x"))

    assert host.exit_code() == 65


def test_a_handler_may_answer_without_reading_the_upload(host):
    host.write(req(1, "/ignore", end=False), data(1, bytes(60000)))

    assert host.exchange(1).body == b"ignored"
    host.write(data(1, bytes(60000)), data(1, end=True), window(1, 5))
    assert host.call(2, "/ignore").body == b"ignored"
    assert len([one for one in host.frames if one.stream == 1]) == 1


def test_sixteen_requests_at_once_do_not_wait_for_one_another():
    with worker(concurrency=16) as host:
        started = time.monotonic()
        host.write(*[req(stream, "/sleep?ms=500") for stream in range(1, 17)])
        for stream in range(1, 17):
            assert host.exchange(stream).body == b"slept"

        assert time.monotonic() - started < 16 * 0.5 / 2


def test_sixteen_large_bodies_at_once_arrive_whole():
    with worker(concurrency=16) as host:
        for stream in range(1, 17):
            host.write(req(stream, "/stream?n=300000&piece=%d" % (1000 + stream)))

        for stream in range(1, 17):
            assert host.exchange(stream).body == pattern(300000)


def test_a_slow_answer_does_not_wait_for_the_next_handler():
    with worker(concurrency=2) as host:
        host.write(req(1, "/sleep?ms=20"), req(2, "/sleep?ms=1000"))

        assert host.exchange(1).body == b"slept"
        assert not any(one.stream == 2 for one in host.frames)


def test_the_answers_of_a_burst_do_not_wait_for_its_last_handler():
    with worker(concurrency=64) as host:
        host.write(*[req(stream, "/echo", b"quick") for stream in range(1, 64)], req(64, "/sleep?ms=1000"))

        assert all(host.exchange(stream).body == b"quick" for stream in range(1, 64))
        assert not any(one.stream == 64 for one in host.frames)


def test_a_piece_leaves_before_the_next_one_is_made(host):
    host.write(req(1, "/events?n=3&ms=50"))

    assert host.frame("DATA", 1, 1).body == b"event 0\n"
    assert not any(one.terminal for one in host.frames)
    assert host.exchange(1).body == b"event 0\nevent 1\nevent 2\n"
