"""Where an HTTP/1.1 message of an upstream ends: its head, strictly read, and its body, only measured.

Nothing is decoded: body bytes travel as they came, chunk framing included. What two readers could read differently
(two lengths, a length beside chunks, a bare line feed, chunk extensions) is malformed.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Protocol

HEAD_END = b"\r\n\r\n"
MAX_HEAD = 256 * 1024
MAX_TRAILERS = 16 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_NAMES = re.compile(rb"\r\n([!#$%&'*+\-.^_`|~0-9A-Za-z]+):")
_LENGTH_VALUE = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
# Control characters but for TAB: in a head only the line ends may be made of them.
_CONTROLS = bytes(c for c in range(32) if c != ord("\t")) + b"\x7f"


class MalformedMessage(Exception):
    """The upstream's message could be read in more than one way, or in none."""


class Role(Enum):
    """What a response header means to the hop it travelled."""

    KEEP = 0
    LENGTH = 1
    TRANSFER_ENCODING = 2
    CONNECTION = 3
    UPGRADE = 4
    DROP = 5


_ROLES = {
    b"content-length": Role.LENGTH,
    b"transfer-encoding": Role.TRANSFER_ENCODING,
    b"connection": Role.CONNECTION,
    b"upgrade": Role.UPGRADE,
    b"keep-alive": Role.DROP,
    b"proxy-connection": Role.DROP,
    b"proxy-authenticate": Role.DROP,
    b"proxy-authentication-info": Role.DROP,
}


# Looking a member up in its enum costs as much as the rest of a header line.
_KEEP, _LENGTH = Role.KEEP, Role.LENGTH
_FRAMING = (Role.LENGTH, Role.TRANSFER_ENCODING)
# Words of Connection that name no header.
_ABOUT_THE_HOP = frozenset({b"", b"close", b"keep-alive"})


@lru_cache(maxsize=1024)
def role_of(name: bytes) -> Role:
    """Return what a header of that name is for. Raises ``MalformedMessage`` when it is no header name."""
    if not _TOKEN.fullmatch(name):
        raise MalformedMessage(f"bad header name {name[:40]!r}")
    return _ROLES.get(name.lower(), Role.KEEP)


@dataclass(slots=True)
class ResponseHead:
    """A response's head: ``lines`` are the status line and the end-to-end headers as they came, framing included."""

    minor: int
    status: int
    lines: list[bytes]
    length: int | None = None
    chunked: bool = False
    close: bool = False
    upgrade: bytes | None = None


def parse_head(raw: bytes) -> ResponseHead:
    """Read a response head (without its final empty line). Raises ``MalformedMessage``."""
    breaks = raw.count(b"\r\n")
    if len(raw.translate(None, _CONTROLS)) != len(raw) - 2 * breaks:
        raise MalformedMessage("control characters in the response's head")
    lines = raw.split(b"\r\n")
    names = _FIELD_NAMES.findall(raw)
    if len(names) != breaks:
        raise MalformedMessage("a header line without a name")
    roles = list(map(role_of, names))
    minor, status = _status_of(lines[0])
    head = ResponseHead(minor, status, lines)
    special = breaks - roles.count(_KEEP)
    if special == 1 and _LENGTH in roles:
        # The ordinary answer.
        head.length = _read_length(lines[roles.index(_LENGTH) + 1].partition(b":")[2].strip(b" \t"))
    elif special:
        _read_special(head, roles)
    if minor == 0 or head.chunked:
        _check_framing(head)
    return head


def _read_length(value: bytes) -> int:
    if not _LENGTH_VALUE.fullmatch(value):
        raise MalformedMessage("bad Content-Length")
    return int(value)


def _read_special(head: ResponseHead, roles: list[Role]) -> None:
    """Take the headers about framing and the connection into account, and drop those of the hop."""
    named = set[bytes]()
    dropped = False
    for role, line in zip(roles, head.lines[1:], strict=True):
        if role is not _KEEP:
            _note(head, role, line.partition(b":")[2].strip(b" \t"), named)
            dropped = dropped or role not in _FRAMING
    if dropped:
        start, *fields = head.lines
        kept = [line for role, line in zip(roles, fields, strict=True) if role is _KEEP or role in _FRAMING]
        head.lines = [start, *kept]
        _drop_named(head, named - _ABOUT_THE_HOP)


@lru_cache(maxsize=256)
def _status_of(line: bytes) -> tuple[int, int]:
    """Return the minor version and the status code of a status line."""
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise MalformedMessage(f"bad status line {line[:60]!r}")
    return int(found[1]), int(found[2])


def _check_framing(head: ResponseHead) -> None:
    if head.minor == 0:
        head.close = True
        if head.chunked:
            raise MalformedMessage("chunks in an HTTP/1.0 response")
    if head.chunked and head.length is not None:
        raise MalformedMessage("both Content-Length and Transfer-Encoding")


def _note(head: ResponseHead, role: Role, value: bytes, named: set[bytes]) -> None:
    """Take one header that is about framing or the connection into account."""
    match role:
        case Role.LENGTH:
            if head.length is not None:
                raise MalformedMessage("ambiguous Content-Length")
            head.length = _read_length(value)
        case Role.TRANSFER_ENCODING:
            if head.chunked or value.lower() != b"chunked":
                raise MalformedMessage("unknown Transfer-Encoding")
            head.chunked = True
        case Role.CONNECTION:
            named.update(token.strip(b" \t").lower() for token in value.split(b","))
            head.close = head.close or b"close" in named
        case Role.UPGRADE:
            head.upgrade = value if head.upgrade is None else head.upgrade + b", " + value
        case _:
            return


def _drop_named(head: ResponseHead, named: set[bytes]) -> None:
    """Remove the headers that Connection named; framing stays, or the message would have no end."""
    if not named:
        return
    start, *fields = head.lines
    head.lines = [start, *(line for line in fields if _stays(line.partition(b":")[0], named))]


def _stays(name: bytes, named: set[bytes]) -> bool:
    return role_of(name) is not Role.KEEP or name.lower() not in named


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
