"""Nothing that user code does with its descriptors reaches the protocol."""

import os
import signal

import pytest

from host import frame, req, worker


def lines(host):
    return host.stderr.decode().splitlines()


@pytest.mark.parametrize(
    "target, text",
    [
        ("/print", "printed by the handler"),
        ("/print-subprocess", "printed by a subprocess"),
        ("/print-raw", "printed raw"),
    ],
)
def test_what_a_handler_prints_goes_to_stderr(host, target, text):
    assert host.call(1, target).body == b"printed"
    assert host.call(2, target).body == b"printed"

    host.until(lambda: lines(host) == [text, text])
    assert host.stray == b""


@pytest.mark.parametrize("unbuffered, where", [("", "stderr"), ("1", "stray")])
def test_what_is_printed_before_serve_goes_to_stderr_or_in_front_of_hello(unbuffered, where):
    with worker(env={"CONFORMANCE_NOISE": "1", "PYTHONUNBUFFERED": unbuffered}) as host:
        assert host.call(1, "/ignore").body == b"ignored"

        host.until(lambda: getattr(host, where) == b"printed at import\n")


def test_what_init_prints_goes_to_stderr(program):
    source = """
import fwatchdog, os
fwatchdog.serve(lambda request: "ok", lambda: (print("printed"), os.write(1, b"written\\n")))
"""
    with worker(program(source)) as host:
        assert host.call(1).body == b"ok"

        host.until(lambda: lines(host) == ["printed", "written"])
        assert host.stray == b""


def test_a_subprocess_sees_neither_pipe(program):
    source = """
import fwatchdog, os, subprocess
def handler(request):
    read = subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout
    held = subprocess.run(["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, check=True).stdout.decode()
    mine = {os.readlink("/proc/self/fd/%d" % number) for number in (0, 1, 2)}
    return {"read": read.decode(), "pipes": [line for line in held.splitlines() if "pipe" in line and not
        any(name in line for name in mine)]}
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        host.write(req(1), frame("PING", payload=bytes(8)))

        # The one pipe is that of ls itself.
        exchange = host.exchange(1)
        assert exchange.body.count(b"pipe:") == 1, exchange.body
        assert b'"read": ""' in exchange.body
        assert host.call(2).status == 200


def test_user_code_that_reads_stdin_gets_nothing(program):
    source = "import fwatchdog, sys\nfwatchdog.serve(lambda request: repr(sys.stdin.read()))"
    with worker(program(source)) as host:
        assert host.call(1).body == b"''"
        assert host.call(2).body == b"''"


def test_a_program_that_a_handler_starts_can_be_terminated(program):
    source = """
import fwatchdog, subprocess
def handler(request):
    child = subprocess.Popen(["sleep", "60"])
    child.terminate()
    return str(child.wait())
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        assert host.call(1).body == b"-15"


def test_a_forked_child_can_be_terminated_and_holds_no_pipe(program):
    source = """
import fwatchdog, os, signal, time
children = []
def handler(request):
    if request.target == "/kill":
        os.kill(children[0], signal.SIGTERM)
        return str(os.waitpid(children[0], 0)[1])
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"running")
        time.sleep(60)
        os._exit(0)
    children.append(child)
    return "%s %d" % (os.read(read, 7).decode(), child)
fwatchdog.serve(handler)
"""
    with worker(program(source)) as host:
        state, child = host.call(1, "/fork").body.split()
        host.process.kill()
        host.until(lambda: host.ended)  # although the child, which had the pipe too, still runs
        assert state == b"running"
        os.kill(int(child), signal.SIGKILL)
    with worker(program(source)) as host:
        host.call(1, "/fork")
        assert host.call(2, "/kill").body == b"15"
