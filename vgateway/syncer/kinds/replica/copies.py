"""What a replicated Service and its slices hold, and what proves whose copy they are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgateway.kube.names import safe_concat, short_hash
from vgateway.kube.objects import (
    Obj,
    VirtualKey,
    annotations,
    labels,
)
from vgateway.kube.ownership import MANAGED_BY, PREFIX
from vgateway.syncer.kind import DerivedKind, Hint
from vgateway.syncer.kinds.backends import SERVICE_NAME
from vgateway.syncer.resources import ENDPOINTSLICES
from vgateway.syncer.steps import Step, Tell
from vgateway.syncer.view import Place, View

# Which Service, of which virtual cluster, an object is a copy of.
REPLICA = f"{PREFIX}/replica-of"
DELETE_ON_REMOVAL = f"{PREFIX}/delete-on-removal"
AUTHOR = "vgateway"
PORT_FIELDS = ("name", "protocol", "port", "targetPort", "appProtocol")
ENDPOINT_FIELDS = ("addresses", "conditions", "hostname")


@dataclass(frozen=True, slots=True)
class Replication:
    """One rule. The host namespace "" is the virtual cluster's own."""

    virtual: VirtualKey
    host: Place
    delete_on_removal: bool = False


def replica_spec(source: Mapping[str, Any], selector: Mapping[str, str] | None = None) -> Obj:
    """Return the spec of a copy: the same ports and kind of address, none of what the source's side has allocated."""
    spec = source.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return {"type": "ExternalName", "externalName": spec.get("externalName") or ""}
    ports = [{name: port[name] for name in PORT_FIELDS if name in port} for port in spec.get("ports") or ()]
    found: Obj = {"type": "ClusterIP", "ports": ports}
    if spec.get("clusterIP") == "None":
        found["clusterIP"] = "None"
    return found | ({"selector": dict(selector)} if selector else {})


def replica_slice(source: Mapping[str, Any]) -> Obj:
    """Return the content of a copied slice: addresses without the pods and nodes that they mean on the other side."""
    endpoints = [{name: one[name] for name in ENDPOINT_FIELDS if name in one} for one in source.get("endpoints") or ()]
    return {"addressType": source["addressType"], "endpoints": endpoints, "ports": source.get("ports") or []}


def slice_name(service: str, source: str) -> str:
    """Return the name of the copy of a slice."""
    return safe_concat(service, short_hash(source))


def is_of(piece: Mapping[str, Any], service: str) -> bool:
    """Say whether a slice belongs to a Service."""
    return labels(piece).get(SERVICE_NAME) == service


def address_kind(service: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return what cannot be changed in place: whether it is a name elsewhere, and whether it is headless."""
    spec = service.get("spec") or {}
    return spec.get("type") == "ExternalName", spec.get("clusterIP") == "None"


class Replica(DerivedKind):
    """What both directions and both resources have in common."""

    def __init__(self, rule: Replication) -> None:
        self.rule = rule

    def proof(self, view: View) -> str:
        """Return what only our copy says of itself."""
        rule, own = self.rule, view.names.host_namespace
        return f"{view.names.cluster_marker} {rule.virtual} {rule.host.namespace or own}/{rule.host.name}"

    def managed(self, obj: Obj, view: View) -> bool:
        """What this or an earlier rule has made."""
        return is_replica(obj, view)

    def displaced(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Say why the copy is not there."""
        yield Tell("NameTaken", f"a {self.resource.kind} that is to be copied here finds this one, which is left alone")


def is_replica(obj: Mapping[str, Any], view: View) -> bool:
    """Say whether an object is a copy that a rule of this virtual cluster has made."""
    return annotations(obj).get(REPLICA, "").startswith(f"{view.names.cluster_marker} ")


def only(target: VirtualKey) -> Callable[[Hint, View], Iterable[VirtualKey]]:
    """Return what wakes one key by its own object."""
    return lambda hint, _view: (target,) if hint.key == target else ()


def marks(own_labels: Mapping[str, str], proof: str) -> Obj:
    """Return labels and the annotation that says whose copy an object is."""
    return {"labels": dict(own_labels), "annotations": {REPLICA: proof}}


def host_marks(rule: Replication, proof: str, own_labels: Mapping[str, str], view: View) -> Obj:
    """Return the marks of a copy on the host, where it carries our label too."""
    found = marks({MANAGED_BY: view.names.marker, **own_labels}, proof)
    if rule.delete_on_removal:
        found["annotations"][DELETE_ON_REMOVAL] = "true"
    return found


def slice_body(name: str, namespace: str, own: Mapping[str, str], proof: str, piece: Mapping[str, Any]) -> Obj:
    """Return a whole slice."""
    meta = {"name": name, "namespace": namespace, **marks(own, proof)}
    header = {"apiVersion": ENDPOINTSLICES.api_version, "kind": ENDPOINTSLICES.kind}
    return {**header, "metadata": meta, **replica_slice(piece)}
