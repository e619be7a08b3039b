"""A client's connection: aiohttp's request protocol, plus what a relay must know of the connection below a request.

The one place that rides on aiohttp's internals; ``tests/unit/wire`` guards the range in pyproject.toml. Bytes behind an
upgrade request are held, never parsed: they belong to whatever the upstream switches to.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, Protocol, cast

import orjson
import structlog
from aiohttp import web
from aiohttp.http import StreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import ERROR, PayloadAccessError, RequestHandler, RequestPayloadError

from vgateway.errors import GatewayError, status_body
from vgateway.wire.headers import tunnel_protocol
from vgateway.wire.sockets import keep_alive

log = structlog.get_logger(__name__)

_HEAD_END = b"\r\n\r\n"
# How long a request's head may take to arrive, once it has begun.
HEAD_SECONDS = 32.0


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Peer:
    """A verified client certificate; ``expires`` in seconds since the epoch."""

    certificate: dict[str, Any]
    der: bytes
    expires: float


def peer_of(transport: asyncio.BaseTransport | None) -> Peer | None:
    """Return the verified certificate that the client of this transport showed."""
    secured: ssl.SSLObject | None = None if transport is None else transport.get_extra_info("ssl_object")
    if secured is None or secured.context.verify_mode == ssl.CERT_NONE:
        return None
    certificate, der = secured.getpeercert(), secured.getpeercert(binary_form=True)
    if not certificate or not der:
        return None
    return Peer(dict(certificate), der, ssl.cert_time_to_seconds(str(certificate["notAfter"])))


class ClientRequest(web.BaseRequest):
    """A request whose writer is made when somebody writes: a relayed answer never does."""

    def __getattr__(self, name: str) -> Any:
        if name != "_payload_writer":
            raise AttributeError(name)
        self._payload_writer = StreamWriter(self._protocol, self._loop)
        return self._payload_writer


class Endless(Protocol):
    """A response without an end of its own (a watch)."""

    def end_cleanly(self) -> None:
        """End it where its framing permits."""
        ...


class Cuttable(Protocol):
    """What can be ended before its time."""

    def cut(self, error: GatewayError) -> None:
        """End it, with words for the client where it has any."""
        ...


class ClientConnection(RequestHandler):
    """aiohttp's protocol for one client. ``source`` is the upstream transport that the client's back-pressure stops."""

    __slots__ = (
        "_head_timer",
        "_payload",
        "draining",
        "endless",
        "http11",
        "opaque",
        "peer",
        "response_begun",
        "source",
        "tunnel",
    )

    def __init__(self, manager: web.Server, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self.source: asyncio.Transport | None = None
        self._payload: StreamReader = EMPTY_PAYLOAD
        self.peer: Peer | None = None
        self.endless: Endless | None = None
        self.tunnel: Cuttable | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self.http11 = True
        self.draining = False
        self.response_begun = False
        # Bytes behind an upgrade request may have been eaten by the parser: such an upgrade must be refused.
        self.opaque = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who the client is, once per connection."""
        super().connection_made(transport)
        keep_alive(transport)
        self.peer = peer_of(transport)

    def data_received(self, data: bytes) -> None:
        """Parse up to the end of each head, so that nothing behind an upgrade request reaches the parser."""
        start, whole = 0, len(data)
        while not self._upgraded and self._payload.is_eof():
            end = data.find(_HEAD_END, start) + len(_HEAD_END)
            if end < len(_HEAD_END) or end == whole:
                break
            self._parse(data[start:end], exact=True)
            start = end
        rest = data[start:] if start else data
        if rest or not start:
            self._parse(rest, exact=rest.find(_HEAD_END) + len(_HEAD_END) == len(rest))

    def _parse(self, data: bytes, *, exact: bool) -> None:
        upgraded = self._upgraded
        super().data_received(data)
        if upgraded or not self._messages:
            self._watch_head()
            return
        self._forget_head()
        unfinished = self._payload
        message, self._payload = self._messages[-1]
        if type(message) is not RawRequestMessage and not unfinished.is_eof():
            # The parser gave up within a body and told nobody who reads it.
            unfinished.set_exception(RequestPayloadError("its framing is broken"))
            return
        # aiohttp knows the upgrades of browsers only; SPDY goes the same way from here on.
        if (
            not self._upgraded
            and type(message) is RawRequestMessage
            and message.upgrade
            and tunnel_protocol(message.headers.get("Upgrade", ""))
        ):
            self._upgraded = True
            self.opaque = not (exact or _HEAD_END.endswith(data))

    def _watch_head(self) -> None:
        """Give a head that has begun ``HEAD_SECONDS`` to end: nothing else bounds one that trickles in."""
        if self._head_timer is None and self._waiter is not None and not self._close and not self._force_close:
            self._head_timer = self._loop.call_later(HEAD_SECONDS, self._head_too_slow)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_too_slow(self) -> None:
        log.debug("request head too slow", peer=self.peername)
        self._head_timer = None
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End what the connection was busy with."""
        self._forget_head()
        super().connection_lost(exc)

    async def start(self) -> None:
        """Serve one request after the other, in this one task: aiohttp's own loop makes a second one for each."""
        try:
            while not self._force_close:
                while not self._messages:
                    await self._next_message()
                if not await self._serve(*self._take_message()):
                    break
        except ConnectionError as error:
            log.debug("client left", error=str(error), peer=self.peername)
            self.force_close()
        except BaseException:
            self.force_close()
            raise
        if not self._force_close and self.transport is not None:
            self._task_handler = None
            self.transport.close()

    async def _next_message(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _take_message(self) -> tuple[Any, StreamReader]:
        message, payload = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return message, payload

    async def _serve(self, message: Any, payload: StreamReader) -> bool:
        """Answer one request; say whether the connection may serve another."""
        handler = self._request_handler
        assert handler is not None
        if type(message) is not RawRequestMessage:
            message, handler = ERROR, self._make_error_handler(message)
        request = ClientRequest(message, payload, self, None, self._task_handler, self._loop)  # type: ignore[arg-type]
        del request._payload_writer  # noqa: SLF001 - made when it is asked for
        self._current_request = request
        self._request_in_progress = True
        try:
            response = await handler(request)
            await response.prepare(request)
            await response.write_eof()
        finally:
            self._current_request = None
            self._request_in_progress = False
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        self._keepalive = bool(response.keep_alive)
        if self._upgraded and not self._messages:
            return False
        if not payload.is_eof():
            await self._discard(payload)
        payload.set_exception(PayloadAccessError())
        if not self._keepalive or self._close or self._force_close:
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        return True

    async def _discard(self, payload: StreamReader) -> None:
        """Read what is left of a body nobody wanted, for a while: closing at once would cost the client its answer."""
        try:
            async with asyncio.timeout(self._lingering_time):
                while not payload.is_eof():
                    await payload.readany()
        except (TimeoutError, RequestPayloadError):
            self.close()

    def pause_writing(self) -> None:
        """A slow client stops its upstream."""
        super().pause_writing()
        if self.source is not None:
            self.source.pause_reading()

    def resume_writing(self) -> None:
        """The client took enough: its upstream goes on."""
        super().resume_writing()
        if self.source is not None:
            self.source.resume_reading()

    def begin(self, source: asyncio.Transport | None, endless: Endless | None) -> None:
        """Let the back-pressure of this client stop ``source`` from now on."""
        self.source = source
        self.endless = endless
        if self._paused and source is not None:
            source.pause_reading()

    def idle(self) -> bool:
        """Whether no request is being served or waits to be."""
        return not self._request_in_progress and not self._messages

    def take_back(self, *, lost: bool) -> None:
        """Be the transport's protocol again after a tunnel, so that aiohttp sees its connection end."""
        if self.transport is None:
            return
        if lost:
            self._loop.call_soon(self.connection_lost, None)
        else:
            self.transport.set_protocol(self)

    def held_bytes(self) -> bytes:
        """Take what the client sent behind its upgrade request."""
        held, self._message_tail = self._message_tail, b""
        return held

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not parse, in the words of an API server, and close."""
        log.debug("bad request", error=str(exc), peer=self.peername)
        text = (message or "bad request").splitlines()[0] if status < 500 else "internal error"
        response = web.Response(
            status=status, body=orjson.dumps(status_body(status, text)), content_type="application/json"
        )
        response.force_close()
        return response


def message_of(request: web.BaseRequest) -> RawRequestMessage:
    """Return the request's head as it was parsed (the public property is being retired without a successor)."""
    return request._message  # noqa: SLF001 - see above; the version range in pyproject.toml holds it


def client_of(request: web.BaseRequest) -> ClientConnection:
    """Return the connection that a request came on."""
    return cast("ClientConnection", request.protocol)
