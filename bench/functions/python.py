"""The function in Python."""

from fwatchdog import serve

serve(lambda request: b"hello")
