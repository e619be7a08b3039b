"""Performs steps: each becomes calls to one of the two API servers. Decides nothing but what an answer means.

A host's refusal of an object is ``HostRefusal`` or ``NameTaken``; anything else fails upward as it is.
"""

import base64
from contextlib import suppress
from datetime import datetime
from typing import Any, assert_never

from vgateway.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound
from vgateway.kube.client import ApiClient, PatchKind
from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, Resource, VirtualKey, annotations
from vgateway.kube.ownership import OBJECT_HOST_NAME, is_labelled
from vgateway.syncer.kind import Side
from vgateway.syncer.memory import Awaited, at_version, bound, on_its_way_out
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.outcome import HostRefusal, NameTaken, is_refusal, refuses_addresses
from vgateway.syncer.resources import PODS, SECRETS, SERVICEACCOUNTS
from vgateway.syncer.steps import (
    Bind,
    CreateHost,
    CreateVirtual,
    DeleteHost,
    DeleteVirtual,
    IssueTokens,
    PatchHost,
    PatchVirtual,
)
from vgateway.syncer.tokens import filled, token_request

Write = CreateHost | PatchHost | DeleteHost | CreateVirtual | PatchVirtual | DeleteVirtual | Bind | IssueTokens


class Applier:
    """The two clients, and what their answers mean."""

    def __init__(self, names: Names, virtual: ApiClient, host: ApiClient, metrics: SyncerMetrics) -> None:
        self._names = names
        self._virtual = virtual
        self._host = host
        self._metrics = metrics

    async def read(self, awaited: Awaited) -> Obj | None:
        """Return the object of a write as the API server has it now, None if it is gone."""
        client = self._host if awaited.side is Side.HOST else self._virtual
        try:
            return await client.get(awaited.resource, awaited.namespace, awaited.name)
        except NotFound:
            return None

    async def apply(self, step: Write) -> Awaited | None:
        """Perform one step and return what a store will show of it."""
        match step:
            case CreateHost() | PatchHost() | DeleteHost():
                return await self._on_host(step)
            case CreateVirtual() | PatchVirtual() | DeleteVirtual() | Bind():
                return await self._on_virtual(step)
            case IssueTokens():
                return await self._issue(step)
            case _:
                assert_never(step)

    async def _on_host(self, step: CreateHost | PatchHost | DeleteHost) -> Awaited | None:
        try:
            match step:
                case CreateHost():
                    return await self._create_host(step)
                case PatchHost():
                    return await self._patch_host(step)
                case DeleteHost():
                    return await self._delete_host(step)
        except ApiError as error:
            if is_refusal(error):
                raise HostRefusal(str(error)) from error
            raise

    async def _create_host(self, step: CreateHost) -> Awaited:
        try:
            made = await self._make_host(step.resource, step.body)
        except ApiError as error:
            if step.otherwise is None or not refuses_addresses(error):
                raise
            made = await self._make_host(step.resource, step.otherwise)
        return shows(Side.HOST, step.resource, made, news=step.otherwise is not None)

    async def _make_host(self, resource: Resource, body: Obj) -> Obj:
        meta = body["metadata"]
        namespace = meta.get("namespace") or ""
        self._count("host", "create", resource)
        try:
            return await self._host.create(resource, namespace, body)
        except AlreadyExists as error:
            there = await self._host.get(resource, namespace, meta["name"])
            if not _looks_ours(self._names, HostObj(there)):
                name = f"{resource.plural} {meta['name']}"
                raise NameTaken(f"the host has {name} already, and it belongs to somebody else") from error
            raise

    async def _patch_host(self, step: PatchHost) -> Awaited:
        kind = PatchKind.STRATEGIC if step.strategic else PatchKind.MERGE
        self._count("host", "patch", step.resource)
        where = step.key.namespace, step.key.name
        try:
            now = await patched(self._host, step.resource, where, step.patch, step.uid, step.subresource, kind)
        except ApiError as error:
            if step.otherwise is None or not refuses_addresses(error):
                raise
            now = await patched(self._host, step.resource, where, step.otherwise, step.uid, step.subresource, kind)
        return shows(Side.HOST, step.resource, now, news=step.otherwise is not None)

    async def _delete_host(self, step: DeleteHost) -> Awaited:
        self._count("host", "delete", step.resource)
        with suppress(NotFound):
            await self._host.delete(
                step.resource, step.key.namespace, step.key.name, uid=step.uid, grace_seconds=step.grace
            )
        shown = on_its_way_out(step.uid)
        return Awaited(Side.HOST, step.resource, step.key.namespace, step.key.name, shown)

    async def _on_virtual(self, step: CreateVirtual | PatchVirtual | DeleteVirtual | Bind) -> Awaited | None:
        match step:
            case CreateVirtual():
                return await self._create_virtual(step)
            case PatchVirtual(resource, key, patch, subresource, uid):
                self._count("virtual", "patch", resource)
                now = await patched(self._virtual, resource, (key.namespace, key.name), patch, uid, subresource)
                return shows(Side.VIRTUAL, resource, now)
            case DeleteVirtual(resource, key, uid, _, grace):
                return await self._delete_virtual(resource, key, uid, grace)
            case Bind(key, uid):
                self._count("virtual", "bind", PODS)
                await self._virtual.create(PODS, key.namespace, binding(step), name=key.name, subresource="binding")
                return Awaited(Side.VIRTUAL, PODS, key.namespace, key.name, bound(uid))

    async def _create_virtual(self, step: CreateVirtual) -> Awaited | None:
        self._count("virtual", "create", step.resource)
        namespace = step.body["metadata"].get("namespace") or ""
        try:
            try:
                made = await self._virtual.create(step.resource, namespace, step.body)
            except ApiError as error:
                if step.otherwise is None or not refuses_addresses(error):
                    raise
                made = await self._virtual.create(step.resource, namespace, step.otherwise)
        except AlreadyExists:
            return None
        # Admission may have added what must not stay, such as a node's first taint.
        return shows(Side.VIRTUAL, step.resource, made, news=True)

    async def _delete_virtual(self, resource: Resource, key: VirtualKey, uid: str, grace: int | None) -> Awaited:
        self._count("virtual", "delete", resource)
        with suppress(NotFound):
            await self._virtual.delete(resource, key.namespace, key.name, uid=uid, grace_seconds=grace)
        return Awaited(Side.VIRTUAL, resource, key.namespace, key.name, on_its_way_out(uid))

    async def _issue(self, step: IssueTokens) -> Awaited:
        issued: dict[str, tuple[str, float]] = {}
        for want in step.wants:
            self._count("virtual", "create", SERVICEACCOUNTS)
            answer = await self._virtual.create(
                SERVICEACCOUNTS,
                step.pod.namespace,
                token_request(want, step.pod, step.pod_uid),
                name=step.service_account,
                subresource="token",
            )
            status = answer["status"]
            encoded = base64.b64encode(status["token"].encode()).decode()
            issued[want.item] = (encoded, _epoch(status["expirationTimestamp"]))
        secret = filled(step.secret, step.wants, issued)
        if not step.secret_uid:
            return await self._on_host_secret(CreateHost(SECRETS, secret))
        meta = secret["metadata"]
        self._count("host", "patch", SECRETS)
        change = {"metadata": {"annotations": meta["annotations"]}, "data": secret["data"]}
        now = await patched(self._host, SECRETS, (meta["namespace"], meta["name"]), change, step.secret_uid)
        return shows(Side.HOST, SECRETS, now)

    async def _on_host_secret(self, step: CreateHost) -> Awaited:
        awaited = await self._on_host(step)
        assert awaited is not None
        return awaited

    def _count(self, side: str, verb: str, resource: Resource) -> None:
        self._metrics.wrote(side, verb, resource.plural)


