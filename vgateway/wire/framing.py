"""Where the body of an upstream's HTTP/1.1 response ends: measured only, its bytes travel as they came.

Chunk framing is followed and passed on. What two readers could read differently (chunk extensions, a bare line feed)
is malformed.
"""

import re
from enum import Enum
from typing import Protocol

from vgateway.wire.heads import MalformedMessage, ResponseHead, role_of

MAX_TRAILERS = 16 * 1024

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")


class Body(Protocol):
    """Measures a body: ``done`` once its last byte was seen."""

    done: bool

    def feed(self, data: bytes) -> int:
        """Return how many of these bytes belong to the body. Raises ``MalformedMessage``."""
        ...

    def ends(self) -> bool:
        """Whether the message is complete if the connection ends here."""
        ...

    def at_boundary(self) -> bool:
        """Whether a chunked body could be ended here with a last chunk."""
        ...


class SizedBody:
    """A body of a known length."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = not length

    def feed(self, data: bytes) -> int:
        """Count down."""
        taken = min(len(data), self._left)
        self._left -= taken
        self.done = not self._left
        return taken

    def ends(self) -> bool:
        """Only a whole body is complete."""
        return self.done

    def at_boundary(self) -> bool:
        """A sized body has no place to end but its end."""
        return False


class ClosedBody:
    """A body that ends with the connection."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes) -> int:
        """Everything belongs to it."""
        return len(data)

    def ends(self) -> bool:
        """The connection's (clean) end is its end."""
        return True

    def at_boundary(self) -> bool:
        """The client gets it in chunks that we make."""
        return True


class _Line(Enum):
    """Which line of the chunked encoding comes next."""

    SIZE = 0
    AFTER_DATA = 1
    TRAILER = 2


class ChunkedBody:
    """A chunked body: sizes are read to know where it ends, data is skipped over."""

    __slots__ = ("_left", "_line", "_partial", "_trailers", "done")

    def __init__(self) -> None:
        self._line = _Line.SIZE
        self._left = 0
        self._partial = b""
        self._trailers = 0
        self.done = False

    def feed(self, data: bytes) -> int:
        """Follow the framing through these bytes."""
        at, end = 0, len(data)
        while at < end and not self.done:
            if self._left:
                taken = min(self._left, end - at)
                self._left -= taken
                at += taken
                continue
            stop = data.find(b"\n", at) + 1
            line = self._partial + data[at : stop or end]
            at = stop or end
            if stop:
                self._partial = b""
                self._take(line)
            else:
                self._keep_partial(line)
        return at

    def ends(self) -> bool:
        """Only the last chunk ends it."""
        return self.done

    def at_boundary(self) -> bool:
        """Between two chunks."""
        return self._line is _Line.SIZE and not self._left and not self._partial

    def _keep_partial(self, line: bytes) -> None:
        if len(line) > (MAX_TRAILERS if self._line is _Line.TRAILER else 16):
            raise MalformedMessage("bad chunk framing")
        self._partial = line

    def _take(self, line: bytes) -> None:
        match self._line:
            case _Line.SIZE:
                size = _CHUNK_SIZE.fullmatch(line)
                if size is None:
                    raise MalformedMessage(f"bad chunk size {line[:20]!r}")
                self._left = int(size[1], 16)
                self._line = _Line.AFTER_DATA if self._left else _Line.TRAILER
            case _Line.AFTER_DATA:
                if line != b"\r\n":
                    raise MalformedMessage("chunk longer than its size")
                self._line = _Line.SIZE
            case _Line.TRAILER:
                self._take_trailer(line)

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.done = True
            return
        self._trailers += len(line)
        name, colon, value = line[:-2].partition(b":")
        role_of(name)
        if not colon or self._trailers > MAX_TRAILERS or not line.endswith(b"\r\n") or b"\r" in value:
            raise MalformedMessage("bad trailer")


def body_of(head: ResponseHead, method: str) -> Body:
    """Say how the body that follows ``head`` is framed, for a response to ``method``."""
    if method == "HEAD" or head.status in (204, 304) or head.status < 200:
        return SizedBody(0)
    if head.chunked:
        return ChunkedBody()
    if head.length is not None:
        return SizedBody(head.length)
    return ClosedBody()
