"""PersistentVolumeClaims: the tenant asks, the host binds and reports.

A host claim is taken over by a new tenant's claim of its name, and one that vanished is made again for the volume
it had: an empty volume never takes the place of a lost one without a word.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.kube.objects import HostObj, Obj, VirtualObj, annotations, get_path, labels
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.kinds.backing import VOLUME, host_name, virtual_name
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.metadata import host_annotations, host_label_key
from vgateway.syncer.resources import CLAIMS, STORAGECLASSES
from vgateway.syncer.rules import pull, push
from vgateway.syncer.steps import Step, Tell
from vgateway.syncer.view import View

# What the host's controllers say by annotation; the tenant reads them and cannot set them.
HOST_ANNOTATIONS = (
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-resizer",
    "volume.kubernetes.io/selected-node",
)
# Sources that live beside the claim and so have host names; others are cluster-scoped or custom.
TWINS = ("PersistentVolumeClaim", "VolumeSnapshot")


def host_source(source: Mapping[str, Any], namespace: str, view: View) -> Obj:
    """Return what a claim is filled from, under the host's name."""
    if source.get("kind") not in TWINS:
        return dict(source)
    left = {name: value for name, value in source.items() if name != "namespace"}
    return left | {"name": view.names.host_name(source["name"], source.get("namespace") or namespace)}


def host_class(name: str, view: View) -> str:
    """Return the host's name of a class: of the tenant's own making it is the copy's, of the host's the same."""
    classes = view.virtual.get(STORAGECLASSES)
    mine = classes.get("", name) if classes and view.settings.sync.to_host.storage_classes.enabled else None
    return name if mine is None or FROM_HOST in labels(mine) else view.names.cluster_name(name)


def _annotations(host: HostObj, virtual: VirtualObj, _view: View) -> dict[str, str] | None:
    own = {key: value for key, value in annotations(virtual).items() if key not in HOST_ANNOTATIONS}
    found = own | {key: value for key, value in annotations(host).items() if key in HOST_ANNOTATIONS}
    return found or None


def _class(host: HostObj, virtual: VirtualObj, _view: View) -> Any:
    return get_path(virtual, "spec.storageClassName") or get_path(host, "spec.storageClassName")


def _volume(host: HostObj, virtual: VirtualObj, view: View) -> Any:
    return get_path(virtual, VOLUME.named_in) or virtual_name(VOLUME, get_path(host, VOLUME.named_in), view)


class ClaimKind(SyncedKind):
    """Every claim of the tenant."""

    resource = CLAIMS
    adopts = True
    rules = (
        push("spec.resources.requests"),
        push("spec.volumeAttributesClassName"),
        # The API server lets both be set once.
        pull("spec.volumeName", via=_volume),
        pull("spec.storageClassName", via=_class),
        pull("metadata.annotations", via=_annotations),
        pull("status"),
    )

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """All but what the host's controllers say."""
        own = host_annotations(view.names, CLAIMS, virtual)
        return {key: value for key, value in own.items() if key not in HOST_ANNOTATIONS}

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Copy the spec, whatever is in it, and translate its sources."""
        spec, namespace = dict(virtual["spec"]), virtual["metadata"]["namespace"]
        if name := spec.get("storageClassName"):
            spec["storageClassName"] = host_class(name, view)
        if name := spec.get("volumeName"):
            spec["volumeName"] = host_name(VOLUME, name, view)
        if (own := get_path(spec, "selector.matchLabels")) and VOLUME.crosses(view.settings.sync):
            renamed = {host_label_key(view.names, key): value for key, value in own.items()}
            spec["selector"] = {**spec["selector"], "matchLabels": renamed}
        for field in ("dataSource", "dataSourceRef"):
            if spec.get(field):
                spec[field] = host_source(spec[field], namespace, view)
        return {"spec": spec}

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Say when the two are bound to different volumes: neither side can be changed."""
        ours, theirs = (get_path(one, VOLUME.named_in) for one in (virtual, host))
        if ours and theirs and host_name(VOLUME, ours, view) != theirs:
            yield Tell("VolumeDiffers", f"the host has bound the claim to volume {theirs}, not to {ours}")
