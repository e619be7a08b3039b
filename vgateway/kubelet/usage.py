"""What ``metrics.k8s.io`` says of a pod or a node, read strictly: rates of CPU over a window, and memory.

Quantities are Kubernetes' (``12345678n``, ``20Ki``, ``0.5``), durations Go's (``15.021s``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from vgateway.kube.objects import HostKey, Resource, get_path

POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", kind="PodMetrics")
NODE_METRICS = Resource("metrics.k8s.io", "v1beta1", "nodes", kind="NodeMetrics", namespaced=False)

_SUFFIXES = {
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G"), start=-3)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("T", "P", "E"), start=4)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}
_QUANTITY = re.compile(r"(\+?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[0-9]+\.)([KMGTPE]i|[numkMGTPE]|)")
_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?")
NANO = 10**9


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """Rate of CPU in nanocores, and the working set in bytes."""

    nanocores: int
    memory: int


@dataclass(frozen=True, slots=True)
class PodUsage:
    """One pod's figures: ``at`` in milliseconds since the epoch, rates over the ``window`` seconds before it."""

    pod: HostKey
    at: int
    window: float
    containers: Mapping[str, ContainerUsage]


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """One node's figures, as a pod's are: rates over the ``window`` seconds before ``at``."""

    node: str
    at: int
    window: float
    whole: ContainerUsage


def quantity(text: object) -> Decimal | None:
    """Read a quantity, None for what is none."""
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        return Decimal(found[1]) * _SUFFIXES[found[2]]
    except InvalidOperation:
        return None


def seconds(text: object) -> float | None:
    """Read a duration, None for what is none."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if found is None:
        return None
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def milliseconds(text: object) -> int | None:
    """Read an RFC 3339 time, None for what is none."""
    try:
        return int(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError:
        return None


def read_usage(metrics: Mapping[str, Any]) -> PodUsage | None:
    """Read a PodMetrics, None for one that does not say everything."""
    name, namespace = get_path(metrics, "metadata.name"), get_path(metrics, "metadata.namespace")
    at, window = milliseconds(metrics.get("timestamp")), seconds(metrics.get("window"))
    if not name or not namespace or at is None or not window:
        return None
    containers: dict[str, ContainerUsage] = {}
    for container in metrics.get("containers") or ():
        if (used := _used(container)) is not None:
            containers[container.get("name", "")] = used
    return PodUsage(HostKey(namespace, name), at, window, containers)


def read_node_usage(metrics: Mapping[str, Any]) -> NodeUsage | None:
    """Read a NodeMetrics, None for one that does not say everything."""
    name, used = get_path(metrics, "metadata.name"), _used(metrics)
    at, window = milliseconds(metrics.get("timestamp")), seconds(metrics.get("window"))
    if not name or at is None or not window or used is None:
        return None
    return NodeUsage(name, at, window, used)


def _used(metrics: Mapping[str, Any]) -> ContainerUsage | None:
    usage = metrics.get("usage") or {}
    cores, memory = quantity(usage.get("cpu")), quantity(usage.get("memory"))
    return None if cores is None or memory is None else ContainerUsage(int(cores * NANO), int(memory))
