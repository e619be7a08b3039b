"""Virtual nodes that are the host's, as they are: all, those with certain labels, and always those in use.

Their kubelet is this gateway, so its addresses and port are theirs. A host node that is lost, drained or gone is so in
the tenant's cluster: nothing there decides about nodes. With ``syncBackChanges`` what the tenant's API server let
somebody change of a node is changed on the host.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.config.fromhost import Nodes
from vgateway.kube.objects import HostKey, HostObj, Obj, Resource, VirtualKey, annotations, get_path, labels, uid
from vgateway.kube.ownership import MANAGED_BY, PREFIX, owner_of
from vgateway.kube.quantity import pod_requests, room_left
from vgateway.syncer.kind import READ, DerivedKind, Hint, Index, Rights, Side, Source, Wake, same_key
from vgateway.syncer.kinds.node import node_values, nodes_of_pods, virtual_node
from vgateway.syncer.kinds.nodeaddress import FAKE_NODE, is_our_node, node_addresses, nodes_of_services
from vgateway.syncer.kinds.nodestate import (
    AGREED,
    CAPACITY,
    LABEL,
    MARK,
    SPEC,
    TAINT,
    State,
    entries,
    host_state,
    memory,
    remembered,
    settled,
    tolerates,
    virtual_state,
)
from vgateway.syncer.resources import ALL_PODS, NODES, PODS, SERVICES
from vgateway.syncer.steps import PatchHost, Step
from vgateway.syncer.view import BY_HOST_NODE, BY_NODE, View

ENDED = ("Succeeded", "Failed")
# Addresses of a node that are not its kubelet's.
OUTER = ("ExternalIP", "ExternalDNS")


class SyncedNodeKind(DerivedKind):
    """The host's nodes; ``scheduling`` says that the tenant's own scheduler has to know what room is left there."""

    resource = NODES

    def __init__(self, nodes: Nodes, *, scheduling: bool = False) -> None:
        self._nodes = nodes
        self._scheduling = scheduling

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The nodes, the pods that come to and go from them, and the Services that are their addresses."""
        counted = (Wake(Side.HOST, ALL_PODS, _nodes_with_room),) if self._scheduling else ()
        return (
            Wake(Side.VIRTUAL, NODES, same_key),
            Wake(Side.HOST, NODES, same_key),
            Wake(Side.HOST, PODS, nodes_of_pods),
            Wake(Side.HOST, SERVICES, nodes_of_services),
            *counted,
        )

    @property
    def reads(self) -> tuple[Source, ...]:
        """All nodes of the host, and its pods if they are counted."""
        counted = (Source(Side.HOST, ALL_PODS, everything=True, trim=counted_part),) if self._scheduling else ()
        return (Source(Side.HOST, NODES, everything=True), *counted)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Host pods by node: the tenant's, and everybody's."""
        counted = (Index(Side.HOST, ALL_PODS, BY_HOST_NODE, running_values),) if self._scheduling else ()
        return (Index(Side.HOST, PODS, BY_NODE, node_values, ours=True), *counted)

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading nodes, and the pods of all; changing nodes if the tenant may."""
        back: Rights = {"": (*READ, "patch"), "status": ("patch",)}
        counted: Mapping[Resource, Rights] = {ALL_PODS: {"": READ}} if self._scheduling else {}
        return {NODES: back if self._nodes.sync_back_changes else {"": READ}, **counted}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the node if the host has it and the tenant shall see it."""
        host = view.host_obj(NODES, HostKey("", key.name))
        if host is None or not is_shown(host, view):
            return None
        have = self.existing(key, view)
        # A make-believe node is made anew: nothing of it is the host's.
        return synced_node(host, have if have and not _is_fake(have) else None, view)

    def managed(self, obj: Obj, view: View) -> bool:
        """Nodes that the tenant made are the tenant's."""
        return is_our_node(obj, view)

    def replaces(self, have: Obj, want: Obj) -> bool:
        """A make-believe node, from before the configuration changed, becomes the host's."""
        return _is_fake(have)

    def beside(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Change on the host what the tenant changed."""
        host = view.host_obj(NODES, HostKey("", key.name))
        if host is not None and self._nodes.sync_back_changes:
            yield from back_changes(host, have, view)

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Nodes are called the same on both sides."""
        return {}


def is_shown(host: HostObj, view: View) -> bool:
    """Say whether the tenant sees a host node: one that is selected, or where its pods run."""
    nodes = view.settings.sync.from_host.nodes
    chosen = nodes.selector.labels.items() <= labels(host).items() if nodes.selector.labels else False
    return nodes.selector.all or chosen or view.has_indexed(view.host, PODS, BY_NODE, host["metadata"]["name"])


def new_node(name: str, view: View) -> Obj | None:
    """Return the virtual node for a pod that is about to be bound; None while the host's is not known yet."""
    if not view.settings.sync.from_host.nodes.enabled:
        return virtual_node(name, None, view)
    host = view.host_obj(NODES, HostKey("", name))
    return None if host is None else synced_node(host, None, view)


def synced_node(host: HostObj, have: Obj | None, view: View) -> Obj:
    """Return the node as the tenant should see it; ``have`` is what it sees now. None removes a field."""
    now = have or {}
    seen, known = virtual_state(now), remembered(now)
    theirs = host_state(host, view.settings.enforced_tolerations)
    nodes = view.settings.sync.from_host.nodes
    agreed = settled(known, seen, theirs, back=nodes.sync_back_changes)
    kept = memory(agreed if nodes.sync_back_changes else theirs)
    mine = {MANAGED_BY: view.names.virtual_cluster}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": host["metadata"]["name"],
            "labels": {**_gone(seen, agreed, LABEL), **entries(agreed, LABEL), **mine},
            "annotations": {**_gone(seen, agreed, MARK), **entries(agreed, MARK), AGREED: kept},
        },
        "spec": {
            "taints": taints_like(get_path(now, "spec.taints") or (), agreed, host) or None,
            "unschedulable": entries(agreed, SPEC).get("unschedulable"),
        },
        "status": virtual_status(host, now.get("status") or {}, agreed, view),
    }


