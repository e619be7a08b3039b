"""The front before a raw API server: which pool a request takes, and what arrives there."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from prometheus_client import CollectorRegistry

from tests.support.authority import Authority
from tests.unit.wire.gateway import listening, make_pki
from tests.unit.wire.peers import Cut, Stream, connect
from tests.unit.wire.peers import Upstream as Peer
from tests.unit.wire.scripts import OK, read_request
from vgateway import __version__
from vgateway.proxy.front import Front
from vgateway.proxy.metrics import FrontMetrics
from vgateway.wire.upstream import Upstream


@dataclass
class Cluster:
    """A front, and what the API server behind it was sent over either pool."""

    port: int
    authority: Authority
    registry: CollectorRegistry
    plain: list[bytes] = field(default_factory=list)
    vouched: list[bytes] = field(default_factory=list)

    def context(self, *names: str) -> ssl.SSLContext:
        """Return a client's context, with a certificate for the named user and groups if any."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if names:
            pair = self.authority.issue(*names)
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    async def ask(self, *lines: str, target: str = "/api/v1/pods?limit=5", names: tuple[str, ...] = ()) -> bytes:
        """Send one request and return the whole answer."""
        request = "\r\n".join([f"GET {target} HTTP/1.1", "Host: gateway", *lines, "", ""]).encode()
        return await asyncio.to_thread(self.send, request, names)

    def send(self, request: bytes, names: tuple[str, ...] = ()) -> bytes:
        """Send raw bytes and return the first answer."""
        with closing(connect(self.port, self.context(*names))) as client:
            client.send(request)
            head = client.until(b"\r\n\r\n")
            return head + client.exactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))


def noting(requests: list[bytes]) -> Peer:
    def serve(stream: Stream) -> None:
        while True:
            requests.append(read_request(stream))
            stream.send(OK)

    return Peer(serve)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Cluster]:
    pki = make_pki(Authority(directory))
    cluster = Cluster(0, pki.authority, CollectorRegistry())
    async with AsyncExitStack() as stack:
        plain = Upstream("127.0.0.1", stack.enter_context(noting(cluster.plain)).port)
        vouched = Upstream("127.0.0.1", stack.enter_context(noting(cluster.vouched)).port)
        stack.callback(plain.close)
        stack.callback(vouched.close)
        front = Front(plain, vouched, metrics=FrontMetrics(cluster.registry))
        cluster.port = (await stack.enter_async_context(listening(front, pki.files, drain_seconds=0.2))).port
        yield cluster


def names_of(request: bytes) -> list[bytes]:
    return [line.partition(b":")[0] for line in request.split(b"\r\n")[1:-2]]


async def test_a_token_goes_up_untouched_over_the_plain_pool(tmp_path: Path) -> None:
    async with running(tmp_path) as cluster:
        await cluster.ask("Authorization: Bearer a.b.c", "X-Own: 1")
        assert cluster.plain == [
            b"GET /api/v1/pods?limit=5 HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer a.b.c\r\n"
            b"X-Forwarded-For: 127.0.0.1\r\n\r\n"
        ]
        assert not cluster.vouched


async def test_a_certificate_becomes_identity_headers_over_the_front_proxy_pool(tmp_path: Path) -> None:
    async with running(tmp_path) as cluster:
        await cluster.ask("Authorization: Bearer other", "Accept: x", names=("alice", "devs", "ops"))
        der = ssl.PEM_cert_to_DER_cert((tmp_path / "alice.crt").read_text())
        assert cluster.vouched[0].decode().split("\r\n") == [
            "GET /api/v1/pods?limit=5 HTTP/1.1",
            "Host: gateway",
            "Accept: x",
            "X-Forwarded-For: 127.0.0.1",
            "X-Remote-User: alice",
            "X-Remote-Group: devs",
            "X-Remote-Group: ops",
            "X-Remote-Extra-authentication.kubernetes.io%2Fcredential-id: X509SHA256="
            + hashlib.sha256(der).hexdigest(),
            "",
            "",
        ]
        assert not cluster.plain


async def test_nobody_goes_up_as_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as cluster:
        await cluster.ask()
        assert names_of(cluster.plain[0]) == [b"Host", b"X-Forwarded-For"]


