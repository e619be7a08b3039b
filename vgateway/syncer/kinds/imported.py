"""Objects of the host that the tenant sees under the same name: classes and other cluster-scoped resources.

The host's object decides; what the tenant changes in a copy is put right, and an object of that name which the
tenant made is left alone. Reading them needs a ClusterRole, so none of these kinds is on by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey, annotations, get_path, labels
from vgateway.syncer.kind import READ, DerivedKind, Rights, Side, Source, Wake, same_key
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.pod.scheduling import matches
from vgateway.syncer.metadata import LAST_APPLIED
from vgateway.syncer.patch import content_patch, merge_diff
from vgateway.syncer.resources import (
    CSIDRIVERS,
    CSINODES,
    DEVICECLASSES,
    INGRESSCLASSES,
    NODES,
    PRIORITYCLASSES,
    RUNTIMECLASSES,
    SNAPSHOTCLASSES,
    STORAGECLASSES,
)
from vgateway.syncer.view import View


@dataclass(frozen=True, slots=True)
class Imports:
    """What is particular to one resource: the fields that the API server lets nobody change.

    ``namesake`` is a resource of which the tenant must have an object of that name; a resource that ``may_lack`` may
    be missing on either side. ``whole`` says that nothing but the host fills it, so that it is copied to the last
    field, with its status.
    """

    resource: Resource
    fixed: tuple[str, ...] = ()
    may_lack: bool = False
    namesake: Resource | None = None
    whole: bool = False


STORAGE_CLASSES = Imports(STORAGECLASSES, ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"))
PRIORITY_CLASSES = Imports(PRIORITYCLASSES, ("value", "preemptionPolicy"))
RUNTIME_CLASSES = Imports(RUNTIMECLASSES, ("handler",))
INGRESS_CLASSES = Imports(INGRESSCLASSES, ("spec.controller",))
CSI_DRIVERS = Imports(CSIDRIVERS, ("spec.attachRequired", "spec.volumeLifecycleModes"))
CSI_NODES = Imports(CSINODES, namesake=NODES)
DEVICE_CLASSES = Imports(DEVICECLASSES)
SNAPSHOT_CLASSES = Imports(SNAPSHOTCLASSES, may_lack=True)


class ImportedKind(DerivedKind):
    """Copies of the host's cluster-scoped objects, all or those that a label selector takes."""

    def __init__(self, imports: Imports, selector: Mapping[str, Any] | None = None) -> None:
        self.resource = imports.resource
        self._imports = imports
        self._selector = selector or {}

    @property
    def name(self) -> str:
        """With its group, and apart from what goes the other way."""
        return f"host {self.resource.plural}.{self.resource.group}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The object on either side, which have one name."""
        own = (Wake(Side.HOST, self.resource, same_key), Wake(Side.VIRTUAL, self.resource, same_key))
        return (*own, *([Wake(Side.VIRTUAL, also, same_key)] if (also := self._imports.namesake) else ()))

    @property
    def reads(self) -> tuple[Source, ...]:
        """All of the host's."""
        return tuple(Source(side, self.resource, True, may_lack=self._imports.may_lack) for side in Side)

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading the whole cluster's."""
        return {self.resource: {"": READ}}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy, None if the host has none or the selector does not take it."""
        host = view.host_obj(self.resource, HostKey(key.namespace, key.name))
        also = self._imports.namesake
        if host is None or not matches(self._selector, labels(host)) or (also and not view.on_virtual(also, key)):
            return None
        status = {"status": host["status"]} if self._imports.whole and host.get("status") else {}
        return {**imported(host), **status}

    def difference(self, have: Obj, want: Obj) -> Obj:
        """Return what makes it right; of what is copied whole also what the host dropped."""
        if not self._imports.whole:
            return super().difference(have, want)
        patch = content_patch(have, want) | super().difference(have, {"metadata": want["metadata"]})
        status = merge_diff(have.get("status") or {}, want.get("status") or {})
        return patch | ({"status": status} if status else {})

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what came from the host."""
        return labels(obj).get(FROM_HOST) == "true"

    def replaces(self, have: Obj, want: Obj) -> bool:
        """The host made its object anew with other values."""
        return any(get_path(have, path) != get_path(want, path) for path in self._imports.fixed)

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """They are called the same on both sides."""
        return {}


def imported(host: Mapping[str, Any]) -> Obj:
    """Return the tenant's copy of a host object: everything but what the API server keeps of it."""
    own = {key: value for key, value in annotations(host).items() if key != LAST_APPLIED}
    meta = {"name": host["metadata"]["name"], "labels": {**labels(host), FROM_HOST: "true"}}
    content = {name: value for name, value in host.items() if name not in ("metadata", "status")}
    return content | {"metadata": meta | ({"annotations": own} if own else {})}
