"""One origin and its pool of keep-alive HTTP/1.1 connections.

The most recently used idle connection is taken first, so that a quiet upstream needs few. Knows nothing of clients:
a connection hands what it receives to the exchange it serves, and closes when bytes come that nobody asked for.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from vgateway.errors import GatewayError
from vgateway.wire.sockets import keep_alive
from vgateway.wire.tls import TlsTransport


class Receiver(Protocol):
    """What an upstream connection serves at the moment."""

    def received(self, data: bytes) -> None:
        """Take bytes of the response."""
        ...

    def ended(self, *, ragged: bool) -> None:
        """The upstream writes no more; ``ragged``: its TLS stream was cut, not ended."""
        ...

    def lost(self, error: BaseException | None) -> None:
        """The connection is gone."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream: serves one exchange at a time, otherwise idles in the pool."""

    __slots__ = (
        "_drained",
        "idle_since",
        "pool",
        "receiver",
        "reused",
        "transport",
        "transport_failed",
        "writing_paused",
    )

    def __init__(self, pool: "Upstream") -> None:
        self.pool = pool
        self.receiver: Receiver | None = None
        self.transport: asyncio.Transport | None = None
        self.reused = False
        self.idle_since = 0.0
        self.writing_paused = False
        self.transport_failed = False
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes on; unasked ones could answer the next request, so they end the connection."""
        if self.receiver is None:
            self.abort()
        else:
            self.receiver.received(data)

    def eof_received(self) -> bool:
        """Close: an upstream that writes no more serves no further request."""
        if self.receiver is not None:
            self.receiver.ended(ragged=bool(getattr(self.transport, "ragged", False)))
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the pool and tell the exchange."""
        self.pool.forget(self)
        self.transport = None
        self.resume_writing()
        if self.receiver is not None:
            self.receiver.lost(exc)

    def pause_writing(self) -> None:
        """The upstream takes no more for now."""
        self.writing_paused = True

    def resume_writing(self) -> None:
        """Let the upload go on."""
        self.writing_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def write_failed(self, error: BaseException) -> None:
        """Stop the upload; an answer that came before (413 and the like) is still delivered."""
        self.transport_failed = True
        self.resume_writing()

    async def drained(self) -> None:
        """Wait until the upstream takes more. Raises ``ConnectionResetError`` when it is gone."""
        if self.writing_paused:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained
        if self.transport is None or self.transport_failed:
            raise ConnectionResetError("the upstream is gone")

    def write(self, data: bytes) -> None:
        """Send; a lost connection is noticed by the exchange."""
        if self.transport is not None:
            self.transport.write(data)

    def release(self) -> None:
        """Go back to the pool, ready for the next request."""
        self.receiver = None
        self.reused = True
        self.pool.take_back(self)

    def abort(self) -> None:
        """Cut the connection at once."""
        self.receiver = None
        if self.transport is not None:
            self.transport.abort()


class Upstream:
    """One origin: where it is, how it is trusted, and the idle connections to it.

    ``tls`` None means plain TCP. ``authorization`` returns the value of the Authorization header (or None) at the time
    of each request. ``hop`` is what errors call this leg. ``idle_seconds`` must be less than the upstream's own idle
    limit (90 s in Kubernetes), so that a request rarely meets a connection that is being closed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        server_hostname: str | None = None,
        authorization: Callable[[], str | None] | None = None,
        hop: str = "upstream",
        connect_seconds: float = 10.0,
        idle_seconds: float = 60.0,
        max_idle: int = 256,
    ) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.server_hostname = server_hostname or host
        self.authorization = authorization
        self.hop = hop
        self.connect_seconds = connect_seconds
        self.idle_seconds = idle_seconds
        self.max_idle = max_idle
        self.authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._idle: list[UpstreamConnection] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def idle(self) -> UpstreamConnection | None:
        """Take the most recently used idle connection out of the pool."""
        while self._idle:
            connection = self._idle.pop()
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                return connection
        return None

    async def connect(self) -> UpstreamConnection:
        """Dial a fresh connection. Raises ``GatewayError``: 504 when it takes too long, 502 when it is refused."""
        try:
            async with asyncio.timeout(self.connect_seconds):
                return await self._dial()
        except TimeoutError as error:
            raise GatewayError(
                504, f"{self.hop}: no connection within {self.connect_seconds:g} s", hop=self.hop
            ) from error
        except OSError as error:  # ssl.SSLError is one
            message = f"{self.hop}: cannot connect: {error.strerror or error}"
            raise GatewayError(502, message, hop=self.hop, retry_after=1) from error

    def take_back(self, connection: UpstreamConnection) -> None:
        """Keep an unused connection for the next request."""
        transport = connection.transport
        if transport is None or transport.is_closing():
            return
        if self._closed or len(self._idle) >= self.max_idle:
            transport.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self.idle_seconds, self._close_old)

    def forget(self, connection: UpstreamConnection) -> None:
        """Drop a connection that is gone."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close the idle connections; busy ones close when their exchange ends."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()
        self._idle.clear()

    async def _dial(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        connection = UpstreamConnection(self)
        if self.tls is None:
            plain, _ = await loop.create_connection(lambda: connection, self.host, self.port)
            keep_alive(plain)
            return connection
        secured = TlsTransport(loop, self.tls, connection, server_side=False, server_hostname=self.server_hostname)
        plain, _ = await loop.create_connection(lambda: secured, self.host, self.port)
        keep_alive(plain)
        assert secured.opened is not None
        try:
            await secured.opened
        except BaseException:
            secured.abort()
            raise
        return connection

    def _close_old(self) -> None:
        """Close what has idled too long (the oldest are first) and come back while there is more."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        limit = loop.time() - self.idle_seconds
        old = [connection for connection in self._idle if connection.idle_since <= limit]
        self._idle = [connection for connection in self._idle if connection.idle_since > limit]
        for connection in old:
            if connection.transport is not None:
                connection.transport.close()
        if self._idle:
            self._sweep = loop.call_later(self.idle_seconds / 2, self._close_old)
