"""No byte is lost at the end of a stream, whichever way it ends, through tunnels and through bodies."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.unit.wire.conftest import Run
from tests.unit.wire.gateway import Pki, gateway
from tests.unit.wire.peers import READ, Cut, Stream, Upstream, blocks, connect, digest_of, digest_received

MIB = 1024 * 1024
UPGRADE = b"POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"

End = Callable[[Stream], None]
ENDS: dict[str, End] = {"half-close": Stream.end, "close": Stream.close, "no-close-notify": Stream.vanish}


def slowly() -> None:
    """Let the writer run ahead, so that the end comes while reading is held back."""
    time.sleep(0.002)


def read_all(stream: Stream, pause_every: int = 0) -> tuple[int, str]:
    """Read to the end, clean or not: a tunnel passes a cut stream's bytes on as well."""
    digest, size, pause_at = hashlib.sha256(), 0, pause_every
    try:
        for data in iter(stream.receive, b""):
            digest.update(data)
            size += len(data)
            if pause_every and size >= pause_at:
                pause_at += pause_every
                slowly()
    except Cut:
        pass
    return size, digest.hexdigest()


def switch(stream: Stream) -> None:
    stream.until(b"\r\n\r\n")
    stream.send(SWITCHED)


def upgraded(port: int, pki: Pki) -> Stream:
    client = connect(port, pki.client)
    client.send(UPGRADE)
    assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
    return client


def send_all(stream: Stream, size: int, seed: int) -> None:
    for piece in blocks(size, seed):
        stream.send(piece)


async def tunnel_down(pki: Pki, size: int, end: End, pause_every: int) -> None:
    def serve(stream: Stream) -> None:
        switch(stream)
        send_all(stream, size, 7)
        end(stream)

    with Upstream(serve, pki.server) as upstream:
        async with gateway(upstream.port, pki) as front:

            def read() -> tuple[int, str]:
                with closing(upgraded(front.port, pki)) as client:
                    return read_all(client, pause_every)

            assert await asyncio.to_thread(read) == (size, digest_of(size, 7))
        await asyncio.to_thread(upstream.wait)


async def tunnel_up(pki: Pki, size: int, end: End, pause_every: int) -> None:
    came: list[tuple[int, str]] = []

    def serve(stream: Stream) -> None:
        switch(stream)
        came.append(read_all(stream, pause_every))
        stream.close()

    with Upstream(serve, pki.server) as upstream:
        async with gateway(upstream.port, pki) as front:

            def write() -> None:
                with closing(upgraded(front.port, pki)) as client:
                    send_all(client, size, 9)
                    end(client)
                    upstream.wait()

            await asyncio.to_thread(write)
    assert came == [(size, digest_of(size, 9))]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_everything_the_upstream_sent_reaches_a_slow_client_of_a_tunnel(run: Run[Any], pki: Pki, end: End) -> None:
    run(tunnel_down(pki, 64 * MIB, end, pause_every=MIB))


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_everything_the_client_sent_reaches_a_slow_upstream_of_a_tunnel(run: Run[Any], pki: Pki, end: End) -> None:
    run(tunnel_up(pki, 64 * MIB, end, pause_every=MIB))


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_short_streams_are_whole_every_time(run: Run[Any], pki: Pki, end: End) -> None:
    async def repeatedly() -> None:
        for _ in range(3):
            await tunnel_down(pki, 2 * MIB + 17, end, pause_every=READ)
            await tunnel_up(pki, 2 * MIB + 17, end, pause_every=READ)

    run(repeatedly())


def test_each_direction_goes_on_after_the_other_has_ended(run: Run[Any], pki: Pki) -> None:
    """`exec -i < file`: the client ends its input, and only then does the answer begin."""
    size = 8 * MIB

    def serve(stream: Stream) -> None:
        switch(stream)
        assert read_all(stream) == (size, digest_of(size, 3))
        send_all(stream, size, 4)
        stream.end()

    async def scenario() -> None:
        with Upstream(serve, pki.server) as upstream:
            async with gateway(upstream.port, pki) as front:

                def talk() -> tuple[int, str]:
                    with closing(upgraded(front.port, pki)) as client:
                        send_all(client, size, 3)
                        client.end()
                        return digest_received(client)

                assert await asyncio.to_thread(talk) == (size, digest_of(size, 4))
            await asyncio.to_thread(upstream.wait)

    run(scenario())


