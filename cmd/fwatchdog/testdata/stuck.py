"""A function that answers, and then keeps the whole interpreter busy: a worker that does not even answer PING."""
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../sdk/python/src"))
import fwatchdog  # noqa: E402


def catastrophic():
    re.match(r"(a+)+$", "a" * 60 + "b")  # takes longer than anybody lives, and lets no other thread run


def handle(request):
    if request.path == "/stick":
        threading.Timer(0.05, catastrophic).start()
    return "fine"


fwatchdog.serve(handle)
