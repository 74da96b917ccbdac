"""Plays the host over real pipes: starts a worker, sends it frames, and looks at what comes back."""

import contextlib
import os
import pathlib
import queue
import struct
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFORMANCE = ROOT / "conformance.py"
DEADLINE = 20.0
WINDOW = 262144

NAMES = {
    1: "HELLO", 2: "READY", 3: "PING", 4: "PONG", 5: "GOAWAY", 6: "LOG",
    16: "REQ", 17: "RESP", 18: "DATA", 19: "WINDOW", 20: "CANCEL", 21: "ERROR",
}  # fmt: skip
TYPES = {name: kind for kind, name in NAMES.items()}
HELLO_PAIRS = [("max_frame", "65536"), ("window", str(WINDOW)), ("features", "window exclusive ping-busy")]


def frame(kind, stream=0, payload=b"", end=False):
    """The bytes of a frame."""
    return struct.pack(">HBBII", 0xFBF7, TYPES[kind], end, stream, len(payload)) + payload


def string(text):
    data = text.encode("latin-1")
    return struct.pack(">H", len(data)) + data


def pairs(items):
    return struct.pack(">H", len(items)) + b"".join(string(text) for pair in items for text in pair)


def hello(items=HELLO_PAIRS, low=1, high=1):
    return frame("HELLO", payload=struct.pack(">HH", low, high) + pairs(items))


def req(stream, target="/", body=b"", method="POST", headers=(), timeout_ms=0, end=True):
    meta = struct.pack(">I", timeout_ms) + string(method) + string(target) + pairs(list(headers))
    return frame("REQ", stream, struct.pack(">I", len(meta)) + meta + body, end)


def data(stream, body=b"", end=False):
    return frame("DATA", stream, body, end)


def window(stream, more):
    return frame("WINDOW", stream, struct.pack(">I", more))


def cancel(stream, reason=2):
    return frame("CANCEL", stream, bytes([reason]))


def read_pairs(payload, at=0):
    """The pairs at an offset, and the offset behind them."""
    (count,) = struct.unpack_from(">H", payload, at)
    at += 2
    texts = []
    for _ in range(2 * count):
        (size,) = struct.unpack_from(">H", payload, at)
        texts.append(payload[at + 2 : at + 2 + size].decode("latin-1"))
        at += 2 + size
    return list(zip(texts[::2], texts[1::2])), at


class Frame:
    """A frame of the worker."""

    def __init__(self, kind, end, stream, payload):
        self.kind, self.end, self.stream, self.payload = NAMES[kind], end, stream, payload
        if self.kind == "RESP":
            (size, self.status) = struct.unpack_from(">IH", payload)
            self.headers, _ = read_pairs(payload, 6)
            self.body = payload[4 + size :]
        elif self.kind == "DATA":
            self.body = payload
        elif self.kind == "ERROR":
            (self.code,) = struct.unpack_from(">H", payload)
            self.text = payload[2:].decode()
        elif self.kind == "LOG":
            self.level, self.text = payload[0], payload[1:].decode()
        elif self.kind == "HELLO":
            self.pairs = dict(read_pairs(payload, 4)[0])
        elif self.kind == "WINDOW":
            (self.bytes,) = struct.unpack(">I", payload)

    @property
    def terminal(self):
        return self.kind == "ERROR" or self.end and self.kind in ("RESP", "DATA")

    def __repr__(self):
        return "%s%s stream %d, %d bytes" % (self.kind, "+END" * self.end, self.stream, len(self.payload))


class Exchange:
    """All frames of one stream."""

    def __init__(self, frames):
        self.frames = frames
        self.logs = [(f.level, f.text) for f in frames if f.kind == "LOG"]
        responses = [f for f in frames if f.kind == "RESP"]
        assert len(responses) <= 1, frames
        self.status = responses[0].status if responses else None
        self.headers = responses[0].headers if responses else None
        self.body = b"".join(f.body for f in frames if f.kind in ("RESP", "DATA"))
        errors = [f for f in frames if f.kind == "ERROR"]
        self.code = errors[0].code if errors else None
        self.text = errors[0].text if errors else ""


