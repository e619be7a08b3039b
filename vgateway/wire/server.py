"""Listen for clients: aiohttp parses and serves, our TLS lies under it, every failure becomes a ``metav1.Status``.

Not for routing: one handler gets every request. Cancelling ``run`` drains: no new connections, watches end cleanly,
other requests and tunnels may finish within ``drain_seconds``, then they are cut.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import http_parser, web
from aiohttp.http import HttpVersion10

from vgateway.errors import ConfigError, GatewayError
from vgateway.wire.client_connection import ClientConnection, Peer, client_of, message_of
from vgateway.wire.relay import Relayed
from vgateway.wire.serving_tls import Serving, ServingTls, TlsFiles
from vgateway.wire.tls import TlsTransport

__all__ = ["Handler", "Listener", "TlsFiles", "peer_certificate", "peer_of_request"]

log = structlog.get_logger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

LINE_LIMIT = 128 * 1024
MAX_HEADERS = 512
KEEP_ALIVE_SECONDS = 3630.0
HANDSHAKE_SECONDS = 10.0
BACKLOG = 1024
# Over how long a drain ends many watches.
WATCH_SPREAD_SECONDS = 2.0

_PLAIN_HTTP_REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks HTTPS only.\n"
)


class _Server(web.Server):
    """aiohttp's low-level server, whose protocol is ours; knows which connections are open."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
            max_headers=MAX_HEADERS,
            auto_decompress=False,
        )
        self.open: set[ClientConnection] = set()
        self.draining = False
        self.emptied = asyncio.Event()

    def __call__(self) -> ClientConnection:
        return ClientConnection(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Note the connection."""
        super().connection_made(handler, transport)
        handler.draining = self.draining
        self.open.add(handler)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        """Forget the connection."""
        super().connection_lost(handler, exc)
        self.open.discard(handler)
        if not self.open:
            self.emptied.set()


class Listener:
    """One port. ``port`` is the bound port once ``ready`` is set (0 picks a free one)."""

    def __init__(
        self,
        name: str,
        handler: Handler,
        address: str,
        port: int,
        tls: TlsFiles | Serving | None,
        *,
        drain_seconds: float = 20.0,
        reuse_port: bool = False,
        reload_seconds: float = 10.0,
    ) -> None:
        """``reload_seconds``: how often the files of ``tls`` are looked at."""
        if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
            raise ConfigError("aiohttp: its C parser is missing (AIOHTTP_NO_EXTENSIONS, or no wheel for this platform)")
        self.name = name
        self.ready = asyncio.Event()
        self.handler = handler
        self.address = address
        self.port = port
        self.drain_seconds = drain_seconds
        self.reuse_port = reuse_port
        self.reload_seconds = reload_seconds
        self._tls: Serving | None = ServingTls(name, tls) if isinstance(tls, TlsFiles) else tls
        self._verbose = False

    async def run(self) -> None:
        """Serve until cancelled, then drain. Raises ``ConfigError`` when the port is taken or a file is unusable."""
        self._verbose = bool(log.is_enabled_for(logging.DEBUG)) if hasattr(log, "is_enabled_for") else False
        if self._tls is not None:
            self._tls.load()
        server = _Server(self._serve)
        listening = await self._bind(server)
        self.port = listening.sockets[0].getsockname()[1]
        log.info("listening", listener=self.name, address=self.address, port=self.port)
        self.ready.set()
        try:
            while True:
                await asyncio.sleep(self.reload_seconds)
                if self._tls is not None:
                    self._tls.reload_if_changed()
        finally:
            self.ready.clear()
            listening.close()
            await self._drain(server)

    async def _bind(self, server: _Server) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        factory: Callable[[], asyncio.Protocol] = server
        if self._tls is not None:
            tls = self._tls

            def factory() -> asyncio.Protocol:
                return _secured(loop, tls.context, server())

        try:
            return await loop.create_server(
                factory, self.address, self.port, backlog=BACKLOG, reuse_port=self.reuse_port or None
            )
        except OSError as error:
            raise ConfigError(
                f"{self.name}: cannot listen on {self.address}:{self.port}: {error.strerror or error}"
            ) from error

    # --- the HTTP edge ----------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        client = client_of(request)
        client.response_begun = False
        began = time.monotonic()
        try:
            _check_version(request)
            response = await self.handler(request)
        except GatewayError as error:
            response = self._failure(request, error)
        except Exception:  # the HTTP edge: one request's bug must not end the others
            log.exception("request failed", listener=self.name, method=request.method, path=_path(request))
            response = self._failure(request, GatewayError(500, "internal error in the gateway"))
        if client.draining and not isinstance(response, Relayed):
            response.force_close()
        if self._verbose:
            log.debug(
                "request",
                listener=self.name,
                method=request.method,
                path=_path(request),
                status=response.status,
                seconds=round(time.monotonic() - began, 4),
            )
        return response

    def _failure(self, request: web.BaseRequest, error: GatewayError) -> web.StreamResponse:
        """Say what went wrong, or cut the connection when a response has begun already."""
        client = client_of(request)
        if client.response_begun:
            if client.transport is not None:
                client.transport.abort()
            return Relayed(0, 0, close=True)
        response = web.Response(status=error.code, body=orjson.dumps(error.status()), content_type="application/json")
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        if message_of(request).upgrade or error.code == 400:
            # What follows such a request on the connection cannot be trusted to be a request.
            response.force_close()
        return response

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _drain(self, server: _Server) -> None:
        """Let what runs finish, within the limit; idle connections close, watches end."""
        server.draining = True
        for client in list(server.open):
            client.draining = True
            if client.idle():
                client.force_close()
        if server.open:
            log.info("draining", listener=self.name, connections=len(server.open), seconds=self.drain_seconds)
            server.emptied.clear()
            # No asyncio.timeout: before Python 3.11.4 its end is lost in a cancelled task, as this one is.
            limit = asyncio.get_running_loop().call_later(self.drain_seconds, server.emptied.set)
            await _end_watches(server)
            await server.emptied.wait()
            limit.cancel()
        if server.open:
            log.info("drain time over, cutting connections", listener=self.name, connections=len(server.open))
        for client in list(server.open):
            _cut(client)
        await server.shutdown(1.0)


async def _end_watches(server: _Server) -> None:
    """End watches one by one: whoever serves their clients next must not meet all of them at once."""
    watching = [client for client in server.open if client.endless is not None]
    pause = min(WATCH_SPREAD_SECONDS / len(watching), 0.01) if watching else 0
    for client in watching:
        if client.endless is not None:
            client.endless.end_cleanly()
        await asyncio.sleep(pause)


def _check_version(request: web.BaseRequest) -> None:
    if request.version < HttpVersion10:
        raise GatewayError(400, "HTTP/1.1 is spoken here")


def _cut(client: ClientConnection) -> None:
    if client.tunnel is not None:
        client.tunnel.cut(GatewayError(503, "the gateway is shutting down", retry_after=1))
    elif client.transport is not None:
        client.transport.abort()


def _secured(loop: asyncio.AbstractEventLoop, context: ssl.SSLContext, protocol: asyncio.Protocol) -> TlsTransport:
    transport = TlsTransport(loop, context, protocol, server_side=True, refusal=_PLAIN_HTTP_REFUSAL)
    transport.limit_handshake(HANDSHAKE_SECONDS)
    return transport


def _path(request: web.BaseRequest) -> str:
    """Return the path without its query, which may hold credentials."""
    return request.raw_path.partition("?")[0]


def peer_of_request(request: web.BaseRequest) -> Peer | None:
    """Return the client's verified certificate with its DER form and expiry; None without one."""
    return client_of(request).peer


def peer_certificate(request: web.BaseRequest) -> dict[str, Any] | None:
    """Return the client's verified certificate as ``SSLObject.getpeercert()`` gives it; None without one."""
    peer = client_of(request).peer
    return None if peer is None else peer.certificate
