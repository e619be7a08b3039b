"""Tunnel an upgraded connection, byte for byte; knows nothing about SPDY or WebSocket frames.

Each direction ends by itself: the end of one peer's stream becomes a half-close towards the other, and a failed write
ends only the direction it belongs to. What was received is delivered. A slow reader stops the other side's writer.
"""

import asyncio
from typing import cast

# Enough that neither side waits for the other's wake-up on a fast path; the bound of what a slow reader can pin.
BUFFER = 512 * 1024


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


class Tunnel:
    """Two legs. ``finished`` resolves when both directions have ended; ``how`` says what ended the first of them."""

    def __init__(self, client: asyncio.Transport, upstream: asyncio.Transport) -> None:
        self.client = Leg(self, "client", client)
        self.upstream = Leg(self, "upstream", upstream)
        self.client.other, self.upstream.other = self.upstream, self.client
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.how = ""

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
        if alive or self.finished.done():
            return
        self.finished.set_result(None)
        self.client.transport.close()
        self.upstream.transport.close()

    def abort(self) -> None:
        """Cut both ends at once."""
        self.how = self.how or "cut by the gateway"
        self.client.transport.abort()
        self.upstream.transport.abort()
