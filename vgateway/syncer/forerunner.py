"""Makes the host's copy of a Service before the tenant's object exists, so that both have one address from the start.

The copy carries a mark for as long as the tenant's object is awaited: ``ServiceKind`` keeps it for two minutes and
removes it if nothing comes, so that a process that dies in between leaves nothing behind.
"""

from typing import Any

from vgateway.errors import AlreadyExists, ApiError, GatewayError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj, host_key, uid, virtual_key
from vgateway.kube.ownership import owner_of
from vgateway.syncer.kinds.service import (
    ADDRESSES,
    ALLOCATED,
    BLOCK_DELETION,
    ServiceKind,
    with_node_ports,
    without_addresses,
)
from vgateway.syncer.metadata import host_metadata
from vgateway.syncer.outcome import is_refusal
from vgateway.syncer.patches import PatchFailed
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.view import View
from vgateway.syncer.words import host_refusal

HOP = "host API server"


class Forerunner:
    """Asks the host for a Service's addresses ahead of the tenant's cluster."""

    def __init__(self, kind: ServiceKind, view: View, host: ApiClient) -> None:
        self._kind = kind
        self._view = view
        self._host = host

    async def run_ahead(self, asked: Obj, draft: Obj) -> tuple[Obj, HostObj | None] | None:
        """Make the copy of what the tenant asks for; ``draft`` is what its cluster would make of that.

        Returns what to ask the tenant's cluster for, and the copy if it was made just now. None: the host cannot be
        asked, the name is taken there or a patch fails, and the syncer has to find a way. Raises ``GatewayError`` with
        the host's reason, in the tenant's names, when the host refuses.
        """
        if self._view.front_service() is None:
            return None
        body = host_draft(self._kind, asked, VirtualObj(draft), self._view)
        try:
            body = self._kind.patches.forward(body, self._view, draft, None)
        except PatchFailed:
            return None
        try:
            made = HostObj(await self._host.create(SERVICES, body["metadata"]["namespace"], body))
        except AlreadyExists:
            left = await self._left_over(virtual_key(VirtualObj(draft)))
            return None if left is None else (with_host_addresses(asked, draft, left), None)
        except ApiError as error:
            if is_refusal(error):
                raise self._refused(error, VirtualObj(draft)) from error
            return None
        return with_host_addresses(asked, draft, made), made

    async def turn_back(self, made: HostObj) -> None:
        """Remove a copy whose tenant's object will not come; what cannot be removed now, the syncer removes."""
        where = host_key(made)
        try:
            await self._host.delete(SERVICES, where.namespace, where.name, uid=uid(made))
        except ApiError:
            return

    async def _left_over(self, key: VirtualKey) -> HostObj | None:
        """Return the copy that an earlier attempt at this very Service has left."""
        where = self._view.names.host_key(key)
        try:
            found = HostObj(await self._host.get(SERVICES, where.namespace, where.name))
        except NotFound:
            return None
        return found if owner_of(self._view.names, SERVICES, found) == key else None

    def _refused(self, error: ApiError, draft: VirtualObj) -> GatewayError:
        known = self._kind.host_words(virtual_key(draft), self._view)
        words = host_refusal(str(error), self._view.names, known)
        return GatewayError(error.code, words, hop=HOP, reason=error.reason or None)


def host_draft(kind: ServiceKind, asked: Obj, draft: VirtualObj, view: View) -> Obj:
    """Return the copy to make: the draft's content, of addresses and ports only what the tenant asked for itself."""
    body = kind.body(draft, view)
    spec, wish = without_addresses(body["spec"]), asked.get("spec") or {}
    spec |= {name: wish[name] for name in ALLOCATED if wish.get(name)}
    if "ports" in spec:
        spec["ports"] = with_node_ports(spec["ports"], with_protocols(wish.get("ports") or ()))
    marks = {**kind.annotations(draft, view), BLOCK_DELETION: "true"}
    return {**body, "metadata": host_metadata(view, SERVICES, draft, kind.labels(draft, view), marks), "spec": spec}


def with_host_addresses(asked: Obj, draft: Obj, host: HostObj) -> Obj:
    """Return what the tenant asked for, under the draft's name and with the host's addresses and node ports."""
    given = host["spec"]
    spec = {**(asked.get("spec") or {}), **{name: given[name] for name in ADDRESSES if name in given}}
    if given.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = given["healthCheckNodePort"]
    if spec.get("ports"):
        spec["ports"] = with_node_ports(with_protocols(spec["ports"]), given.get("ports") or ())
    return {**asked, "metadata": {**asked["metadata"], "name": draft["metadata"]["name"]}, "spec": spec}


def with_protocols(ports: Any) -> list[Obj]:
    """Return ports that name their protocol, as an API server would."""
    return [{"protocol": "TCP", **port} for port in ports]