class Host:
    """A worker process and the host's ends of its pipes."""

    def __init__(self, program=(CONFORMANCE,), env=None, fd=1, greeting=None, concurrency=None):
        environment = {**os.environ, "FWATCHDOG_WORKER": "1", "PYTHONPATH": str(ROOT / "src"), **(env or {})}
        if concurrency:
            environment["FWATCHDOG_CONCURRENCY"] = str(concurrency)
        self.frames = []
        self.stray = b""  # what stands between frames
        self.stderr = b""
        self.stdout = b""  # the worker's fd 1, when frames go to fd 3
        self.ended = False  # the worker has closed its end
        self._hung_up = False
        self._grants = True
        self._changed = threading.Condition()
        self._may_read = threading.Event()
        self._may_read.set()
        self._queue = queue.SimpleQueue()  # bytes to write; None closes
        worker_in, self._in = os.pipe()
        self._out, worker_out = os.pipe()
        command = [sys.executable, *map(str, program)]
        if fd == 3:
            environment["FWATCHDOG_OUT_FD"] = "3"
        self.process = subprocess.Popen(
            command,
            stdin=worker_in,
            stdout=subprocess.PIPE if fd == 3 else worker_out,
            stderr=subprocess.PIPE,
            env=environment,
            pass_fds=[3] if fd == 3 else [],
            preexec_fn=(lambda: os.dup2(worker_out, 3)) if fd == 3 else None,
        )
        os.close(worker_in)
        os.close(worker_out)
        self._threads = [
            threading.Thread(target=self._write_queue, daemon=True),
            threading.Thread(target=self._read_frames, daemon=True),
            threading.Thread(target=self._read_text, args=(self.process.stderr, "stderr"), daemon=True),
        ]
        if fd == 3:
            self._threads.append(threading.Thread(target=self._read_text, args=(self.process.stdout, "stdout"), daemon=True))
        for thread in self._threads:
            thread.start()
        if greeting is not None:
            self.write(greeting)

    # Writing

    def write(self, *frames):
        """Has bytes written to the worker; does not wait, as a host must not."""
        self._queue.put(b"".join(frames))

    def close(self):
        """Closes the worker's stdin."""
        self._queue.put(None)

    def _write_queue(self):
        with contextlib.suppress(BrokenPipeError):  # the worker has gone, which the test sees elsewhere
            for piece in iter(self._queue.get, None):
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._in, rest) :]
        os.close(self._in)

    # Reading

    def pause(self):
        """Reads no more of what the worker writes, until resume."""
        self._may_read.clear()

    def hang_up(self):
        """Reads no more, ever: what the worker writes next finds no reader."""
        self._hung_up = True

    def resume(self):
        self._may_read.set()

    def withhold_window(self):
        """Grants no WINDOW for what comes from now on."""
        self._grants = False

    def _read_frames(self):
        rest = b""
        while True:
            self._may_read.wait()
            chunk = b"" if self._hung_up else os.read(self._out, 65536)
            rest += chunk
            rest = self._cut(rest)
            with self._changed:
                self.ended = not chunk
                self._changed.notify_all()
            if not chunk:
                os.close(self._out)
                return

    def _cut(self, rest):
        while rest:
            at = rest.find(b"\xfb")
            if at:
                self.stray += rest[:at] if at > 0 else rest
                rest = rest[at:] if at > 0 else b""
                continue
            if len(rest) < 12:
                break
            magic, kind, flags, stream, length = struct.unpack_from(">HBBII", rest)
            assert magic == 0xFBF7 and flags <= 1 and length <= 65536, rest[:64]
            if len(rest) < 12 + length:
                break
            one = Frame(kind, bool(flags), stream, rest[12 : 12 + length])
            rest = rest[12 + length :]
            with self._changed:
                self.frames.append(one)
            if one.kind == "DATA" and one.body and self._grants:
                self.write(window(stream, len(one.body)))
        return rest

    def _read_text(self, source, name):
        for line in iter(lambda: os.read(source.fileno(), 65536), b""):
            with self._changed:
                setattr(self, name, getattr(self, name) + line)
                self._changed.notify_all()

    def until(self, ready, what="what the test waits for"):
        """Waits until ready() returns something, and returns that."""
        ends = time.monotonic() + DEADLINE
        with self._changed:
            while True:
                result = ready()
                if result:
                    return result
                left = ends - time.monotonic()
                assert left > 0, "no %s; frames %s, stderr %s" % (what, self.frames, self.stderr.decode())
                assert not self.ended or ready(), "the worker ended before %s: %s" % (what, self.stderr.decode())
                self._changed.wait(left)

    def frame(self, kind, stream=0, number=1):
        """The first, or a later, frame of a type on a stream."""

        def find():
            found = [f for f in self.frames if (f.kind, f.stream) == (kind, stream)]
            return found[number - 1] if len(found) >= number else None

        return self.until(find, "%s on stream %d" % (kind, stream))

    def exchange_so_far(self, stream):
        """What has come of a stream."""
        return Exchange([f for f in self.frames if f.stream == stream])

    def exchange(self, stream):
        """Everything of a stream, once its terminal frame has come."""

        def find():
            found = [f for f in self.frames if f.stream == stream]
            return found if any(f.terminal for f in found) else None

        frames = self.until(find, "terminal frame on stream %d" % stream)
        assert sum(f.terminal for f in frames) == 1 and frames[-1].terminal, frames
        return Exchange(frames)

    def sent(self, stream):
        """How many bytes of DATA have come on a stream."""
        return sum(len(f.payload) for f in self.frames if (f.kind, f.stream) == ("DATA", stream))

    def granted(self, stream):
        """How many more bytes of DATA the worker has asked for on a stream."""
        return sum(f.bytes for f in self.frames if (f.kind, f.stream) == ("WINDOW", stream))

    def call(self, stream, target="/", body=b"", **more):
        """One small request and its response."""
        self.write(req(stream, target, body, **more))
        return self.exchange(stream)

    def ping(self, nonce=b"12345678"):
        """A PING and its answer: whatever was sent before it has been read."""
        before = sum(f.kind == "PONG" for f in self.frames)
        self.write(frame("PING", payload=nonce))
        return self.frame("PONG", number=before + 1).payload

    def exit_code(self):
        """The exit code, once the worker has ended and all it wrote has been read."""
        code = self.process.wait(DEADLINE)
        self.close()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a descriptor of the worker stays open"
        return code

    def kill(self):
        self.resume()
        self.process.kill()
        self.close()
        self.process.wait()
        for thread in self._threads:
            thread.join(DEADLINE)
        self.process.stderr.close()
        if self.process.stdout:
            self.process.stdout.close()


@contextlib.contextmanager
def worker(program=(CONFORMANCE,), ready=True, greeting=None, **options):
    """A worker for one test; ready unless the test wants to see how it becomes so."""
    host = Host(program, greeting=hello() if greeting is None else greeting, **options)
    try:
        if ready:
            host.frame("READY")
        yield host
    finally:
        host.kill()
