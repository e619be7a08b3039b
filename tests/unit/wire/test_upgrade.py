"""A client is switched only after its upstream has switched; until then not one of its further bytes goes up."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import pytest

from tests.unit.wire.conftest import Run
from tests.unit.wire.gateway import Pki
from tests.unit.wire.peers import Cut, Stream
from tests.unit.wire.scripts import OK, converse, exchange, read_request

Dial = Callable[[], Stream]
BEHIND = b"GET /secrets HTTP/1.1\r\nHost: x\r\nX-Remote-User: admin\r\n\r\n"


def upgrade(protocol: bytes = b"SPDY/3.1", method: bytes = b"POST", more: bytes = b"") -> bytes:
    return b"%b /exec?command=a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %b\r\n%b\r\n" % (
        method,
        protocol,
        more,
    )


def switched(protocol: bytes = b"SPDY/3.1", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n%b\r\n" % (protocol, more)


def echo(stream: Stream) -> None:
    while data := stream.receive():
        stream.send(data)


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PUT"])
@pytest.mark.parametrize("protocol", [b"SPDY/3.1", b"websocket", b"WebSocket", b"tcp"])
def test_every_protocol_and_method_is_tunnelled(run: Run[Any], pki: Pki, method: bytes, protocol: bytes) -> None:
    more = b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\nSec-WebSocket-Key: abc=\r\n"
    answer = switched(protocol, b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\nSec-WebSocket-Accept: def=\r\n")

    def serve(stream: Stream) -> None:
        head = read_request(stream)
        assert head.startswith(b"%b /exec?command=a HTTP/1.1\r\n" % method)
        assert b"\r\nConnection: Upgrade\r\nUpgrade: %b\r\n" % protocol in head
        assert b"\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nSec-WebSocket-Key: abc=\r\n" in head
        stream.send(answer)
        echo(stream)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(upgrade(protocol, method, more))
            assert sorted(client.until(b"\r\n\r\n").split(b"\r\n")) == sorted(answer.split(b"\r\n"))
            for message in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100_000):
                client.send(message)
                assert client.exactly(len(message)) == message

    converse(run, pki, serve, talk)


@pytest.mark.parametrize("together", [True, False], ids=["in-one-segment", "later"])
@pytest.mark.parametrize("protocol", [b"SPDY/3.1", b"websocket"])
def test_bytes_behind_the_request_are_held_until_the_101_and_then_delivered(
    run: Run[Any], pki: Pki, protocol: bytes, together: bool
) -> None:
    sent = threading.Event()

    def serve(stream: Stream) -> None:
        head = stream.until(b"\r\n\r\n")
        assert head.count(b"HTTP/1.1") == 1
        assert sent.wait(10)
        stream.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            stream.receive()
        stream.socket.settimeout(30)
        stream.send(switched(protocol))
        assert stream.exactly(len(BEHIND)) == BEHIND
        echo(stream)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            if together:
                client.send(upgrade(protocol) + BEHIND)
            else:
                client.send(upgrade(protocol))
                client.send(BEHIND)
            sent.set()
            client.until(b"\r\n\r\n")
            client.send(b"more")
            assert client.exactly(4) == b"more"

    converse(run, pki, serve, talk)


def test_bytes_that_come_with_the_101_are_delivered(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(switched() + b"first")
        echo(stream)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(upgrade())
            client.until(b"\r\n\r\n")
            assert client.exactly(5) == b"first"
            client.send(b"second")
            assert client.exactly(6) == b"second"

    converse(run, pki, serve, talk)


@pytest.mark.parametrize("protocol", [b"SPDY/3.1", b"websocket"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_a_refusal_reaches_the_client_and_nothing_more_goes_up(
    run: Run[Any], pki: Pki, status: int, protocol: bytes
) -> None:
    seen: list[bytes] = []

    def serve(stream: Stream) -> None:
        seen.append(read_request(stream))
        stream.send(b"HTTP/1.1 %d No\r\nContent-Length: 6\r\n\r\nreason" % status)
        with suppress(Cut):
            seen.append(stream.receive())

    came = exchange(run, pki, serve, upgrade(protocol) + BEHIND)
    assert came == b"HTTP/1.1 %d No\r\nContent-Length: 6\r\nConnection: close\r\n\r\nreason" % status
    assert len(seen) == 1 or seen[1:] == [b""]


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 T\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        switched(b"websocket"),
        switched(b"h2c"),
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nUpgrade: SPDY/3.1\r\n\r\n",
        b"garbage\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_neither_switch_nor_refusal_is_a_502(run: Run[Any], pki: Pki, answer: bytes) -> None:
    seen: list[bytes] = []

    def serve(stream: Stream) -> None:
        seen.append(read_request(stream))
        if not answer:
            stream.close()
            return
        stream.send(answer)
        with suppress(Cut):
            seen.append(stream.receive())

    came = exchange(run, pki, serve, upgrade() + BEHIND)
    assert came.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b'"kind":"Status"' in came
    assert b"Location" not in came
    assert came.count(b"HTTP/1.1 ") == 1
    assert len(seen) == 1 or seen[1:] == [b""]


def test_interim_answers_before_the_101_are_no_answer(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 100 Continue\r\n\r\n" + switched())
        echo(stream)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(upgrade())
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")

    converse(run, pki, serve, talk)


def test_an_unasked_101_is_a_502(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(switched())
        with pytest.raises(Cut):
            stream.receive()

    came = exchange(run, pki, serve, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("protocol", [b"h2c", b"HTTP/2.0", b"TLS/1.0", b"websocket, h2c", b"x"])
def test_other_protocols_are_served_without_switching(run: Run[Any], pki: Pki, protocol: bytes) -> None:
    """h2c above all: it would open a way to send requests on our own connection, unjudged."""
    seen: list[bytes] = []

    def serve(stream: Stream) -> None:
        while True:
            seen.append(read_request(stream))
            stream.send(OK)

    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    came = exchange(run, pki, serve, upgrade(protocol, b"GET") + last)
    assert came.count(b"HTTP/1.1 200 OK") == 2
    assert b"Upgrade" not in seen[0]
    assert seen[1].startswith(b"GET /last ")


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"], ids=["sized", "chunked"]
)
@pytest.mark.parametrize("protocol", [b"SPDY/3.1", b"websocket"])
def test_an_upgrade_with_a_body_is_refused(run: Run[Any], pki: Pki, protocol: bytes, framing: bytes) -> None:
    seen: list[bytes] = []

    def serve(stream: Stream) -> None:
        seen.append(stream.receive())

    came = exchange(run, pki, serve, upgrade(protocol, more=framing) + b"5\r\nhello\r\n0\r\n\r\n" + BEHIND)
    assert came.startswith(b"HTTP/1.1 400 ")
    assert came.count(b"HTTP/1.") == 1
    assert seen in ([], [b""])


def test_an_upgrade_behind_another_request_is_tunnelled_as_well(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        if b"Upgrade" in read_request(stream):
            stream.send(switched())
            echo(stream)
        else:
            stream.send(OK)
            stream.receive()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade() + b"held")
            assert client.exactly(len(OK)) == OK
            client.until(b"\r\n\r\n")
            assert client.exactly(4) == b"held"

    converse(run, pki, serve, talk)


def test_a_head_that_arrives_in_pieces_is_an_upgrade_too(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(switched())
        echo(stream)

    def talk(dial: Dial) -> None:
        request = upgrade()
        for cut in (1, 30, len(request) - 3, len(request) - 2, len(request) - 1):
            with closing(dial()) as client:
                client.send(request[:cut])
                client.acknowledged()
                client.send(request[cut:])
                client.until(b"\r\n\r\n")
                client.send(b"through")
                assert client.exactly(7) == b"through"

    converse(run, pki, serve, talk)


def test_a_tunnel_over_plain_connections_works_as_well(run: Run[Any]) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(switched())
        echo(stream)
        stream.close()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(upgrade())
            client.until(b"\r\n\r\n")
            client.send(b"x" * 1_000_000)
            client.end()
            assert len(client.everything()) == 1_000_000

    converse(run, None, serve, talk)


def test_the_upstream_is_closed_when_the_client_leaves_before_the_101(run: Run[Any], pki: Pki) -> None:
    asked, closed = threading.Event(), threading.Event()

    def serve(stream: Stream) -> None:
        read_request(stream)
        asked.set()
        with pytest.raises(Cut):
            stream.receive()
        closed.set()

    def talk(dial: Dial) -> None:
        client = dial()
        client.send(upgrade())
        assert asked.wait(10)
        client.close()
        assert closed.wait(10)

    converse(run, pki, serve, talk)