@pytest.mark.parametrize("names", [(), ("alice",)], ids=["anonymous", "alice"])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("X-Remote-User: admin", 403),
        ("x-REMOTE-group: system:masters", 403),
        ("X_Remote_User: admin", 403),
        ("Connection: x-remote-user", 400),
        ("Connection: close, Impersonate-User", 400),
    ],
)
async def test_a_forged_identity_gets_no_further(tmp_path: Path, line: str, code: int, names: tuple[str, ...]) -> None:
    async with running(tmp_path) as cluster:
        answer = await cluster.ask("Authorization: Bearer t", line, names=names)
        assert answer.startswith(b"HTTP/1.1 %d " % code)
        assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["kind"] == "Status"
        assert not cluster.plain
        assert not cluster.vouched


@pytest.mark.parametrize(
    "target", ["/api/../metrics", "/api//v1", "/api/v1/namespaces/a%2Fb", "https://elsewhere/api", "/a#b", "*"]
)
async def test_a_target_with_several_readings_is_a_400(tmp_path: Path, target: str) -> None:
    async with running(tmp_path) as cluster:
        assert (await cluster.ask(target=target)).split(b" ")[1] == b"400"
        assert not cluster.plain


async def test_an_application_behind_a_service_gets_its_path_and_cookies_as_sent(tmp_path: Path) -> None:
    target = "/api/v1/namespaces/a/services/https:web:8080/proxy/x%2Fy//z?q=%20+"
    async with running(tmp_path) as cluster:
        await cluster.ask("Cookie: a=b", "X-Own: 1", target=target)
        assert cluster.plain[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())
        assert b"\r\nCookie: a=b\r\nX-Own: 1\r\n" in cluster.plain[0]


async def test_a_nodes_kubelet_is_told_which_node_was_asked_for_and_not_what_the_client_says(tmp_path: Path) -> None:
    forged = "x-forwarded-uri: /api/v1/nodes/other/proxy"
    async with running(tmp_path) as cluster:
        await cluster.ask(forged, target="/api/v1/nodes/https%3An%3A10250/proxy/pods?x=y")
        await cluster.ask(forged, target="/api/v1/namespaces/a/pods/p/exec?command=id")
    there, stream = (request.lower().split(b"\r\n") for request in cluster.plain)
    assert [line for line in there if line.startswith(b"x-forwarded-uri")] == [
        b"x-forwarded-uri: /api/v1/nodes/https:n:10250/proxy"
    ]
    assert not [line for line in stream if line.startswith(b"x-forwarded-uri")]


async def test_own_endpoints_never_go_up(tmp_path: Path) -> None:
    async with running(tmp_path) as cluster:
        answer = await cluster.ask(target="/vgateway/version")
        assert orjson.loads(answer.partition(b"\r\n\r\n")[2]) == {"version": __version__}
        for target in ("/vgateway", "/vgateway/", "/vgateway/secrets", "/vgateway?x=/"):
            assert (await cluster.ask(target=target)).startswith(b"HTTP/1.1 404 ")
        assert not cluster.plain
        await cluster.ask(target="/vgatewayish")
        assert len(cluster.plain) == 1


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE"])
async def test_methods_of_proxies_are_not_served(tmp_path: Path, method: bytes) -> None:
    async with running(tmp_path) as cluster:
        target = b"x:443" if method == b"CONNECT" else b"/"
        answer = await asyncio.to_thread(cluster.send, b"%b %b HTTP/1.1\r\nHost: x\r\n\r\n" % (method, target))
        assert answer.split(b" ")[1] in (b"405", b"400")
        assert not cluster.plain


async def test_a_websocket_token_passes_as_it_is(tmp_path: Path) -> None:
    protocols = "Sec-WebSocket-Protocol: v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.dG9r"
    async with running(tmp_path) as cluster:
        with suppress(Cut, ValueError):
            await cluster.ask("Connection: Upgrade", "Upgrade: websocket", protocols)
        assert protocols.encode() in cluster.plain[0]


async def test_requests_are_counted_by_method_and_code(tmp_path: Path) -> None:
    async with running(tmp_path) as cluster:
        await cluster.ask()
        await cluster.ask(target="/api//v1")

        def count(code: str) -> float | None:
            labels = {"method": "GET", "code": code}
            return cluster.registry.get_sample_value("vgateway_front_requests_total", labels)

        assert (count("200"), count("400")) == (1, 1)
        assert cluster.registry.get_sample_value("vgateway_front_requests_under_way") == 0
