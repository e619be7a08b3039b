"""Secrets that something of the tenant's refers to: copied while it does, removed when none does any more; or all."""

from collections.abc import Sequence

from vgateway.kube.objects import Obj, VirtualObj
from vgateway.syncer.kind import Index, SyncedKind, Wake
from vgateway.syncer.kinds.references import PODS_REFER, UNASKED, Referrer, is_referenced, referenced_wakes
from vgateway.syncer.resources import SECRETS
from vgateway.syncer.rules import push
from vgateway.syncer.view import View

SERVICE_ACCOUNT_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type, no secret


class SecretKind(SyncedKind):
    """The tenant owns the content; an edit on the host is put right."""

    resource = SECRETS
    unasked = UNASKED
    rules = (push("data"), push("immutable"))

    def __init__(self, referrers: Sequence[Referrer] = (PODS_REFER,)) -> None:
        self._referrers = tuple(referrers)

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """What refers to it, beside the twins."""
        return (*super().wakes, *referenced_wakes(SECRETS, self._referrers))

    @property
    def indexes(self) -> tuple[Index, ...]:
        """What refers to Secrets, by what it refers to."""
        return tuple(one.index for one in self._referrers)

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only what is referred to, or what is marked to be copied anyway, unless all are asked for."""
        everything = view.settings.sync.to_host.secrets.all
        return everything or is_referenced(SECRETS, virtual, view, self._referrers)

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Keep the type, unless the host would fill or delete a Secret of that type itself."""
        kind = virtual.get("type") or "Opaque"
        return {"type": "Opaque" if kind == SERVICE_ACCOUNT_TOKEN else kind, **super().to_host(virtual, view)}