async def patched(
    client: ApiClient,
    resource: Resource,
    where: tuple[str, str],
    patch: Obj,
    uid: str,
    subresource: str = "",
    kind: PatchKind = PatchKind.MERGE,
) -> Obj:
    """Patch the object of this UID; ``Conflict`` if another one has its name by now."""
    body = patch | {"metadata": {**(patch.get("metadata") or {}), "uid": uid}} if uid else patch
    try:
        return await client.patch(resource, *where, body, subresource=subresource, kind=kind)
    except Invalid as error:
        causes = (error.status.get("details") or {}).get("causes") or ()
        if any(cause.get("field") == "metadata.uid" for cause in causes):
            raise Conflict(409, error.status) from error
        raise


def binding(step: Bind) -> dict[str, Any]:
    """Build the Binding of a pod to its node; the UID makes it this very pod's."""
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": step.key.name, "namespace": step.key.namespace, "uid": step.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": step.node},
    }


def shows(side: Side, resource: Resource, obj: Obj, *, news: bool = False) -> Awaited:
    """Return what the store will show; ``news`` when the server has put in what was not ours to choose."""
    meta = obj["metadata"]
    shown = at_version(meta.get("uid", ""), meta.get("resourceVersion", ""))
    version = "" if news else meta.get("resourceVersion", "")
    return Awaited(side, resource, meta.get("namespace") or "", meta["name"], shown, version)


def _looks_ours(names: Names, host: HostObj) -> bool:
    return is_labelled(names, host) and annotations(host).get(OBJECT_HOST_NAME) == host["metadata"]["name"]


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
