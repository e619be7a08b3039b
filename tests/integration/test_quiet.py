"""At rest: no write on either side and no poll, as the API servers count, with every default kind in use."""

import asyncio
import re
from collections import Counter

from tests.support.sides import Side, Sides, pod, syncing, until
from vgateway.kube.objects import HostKey, Obj, VirtualKey, get_path
from vgateway.syncer.resources import (
    CLAIMS,
    CONFIGMAPS,
    ENDPOINTS,
    ENDPOINTSLICES,
    EVENTS,
    NODES,
    PODS,
    SECRETS,
    SERVICES,
)

FORCED = {"vcluster.loft.sh/force-sync": "true"}
REQUEST = re.compile(r"apiserver_request_total\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')
# What the API servers do by themselves, and the question of this test.
OWN = ("leases", "flowschemas", "prioritylevelconfigurations")
WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION")
READS = ("LIST", "GET")
QUIET_SECONDS = 15.0


async def requests(side: Side) -> Counter[tuple[str, str]]:
    """Return how often an API server was asked what: (verb, resource), what it does by itself left out."""
    found: Counter[tuple[str, str]] = Counter()
    for line in re.finditer(REQUEST, await side.admin.raw("GET", "/metrics")):
        labels = dict(LABEL.findall(line["labels"]))
        if labels["resource"] not in OWN and labels["resource"]:
            found[labels["verb"], labels["resource"]] += int(float(line["value"]))
    return found


async def run_like_a_kubelet(sides: Sides, name: HostKey) -> None:
    """Bind a host pod and say that it runs, as scheduler and kubelet do."""
    host = sides.host.admin
    target = {"apiVersion": "v1", "kind": "Node", "name": "n1"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name.name}, "target": target}
    await host.create(PODS, name.namespace, binding, name=name.name, subresource="binding")
    status = {
        "phase": "Running",
        "startTime": "2026-01-01T00:00:00Z",
        "hostIP": "192.0.2.1",
        "hostIPs": [{"ip": "192.0.2.1"}],
        "podIP": "10.1.1.1",
        "podIPs": [{"ip": "10.1.1.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "main",
                "ready": True,
                "restartCount": 0,
                "image": "busybox",
                "imageID": "x",
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            }
        ],
    }
    await host.patch(PODS, name.namespace, name.name, {"status": status}, subresource="status")


async def use_everything(sides: Sides, place: str) -> None:
    """Have an object of every kind that is synced by default, used as tenants use it."""
    virtual = sides.virtual.admin

    async def make(resource: object, body: Obj) -> None:
        await virtual.create(resource, place, body)  # type: ignore[arg-type]

    meta = {"name": "app", "labels": {"app": "web"}, "annotations": dict(FORCED)}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    await make(CONFIGMAPS, {"metadata": meta, "data": {"a": "1"}})
    await make(SECRETS, {"metadata": meta, "stringData": {"a": "1"}})
    await make(SERVICES, {"metadata": {"name": "app"}, "spec": {"selector": {"app": "web"}, "ports": ports}})
    await make(SERVICES, {"metadata": {"name": "node"}, "spec": {"type": "NodePort", "ports": ports}})
    await make(SERVICES, {"metadata": {"name": "by-hand"}, "spec": {"ports": ports}})
    subsets = [{"addresses": [{"ip": "10.9.9.9"}], "ports": [{"name": "http", "port": 80}]}]
    await make(ENDPOINTS, {"metadata": {"name": "by-hand"}, "subsets": subsets})
    slices = {
        "metadata": {"name": "by-hand-1", "labels": {"kubernetes.io/service-name": "by-hand"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.9.9.8"]}],
        "ports": [{"name": "http", "port": 80}],
    }
    await make(ENDPOINTSLICES, slices)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await make(CLAIMS, {"metadata": {"name": "data"}, "spec": claim})
    volumes = [
        {"name": "conf", "configMap": {"name": "app"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ]
    await make(PODS, pod("app", volumes=volumes) | {"metadata": {"name": "app", "labels": {"app": "web"}}})


async def tell_of(sides: Sides, twin: HostKey) -> None:
    """Say something about a host pod, as kubelets do."""
    about = await sides.host.admin.get(PODS, twin.namespace, twin.name)
    involved = {
        "apiVersion": "v1",
        "kind": "Pod",
        **{key: about["metadata"][key] for key in ("name", "namespace", "uid")},
    }
    body = {"metadata": {"name": f"{twin.name}.1"}, "involvedObject": involved, "reason": "Started", "message": "m"}
    await sides.host.admin.create(EVENTS, twin.namespace, body | {"type": "Normal"})


async def test_nothing_is_written_and_nothing_is_asked_while_nothing_happens(sides: Sides, place: str) -> None:
    virtual = sides.virtual.admin
    async with syncing(sides) as engine:
        await use_everything(sides, place)
        twin = sides.names.host_key(VirtualKey(place, "app"))
        for resource in (PODS, CONFIGMAPS, SECRETS, SERVICES, CLAIMS):
            await until(lambda resource=resource: sides.twins(resource, place))  # type: ignore[misc]
        await run_like_a_kubelet(sides, twin)
        await tell_of(sides, twin)

        async def arrived() -> bool:
            seen = await virtual.get(PODS, place, "app")
            nodes = [node["metadata"]["name"] for node in (await virtual.list(NODES))["items"]]
            slices, told = await sides.twins(ENDPOINTSLICES, place), await sides.events(place, "app")
            by_hand = await sides.twin(ENDPOINTS, place, "by-hand")
            return bool(get_path(seen, "status.phase") == "Running" and "n1" in nodes and slices and told and by_hand)

        await until(arrived)
        await until(lambda: engine.syncer.controller.idle)

        before = [await requests(side) for side in (sides.virtual, sides.host)]
        assert all(one["PATCH", "pods"] and one["LIST", "pods"] for one in before), "the servers do count"
        await asyncio.sleep(QUIET_SECONDS)
        after = [await requests(side) for side in (sides.virtual, sides.host)]
        news = [now - then for now, then in zip(after, before, strict=True)]
        assert [{asked: n for asked, n in one.items() if asked[0] in (*WRITES, *READS)} for one in news] == [{}, {}]

    # A restart reads everything anew: if anything were rewritten, this is when.
    before = after
    async with syncing(sides) as engine:
        await until(lambda: engine.figure("vgateway_sync_rounds_total", kind="pods", outcome="done"))
        await until(lambda: engine.syncer.controller.idle)
        await asyncio.sleep(1)
        after = [await requests(side) for side in (sides.virtual, sides.host)]
        news = [now - then for now, then in zip(after, before, strict=True)]
        assert [{asked: n for asked, n in one.items() if asked[0] in WRITES} for one in news] == [{}, {}]
