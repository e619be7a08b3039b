"""VolumeSnapshots of the tenant's claims. Their contents stay with the host; classes have one name on both sides."""

from vgateway.syncer.kinds.custom import CustomResourceKind, push_naming
from vgateway.syncer.resources import SNAPSHOTS
from vgateway.syncer.rules import pull, push

CLAIM = "spec.source.persistentVolumeClaimName"


class SnapshotKind(CustomResourceKind):
    """Snapshots taken of a claim; one of a content that exists already would need the host's contents."""

    def __init__(self) -> None:
        rules = (push_naming(CLAIM, [CLAIM]), push("spec.volumeSnapshotClassName"), pull("status"))
        super().__init__(SNAPSHOTS, rules)
