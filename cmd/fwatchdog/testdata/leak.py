"""A function that takes as much memory as it is asked for, in a child of its own, and then waits."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../sdk/python/src"))
import fwatchdog  # noqa: E402

LEAK = "import sys, time; b = b'x' * (int(sys.argv[1]) << 20); time.sleep(60)"


def handle(request):
    if request.path != "/leak":
        return "fine"
    subprocess.run([sys.executable, "-c", LEAK, request.target.split("=")[1]], check=True)
    return "still here"


fwatchdog.serve(handle)
