"""Relay one request to an upstream and its response back, or tunnel when it upgrades; bodies are never decoded.

Guarantees: a request is sent once, except a GET or HEAD on a kept-alive connection that turned out to be closed; the
client is switched only after the upstream has switched; redirects are passed on, never followed.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import PayloadAccessError, RequestPayloadError

from vgateway.errors import GatewayError
from vgateway.wire.client_connection import ClientConnection, client_of, message_of
from vgateway.wire.ending import Ending
from vgateway.wire.exchange import Exchange, StaleConnection
from vgateway.wire.farewell import farewell_of
from vgateway.wire.headers import agreed_protocol, request_head, switched, switching_head, tunnel_protocol
from vgateway.wire.outgoing import Outgoing
from vgateway.wire.tunnel import Tunnel
from vgateway.wire.upstream import Upstream, UpstreamConnection

__all__ = ["Outgoing", "Relayed", "relay"]

log = structlog.get_logger(__name__)

_REPEATABLE = frozenset({"GET", "HEAD"})


class Relayed(web.StreamResponse):
    """Tells aiohttp that the response is already at the client; ``sent`` are its body's bytes."""

    def __init__(self, status: int, sent: int, *, close: bool) -> None:
        # StreamResponse's own constructor builds headers that nobody would read.
        self._state = {}
        self._eof_sent = True
        self._keep_alive = not close
        self._status = status
        self.sent = sent


async def relay(request: web.BaseRequest, upstream: Upstream, outgoing: Outgoing) -> web.StreamResponse:
    """Send ``outgoing`` with the client's body to ``upstream`` and stream the answer to the client.

    Raises ``GatewayError`` (502, 504) while the client has seen nothing yet; afterwards a failure aborts the client's
    connection. Being cancelled, or the client leaving, closes the upstream connection.
    """
    client = client_of(request)
    message = message_of(request)
    client.http11 = message.version == HttpVersion11
    if message.upgrade and client.http11:
        asked = tunnel_protocol(message.headers.get("Upgrade", ""))
        if asked is not None:
            return await _relay_upgrade(request, client, upstream, outgoing, asked)
    framing, expects_continue = _body_framing(request)
    body = request.content
    buffered = b""
    if body.is_eof():
        buffered = body.read_nowait()
        if message.chunked:
            buffered = _last_chunks(buffered)
    head = _head(upstream, outgoing, framing, minor=1 if client.http11 else 0)
    call = _Call(client, outgoing.method, head + buffered, None if body.is_eof() else body, message.chunked)
    call.close_client = message.should_close
    call.expects_continue = expects_continue
    call.endless = outgoing.endless
    call.refusal = outgoing.refusal
    call.ending = outgoing.ending
    try:
        return await call.attempt(upstream.idle() or await upstream.connect())
    except StaleConnection:
        if call.repeatable():
            return await call.attempt(await upstream.connect())
        raise GatewayError(502, f"{upstream.hop}: connection lost before a response", hop=upstream.hop) from None


def _head(upstream: Upstream, outgoing: Outgoing, framing: list[str], *, minor: int = 1) -> bytes:
    authorization = None if upstream.authorization is None else upstream.authorization()
    return request_head(outgoing, host=upstream.authority, framing=framing, authorization=authorization, minor=minor)


def _body_framing(request: web.BaseRequest) -> tuple[list[str], bool]:
    """Return the header lines that frame the request's body, and whether the client waits for a 100."""
    message = message_of(request)
    headers = message.headers
    lines = []
    if message.chunked:
        lines.append("Transfer-Encoding: chunked")
        if message.version != HttpVersion11:
            raise GatewayError(400, "chunks in a request of an old protocol version")
    elif (length := headers.get("Content-Length")) is not None:
        lines.append(f"Content-Length: {length}")
    expect = headers.get("Expect")
    if expect is None:
        return lines, False
    if expect.lower() != "100-continue":
        raise GatewayError(417, "only 100-continue can be expected", reason="ExpectationFailed")
    if message.version == HttpVersion11 and lines:
        lines.append("Expect: 100-continue")
        return lines, True
    return lines, False


