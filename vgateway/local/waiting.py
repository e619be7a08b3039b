"""Waiting for something on this machine to become true: the one place that sleeps."""

import time
from collections.abc import Callable

INTERVAL = 0.1
"""Seconds between two looks."""


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Look until ``holds`` says yes; give up after ``seconds`` and return whether it did."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(INTERVAL)
    return True
