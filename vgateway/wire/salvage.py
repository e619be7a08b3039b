"""What the kernel still holds of a peer's bytes after writing to that peer has failed.

asyncio and uvloop drop it with their transport; a second descriptor of the socket keeps the receive queue alive.
"""

import asyncio
import os
import socket
from collections.abc import Callable

READ = 64 * 1024


class Salvage:
    """Reads a dead connection to its end: hands out what is left, then says so. No more will ever arrive on it."""

    __slots__ = ("_deliver", "_ended", "_loop", "_paused", "_socket")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        deliver: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:
        """To be made while ``transport`` reports its loss: the descriptor is still open then."""
        self._loop = loop
        self._deliver = deliver
        self._ended = ended
        self._paused = False
        self._socket: socket.socket | None = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._socket.setblocking(False)

    def pause(self) -> None:
        """Keep the rest in the kernel for now."""
        self._paused = True

    def go_on(self) -> None:
        """Hand out the rest, soon."""
        self._paused = False
        self._loop.call_soon(self._read)

    def end(self) -> None:
        """Give up what is left."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._ended()

    def _read(self) -> None:
        while self._socket is not None and not self._paused:
            try:
                data = self._socket.recv(READ)
            except OSError:
                data = b""
            if data:
                self._deliver(data)
            else:
                self.end()
