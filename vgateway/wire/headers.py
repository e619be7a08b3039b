"""Heads that we write: a request's towards the upstream, a response's towards the client.

Pure text building. Nothing that could end a header line early leaves here: a request with such a value is refused.
"""

import re
from collections.abc import Iterable

from vgateway.errors import GatewayError
from vgateway.wire.heads import ResponseHead
from vgateway.wire.outgoing import Outgoing

# What a client may ask to switch to. Anything else (h2c above all, which would open a second, unjudged way to send
# requests on our own connection) is served without switching, as RFC 9110 §7.8 allows.
TUNNEL_PROTOCOLS = frozenset({"spdy/3.1", "websocket", "tcp"})

_UNFIT_FOR_TARGET = re.compile(r"[\x00-\x20\x7f]")
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def request_head(
    outgoing: Outgoing,
    *,
    host: str,
    framing: Iterable[str] = (),
    authorization: str | None = None,
    minor: int = 1,
) -> bytes:
    """Write a request's head. ``framing`` are whole lines; ``host`` is used when ``outgoing`` gives none.

    Raises ``GatewayError`` 400 for a value that would not be one header line.
    """
    target = outgoing.target
    if not (_METHOD.fullmatch(outgoing.method) and target.startswith("/") and fit_for_target(target)):
        raise GatewayError(400, "the request line is none that may be passed on")
    lines = [f"{outgoing.method} {target} HTTP/1.{minor}"]
    for name, value in outgoing.headers:
        lines.append(f"{name}: {value}")
        if name in ("Host", "host"):
            host = ""
    if host:
        lines.append(f"Host: {host}")
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    lines += framing
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise GatewayError(400, "a header holds characters that may not be there")
    return (text + "\r\n\r\n").encode("utf-8", "surrogateescape")


def fit_for_target(target: str) -> bool:
    """Whether a request line may hold this target; other bytes than ASCII are none of our business."""
    if target.isascii() and target.isprintable():
        return " " not in target
    return _UNFIT_FOR_TARGET.search(target) is None


def response_head(head: ResponseHead, *, close: bool, rechunk: bool = False) -> bytes:
    """Write the head that the client gets for the upstream's ``head``: always as HTTP/1.1, hop headers ours.

    ``rechunk``: the upstream's body ended with its connection, the client gets it in chunks.
    """
    lines = head.lines
    if head.minor == 0:
        lines = [b"HTTP/1.1" + lines[0][8:], *lines[1:]]
    extra = []
    if rechunk:
        extra.append(b"Transfer-Encoding: chunked")
    if close:
        extra.append(b"Connection: close")
    return b"\r\n".join([*lines, *extra, b"", b""])


def switching_head(head: ResponseHead) -> bytes:
    """Write the 101 that the client gets, naming the protocol that the upstream switched to."""
    upgrade = head.upgrade or b""
    return b"\r\n".join([*head.lines, b"Connection: Upgrade", b"Upgrade: " + upgrade, b"", b""])


def tunnel_protocol(upgrade: str) -> str | None:
    """Return the protocol of an Upgrade header as the client wrote it, None when we do not tunnel it."""
    asked = upgrade.strip()
    return asked if asked.lower() in TUNNEL_PROTOCOLS else None


def switched(head: ResponseHead, asked: str) -> bool:
    """Whether the upstream agreed to exactly what the client asked for."""
    return head.status == 101 and (head.upgrade or b"").decode("latin-1").lower() == asked.lower()


def agreed_protocol(head: ResponseHead) -> str:
    """Return what a stream's both ends agreed to speak within SPDY or WebSocket, "" if they did not say."""
    for line in head.lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() in {b"x-stream-protocol-version", b"sec-websocket-protocol"}:
            return value.strip().decode("latin-1")
    return ""
