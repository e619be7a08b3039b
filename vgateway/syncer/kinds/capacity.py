"""CSIStorageCapacities: how much space the host's drivers have left, for a scheduler of the tenant's.

Drivers keep them in namespaces of their own; the tenant finds them in ``kube-system``, under names that tell where
they are from. One that is about none of the tenant's nodes is left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from vgateway.kube.names import safe_concat
from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey, annotations, get_path, labels
from vgateway.kube.ownership import OBJECT_HOST_NAME, OBJECT_HOST_NAMESPACE
from vgateway.syncer.kind import READ, DerivedKind, Hint, Rights, Side, Source, Wake, same_key
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.imported import imported
from vgateway.syncer.kinds.pod.scheduling import matches
from vgateway.syncer.resources import CAPACITIES, HOST_CAPACITIES, NODES
from vgateway.syncer.view import View

NAMESPACE = "kube-system"
FIXED = ("storageClassName", "nodeTopology")


def place_of(key: VirtualKey) -> VirtualKey:
    """Return where the tenant finds what the host has under a key."""
    return VirtualKey(NAMESPACE, safe_concat(key.name, "x", key.namespace))


def _origin(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    marks = annotations(hint.some)
    key = VirtualKey(marks.get(OBJECT_HOST_NAMESPACE, ""), marks.get(OBJECT_HOST_NAME, ""))
    return (key,) if key.name and place_of(key) == hint.key else ()


def _all(hint: Hint, view: View) -> Iterable[VirtualKey]:
    if hint.before is not None and not hint.went and labels(hint.before) == labels(hint.some):
        return ()
    known = view.host[HOST_CAPACITIES].keys()
    return [VirtualKey(*key) for key in known]


class CapacityKind(DerivedKind):
    """All capacities of the host, or those that a label selector takes; keys are the host's."""

    resource = CAPACITIES

    def __init__(self, selector: Mapping[str, Any] | None = None) -> None:
        self._selector = selector or {}

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The capacity on either side, and the nodes that it may be about."""
        own = (Wake(Side.HOST, HOST_CAPACITIES, same_key), Wake(Side.VIRTUAL, CAPACITIES, _origin))
        return (*own, Wake(Side.VIRTUAL, NODES, _all))

    @property
    def reads(self) -> tuple[Source, ...]:
        """Those of all the host's namespaces."""
        return (Source(Side.HOST, HOST_CAPACITIES, everything=True),)

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading the whole cluster's."""
        return {HOST_CAPACITIES: {"": READ}}

    def place(self, key: VirtualKey, view: View) -> VirtualKey:
        """Return the copy's key."""
        return place_of(key)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy, None if the host has none or it is about no node of the tenant's."""
        host = view.host_obj(HOST_CAPACITIES, HostKey(key.namespace, key.name))
        if host is None or not matches(self._selector, labels(host)) or not _concerns(host, view):
            return None
        copy, where = imported(host), place_of(key)
        marks = {OBJECT_HOST_NAME: key.name, OBJECT_HOST_NAMESPACE: key.namespace}
        meta = {**copy["metadata"], "name": where.name, "namespace": where.namespace}
        return copy | {"metadata": meta | {"annotations": {**annotations(copy), **marks}}}

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what came from the host."""
        return labels(obj).get(FROM_HOST) == "true"

    def replaces(self, have: Obj, want: Obj) -> bool:
        """The driver made it anew for another class or other nodes."""
        return any(get_path(have, path) != get_path(want, path) for path in FIXED)

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Keys are the host's own."""
        return {}


def _concerns(host: Mapping[str, Any], view: View) -> bool:
    """Say whether a capacity is about a node of the tenant's, or about none in particular."""
    topology = host.get("nodeTopology")
    return topology is None or any(matches(topology, labels(node)) for node in view.virtual[NODES])
