"""Which keys are due at a given time. Pure: the time and the chance in a back-off are arguments.

Guarantees: a key waits once, however often it is added; a key that was taken is not handed out again until it is
done, and then at once if it was added meanwhile. Of several due times the earliest counts.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from vgateway.kube.backoff import Backoff

# How many outdated entries the heap may hold before it is cleared of them.
SLACK = 256

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class WorkQueue(Generic[K]):
    """Keys with due times, in seconds of whatever clock the caller uses."""

    backoff: Backoff = field(default_factory=Backoff)
    _due: dict[K, float] = field(default_factory=dict)
    _heap: list[tuple[float, int, K]] = field(default_factory=list)
    _turn: int = 0
    _taken: set[K] = field(default_factory=set)
    _failures: dict[K, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._due)

    @property
    def taken(self) -> int:
        """How many keys are being worked on."""
        return len(self._taken)

    def add(self, key: K, now: float, delay: float = 0.0) -> None:
        """Have the key handed out after the delay, or earlier if it waits for less already."""
        due = now + delay
        if self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        if key not in self._taken:
            self._push(key, due)

    def take(self, now: float) -> K | None:
        """Hand out the key that has been due for longest, None if none is due."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heappop(self._heap)
            if key not in self._taken and self._due.get(key) == due:
                del self._due[key]
                self._taken.add(key)
                return key
        return None

    def done(self, key: K) -> None:
        """Give a taken key back; it may be handed out again."""
        self._taken.discard(key)
        if key in self._due:
            self._push(key, self._due[key])

    def back_off(self, key: K, now: float, chance: float) -> float:
        """Have the key handed out later, after a failure; return the delay in seconds. ``chance`` is from 0 to 1."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = self.backoff.delay(failures, chance)
        self.add(key, now, delay)
        return delay

    def forget(self, key: K) -> None:
        """Forget the key's failures: it went well."""
        self._failures.pop(key, None)

    def next_due(self) -> float | None:
        """Say when the next key is due, None if none waits."""
        while self._heap:
            due, _, key = self._heap[0]
            if key not in self._taken and self._due.get(key) == due:
                return due
            heappop(self._heap)
        return None

    def _push(self, key: K, due: float) -> None:
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapify(self._heap)
        self._turn += 1
        heappush(self._heap, (due, self._turn, key))
