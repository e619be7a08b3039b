"""The real node listener on loopback, between a raw client and peers that stand for the two API servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from tests.support.authority import Authority
from tests.unit.kubelet.peer import Answer, Asked, Peer, http, listening
from tests.unit.kubelet.pods import NAMES, stored
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials
from vgateway.kube.objects import Obj
from vgateway.kube.store import Store
from vgateway.kubelet.authentication import Authenticator
from vgateway.kubelet.authorization import Authorizer
from vgateway.kubelet.departures import Departures
from vgateway.kubelet.directory import StoreDirectory, node_of
from vgateway.kubelet.figures import HostFigures
from vgateway.kubelet.handler import KubeletHandler
from vgateway.kubelet.hostusage import HostUsage
from vgateway.kubelet.metrics import KubeletMetrics
from vgateway.kubelet.nodefigures import NodeFigures
from vgateway.kubelet.nodes import NodeDirectory, Port, StoreNodes
from vgateway.kubelet.reviewer import Reviewer
from vgateway.kubelet.rewrite import PODS
from vgateway.syncer.resources import NODES, SERVICES
from vgateway.wire.server import Listener, TlsFiles, peer_certificate
from vgateway.wire.upstream import Upstream

ADMIN = "kube-apiserver-kubelet-client"
# What a token's owner may do to nodes; the token is the owner's name.
RIGHTS: Mapping[str, Iterable[str]] = {
    ADMIN: [f"{verb} {what}" for verb in ("get", "create") for what in ("proxy", "log", "metrics", "stats")],
    "reader": ["get proxy", "get log", "get metrics", "get stats", "get checkpoint", "get configz", "get pods"],
    "scraper": ["get metrics", "get stats"],
    "nobody": [],
}


def judge(asked: Asked) -> bytes:
    """Answer reviews by ``RIGHTS``."""
    spec = asked.json["spec"]
    if "token" in spec:
        known = spec["token"] in RIGHTS
        return http(201, {"status": {"authenticated": known, "user": {"username": spec["token"]}}})
    attributes = spec["resourceAttributes"]
    assert attributes["resource"] == "nodes"
    right = f"{attributes['verb']} {attributes['subresource']}"
    return http(201, {"status": {"allowed": right in RIGHTS.get(spec["user"], ())}})


@dataclass
class Reply:
    """An answer as the raw client read it."""

    code: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Gateway:
    """The listener and what stands around it."""

    virtual: Peer
    host: Peer
    registry: CollectorRegistry
    authority: Authority
    listener: Listener
    nodes: Store
    departures: Departures
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def lose(self, node: str) -> None:
        """Let a node leave, as the informer tells it."""
        change = self.nodes.remove(("", node))
        assert change is not None
        self.departures.changed(change)

    async def connect(self, name: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, with a certificate that says ``name`` if one is given."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if name is not None:
            pair = self.authority.issue(name, file=f"client-{name}")
            context.load_cert_chain(pair.certificate, pair.key)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port, ssl=context)
        self.writers.append(writer)
        return reader, writer

    async def ask(self, method: str, target: str, *lines: str, cert: str | None = ADMIN, behind: bytes = b"") -> Reply:
        """Send one request, and ``behind`` it whatever else, and read the answer."""
        reader, writer = await self.connect(cert)
        writer.write(request(method, target, *lines) + behind)
        return await read_reply(reader, bodiless=method == "HEAD")

    async def ask_as(self, token: str, method: str, target: str, *lines: str) -> Reply:
        """Send one request with a token and no certificate."""
        return await self.ask(method, target, f"Authorization: Bearer {token}", *lines, cert=None)

    def count(self, call: str, code: int) -> float:
        """Return how many requests were counted."""
        labels = {"call": call, "code": str(code)}
        return self.registry.get_sample_value("vgateway_kubelet_requests_total", labels) or 0.0


def request(method: str, target: str, *lines: str) -> bytes:
    """Write a request's head."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: node:10250", *lines, "", ""]).encode("latin-1")


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    """Read one answer; a 101 and what has no length are left after the head."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in head[1:-2])
    headers = {name.lower(): value.strip() for name, _, value in fields}
    body = b"" if bodiless else await reader.readexactly(int(headers.get("content-length", 0)))
    return Reply(int(head[0].split(" ")[1]), headers, body)


def serving(pods: Iterable[Obj]) -> Answer:
    """Answer reviews, and the tenant's pods that the store knows as well."""
    paths = {PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in pods}

    def answer(asked: Asked) -> bytes:
        if asked.method == "POST":
            return judge(asked)
        missing = {"kind": "Status", "code": 404, "reason": "NotFound"}
        return http(200, paths[asked.target]) if asked.target in paths else http(404, missing)

    return answer


@asynccontextmanager
async def gateway(
    place: Path,
    host_answer: Answer,
    *,
    virtual: Sequence[Obj] = (),
    host: Sequence[Obj] = (),
    nodes: NodeDirectory | None = None,
    node_metrics: bool = False,
) -> AsyncIterator[Gateway]:
    """Run the listener around the body."""
    authority = Authority(place)
    served = authority.issue("node")
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        virtual_peer = await stack.enter_async_context(listening(serving(virtual)))
        host_peer = await stack.enter_async_context(listening(host_answer))
        sides = [client(virtual_peer, "virtual"), client(virtual_peer, "host")]
        for side in sides:
            stack.push_async_callback(side.close)
        reviewer = Reviewer(sides[0])
        upstream = Upstream(
            "127.0.0.1", host_peer.port, authorization=lambda: "Bearer of-the-gateway", hop="host API server"
        )
        stack.callback(upstream.close)
        directory = StoreDirectory(NAMES, stored(*virtual), stored(*host), sides[0], sides[1])
        figures_api = client(host_peer, "host")
        stack.push_async_callback(figures_api.close)
        known = nodes_of(virtual)
        nodes = nodes or StoreNodes(Port(NAMES, ("node",)), known, Store(SERVICES), Store(SERVICES))
        departures = Departures(nodes, grace=0.05)
        handler = KubeletHandler(
            directory,
            nodes,
            Authenticator(reviewer, peer_certificate),
            Authorizer(reviewer),
            upstream,
            NodeFigures(
                NAMES,
                HostFigures(figures_api, NAMES.host_namespace, directory.residents, node_metrics=node_metrics),
                HostUsage(figures_api, NAMES),
                directory.virtual_pods,
                directory.residents,
            ),
            KubeletMetrics(registry),
            departures,
        )
        tls = TlsFiles(served.certificate, served.key, authority.certificate)
        listener = Listener("kubelet", handler, "127.0.0.1", 0, tls, drain_seconds=0)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(part.run()) for part in (listener, departures)]
            await listener.ready.wait()
            made = Gateway(virtual_peer, host_peer, registry, authority, listener, known, departures)
            try:
                yield made
            finally:
                for writer in made.writers:
                    writer.transport.abort()
                for part in running:
                    part.cancel()


def nodes_of(pods: Iterable[Obj]) -> Store:
    """Return a store with the nodes that pods are bound to."""
    store = Store(NODES)
    for name in {node_of(pod) for pod in pods} - {""}:
        store.put({"metadata": {"name": name}})
    return store


def client(peer: Peer, side: str) -> ApiClient:
    """Return a client of a peer."""
    return ApiClient(Credentials(f"http://127.0.0.1:{peer.port}", None), side)
