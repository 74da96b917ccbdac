"""CANCEL, GOAWAY and the end of the pipe."""

import pytest

from host import WINDOW, cancel, data, frame, req, window, worker

GOAWAY = frame("GOAWAY", payload=b"max_requests")


def test_a_handler_that_waits_learns_of_a_cancel_and_still_ends_its_stream(host):
    host.write(req(1, "/wait"), cancel(1))

    exchange = host.exchange(1)

    assert exchange.logs == [(1, "cancelled")]
    assert exchange.body == b"cancelled"
    assert host.call(2, "/ignore").body == b"ignored"


def test_a_cancel_that_comes_with_its_request_is_seen_by_the_handler(program):
    source = """
import fwatchdog
fwatchdog.serve(lambda request: str(request.cancelled.wait()))
"""
    with worker(program(source)) as host:
        host.write(req(1) + cancel(1))

        assert host.exchange(1).body == b"True"


def test_a_handler_that_only_looks_learns_of_a_cancel(program):
    source = """
import fwatchdog, threading, time
def handler(request):
    assert isinstance(request.cancelled, threading.Event)
    assert not request.cancelled.is_set()
    request.log("info", "at work")
    while not request.cancelled.is_set():
        time.sleep(0.001)
    return "stopped"
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        host.write(req(1))
        host.frame("LOG", 1)
        host.write(cancel(1))

        assert host.exchange(1).body == b"stopped"


@pytest.mark.parametrize("places", [1, 2])
def test_another_thread_of_the_function_may_wait_for_a_cancel(program, places):
    source = """
import fwatchdog, threading
def handler(request):
    ended = threading.Event()
    def watch():
        request.log("info", "cancelled: %s" % request.cancelled.wait())
        ended.set()
    threading.Thread(target=watch).start()
    if request.target == "/wait":
        ended.wait()
    return "done"
fwatchdog.serve(handler)
"""
    with worker(program(source), concurrency=places) as host:
        host.write(req(1, "/wait"))
        host.write(cancel(1))
        assert host.exchange(1).logs == [(1, "cancelled: True")]

        assert host.call(2, "/go").body == b"done"  # the thread that waits must not keep the next request
        assert host.frame("LOG", 0).text == "cancelled: False"
        assert host.call(3, "/go").body == b"done"
        host.write(GOAWAY)
        host.close()
        assert host.exit_code() == 0


def test_waiting_for_a_cancel_gives_up_after_its_timeout(program):
    source = "import fwatchdog\nfwatchdog.serve(lambda request: str(request.cancelled.wait(0.01)))"
    with worker(program(source)) as host:
        assert host.call(1).body == b"False"


def test_a_cancelled_upload_ends_with_an_error(host):
    host.write(req(1, "/size", end=False), data(1, b"abc"), cancel(1))

    assert host.exchange(1).code == 2


def test_a_cancelled_response_ends_while_it_waits_for_its_window(host):
    host.withhold_window()
    host.write(req(1, "/bytes?n=1000000"))
    host.until(lambda: host.sent(1) == WINDOW)

    host.write(cancel(1))

    assert host.exchange(1).code == 2
    assert host.sent(1) == WINDOW


def test_a_cancelled_stream_ends_between_two_pieces_and_its_generator_is_closed(program):
    source = """
import fwatchdog, time
def handler(request):
    try:
        while True:
            yield "tick"
            time.sleep(0.001)
    finally:
        request.log("info", "closed")
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        host.write(req(1))
        host.frame("DATA", 1, 3)
        host.write(cancel(1))

        exchange = host.exchange(1)
        assert exchange.code == 2
        assert exchange.logs == [(1, "closed")]


def test_a_cancel_leaves_other_streams_alone():
    with worker(concurrency=2) as host:
        host.write(req(1, "/wait"), req(2, "/wait"))
        host.write(cancel(2))

        assert host.exchange(2).body == b"cancelled"
        host.ping()
        assert not any(one.stream == 1 for one in host.frames)
        host.write(cancel(1))
        assert host.exchange(1).body == b"cancelled"


def test_an_idle_worker_stays_at_goaway_until_the_pipe_ends(host):
    host.call(1, "/ignore")
    host.write(GOAWAY)
    host.ping()

    host.close()
    assert host.exit_code() == 0


def test_a_busy_worker_finishes_before_it_leaves(host):
    host.write(req(1, "/sleep?ms=200"), GOAWAY)

    assert host.exchange(1).body == b"slept"
    host.close()
    assert host.exit_code() == 0


