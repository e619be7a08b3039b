"""Creates, watches and deletes: the driver's own calls, cheap because it shares the machine with what it measures."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import orjson

from benchmarks.processes import BenchmarkError
from benchmarks.syncing.objects import PODS
from benchmarks.syncing.timeline import Timeline
from vgateway.kube.client import JSON, Lines
from vgateway.kube.kubeconfig import from_kubeconfig
from vgateway.kube.objects import Obj
from vgateway.kube.ownership import NAMESPACE_LABEL
from vgateway.kube.transport import Answer, Transport

# Creates under way at once.
HANDS = 32
WATCH_SECONDS = 3600
LOOK_SECONDS = 0.05


class Side:
    """One API server, as its administrator."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name = name
        self._transport = Transport(from_kubeconfig(kubeconfig), name)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def ask(
        self, method: str, path: str, body: bytes | None = None, *, unless: int = 0, encoding: str = JSON
    ) -> Answer:
        """Make a call that must succeed, or be refused with the code ``unless``."""
        answer = await self._transport.send(method, path, encoding if body else "", body)
        if answer.code >= 300 and answer.code != unless:
            said = answer.body[:300].decode(errors="replace")
            raise BenchmarkError(f"{self.name}: {method} {path}: {answer.code} {said}")
        return answer

    async def has(self, path: str) -> bool:
        """Say whether an object is there."""
        return (await self.ask("GET", path, unless=404)).code != 404

    async def create(self, path: str, bodies: Iterable[bytes]) -> None:
        """Create objects, many at a time."""
        waiting = iter(bodies)

        async def hand() -> None:
            for body in waiting:
                await self.ask("POST", path, body)

        async with asyncio.TaskGroup() as hands:
            for _ in range(HANDS):
                hands.create_task(hand())

    @asynccontextmanager
    async def following(self, namespace: str, tenants: str = "") -> AsyncIterator[Timeline]:
        """Follow the pods of a namespace around the body; on the host, those of one namespace of the tenant."""
        timeline, begun = Timeline(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._follow(watch_target(namespace, tenants), timeline, begun))
            await begun.wait()
            yield timeline
            watch.cancel()

    async def _follow(self, target: str, timeline: Timeline, begun: asyncio.Event) -> None:
        """Watch, again and again: the API server cuts off a watcher that falls behind, as we may on a full machine."""
        version = ""
        while True:
            async for event, now in self._events(f"{target}&{start_of(version)}"):
                version = event["object"]["metadata"]["resourceVersion"]
                timeline.note(event, now)
                begun.set()

    async def _events(self, target: str) -> AsyncIterator[tuple[Obj, float]]:
        loop, lines = asyncio.get_running_loop(), Lines()
        pieces = self._transport.stream(target, idle_seconds=WATCH_SECONDS, total_seconds=WATCH_SECONDS)
        async with aclosing(pieces):
            async for piece in pieces:
                if piece.code != 200:
                    raise BenchmarkError(f"{self.name}: watch: {piece.body[:300].decode(errors='replace')}")
                now = loop.time()
                for line in lines.feed(piece.body):
                    yield orjson.loads(line), now


def watch_target(namespace: str, tenants: str) -> str:
    """Return what is watched, without where to begin."""
    selector = f"&labelSelector={quote(f'{NAMESPACE_LABEL}={tenants}')}" if tenants else ""
    query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}"
    return f"{PODS.path(namespace)}?{query}{selector}"


def start_of(version: str) -> str:
    """Return the query that goes on from a version, or begins with what there is and a bookmark after it."""
    return f"resourceVersion={version}" if version else "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"


async def until(what: str, is_so: Callable[[], bool], within: float) -> None:
    """Wait for something that the watches will show."""
    try:
        async with asyncio.timeout(within):
            while not is_so():  # noqa: ASYNC110 - it rests on several watches, and often on a count
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError as error:
        raise BenchmarkError(f"{what}: not within {within:.0f} s") from error
