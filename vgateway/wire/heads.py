"""The head of an upstream's HTTP/1.1 response, strictly read.

What two readers could read differently (two lengths, a length beside chunks, a bare line feed) is malformed.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

HEAD_END = b"\r\n\r\n"
MAX_HEAD = 256 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_NAMES = re.compile(rb"\r\n([!#$%&'*+\-.^_`|~0-9A-Za-z]+):")
_LENGTH_VALUE = re.compile(rb"[0-9]{1,18}")
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
