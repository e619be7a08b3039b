"""Classes that the tenant makes, on the host under names that no other tenant has.

They are cluster-scoped, so writing them needs a ClusterRole; neither kind is on by default. No copy is ever a default
of the host's, and none has a priority that the host keeps for itself.
"""

from vgateway.kube.objects import HostObj, VirtualObj, get_path, labels
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.metadata import host_annotations
from vgateway.syncer.resources import PRIORITYCLASSES, STORAGECLASSES
from vgateway.syncer.rules import push
from vgateway.syncer.view import View

DEFAULT_MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
# Higher values are Kubernetes' own.
HIGHEST_PRIORITY = 1_000_000_000
SYSTEM = "system-"


def _value(virtual: VirtualObj, _host: HostObj, _view: View) -> int:
    return min(int(get_path(virtual, "value") or 0), HIGHEST_PRIORITY)


class StorageClassKind(SyncedKind):
    """The tenant's classes; those that came from the host are there already."""

    resource = STORAGECLASSES
    rules = tuple(
        push(field)
        for field in (
            "provisioner",
            "parameters",
            "reclaimPolicy",
            "volumeBindingMode",
            "allowVolumeExpansion",
            "mountOptions",
            "allowedTopologies",
        )
    )

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only the tenant's own."""
        return labels(virtual).get(FROM_HOST) != "true"

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """All but the marks of a default."""
        own = host_annotations(view.names, STORAGECLASSES, virtual)
        return {key: value for key, value in own.items() if key not in DEFAULT_MARKS}


class PriorityClassKind(SyncedKind):
    """The tenant's classes; those of Kubernetes itself are on every host."""

    resource = PRIORITYCLASSES
    rules = (push("value", via=_value), push("description"), push("preemptionPolicy"))

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only the tenant's own."""
        return labels(virtual).get(FROM_HOST) != "true" and not virtual["metadata"]["name"].startswith(SYSTEM)
