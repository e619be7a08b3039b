"""Against peers that fall silent: what the kernel is told, and what becomes of connections that were idle."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vgateway.errors import Unavailable
from vgateway.kube.connection import connect
from vgateway.kube.credentials import Credentials
from vgateway.kube.transport import Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """Answers every request until it falls silent, on the connections that it has by then."""

    def __init__(self) -> None:
        self.connections = 0
        self.silent_up_to = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if number > self.silent_up_to:
                    writer.write(OK)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    one = Peer()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    async with server:
        yield one


async def test_the_kernel_is_told_to_give_a_vanished_peer_up_within_a_minute() -> None:
    async with peer() as one:
        connection = await connect("127.0.0.1", one.port, None)
        assert connection._transport is not None
        wire: socket.socket = connection._transport.get_extra_info("socket")

        def option(name: int) -> int:
            return wire.getsockopt(socket.IPPROTO_TCP, name)

        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        quiet = option(socket.TCP_KEEPIDLE) + option(socket.TCP_KEEPINTVL) * option(socket.TCP_KEEPCNT)
        assert 30 <= quiet < 60
        assert 30_000 <= option(socket.TCP_USER_TIMEOUT) < 60_000
        connection.abort()
        await connection.closed.wait()


async def test_one_call_that_times_out_makes_all_idle_connections_suspect() -> None:
    async with peer() as one:
        transport = Transport(Credentials(f"http://127.0.0.1:{one.port}", None), "host", call_seconds=0.2)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tasks.create_task(transport.send("GET", "/"))
        one.silent_up_to = one.connections
        assert one.connections > 1, "several were opened"
        with pytest.raises(Unavailable) as failed:
            await transport.send("GET", "/")
        assert failed.value.code == 504
        assert (await transport.send("GET", "/")).body == b"{}", "the next call has a connection of its own"
        await transport.close()
