"""ConfigMaps that a pod of the tenant refers to: copied while it does, removed when none does any more; or all.

The namespace's own ``kube-root-ca.crt`` is not among them: all pods share one copy, see ``rootca``.
"""

from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kind import Index, SyncedKind
from vgateway.syncer.kinds.references import PODS_REFER, is_referenced, referenced_wakes
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.resources import CONFIGMAPS
from vgateway.syncer.rules import push
from vgateway.syncer.view import View


class ConfigMapKind(SyncedKind):
    """The tenant owns the content; an edit on the host is put right."""

    resource = CONFIGMAPS
    rules = (push("data"), push("binaryData"), push("immutable"))
    also_wakes = referenced_wakes(CONFIGMAPS, (PODS_REFER,))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Pods by what they refer to."""
        return (PODS_REFER.index,)

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only what a pod refers to, or what is marked to be copied anyway, unless all are asked for."""
        everything = view.settings.sync.to_host.config_maps.all
        return virtual["metadata"]["name"] != ROOT_CA and (
            everything or is_referenced(CONFIGMAPS, virtual, view, (PODS_REFER,))
        )
