"""VolumeSnapshots of the tenant's claims, and their contents. Classes have one name on both sides.

A snapshot is taken of a claim, or it stands for a content that the tenant has made; the latter needs rights on all
of the host's contents. Secrets that the host's snapshotter is told by annotation are never the tenant's to choose.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.kube.objects import HostObj, Obj, VirtualObj, get_path, virtual_key
from vgateway.syncer.kind import Side, Wake
from vgateway.syncer.kinds.backing import CONTENT, held, host_name, host_reference, virtual_name, virtual_reference
from vgateway.syncer.kinds.copied import CopiedKind
from vgateway.syncer.kinds.custom import CustomResourceKind, push_naming
from vgateway.syncer.kinds.shown import PRIVATE_KEYS
from vgateway.syncer.metadata import host_annotations
from vgateway.syncer.patch import merge_diff
from vgateway.syncer.resources import SNAPSHOTCONTENTS, SNAPSHOTS
from vgateway.syncer.rules import pull, push
from vgateway.syncer.steps import PatchVirtual, Step
from vgateway.syncer.view import View

CLAIM = "spec.source.persistentVolumeClaimName"
OF_CONTENT = "spec.source.volumeSnapshotContentName"
BOUND_CONTENT = "boundVolumeSnapshotContentName"
NO_CONTENTS = "contents do not cross here, so a snapshot can only be taken of a claim"


def _content(virtual: VirtualObj, _host: HostObj, view: View) -> str | None:
    name = get_path(virtual, OF_CONTENT)
    return host_name(CONTENT, name, view) if name else None


def _status(host: HostObj, _virtual: VirtualObj, view: View) -> Obj | None:
    status: Mapping[str, Any] | None = host.get("status")
    if not status or BOUND_CONTENT not in status:
        return dict(status) if status else None
    name = virtual_name(CONTENT, status[BOUND_CONTENT], view)
    left = {field: value for field, value in status.items() if field != BOUND_CONTENT}
    return left | ({BOUND_CONTENT: name} if name else {})


class SnapshotKind(CustomResourceKind):
    """Snapshots; what they hold stays with the host."""

    def __init__(self) -> None:
        source = (push_naming(CLAIM, [CLAIM]), push(OF_CONTENT, via=_content))
        super().__init__(SNAPSHOTS, (*source, push("spec.volumeSnapshotClassName"), pull("status", via=_status)))

    def refusal(self, virtual: VirtualObj, view: View) -> str:
        """Refuse what would be taken of a content of the host's that may be anybody's."""
        return NO_CONTENTS if get_path(virtual, OF_CONTENT) and not CONTENT.crosses(view.settings.sync) else ""


class BoundSnapshotKind(SnapshotKind):
    """Snapshots whose contents the tenant sees: the name of a content is only told once it is known."""

    also_wakes = (Wake(Side.HOST, SNAPSHOTCONTENTS, CONTENT.holder),)


class ContentKind(CopiedKind):
    """The contents that the tenant makes, of snapshots that exist in the storage already."""

    resource = SNAPSHOTCONTENTS
    backing = CONTENT
    rules = (push("spec.deletionPolicy"), push("spec.volumeSnapshotClassName"), pull("status"))

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """All but the names of Secrets: they would be the host's."""
        own = host_annotations(view.names, SNAPSHOTCONTENTS, virtual)
        return {key: value for key, value in own.items() if not key.endswith(PRIVATE_KEYS)}

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Copy the spec, whatever is in it, and translate whose content it is."""
        spec = virtual["spec"]
        own = spec.get("volumeSnapshotRef")
        return {"spec": spec | ({"volumeSnapshotRef": host_reference(CONTENT, own, view)} if own else {})}

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Tell the tenant which snapshot the host has bound it to."""
        found, have = held(CONTENT, host, view), get_path(virtual, CONTENT.reference) or {}
        if found is not None and (patch := merge_diff(have, virtual_reference(CONTENT, found))):
            yield PatchVirtual(SNAPSHOTCONTENTS, virtual_key(virtual), {"spec": {"volumeSnapshotRef": patch}})
