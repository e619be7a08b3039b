"""One request on one upstream connection: carries the response to the client's transport as it arrives.

No task is involved: the upstream connection's callbacks write straight to the client. Guarantee: a response that did
not arrive whole never ends cleanly at the client; its connection is cut instead.
"""

import asyncio
from collections.abc import Callable

import structlog

from vgateway.errors import GatewayError
from vgateway.wire.client_connection import ClientConnection
from vgateway.wire.framing import Body, ChunkedBody, ClosedBody, body_of
from vgateway.wire.headers import response_head
from vgateway.wire.heads import HEAD_END, MAX_HEAD, MalformedMessage, ResponseHead, parse_head
from vgateway.wire.refused import RefusedBody
from vgateway.wire.upstream import UpstreamConnection

log = structlog.get_logger(__name__)

MAX_INTERIM_RESPONSES = 16


class StaleConnection(Exception):
    """A kept-alive connection died before a byte of the response: the upstream had closed it meanwhile."""


class Exchange:
    """Receives one response. ``finished`` resolves when the client has been given the whole of it (True), when it was
    cut short (False), or fails while the client has seen nothing yet.
    """

    __slots__ = (
        "_body",
        "_buffer",
        "_client",
        "_connection",
        "_cut",
        "_interim",
        "_method",
        "_rechunk",
        "_refused",
        "close_client",
        "expects_continue",
        "finished",
        "head",
        "refusal",
        "sent",
        "upgrade",
        "uploaded",
    )

    def __init__(
        self, connection: UpstreamConnection, client: ClientConnection, method: str, *, close_client: bool
    ) -> None:
        self._connection = connection
        self._client = client
        self._method = method
        self._buffer = b""
        self._body: Body | None = None
        self._interim = 0
        self._rechunk = False
        self._cut = False
        self._refused: RefusedBody | None = None
        self.refusal: Callable[[int, bytes], GatewayError] | None = None
        self.head: ResponseHead | None = None
        self.close_client = close_client
        self.expects_continue = False
        self.upgrade: str | None = None
        self.uploaded = False
        self.sent = 0
        self.finished: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        connection.receiver = self

    # --- what the upstream connection calls -------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Take bytes of the response."""
        try:
            if self._body is None:
                self._receive_head(data)
            else:
                self._receive_body(data)
        except MalformedMessage as error:
            self.fail(GatewayError(502, f"{self._hop}: malformed response: {error}", hop=self._hop))

    def ended(self, *, ragged: bool) -> None:
        """The upstream writes no more: right for a body that ends with the connection, a failure otherwise."""
        if self._body is not None and self._body.ends() and not ragged and self._refused is None:
            self._finish()
        else:
            self.lost(None)

    def lost(self, error: BaseException | None) -> None:
        """The connection is gone before the response was whole."""
        if self.finished.done():
            return
        if self._refused is not None:
            self._refuse()
            return
        if self._connection.reused and self._body is None and not self._buffer and not self._interim:
            self.fail(StaleConnection())
            return
        detail = f": {error}" if error else ""
        self.fail(
            GatewayError(502, f"{self._hop}: connection lost before the response was whole{detail}", hop=self._hop)
        )

    # --- what the relay and the listener call -----------------------------------------------------------------------

    def end_cleanly(self) -> None:
        """End an endless chunked response at the next chunk boundary, as the upstream could have done at any time."""
        self._cut = True
        self._cut_at_boundary()

    def abandon(self) -> None:
        """Close the upstream connection if it still serves this exchange."""
        self._client.source = self._client.endless = None
        if self._connection.receiver is self:
            self._connection.abort()
        if not self.finished.cancelled() and self.finished.done():
            # Nobody may be left to be told of a failure: the client has gone meanwhile.
            self.finished.exception()

    # --- head -------------------------------------------------------------------------------------------------------

    @property
    def _hop(self) -> str:
        return self._connection.pool.hop

    def _receive_head(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        end = data.find(HEAD_END)
        if end < 0 or end > MAX_HEAD:
            if len(data) > MAX_HEAD:
                raise MalformedMessage(f"head longer than {MAX_HEAD} bytes")
            self._buffer = data
            return
        self._buffer = b""
        head = parse_head(data[:end])
        rest = data[end + len(HEAD_END) :]
        if head.status < 200 and not (head.status == 101 and self.upgrade):
            self._receive_interim(head, rest)
        elif self.upgrade:
            self._receive_upgrade_answer(head, rest)
        else:
            self._begin(head, rest)

    def _receive_interim(self, head: ResponseHead, rest: bytes) -> None:
        """Pass a 1xx on, except a 100 that the client did not ask for. A 101 that nobody asked for is malformed."""
        self._interim += 1
        if head.status == 101 or self._interim > MAX_INTERIM_RESPONSES:
            raise MalformedMessage("interim response that nobody asked for")
        wanted = self.expects_continue if head.status == 100 else self._client.http11
        if wanted and self._client.transport is not None:
            self._client.transport.write(response_head(head, close=False))
        if rest:
            self._receive_head(rest)

    def _receive_upgrade_answer(self, head: ResponseHead, rest: bytes) -> None:
        """Hold everything until the relay has judged the answer to an upgrade."""
        self.head = head
        self._buffer = rest
        assert self._connection.transport is not None
        self._connection.transport.pause_reading()
        if not self.finished.done():
            self.finished.set_result(True)

    def accept_refusal(self) -> bytes:
        """Go on with a refused upgrade as an ordinary response, whose connections both close."""
        head, rest, self._buffer = self.head, self._buffer, b""
        assert head is not None
        self.upgrade = None
        self.close_client = True
        self.uploaded = False
        self.finished = asyncio.get_running_loop().create_future()
        try:
            self._begin(head, rest)
        except MalformedMessage as error:
            self.fail(GatewayError(502, f"{self._hop}: malformed response: {error}", hop=self._hop))
        if self._connection.transport is not None:
            self._connection.transport.resume_reading()
        return rest

    def take_rest(self) -> bytes:
        """Return what arrived behind the 101."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _begin(self, head: ResponseHead, rest: bytes) -> None:
        """Send the client its head together with what has arrived of the body."""
        client = self._client
        self.head = head
        self._body = body = body_of(head, self._method)
        if self.refusal is not None and not 200 <= head.status < 300:
            self._refused = RefusedBody(body)
            self._keep(rest)
            return
        if type(body) is ChunkedBody and not client.http11:
            raise MalformedMessage("chunks for an HTTP/1.0 request")
        self._rechunk = type(body) is ClosedBody and client.http11
        self.close_client = self.close_client or client.draining or not client.http11
        if client.transport is None:
            self.abandon()
            return
        taken = body.feed(rest) if rest else 0
        whole = rest if taken == len(rest) else rest[:taken]
        client.response_begun = True
        client.transport.write(
            response_head(head, close=self.close_client, rechunk=self._rechunk) + self._framed(whole)
        )
        self.sent += taken
        self._after(taken, len(rest))

    # --- body -------------------------------------------------------------------------------------------------------

    def _receive_body(self, data: bytes) -> None:
        if self._refused is not None:
            self._keep(data)
            return
        body, transport = self._body, self._client.transport
        assert body is not None
        if transport is None:
            self.abandon()
            return
        taken = body.feed(data)
        transport.write(self._framed(data if taken == len(data) else data[:taken]))
        self.sent += taken
        self._after(taken, len(data))

    def _keep(self, data: bytes) -> None:
        """Hold a refused answer back until there is enough of it to be worded."""
        assert self._refused is not None
        if self._refused.feed(data):
            self._refuse()

    def _refuse(self) -> None:
        assert self.head is not None
        assert self._refused is not None
        assert self.refusal is not None
        self.fail(self.refusal(self.head.status, self._refused.content()))

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._rechunk and data else data

    def _after(self, taken: int, given: int) -> None:
        assert self._body is not None
        if self._body.done:
            # Bytes behind the end answer a request that nobody sent: this connection serves no other.
            self._finish(reusable=taken == given)
        elif self._cut:
            self._cut_at_boundary()

    def _cut_at_boundary(self) -> None:
        body, transport = self._body, self._client.transport
        if body is None or transport is None or self.finished.done() or not body.at_boundary():
            return
        if self.head is None or self.head.status != 200:
            # What was asked for may be endless, a refusal of it is not.
            return
        transport.write(b"0\r\n\r\n")
        self.close_client = True
        self._connection.abort()
        self._settle(whole=True)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _finish(self, *, reusable: bool = True) -> None:
        if self.finished.done():
            return
        if self._rechunk and self._client.transport is not None:
            self._client.transport.write(b"0\r\n\r\n")
        head, connection = self.head, self._connection
        assert head is not None
        if reusable and self.uploaded and not head.close and type(self._body) is not ClosedBody:
            if self._client.source is not None and self._client.writing_paused:
                self._client.source.resume_reading()
            connection.release()
        else:
            connection.receiver = None
            if connection.transport is not None:
                connection.transport.close()
        self._settle(whole=True)

    def fail(self, error: Exception) -> None:
        """Raise while the client has seen nothing, cut its connection afterwards."""
        self._connection.abort()
        if self.finished.done():
            return
        if self._body is None or not self._client.response_begun:
            self._client.source = self._client.endless = None
            self.finished.set_exception(error)
            return
        log.debug("response cut", error=str(error))
        if self._client.transport is not None:
            self._client.transport.abort()
        self._settle(whole=False)

    def _settle(self, *, whole: bool) -> None:
        self._client.source = self._client.endless = None
        self.finished.set_result(whole)
