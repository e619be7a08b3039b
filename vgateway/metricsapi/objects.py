"""PodMetrics and NodeMetrics, their lists and tables, and what the API says of itself: values, made from figures.

The forms are those of a metrics-server 0.8 and later, quantities in their canonical form.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vgateway.errors import GatewayError, Status
from vgateway.kube.objects import Obj, VirtualKey, VirtualObj, labels, metadata
from vgateway.kube.selectors import selects
from vgateway.kubelet.residents import Resident
from vgateway.kubelet.usage import ContainerUsage, NodeUsage, PodUsage
from vgateway.metricsapi.calls import GROUP, VERSION, Ask, Form

API_VERSION = f"{GROUP}/{VERSION}"
KINDS = {"nodes": "NodeMetrics", "pods": "PodMetrics"}
_DECIMAL = ("n", "u", "m", "", "k", "M", "G")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one pod or node of the tenant's: whole, and by containers where it has any."""

    key: VirtualKey
    labels: Mapping[str, str]
    at: int
    window: float
    whole: ContainerUsage
    containers: Mapping[str, ContainerUsage] | None = None


def pod_figures(virtual: VirtualObj, resident: Resident, usage: PodUsage) -> Figures | None:
    """Join a pod with its figures; containers that the tenant's spec has not are left out. None if none is left."""
    ours = {name: used for name, used in usage.containers.items() if name in resident.images}
    if not ours:
        return None
    return Figures(resident.virtual, dict(labels(virtual)), usage.at, usage.window, total(ours.values()), ours)


def node_figures(node: Obj, usage: NodeUsage) -> Figures:
    """Join a node with what the host says of it."""
    key = VirtualKey("", metadata(node)["name"])
    return Figures(key, dict(labels(node)), usage.at, usage.window, usage.whole)


def node_share(node: Obj, pods: Sequence[Figures]) -> Figures | None:
    """Return what the tenant's own pods use of a node; None where nothing is known of any of them."""
    if not pods:
        return None
    key, latest = VirtualKey("", metadata(node)["name"]), max(pods, key=lambda pod: pod.at)
    used = total(pod.whole for pod in pods)
    return Figures(key, dict(labels(node)), latest.at, latest.window, used)


def total(used: Iterable[ContainerUsage]) -> ContainerUsage:
    """Add usages."""
    listed = list(used)
    return ContainerUsage(sum(one.nanocores for one in listed), sum(one.memory for one in listed))


def selected(ask: Ask, found: Iterable[Figures]) -> list[Figures]:
    """Return what a list holds, in the order of an API server."""

    def wanted(one: Figures) -> bool:
        fields = {"metadata.name": one.key.name, "metadata.namespace": one.key.namespace}
        here = not ask.namespace or one.key.namespace == ask.namespace
        return here and selects(ask.labels, one.labels) and selects(ask.fields, fields)

    return sorted(filter(wanted, found), key=lambda one: one.key)


def answered(ask: Ask, found: Sequence[Figures]) -> Obj:
    """Return a list, or of a question with a name the one object, in the form that was asked for."""
    items = [written(one) for one in found]
    if ask.form.shape == "Table":
        return table(found, items, ask.form)
    if ask.form.shape:
        return partial(items, ask)
    if ask.name:
        return items[0]
    return {"kind": f"{KINDS[ask.resource]}List", "apiVersion": API_VERSION, "metadata": {}, "items": items}


def written(one: Figures) -> Obj:
    """Write one object."""
    place = {"namespace": one.key.namespace} if one.key.namespace else {}
    marks = {"labels": dict(one.labels)} if one.labels else {}
    time = rfc3339(one.at)
    used = (
        {"usage": usage(one.whole)}
        if one.containers is None
        else {"containers": [{"name": name, "usage": usage(used)} for name, used in sorted(one.containers.items())]}
    )
    return {
        "kind": "NodeMetrics" if one.containers is None else "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": {"name": one.key.name, **place, "creationTimestamp": time, **marks},
        "timestamp": time,
        "window": duration(one.window),
        **used,
    }


