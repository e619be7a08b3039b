"""Remembers for a few seconds what the virtual API server judged, so that a busy client is not asked about anew.

Keys are keyed hashes of everything the verdict rests on: no secret is kept, and no two requests share a verdict that
differ in anything. Never holds more than ``size`` verdicts, nor one longer than its own lifetime.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import orjson

T = TypeVar("T")
SIZE = 2048
GRANTED_SECONDS = 10.0
REFUSED_SECONDS = 2.0


class Verdicts(Generic[T]):
    """A bounded memory with a lifetime per entry; the one used longest ago makes room."""

    def __init__(self, size: int = SIZE, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, basis: Any) -> bytes:
        """Hash what a verdict rests on: plain values, as JSON has them."""
        return hashlib.blake2b(orjson.dumps(basis), key=self._secret, digest_size=32).digest()

    def get(self, key: bytes) -> T | None:
        """Return the verdict, None when there is none any more."""
        expiry, verdict = self._entries.get(key, (0.0, None))
        if verdict is None or expiry <= self._clock():
            self._entries.pop(key, None)
            return None
        self._entries.move_to_end(key)
        return verdict

    def put(self, key: bytes, verdict: T, seconds: float) -> None:
        """Remember a verdict for so long."""
        self._entries[key] = (self._clock() + seconds, verdict)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
