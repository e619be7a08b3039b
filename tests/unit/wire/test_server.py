"""A listener's edges: who it talks to, what it tells them, how it ends."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.support.authority import Authority
from tests.unit.wire.conftest import Run
from tests.unit.wire.gateway import Pki, gateway, listening
from tests.unit.wire.peers import DEADLINE, Cut, Stream, Upstream, connect
from tests.unit.wire.scripts import OK, read_request
from vgateway.errors import ConfigError, GatewayError
from vgateway.wire.server import Listener, TlsFiles, peer_certificate

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
UPGRADE = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"


async def name_the_client(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=orjson.dumps(peer_certificate(request)))


def ask(port: int, context: ssl.SSLContext | None, request: bytes = GET) -> tuple[bytes, Any]:
    with closing(connect(port, context)) as client:
        client.send(request)
        head = client.until(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = client.exactly(length)
        return head, orjson.loads(body)


def test_a_verified_client_certificate_is_known_and_none_is_fine_too(run: Run[Any], pki: Pki) -> None:
    async def scenario() -> None:
        alice = pki.authority.issue("alice", "devs")
        context = ssl.create_default_context(cafile=str(pki.authority.certificate))
        context.load_cert_chain(alice.certificate, alice.key)
        async with listening(name_the_client, pki.files) as front:
            _, known = await asyncio.to_thread(ask, front.port, context)
            _, unknown = await asyncio.to_thread(ask, front.port, pki.client)
        assert [["commonName", "alice"]] in known["subject"]
        assert unknown is None

    run(scenario())


def test_a_strangers_certificate_ends_the_handshake(run: Run[Any], pki: Pki, tmp_path: Path) -> None:
    async def scenario() -> None:
        mallory = Authority(tmp_path, "other").issue("mallory", "system:masters")
        context = ssl.create_default_context(cafile=str(pki.authority.certificate))
        context.load_cert_chain(mallory.certificate, mallory.key)
        async with listening(name_the_client, pki.files) as front:
            with pytest.raises((Cut, ssl.SSLError, OSError)):
                await asyncio.to_thread(ask, front.port, context)
            await asyncio.to_thread(ask, front.port, pki.client)

    run(scenario())


def test_only_http11_is_negotiated(run: Run[Any], pki: Pki) -> None:
    def negotiate(port: int) -> str | None:
        context = ssl.create_default_context(cafile=str(pki.authority.certificate))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", port)) as peer,
            context.wrap_socket(peer, server_hostname="localhost") as secured,
        ):
            return secured.selected_alpn_protocol()

    async def scenario() -> None:
        async with listening(name_the_client, pki.files) as front:
            assert await asyncio.to_thread(negotiate, front.port) == "http/1.1"

    run(scenario())


@pytest.mark.parametrize("noise", [GET, b"\0" * 100, b"SSH-2.0-x\r\n", b""], ids=["http", "zeros", "ssh", "nothing"])
def test_another_protocol_on_the_tls_port_is_ended_without_a_traceback(
    run: Run[Any], pki: Pki, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def speak(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as peer:
            peer.sendall(noise)
            peer.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                return peer.recv(1000)
        return b""

    async def scenario() -> bytes:
        async with listening(name_the_client, pki.files) as front:
            return await asyncio.to_thread(speak, front.port)

    answer = run(scenario())
    assert answer.startswith(b"HTTP/1.1 400 ") is (noise == GET)
    assert not caplog.records


def test_a_refusal_is_a_status_that_names_the_hop(run: Run[Any], pki: Pki) -> None:
    async def refuse(_: web.BaseRequest) -> web.StreamResponse:
        raise GatewayError(503, "not\r\nX-Injected: now", hop="the host API server", retry_after=3)

    async def scenario() -> None:
        async with listening(refuse, pki.files) as front:
            head, status = await asyncio.to_thread(ask, front.port, pki.client)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 3\r\n" in head
        assert b"\r\nX-Injected" not in head
        assert status["kind"] == "Status"
        assert status["reason"] == "ServiceUnavailable"
        assert status["details"]["causes"][0]["reason"] == "vgateway:the host API server"

    run(scenario())


def test_a_bug_is_a_500_that_tells_nothing(run: Run[Any], pki: Pki) -> None:
    async def fail(_: web.BaseRequest) -> web.StreamResponse:
        raise KeyError("secret")

    async def scenario() -> None:
        async with listening(fail, pki.files) as front:
            head, status = await asyncio.to_thread(ask, front.port, pki.client)
            assert head.startswith(b"HTTP/1.1 500 ")
            assert "secret" not in str(status)
            await asyncio.to_thread(ask, front.port, pki.client)

    run(scenario())


def test_long_commands_tokens_and_many_headers_fit(run: Run[Any], pki: Pki) -> None:
    async def measure(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=orjson.dumps([len(request.raw_path), len(request.headers)]))

    async def scenario() -> None:
        request = b"GET /exec?command=%b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % (
            b"a" * 100_000,
            b"t" * 100_000,
        )
        request += b"".join(b"X-%d: a\r\n" % n for n in range(400)) + b"\r\n"
        async with listening(measure, pki.files) as front:
            _, sizes = await asyncio.to_thread(ask, front.port, pki.client, request)
        assert sizes == [100_014, 402]

    run(scenario())


def test_a_head_that_trickles_in_is_not_waited_for(run: Run[Any], pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vgateway.wire.client_connection.HEAD_SECONDS", 0.2)

    def trickle(port: int) -> None:
        with closing(connect(port, pki.client)) as client, contextlib.suppress(Cut, OSError):
            for n in range(1000):
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n" if n == 0 else b"X: y\r\n")
                threading.Event().wait(0.02)
            raise AssertionError("still listened to")

    async def scenario() -> None:
        async with listening(name_the_client, pki.files) as front:
            await asyncio.to_thread(trickle, front.port)
            with closing(await asyncio.to_thread(connect, front.port, pki.client)) as client:
                client.send(GET[:10])
                client.send(GET[10:])
                await asyncio.to_thread(client.until, b"null")
                await asyncio.sleep(0.3)
                client.send(GET)
                await asyncio.to_thread(client.until, b"null")

    run(scenario())


def test_a_taken_port_is_one_line(run: Run[Any], pki: Pki) -> None:
    async def scenario() -> None:
        async with listening(name_the_client, pki.files) as front:
            second = Listener("front", name_the_client, "127.0.0.1", front.port, pki.files)
            with pytest.raises(ConfigError, match=rf"^front: cannot listen on 127\.0\.0\.1:{front.port}: .+$"):
                await second.run()

    run(scenario())


def test_unusable_files_are_one_line(run: Run[Any], pki: Pki, tmp_path: Path) -> None:
    async def scenario() -> None:
        missing = TlsFiles(tmp_path / "none.crt", pki.files.key)
        other = pki.authority.issue("other")
        for files in (missing, TlsFiles(pki.files.certificate, other.key)):
            with pytest.raises(ConfigError, match=r"^front: cannot use .+$"):
                await Listener("front", name_the_client, "127.0.0.1", 0, files).run()

    run(scenario())


def test_a_certificate_is_reloaded_when_its_files_change(run: Run[Any], pki: Pki, tmp_path: Path) -> None:
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    pair = first.issue("localhost", file="serving")
    trusting_first = ssl.create_default_context(cafile=str(first.certificate))
    trusting_second = ssl.create_default_context(cafile=str(second.certificate))

    async def eventually(port: int, context: ssl.SSLContext) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(ssl.SSLError, Cut):
                    await asyncio.to_thread(ask, port, context)
                    return
                await asyncio.sleep(0.02)

    async def scenario() -> None:
        files = TlsFiles(pair.certificate, pair.key)
        async with listening(name_the_client, files, reload_seconds=0.02) as front:
            await asyncio.to_thread(ask, front.port, trusting_first)
            with closing(await asyncio.to_thread(connect, front.port, trusting_first)) as established:
                pair.key.write_text("half written")
                await asyncio.sleep(0.1)
                await asyncio.to_thread(ask, front.port, trusting_first)
                second.issue("localhost", file="serving")
                await eventually(front.port, trusting_second)
                established.send(GET)
                await asyncio.to_thread(established.until, b"null")

    run(scenario())


class Draining:
    """A gateway that is told to stop while clients are in the middle of things."""

    def __init__(self, pki: Pki, serve: Callable[[Stream], None], **options: Any) -> None:
        self._pki = pki
        self._serve = serve
        self._options = options
        self.stopping = threading.Event()

    async def run(self, talk: Callable[[Stream], None], *, clients: int = 1) -> None:
        """Run ``talk`` on a connection while the gateway drains; ``stopping`` is what sets that off."""
        with Upstream(self._serve, self._pki.server) as upstream:
            await self._run(talk, clients, upstream.port)

    async def _run(self, talk: Callable[[Stream], None], clients: int, port: int) -> None:
        async with asyncio.TaskGroup() as tasks, gateway(port, self._pki, **self._options) as front:
            for _ in range(clients):
                client = await asyncio.to_thread(connect, front.port, self._pki.client)
                tasks.create_task(asyncio.to_thread(self._talk, client, talk))
            await asyncio.to_thread(self.stopping.wait, DEADLINE)

    def _talk(self, client: Stream, talk: Callable[[Stream], None]) -> None:
        with closing(client):
            talk(client)


def test_draining_closes_idle_connections_and_finishes_short_calls(run: Run[Any], pki: Pki) -> None:
    drain: Draining

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(OK)
        read_request(stream)
        drain.stopping.set()
        threading.Event().wait(0.3)
        stream.send(OK)

    def talk(client: Stream) -> None:
        client.send(GET)
        assert client.exactly(len(OK)) == OK
        client.send(GET)
        head = client.until(b"\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in head
        assert client.everything() == b"ok"

    drain = Draining(pki, serve, drain_seconds=10)
    run(drain.run(talk))


@pytest.mark.parametrize("half_a_chunk", [False, True], ids=["between-chunks", "within-a-chunk"])
def test_draining_ends_a_watch_cleanly_at_a_chunks_end(run: Run[Any], pki: Pki, half_a_chunk: bool) -> None:
    drain: Draining

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent1\r\n")
        if half_a_chunk:
            stream.send(b"6\r\neve")
        stream.socket.settimeout(0.3)
        with contextlib.suppress(Cut, TimeoutError):
            stream.receive()
        if half_a_chunk:
            stream.send(b"nt2\r\n")

    def talk(client: Stream) -> None:
        client.send(GET)
        client.until(b"\r\n\r\n")
        client.exactly(len(b"6\r\nevent1\r\n"))
        if half_a_chunk:
            client.exactly(len(b"6\r\neve"))
        drain.stopping.set()
        assert client.everything() == (b"nt2\r\n0\r\n\r\n" if half_a_chunk else b"0\r\n\r\n")

    drain = Draining(pki, serve, drain_seconds=10, outgoing={"endless": True})
    run(drain.run(talk))


def test_draining_cuts_a_list_that_takes_too_long_but_never_ends_it(run: Run[Any], pki: Pki) -> None:
    drain: Draining

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nitem 1\r\n")
        with contextlib.suppress(Cut):
            stream.receive()

    def talk(client: Stream) -> None:
        client.send(GET)
        client.until(b"item 1\r\n")
        drain.stopping.set()
        with pytest.raises(Cut):
            client.receive()

    drain = Draining(pki, serve, drain_seconds=0.2)
    run(drain.run(talk))


def test_draining_lets_tunnels_live_until_their_time_is_over(run: Run[Any], pki: Pki) -> None:
    drain: Draining

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(SWITCHED)
        with contextlib.suppress(Cut):
            while data := stream.receive():
                stream.send(data)

    def talk(client: Stream) -> None:
        client.send(UPGRADE)
        client.until(b"\r\n\r\n")
        drain.stopping.set()
        rounds = 0
        with contextlib.suppress(Cut, OSError):
            while rounds < 1000:
                client.send(b"still there")
                assert client.exactly(11) == b"still there"
                threading.Event().wait(0.02)
                rounds += 1
        assert 3 < rounds < 1000

    drain = Draining(pki, serve, drain_seconds=0.5)
    run(drain.run(talk))


def test_draining_is_over_once_the_last_tunnel_has_ended(run: Run[Any], pki: Pki) -> None:
    drain: Draining

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(SWITCHED)
        stream.everything()
        stream.close()

    def talk(client: Stream) -> None:
        client.send(UPGRADE)
        client.until(b"\r\n\r\n")
        drain.stopping.set()
        threading.Event().wait(0.1)
        client.end()
        assert client.everything() == b""

    drain = Draining(pki, serve, drain_seconds=600)
    run(drain.run(talk))
