"""Waiting for something on this machine to become true: the one place that sleeps, and what it looks at over HTTP."""

import http.client
import time
from collections.abc import Callable
from urllib.parse import urlsplit

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


def says_yes(url: str) -> bool:
    """Say whether a health probe answers 200; one that does not answer says no."""
    probe = urlsplit(url)
    connection = http.client.HTTPConnection(probe.hostname or "", probe.port, timeout=5)
    try:
        connection.request("GET", probe.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
