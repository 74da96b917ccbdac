"""From the start of the process to READY."""

import os
import signal
import subprocess
import sys

import pytest

from host import CONFORMANCE, DEADLINE, HELLO_PAIRS, ROOT, frame, hello, req, worker


def test_hello_says_who_the_worker_is_and_what_it_can_do(host):
    pairs = host.frames[0].pairs

    assert [one.kind for one in host.frames] == ["HELLO", "READY"]
    assert pairs["sdk"] == "python/0.1.0"
    assert pairs["stacks"] == "QUIT"
    assert pairs["runtime"] == "cpython %d.%d.%d" % sys.version_info[:3]
    assert pairs["pid"] == str(host.process.pid)
    assert set(pairs["features"].split()) == {"window", "exclusive"}


@pytest.mark.parametrize("places", [1, 7])
def test_the_operator_sets_the_concurrency(places):
    with worker(concurrency=places) as host:
        assert host.frame("HELLO").pairs["concurrency"] == str(places)


def test_the_program_sets_the_concurrency_when_the_operator_does_not(program):
    with worker(program("import fwatchdog\nfwatchdog.serve(lambda request: '', concurrency=5)")) as host:
        assert host.frame("HELLO").pairs["concurrency"] == "5"


def test_one_request_at_a_time_is_the_default():
    with worker() as host:
        assert host.frame("HELLO").pairs["concurrency"] == "1"


