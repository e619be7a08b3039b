"""Services created at once: past the front, where the syncer mends them, and through it, in either encoding."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from benchmarks.figures import DIRECT, VGATEWAY
from benchmarks.run import Run
from benchmarks.syncing.observer import HANDS, LOOK_SECONDS, Side
from benchmarks.syncing.place import CLUSTER, Bench, Gateway
from benchmarks.syncing.timeline import percentile
from benchmarks.syncing.waves import DONE_WITHIN, prepare
from tests.support.protobuf import PROTOBUF, encoded_service
from vgateway.kube.client import JSON
from vgateway.kube.objects import Obj
from vgateway.kube.ownership import NAMESPACE_LABEL, OBJECT_NAME
from vgateway.local.progress import Step
from vgateway.syncer.resources import SERVICES

MANY = 1000
ALONE = 50
ROUNDS = 2
MADE_ANEW = 'vgateway_sync_writes_total{resource="services",side="virtual",verb="create"}'


@dataclass(frozen=True, slots=True)
class Way:
    """How Services come: the row of figures, the contender, and by which server in which encoding."""

    row: str
    contender: str
    through_front: bool
    encoding: str

    def body(self, namespace: str, name: str) -> bytes:
        """Return a Service as it is sent."""
        ports = [{"port": 80, "targetPort": 8080}]
        service: Obj = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"app": name}, "ports": ports},
        }
        return encoded_service(service) if self.encoding == PROTOBUF else orjson.dumps(service)


WAYS = (
    Way("service.json", DIRECT, through_front=False, encoding=JSON),
    Way("service.json", VGATEWAY, through_front=True, encoding=JSON),
    Way("service.protobuf", DIRECT, through_front=False, encoding=PROTOBUF),
    Way("service.protobuf", VGATEWAY, through_front=True, encoding=PROTOBUF),
)


@dataclass(frozen=True, slots=True)
class Services:
    """Where they are made, and who looks."""

    bench: Bench
    host: Side
    virtual: Side

    async def wave(self, way: Way, side: Side, namespace: str, run: Run) -> None:
        """Create one after the other, then many at once; measure until both sides agree, and take them away."""
        await prepare(self.virtual, namespace)
        gateway, path, add = self.bench.gateway(CLUSTER), SERVICES.path(namespace), run.samples.add
        alone = await _created(side, path, [way.body(namespace, f"alone-{n}") for n in range(ALONE)], way.encoding, 1)
        await self._agreed(namespace, ALONE)
        await asyncio.to_thread(gateway.settle)
        anew, spent, begun = _made_anew(gateway), gateway.cpu_seconds(), time.monotonic()
        bodies = [way.body(namespace, f"many-{n}") for n in range(MANY)]
        took = await _created(side, path, bodies, way.encoding, HANDS)
        await self._agreed(namespace, ALONE + MANY)
        settled = time.monotonic() - begun
        await asyncio.to_thread(gateway.settle)
        add(f"{way.row}.alone_p50_ms", way.contender, percentile(alone, 0.5) * 1000)
        add(f"{way.row}.p50_ms", way.contender, percentile(took, 0.5) * 1000)
        add(f"{way.row}.p99_ms", way.contender, percentile(took, 0.99) * 1000)
        add(f"{way.row}.agreed_s", way.contender, settled)
        add(f"{way.row}.cpu_ms", way.contender, (gateway.cpu_seconds() - spent) / MANY * 1000)
        add(f"{way.row}.made_anew", way.contender, _made_anew(gateway) - anew)
        await self.virtual.ask("DELETE", path)
        await self._agreed(namespace, 0)

    async def _agreed(self, namespace: str, count: int) -> None:
        """Wait until both sides have so many Services of a namespace, with the same addresses."""
        async with asyncio.timeout(DONE_WITHIN):
            while True:
                ours = await _addresses(self.virtual, SERVICES.path(namespace))
                where = SERVICES.path(self.bench.host_namespace(CLUSTER))
                theirs = await _addresses(self.host, f"{where}?labelSelector={NAMESPACE_LABEL}%3D{namespace}")
                if len(ours) == count and ours == theirs:
                    return
                await asyncio.sleep(LOOK_SECONDS * 4)


async def _created(side: Side, path: str, bodies: Sequence[bytes], encoding: str, hands: int) -> list[float]:
    """Create Services, so many at a time; return how long each took, sorted."""
    waiting, took = iter(bodies), list[float]()

    async def hand() -> None:
        for body in waiting:
            begun = time.perf_counter()
            await side.ask("POST", path, body, encoding=encoding)
            took.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(hands):
            tasks.create_task(hand())
    return sorted(took)


async def _addresses(side: Side, path: str) -> dict[str, str]:
    found = orjson.loads((await side.ask("GET", path)).body)["items"]
    return {_tenants_name(one): one["spec"]["clusterIP"] for one in found}


def _tenants_name(service: Obj) -> str:
    meta = service["metadata"]
    return str((meta.get("annotations") or {}).get(OBJECT_NAME) or meta["name"])


def _made_anew(gateway: Gateway) -> float:
    """Return how many Services of the tenant's the syncer has created: each was there before, as another object."""
    return gateway.labelled(MADE_ANEW)


async def services(run: Run, bench: Bench, step: Step) -> None:
    """Measure every way."""
    async with bench.host() as host, bench.virtual(CLUSTER) as virtual, bench.front(CLUSTER) as front:
        rows = Services(bench, host, virtual)
        for number in range(min(run.rounds, ROUNDS)):
            for way in WAYS:
                if run.wants_row(way.row) and way.contender in run.starter.names:
                    step.note(f"{way.row}, {way.contender}: round {number + 1}")
                    namespace = f"{way.row.replace('.', '-')}-{way.contender}-{number}"
                    await rows.wave(way, front if way.through_front else virtual, namespace, run)
