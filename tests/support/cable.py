"""A TCP connection to a loopback port that a test can cut and mend."""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self


class Cable(AbstractAsyncContextManager["Cable"]):
    """Listens on ``port`` and carries bytes to and from ``target``; knows nothing of what they are."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in list(self._ends):
            end.transport.abort()

    def hang(self) -> None:
        """Carry nothing more on the connections there are, and let neither end know; new ones work."""
        self._flows.clear()
        self._flows = asyncio.Event()
        self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, flows = {writer}, self._flows
        self._ends.add(writer)  # before dialling: a cut in the meantime must reach it
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ends.add(far_writer)
            self._ends.add(far_writer)
            if self._server is None or writer.transport.is_closing():
                return
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, far_writer, flows))
                tasks.create_task(_copy(far_reader, writer, flows))
        except OSError:
            return
        finally:
            for end in ends:
                end.transport.abort()
            self._ends -= ends


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event) -> None:
    try:
        while piece := await reader.read(65536):
            await flows.wait()
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
