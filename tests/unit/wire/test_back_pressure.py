"""A side that does not read stops the other side's writer: nothing piles up in the gateway."""

import gc
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.unit.wire.conftest import Run
from tests.unit.wire.gateway import Pki
from tests.unit.wire.peers import READ, Stream
from tests.unit.wire.scripts import converse, read_request

Dial = Callable[[], Stream]
MIB = 1024 * 1024
# What the kernel's buffers of both legs may take at most; it is none of the gateway's memory.
KERNEL = 40 * MIB
OFFERED = 200 * MIB
PIECE = bytes(READ)


def resident() -> int:
    """Return this process's memory in bytes; gateway and peers live in it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def push(stream: Stream) -> int:
    """Send until the other side takes no more; return how much it took."""
    stream.socket.settimeout(0.5)
    sent = 0
    with suppress(TimeoutError):
        while sent < OFFERED:
            stream.send(PIECE)
            sent += len(PIECE)
    return sent


@pytest.mark.parametrize("head", [b"Content-Length: %d" % OFFERED, b""], ids=["sized", "until-close"])
def test_a_client_that_does_not_read_an_answer_stops_the_upstream(run_fast: Run[Any], pki: Pki, head: bytes) -> None:
    took: list[int] = []
    stuck = threading.Event()

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 200 OK\r\n" + head + (b"\r\n" if head else b"") + b"\r\n")
        took.append(push(stream))
        stuck.set()

    def talk(dial: Dial) -> int:
        with closing(dial()) as client:
            before = resident()
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stuck.wait(15)
            return resident() - before

    gc.collect()
    grown = converse(run_fast, pki, serve, talk)
    assert took[0] < KERNEL
    assert grown < 16 * MIB


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_an_upstream_that_does_not_read_a_body_stops_the_client(run_fast: Run[Any], pki: Pki, chunked: bool) -> None:
    finished = threading.Event()

    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        assert finished.wait(15)

    def talk(dial: Dial) -> tuple[int, int]:
        with closing(dial()) as client:
            before = resident()
            size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % OFFERED
            client.send(b"PUT / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % size)
            if chunked:
                client.send(b"%x\r\n" % OFFERED)
            took = push(client)
            grown = resident() - before
            finished.set()
            return took, grown

    gc.collect()
    took, grown = converse(run_fast, pki, serve, talk)
    assert took < KERNEL
    assert grown < 16 * MIB


@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_a_side_that_does_not_read_a_tunnel_stops_the_other(run_fast: Run[Any], pki: Pki, up: bool) -> None:
    took: list[int] = []
    stuck = threading.Event()

    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        stream.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
        if not up:
            took.append(push(stream))
            stuck.set()
        assert stuck.wait(15)

    def talk(dial: Dial) -> int:
        with closing(dial()) as client:
            before = resident()
            client.send(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
            client.until(b"\r\n\r\n")
            if up:
                took.append(push(client))
                stuck.set()
            assert stuck.wait(15)
            return resident() - before

    gc.collect()
    grown = converse(run_fast, pki, serve, talk)
    assert took[0] < KERNEL
    assert grown < 16 * MIB


def test_a_paused_stream_goes_on_once_it_is_read_again(run_fast: Run[Any], pki: Pki) -> None:
    """Pausing and going on many times over, with an answer kept alive behind it."""
    size = 24 * MIB

    def serve(stream: Stream) -> None:
        for _ in range(2):
            read_request(stream)
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // READ):
                stream.send(PIECE)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            for _ in range(2):
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                client.until(b"\r\n\r\n")
                left = size
                while left:
                    left -= len(client.exactly(min(left, 3 * MIB)))
                    threading.Event().wait(0.01)

    converse(run_fast, pki, serve, talk)
