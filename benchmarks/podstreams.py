"""Streams of a real pod: how much longer a tenant waits than who asks the host itself, and what many commands take.

Direct is the host's API server and the copy of the pod; ours is the whole way of a tenant, through the front, the
virtual API server, the kubelet's port and the host's API server. Both take turns.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from aiohttp import ClientWebSocketResponse

from benchmarks.figures import DIRECT, VGATEWAY
from benchmarks.processes import BenchmarkError
from benchmarks.run import Run, Scenario
from benchmarks.syncing.place import CLUSTER, Bench, Gateway
from tests.support.clusters import running_clusters
from tests.support.eventually import eventually
from tests.support.manifests import STAY, container, shell_pod
from tests.support.streams import Streams, streams
from vgateway.local.progress import Step

POD = "streams"
ASKS = 10
"""Per way and round; a round's value is their median."""
WARM = 20
COMMANDS = 200
AT_ONCE = 20
STREAM_ROUNDS = 2
FIRST_BYTE = ("stream.exec", "stream.logs")
MANY = ("stream.exec.cpu_ms", "stream.exec.kib")
END_OF_INPUT = b"\xff\x00"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, by one way to it."""

    ways: Streams
    path: str

    async def command_answers(self) -> float:
        """Return the seconds until a command's first byte of output, from before the connection is made."""
        began = time.perf_counter()
        async with self.ways.open(f"{self.path}/exec?container=main&stdout=true&command=echo&command=x") as stream:
            async for message in stream:
                if message.data[:1] == b"\x01" and len(message.data) > 1:
                    return time.perf_counter() - began
        raise BenchmarkError("a command ended without output")

    async def log_answers(self) -> float:
        """Return the seconds until the first byte of the log."""
        began = time.perf_counter()
        async with self.ways.session.get(f"{self.ways.server}{self.path}/log?tailLines=1") as answer:
            if not await answer.content.readany():
                raise BenchmarkError("there is no log")
            return time.perf_counter() - began


Ask = Callable[[Pod], Awaitable[float]]
ASKED: Mapping[str, Ask] = {"stream.exec": Pod.command_answers, "stream.logs": Pod.log_answers}


def _pod_streams(run: Run, step: Step) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="vgateway-bench-") as home,
        running_clusters(Path(home), CLUSTER, "--nodes", "1") as clusters,
    ):
        uvloop.run(_measure(run, step, Bench(clusters, clusters.status())))


async def _measure(run: Run, step: Step, bench: Bench) -> None:
    async with _pods(bench) as pods:
        if run.wants(*(f"{name}.{figure}" for name in FIRST_BYTE for figure in ("first_byte_ms", "added_ms"))):
            for pod in pods.values():
                await pod.command_answers()
            for number in range(run.rounds):
                step.note(f"first byte: round {number + 1} of {run.rounds}")
                for name, ask in ASKED.items():
                    await _compare(run, name, ask, pods)
        if run.wants(*MANY):
            await _hold(pods[VGATEWAY], bench.gateway(CLUSTER), WARM)
            for number in range(min(run.rounds, STREAM_ROUNDS)):
                step.note(f"{COMMANDS} commands: round {number + 1}")
                cpu_ms, kib = await _hold(pods[VGATEWAY], bench.gateway(CLUSTER), COMMANDS)
                run.samples.add("stream.exec.cpu_ms", VGATEWAY, cpu_ms)
                if not number:
                    # Later rounds find the memory that the first one has left behind.
                    run.samples.add("stream.exec.kib", VGATEWAY, kib)


@asynccontextmanager
async def _pods(bench: Bench) -> AsyncIterator[dict[str, Pod]]:
    """Run a pod, and give it by both ways."""
    tenant, host = bench.clusters.tenant(CLUSTER), bench.clusters.host()
    tenant.apply(shell_pod(POD, container(script=f"echo begun; {STAY}")))
    tenant.ok("wait", f"pod/{POD}", "--for=condition=Ready", "--timeout=180s", deadline=200)
    namespace = bench.host_namespace(CLUSTER)
    copies = (one["metadata"]["name"] for one in host.json("get", "pods", "-n", namespace)["items"])
    (copy,) = (name for name in copies if name.startswith(f"{POD}-x-"))
    async with streams(host) as direct, streams(tenant) as ours:
        yield {
            DIRECT: Pod(direct, f"/api/v1/namespaces/{namespace}/pods/{copy}"),
            VGATEWAY: Pod(ours, f"/api/v1/namespaces/default/pods/{POD}"),
        }


async def _compare(run: Run, name: str, ask: Ask, pods: Mapping[str, Pod]) -> None:
    taken: dict[str, list[float]] = {way: [] for way in pods}
    for _ in range(ASKS):
        for way, pod in pods.items():
            taken[way].append(await ask(pod))
    medians = {way: statistics.median(times) * 1000 for way, times in taken.items()}
    for way, median in medians.items():
        run.samples.add(f"{name}.first_byte_ms", way, median)
    run.samples.add(f"{name}.added_ms", VGATEWAY, medians[VGATEWAY] - medians[DIRECT])


async def _hold(pod: Pod, gateway: Gateway, number: int) -> tuple[float, float]:
    """Hold commands open at the same time; return the gateway's CPU per command in ms, and its memory in KiB."""
    turns = asyncio.Semaphore(AT_ONCE)
    began, (before, _) = gateway.cpu_seconds(), gateway.memory_kib()
    async with asyncio.TaskGroup() as tasks:
        opening = [tasks.create_task(_open(pod, turns)) for _ in range(number)]
    held, _ = gateway.memory_kib()
    async with asyncio.TaskGroup() as tasks:
        for one in opening:
            tasks.create_task(_end(one.result(), turns))
    await asyncio.to_thread(eventually, lambda: gateway.metric("vgateway_kubelet_streams") == 0)
    return (gateway.cpu_seconds() - began) * 1000 / number, (held - before) / number


async def _open(pod: Pod, turns: asyncio.Semaphore) -> ClientWebSocketResponse:
    """Start a command that waits, and hear from it once."""
    async with turns:
        stream: ClientWebSocketResponse = await pod.ways.open(
            f"{pod.path}/exec?container=main&stdin=true&stdout=true&command=cat"
        )
        await stream.send_bytes(b"\x00hello")
        while (await stream.receive()).data != b"\x01hello":
            if stream.closed:
                raise BenchmarkError("a command ended before it was asked to")
        return stream


async def _end(stream: ClientWebSocketResponse, turns: asyncio.Semaphore) -> None:
    async with turns:
        await stream.send_bytes(END_OF_INPUT)
        async for _ in stream:
            pass


POD_STREAMS = Scenario(
    "streams of a real pod",
    (*(f"{name}.{figure}" for name in FIRST_BYTE for figure in ("first_byte_ms", "added_ms")), *MANY),
    _pod_streams,
)
