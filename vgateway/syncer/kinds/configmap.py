"""ConfigMaps that something of the tenant's refers to: copied while it does, removed when none does any more; or all.

The namespace's own ``kube-root-ca.crt`` is not among them: all pods share one copy, see ``rootca``.
"""

from collections.abc import Sequence

from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kind import Index, SyncedKind, Wake
from vgateway.syncer.kinds.references import PODS_REFER, UNASKED, Referrer, is_referenced, referenced_wakes
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.resources import CONFIGMAPS
from vgateway.syncer.rules import push
from vgateway.syncer.view import View


class ConfigMapKind(SyncedKind):
    """The tenant owns the content; an edit on the host is put right."""

    resource = CONFIGMAPS
    unasked = UNASKED
    rules = (push("data"), push("binaryData"), push("immutable"))

    def __init__(self, referrers: Sequence[Referrer] = (PODS_REFER,)) -> None:
        self._referrers = tuple(referrers)

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """What refers to it, beside the twins."""
        return (*super().wakes, *referenced_wakes(CONFIGMAPS, self._referrers))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """What refers to ConfigMaps, by what it refers to."""
        return tuple(one.index for one in self._referrers)

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only what is referred to, or what is marked to be copied anyway, unless all are asked for."""
        everything = view.settings.sync.to_host.config_maps.all
        return virtual["metadata"]["name"] != ROOT_CA and (
            everything or is_referenced(CONFIGMAPS, virtual, view, self._referrers)
        )
