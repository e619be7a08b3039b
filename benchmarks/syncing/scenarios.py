"""The rows about the syncer, and who they are about."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.figures import DIRECT, FIGURES, VGATEWAY
from benchmarks.processes import BenchmarkError
from benchmarks.run import Measure, Run, Scenario
from benchmarks.syncing.churn import churn
from benchmarks.syncing.many import MANY, many
from benchmarks.syncing.objects import Load
from benchmarks.syncing.observer import Side
from benchmarks.syncing.place import CLUSTER, Bench, bench_clusters
from benchmarks.syncing.services import services
from benchmarks.syncing.waves import Wave, clear, direct_wave, synced_wave
from vgateway.local.progress import Step

ROUNDS = 2
NAMESPACE = "bench"
KIB = 1024
LOADS = {
    "sync.1000": Load(NAMESPACE, 1000),
    "sync.1000.deployments": Load("bench-deployments", 1000, deployments=True),
    "sync.5000": Load("bench-many", 5000),
    "sync.5000.deployments": Load("bench-many-deployments", 5000, deployments=True),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The clusters of a run, both their administrators, and where to say what goes on."""

    run: Run
    bench: Bench
    virtual: Side
    host: Side
    step: Step

    async def measure(self, name: str, rounds: int, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Create a load straight on the host, then in the virtual cluster; ``then`` looks at what is there."""
        load = LOADS[name]
        for number in range(rounds):
            self.step.note(f"{name}: round {number + 1} of {rounds}")
            if DIRECT in self.run.starter.names:
                self._add(name, DIRECT, await direct_wave(self.host, load, self.bench.pids()))
            if VGATEWAY in self.run.starter.names:
                await self._through(name, load, then)

    async def _through(self, name: str, load: Load, then: Callable[[], Awaitable[None]] | None) -> None:
        gateway, namespace = self.bench.gateway(CLUSTER), self.bench.host_namespace(CLUSTER)
        wave = await synced_wave(self.virtual, self.host, namespace, load, gateway, self.bench.pids())
        self._add(name, VGATEWAY, wave)
        if not load.deployments:
            self._add_writes(name, wave)
        if then is not None:
            await then()
        gateway = self.bench.gateway(CLUSTER)
        before = gateway.cpu_seconds()
        async with (
            self.virtual.following(load.namespace) as virtuals,
            self.host.following(namespace, load.namespace) as hosts,
        ):
            await clear(self.virtual, load, virtuals, hosts)
        gateway.settle()
        if not load.deployments:
            spent = (gateway.cpu_seconds() - before) / load.pods * 1000
            self.run.samples.add(f"{name}.delete_cpu_ms_per_pod", VGATEWAY, spent)

    def _add(self, name: str, contender: str, wave: Wave) -> None:
        add = self.run.samples.add
        add(f"{name}.pods_per_s", contender, wave.pods_per_s)
        add(f"{name}.all_cpu_ms_per_pod", contender, wave.all_cpu_ms)
        if contender != VGATEWAY:
            return
        add(f"{name}.cpu_ms_per_pod", contender, wave.cpu_ms)
        for figure, delays in (("create_to_host", wave.create_to_host), ("running_back", wave.running_back)):
            if delays is not None:
                add(f"{name}.{figure}_p50_s", contender, delays.p50)
                add(f"{name}.{figure}_p99_s", contender, delays.p99)

    def _add_writes(self, name: str, wave: Wave) -> None:
        self.run.samples.add(f"{name}.host_writes_per_pod", VGATEWAY, wave.host_writes)
        self.run.samples.add(f"{name}.virtual_writes_per_pod", VGATEWAY, wave.virtual_writes)
        self.run.samples.add(f"{name}.token_requests_per_pod", VGATEWAY, wave.token_requests)

    async def memory_and_restart(self) -> None:
        """Measure what 5,000 pods take of a fresh process, and what starting anew beside them does."""
        self.bench.restart(CLUSTER)
        idle = self._idle()
        await self.measure("sync.5000", 1, lambda: self._beside(idle))

    def _idle(self) -> float:
        gateway = self.bench.gateway(CLUSTER)
        gateway.settle()
        resident, share = gateway.memory_kib()
        self.run.samples.add("sync.idle_mib", VGATEWAY, resident / KIB)
        self.run.samples.add("sync.idle_pss_mib", VGATEWAY, share / KIB)
        return resident

    async def _beside(self, idle: float) -> None:
        resident, _ = self.bench.gateway(CLUSTER).memory_kib()
        self.run.samples.add("sync.kib_per_pod", VGATEWAY, (resident - idle) / LOADS["sync.5000"].pods)
        self.run.samples.add("sync.5000.restart_ready_s", VGATEWAY, self.bench.restart(CLUSTER))
        gateway = self.bench.gateway(CLUSTER)
        gateway.settle()
        self.run.samples.add("sync.5000.restart_cpu_s", VGATEWAY, gateway.cpu_seconds())
        self.run.samples.add("sync.5000.restart_writes", VGATEWAY, gateway.metric("vgateway_sync_writes_total"))


async def _loads(run: Run, bench: Bench, step: Step) -> None:
    """Pods through the syncer, in one virtual cluster."""
    async with bench.host() as host, bench.virtual(CLUSTER) as virtual:
        rows = Rows(run, bench, virtual, host, step)
        for name in ("sync.1000", "sync.1000.deployments"):
            if run.wants_row(name):
                await rows.measure(name, min(run.rounds, ROUNDS))
        if run.wants_row("sync.5000") or run.wants_row("sync"):
            await rows.memory_and_restart()
        if run.wants_row("sync.5000.deployments"):
            await rows.measure("sync.5000.deployments", 1)


def _with_clusters(names: Sequence[str], measure: Callable[[Run, Bench, Step], Awaitable[None]]) -> Measure:
    """Return how a scenario runs on clusters of its own; what went wrong in one of its tasks is told in one line."""

    async def watched(run: Run, bench: Bench, step: Step) -> None:
        try:
            await measure(run, bench, step)
        except BaseExceptionGroup as group:
            wrong = group.subgroup(BenchmarkError)
            if wrong is None:
                raise
            raise first(wrong) from group

    def begin(run: Run, step: Step) -> None:
        with bench_clusters(run.place.directory / "clusters", *names) as bench:
            uvloop.run(watched(run, bench, step))

    return begin


def first(error: BaseException) -> BaseException:
    """Return the first leaf of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _named(*rows: str) -> tuple[str, ...]:
    return tuple(figure.name for figure in FIGURES if figure.name.rpartition(".")[0] in rows)


SYNCING = (
    Scenario("pods through the syncer", _named("sync", *LOADS), _with_clusters((CLUSTER,), _loads)),
    Scenario("Services", _named("service.json", "service.protobuf"), _with_clusters((CLUSTER,), services)),
    Scenario("many virtual clusters", _named("sync.many"), _with_clusters(MANY, many)),
    Scenario("churn", _named("sync.churn"), _with_clusters((CLUSTER,), churn)),
)
