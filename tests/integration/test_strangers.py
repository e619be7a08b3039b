"""Who else writes on the host: strangers, administrators and admission webhooks; and tenants who pretend.

Two real API servers with the engine between them in this process.
"""

import asyncio
from typing import Any

import pytest

from tests.support.sides import Running, Sides, pod, syncing, until
from tests.support.webhook import admission_webhook
from vgateway.errors import Invalid
from vgateway.kube.objects import Obj, VirtualKey, annotations, labels
from vgateway.syncer.resources import CONFIGMAPS, PODS, SECRETS, SERVICES
from vgateway.syncer.waker import every_key

VC = "vcluster.loft.sh"
FORCED = {f"{VC}/force-sync": "true"}
RESOURCES = {"configmaps": CONFIGMAPS, "secrets": SECRETS, "services": SERVICES, "pods": PODS}


def content(plural: str) -> Obj:
    """Return what an object of a resource holds, valid and small."""
    match plural:
        case "pods":
            return {"spec": pod("x")["spec"]}
        case "services":
            return {"spec": {"ports": [{"name": "a", "port": 80}]}}
        case _:
            return {"data": {"key": "dmFsdWU="}}


def config(name: str, **meta: Any) -> Obj:
    return {"metadata": {"name": name, "annotations": dict(FORCED)} | meta, "data": {"key": "value"}}


async def look_at_everything(engine: Running) -> None:
    """Have every key looked at once more, and wait until that is done."""
    controller = engine.syncer.controller
    for kind in controller._reconciler.kinds.values():
        for key in every_key(kind, engine.syncer.view):
            controller.wake((kind.name, key))
    await until(lambda: controller.idle)


def host_writes(engine: Running) -> float:
    samples = [sample for metric in engine.registry.collect() for sample in metric.samples]
    return sum(
        one.value for one in samples if one.name == "vgateway_sync_writes_total" and one.labels["side"] == "host"
    )


@pytest.mark.parametrize("plural", RESOURCES)
async def test_what_merely_looks_like_ours_is_left_alone_and_the_tenant_is_told_once(
    sides: Sides, place: str, plural: str
) -> None:
    resource, host, namespace = RESOURCES[plural], sides.host.admin, sides.names.host_namespace
    taken = sides.names.host_key(VirtualKey(place, "taken")).name
    marks = {
        f"{VC}/object-name": "copied",
        f"{VC}/object-namespace": place,
        f"{VC}/object-host-name": "elsewhere",
        f"{VC}/object-kind": f"/v1, Kind={resource.kind}",
    }
    ours = {f"{VC}/managed-by": "vc", f"{VC}/namespace": place}
    strangers: list[dict[str, Any]] = [
        {"name": taken},
        {"name": "labelled", "labels": ours},
        {"name": "copied", "labels": ours, "annotations": marks},
    ]
    before = [await host.create(resource, namespace, {"metadata": meta, **content(plural)}) for meta in strangers]
    async with syncing(sides) as engine:
        wish = {"metadata": {"name": "taken", "annotations": dict(FORCED)}, **content(plural)}
        await sides.virtual.admin.create(resource, place, wish)

        async def told() -> list[str]:
            return [event["reason"] for event in await sides.events(place, "taken")]

        await until(told)
        for _ in range(3):
            await look_at_everything(engine)
        assert await told() == ["NameTaken"]
        after = [await host.get(resource, namespace, meta["name"]) for meta in strangers]
        assert after == before

        # The stranger goes, and the name is ours.
        await host.delete(resource, namespace, taken, grace_seconds=0)
        await sides.virtual.admin.patch(resource, place, "taken", {"metadata": {"labels": {"look": "again"}}})
        await until(lambda: sides.twin(resource, place, "taken"))
    for meta in strangers[1:]:
        await host.delete(resource, namespace, meta["name"], grace_seconds=0)


