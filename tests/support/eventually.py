"""Waiting for a condition, with a deadline generous enough for a busy machine."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 120.0


def eventually(look: Callable[[], T], holds: Callable[[T], bool] = bool, *, deadline: float = DEADLINE) -> T:
    """Look again and again until it holds; fail with what was seen last."""
    end = time.monotonic() + deadline
    while True:
        seen = look()
        if holds(seen):
            return seen
        assert time.monotonic() < end, f"after {deadline:.0f} s it still does not hold; last seen: {seen!r}"
        time.sleep(0.1)
