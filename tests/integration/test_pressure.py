"""API servers that are slow, busy, frozen, killed or silently gone: the engine loses nothing and does not insist.

Two real API servers with the engine between them in this process; what it logs and counts is looked at too.
"""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.apiserver import ApiServer
from tests.support.cable import Cable
from tests.support.sides import Running, Sides, pod, syncing, together, until
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import Resource, annotations
from vgateway.syncer.resources import PODS

FLOW = "flowcontrol.apiserver.k8s.io"
PRIORITY_LEVELS = Resource(FLOW, "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", namespaced=False)
FLOW_SCHEMAS = Resource(FLOW, "v1", "flowschemas", "FlowSchema", namespaced=False)
# A host that is far too small.
TINY = {"enable-priority-and-fairness": "false", "max-requests-inflight": "3", "max-mutating-requests-inflight": "2"}


async def make_pods(client: ApiClient, namespace: str, how_many: int, prefix: str = "p") -> set[str]:
    names = [f"{prefix}{number}" for number in range(how_many)]
    await together(client.create(PODS, namespace, pod(name)) for name in names)
    return set(names)


async def copied(sides: Sides, place: str) -> set[str]:
    return {name for _, name in await sides.twins(PODS, place)}


async def uids(client: ApiClient, namespace: str) -> set[str]:
    return {obj["metadata"]["uid"] for obj in (await client.list(PODS, namespace))["items"]}


async def owners(sides: Sides, place: str) -> set[str]:
    found = await sides.twins(PODS, place)
    return {annotations(obj)["vcluster.loft.sh/object-uid"] for obj in found.values()}


def calls(engine: Running, method: str, code: int, side: str = "host") -> float:
    return engine.figure("vgateway_api_calls_total", side=side, method=method, code=str(code))


def loud(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if entry["log_level"] != "debug"]


async def restart(api: ApiServer, **flags: str) -> None:
    api.flags = flags
    await asyncio.to_thread(api.kill)
    await asyncio.to_thread(api.start)


async def test_a_quiet_namespaces_pod_starts_while_thousands_of_anothers_wait(sides: Sides, place: str) -> None:
    busy = await sides.make_namespace(f"{place}-busy")
    await make_pods(sides.virtual.admin, busy, 2000)
    async with syncing(sides) as engine:
        queue = engine.syncer.controller.queue
        await until(lambda: engine.figure("vgateway_sync_writes_total", side="host", verb="create", resource="pods"))
        await sides.virtual.admin.create(PODS, place, pod("quiet"))
        await until(lambda: sides.twin(PODS, place, "quiet"))
        waiting = len(queue)
        assert waiting > 1000, f"only {waiting} others still waited: nothing was proved"
        await until(lambda: not len(queue) and not queue.taken)
        assert len(await sides.twins(PODS, busy)) == 2000


async def test_a_host_that_is_too_small_gets_patience_and_every_object_in_the_end(sides: Sides, place: str) -> None:
    host = sides.host.api
    await restart(host, **TINY)
    try:
        await all_arrive_under_429s(sides, place)
    finally:
        await restart(host)


async def test_a_host_that_grants_us_a_share_gets_patience_and_every_object_in_the_end(
    sides: Sides, place: str
) -> None:
    level = {
        "metadata": {"name": "engines"},
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": 1,
                "lendablePercent": 0,
                "borrowingLimitPercent": 0,
                "limitResponse": {"type": "Reject"},
            },
        },
    }
    every = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    rule = {"subjects": [{"kind": "Group", "group": {"name": "engines"}}], "resourceRules": [every]}
    schema = {
        "metadata": {"name": "engines"},
        "spec": {"priorityLevelConfiguration": {"name": "engines"}, "matchingPrecedence": 100, "rules": [rule]},
    }
    admin = sides.host.admin
    await admin.create(PRIORITY_LEVELS, "", level)
    await admin.create(FLOW_SCHEMAS, "", schema)
    try:
        await all_arrive_under_429s(sides, place)
    finally:
        await admin.delete(FLOW_SCHEMAS, "", "engines")
        await admin.delete(PRIORITY_LEVELS, "", "engines")


async def all_arrive_under_429s(sides: Sides, place: str) -> None:
    """Have 300 pods made while the host refuses what is too much for it."""
    async with syncing(sides) as engine:
        with capture_logs() as logs:
            names = await make_pods(sides.virtual.admin, place, 300)
            await until(lambda: is_equal(sides, place, names))
            refused = calls(engine, "POST", 429)
            assert refused > 0, "the host never asked for patience: nothing was proved"
            # Far fewer tries in vain than objects: whoever was refused waited as long as was asked.
            assert refused < len(names)
            await until(lambda: engine.syncer.controller.idle)
        assert len(loud(logs)) < 30, loud(logs)[:5]


async def is_equal(sides: Sides, place: str, names: set[str]) -> bool:
    return await copied(sides, place) == names


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_what_happens_while_the_host_is_gone_is_made_up_for(sides: Sides, place: str, how: str) -> None:
    admin, host = sides.virtual.admin, sides.host.api
    async with syncing(sides, call_seconds=4.0) as engine:
        names = await make_pods(admin, place, 40, "old")
        await until(lambda: is_equal(sides, place, names))
        with capture_logs() as logs:
            await asyncio.to_thread(host.kill) if how == "killed" else host.freeze()
            await make_pods(admin, place, 120, "new")
            await together(admin.delete(PODS, place, f"old{number}", grace_seconds=0) for number in range(20))
            labels = {"metadata": {"labels": {"seen": "meanwhile"}}}
            await together(admin.patch(PODS, place, f"old{number}", labels) for number in range(20, 40))
            # The same name, another pod.
            await admin.delete(PODS, place, "old20", grace_seconds=0)
            await admin.create(PODS, place, pod("old20"))
            await until(lambda: engine.syncer.controller.pace.in_a_row >= 3)
            await asyncio.to_thread(host.start) if how == "killed" else host.thaw()

            async def made_up() -> bool:
                return await owners(sides, place) == await uids(admin, place)

            await until(made_up)
            await until(lambda: labelled(sides, place))
        assert len(loud(logs)) < 120, [entry["event"] for entry in loud(logs)]


async def labelled(sides: Sides, place: str) -> bool:
    found = await sides.twins(PODS, place)
    return all(found[place, f"old{n}"]["metadata"]["labels"].get("seen") == "meanwhile" for n in range(21, 40))


async def test_a_peer_that_falls_silent_is_left_and_nothing_is_lost_or_doubled(sides: Sides, place: str) -> None:
    admin = sides.virtual.admin
    async with Cable(sides.host.api.port) as cable:
        away = replace(sides, host=replace(sides.host, port=cable.port))
        async with syncing(away, call_seconds=3.0, idle_seconds=5.0, watch_seconds=60) as engine:
            names = await make_pods(admin, place, 30, "old")
            await until(lambda: is_equal(sides, place, names))
            cable.hang()
            names |= await make_pods(admin, place, 60, "new")
            gone = (await sides.twins(PODS, place))[place, "old7"]
            await sides.host.admin.delete(PODS, sides.names.host_namespace, gone["metadata"]["name"])
            # Only a watch that works again shows that this one went and must be made anew.
            await until(lambda: is_equal(sides, place, names))
            again = await sides.twin(PODS, place, "old7")
            assert again is not None
            assert again["metadata"]["uid"] != gone["metadata"]["uid"]
            assert calls(engine, "POST", 0) > 0, "no write was ever cut off: nothing was proved"
