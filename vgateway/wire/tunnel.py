"""Tunnel an upgraded connection, byte for byte; of SPDY or WebSocket it knows where frames end, and only if it is told.

Each direction ends by itself: the end of one peer's stream becomes a half-close towards the other, and a failed write
ends only the direction it belongs to. What was received is delivered. A slow reader stops the other side's writer.
A tunnel that we end ends between two frames, with a word to the client why.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from vgateway.errors import GatewayError
from vgateway.wire.farewell import Farewell

# Enough that neither side waits for the other's wake-up on a fast path; the bound of what a slow reader can pin.
BUFFER = 512 * 1024
# How long an upstream may take to finish the frame that it has begun, before we end without words.
FRAME_SECONDS = 2.0
# How long a client may take to read our words and end the connection.
LEAVE_SECONDS = 3.0


class Leg(asyncio.Protocol):
    """One end of a tunnel: hands what its peer sends to the ``other`` leg."""

    def __init__(self, tunnel: "Tunnel", name: str, transport: asyncio.Transport) -> None:
        self._tunnel = tunnel
        self.name = name
        self.transport = transport
        self.other: Leg = self
        self.reading = True
        self.writing = True
        self.lost = False
        self.received = 0

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.received += len(data)
        if self.other.writing:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """The peer writes no more: tell the other side, and go on with its direction."""
        self._stop_reading("closed by")
        return True

    def write_failed(self, error: BaseException) -> None:
        """The peer takes no more, but what it had sent is still coming."""
        self._stop_writing(f"write failed ({error}):")

    def connection_lost(self, exc: BaseException | None) -> None:
        """The peer is gone: both directions end."""
        self.lost = True
        how = f"lost ({exc}):" if exc else "closed by"
        self._stop_writing(how)
        self._stop_reading(how)

    def pause_writing(self) -> None:
        """Stop the other peer: this one is slow."""
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other peer go on: this one took enough."""
        self.other.transport.resume_reading()

    def _stop_reading(self, how: str) -> None:
        if not self.reading:
            return
        self.reading = False
        if self.other.writing:
            self.other.writing = False
            if not self.other.lost:
                self.other.transport.write_eof()
        self._tunnel.direction_ended(f"{how} {self.name}")

    def _stop_writing(self, how: str) -> None:
        if not self.writing:
            return
        self.writing = False
        if not self.other.lost:
            # Its bytes have nowhere to go now; they are read and dropped, so that its end is seen.
            self.other.transport.resume_reading()
        self._tunnel.direction_ended(f"{how} {self.name}")


class AskingLeg(Leg):
    """The client's end of a tunnel whose frames are followed."""

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport, farewell: Farewell) -> None:
        super().__init__(tunnel, "client", transport)
        self._farewell = farewell

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self._farewell.asked(data)
        super().data_received(data)


class AnsweringLeg(Leg):
    """The upstream's end of a tunnel whose frames are followed: it stops between two of them."""

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport, farewell: Farewell) -> None:
        super().__init__(tunnel, "upstream", transport)
        self._farewell = farewell
        self.stopping = False

    @property
    def farewell_may_follow(self) -> bool:
        """Whether the client has been sent nothing but whole frames."""
        return self._farewell.whole

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, to the end of what is begun once the tunnel shall end."""
        if not self.stopping:
            self._farewell.answered(data)
            super().data_received(data)
            return
        super().data_received(data[: self._farewell.answered(data, to_whole=True)])
        if self._farewell.whole:
            self._tunnel.part()


class Tunnel:
    """Two legs. ``finished`` resolves when both directions have ended; ``how`` says what ended the first of them.

    With ``farewell`` it can be ended with words.
    """

    def __init__(
        self, client: asyncio.Transport, upstream: asyncio.Transport, farewell: Farewell | None = None
    ) -> None:
        self._farewell = farewell
        self.client: Leg = Leg(self, "client", client)
        self.upstream: Leg = Leg(self, "upstream", upstream)
        if farewell is not None:
            self.client = AskingLeg(self, client, farewell)
            self.upstream = AnsweringLeg(self, upstream, farewell)
        self.client.other, self.upstream.other = self.upstream, self.client
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.how = ""
        self._words = b""
        self._timer: asyncio.TimerHandle | None = None

    def start(self, from_client: bytes, from_upstream: bytes) -> None:
        """Take both transports over and deliver what had already arrived from either side."""
        for leg in (self.client, self.upstream):
            leg.transport.set_write_buffer_limits(high=BUFFER)
            leg.transport.set_protocol(cast("asyncio.BaseProtocol", leg))
        if from_upstream:
            self.upstream.data_received(from_upstream)
        if from_client:
            self.client.data_received(from_client)
        for leg in (self.client, self.upstream):
            leg.transport.resume_reading()

    def direction_ended(self, how: str) -> None:
        """Close both ends once neither direction can carry anything more."""
        self.how = self.how or how
        alive = (self.client.reading and self.upstream.writing) or (self.upstream.reading and self.client.writing)
        if not alive:
            self._finish()

    def end(self, error: GatewayError) -> None:
        """End it, and tell the client why if its protocol has words for that; what is begun is finished first."""
        if self.finished.done() or self._timer is not None:
            return
        self.how = self.how or f"ended: {error.message}"
        if self._farewell is not None:
            self._words = self._farewell.words(error)
        upstream = self.upstream
        if isinstance(upstream, AnsweringLeg) and not upstream.stopping and not upstream.farewell_may_follow:
            upstream.stopping = True
            self._in(FRAME_SECONDS, self.abort)
        else:
            self.part()

    def cut(self, error: GatewayError) -> None:
        """End it, at once unless there are words: without them a clean end could pass for the stream's own."""
        if self._farewell is None:
            self.abort()
        else:
            self.end(error)

    def part(self) -> None:
        """Let the upstream go and say the last words; the client ends the connection when it has read them."""
        client, upstream = self.client, self.upstream
        upstream.transport.abort()
        if client.writing:
            client.transport.write(self._words)
        client.writing = upstream.reading = upstream.writing = False
        client.transport.resume_reading()
        if client.reading and self._words:
            self._in(LEAVE_SECONDS, self._finish)
        else:
            self._finish()

    def _in(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.finished.done():
            return
        self.finished.set_result(None)
        self.client.transport.close()
        self.upstream.transport.close()

    def abort(self) -> None:
        """Cut both ends at once."""
        self.how = self.how or "cut by the gateway"
        self.client.transport.abort()
        self.upstream.transport.abort()
