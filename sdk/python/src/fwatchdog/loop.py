"""The event loop of async handlers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Awaitable

from .pipes import Pipes, leave_as


class Loop:
    """One event loop for the life of the worker, on a thread of its own.

    Connections and tasks that a handler keeps belong to one loop, and go on between requests.
    """

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes
        self._loop = pipes.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="fwatchdog-loop", daemon=True).start()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Waits for a result; the thread that calls reads the pipes meanwhile."""
        future = asyncio.run_coroutine_threadsafe(_result(awaitable), self._loop)
        future.add_done_callback(lambda _: self._pipes.wake())
        self._pipes.wait(future.done)
        return future.result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        except SystemExit as exit:
            leave_as(exit)


async def _result(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
