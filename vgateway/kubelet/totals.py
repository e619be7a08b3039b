"""What a tenant's pods together use of a node, put behind the page that tells of each of them.

The host's own figures for the node are all tenants' together; ``kubectl top nodes`` needs one that is the tenant's.
"""

import re

from vgateway.kubelet.counters import NodeCounters
from vgateway.kubelet.exposition import Filter
from vgateway.kubelet.synthesis import HELP

_OF_A_POD = re.compile(
    rb"^(?:(?P<cpu>pod_cpu_usage_seconds_total)|pod_memory_working_set_bytes)(?P<pod>\{.*\})"
    rb" (?P<value>\S+)(?: (?P<at>\d+))?$",
    re.MULTILINE,
)


class WithNodeTotals:
    """A filter behind a filter of ``/metrics/resource`` in text 0.0.4."""

    def __init__(self, filtering: Filter, node: str, counters: NodeCounters) -> None:
        self._filtering = filtering
        self._node = node
        self._counters = counters
        self._cpu: dict[bytes, float] = {}
        self._memory = 0.0
        self._at = 0

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what is ready."""
        return self._noted(self._filtering.feed(data))

    def end(self) -> bytes:
        """Return the rest and the totals."""
        return self._noted(self._filtering.end()) + self._totals()

    def _noted(self, lines: bytes) -> bytes:
        """Note what whole lines say of pods."""
        for found in _OF_A_POD.finditer(lines) if b"pod_" in lines else ():
            try:
                value = float(found["value"])
            except ValueError:
                continue
            if found["cpu"]:
                self._cpu[found["pod"]] = value
            else:
                self._memory += value
            self._at = max(self._at, int(found["at"] or 0))
        return lines

    def _totals(self) -> bytes:
        if not self._cpu:
            return b""
        totals = {
            "node_cpu_usage_seconds_total": self._counters.take(self._node, self._cpu),
            "node_memory_working_set_bytes": self._memory,
        }
        at = f" {self._at}" if self._at else ""
        lines = []
        for name, value in totals.items():
            kind, about = HELP[name]
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {value!r}{at}", ""]
        return "\n".join(line for line in lines if line).encode() + b"\n"
