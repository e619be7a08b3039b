"""A small HTTP/1.1 peer on loopback for tests of what goes over the wire: records what came, answers what it is told.

It stands where an API server would; it knows no Kubernetes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return orjson.loads(self.body)

    def header(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for found, value in self.headers if found.lower() == name.lower()]


Answer = Callable[[Asked], bytes]


def http(code: int, body: Any = b"", headers: str = "") -> bytes:
    """Return a whole response; a body that is no bytes is sent as JSON."""
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    head = f"HTTP/1.1 {code} Whatever\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
    return f"{head}{headers}\r\n".encode() + payload


SILENCE = b""


@dataclass
class Peer:
    """What came: whole requests, and the bytes that followed an upgrade it agreed to."""

    answer: Answer
    port: int = 0
    hangs_up: bool = False
    asked: list[Asked] = field(default_factory=list)
    tunnelled: bytearray = field(default_factory=bytearray)
    unasked: bytearray = field(default_factory=bytearray)
    serving: set[asyncio.Task[Any]] = field(default_factory=set)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def unsent(self) -> int:
        """Bytes of answers that nobody has taken yet."""
        return sum(writer.transport.get_write_buffer_size() for writer in self.writers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the client leaves; after a 101 answer echo in capitals until it has ended."""
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        self.writers.append(writer)
        task.add_done_callback(self.serving.discard)
        try:
            while True:
                asked = await read_request(reader)
                self.asked.append(asked)
                answer = self.answer(asked)
                writer.write(answer)
                await writer.drain()
                if self.hangs_up:
                    return
                if answer.startswith(b"HTTP/1.1 101"):
                    await self._echo(reader, writer)
                    return
        except (asyncio.IncompleteReadError, ConnectionError) as left:
            self.unasked.extend(getattr(left, "partial", b""))
        finally:
            writer.close()

    async def all_left(self) -> None:
        """Wait until no client is connected any more."""
        async with asyncio.timeout(20):
            if self.serving:
                await asyncio.wait(set(self.serving))

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            self.tunnelled.extend(piece)
            writer.write(piece.upper())
            await writer.drain()


async def read_request(reader: asyncio.StreamReader) -> Asked:
    """Read one request with a sized or a chunked body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])]
    known = {name.lower(): value for name, value in headers}
    body = await reader.readexactly(int(known.get("content-length", 0)))
    if "chunked" in known.get("transfer-encoding", ""):
        body = b"".join([chunk async for chunk in chunks(reader)])
    return Asked(method, target, headers, body)


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the pieces of a chunked body."""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[Peer]:
    """Give a peer that listens around the body."""
    peer = Peer(answer)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in list(peer.serving):
            task.cancel()
        await server.wait_closed()
        await peer.all_left()
