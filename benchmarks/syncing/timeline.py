"""When a watcher saw what of each pod, and what follows from that. Pure; times are seconds of one clock."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vgateway.kube.ownership import OBJECT_NAME


@dataclass(slots=True)
class Timeline:
    """What was seen of the pods of one namespace on one side, by the tenant's names."""

    seen: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)

    def note(self, event: Mapping[str, Any], now: float) -> None:
        """Take an event of a watch into account."""
        pod = event["object"]
        if event["type"] == "BOOKMARK":
            return
        name = tenants_name(pod)
        if event["type"] == "DELETED":
            self.there.discard(name)
            return
        self.there.add(name)
        self.seen.setdefault(name, now)
        if (pod.get("status") or {}).get("phase") == "Running":
            self.running.setdefault(name, now)


def tenants_name(pod: Mapping[str, Any]) -> str:
    """Return what the tenant calls a pod or a copy of one."""
    meta = pod["metadata"]
    return str((meta.get("annotations") or {}).get(OBJECT_NAME) or meta["name"])


def delays(begins: Mapping[str, float], ends: Mapping[str, float]) -> list[float]:
    """Return, of all that ended, how long after its beginning; what was seen in the wrong order took no time."""
    return sorted(max(0.0, end - begins[name]) for name, end in ends.items() if name in begins)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the (sorted) values does not exceed: the nearest rank."""
    return values[max(0, math.ceil(share * len(values)) - 1)]
