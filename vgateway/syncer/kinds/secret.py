"""Secrets that a pod of the tenant refers to: copied while it does, removed when none does any more; or all."""

from vgateway.kube.objects import Obj, VirtualObj
from vgateway.syncer.kind import Index, Side, SyncedKind, Wake
from vgateway.syncer.kinds.references import BY_REFERENCE_INDEX, is_referenced, referenced_keys
from vgateway.syncer.resources import PODS, SECRETS
from vgateway.syncer.rules import push
from vgateway.syncer.view import View

SERVICE_ACCOUNT_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type, no secret


class SecretKind(SyncedKind):
    """The tenant owns the content; an edit on the host is put right."""

    resource = SECRETS
    rules = (push("data"), push("immutable"))
    also_wakes = (Wake(Side.VIRTUAL, PODS, referenced_keys(SECRETS)),)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Pods by what they refer to."""
        return (BY_REFERENCE_INDEX,)

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only what a pod refers to, or what is marked to be copied anyway, unless all are asked for."""
        return view.settings.sync.to_host.secrets.all or is_referenced(SECRETS, virtual, view)

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Keep the type, unless the host would fill or delete a Secret of that type itself."""
        kind = virtual.get("type") or "Opaque"
        return {"type": "Opaque" if kind == SERVICE_ACCOUNT_TOKEN else kind, **super().to_host(virtual, view)}
