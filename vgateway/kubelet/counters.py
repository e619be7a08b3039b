"""CPU time that only grows, out of what the host gives: rates over windows, or the counters of single pods.

Holds no clock: time is that of the figures. A counter begins when somebody first asks; like any counter it may begin
anew, which its readers know to handle.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import NamedTuple

# More counters than a virtual cluster has containers; the one asked for longest ago begins anew.
SIZE = 32 * 1024


class Reading(NamedTuple):
    """CPU time in nanoseconds, as of ``at`` (milliseconds since the epoch)."""

    at: int
    nanoseconds: int


class RateCounters:
    """Adds rates up: between two readings the later rate is taken to have held."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._known: OrderedDict[Hashable, Reading] = OrderedDict()

    def take(self, key: Hashable, at: int, nanocores: int, window: float) -> Reading:
        """Return the counter after one more rate; the first covers its ``window`` in seconds.

        A figure that is no newer than the last changes nothing. What runs has used some time, if only a nanosecond.
        """
        last = self._known.get(key)
        if last is None:
            reading = Reading(at, max(int(nanocores * window), 1))
        elif at > last.at:
            reading = Reading(at, last.nanoseconds + nanocores * (at - last.at) // 1000)
        else:
            reading = last
        self._known[key] = reading
        self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return reading


class NodeCounters:
    """Adds up what pods used that come and go: by the growth of each, so that a pod's end takes nothing away."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[float, dict[bytes, float]]] = {}

    def take(self, node: str, pods: Mapping[bytes, float]) -> float:
        """Return a node's counter after what its pods' counters say now."""
        total, last = self._nodes.get(node, (0.0, {}))
        for pod, value in pods.items():
            before = last.get(pod, 0.0)
            total += value - before if value >= before else value
        self._nodes[node] = total, dict(pods)
        return total