def taints_like(have: Iterable[Mapping[str, Any]], state: State, host: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the taints of a state, each as it is already or as the host has it, with the time of its beginning."""
    wanted = entries(state, TAINT)
    known = [*have, *(get_path(host, "spec.taints") or ())]
    found: dict[str, Mapping[str, Any]] = {}
    for taint in known:
        name = f"{taint['key']}:{taint['effect']}"
        if name in wanted and (taint.get("value") or "") == (wanted[name].get("value") or ""):
            found.setdefault(name, taint)
    return [found.get(name, taint) for name, taint in wanted.items()]


def virtual_status(host: HostObj, now: Mapping[str, Any], agreed: State, view: View) -> Obj:
    """Return the host's status with addresses and port of ours, and the room that is left."""
    theirs = host.get("status") or {}
    nodes = view.settings.sync.from_host.nodes
    outer = [one for one in theirs.get("addresses") or () if one.get("type") in OUTER]
    extended = entries(agreed, CAPACITY)
    capacity = (theirs.get("capacity") or {}) | extended
    status: Obj = {
        **theirs,
        "capacity": capacity,
        "allocatable": allocatable(host, view)
        | {name: value for name, value in extended.items() if name not in (theirs.get("capacity") or {})},
        "addresses": [*node_addresses(host["metadata"]["name"], view), *outer],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": view.settings.kubelet_port}},
    }
    if nodes.clear_image_status:
        status.pop("images", None)
    for name, value in status.items():
        if isinstance(value, Mapping) and isinstance(now.get(name), Mapping):
            status[name] = {key: None for key in now[name] if key not in value} | dict(value)
    return {name: None for name in now if name not in status} | status


def allocatable(host: HostObj, view: View) -> dict[str, str]:
    """Return what the tenant's scheduler may give away: what a node has, less what the pods of others ask for."""
    given: dict[str, str] = get_path(host, "status.allocatable") or {}
    if not view.settings.virtual_scheduler:
        return dict(given)
    pods = view.host[ALL_PODS]
    there = [pods.get(*key) for key in pods.keys_by_index(BY_HOST_NODE, host["metadata"]["name"])]
    return room_left(given, [pod_requests(pod) for pod in there if pod and not is_tenants(pod, view)])


def is_tenants(pod: Obj, view: View) -> bool:
    """Say whether a host pod is one of the tenant's own: its scheduler counts those itself."""
    return owner_of(view.names, PODS, HostObj(pod)) is not None


def running_values(pod: Obj) -> Iterable[str]:
    """Index the host's pods by the node whose room they take."""
    node = get_path(pod, "spec.nodeName")
    return (node,) if node and get_path(pod, "status.phase") not in ENDED else ()


def counted_part(pod: Obj) -> Obj:
    """Keep of a pod what it is counted by: there are many on a host."""
    meta, spec = pod["metadata"], pod.get("spec") or {}
    return {
        "metadata": {
            name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion", "labels") if name in meta
        }
        | {"annotations": {name: text for name, text in annotations(pod).items() if name.startswith(f"{PREFIX}/")}},
        "spec": {name: spec[name] for name in ("nodeName", "overhead", "resources") if name in spec}
        | {part: [_asking(one) for one in spec.get(part) or ()] for part in ("containers", "initContainers")},
        "status": {"phase": get_path(pod, "status.phase")},
    }


def _asking(container: Mapping[str, Any]) -> Obj:
    asked = get_path(container, "resources.requests")
    always = {"restartPolicy": container["restartPolicy"]} if container.get("restartPolicy") else {}
    return always | ({"resources": {"requests": asked}} if asked else {})


def back_changes(host: HostObj, have: Obj, view: View) -> Iterator[Step]:
    """Change on the host what the tenant changed of its node, and nothing else of it."""
    theirs = host_state(host, view.settings.enforced_tolerations)
    agreed = settled(remembered(have), virtual_state(have), theirs, back=True)
    where, this = HostKey("", host["metadata"]["name"]), uid(host)
    patch: Obj = {}
    if change := _change(theirs, agreed, LABEL):
        patch["metadata"] = {"labels": change}
    spec: Obj = _change(theirs, agreed, SPEC)
    if entries(theirs, TAINT) != entries(agreed, TAINT):
        hidden = view.settings.enforced_tolerations
        own = [one for one in get_path(host, "spec.taints") or () if any(tolerates(by, one) for by in hidden)]
        spec["taints"] = [*own, *taints_like((), agreed, host)]
        # A list is replaced whole: look again if the host's moved meanwhile.
        patch.setdefault("metadata", {})["resourceVersion"] = host["metadata"].get("resourceVersion")
    if spec:
        patch["spec"] = spec
    if patch:
        yield PatchHost(NODES, where, patch, uid=this)
    if change := _change(theirs, agreed, CAPACITY):
        yield PatchHost(NODES, where, {"status": {"capacity": change}}, subresource="status", uid=this)


def _change(before: State, after: State, part: str) -> Obj:
    old, new = entries(before, part), entries(after, part)
    return {name: new.get(name) for name in {**old, **new} if old.get(name) != new.get(name)}


def _gone(before: State, after: State, part: str) -> Obj:
    return {name: None for (of, name) in before if of == part and (of, name) not in after}


def _is_fake(node: Mapping[str, Any]) -> bool:
    return labels(node).get(FAKE_NODE) == "true"


def _nodes_with_room(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Wake for the nodes on which a pod of others came, went, ended or asks for something else."""
    nodes = {node for pod in (hint.before, hint.some) if pod for node in running_values(pod)}
    if hint.before and hint.before.get("spec") == hint.some.get("spec") and not hint.went:
        same = set(running_values(hint.before)) == set(running_values(hint.some))
        nodes = set() if same else nodes
    return () if is_tenants(hint.some, view) else [VirtualKey("", node) for node in sorted(nodes)]
