"""PersistentVolumes that the tenant makes, as volumes of the host. They need rights on all of the host's volumes.

Which claim a volume is bound to is decided by the host; before that the tenant may say which, and afterwards may let
a released volume be used again. Secrets that a volume names are the tenant's own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import HostObj, Obj, Resource, VirtualKey, VirtualObj, get_path, host_key, virtual_key
from vgateway.syncer.kind import Side, Wake
from vgateway.syncer.kinds.backing import BOUND, VOLUME, Held, held, host_reference, is_shown, virtual_reference
from vgateway.syncer.kinds.claim import ClaimKind, host_class
from vgateway.syncer.kinds.copied import CopiedKind
from vgateway.syncer.kinds.references import Referrer
from vgateway.syncer.metadata import host_annotations
from vgateway.syncer.patch import merge_diff
from vgateway.syncer.resources import SECRETS, VOLUMES
from vgateway.syncer.rules import pull, push
from vgateway.syncer.steps import PatchHost, PatchVirtual, Step
from vgateway.syncer.view import View

CLAIM_REF = VOLUME.reference
# The host's controllers say so of the host's binding.
HOST_ANNOTATIONS = ("pv.kubernetes.io/bound-by-controller",)
# Where a volume names Secrets, and in which field their namespace is.
SECRET_REFS = (
    *(
        ("csi", f"{use}SecretRef")
        for use in ("controllerPublish", "nodeStage", "nodePublish", "controllerExpand", "nodeExpand")
    ),
    *((source, "secretRef") for source in ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")),
)
# What a pod may not mount itself under the stricter Pod Security Standards must not come in by a volume either.
HOST_DISKS = ("hostPath", "local")
PUSHED = ("capacity", "accessModes", "persistentVolumeReclaimPolicy", "mountOptions", "nodeAffinity")


def secrets_of(volume: Mapping[str, Any]) -> Iterator[VirtualKey]:
    """Yield the Secrets that a tenant's volume names."""
    spec = volume.get("spec") or {}
    for source, field in SECRET_REFS:
        if ref := get_path(spec, f"{source}.{field}"):
            yield VirtualKey(ref.get("namespace") or _namespace(spec), ref.get("name") or "")
    if name := get_path(spec, "azureFile.secretName"):
        yield VirtualKey(get_path(spec, "azureFile.secretNamespace") or _namespace(spec), name)


def _namespace(spec: Mapping[str, Any]) -> str:
    """Return the namespace that is meant where none is said: the claim's."""
    return get_path(spec, "claimRef.namespace") or "default"


def _refers(volume: Obj) -> Iterable[tuple[Resource, VirtualKey]]:
    return () if is_shown(VirtualObj(volume)) else [(SECRETS, key) for key in secrets_of(volume)]


VOLUMES_REFER = Referrer(VOLUMES, _refers)


def host_source(spec: Mapping[str, Any], view: View) -> Obj:
    """Return a volume's spec with its Secrets under the host's names, in the one host namespace."""
    found: Obj = dict(spec)
    for source, field in SECRET_REFS:
        if ref := get_path(spec, f"{source}.{field}"):
            where = view.names.host_key(VirtualKey(ref.get("namespace") or _namespace(spec), ref.get("name") or ""))
            found[source] = {**found[source], field: {**ref, "name": where.name, "namespace": where.namespace}}
    if name := get_path(spec, "azureFile.secretName"):
        own = VirtualKey(get_path(spec, "azureFile.secretNamespace") or _namespace(spec), name)
        where = view.names.host_key(own)
        found["azureFile"] = {**spec["azureFile"], "secretName": where.name, "secretNamespace": where.namespace}
    return found


def _class(virtual: VirtualObj, _host: HostObj, view: View) -> str | None:
    name = get_path(virtual, "spec.storageClassName")
    return host_class(name, view) if name else name


class VolumeKind(CopiedKind):
    """The tenant's own volumes."""

    resource = VOLUMES
    backing = VOLUME
    rules = (*(push(f"spec.{field}") for field in PUSHED), push("spec.storageClassName", via=_class), pull("status"))

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """All but what the host's controllers say."""
        own = host_annotations(view.names, VOLUMES, virtual)
        return {key: value for key, value in own.items() if key not in HOST_ANNOTATIONS}

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Copy the spec, whatever is in it, and translate its references."""
        spec = host_source(virtual["spec"], view)
        spec |= {"storageClassName": name} if (name := _class(virtual, HostObj({}), view)) else {}
        own = spec.get("claimRef")
        return {"spec": spec | ({"claimRef": host_reference(VOLUME, own, view)} if own else {})}

    def refusal(self, virtual: VirtualObj, view: View) -> str:
        """Refuse what would open the host's disks to pods that may not see them."""
        return forbidden(virtual, view)

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Settle which claim it is for."""
        yield from settle_claim(virtual, host, view)


def forbidden(virtual: VirtualObj, view: View) -> str:
    """Say how a volume would go round the Pod Security Standard of its virtual cluster, "" if it does not."""
    standard, found = view.settings.pod_security_standard, [name for name in HOST_DISKS if name in virtual["spec"]]
    if standard in (None, "privileged") or not found:
        return ""
    return f"the host does not take it: a {found[0]} volume goes round the Pod Security Standard {standard}"


def settle_claim(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Say which side must learn of a claim, or that it is let go of.

    The tenant names the claim until the host has bound the volume, and may take the name off once the claim is gone.
    What the tenant was told last is in its own status, so nothing else is remembered.
    """
    ours, theirs = get_path(virtual, CLAIM_REF), get_path(host, CLAIM_REF)
    told, now = get_path(virtual, "status.phase"), get_path(host, "status.phase")
    found = held(VOLUME, host, view)
    if ours and not theirs:
        want = None if told in BOUND and now == "Available" else ours
        yield from _tell_host(host, ours, view) if want else _tell_tenant(virtual, None)
    elif theirs and not ours and told in ("Released", "Failed") and told == now:
        if theirs.get("namespace") == view.names.host_namespace:
            yield PatchHost(VOLUMES, host_key(host), {"spec": {"claimRef": None}})
    elif theirs and found is not None and (now in BOUND or not ours):
        yield from _tell_tenant(virtual, found)
    elif ours and theirs and now not in BOUND:
        yield from _tell_host(host, ours, view)


def _tell_tenant(virtual: VirtualObj, found: Held | None) -> Iterator[Step]:
    have = get_path(virtual, CLAIM_REF) or {}
    want = virtual_reference(VOLUME, found) if found else {}
    if patch := merge_diff(have, want):
        yield PatchVirtual(VOLUMES, virtual_key(virtual), {"spec": {"claimRef": patch if want else None}})


def _tell_host(host: HostObj, ours: Mapping[str, Any], view: View) -> Iterator[Step]:
    have, want = get_path(host, CLAIM_REF) or {}, host_reference(VOLUME, dict(ours), view)
    if any(have.get(name) != want.get(name) for name in ("namespace", "name", *(("uid",) if "uid" in want else ()))):
        yield PatchHost(VOLUMES, host_key(host), {"spec": {"claimRef": merge_diff(have, want)}})


class BoundClaimKind(ClaimKind):
    """Claims whose volumes are real ones: the host's name of a volume is only told once the volume is known."""

    also_wakes = (Wake(Side.HOST, VOLUMES, VOLUME.holder),)
