"""The clusters of a run: a host with make-believe nodes, virtual clusters, and the processes that are measured."""

import contextlib
import os
import signal
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import BenchmarkError, own_cpu_seconds, started_at
from benchmarks.syncing.observer import Side
from tests.support.clusters import Clusters, running_clusters
from vgateway.local.addresses import OPERATIONS_PORT

CLUSTER = "bench"
KWOK_NODES = 20
READY_WITHIN = 120.0
POLL_SECONDS = 0.05
SETTLED_WITHIN = 120.0
QUIET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """The process of one virtual cluster, as the kernel and its own metrics see it."""

    pid: int
    operations: str

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used."""
        return own_cpu_seconds(self.pid)

    def memory_kib(self) -> tuple[float, float]:
        """Return its resident memory, and its proportional share of what it has in common with others."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        sizes = {line.split(":")[0]: float(line.split()[1]) for line in rollup[1:]}
        return sizes["Rss"], sizes["Pss"]

    def open_files(self) -> int:
        """Return how many file descriptors it holds."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self._get("/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0].partition("{")[0] == name)

    def labelled(self, series: str) -> float:
        """Return the value of one series, written as the page has it; 0 while there is none."""
        lines = self._get("/metrics").splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), 0.0)

    def is_ready(self) -> bool:
        """Say whether it says that it is ready."""
        try:
            self._get("/readyz")
        except OSError:
            return False
        return True

    def settle(self) -> None:
        """Return once nothing has been decided about for a while. Raises BenchmarkError if that does not come."""
        end = time.monotonic() + SETTLED_WITHIN
        before = -1.0
        while (rounds := self.metric("vgateway_sync_rounds_total")) != before:
            if time.monotonic() > end:
                raise BenchmarkError(f"the gateway does not come to rest within {SETTLED_WITHIN:.0f} s")
            before = rounds
            time.sleep(QUIET_SECONDS)

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.operations}{path}", timeout=5) as answer:
            return str(answer.read().decode())


@dataclass(frozen=True, slots=True)
class Bench:
    """Clusters that run."""

    clusters: Clusters
    status: dict[str, Any]

    @contextlib.asynccontextmanager
    async def host(self) -> AsyncIterator[Side]:
        """Be the host's administrator around the body."""
        async with _side("host", Path(self.clusters.local("kubeconfig", "--host"))) as side:
            yield side

    @contextlib.asynccontextmanager
    async def virtual(self, name: str) -> AsyncIterator[Side]:
        """Be a tenant's administrator around the body; past the gateway's front, which is measured elsewhere."""
        async with _side(name, Path(self.clusters.local("kubeconfig", name, "--direct"))) as side:
            yield side

    @contextlib.asynccontextmanager
    async def front(self, name: str) -> AsyncIterator[Side]:
        """Be the same administrator, through the gateway's front."""
        async with _side(f"{name} through the front", Path(self.clusters.local("kubeconfig", name))) as side:
            yield side

    def host_namespace(self, name: str) -> str:
        """Return the host namespace of a virtual cluster."""
        return str(self.status["virtualClusters"][name]["namespace"])

    def gateway(self, name: str) -> Gateway:
        """Return the process that is measured."""
        return Gateway(self.clusters.gateway_pid(name), self.operations(name))

    def operations(self, name: str) -> str:
        """Return where a gateway answers its operators."""
        return f"http://{self.status['virtualClusters'][name]['address']}:{OPERATIONS_PORT}"

    def pids(self) -> list[int]:
        """Return every program of the clusters, as they run now."""
        now = self.clusters.status()
        scopes = [now["host"], *now["virtualClusters"].values()]
        return [program["pid"] for scope in scopes for program in scope["programs"].values() if program["pid"]]

    def restart(self, name: str) -> float:
        """End a gateway and start it anew; return the seconds from its process' start until it is ready."""
        before = self.gateway(name)
        os.kill(before.pid, signal.SIGTERM)
        _await(lambda: not _runs(before.pid), "the gateway does not end")
        with ThreadPoolExecutor(1) as thread:
            starting = thread.submit(self.clusters.up, name)
            _await(lambda: starting.done() or before.is_ready(), "the gateway is not ready again")
            ready = time.clock_gettime(time.CLOCK_BOOTTIME)
            starting.result()
        return ready - started_at(self.gateway(name).pid)


def _await(is_so: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + READY_WITHIN
    while not is_so():
        if time.monotonic() > end:
            raise BenchmarkError(otherwise)
        time.sleep(POLL_SECONDS)


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@contextlib.contextmanager
def bench_clusters(home: Path, *names: str, store: str = "etcd") -> Iterator[Bench]:
    """Start a host cluster of kwok nodes only, and virtual clusters; take everything away after the body."""
    with running_clusters(home, *names, "--nodes", "0", "--kwok-nodes", str(KWOK_NODES), "--store", store) as clusters:
        yield Bench(clusters, clusters.status())


@contextlib.asynccontextmanager
async def _side(name: str, kubeconfig: Path) -> AsyncIterator[Side]:
    side = Side(name, kubeconfig)
    try:
        yield side
    finally:
        await side.close()