async def test_a_tenant_who_wears_our_marks_gains_nothing(sides: Sides, place: str) -> None:
    host, namespace = sides.host.admin, sides.names.host_namespace
    await host.create(CONFIGMAPS, namespace, config("prey"))
    prey = await host.get(CONFIGMAPS, namespace, "prey")
    forged = {
        "labels": {f"{VC}/managed-by": "another", f"{VC}/namespace": "kube-system", f"{VC}/ns-label-vc-x-1": "boss"},
        "annotations": FORCED
        | {
            f"{VC}/object-name": "prey",
            f"{VC}/object-namespace": "kube-system",
            f"{VC}/object-host-name": "prey",
            f"{VC}/object-host-namespace": "kube-system",
            f"{VC}/object-uid": prey["metadata"]["uid"],
            f"{VC}/remade-service": "{}",
        },
    }
    async with syncing(sides) as engine:
        await sides.virtual.admin.create(CONFIGMAPS, place, config("forger", **forged))
        await sides.virtual.admin.create(PODS, place, pod("forger") | {"metadata": {"name": "forger", **forged}})
        for resource in (CONFIGMAPS, PODS):
            await until(lambda resource=resource: sides.twin(resource, place, "forger"))  # type: ignore[misc]
            copy = await sides.twin(resource, place, "forger")
            assert copy is not None
            assert labels(copy)[f"{VC}/managed-by"] == "vc"
            assert labels(copy)[f"{VC}/namespace"] == place
            assert f"{VC}/ns-label-vc-x-1" not in labels(copy)
            assert annotations(copy)[f"{VC}/object-uid"] != prey["metadata"]["uid"]
            assert annotations(copy)[f"{VC}/object-host-name"] == copy["metadata"]["name"]
        await sides.virtual.admin.delete(CONFIGMAPS, place, "forger")
        await until(lambda: is_gone(sides, place, "forger"))
        await until(lambda: engine.syncer.controller.idle)
    assert await host.get(CONFIGMAPS, namespace, "prey") == prey
    await host.delete(CONFIGMAPS, namespace, "prey")


async def is_gone(sides: Sides, place: str, name: str) -> bool:
    return await sides.twin(CONFIGMAPS, place, name) is None


async def test_copies_that_are_edited_or_deleted_on_the_host_are_put_right(sides: Sides, place: str) -> None:
    host, namespace = sides.host.admin, sides.names.host_namespace
    async with syncing(sides):
        await sides.virtual.admin.create(CONFIGMAPS, place, config("ours", labels={"app": "web"}))
        await until(lambda: sides.twin(CONFIGMAPS, place, "ours"))
        name = sides.names.host_key(VirtualKey(place, "ours")).name
        edit = {"data": {"key": "edited"}, "metadata": {"labels": {"app": "edited", "audited": "yes"}}}
        await host.patch(CONFIGMAPS, namespace, name, edit)

        async def is_right(audited: str | None) -> bool:
            copy = await sides.twin(CONFIGMAPS, place, "ours")
            wanted = {"app": "web", "audited": audited}
            have = {key: labels(copy).get(key) for key in wanted} if copy else {}
            return copy is not None and copy["data"] == {"key": "value"} and have == wanted

        await until(lambda: is_right("yes"))
        await host.delete(CONFIGMAPS, namespace, name)
        await until(lambda: is_right(None))


def inject(obj: Obj) -> list[Obj]:
    """Do what service meshes and policies do: label, annotate, add a container and a toleration, over and over."""
    meta = obj["metadata"]
    steps: list[Obj] = [{"op": "add", "path": "/metadata/annotations/mesh.io~1injected", "value": "yes"}]
    if meta.get("labels", {}).get("app") == "web":
        steps.append({"op": "replace", "path": "/metadata/labels/app", "value": "renamed"})
    names = [one["name"] for one in obj.get("spec", {}).get("containers") or ()]
    if names and "proxy" not in names:
        steps.append({"op": "add", "path": "/spec/containers/-", "value": {"name": "proxy", "image": "proxy"}})
    if "data" in obj:
        steps.append({"op": "add", "path": "/data/added", "value": "by-policy"})
    return steps


