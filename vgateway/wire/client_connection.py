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
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from vgateway.errors import status_body
from vgateway.wire.headers import tunnel_protocol
from vgateway.wire.sockets import keep_alive

log = structlog.get_logger(__name__)

_HEAD_END = b"\r\n\r\n"


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


class Endless(Protocol):
    """A response without an end of its own (a watch)."""

    def end_cleanly(self) -> None:
        """End it where its framing permits."""
        ...


class Abortable(Protocol):
    """What can be cut at once."""

    def abort(self) -> None:
        """Cut it."""
        ...


class ClientConnection(RequestHandler):
    """aiohttp's protocol for one client. ``source`` is the upstream transport that the client's back-pressure stops."""

    __slots__ = ("_payload", "draining", "endless", "http11", "opaque", "peer", "response_begun", "source", "tunnel")

    def __init__(self, manager: web.Server, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self.source: asyncio.Transport | None = None
        self._payload: StreamReader = EMPTY_PAYLOAD
        self.peer: Peer | None = None
        self.endless: Endless | None = None
        self.tunnel: Abortable | None = None
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
            return
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
