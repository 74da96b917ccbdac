"""A function that streams server-sent events: the time, once a second, until the client leaves."""

import datetime

from fwatchdog import serve

SECONDS_BETWEEN_EVENTS = 1


def events(cancelled):
    while True:
        yield "data: %s\n\n" % datetime.datetime.now().isoformat(timespec="seconds")
        if cancelled.wait(SECONDS_BETWEEN_EVENTS):
            return


def handler(request):
    return 200, {"content-type": "text/event-stream", "cache-control": "no-cache"}, events(request.cancelled)


if __name__ == "__main__":
    serve(handler, concurrency=64)  # each client that listens takes a thread