def test_the_upstream_may_end_first_and_still_be_sent_to(run: Run[Any], pki: Pki) -> None:
    size = 8 * MIB

    def serve(stream: Stream) -> None:
        switch(stream)
        stream.send(b"bye")
        stream.end()
        assert read_all(stream) == (size, digest_of(size, 5))

    async def scenario() -> None:
        with Upstream(serve, pki.server) as upstream:
            async with gateway(upstream.port, pki) as front:

                def talk() -> None:
                    with closing(upgraded(front.port, pki)) as client:
                        assert client.everything() == b"bye"
                        send_all(client, size, 5)
                        client.end()
                        upstream.wait()

                await asyncio.to_thread(talk)

    run(scenario())


def test_what_a_client_sent_before_it_left_is_delivered_although_writing_to_it_fails(run: Run[Any], pki: Pki) -> None:
    """The client leaves without having read; the kernel resets it while half of its bytes wait in the gateway."""
    size = 3 * MIB
    came: list[tuple[int, str]] = []

    def serve(stream: Stream) -> None:
        switch(stream)
        digest, total = hashlib.sha256(), 0
        for data in iter(stream.receive, b""):
            stream.send(bytes(512))
            slowly()
            digest.update(data)
            total += len(data)
        came.append((total, digest.hexdigest()))

    async def repeatedly() -> None:
        for _ in range(4):
            with Upstream(serve, pki.server) as upstream:
                async with gateway(upstream.port, pki) as front:

                    def write() -> None:
                        client = upgraded(front.port, pki)
                        send_all(client, size, 9)
                        client.acknowledged()
                        client.vanish()
                        upstream.wait()

                    await asyncio.to_thread(write)

    run(repeatedly())
    assert came == [(size, digest_of(size, 9))] * 4


@pytest.mark.parametrize("framing", ["sized", "chunked", "until-close"])
def test_a_body_reaches_a_slow_client_whole(run: Run[Any], pki: Pki, framing: str) -> None:
    size = 64 * MIB
    heads = {
        "sized": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size,
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "until-close": b"HTTP/1.1 200 OK\r\n\r\n",
    }

    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        stream.send(heads[framing])
        for piece in blocks(size, 11):
            stream.send(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)
        if framing == "chunked":
            stream.send(b"0\r\n\r\n")
        stream.close()

    async def scenario() -> None:
        with Upstream(serve, pki.server) as upstream:
            async with gateway(upstream.port, pki) as front:
                assert await asyncio.to_thread(_get_slowly, front.port, pki) == (size, digest_of(size, 11))
            await asyncio.to_thread(upstream.wait)

    run(scenario())


def _get_slowly(port: int, pki: Pki) -> tuple[int, str]:
    digest, size, pause_at = hashlib.sha256(), 0, MIB
    with closing(connect(port, pki.client)) as client:
        client.send(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
        for data in _body(client, client.until(b"\r\n\r\n").lower()):
            digest.update(data)
            size += len(data)
            if size >= pause_at:
                pause_at += MIB
                slowly()
    return size, digest.hexdigest()


def _body(client: Stream, head: bytes) -> Any:
    if b"content-length: " in head:
        left = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while left:
            data = client.receive()
            left -= len(data)
            yield data
        return
    while size := int(client.until(b"\r\n")[:-2], 16):
        while size:
            data = client.receive()
            client.buffer = data[size:]
            size -= len(data[:size])
            yield data[: len(data) - len(client.buffer)]
        assert client.exactly(2) == b"\r\n"
    assert client.exactly(2) == b"\r\n"


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_a_body_reaches_a_slow_upstream_whole(run: Run[Any], pki: Pki, chunked: bool) -> None:
    size = 64 * MIB
    came: list[tuple[int, str]] = []

    def serve(stream: Stream) -> None:
        head = stream.until(b"\r\n\r\n").lower()
        assert (b"transfer-encoding: chunked" in head) is chunked
        digest, total = hashlib.sha256(), 0
        for data in _body(stream, head):
            digest.update(data)
            total += len(data)
            if total % 7 == 0:
                slowly()
        came.append((total, digest.hexdigest()))
        stream.send(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
        stream.close()

    def put(port: int) -> bytes:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        with closing(connect(port, pki.client)) as client:
            client.send(b"PUT /body HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
            for piece in blocks(size, 12):
                client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                client.send(b"0\r\n\r\n")
            return client.until(b"\r\n\r\n") + client.exactly(2)

    async def scenario() -> None:
        with Upstream(serve, pki.server) as upstream:
            async with gateway(upstream.port, pki) as front:
                answer = await asyncio.to_thread(put, front.port)
                assert answer.startswith(b"HTTP/1.1 201 Created")
                assert answer.endswith(b"ok")
            await asyncio.to_thread(upstream.wait)

    run(scenario())
    assert came == [(size, digest_of(size, 12))]