def usage(used: ContainerUsage) -> dict[str, str]:
    """Write usage as quantities."""
    return {"cpu": cores(used.nanocores), "memory": octets(used.memory)}


def partial(items: Sequence[Obj], ask: Ask) -> Obj:
    """Return the metadata alone."""
    api = {"apiVersion": f"meta.k8s.io/{ask.form.version}"}
    alone = [{"kind": "PartialObjectMetadata", **api, "metadata": one["metadata"]} for one in items]
    return alone[0] if ask.name else {"kind": "PartialObjectMetadataList", **api, "metadata": {}, "items": alone}


def table(found: Sequence[Figures], items: Sequence[Obj], form: Form) -> Obj:
    """Return what ``kubectl get`` prints."""
    columns = [{"name": "Name", "type": "string", "format": "name", "description": "Name of the resource"}]
    columns += [{"name": name, "type": "string", "format": "quantity"} for name in ("cpu", "memory")]
    columns += [{"name": "Window", "type": "string", "format": "duration"}]
    api = {"apiVersion": f"meta.k8s.io/{form.version}"}
    rows = []
    for one, item in zip(found, items, strict=True):
        cells = [one.key.name, cores(one.whole.nanocores), octets(one.whole.memory), duration(one.window)]
        partly = {"kind": "PartialObjectMetadata", **api, "metadata": item["metadata"]}
        beside = {"Metadata": {"object": partly}, "Object": {"object": item}, "None": {}}[form.included]
        rows.append({"cells": cells, **beside})
    described = [{"priority": 0, "description": "", **column} for column in columns]
    return {"kind": "Table", **api, "metadata": {}, "columnDefinitions": described, "rows": rows}


def discovery(served: Iterable[str]) -> Obj:
    """Say which resources there are."""
    resources = [
        {"name": name, "singularName": "", "namespaced": name == "pods", "kind": KINDS[name], "verbs": ["get", "list"]}
        for name in sorted(served)
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API_VERSION, "resources": resources}


class NotThere(GatewayError):
    """There is no such object, or nothing is known of it yet: 404, with the details that clients read."""

    def __init__(self, resource: str, group: str, name: str) -> None:
        full = f"{resource}.{group}" if group else resource
        super().__init__(404, f'{full} "{name}" not found')
        self._details = {"name": name, "kind": resource} | ({"group": group} if group else {})

    def status(self) -> Status:
        """Return the Status with the object's name."""
        return super().status() | {"details": self._details}


def nothing_of(ask: Ask, *, exists: bool) -> NotThere:
    """Tell a pod or node that there is not from one of which nothing is known yet, as a metrics-server does."""
    if not exists:
        return NotThere(ask.resource, "", ask.name)
    named = f"{ask.namespace}/{ask.name}" if ask.namespace else ask.name
    return NotThere(KINDS[ask.resource].lower(), GROUP, named)


def cores(nanocores: int) -> str:
    """Write a rate of CPU, with the largest unit that is exact."""
    return _scaled(nanocores, 1000, _DECIMAL) if nanocores else "0"


def octets(memory: int) -> str:
    """Write an amount of memory, with the largest unit that is exact."""
    return _scaled(memory, 1024, _BINARY) if memory else "0"


def _scaled(amount: int, base: int, units: Sequence[str]) -> str:
    *smaller, largest = units
    for unit in smaller:
        if amount % base:
            return f"{amount}{unit}"
        amount //= base
    return f"{amount}{largest}"


def duration(seconds: float) -> str:
    """Write seconds as Go does, to the millisecond."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{clock}{rest / 1000:g}s"


def rfc3339(at: int) -> str:
    """Write milliseconds since the epoch as Kubernetes writes times."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
