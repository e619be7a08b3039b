"""A wave: pods created at once on one side, followed on both until they run, and what that took."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from benchmarks.processes import own_cpu_seconds
from benchmarks.syncing.objects import DEPLOYMENTS, PODS, REPLICA_SETS, Load
from benchmarks.syncing.observer import LOOK_SECONDS, Side, until
from benchmarks.syncing.place import Gateway
from benchmarks.syncing.timeline import Timeline, delays, percentile
from benchmarks.syncing.writes import HOST, TOKENS, VIRTUAL, Write, count, requests
from vgateway.kube.objects import Resource

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
DONE_WITHIN = 600.0
WRITES = (HOST, VIRTUAL, TOKENS)


@dataclass(frozen=True, slots=True)
class Delays:
    """Percentiles, in seconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Delays":
        """Return the percentiles of sorted values."""
        return cls(percentile(values, 0.5), percentile(values, 0.99))


@dataclass(frozen=True, slots=True)
class Wave:
    """What a wave took; per pod, and CPU in milliseconds."""

    pods_per_s: float
    all_cpu_ms: float
    create_to_host: Delays | None = None
    running_back: Delays | None = None
    cpu_ms: float = 0.0
    host_writes: float = 0.0
    virtual_writes: float = 0.0
    token_requests: float = 0.0


async def prepare(side: Side, namespace: str) -> None:
    """Make a namespace, and wait until pods can be created in it."""
    body = f'{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{namespace}"}}}}'
    await side.ask("POST", NAMESPACES.path(), body.encode(), unless=409)
    async with asyncio.timeout(DONE_WITHIN):
        while not await side.has(ACCOUNTS.path(namespace, "default")):  # noqa: ASYNC110 - a controller makes it soon
            await asyncio.sleep(LOOK_SECONDS)


async def direct_wave(host: Side, load: Load, pids: Sequence[int]) -> Wave:
    """Create the objects straight on the host: what the machine and its API server give."""
    await prepare(host, load.namespace)
    async with host.following(load.namespace) as hosts:
        async with _all_cpu(pids) as used:
            begun = await created(host, load, hosts)
            await until("running on the host", lambda: len(hosts.running) >= load.pods, DONE_WITHIN)
        await clear(host, load, hosts)
    return Wave(_rate(load, begun, hosts), used[0] / load.pods * 1000)


async def synced_wave(
    virtual: Side, host: Side, host_namespace: str, load: Load, gateway: Gateway, pids: Sequence[int]
) -> Wave:
    """Create the objects in the virtual cluster and see them run; they are there afterwards (``clear`` ends them)."""
    await prepare(virtual, load.namespace)
    async with virtual.following(load.namespace) as virtuals, host.following(host_namespace, load.namespace) as hosts:
        before = await _written(virtual, host)
        cpu = gateway.cpu_seconds()
        async with _all_cpu(pids) as used:
            begun = await created(virtual, load, hosts)
            await until("running for the tenant", lambda: len(virtuals.running) >= load.pods, DONE_WITHIN)
        await asyncio.to_thread(gateway.settle)
        cpu = gateway.cpu_seconds() - cpu
        after = await _written(virtual, host)
    wave = Wave(
        _rate(load, begun, hosts),
        used[0] / load.pods * 1000,
        Delays.of(delays(virtuals.seen, hosts.seen)),
        Delays.of(delays(hosts.running, virtuals.running)),
        cpu / load.pods * 1000,
    )
    ours = [count(*pair) / load.pods for pair in zip(before, after, WRITES, strict=True)]
    return replace(wave, host_writes=ours[0], virtual_writes=ours[1], token_requests=ours[2])


async def clear(side: Side, load: Load, *timelines: Timeline) -> None:
    """Delete everything, and wait until the watchers have seen it go."""
    for resource in (DEPLOYMENTS, REPLICA_SETS, PODS) if load.deployments else (PODS,):
        await side.ask("DELETE", f"{resource.path(load.namespace)}?propagationPolicy=Background")
    await until("deleted", lambda: not any(timeline.there for timeline in timelines), DONE_WITHIN)


async def created(side: Side, load: Load, hosts: Timeline) -> float:
    """Create the objects and wait until the host has every pod; return when that began."""
    begun = asyncio.get_running_loop().time()
    await side.create(load.path, load.bodies())
    await until("on the host", lambda: len(hosts.seen) >= load.pods, DONE_WITHIN)
    return begun


def _rate(load: Load, begun: float, hosts: Timeline) -> float:
    return load.pods / (max(hosts.seen.values()) - begun)


async def _written(virtual: Side, host: Side) -> tuple[Counter[Write], ...]:
    of_host, of_virtual = [requests((await side.ask("GET", "/metrics")).body.decode()) for side in (host, virtual)]
    return of_host, of_virtual, of_virtual


@asynccontextmanager
async def _all_cpu(pids: Sequence[int]) -> AsyncIterator[list[float]]:
    """Give a list that holds, after the body, the CPU seconds of the clusters' programs and our own."""
    used: list[float] = []
    before = sum(map(own_cpu_seconds, pids)) + time.process_time()
    yield used
    used.append(sum(map(own_cpu_seconds, pids)) + time.process_time() - before)
