"""The conformance function of this SDK: sdk/CONFORMANCE.md says what each route answers."""

import os
import subprocess
import sys
import time

from fwatchdog import serve

if os.environ.get("CONFORMANCE_NOISE"):
    print("printed at import")


def init():
    if os.environ.get("CONFORMANCE_INIT_ERROR"):
        raise RuntimeError("no database")


def handler(request):
    route = ROUTES.get(request.path)
    return route(request) if route else (404, {}, "no such route")


def number(request, name):
    return int(request.query[name])


def pattern(start, stop):
    """The bytes of the routes /bytes and /stream from one offset to another."""
    first = start % 251
    return (bytes(range(251)) * ((stop - start + first) // 251 + 1))[first : first + stop - start]


def echo(request):
    headers = {"x-method": request.method, "x-target": request.target}
    if "content-type" in request.headers:
        headers["content-type"] = request.headers["content-type"]
    return 200, headers, request.body


def stream_echo(request):
    return iter(request.stream)


def size(request):
    return str(sum(map(len, request.stream)))


def slow_size(request):
    total = 0
    while True:
        time.sleep(number(request, "ms") / 1000)
        piece = next(request.stream, b"")
        if not piece:
            return str(total)
        total += len(piece)


def stream(request):
    n, piece = number(request, "n"), number(request, "piece")
    return (pattern(start, min(start + piece, n)) for start in range(0, n, piece))


def events(request):
    for event in range(number(request, "n")):
        if event:
            time.sleep(number(request, "ms") / 1000)
        yield "event %d\n" % event


def sleep(request):
    time.sleep(number(request, "ms") / 1000)
    return "slept"


def wait(request):
    request.cancelled.wait()
    request.log("info", "cancelled")
    return "cancelled"


def deadline(request):
    return "none" if request.deadline is None else "%d" % (request.deadline * 1000)


def headers(request):
    lines = "".join("%s: %s\n" % pair for pair in request.headers.items())
    return lines.encode("latin-1")


def cookies(request):
    return 200, [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-empty", "")], None


def print_(request):
    print("printed by the handler")
    return "printed"


def print_subprocess(request):
    subprocess.run(["echo", "printed by a subprocess"], check=True)
    return "printed"


def print_raw(request):
    os.write(1, b"printed raw\n")
    return "printed"


def throw(request):
    raise RuntimeError("boom")


def throw_long(request):
    raise RuntimeError("boom\n" + "é" * number(request, "n"))


def throw_late(request):
    yield "start"
    raise RuntimeError("boom")


def log(request):
    for level in ("debug", "info", "warn", "error"):
        request.log(level, request.query["text"])
    return "logged"


def log_long(request):
    request.log("info", "x" * number(request, "n"))
    return "logged"


ROUTES = {
    "/echo": echo,
    "/stream-echo": stream_echo,
    "/size": size,
    "/slow-size": slow_size,
    "/ignore": lambda request: "ignored",
    "/bytes": lambda request: pattern(0, number(request, "n")),
    "/stream": stream,
    "/events": events,
    "/sleep": sleep,
    "/wait": wait,
    "/deadline": deadline,
    "/headers": headers,
    "/cookies": cookies,
    "/status": lambda request: (number(request, "code"), {}, None),
    "/head": lambda request: (200, {"x-big": "a" * number(request, "n")}, None),
    "/print": print_,
    "/print-subprocess": print_subprocess,
    "/print-raw": print_raw,
    "/throw": throw,
    "/throw-long": throw_long,
    "/throw-late": throw_late,
    "/exit": lambda request: sys.exit(number(request, "code")),
    "/log": log,
    "/log-long": log_long,
}

if __name__ == "__main__":
    serve(handler, init)
