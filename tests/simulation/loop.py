"""An event loop whose time is a number: nothing waits, nothing is random, no socket is opened.

When nothing is ready, time jumps to the next timer. The same callbacks run in the same order each time.
"""

import asyncio
from typing import Any


class Jump:
    """In the place of a selector: waiting for I/O is letting time pass."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing is ready and nothing ever will be")
        self._loop.now += timeout
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """Time starts at 0 and is in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = Jump(self)

    def time(self) -> float:
        return self.now

    def _process_events(self, _events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass
