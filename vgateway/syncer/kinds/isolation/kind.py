"""Keeps those policies on the host: made, put right after a hand's change, and removed when they are switched off.

A key is the part, and the virtual namespace whose host namespace it is in; "" is the virtual cluster's own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from vgateway.config.isolation import NetworkPolicy
from vgateway.dns.manifests import NAMESPACE
from vgateway.kube.names import Names, safe_concat
from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey, VirtualObj, annotations, get_path, labels
from vgateway.kube.ownership import (
    MANAGED_BY,
    NAMESPACE_LABEL,
    OBJECT_HOST_NAME,
    OBJECT_HOST_NAMESPACE,
    OBJECT_NAME,
    PREFIX,
)
from vgateway.syncer.kind import READ, WRITE, DerivedKind, Hint, Rights, Side, Wake
from vgateway.syncer.kinds.isolation.policies import (
    Surroundings,
    control_plane_policy,
    dns_policy,
    workload_policy,
)
from vgateway.syncer.metadata import owner_references
from vgateway.syncer.patch import cover, merge_diff
from vgateway.syncer.resources import NAMESPACES, NETWORKPOLICIES, SERVICES
from vgateway.syncer.view import View

# Whose virtual cluster's policy of this kind an object is.
ISOLATES = f"{PREFIX}/isolates"
WORKLOAD, CONTROL_PLANE, DNS = "vc-work", "vc-cp", "vc-kube-dns"
PARTS: Mapping[str, Callable[[Surroundings], Obj]] = {
    WORKLOAD: workload_policy,
    CONTROL_PLANE: control_plane_policy,
    DNS: dns_policy,
}


class IsolationKind(DerivedKind):
    """The policies that a configuration asks for."""

    resource = NETWORKPOLICIES
    side: ClassVar[Side] = Side.HOST

    def __init__(self, asked: NetworkPolicy, *, spread: bool) -> None:
        self._asked = asked
        self._spread = spread

    @property
    def name(self) -> str:
        """Apart from the tenant's own policies."""
        return "isolation"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The policies themselves, the Service that owns them, and the namespaces that they are in."""
        always = (Wake(Side.HOST, NETWORKPOLICIES, _of_policy), Wake(Side.HOST, SERVICES, _of_front))
        return (*always, Wake(Side.HOST, NAMESPACES, _of_namespace)) if self._spread else always

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Writing policies; switched off, removing them."""
        return {NETWORKPOLICIES: {"": READ + WRITE if self._asked.enabled else (*READ, "delete")}}

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return what has the policy's name, if it is labelled ours."""
        return view.host_obj(NETWORKPOLICIES, where(key, view.names))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the policy, where there is to be one."""
        if not self._asked.enabled or key not in keys(key.namespace, view):
            return None
        if not view.is_settled(key.namespace):
            return self.existing(key, view)
        header = {"apiVersion": NETWORKPOLICIES.api_version, "kind": NETWORKPOLICIES.kind}
        return {**header, "metadata": self._metadata(key, view), "spec": PARTS[key.name](self._around(view))}

    def _around(self, view: View) -> Surroundings:
        settings = view.settings
        return Surroundings(self._asked, view.names, settings.dns(), settings.front_port, settings.kubelet_port)

    def _metadata(self, key: VirtualKey, view: View) -> Obj:
        """Return the labels and annotations that were asked for, and on top what proves that it is ours."""
        at = where(key, view.names)
        marks = {MANAGED_BY: view.names.marker, **({NAMESPACE_LABEL: key.namespace} if key.namespace else {})}
        proof = {
            ISOLATES: view.names.cluster_marker,
            OBJECT_HOST_NAME: at.name,
            OBJECT_HOST_NAMESPACE: at.namespace,
        }
        owners = owner_references(view, VirtualObj({}), at.namespace)
        return {
            "name": at.name,
            "namespace": at.namespace,
            "labels": dict(self._asked.labels) | marks,
            "annotations": dict(self._asked.annotations) | proof,
            **({"ownerReferences": owners} if owners else {}),
        }

    def managed(self, obj: Obj, view: View) -> bool:
        """Label and annotations, for this very place."""
        meta, marks = obj["metadata"], annotations(obj)
        here = (meta["namespace"], meta["name"])
        meant = (marks.get(OBJECT_HOST_NAMESPACE), marks.get(OBJECT_HOST_NAME))
        labelled = labels(obj).get(MANAGED_BY) == view.names.marker
        return labelled and meant == here and marks.get(ISOLATES) == view.names.cluster_marker

    def difference(self, have: Obj, want: Obj) -> Obj:
        """Of the spec nothing else may stay: it would allow more or be about less."""
        spec = merge_diff(get_path(have, "spec") or {}, want["spec"])
        rest = cover(have, {name: value for name, value in want.items() if name != "spec"})
        return {**rest, **({"spec": spec} if spec else {})}

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """The tenant does not know of them."""
        return {}


def where(key: VirtualKey, names: Names) -> HostKey:
    """Return which policy a key stands for."""
    namespace = names.namespace_of(key.namespace) if key.namespace else names.host_namespace
    return HostKey(namespace, safe_concat(key.name, names.virtual_cluster))


def keys(namespace: str, view: View) -> list[VirtualKey]:
    """Return the keys of what there is to be for a virtual namespace; "" is the virtual cluster's own host one."""
    spread, found = view.names.spread is not None, []
    if namespace == "":
        found.append(CONTROL_PLANE)
    if (namespace != "") is spread:
        found.append(WORKLOAD)
    if namespace == (NAMESPACE if spread else "") and view.settings.dns().in_pods:
        found.append(DNS)
    return [VirtualKey(namespace, part) for part in found]


def _of_policy(hint: Hint, view: View) -> Iterable[VirtualKey]:
    if ISOLATES not in annotations(hint.some):
        return ()
    namespace = labels(hint.some).get(NAMESPACE_LABEL, "")
    found = (VirtualKey(namespace, part) for part in PARTS)
    return [key for key in found if where(key, view.names) == HostKey(hint.key.namespace, hint.key.name)]


def _of_front(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Look at all of them when the Service comes that owns them: it is another one than before."""
    if hint.key.name != view.settings.service or not hint.came:
        return ()
    namespaces = [key.name for key in view.all_virtual_keys(NAMESPACES)] if view.names.spread else []
    return [key for namespace in ("", *namespaces) for key in keys(namespace, view)]


def _of_namespace(hint: Hint, view: View) -> Iterable[VirtualKey]:
    name = annotations(hint.some).get(OBJECT_NAME)
    return keys(name, view) if name else ()
