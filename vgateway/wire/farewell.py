"""The last words of a stream: where its frames end, and how its protocol says why it is over. Pure.

Frames are measured and pass as they came. Of a client's own only one thing is read: which streams it opened, the
error stream first, as every client of SPDY does. On that channel v4 and v5 take a ``metav1.Status``, those before a
sentence.
"""

from base64 import b64encode
from typing import Protocol

import orjson

from vgateway.errors import GatewayError

ERROR_CHANNEL = 3
REMEMBERED_STREAMS = 8
"""A remote command has five at most."""
CLOSE_REASON = 123
"""Bytes that a close frame has for its reason (RFC 6455, 5.5)."""
NORMAL, GOING_AWAY = 1000, 1001

_SYN_STREAM = b"\x80\x03\x00\x01"
_FIN = 1
_TEXT, _BINARY, _CLOSE = 1, 2, 8
_WITH_STATUS = frozenset({"v4", "v5"})


class Frames:
    """Measures one direction of a stream: ``whole`` between two messages."""

    __slots__ = ("_head", "_left", "_open")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._open = False

    @property
    def whole(self) -> bool:
        """Whether everything that began has ended."""
        return not (self._left or self._head or self._open)

    def feed(self, data: bytes, *, to_whole: bool = False) -> int:
        """Count bytes, with ``to_whole`` only as many as make it whole; return how many."""
        at, end = 0, len(data)
        while at < end and not (to_whole and self.whole):
            if self._left:
                taken = min(self._left, end - at)
                self._left -= taken
            else:
                taken = min(self._head_size() - len(self._head), end - at)
                self._head += data[at : at + taken]
                if len(self._head) == self._head_size():
                    self._left = self._body_size()
                    self._head = b""
            at += taken
        return at

    def _head_size(self) -> int:
        """Return how long the head is, as far as its beginning tells."""
        raise NotImplementedError

    def _body_size(self) -> int:
        """Return how long the body behind a whole head is."""
        raise NotImplementedError


class SpdyFrames(Frames):
    """SPDY/3.1; ``opened`` are the streams that began before any data came."""

    __slots__ = ("data_began", "opened")

    def __init__(self) -> None:
        super().__init__()
        self.data_began = False
        self.opened: list[int] = []

    def _head_size(self) -> int:
        return 12 if self._head[:4] == _SYN_STREAM else 8

    def _body_size(self) -> int:
        head = self._head
        self.data_began = self.data_began or not head[0] & 128
        if len(head) == 12 and not self.data_began and len(self.opened) < REMEMBERED_STREAMS:
            self.opened.append(int.from_bytes(head[8:]) & 0x7FFFFFFF)
        return max(int.from_bytes(head[5:8]) - len(head) + 8, 0)


class WebSocketFrames(Frames):
    """RFC 6455; a message may have several frames, and control frames between them."""

    __slots__ = ()

    def _head_size(self) -> int:
        if len(self._head) < 2:
            return 2
        second = self._head[1]
        return 2 + {126: 2, 127: 8}.get(second & 127, 0) + (4 if second & 128 else 0)

    def _body_size(self) -> int:
        head = self._head
        if head[0] & 15 < _CLOSE:
            self._open = not head[0] & 128
        short = head[1] & 127
        return int.from_bytes(head[2 : {126: 4, 127: 10}[short]]) if short > 125 else short


class Farewell(Protocol):
    """Follows a tunnel so that it can be ended with words."""

    def asked(self, data: bytes) -> None:
        """Follow what the client sent."""
        ...

    def answered(self, data: bytes, *, to_whole: bool = False) -> int:
        """Follow what the client is sent, with ``to_whole`` to the end of what began; return how many bytes that is."""
        ...

    @property
    def whole(self) -> bool:
        """Whether words may follow what the client has been sent."""
        ...

    def words(self, error: GatewayError) -> bytes:
        """Return what tells the client, empty where its protocol has no words."""
        ...


class SpdyFarewell:
    """The words of a remote command over SPDY. Every stream is ended: clients read each to its end."""

    def __init__(self, version: str) -> None:
        """``version`` is the protocol that was agreed on, such as ``v4.channel.k8s.io``."""
        self._version = version
        self._up, self._down = SpdyFrames(), SpdyFrames()

    @property
    def whole(self) -> bool:
        """Whether a frame may follow."""
        return self._down.whole

    def asked(self, data: bytes) -> None:
        """Learn of the client's streams: it opens all that a command has before it sends anything on one."""
        if not self._up.data_began:
            self._up.feed(data)

    def answered(self, data: bytes, *, to_whole: bool = False) -> int:
        """Count."""
        return self._down.feed(data, to_whole=to_whole)

    def words(self, error: GatewayError) -> bytes:
        """Write to the first stream, and end it and all others."""
        bodies = [told(self._version, error), *[b""] * (REMEMBERED_STREAMS - 1)]
        return b"".join(spdy_data(stream, body) for stream, body in zip(self._up.opened, bodies, strict=False))


class WebSocketFarewell:
    """The words of any stream over WebSocket: on its error channel where it has one, and a close."""

    def __init__(self, protocol: str) -> None:
        """``protocol`` is the one that was agreed on, such as ``v5.channel.k8s.io``."""
        self._protocol = protocol
        self._down = WebSocketFrames()

    @property
    def whole(self) -> bool:
        """Whether a message may follow."""
        return self._down.whole

    def asked(self, data: bytes) -> None:
        """Nothing of it is needed."""

    def answered(self, data: bytes, *, to_whole: bool = False) -> int:
        """Count."""
        return self._down.feed(data, to_whole=to_whole)

    def words(self, error: GatewayError) -> bytes:
        """Write to the error channel and close; a client takes no word for an error that a close takes back."""
        if not self._protocol.endswith("channel.k8s.io"):
            reason = error.message.encode()[:CLOSE_REASON].decode(errors="ignore").encode()
            return websocket_frame(_CLOSE, GOING_AWAY.to_bytes(2) + reason)
        body = told(self._protocol, error)
        if "base64" in self._protocol:
            message = websocket_frame(_TEXT, b"%d" % ERROR_CHANNEL + b64encode(body))
        else:
            message = websocket_frame(_BINARY, bytes([ERROR_CHANNEL]) + body)
        return message + websocket_frame(_CLOSE, NORMAL.to_bytes(2))


def farewell_of(upgrade: str, protocol: str) -> Farewell | None:
    """Return what words a tunnel can end with, None if none. ``protocol`` is what both sides agreed on within it."""
    if upgrade.lower() == "websocket":
        return WebSocketFarewell(protocol)
    return SpdyFarewell(protocol) if protocol.endswith("channel.k8s.io") else None


def told(protocol: str, error: GatewayError) -> bytes:
    """Say an error as the error channel of that protocol takes it."""
    return orjson.dumps(error.status()) if protocol[:2] in _WITH_STATUS else error.message.encode()


def spdy_data(stream: int, body: bytes) -> bytes:
    """Return a data frame that ends its stream."""
    return stream.to_bytes(4) + bytes([_FIN]) + len(body).to_bytes(3) + body


def websocket_frame(opcode: int, body: bytes) -> bytes:
    """Return a message of a server's, in one frame."""
    size = len(body)
    long = bytes([126]) + size.to_bytes(2) if size < 65536 else bytes([127]) + size.to_bytes(8)
    return bytes([128 | opcode]) + (bytes([size]) if size < 126 else long) + body
