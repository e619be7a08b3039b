"""A thousand streams opened and closed, in every way that clients leave: nothing of them stays in the gateway."""

import asyncio
import base64
import re
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml

from tests.integration.conftest import TENANT
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

EXECS = 200
FORWARDS = 800
AT_ONCE = 20
# What pools keep open for the next, and what an allocator keeps for itself.
IDLE_CONNECTIONS = 40
MAY_COST_MIB = 24
EXEC = "v5.channel.k8s.io"
FORWARD = "SPDY/3.1+portforward.k8s.io"
END = b"\xff\x00"
"""The message by which a client of v5 ends its input: close, channel 0."""


@dataclass(frozen=True)
class Footprint:
    """What a gateway's process holds."""

    descriptors: int
    tasks: int
    streams: int
    mib: int


@dataclass(frozen=True)
class Gateway:
    """A running gateway, seen from outside."""

    pid: int
    metrics: str

    def footprint(self) -> Footprint:
        with urllib.request.urlopen(self.metrics, timeout=60) as answer:
            text = answer.read().decode()
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        descriptors = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        tasks, streams = _sum(text, "vgateway_tasks"), _sum(text, "vgateway_kubelet_streams")
        return Footprint(descriptors, tasks, streams, pages // 256)


def _sum(text: str, name: str) -> int:
    return int(sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)))


@contextmanager
def credentials(kubectl: Kubectl) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Give the address and the TLS of a kubeconfig with files or data in it."""
    document = yaml.safe_load(kubectl.ok("config", "view", "--raw", "--flatten"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    kept = kubectl.kubeconfig.parent / "many-streams.pem"
    try:
        context = ssl.create_default_context(cadata=_text(cluster["certificate-authority-data"]))
        kept.touch(mode=0o600)
        kept.write_text(_text(user["client-key-data"]) + _text(user["client-certificate-data"]))
        context.load_cert_chain(kept)
    finally:
        kept.unlink()
    yield cluster["server"], context


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


class Client:
    """Opens streams to one pod, a few at a time."""

    def __init__(self, session: aiohttp.ClientSession, server: str, pod: tuple[str, str]) -> None:
        self._session = session
        self._pod = f"{server}/api/v1/namespaces/{pod[0]}/pods/{pod[1]}"
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, execs: int, forwards: int) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(execs):
                tasks.create_task(self._in_turn(self._exec(number)))
            for number in range(forwards):
                tasks.create_task(self._in_turn(self._forward(number)))

    async def _in_turn(self, stream: Any) -> None:
        async with self._turns:
            await stream

    async def _exec(self, number: int) -> None:
        """Have a word echoed; leave by the end of input, by a close, or by cutting the connection."""
        query = "container=main&command=cat&stdin=true&stdout=true"
        async with self._session.ws_connect(f"{self._pod}/exec?{query}", protocols=[EXEC]) as stream:
            await stream.send_bytes(b"\x00hello")
            echoed = b""
            while echoed != b"hello":
                message = await stream.receive()
                assert message.type is aiohttp.WSMsgType.BINARY, message
                echoed += message.data[1:] if message.data[:1] == b"\x01" else b""
            match number % 3:
                case 0:
                    await stream.send_bytes(END)
                    assert orjson.loads(await _last(stream))["status"] == "Success"
                case 1:
                    await stream.close()
                case _:
                    _cut(stream)

    async def _forward(self, number: int) -> None:
        """Open a tunnel all the way to the node, and leave it by a close or by cutting the connection."""
        async with self._session.ws_connect(f"{self._pod}/portforward", protocols=[FORWARD]) as stream:
            assert stream.protocol == FORWARD
            if number % 2:
                _cut(stream)


async def _last(stream: aiohttp.ClientWebSocketResponse) -> bytes:
    """Return what the error channel said: how the command ended."""
    async for message in stream:
        if message.type is aiohttp.WSMsgType.BINARY and message.data[:1] == b"\x03":
            return bytes(message.data[1:])
    raise AssertionError("the stream ended without a word on its error channel")


def _cut(stream: aiohttp.ClientWebSocketResponse) -> None:
    connection = stream._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()


async def test_nothing_stays_of_a_thousand_streams(clusters: Clusters, tenant: Kubectl, shell: tuple[str, str]) -> None:
    gateway = _gateway(clusters, tenant)
    with credentials(tenant) as (server, context):
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            client = Client(session, server, shell)
            # As many as are counted afterwards: an allocator takes its fill of pages with the first few thousand.
            await client.run(EXECS, FORWARDS)
            before = await asyncio.to_thread(eventually, gateway.footprint, lambda now: now.streams == 0)
            await client.run(EXECS, FORWARDS)
        after = await asyncio.to_thread(
            eventually,
            gateway.footprint,
            lambda now: now.streams == 0 and now.descriptors <= before.descriptors + IDLE_CONNECTIONS,
        )
    assert after.tasks <= before.tasks + IDLE_CONNECTIONS, (before, after)
    assert after.mib <= before.mib + MAY_COST_MIB, (before, after)


def _gateway(clusters: Clusters, tenant: Kubectl) -> Gateway:
    server = yaml.safe_load(tenant.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    address = server.removeprefix("https://").rsplit(":", 1)[0]
    return Gateway(clusters.gateway_pid(TENANT), f"http://{address}:9440/metrics")
