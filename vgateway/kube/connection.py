"""One keep-alive connection to an API server, carrying one call at a time.

Bytes in, decoded body out; the reader of a long body is waited for (back-pressure). Knows no objects and no retries.
"""

import asyncio
import ssl
from typing import cast

from vgateway.kube.http1 import Response
from vgateway.wire.heads import MalformedMessage
from vgateway.wire.sockets import keep_alive
from vgateway.wire.tls import TlsTransport

# A peer that vanished is noticed within 55 s, whether we wait for it or it owes us acknowledgements. An API server
# always reads, so that a peer with a full window is as good as gone.
VANISHED = {"idle_seconds": 15, "interval_seconds": 10, "probes": 3, "unacknowledged_seconds": 45}
# So much of a body may wait for its reader before the server is made to wait.
AHEAD_BYTES = 1 << 20


class Connection(asyncio.Protocol):
    """Made by ``connect``. After a call either ``idle`` is true, or the connection is of no more use."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._response: Response | None = None
        self._pieces: list[bytes] = []
        self._ahead = 0
        self._error: Exception | None = None
        self._whole = True
        self._waiter: asyncio.Future[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether another call may be made."""
        return self._response is None and self._transport is not None and not self._transport.is_closing()

    async def call(self, request: bytes) -> tuple[Response, bytes]:
        """Send a request and return the response with its whole body. OSError or MalformedMessage if it breaks."""
        response = self._start(request, whole=True)
        if not response.done:
            await self._news()
        body = self._taken()
        self._finish(response)
        return response, body

    async def begin(self, request: bytes) -> Response:
        """Send a request and return the response as soon as its head is there; ``more`` gives its body."""
        response = self._start(request, whole=False)
        while response.head is None:
            await self._news()
        return response

    async def more(self, response: Response) -> bytes:
        """Return the body's next bytes, b"" at its end."""
        while not self._pieces and not response.done:
            await self._news()
        piece = self._taken()
        if not piece:
            self._finish(response)
        return piece

    def abort(self) -> None:
        """Cut the connection; whatever was under way is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _start(self, request: bytes, *, whole: bool) -> Response:
        assert self._transport is not None
        self._response = response = Response()
        self._whole = whole
        self._transport.write(request)
        return response

    def _finish(self, response: Response) -> None:
        self._response = None
        if not response.reusable:
            self.abort()

    def _taken(self) -> bytes:
        pieces, self._pieces, self._ahead = self._pieces, [], 0
        if not self._whole and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _news(self) -> None:
        if self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember what to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take in a part of the response; bytes that nobody asked for end the connection."""
        response = self._response
        if response is None:
            self.abort()
            return
        try:
            pieces = response.feed(data)
        except MalformedMessage as error:
            self._fail(error)
            return
        self._pieces += pieces
        if self._whole:
            if response.done:
                self._wake()
            return
        self._ahead += len(data)
        if self._ahead > AHEAD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response, if that is how it ends; fail it otherwise."""
        self.closed.set()
        if self._response is not None and not self._response.done and self._error is None:
            self._error = self._ended(self._response, exc)
        self._wake()

    def _ended(self, response: Response, exc: Exception | None) -> Exception | None:
        """Say what is wrong with a response that the connection's end has reached."""
        if exc is not None:
            return exc
        if isinstance(self._transport, TlsTransport) and self._transport.ragged:
            return MalformedMessage("the TLS connection was cut")
        try:
            response.end()
        except MalformedMessage as error:
            return error
        return None

    def _fail(self, error: Exception) -> None:
        self._error = error
        self.abort()
        self._wake()


async def connect(host: str, port: int, tls: ssl.SSLContext | None, server_name: str | None = None) -> Connection:
    """Open a connection; OSError (``ssl.SSLError`` among them) if that fails."""
    loop = asyncio.get_running_loop()
    connection = Connection()
    if tls is None:
        plain, _ = await loop.create_connection(lambda: connection, host, port)
        keep_alive(plain, **VANISHED)
        return connection
    # Not the loop's own TLS: that of asyncio holds 600 KB for a quiet watch.
    secured = TlsTransport(loop, tls, connection, server_side=False, server_hostname=server_name or host)
    plain, _ = await loop.create_connection(lambda: secured, host, port)
    keep_alive(plain, **VANISHED)
    assert secured.opened is not None
    try:
        await secured.opened
    except BaseException:
        secured.abort()
        raise
    return connection
