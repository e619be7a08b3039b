"""TLS over a plain asyncio or uvloop transport, for both legs: a transport that loses nothing at the end of a stream.

Each direction ends by itself: ``write_eof`` sends close_notify and FIN while reading goes on, pausing is the kernel's
back-pressure, and a close waits until the output has left. uvloop's own TLS drops received bytes when the peer closes
under back-pressure; the standard library's drops unsent ones when the peer still writes.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, cast, runtime_checkable

import structlog

from vgateway.wire.salvage import Salvage
from vgateway.wire.sockets import everything_acknowledged

log = structlog.get_logger(__name__)

# The most plaintext that one TLS record carries: a read of this size never leaves a part of a record behind.
RECORD = 16 * 1024
# Ciphertext handed to OpenSSL at once: its memory buffers grow to what they are given and never shrink.
SLICE = 32 * 1024
# How long a closing connection waits for a peer that does not take its output.
LINGER_SECONDS = 30.0
# How long it then waits for the peer's own end.
PEER_ENDS_SECONDS = 5.0


@runtime_checkable
class ReadsOn(Protocol):
    """A protocol that goes on reading after writing to its peer has failed (a tunnel's leg)."""

    def write_failed(self, error: BaseException) -> None:
        """Nothing more can be written; what the peer had sent is still delivered, then comes ``connection_lost``."""
        ...


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """The plain transport's protocol and the inner protocol's transport in one object.

    The inner protocol sees ``connection_made`` after the handshake. ``ragged`` is True when the peer ended without
    close_notify, which an attacker or a crash can cause: a body that ends with the connection is then incomplete.
    """

    __slots__ = (
        "_closing",
        "_context",
        "_eof_held",
        "_eof_in",
        "_eof_out",
        "_incoming",
        "_linger_until",
        "_loop",
        "_lost",
        "_open",
        "_outgoing",
        "_paused",
        "_plain",
        "_protocol",
        "_read",
        "_refusal",
        "_salvage",
        "_ssl",
        "_timer",
        "_write",
        "opened",
        "ragged",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: ssl.SSLContext,
        protocol: asyncio.Protocol,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        refusal: bytes = b"",
    ) -> None:
        """``refusal`` is what a peer is told that speaks plain HTTP to a TLS server."""
        super().__init__()
        self._loop = loop
        self._context = context
        self._protocol = protocol
        self._refusal = refusal
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._read = cast("Callable[[int], bytes]", self._ssl.read)
        self._write = self._ssl.write
        self._plain: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._linger_until = 0.0
        self._salvage: Salvage | None = None
        self._open = self._closing = self._lost = self._paused = False
        self._eof_in = self._eof_out = self._eof_held = False
        self.ragged = False
        self.opened: asyncio.Future[None] | None = None if server_side else loop.create_future()

    # --- what the plain transport calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake; ``limit_handshake`` bounds it."""
        self._plain = cast("asyncio.Transport", transport)
        if self.opened is not None:
            self._handshake()

    def limit_handshake(self, seconds: float) -> None:
        """Give up on a handshake that takes longer than ``seconds``."""
        if not self._open:
            self._timer = self._loop.call_later(seconds, self._fail, TimeoutError("TLS handshake timed out"))

    def data_received(self, data: bytes) -> None:
        """Decrypt everything that came and deliver it in one piece."""
        if self._closing:
            return
        if len(data) > SLICE:
            view = memoryview(data)
            chunks: list[bytes] = []
            error = None
            for start in range(0, len(data), SLICE):
                self._incoming.write(view[start : start + SLICE])
                if self._open or self._handshake():
                    error = self._decrypt(chunks)
            self._deliver(chunks, error)
            return
        self._incoming.write(data)
        if self._open or self._handshake():
            chunks = []
            self._deliver(chunks, self._decrypt(chunks))

    def eof_received(self) -> bool:
        """Tell the inner protocol that the peer writes no more; the plain transport stays open for our output."""
        if not self._open:
            self._fail(ConnectionResetError("the peer left during the TLS handshake"))
        elif not self._eof_in:
            self.ragged = True
            self._peer_ended()
        elif self._closing:
            self._close_plain()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Pass the loss on, unless the inner protocol still wants what the kernel holds of the peer's bytes."""
        if self._lost:
            return
        self._lost = True
        self._cancel_timer()
        if not self._open:
            self._fail(exc or ConnectionResetError("the peer left during the TLS handshake"))
        elif exc is not None and not self._eof_in and not self._closing and isinstance(self._protocol, ReadsOn):
            self._begin_salvage(exc)
        else:
            self._protocol.connection_lost(cast("Exception | None", exc))

    def pause_writing(self) -> None:
        """Pass the plain transport's back-pressure on."""
        if self._open:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass the end of the back-pressure on."""
        if self._open:
            self._protocol.resume_writing()

    # --- what the inner protocol calls ------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send; silently dropped after the end, as asyncio's own transports do."""
        plain = self._plain
        if not data or self._eof_out or self._lost or plain is None:
            return
        if len(data) <= RECORD:
            self._write(data)
            plain.write(self._outgoing.read())
            return
        view = memoryview(data)
        records = []
        for start in range(0, len(data), RECORD):
            self._write(view[start : start + RECORD])
            records.append(self._outgoing.read())
        plain.writelines(records)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Encrypt and send several pieces."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Each direction ends by itself."""
        return True

    def write_eof(self) -> None:
        """Send close_notify and FIN behind what was written; reading goes on."""
        if self._eof_out or not self._open or self._lost:
            return
        self._eof_out = True
        with suppress(ssl.SSLError):  # ours is out; the peer's own close_notify may come much later, or never
            self._ssl.unwrap()
        self._flush()
        if self._plain is not None and not self._plain.is_closing():
            with suppress(OSError):  # the peer has reset the connection: reading it will say so
                self._plain.write_eof()

    def close(self) -> None:
        """End both directions: what was written still leaves, what the peer still sends is dropped."""
        if self._closing or self._lost:
            if self._salvage is not None:
                self._salvage.end()
            return
        if not self._open:
            self.abort()
            return
        self.write_eof()
        self._closing = True
        if self._eof_in:
            self._close_plain()
            return
        # Unread input would turn the kernel's FIN into a reset, which takes our output with it: read on, and drop it.
        assert self._plain is not None
        self._plain.resume_reading()
        self._linger_until = self._loop.time() + LINGER_SECONDS
        self._timer = self._loop.call_later(0.002, self._linger, 0.004)

    def abort(self) -> None:
        """Cut the connection without close_notify: the peer sees that something is missing."""
        self._closing = True
        self._cancel_timer()
        if self._salvage is not None:
            self._salvage.end()
        if self._plain is not None:
            self._plain.abort()

    def is_closing(self) -> bool:
        """Whether ``close`` or ``abort`` was called, or the connection is gone."""
        return self._closing or self._lost

    def pause_reading(self) -> None:
        """Leave further input in the kernel: the peer feels it."""
        self._paused = True
        if self._salvage is not None:
            self._salvage.pause()
        elif self._plain is not None and not self._lost and not self._closing:
            self._plain.pause_reading()

    def resume_reading(self) -> None:
        """Take input again."""
        self._paused = False
        if self._eof_held:
            self._eof_held = False
            self._loop.call_soon(self._peer_ended)
        if self._salvage is not None:
            self._salvage.go_on()
        elif self._plain is not None and not self._lost:
            self._plain.resume_reading()

    def is_reading(self) -> bool:
        """Whether input is taken."""
        return not (self._paused or self._closing or self._eof_in)

    def get_write_buffer_size(self) -> int:
        """Bytes of ciphertext that the kernel has not taken yet."""
        return 0 if self._plain is None or self._lost else self._plain.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the plain transport's limits (ciphertext bytes)."""
        if self._plain is not None:
            self._plain.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the plain transport's limits."""
        assert self._plain is not None
        return self._plain.get_write_buffer_limits()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the inner protocol."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the stream to another inner protocol."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Know ``ssl_object`` and ``sslcontext``; ask the plain transport for the rest."""
        if name == "ssl_object":
            return self._ssl
        if name == "sslcontext":
            return self._context
        return default if self._plain is None else self._plain.get_extra_info(name, default)

    # --- handshake --------------------------------------------------------------------------------------------------

    def _handshake(self) -> bool:
        """Go on with the handshake; True once it is done."""
        if self._closing:
            return False
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()
            self._fail(error)
            return False
        self._flush()
        self._cancel_timer()
        self._open = True
        self._protocol.connection_made(self)
        if self.opened is not None and not self.opened.done():
            self.opened.set_result(None)
        return True

    def _fail(self, error: BaseException) -> None:
        """End a connection whose handshake failed, after the alert has left."""
        if self.opened is not None:
            if not self.opened.done():
                self.opened.set_exception(error)
        elif not self._closing:
            log.debug("TLS handshake failed", error=str(error), peer=self.get_extra_info("peername"))
        plain = self._plain
        if plain is None or self._closing:
            return
        self._closing = True
        self._cancel_timer()
        if isinstance(error, ssl.SSLError):
            if error.reason == "HTTP_REQUEST":
                plain.write(self._refusal)
            plain.close()
        else:
            plain.abort()

    # --- reading ----------------------------------------------------------------------------------------------------

    def _decrypt(self, chunks: list[bytes]) -> ssl.SSLError | None:
        """Add the plaintext that is there to ``chunks``; an empty chunk is the peer's close_notify."""
        incoming, read = self._incoming, self._read
        try:
            while incoming.pending:
                chunk = read(RECORD)
                chunks.append(chunk)
                if not chunk:
                    incoming.read()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            # What an empty chunk says, in the words for a stream whose other direction has ended already.
            chunks.append(b"")
            incoming.read()
        except ssl.SSLError as error:
            return error
        return None

    def _deliver(self, chunks: list[bytes], error: ssl.SSLError | None) -> None:
        if self._outgoing.pending:
            # A key update, or the alert that belongs to the error.
            self._flush()
        if chunks:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            if data:
                self._protocol.data_received(data)
            if not chunks[-1]:
                self._peer_ended()
                return
        if error is not None and not self._closing:
            log.debug("TLS stream broken", error=str(error), peer=self.get_extra_info("peername"))
            self.abort()

    def _peer_ended(self) -> None:
        if self._eof_in:
            return
        if self._paused and not self._closing:
            # The end comes behind bytes that the inner protocol is still busy with, perhaps to hand itself over.
            self._eof_held = True
            return
        self._eof_in = True
        if self._closing:
            self._close_plain()
        elif not self._protocol.eof_received():
            self.close()

    # --- the ends ---------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._outgoing.pending and self._plain is not None and not self._plain.is_closing():
            self._plain.write(self._outgoing.read())

    def _linger(self, delay: float, *, acknowledged: bool = False) -> None:
        """Close once the peer has ended too, or has had its time; look again after ``delay`` seconds otherwise.

        A peer whose kernel has everything may still be reading it; a reset, which closing on a peer that writes
        means, could cost it that.
        """
        plain = self._plain
        if self._lost or plain is None:
            return
        now = self._loop.time()
        if not acknowledged and everything_acknowledged(plain):
            acknowledged, self._linger_until = True, now + PEER_ENDS_SECONDS
        if now <= self._linger_until:
            again = partial(self._linger, min(2 * delay, 1.0), acknowledged=acknowledged)
            self._timer = self._loop.call_later(delay, again)
        elif acknowledged:
            plain.close()
        else:
            plain.abort()

    def _close_plain(self) -> None:
        self._cancel_timer()
        if self._plain is not None:
            self._plain.close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin_salvage(self, error: BaseException) -> None:
        assert self._plain is not None
        self._salvage = Salvage(self._loop, self._plain, self.data_received, self._end_of_salvage)
        if self._paused:
            self._salvage.pause()
        cast("ReadsOn", self._protocol).write_failed(error)
        if not self._paused:
            self._salvage.go_on()

    def _end_of_salvage(self) -> None:
        self._salvage = None
        self._protocol.connection_lost(None)