def test_hello_does_not_wait_for_init_but_ready_does(program, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    source = "import fwatchdog\nfwatchdog.serve(lambda request: 'ok', lambda: open(%r).read())" % str(gate)
    with worker(program(source), ready=False) as host:
        host.frame("HELLO")
        host.write(req(1))
        with open(gate, "w"):  # opens once init opens its end
            assert [one.kind for one in host.frames] == ["HELLO"]
        assert host.exchange(1).body == b"ok"
        assert [one.kind for one in host.frames] == ["HELLO", "READY", "RESP"]


def test_an_error_of_init_is_told_before_the_worker_ends():
    with worker(env={"CONFORMANCE_INIT_ERROR": "1"}, ready=False) as host:
        error = host.frame("ERROR")

        assert error.code == 1
        assert error.text.splitlines()[0] == "no database"
        assert "in init" in error.text
        assert host.exit_code() == 1
        assert [one.kind for one in host.frames] == ["HELLO", "ERROR"]


def test_an_exit_in_init_is_an_error_of_init(program):
    source = "import fwatchdog, sys\nfwatchdog.serve(lambda request: '', lambda: sys.exit(0))"
    with worker(program(source), ready=False) as host:
        assert host.frame("ERROR").code == 1
        assert host.exit_code() == 1


def test_an_async_init_is_awaited(program):
    source = """
import asyncio, fwatchdog
state = []
async def init():
    await asyncio.sleep(0.01)
    state.append("loaded")
fwatchdog.serve(lambda request: state[0], init)
"""
    with worker(program(source)) as host:
        assert host.call(1).body == b"loaded"


def test_versions_without_overlap_are_an_error_that_names_both_ranges():
    with worker(greeting=hello(low=2, high=4), ready=False) as host:
        error = host.frame("ERROR")

        assert "2 to 4" in error.text and "1 to 1" in error.text
        assert host.exit_code() == 65
        assert "2 to 4" in host.stderr.decode()


def test_a_later_host_that_still_speaks_version_1_is_welcome():
    with worker(greeting=hello(low=1, high=9)) as host:
        assert host.call(1, "/ignore").body == b"ignored"


@pytest.mark.parametrize("greeting", [frame("PING", payload=bytes(8)), req(1), b"GET / HTTP/1.1\r\n"])
def test_a_host_that_does_not_begin_with_hello_is_refused(greeting):
    with worker(greeting=greeting, ready=False) as host:
        assert host.exit_code() == 65
        assert "protocol error" in host.stderr.decode()


@pytest.mark.parametrize("pair", [("window", "large"), ("max_frame", "")])
def test_a_number_in_hello_that_is_none_is_refused(pair):
    with worker(greeting=hello([pair, ("features", "window")]), ready=False) as host:
        assert host.exit_code() == 65
        assert "protocol error" in host.stderr.decode()


def test_a_second_hello_is_refused(host):
    host.write(hello())

    assert host.exit_code() == 65


def test_of_a_pair_that_hello_repeats_the_first_counts():
    with worker(greeting=hello([("window", "1000"), *HELLO_PAIRS])) as host:
        host.withhold_window()
        host.write(req(1, "/bytes?n=200000"))
        host.until(lambda: host.sent(1) >= 1000)
        host.ping()
        assert host.sent(1) == 1000


@pytest.mark.parametrize(
    "pairs, largest",
    [
        ([], 4084),
        ([("features", "window")], 4084),
        ([("features", "window exclusive"), ("max_frame", "10000")], 10000),
        ([("features", "window exclusive")], 65536),
    ],
)
def test_no_frame_is_larger_than_the_host_takes(pairs, largest):
    with worker(greeting=hello(pairs)) as host:
        for stream, target in enumerate(["/bytes?n=200000", "/stream?n=200000&piece=200000", "/log-long?n=90000"], 1):
            host.call(stream, target)
        host.call(4, "/throw-long?n=90000")

        assert max(len(one.payload) for one in host.frames) == largest


def test_a_host_without_windows_gets_all_at_once_and_no_window():
    with worker(greeting=hello([])) as host:
        host.withhold_window()

        assert len(host.call(1, "/bytes?n=1000000").body) == 1000000
        host.write(req(2, "/size", end=False), *[frame("DATA", 2, bytes(65536)) for _ in range(20)])
        host.write(frame("DATA", 2, b"", end=True))
        assert host.exchange(2).body == str(20 * 65536).encode()
        assert not any(one.kind == "WINDOW" for one in host.frames)


def test_a_worker_without_a_host_says_so():
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("FWATCHDOG_WORKER", None)

    done = subprocess.run([sys.executable, str(CONFORMANCE)], env=environment, timeout=DEADLINE, capture_output=True)

    assert done.returncode == 64
    assert done.stdout == b""
    assert done.stderr.decode().strip() == "this program is a worker: start it with fwatchdog"


@pytest.mark.parametrize("wish", ["0", "-1", "many"])
def test_a_concurrency_that_is_no_number_stops_the_start(wish):
    with worker(concurrency=wish, ready=False) as host:
        assert host.exit_code() == 64
        assert "FWATCHDOG_CONCURRENCY=%s" % wish in host.stderr.decode()


def test_a_worker_with_nobody_at_the_pipes_loads_says_ready_and_ends():
    with worker(greeting=b"", ready=False) as host:
        host.close()

        assert host.exit_code() == 0
        assert [one.kind for one in host.frames] == ["HELLO", "READY"]


def test_frames_go_to_descriptor_3_when_the_host_says_so():
    with worker(fd=3) as host:
        assert len(host.call(1, "/bytes?n=65000").frames) == 1
        assert host.call(2, "/print").body == b"printed"
        assert host.call(3, "/print-raw").body == b"printed"
        assert host.call(4, "/print-subprocess").body == b"printed"
        host.until(lambda: host.stdout == b"printed by the handler\nprinted raw\nprinted by a subprocess\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_is_left_to_the_host(host, number):
    host.write(req(1, "/sleep?ms=100"))
    host.process.send_signal(number)

    assert host.exchange(1).body == b"slept"
    assert host.call(2, "/ignore").body == b"ignored"


def test_sigquit_prints_all_stacks(host):
    host.write(req(1, "/wait"))
    host.process.send_signal(signal.SIGQUIT)

    host.until(lambda: b"most recent call first" in host.stderr)
    assert host.ping() == b"12345678"
