"""20,000 pods created and deleted in waves: whatever the process gains from wave to wave, it loses for good.

A day's churn: Events, which API servers keep for an hour, are taken away after each wave.
"""

import asyncio
from dataclasses import dataclass

from benchmarks.figures import VGATEWAY
from benchmarks.run import Run
from benchmarks.syncing.objects import Load
from benchmarks.syncing.place import CLUSTER, Bench, Gateway
from benchmarks.syncing.waves import clear, created, prepare
from vgateway.local.progress import Step
from vgateway.syncer.resources import EVENTS

WAVES = 20
PODS = 1000
NAMESPACE = "bench-churn"
# The first waves fill pools and caches.
WARM = 3


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds when nothing is left of a wave."""

    memory_kib: float
    tasks: float
    open_files: int


def held(gateway: Gateway) -> Held:
    """Look at the process."""
    return Held(gateway.memory_kib()[0], gateway.metric("vgateway_tasks"), gateway.open_files())


async def churn(run: Run, bench: Bench, step: Step) -> None:
    """Run the waves and print what is held after each."""
    gateway, load = bench.gateway(CLUSTER), Load(NAMESPACE, PODS)
    found = []
    async with bench.host() as host, bench.virtual(CLUSTER) as virtual:
        await prepare(virtual, NAMESPACE)
        for number in range(1, WAVES + 1):
            async with (
                virtual.following(NAMESPACE) as virtuals,
                host.following(bench.host_namespace(CLUSTER), NAMESPACE) as hosts,
            ):
                await created(virtual, load, hosts)
                await clear(virtual, load, virtuals, hosts)
            await asyncio.to_thread(gateway.settle)
            for side, namespace in ((host, bench.host_namespace(CLUSTER)), (virtual, NAMESPACE)):
                await side.ask("DELETE", EVENTS.path(namespace))
            await asyncio.to_thread(gateway.settle)
            now = held(gateway)
            found.append(now)
            step.note(f"wave {number} of {WAVES}")
            run.progress.say(
                f"{number * PODS} pods came and went: {now.memory_kib / 1024:.1f} MiB, {now.tasks:.0f} tasks, "
                f"{now.open_files} open files, CPU {gateway.cpu_seconds():.1f} s"
            )
    first, last = found[WARM - 1], found[-1]
    add = run.samples.add
    add("sync.churn.kib_per_wave", VGATEWAY, (last.memory_kib - first.memory_kib) / (WAVES - WARM))
    add("sync.churn.tasks", VGATEWAY, last.tasks - first.tasks)
    add("sync.churn.open_files", VGATEWAY, last.open_files - first.open_files)
