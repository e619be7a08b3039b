"""Two clusters in memory, and the effect of a step on them: what pure plans are driven against.

Holds objects only. It is no API server: it knows no admission, no defaults and no conflicts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson

from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey
from vgateway.kube.store import Change
from vgateway.syncer import resources
from vgateway.syncer.kind import Index, Kind, Side
from vgateway.syncer.kinds.backends import service_values
from vgateway.syncer.kinds.event import involved_values
from vgateway.syncer.kinds.ingress import INGRESSES_REFER, claims
from vgateway.syncer.kinds.node import node_values
from vgateway.syncer.kinds.pod.needs import waiting_values
from vgateway.syncer.kinds.references import PODS_REFER
from vgateway.syncer.kinds.syncednode import running_values
from vgateway.syncer.kinds.volume import volume_values
from vgateway.syncer.patch import merge
from vgateway.syncer.plan import plan
from vgateway.syncer.resources import NAMESPACES, PODS, SECRETS
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.sources import index_of
from vgateway.syncer.steps import (
    Bind,
    CreateHost,
    CreateVirtual,
    DeleteHost,
    DeleteVirtual,
    IssueTokens,
    PatchHost,
    PatchVirtual,
    Remember,
    Requeue,
    Step,
    Tell,
)
from vgateway.syncer.tokens import filled
from vgateway.syncer.view import (
    BY_CLAIM,
    BY_HOST_NODE,
    BY_INVOLVED,
    BY_NAMESPACE,
    BY_NODE,
    BY_REFERENCE,
    BY_SERVICE,
    BY_VOLUME,
    BY_WAITING,
    View,
)

NOW = 1_790_000_000.0
NAMES = Names("vc", "host-ns")
SETTINGS = SyncerSettings(NAMES, "vc", "10.0.0.9", virtual_version=lambda: "v1.36.3")
RESOURCES = tuple(one for one in vars(resources).values() if isinstance(one, Resource))
INDEXES: dict[str, Callable[[Obj], Iterable[str]]] = {
    BY_REFERENCE: lambda obj: [*PODS_REFER.values(obj), *INGRESSES_REFER.values(obj)],
    BY_WAITING: waiting_values,
    BY_NODE: index_of(Index(Side.HOST, PODS, BY_NODE, node_values, ours=True), NAMES),
    BY_HOST_NODE: running_values,
    BY_SERVICE: service_values,
    BY_VOLUME: volume_values,
    BY_INVOLVED: involved_values,
    BY_CLAIM: claims,
    BY_NAMESPACE: lambda obj: (obj["metadata"].get("namespace") or "",),
}
_uids = count(1)


@dataclass
class Objects:
    """The objects of one resource on one side; a look-up."""

    by_key: dict[tuple[str, str], Obj] = field(default_factory=dict)

    def get(self, namespace: str, name: str) -> Obj | None:
        return self.by_key.get((namespace, name))

    def keys_by_index(self, name: str, value: str) -> list[tuple[str, str]]:
        return sorted(key for key, obj in self.by_key.items() if value in INDEXES[name](obj))

    def as_news(self) -> Iterator[Change]:
        return (Change(key, None, orjson.dumps(obj)) for key, obj in self.by_key.items())

    def __iter__(self) -> Iterator[Obj]:
        return iter(self.by_key.values())

    def keys(self) -> list[tuple[str, str]]:
        return list(self.by_key)

    def __contains__(self, key: object) -> bool:
        return key in self.by_key

    def put(self, obj: Obj) -> Obj:
        """Take over a copy, as an API server does: the two sides share nothing."""
        obj = orjson.loads(orjson.dumps(obj))
        meta = obj["metadata"]
        meta.setdefault("uid", f"uid-{next(_uids)}")
        meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        self.by_key[(meta.get("namespace") or "", meta["name"])] = obj
        return obj


class World:
    """Both sides, the view of them, and what the engine remembers."""

    def __init__(self) -> None:
        self.virtual = {resource: Objects() for resource in RESOURCES}
        self.host = {resource: Objects() for resource in RESOURCES}
        self.front = Objects()
        self.seen: dict[tuple[str, VirtualKey], dict[str, int]] = {}
        self.view = View(SETTINGS, dict(self.virtual), dict(self.host), self.front, lambda: NOW)
        service = {"metadata": {"name": "vc", "namespace": "host-ns"}, "spec": {"clusterIP": "10.96.0.50"}}
        self.front.put(service)
        for name in ("default", "kube-system"):
            self.virtual[NAMESPACES].put({"metadata": {"name": name, "labels": {"team": "a"}}})

    def adopt(self, resource: Resource) -> None:
        """Let both sides have a resource that only a configuration knows."""
        for side, view in ((self.virtual, self.view.virtual), (self.host, self.view.host)):
            assert isinstance(view, dict)
            view[resource] = side[resource] = Objects()

    def plan(self, kind: Kind, key: VirtualKey) -> list[Step]:
        """Return the steps for a key."""
        return list(plan(kind, key, self.view, self.seen.get((kind.name, key), {})))

    def round(self, kind: Kind, key: VirtualKey) -> list[Step]:
        """Plan and perform."""
        steps = self.plan(kind, key)
        for step in steps:
            self.perform(kind, key, step)
        return steps

    def perform(self, kind: Kind, key: VirtualKey, step: Step) -> None:  # noqa: C901 - one case per step
        match step:
            case CreateHost(resource, body):
                made = self.host[resource].put(body)
                if resource is PODS:
                    made["status"] = {"phase": "Pending"}
            case CreateVirtual(resource, body):
                self.virtual[resource].put(body)
            case PatchHost(resource, where, patch):
                self._patch(self.host[resource], where, patch)
            case PatchVirtual(resource, where, patch):
                self._patch(self.virtual[resource], where, patch)
            case DeleteHost(resource, where):
                del self.host[resource].by_key[(where.namespace, where.name)]
            case DeleteVirtual(resource, where):
                del self.virtual[resource].by_key[(where.namespace, where.name)]
            case Bind(where, _, node):
                self._patch(self.virtual[PODS], where, {"spec": {"nodeName": node}})
            case IssueTokens(wants=wants, secret=secret):
                issued = {want.item: ("dG9rZW4=", NOW + want.seconds) for want in wants}
                self.host[SECRETS].put(filled(secret, wants, issued))
            case Remember(seen):
                self.seen[(kind.name, key)] = seen
            case Tell() | Requeue():
                pass

    def _patch(self, objects: Objects, where: HostKey | VirtualKey, patch: Obj) -> None:
        at = (where.namespace, where.name)
        patch = orjson.loads(orjson.dumps(patch))
        objects.by_key[at] = _merge(objects.by_key[at], patch)


def _merge(before: Obj, patch: Obj) -> Obj:
    """A merge patch, and of the strategic one what plans use: lists of containers merge by name."""
    after = merge(before, {name: value for name, value in patch.items() if name != "spec"})
    spec = patch.get("spec")
    if spec is None:
        return after
    own: dict[str, Any] = dict(before.get("spec") or {})
    for name, value in spec.items():
        if name in ("containers", "initContainers", "schedulingGates", "ephemeralContainers"):
            own[name] = _by_name(own.get(name) or [], value)
        else:
            own = merge(own, {name: value})
    return {**after, "spec": own}


def _by_name(before: list[Obj], patch: list[Obj]) -> list[Obj]:
    merged = {one["name"]: one for one in before}
    for one in patch:
        if one.get("$patch") == "delete":
            merged.pop(one["name"], None)
        else:
            merged[one["name"]] = {**merged.get(one["name"], {}), **one}
    return list(merged.values())


def writes(steps: Iterable[Step]) -> list[Step]:
    """Leave out what writes nothing."""
    return [step for step in steps if not isinstance(step, Requeue | Remember | Tell)]


def a_pod(name: str = "web", namespace: str = "default", **spec: Any) -> Obj:
    """Return the smallest pod of a tenant."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": f"u-{namespace}-{name}", "generation": 1},
        "spec": {"containers": [{"name": "main", "image": "busybox"}], "serviceAccountName": "default", **spec},
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def a_config_map(name: str = "conf", namespace: str = "default", **data: str) -> Obj:
    """Return a ConfigMap of a tenant."""
    meta = {"name": name, "namespace": namespace, "uid": f"u-{namespace}-{name}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data or {"a": "1"}}


def a_service(name: str = "web", namespace: str = "default", **spec: Any) -> Obj:
    """Return a ClusterIP Service of a tenant."""
    meta = {"name": name, "namespace": namespace, "uid": f"u-{namespace}-{name}"}
    ports = [{"port": 80, "protocol": "TCP", "targetPort": 8080}]
    own = {"type": "ClusterIP", "clusterIP": "10.96.1.1", "selector": {"app": "web"}, "ports": ports}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {**own, **spec},
        "status": {"loadBalancer": {}},
    }


def host_of(world: World, resource: Resource, name: str, namespace: str = "default") -> Obj:
    """Return the twin of a tenant's object."""
    found = world.host[resource].get("host-ns", NAMES.host_name(name, namespace))
    assert found is not None, f"{resource.plural} {namespace}/{name} has no twin"
    return found


SIDES = (Side.VIRTUAL, Side.HOST)
