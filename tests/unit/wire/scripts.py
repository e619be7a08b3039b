"""What raw upstreams do, and one-line clients for raw-socket tests."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.unit.wire.gateway import Pki, gateway
from tests.unit.wire.peers import Cut, Stream, Upstream, connect

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def read_request(stream: Stream) -> bytes:
    """Read one request as strictly as an API server would: head, and a body by its one framing."""
    head = stream.until(b"\r\n\r\n")
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked\r\n" in lower:
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += stream.until(b"\r\n")
        return head + body
    if b"\r\ncontent-length: " in lower:
        return head + stream.exactly(int(lower.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))
    return head


def answering(seen: list[bytes], *answers: bytes) -> Callable[[Stream], None]:
    """Answer one request after the other on a connection, then keep noting what comes until it ends."""

    def serve(stream: Stream) -> None:
        for answer in answers:
            seen.append(read_request(stream))
            stream.send(answer)
        while data := stream.receive():
            seen.append(data)

    return serve


def converse(
    run: Callable[[Any], Any],
    pki: Pki | None,
    serve: Callable[[Stream], None],
    talk: Callable[[Callable[[], Stream]], Any],
    **options: Any,
) -> Any:
    """Run ``talk`` (in a thread, with a way to connect) against the gateway before a raw upstream."""

    async def scenario() -> Any:
        with Upstream(serve, pki.server if pki else None) as upstream:
            async with gateway(upstream.port, pki, **options) as front:
                result = await asyncio.to_thread(talk, lambda: connect(front.port, pki.client if pki else None))
            await asyncio.to_thread(upstream.wait)
            return result

    return run(scenario())


def exchange(run: Callable[[Any], Any], pki: Pki | None, serve: Callable[[Stream], None], request: bytes) -> bytes:
    """Send raw bytes and return everything that comes back until the gateway ends or cuts the connection."""

    def talk(dial: Callable[[], Stream]) -> bytes:
        came = b""
        with closing(dial()) as client:
            client.send(request)
            try:
                while data := client.receive():
                    came += data
            except Cut:
                came += b"<cut>"
        return came

    return bytes(converse(run, pki, serve, talk))
