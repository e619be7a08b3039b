"""Sides that do not know the same: fields that one of them drops, and custom resources that come and go.

Two real API servers with the engine between them in this process; features that are off stand for an older version.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.apiserver import ApiServer
from tests.support.sides import Running, Sides, pod, syncing, together, until
from vgateway.config.policies import Policies
from vgateway.config.sync import Sync
from vgateway.errors import ApiError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, Resource, get_path
from vgateway.syncer.registry import select
from vgateway.syncer.resources import DEFINITIONS, PODS
from vgateway.syncer.settings import SyncerSettings

GADGETS = Resource("example.io", "v1", "gadgets", "Gadget")
MISSING = ("HostnameOverride", "ContainerRestartRules", "RestartAllContainersOnContainerExits")
OLDER = {"feature-gates": ",".join(f"{feature}=false" for feature in MISSING)}


@asynccontextmanager
async def older(api: ApiServer) -> AsyncIterator[None]:
    """Have an API server that does not know a few fields."""
    await restart(api, OLDER)
    try:
        yield
    finally:
        await restart(api, {})


async def restart(api: ApiServer, flags: dict[str, str]) -> None:
    api.flags = flags
    await asyncio.to_thread(api.kill)
    await asyncio.to_thread(api.start)


def new_fashioned(name: str) -> Obj:
    """Return a pod with fields that an older API server drops."""
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    main = {"name": "main", "image": "busybox", "restartPolicy": "Never", "restartPolicyRules": rules}
    return pod(name, hostnameOverride="other", containers=[main])


def writes(engine: Running, side: str) -> float:
    samples = [one for metric in engine.registry.collect() for one in metric.samples]
    return sum(one.value for one in samples if one.name == "vgateway_sync_writes_total" and one.labels["side"] == side)


async def touch(client: ApiClient, namespace: str, name: str, turn: int) -> None:
    note = {"metadata": {"annotations": {"turn": str(turn)}}}
    await client.patch(PODS, namespace, name, note)


async def test_a_host_that_drops_fields_is_not_asked_for_them_again_and_again(sides: Sides, place: str) -> None:
    async with older(sides.host.api), syncing(sides) as engine:
        await sides.virtual.admin.create(PODS, place, new_fashioned("web"))
        await until(lambda: sides.twin(PODS, place, "web"))
        copy = await sides.twin(PODS, place, "web")
        assert copy is not None
        assert "hostnameOverride" not in copy["spec"], "the host was meant to drop it"
        virtual = await sides.virtual.admin.get(PODS, place, "web")
        assert virtual["spec"]["hostnameOverride"] == "other"
        await until(lambda: engine.syncer.controller.idle)
        before = writes(engine, "host"), writes(engine, "virtual")
        for turn in range(5):
            await touch(sides.host.admin, sides.names.host_namespace, copy["metadata"]["name"], turn)
        await until(lambda: engine.syncer.controller.idle)
        assert (writes(engine, "host"), writes(engine, "virtual")) == before


async def test_what_the_tenants_older_server_drops_stays_on_the_host_and_is_told_once(sides: Sides, place: str) -> None:
    host, namespace = sides.host.admin, sides.names.host_namespace
    async with older(sides.virtual.api), syncing(sides) as engine:
        await sides.virtual.admin.create(PODS, place, pod("web"))
        await until(lambda: sides.twin(PODS, place, "web"))
        copy = await sides.twin(PODS, place, "web")
        assert copy is not None
        name = copy["metadata"]["name"]
        # What this version of the tenant's cluster has never heard of, in both places where a newer host may say it.
        status = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "podIP": "10.1.1.1", "unheardOf": {"a": 1}}
        await host.patch(PODS, namespace, name, {"status": status}, subresource="status")

        async def runs() -> bool:
            return bool(get_path(await sides.virtual.admin.get(PODS, place, "web"), "status.phase") == "Running")

        await until(runs)
        await until(lambda: engine.syncer.controller.idle)
        before = writes(engine, "host"), writes(engine, "virtual")
        for turn in range(5):
            await touch(host, namespace, name, turn)
        await until(lambda: engine.syncer.controller.idle)
        assert (writes(engine, "host"), writes(engine, "virtual")) == before


def definition(*, keeps_all: bool = True) -> Obj:
    """Return the definition of gadgets; one that does not keep all knows ``spec.size`` only."""
    size = {"type": "object", "properties": {"size": {"type": "integer"}}}
    schema: Obj = {"type": "object", "properties": {"spec": size, "status": {"type": "object"}}}
    for part in schema["properties"].values():
        part["x-kubernetes-preserve-unknown-fields"] = keeps_all or "properties" not in part
    if not keeps_all:
        del size["x-kubernetes-preserve-unknown-fields"]
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.io"},
        "spec": {
            "group": "example.io",
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
            "versions": [version],
        },
    }


def gadget(name: str, **spec: Any) -> Obj:
    return {"apiVersion": "example.io/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}


def with_gadgets(names: Names) -> tuple[tuple[Any, ...], SyncerSettings]:
    """Return the kinds and settings of a configuration that declares them."""
    declared = {"gadgets.example.io": {"enabled": True, "version": "v1", "kind": "Gadget"}}
    sync = Sync.model_validate({"toHost": {"customResources": declared}})
    settings = SyncerSettings(names, "vc", "10.0.0.9", virtual_version=lambda: "v1.36.0", sync=sync)
    return select(sync, Policies()), settings


async def defined(client: ApiClient, *, keeps_all: bool = True) -> None:
    await client.create(DEFINITIONS, "", definition(keeps_all=keeps_all))
    await until(lambda: serves(client))


async def serves(client: ApiClient) -> bool:
    try:
        await client.list(GADGETS)
    except ApiError:
        return False
    return True


async def undefined(client: ApiClient) -> None:
    try:
        await client.delete(DEFINITIONS, "", "gadgets.example.io")
    except NotFound:
        return

    async def is_gone() -> bool:
        return not await serves(client)

    await until(is_gone)


@pytest.fixture
async def undefined_after(sides: Sides) -> AsyncIterator[None]:
    yield
    for side in (sides.virtual, sides.host):
        await undefined(side.admin)


async def gadgets(sides: Sides, place: str) -> set[str]:
    try:
        return {name for _, name in await sides.twins(GADGETS, place)}
    except NotFound:
        return set()


@pytest.mark.usefixtures("undefined_after")
async def test_custom_resources_come_and_go_on_either_side_while_they_are_followed(sides: Sides, place: str) -> None:
    virtual, host = sides.virtual.admin, sides.host.admin
    kinds, settings = with_gadgets(sides.names)

    async def are(names: set[str]) -> bool:
        return await gadgets(sides, place) == names

    async with syncing(sides, kinds, settings) as engine:
        # Neither side has them, and everything else works.
        await virtual.create(PODS, place, pod("other"))
        await until(lambda: sides.twin(PODS, place, "other"))

        # The tenant has them first: they wait for the host without a try in vain.
        await defined(virtual)
        await together(virtual.create(GADGETS, place, gadget(name, size=1)) for name in ("a", "b"))
        await until(lambda: engine.syncer.controller.idle)
        assert engine.figure("vgateway_sync_writes_total", side="host", verb="create", resource="gadgets") == 0
        await defined(host)
        await until(lambda: are({"a", "b"}))

        # The host loses them and gets them again: the tenant's stay and are copied anew.
        await undefined(host)
        await virtual.create(GADGETS, place, gadget("c", size=1))
        await defined(host)
        await until(lambda: are({"a", "b", "c"}))

        # The tenant's cluster drops the definition: with it go all objects, and their copies. The host's comes anew.
        await virtual.delete(DEFINITIONS, "", "gadgets.example.io")
        await until(lambda: are(set()))
        await until(lambda: serves(virtual))
        await virtual.create(GADGETS, place, gadget("d", size=1))
        await until(lambda: are({"d"}))


@pytest.mark.usefixtures("undefined_after")
async def test_a_definition_that_vanishes_while_nobody_watches_takes_its_copies_along(sides: Sides, place: str) -> None:
    virtual, host = sides.virtual, sides.host
    kinds, settings = with_gadgets(sides.names)
    for side in (virtual, host):
        await defined(side.admin)

    async def are(names: set[str]) -> bool:
        return await gadgets(sides, place) == names

    async with syncing(sides, kinds, settings) as engine:
        await virtual.admin.create(GADGETS, place, gadget("a", size=1))
        await until(lambda: are({"a"}))
        # The engine's watch dies with the server, and etcd loses the definition and its objects meanwhile.
        await asyncio.to_thread(virtual.api.kill)
        virtual.api.forget("/registry/apiextensions.k8s.io/customresourcedefinitions/gadgets.example.io")
        virtual.api.forget("/registry/example.io/gadgets/")
        await asyncio.to_thread(virtual.api.start)
        await until(lambda: are(set()))
        await until(lambda: engine.syncer.controller.idle)


@pytest.mark.usefixtures("undefined_after")
async def test_a_host_definition_that_prunes_fields_makes_no_loop(sides: Sides, place: str) -> None:
    virtual, host = sides.virtual.admin, sides.host.admin
    kinds, settings = with_gadgets(sides.names)
    await defined(virtual)
    await defined(host, keeps_all=False)
    async with syncing(sides, kinds, settings) as engine:
        await virtual.create(GADGETS, place, gadget("a", size=1, color="red"))
        await until(lambda: sides.twin(GADGETS, place, "a"))
        await until(lambda: engine.syncer.controller.idle)
        copy = await sides.twin(GADGETS, place, "a")
        assert copy is not None
        assert copy["spec"] == {"size": 1}, "the host was meant to prune it"

        async def has_size(size: int) -> bool:
            found = await sides.twin(GADGETS, place, "a")
            return found is not None and found["spec"] == {"size": size}

        await virtual.patch(GADGETS, place, "a", {"spec": {"size": 2}})
        await until(lambda: has_size(2))
        await until(lambda: engine.syncer.controller.idle)
        where = sides.names.host_namespace, copy["metadata"]["name"]
        before = writes(engine, "host")
        for turn in range(6):
            await host.patch(GADGETS, *where, {"status": {"turn": turn}}, subresource="status")

            async def told(turn: int = turn) -> bool:
                return bool(get_path(await virtual.get(GADGETS, place, "a"), "status.turn") == turn)

            await until(told)
        # At most the one try after the last change that had an effect.
        assert writes(engine, "host") <= before + 1, "what the host drops is not sent with every look"
        assert (await virtual.get(GADGETS, place, "a"))["spec"] == {"size": 2, "color": "red"}
