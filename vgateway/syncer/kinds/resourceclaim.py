"""ResourceClaims of dynamic resource allocation: the tenant asks for devices, the host's scheduler gives them.

A claim that a pod has by a template is made by the tenant's own controller manager; the host pod names its copy, as
it does with any other. Who a claim is reserved for is told in the tenant's names, and only of pods that still run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import (
    HostKey,
    HostObj,
    Obj,
    VirtualKey,
    VirtualObj,
    get_path,
    is_deleting,
    metadata,
    uid,
    virtual_key,
)
from vgateway.kube.ownership import owner_of
from vgateway.syncer.kind import Hint, Side, SyncedKind, Wake, delete_host
from vgateway.syncer.kinds.pod.status import is_terminal
from vgateway.syncer.kinds.references import claims_of
from vgateway.syncer.patch import merge_diff
from vgateway.syncer.resources import CLAIMTEMPLATES, PODS, RESOURCECLAIMS
from vgateway.syncer.rules import pull
from vgateway.syncer.steps import PatchVirtual, Requeue, Step
from vgateway.syncer.view import View

PROTECTION = "resource.kubernetes.io/delete-protection"
# These go together: the API server takes no other allocation in an allocation's place.
ALLOCATED = ("allocation", "reservedFor", "devices")


def _devices(status: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    results = get_path(status, "allocation.devices.results") or ()
    return [tuple(one.get(field) for field in ("request", "driver", "pool", "device")) for one in results]


def is_other(have: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Say whether other devices are allocated than the tenant was told, so that those must be taken back first."""
    return bool(have.get("allocation")) and bool(now.get("allocation")) and _devices(have) != _devices(now)


def virtual_status(host: HostObj, virtual: VirtualObj, view: View) -> Obj | None:
    """Return a claim's status as the tenant should see it; what is empty on both sides stays as it is."""
    have, now = virtual.get("status") or {}, host.get("status") or {}
    if is_other(have, now):
        return {name: value for name, value in now.items() if name not in ALLOCATED}
    found = {name: value for name, value in now.items() if name != "reservedFor"}
    if consumers := [one for entry in now.get("reservedFor") or () if (one := _consumer(entry, view))]:
        found["reservedFor"] = consumers
    return found if found or have else virtual.get("status")


def _consumer(entry: Mapping[str, Any], view: View) -> Obj | None:
    """Return whom a claim is reserved for: the tenant's controllers take it back from a pod that is gone or done."""
    if entry.get("resource") != "pods" or entry.get("apiGroup"):
        return None
    host = view.host_obj(PODS, HostKey(view.names.host_namespace, entry["name"]))
    owner = owner_of(view.names, PODS, host) if host is not None and uid(host) == entry.get("uid") else None
    virtual = None if owner is None else view.virtual_obj(PODS, owner)
    if virtual is None or is_terminal(virtual):
        return None
    return {"resource": "pods", "name": virtual["metadata"]["name"], "uid": uid(virtual)}


def _finalizers(host: HostObj, virtual: VirtualObj, _view: View) -> list[str] | None:
    """Protect the tenant's claim as long as the host's holds devices."""
    own = [one for one in metadata(virtual).get("finalizers") or () if one != PROTECTION]
    held = [PROTECTION] if get_path(host, "status.allocation") else []
    return [*own, *held] or None


def _of_pod(side: Side) -> Callable[[Hint, View], Iterable[VirtualKey]]:
    def keys(hint: Hint, view: View) -> Iterable[VirtualKey]:
        if not get_path(hint.some, "spec.resourceClaims"):
            return ()
        key: VirtualKey | None = hint.key
        pod: Mapping[str, Any] | None = hint.some
        if side is Side.HOST:
            key = owner_of(view.names, PODS, HostObj(hint.some))
            pod = view.virtual_obj(PODS, key) if key is not None else None
        if key is None or pod is None:
            return ()
        return [VirtualKey(key.namespace, name) for _, name in claims_of(pod) if name]

    return keys


class ResourceClaimKind(SyncedKind):
    """Every claim of the tenant, its own and those that templates imply."""

    resource = RESOURCECLAIMS
    rules = (pull("metadata.finalizers", via=_finalizers), pull("status", via=virtual_status))
    also_wakes = (Wake(Side.VIRTUAL, PODS, _of_pod(Side.VIRTUAL)), Wake(Side.HOST, PODS, _of_pod(Side.HOST)))

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Copy the spec, which nobody can change afterwards; classes have one name on both sides."""
        return {"spec": virtual["spec"]}

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Be back at once where an allocation must be taken back before the next is told."""
        if is_other(virtual.get("status") or {}, host.get("status") or {}):
            yield Requeue(0.0)

    def dismiss(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Delete the copy; as long as a pod holds it, the tenant sees its state."""
        have, now = virtual.get("status") or {}, virtual_status(host, virtual, view) or {}
        if have != now:
            yield PatchVirtual(RESOURCECLAIMS, virtual_key(virtual), {"status": merge_diff(have, now)}, "status")
        if not is_deleting(host):
            yield delete_host(RESOURCECLAIMS, host, "the tenant is deleting the claim")

    def bereave(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Take the protection off: the host has taken it off its own."""
        finalizers = metadata(virtual).get("finalizers") or []
        if PROTECTION in finalizers:
            left = [one for one in finalizers if one != PROTECTION]
            yield PatchVirtual(RESOURCECLAIMS, virtual_key(virtual), {"metadata": {"finalizers": left or None}})


class ClaimTemplateKind(SyncedKind):
    """Templates, for tools of the host; claims are made of them in the tenant's cluster only."""

    resource = CLAIMTEMPLATES

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Copy the spec, which nobody can change afterwards."""
        return {"spec": virtual["spec"]}