async def test_what_an_admission_webhook_puts_in_stays_and_is_not_fought_over(sides: Sides, place: str) -> None:
    host, namespace = sides.host.admin, sides.names.host_namespace
    virtual = sides.virtual.admin
    async with (
        admission_webhook(host, sides.host.api.authority, namespace, inject, "pods", "configmaps") as webhook,
        syncing(sides) as engine,
    ):
        await virtual.create(PODS, place, pod("meshed") | {"metadata": {"name": "meshed", "labels": {"app": "web"}}})
        await virtual.create(CONFIGMAPS, place, config("policed"))
        for resource, name in ((PODS, "meshed"), (CONFIGMAPS, "policed")):
            await until(lambda resource=resource, name=name: sides.twin(resource, place, name))  # type: ignore[misc]
        await until(lambda: engine.syncer.controller.idle)
        await look_at_everything(engine)

        copy = await sides.twin(PODS, place, "meshed")
        assert copy is not None
        assert [one["name"] for one in copy["spec"]["containers"]] == ["main", "proxy"]
        assert annotations(copy)["mesh.io/injected"] == "yes"
        seen = await virtual.get(PODS, place, "meshed")
        assert [one["name"] for one in seen["spec"]["containers"]] == ["main"]
        policed = await sides.twin(CONFIGMAPS, place, "policed")
        assert policed is not None
        assert policed["data"] == {"key": "value", "added": "by-policy"}

        # The tenant's own change goes through, and the webhook's stays.
        await virtual.patch(CONFIGMAPS, place, "policed", {"data": {"key": "changed"}})
        await until(lambda: has_data(sides, place, {"key": "changed", "added": "by-policy"}))
        # What both want is not fought over: nobody writes while nothing happens.
        asked, written = len(webhook.asked), host_writes(engine)
        await until(lambda: engine.syncer.controller.idle)
        await asyncio.sleep(5)
        assert (len(webhook.asked), host_writes(engine)) == (asked, written)


async def has_data(sides: Sides, place: str, data: dict[str, str]) -> bool:
    copy = await sides.twin(CONFIGMAPS, place, "policed")
    return copy is not None and copy["data"] == data


@pytest.mark.parametrize("reachable", [True, False], ids=["that-refuses", "that-cannot-be-reached"])
async def test_an_admission_webhook_is_shown_as_one_event_and_asked_with_growing_patience(
    sides: Sides, place: str, reachable: bool
) -> None:
    host, namespace, virtual = sides.host.admin, sides.names.host_namespace, sides.virtual.admin

    def refuse(obj: Obj) -> str:
        return f"no {obj['metadata']['name']} here"

    async with syncing(sides) as engine:
        hook = admission_webhook(host, sides.host.api.authority, namespace, refuse, "pods", reachable=reachable)
        async with hook as webhook:
            await asyncio.sleep(2)  # an API server takes a moment to know its webhooks
            await virtual.create(PODS, place, pod("unwanted"))
            await virtual.create(CONFIGMAPS, place, config("welcome"))
            await until(lambda: sides.events(place, "unwanted"))
            await until(lambda: sides.twin(CONFIGMAPS, place, "welcome"))
            tries = engine.figure("vgateway_sync_rounds_total", kind="pods", outcome="refused")
            await until(lambda: engine.figure("vgateway_sync_rounds_total", kind="pods", outcome="refused") > tries + 3)
            (event,) = await sides.events(place, "unwanted")
            assert (event["reason"], event["type"]) == ("HostRefused", "Warning")
            assert ("no unwanted here" if reachable else "failed calling webhook") in event["message"]
            assert namespace not in event["message"].replace(f"-x-{place}", "")
            assert await sides.twin(PODS, place, "unwanted") is None
            assert len(webhook.asked) < 20, "each try waits longer than the one before"
            assert engine.syncer.controller.pace.limit > 8, "it is this object's trouble, not the host's"
        await until(lambda: sides.twin(PODS, place, "unwanted"))


async def test_an_object_that_the_host_finds_invalid_is_shown_and_the_next_version_is_tried(
    sides: Sides, place: str
) -> None:
    virtual = sides.virtual.admin
    async with syncing(sides) as engine:
        with pytest.raises(Invalid):
            await virtual.create(PODS, place, pod("x", containers=[]))
        # Valid for the tenant, but not under the host's longer annotations: they have a limit together.
        big = config("big", annotations=FORCED | {"filler": "x" * (256 * 1024 - 100)})
        await virtual.create(CONFIGMAPS, place, big)
        await until(lambda: sides.events(place, "big"))
        await virtual.patch(CONFIGMAPS, place, "big", {"metadata": {"annotations": {"filler": None}}})
        await until(lambda: sides.twin(CONFIGMAPS, place, "big"))
        await until(lambda: engine.syncer.controller.idle)
        assert len(await sides.events(place, "big")) == 1