def _last_chunks(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"


class _Call:
    """One relayed request: what is sent, and how far that got."""

    __slots__ = (
        "body",
        "chunked",
        "client",
        "close_client",
        "ending",
        "endless",
        "expects_continue",
        "first",
        "method",
        "refusal",
    )

    def __init__(
        self, client: ClientConnection, method: str, first: bytes, body: StreamReader | None, chunked: bool
    ) -> None:
        self.client = client
        self.method = method
        self.first = first
        self.body = body
        self.chunked = chunked
        self.close_client = False
        self.expects_continue = False
        self.endless = False
        self.ending: Ending | None = None
        self.refusal: Callable[[int, bytes], GatewayError] | None = None

    def repeatable(self) -> bool:
        """Whether sending it again is harmless: nothing is changed by it and nothing of its body is lost."""
        return self.method in _REPEATABLE and self.body is None

    async def attempt(self, connection: UpstreamConnection) -> Relayed:
        """Send it over ``connection`` and wait until the client has the response, or its connection was cut."""
        client = self.client
        exchange = Exchange(connection, client, self.method, close_client=self.close_client)
        exchange.expects_continue = self.expects_continue
        exchange.refusal = self.refusal
        client.begin(connection.transport, exchange if self.endless else None)
        try:
            if self.ending is not None:
                self.ending.attach(exchange.fail)
            connection.write(self.first)
            if self.body is None:
                exchange.uploaded = True
                whole = await exchange.finished
            else:
                whole = await self._attempt_streaming(exchange, connection, self.body)
        finally:
            exchange.abandon()
        return Relayed(
            exchange.head.status if exchange.head else 0, exchange.sent, close=exchange.close_client or not whole
        )

    async def _attempt_streaming(self, exchange: Exchange, connection: UpstreamConnection, body: StreamReader) -> bool:
        """Upload beside the response, which may begin, or even end, before the upload does."""
        async with asyncio.TaskGroup() as tasks:
            upload = tasks.create_task(self._upload(exchange, connection, body))
            try:
                await asyncio.wait([exchange.finished])
            finally:
                upload.cancel()
        return exchange.finished.result()

    async def _upload(self, exchange: Exchange, connection: UpstreamConnection, body: StreamReader) -> None:
        try:
            while data := await body.readany():
                connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)
                await connection.drained()
        except (RequestPayloadError, PayloadAccessError) as error:
            exchange.fail(GatewayError(400, f"the request's body is malformed: {error}"))
            return
        except ConnectionResetError:
            # The exchange learns of it by itself, and may still have a response to deliver.
            return
        if self.chunked:
            connection.write(b"0\r\n\r\n")
        exchange.uploaded = True


async def _relay_upgrade(
    request: web.BaseRequest, client: ClientConnection, upstream: Upstream, outgoing: Outgoing, asked: str
) -> web.StreamResponse:
    """Ask the upstream to switch; tunnel if it does, relay its refusal if it does not."""
    if client.opaque or request.body_exists:
        raise GatewayError(400, "an upgrade request may not carry a body")
    framing = ["Connection: Upgrade", f"Upgrade: {asked}"]
    if "Content-Length" in request.headers:
        framing.append("Content-Length: 0")
    head = _head(upstream, outgoing, framing)
    connection = await upstream.connect()
    exchange = Exchange(connection, client, outgoing.method, close_client=True)
    exchange.upgrade = asked
    exchange.refusal = outgoing.refusal
    client.begin(connection.transport, None)
    try:
        if outgoing.ending is not None:
            outgoing.ending.attach(exchange.fail)
        connection.write(head)
        await exchange.finished
        assert exchange.head is not None
        status = exchange.head.status
        if switched(exchange.head, asked):
            return await _tunnel(client, connection, exchange, outgoing)
        if status < 400:
            raise GatewayError(502, f"{upstream.hop}: answered {status} to an upgrade", hop=upstream.hop)
        exchange.accept_refusal()
        await exchange.finished
    finally:
        exchange.abandon()
    return Relayed(status, exchange.sent, close=True)


async def _tunnel(
    client: ClientConnection, connection: UpstreamConnection, exchange: Exchange, outgoing: Outgoing
) -> web.StreamResponse:
    """Switch the client and carry bytes until both directions have ended."""
    below, above, head = client.transport, connection.transport, exchange.head
    assert head is not None
    if below is None:
        return Relayed(0, 0, close=True)
    if above is None:
        hop = connection.pool.hop
        raise GatewayError(502, f"{hop}: connection lost while switching protocols", hop=hop)
    began = time.monotonic()
    farewell = None if outgoing.ending is None else farewell_of(exchange.upgrade or "", agreed_protocol(head))
    tunnel = Tunnel(below, above, farewell)
    connection.receiver = None
    client.response_begun = True
    below.write(switching_head(head))
    tunnel.start(client.held_bytes(), exchange.take_rest())
    client.tunnel = tunnel
    try:
        if outgoing.ending is not None:
            outgoing.ending.attach(tunnel.end)
        await tunnel.finished
    finally:
        if not tunnel.finished.done():
            tunnel.abort()
        client.tunnel = None
        client.take_back(lost=tunnel.client.lost)
        log.log(
            logging.DEBUG if outgoing.quiet else logging.INFO,
            "tunnel ended",
            path=outgoing.target.partition("?")[0],
            protocol=exchange.upgrade,
            ended=tunnel.how,
            up_bytes=tunnel.client.received,
            down_bytes=tunnel.upstream.received,
            seconds=round(time.monotonic() - began, 3),
        )
    return Relayed(101, tunnel.upstream.received, close=True)
