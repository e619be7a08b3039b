"""Reading an HTTP/1.1 response out of bytes, whatever pieces they come in. Pure: no socket, no clock.

The head is read by ``wire.framing``, as strictly as what is relayed; here bodies are decoded, not passed on.
"""

import re

from vgateway.wire.heads import HEAD_END, MAX_HEAD, MalformedMessage, ResponseHead, parse_head

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})")
MAX_LINE = 16 * 1024


class Response:
    """One response: feed it, read ``head`` once it is there, and stop when ``done``.

    ``reusable`` says whether the connection may carry another call then.
    """

    __slots__ = ("_body", "_buffer", "done", "head", "reusable")

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.done = False
        self.reusable = False
        self._buffer = b""
        self._body: Sized | Chunked | Closed | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the decoded body in these bytes. Raises ``MalformedMessage``."""
        while self._body is None:
            data, self._buffer = self._buffer + data, b""
            end = data.find(HEAD_END)
            if end < 0:
                self._buffer = data
                if len(data) > MAX_HEAD:
                    raise MalformedMessage("the head of the response is too long")
                return []
            self._begin(parse_head(data[:end]))
            data = data[end + len(HEAD_END) :]
        pieces, rest = self._body.feed(data)
        if rest:
            raise MalformedMessage("more bytes than the response has")
        self._note_end()
        return pieces

    def end(self) -> None:
        """The connection has ended. Raises ``MalformedMessage`` unless that is the body's end."""
        if not isinstance(self._body, Closed):
            raise MalformedMessage("the connection ended before the response did")
        self.done = True

    def header(self, name: bytes) -> str | None:
        """Return a header's value; ``name`` is in small letters."""
        for line in self.head.lines[1:] if self.head else ():
            found, _, value = line.partition(b":")
            if found.lower() == name:
                return value.strip(b" \t").decode("latin-1")
        return None

    def headers(self) -> list[tuple[str, str]]:
        """Return every header, in order and as it was spelled."""
        lines = (line.partition(b":") for line in (self.head.lines[1:] if self.head else ()))
        return [(name.decode("latin-1"), value.strip(b" \t").decode("latin-1")) for name, _, value in lines]

    def _begin(self, head: ResponseHead) -> None:
        if head.status == 101:
            raise MalformedMessage("the server switched protocols, which nobody asked for")
        if head.status < 200:
            return  # an interim response; the real one follows
        self.head = head
        self._body = body_of(head)

    def _note_end(self) -> None:
        assert self._body is not None
        assert self.head is not None
        self.done = self._body.done
        self.reusable = self.done and not self.head.close


class Sized:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = not length

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the body's pieces and what is beyond it."""
        piece, rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        self.done = not self._left
        return ([piece] if piece else []), rest


class Closed:
    """A body that ends with the connection."""

    done = False

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take everything."""
        return ([data] if data else []), b""


class Chunked:
    """A chunked body, taken out of its chunks."""

    def __init__(self) -> None:
        self.done = False
        self._left = 0  # bytes of the present chunk that are to come
        self._after = False  # the line end behind a chunk's data is due
        self._trailing = False
        self._line = b""  # a line that has begun

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the body's pieces and what is beyond it."""
        pieces: list[bytes] = []
        data, self._line = self._line + data, b""
        at = 0
        while at < len(data) and not self.done:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._after = not self._left
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                return pieces, self._keep(data[at:])
            self._take(data[at:end])
            at = end + 2
        return pieces, data[at:]

    def _keep(self, line: bytes) -> bytes:
        if len(line) > MAX_LINE:
            raise MalformedMessage("bad chunk framing")
        self._line = line
        return b""

    def _take(self, line: bytes) -> None:
        if self._after:
            if line:
                raise MalformedMessage("chunk longer than its size")
            self._after = False
        elif self._trailing:
            self.done = not line
        else:
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise MalformedMessage(f"bad chunk size {line[:20]!r}")
            self._left = int(size[1], 16)
            self._trailing = not self._left


def body_of(head: ResponseHead) -> Sized | Chunked | Closed:
    """Say how the body of a response (to anything but HEAD) is framed."""
    if head.status in (204, 304):
        return Sized(0)
    if head.chunked:
        return Chunked()
    return Closed() if head.length is None else Sized(head.length)
