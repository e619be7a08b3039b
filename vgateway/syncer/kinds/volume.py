"""PersistentVolumes as the tenant sees them: one for each bound claim, under the host's name, without what is behind.

They are looks only: nothing of the host's volume is read, so no right to cluster-scoped objects is needed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import Obj, VirtualKey, VirtualObj, annotations, get_path, is_deleting, labels, metadata, uid
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import DerivedKind, Hint, Index, Side, Wake, same_key
from vgateway.syncer.kinds.backing import HOST_UID
from vgateway.syncer.resources import CLAIMS, VOLUMES
from vgateway.syncer.steps import PatchVirtual, Step
from vgateway.syncer.view import BY_VOLUME, View

FAKE_VOLUME = f"{PREFIX}/fake-pv"
PROVISIONER = "fake-pv-provisioner"


def volume_values(claim: Obj) -> Iterable[str]:
    """Index claims by the volume that they are bound to."""
    name = get_path(claim, "spec.volumeName")
    return (name,) if name and get_path(claim, "status.phase") == "Bound" else ()


def _volume_of_claim(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    name = get_path(hint.some, "spec.volumeName")
    return (VirtualKey("", name),) if name else ()


class FakeVolumeKind(DerivedKind):
    """One PersistentVolume of the tenant's for each bound claim; those that the tenant made are the tenant's."""

    resource = VOLUMES

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The volumes themselves, and the claims that are bound to them."""
        return (Wake(Side.VIRTUAL, VOLUMES, same_key), Wake(Side.VIRTUAL, CLAIMS, _volume_of_claim))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Claims by their volume."""
        return (Index(Side.VIRTUAL, CLAIMS, BY_VOLUME, volume_values),)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the volume of the claim that is bound to it; a real one that was shown before has to go first."""
        have = self.existing(key, view)
        if have is not None and is_deleting(have) and not is_fake(have):
            return None
        for claim in view.virtual_keys(CLAIMS, BY_VOLUME, key.name):
            found = view.virtual_obj(CLAIMS, claim)
            if found is not None:
                return fake_volume(key.name, found)
        return None

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what was made here, also when it was a real one that has been switched off since."""
        return is_fake(obj) or HOST_UID in annotations(obj)

    def replaces(self, have: Obj, want: Obj) -> bool:
        """A real one, whose source cannot be changed."""
        return not is_fake(have)

    def let_go(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Take the protection off a volume that no claim needs any more."""
        if metadata(have).get("finalizers"):
            yield PatchVirtual(VOLUMES, key, {"metadata": {"finalizers": None}})


def is_fake(volume: Mapping[str, Any]) -> bool:
    """Say whether a volume is only the looks of one."""
    return labels(volume).get(FAKE_VOLUME) == "true"


def fake_volume(name: str, claim: VirtualObj) -> Obj:
    """Return the volume that a bound claim implies."""
    spec, meta = claim["spec"], claim["metadata"]
    reference = {
        "apiVersion": CLAIMS.api_version,
        "kind": CLAIMS.kind,
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": uid(claim),
    }
    return {
        "apiVersion": VOLUMES.api_version,
        "kind": VOLUMES.kind,
        "metadata": {
            "name": name,
            "labels": {FAKE_VOLUME: "true"},
            "annotations": {
                "kubernetes.io/createdby": PROVISIONER,
                "pv.kubernetes.io/bound-by-controller": "true",
                "pv.kubernetes.io/provisioned-by": PROVISIONER,
            },
        },
        "spec": {
            "capacity": get_path(claim, "status.capacity") or get_path(spec, "resources.requests"),
            "accessModes": get_path(claim, "status.accessModes") or spec.get("accessModes"),
            "claimRef": reference,
            "flexVolume": {"driver": "fake"},
            "persistentVolumeReclaimPolicy": "Delete",
            **{field: spec[field] for field in ("storageClassName", "volumeMode") if spec.get(field)},
        },
        "status": {"phase": "Bound"},
    }