@pytest.mark.parametrize("target", ["/bytes?n=2000000", "/stream?n=2000000&piece=5000"])
def test_a_response_in_flight_at_goaway_still_gets_its_window(host, target):
    host.withhold_window()
    host.write(req(1, target))
    host.until(lambda: host.sent(1) == WINDOW)

    host.write(GOAWAY)
    host.write(window(1, 2_000_000))

    assert len(host.exchange(1).body) == 2_000_000
    host.close()
    assert host.exit_code() == 0


def test_a_response_in_flight_at_goaway_can_still_be_cancelled(host):
    host.write(req(1, "/wait"), GOAWAY)
    host.write(cancel(1))

    assert host.exchange(1).body == b"cancelled"
    host.close()
    assert host.exit_code() == 0


def test_an_upload_in_flight_at_goaway_is_still_read(host):
    host.write(req(1, "/size", end=False), GOAWAY)
    host.write(data(1, b"abc", end=True))

    assert host.exchange(1).body == b"3"
    host.close()
    assert host.exit_code() == 0


@pytest.mark.parametrize("rest", [b"", b"\xfb\xf7\x10", req(7, body=b"never complete")[:-3]])
def test_an_idle_worker_leaves_at_the_end_of_the_pipe(host, rest):
    host.write(rest)
    host.close()

    assert host.exit_code() == 0


@pytest.mark.parametrize("rest", [b"", req(7)[:-3]])
def test_a_busy_worker_finishes_at_the_end_of_the_pipe(host, rest):
    host.write(req(1, "/sleep?ms=200"), rest)
    host.close()

    assert host.exchange(1).body == b"slept"
    assert host.exit_code() == 0


def test_what_needs_the_host_ends_with_the_pipe(host):
    host.withhold_window()
    host.write(req(1, "/bytes?n=1000000"))
    host.until(lambda: host.sent(1) == WINDOW)
    host.close()

    assert host.exchange(1).code == 2
    assert host.exit_code() == 0


@pytest.mark.parametrize("places", [1, 4])
def test_handlers_that_wait_are_let_go_at_the_end_of_the_pipe(places):
    with worker(concurrency=places) as host:
        host.write(req(1, "/wait" if places == 1 else "/size", end=False))
        if places > 1:
            host.write(req(2, "/wait"))
        host.ping()
        host.close()

        assert host.exit_code() == 0
        assert sum(one.terminal for one in host.frames) == min(places, 2)


def test_a_worker_whose_host_has_gone_ends(program):
    source = """
import fwatchdog, time
def handler(request):
    while True:
        yield "tick"
        time.sleep(0.001)
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        host.write(req(1))
        host.frame("DATA", 1)
        host.hang_up()

        assert host.process.wait(20) == 0


@pytest.mark.parametrize("places", [1, 2])
def test_a_worker_whose_host_has_gone_with_the_log_ends(program, places):
    source = """
import fwatchdog, os, time
def handler(request):
    os.dup2(os.open("/dev/full", os.O_WRONLY), 2)  # as good as a log that nobody reads any more
    while True:
        yield "tick"
        time.sleep(0.001)
fwatchdog.serve(handler)
"""
    with worker(program(source), concurrency=places) as host:
        host.write(req(1))
        host.frame("DATA", 1)
        host.hang_up()

        assert host.process.wait(20) == 0


def test_ping_is_answered_while_idle_and_while_a_handler_waits(host):
    assert host.ping(b"\0\xff345678") == b"\0\xff345678"
    host.write(req(1, "/wait"))
    assert host.ping(b"abcdefgh") == b"abcdefgh"


def test_a_function_may_ask_to_be_replaced(program):
    source = """
import fwatchdog
def handler(request):
    request.retire("the model has a new version")
    return "last words"
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        assert host.call(1).body == b"last words"
        assert host.frame("GOAWAY").payload == b"the model has a new version"


def test_what_follows_serve_runs_before_the_process_ends(program):
    source = """
import fwatchdog, sys
fwatchdog.serve(lambda request: "")
print("cleaned up")
"""
    with worker(program(source)) as host:
        host.write(GOAWAY)

        host.close()
        assert host.exit_code() == 0
        assert host.stderr == b"cleaned up\n"


@pytest.mark.parametrize("places", [1, 2])
def test_a_request_too_many_is_not_started(places):
    with worker(concurrency=places) as host:
        host.write(*[req(stream, "/sleep?ms=100") for stream in range(1, places + 2)])

        assert host.exchange(places + 1).code == 4
        assert host.exchange(1).body == b"slept"
        assert host.call(places + 2, "/ignore").body == b"ignored"


def test_a_request_after_goaway_is_not_started(host):
    host.write(GOAWAY, req(1, "/ignore"))

    assert host.exchange(1).code == 4
