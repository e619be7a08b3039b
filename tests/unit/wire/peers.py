"""Blocking TLS and plain peers in threads: a client and an upstream that end their streams exactly as a test says."""

import fcntl
import hashlib
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

READ = 64 * 1024
DEADLINE = 15.0


class Cut(Exception):
    """The stream ended without close_notify, or was reset: something is missing."""


class Stream:
    """A blocking stream over one socket, with TLS when a context is given; its directions end apart."""

    def __init__(self, peer: socket.socket, context: ssl.SSLContext | None, *, server: bool) -> None:
        self.socket = peer
        peer.settimeout(DEADLINE)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self.buffer = b""
        if context is not None:
            self._tls = context.wrap_bio(self._in, self._out, server, None if server else "localhost")
            self._handshake(self._tls)

    def _handshake(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLError:
                self._flush()
                raise
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if self._out.pending:
            self.socket.sendall(self._out.read())

    def _feed(self) -> None:
        try:
            data = self.socket.recv(READ)
        except ConnectionResetError as error:
            raise Cut("reset") from error
        if not data:
            raise Cut("FIN without close_notify")
        self._in.write(data)

    def send(self, data: bytes) -> None:
        """Send everything."""
        if self._tls is None:
            self.socket.sendall(data)
            return
        view = memoryview(data)
        for start in range(0, len(data), 16384):
            self._tls.write(view[start : start + 16384])
            if self._out.pending > READ:
                self._flush()
        self._flush()

    def receive(self) -> bytes:
        """Return what there is; empty at the clean end. Raises ``Cut``."""
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        if self._tls is None:
            try:
                return self.socket.recv(READ)
            except ConnectionResetError as error:
                raise Cut("reset") from error
        while True:
            try:
                return self._tls.read(READ)
            except ssl.SSLWantReadError:
                self._feed()
            except ssl.SSLZeroReturnError:
                return b""

    def until(self, end: bytes) -> bytes:
        """Return everything up to and including ``end``; keep the rest."""
        data = b""
        while end not in data:
            more = self.receive()
            if not more:
                raise Cut(f"ended after {data!r}")
            data += more
        head, _, self.buffer = data.partition(end)
        return head + end

    def exactly(self, size: int) -> bytes:
        """Return exactly ``size`` bytes."""
        data = b""
        while len(data) < size:
            more = self.receive()
            if not more:
                raise Cut(f"ended after {len(data)} bytes")
            data += more
        self.buffer = data[size:] + self.buffer
        return data[:size]

    def everything(self) -> bytes:
        """Return everything up to the clean end."""
        return b"".join(iter(self.receive, b""))

    def end(self) -> None:
        """Send close_notify and FIN; reading goes on."""
        if self._tls is not None:
            with suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush()
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Send close_notify and close both directions, read or not."""
        if self._tls is not None:
            with suppress(ssl.SSLError, OSError):
                self._tls.unwrap()
            with suppress(OSError):
                self._flush()
        self.socket.close()

    def acknowledged(self) -> None:
        """Wait until the other kernel has everything: what is lost from here on, the other side has lost."""
        deadline = time.monotonic() + DEADLINE
        while struct.unpack("i", fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, bytes(4)))[0]:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def vanish(self) -> None:
        """Close without close_notify."""
        self.socket.close()

    def reset(self) -> None:
        """Cut with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Upstream:
    """A raw upstream on a free port: ``serve`` runs in a thread of its own for each connection."""

    def __init__(self, serve: Callable[[Stream], None], context: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def wait(self) -> None:
        """Wait until every connection has been served; raise what failed there."""
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "an upstream connection is still being served"
        if self.errors:
            raise self.errors[0]

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._handle, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _handle(self, peer: socket.socket) -> None:
        with peer:
            try:
                self._serve(Stream(peer, self._context, server=True))
            except Cut:
                pass
            except BaseException as error:  # noqa: BLE001 - shown by wait(), in the test's own thread
                self.errors.append(error)


def connect(port: int, context: ssl.SSLContext | None) -> Stream:
    """Connect as a client."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    try:
        return Stream(peer, context, server=False)
    except BaseException:
        peer.close()
        raise


def blocks(size: int, seed: int = 1) -> Iterator[bytes]:
    """Yield ``size`` bytes that never repeat within a stream, in odd pieces."""
    sent = 0
    while sent < size:
        piece = hashlib.shake_128(struct.pack(">QQ", seed, sent)).digest(512) * 120
        piece = piece[: min(len(piece) - (sent % 977), size - sent)]
        yield piece
        sent += len(piece)


def digest_of(size: int, seed: int = 1) -> str:
    """Return the SHA-256 of what ``blocks`` yields."""
    digest = hashlib.sha256()
    for piece in blocks(size, seed):
        digest.update(piece)
    return digest.hexdigest()


def digest_received(
    stream: Stream, *, pause_every: int = 0, pause: Callable[[], None] = lambda: None
) -> tuple[int, str]:
    """Read to the clean end, pausing after every ``pause_every`` bytes; return how much came and its SHA-256."""
    digest, size, next_pause = hashlib.sha256(), 0, pause_every
    for data in iter(stream.receive, b""):
        digest.update(data)
        size += len(data)
        if pause_every and size >= next_pause:
            next_pause += pause_every
            pause()
    return size, digest.hexdigest()
