"""Heads that we write hold exactly what was meant, or are not written."""

import pytest

from vgateway.errors import GatewayError
from vgateway.wire.headers import request_head, response_head, switched, switching_head, tunnel_protocol
from vgateway.wire.heads import parse_head
from vgateway.wire.outgoing import Outgoing


def test_a_request_head_is_what_was_asked_for_and_the_hop() -> None:
    outgoing = Outgoing("GET", "/a%20b?c=d&c=e", (("Accept", "x"), ("accept", "y")))
    assert request_head(outgoing, host="h:1", framing=["Content-Length: 3"], authorization="Bearer t") == (
        b"GET /a%20b?c=d&c=e HTTP/1.1\r\nAccept: x\r\naccept: y\r\nHost: h:1\r\n"
        b"Authorization: Bearer t\r\nContent-Length: 3\r\n\r\n"
    )


def test_the_clients_host_is_kept_when_it_is_given() -> None:
    head = request_head(Outgoing("GET", "/", (("Host", "front"),)), host="h:1")
    assert head == b"GET / HTTP/1.1\r\nHost: front\r\n\r\n"


@pytest.mark.parametrize(
    "outgoing",
    [
        Outgoing("GET", "/a b"),
        Outgoing("GET", "/a\r\nX: y"),
        Outgoing("GET", "/a\x7f"),
        Outgoing("GET", ""),
        Outgoing("GET", "https://elsewhere/"),
        Outgoing("GET", "*"),
        Outgoing("G T", "/"),
        Outgoing("", "/"),
        Outgoing("GET", "/", (("X", "a\r\nY: b"),)),
        Outgoing("GET", "/", (("X", "a\nY: b"),)),
        Outgoing("GET", "/", (("X", "a\rY: b"),)),
        Outgoing("GET", "/", (("X", "a\0b"),)),
        Outgoing("GET", "/", (("X\r\nY", "a"),)),
    ],
)
def test_what_would_not_be_one_line_is_refused(outgoing: Outgoing) -> None:
    with pytest.raises(GatewayError) as refused:
        request_head(outgoing, host="h")
    assert refused.value.code == 400


def test_a_response_head_is_always_http11() -> None:
    head = parse_head(b"HTTP/1.0 200 OK\r\nA: b")
    assert response_head(head, close=True, rechunk=True) == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )


def test_switching_names_the_protocol_once() -> None:
    head = parse_head(b"HTTP/1.1 101 S\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade, X\r\nX: 1\r\nY: 2")
    assert switching_head(head) == b"HTTP/1.1 101 S\r\nY: 2\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"


@pytest.mark.parametrize(
    ("upgrade", "protocol"),
    [
        ("SPDY/3.1", "SPDY/3.1"),
        (" websocket ", "websocket"),
        ("WebSocket", "WebSocket"),
        ("h2c", None),
        ("websocket, h2c", None),
        ("", None),
    ],
)
def test_only_known_protocols_are_tunnelled(upgrade: str, protocol: str | None) -> None:
    assert tunnel_protocol(upgrade) == protocol


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (b"HTTP/1.1 101 S\r\nUpgrade: spdy/3.1", True),
        (b"HTTP/1.1 101 S\r\nUpgrade: websocket", False),
        (b"HTTP/1.1 101 S", False),
        (b"HTTP/1.1 200 OK\r\nUpgrade: SPDY/3.1", False),
    ],
)
def test_the_upstream_has_switched_when_it_names_what_was_asked(raw: bytes, verdict: bool) -> None:
    assert switched(parse_head(raw), "SPDY/3.1") is verdict
