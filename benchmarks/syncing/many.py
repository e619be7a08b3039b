"""Many virtual clusters on one host: what the quiet ones notice of a greedy one.

A virtual control plane takes some 350 MB and a good part of a core while it starts, so their number is the machine's
to choose: VGATEWAY_BENCH_CLUSTERS.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import chain

from benchmarks.figures import VGATEWAY
from benchmarks.run import Run
from benchmarks.syncing.objects import Load
from benchmarks.syncing.observer import Side, until
from benchmarks.syncing.place import Bench
from benchmarks.syncing.timeline import Timeline, delays, percentile
from benchmarks.syncing.waves import DONE_WITHIN, clear, prepare
from vgateway.local.progress import Step

MANY = tuple(f"many-{number}" for number in range(1, int(os.environ.get("VGATEWAY_BENCH_CLUSTERS", "6")) + 1))
NAMESPACE = "bench"
QUIET_PODS = 100
GREEDY_PODS = 1000
KIB = 1024


@dataclass(frozen=True, slots=True)
class Tenant:
    """One virtual cluster, and what watchers see of it."""

    name: str
    virtual: Side
    virtuals: Timeline
    hosts: Timeline

    async def create(self, load: Load) -> list[float]:
        """Create pods; return how long each took to the host."""
        await self.virtual.create(load.path, load.bodies())
        await until(f"{self.name}: on the host", lambda: len(self.hosts.seen) >= load.pods, DONE_WITHIN)
        return delays(self.virtuals.seen, self.hosts.seen)

    async def clear(self, load: Load) -> None:
        """Delete them and forget what was seen."""
        await clear(self.virtual, load, self.virtuals, self.hosts)
        for timeline in (self.virtuals, self.hosts):
            timeline.seen.clear()
            timeline.running.clear()


async def many(run: Run, bench: Bench, step: Step) -> None:
    """Have all create as much, then one of them ten times as much as the others."""
    add = run.samples.add
    gateways = [bench.gateway(name) for name in MANY]
    gateways[-1].settle()
    add("sync.many.idle_pss_mib", VGATEWAY, sum(gateway.memory_kib()[1] for gateway in gateways) / len(MANY) / KIB)
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(bench.host())
        tenants = [await _tenant(stack, bench, host, name) for name in MANY]
        quiet = Load(NAMESPACE, QUIET_PODS)
        step.note(f"{len(tenants)} virtual clusters, {quiet.pods} pods in each")
        alone = await _all([(tenant, quiet) for tenant in tenants])
        add("sync.many.alone_p99_s", VGATEWAY, percentile(sorted(chain(*alone)), 0.99))
        step.note(f"one of them creates {GREEDY_PODS} pods")
        greedy = Load(NAMESPACE, GREEDY_PODS)
        first, *others = await _all([(tenants[0], greedy), *((tenant, quiet) for tenant in tenants[1:])])
        add("sync.many.greedy_p99_s", VGATEWAY, percentile(first, 0.99))
        together = sorted(chain(*others))
        add("sync.many.quiet_p50_s", VGATEWAY, percentile(together, 0.5))
        add("sync.many.quiet_p99_s", VGATEWAY, percentile(together, 0.99))


async def _tenant(stack: AsyncExitStack, bench: Bench, host: Side, name: str) -> Tenant:
    virtual = await stack.enter_async_context(bench.virtual(name))
    await prepare(virtual, NAMESPACE)
    virtuals = await stack.enter_async_context(virtual.following(NAMESPACE))
    hosts = await stack.enter_async_context(host.following(bench.host_namespace(name), NAMESPACE))
    return Tenant(name, virtual, virtuals, hosts)


async def _all(work: list[tuple[Tenant, Load]]) -> list[list[float]]:
    """Create everything at once, then delete it."""
    async with asyncio.TaskGroup() as tasks:
        under_way = [tasks.create_task(tenant.create(load)) for tenant, load in work]
    async with asyncio.TaskGroup() as tasks:
        for tenant, load in work:
            tasks.create_task(tenant.clear(load))
    return [task.result() for task in under_way]
