"""Gives the host's copy of a Service its address before the tenant's object asks for one, so that both have the same.

A new copy carries a mark for as long as the tenant's object is awaited: ``ServiceKind`` keeps it for two minutes and
removes it if nothing comes. A copy that was a name elsewhere becomes one again if the tenant's object stays one. So a
process that dies in between leaves nothing behind.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vgateway.errors import AlreadyExists, ApiError, GatewayError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import (
    HostObj,
    Obj,
    VirtualKey,
    VirtualObj,
    get_path,
    host_key,
    is_deleting,
    uid,
    virtual_key,
)
from vgateway.kube.ownership import owner_of
from vgateway.syncer.apply import shows
from vgateway.syncer.controller import Controller
from vgateway.syncer.kind import Side
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

    allocated = ALLOCATED

    def __init__(self, kind: ServiceKind, view: View, host: ApiClient, controller: Controller) -> None:
        self._kind = kind
        self._view = view
        self._host = host
        self._controller = controller

    def lacks_address(self, key: VirtualKey, *, unknown: bool) -> bool:
        """Say whether a Service has no address for being a name elsewhere, or, with ``unknown``, not being there."""
        found = self._view.virtual_obj(SERVICES, key)
        return unknown if found is None else get_path(found, "spec.type") == "ExternalName"

    @contextmanager
    def instead_of_syncer(self, key: VirtualKey) -> Iterator[Callable[[Obj], None] | None]:
        """Keep the syncer off a key meanwhile: it would bring back what the tenant's object still says.

        Gives what tells it of the tenant's object as it is then, or None if it is at it just now.
        """
        work = (self._kind.name, key)

        def tell(changed: Obj) -> None:
            self._controller.expect(work, shows(Side.VIRTUAL, SERVICES, changed, news=True))

        with self._controller.instead_of_round(work) as held:
            yield tell if held else None

    async def run_ahead(self, asked: Obj, draft: Obj) -> tuple[Obj, HostObj | None] | None:
        """Make the copy of what the tenant asks for; ``draft`` is what its cluster would make of that.

        A copy that is there already and is a name elsewhere is changed. Returns what to ask the tenant's cluster for,
        and the copy if it was made just now. None: the host cannot be
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
            found = left if left is None or has_address(left) else await self._changed(left, body, VirtualObj(draft))
            return None if found is None else (with_host_addresses(asked, draft, found), None)
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
        ours = owner_of(self._view.names, SERVICES, found) == key
        return found if ours and not is_deleting(found) else None

    async def _changed(self, left: HostObj, body: Obj, draft: VirtualObj) -> HostObj | None:
        """Let a copy that is a name elsewhere have an address; None if that cannot be done now."""
        where = host_key(left)
        patch = {"metadata": {"uid": uid(left)}, "spec": {**body["spec"], "externalName": None}}
        try:
            return HostObj(await self._host.patch(SERVICES, where.namespace, where.name, patch))
        except ApiError as error:
            if is_refusal(error):
                raise self._refused(error, draft) from error
            return None

    def _refused(self, error: ApiError, draft: VirtualObj) -> GatewayError:
        known = self._kind.host_words(virtual_key(draft), self._view)
        words = host_refusal(str(error), self._view.names, known)
        return GatewayError(error.code, words, hop=HOP, reason=error.reason or None)


def has_address(host: HostObj) -> bool:
    """Say whether a copy is no name elsewhere."""
    return bool(get_path(host, "spec.type") != "ExternalName")


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
    """Return what the tenant asked for, under the draft's name and with the host's addresses and node ports.

    ``asked`` may be a patch: where it says nothing of the ports, those that are there get the host's node ports.
    """
    given = host["spec"]
    spec = {**(asked.get("spec") or {}), **{name: given[name] for name in ADDRESSES if name in given}}
    if given.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = given["healthCheckNodePort"]
    has_node_ports = any(port.get("nodePort") for port in given.get("ports") or ())
    if ports := spec.get("ports") or (draft["spec"].get("ports") if has_node_ports else None):
        spec["ports"] = with_node_ports(with_protocols(ports), given.get("ports") or ())
    return {**asked, "metadata": {**asked.get("metadata", {}), "name": draft["metadata"]["name"]}, "spec": spec}


def with_protocols(ports: Any) -> list[Obj]:
    """Return ports that name their protocol, as an API server would."""
    return [{"protocol": "TCP", **port} for port in ports]
