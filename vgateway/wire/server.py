"""Listen for clients: aiohttp parses and serves, our TLS lies under it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a listener; read again when they change. With ``client_ca`` clients may show a certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class Listener:
    """One port. ``port`` is the bound port once ``ready`` is set (0 picks a free one)."""

    def __init__(
        self,
        name: str,
        handler: Handler,
        address: str,
        port: int,
        tls: TlsFiles | None,
        *,
        drain_seconds: float = 20.0,
        reuse_port: bool = False,
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.handler = handler
        self.address = address
        self.port = port
        self.tls = tls
        self.drain_seconds = drain_seconds
        self.reuse_port = reuse_port

    async def run(self) -> None:
        """Serve until cancelled, then drain. Raises ``ConfigError`` when the port is taken or a file is unusable."""
        raise NotImplementedError


def peer_certificate(request: web.BaseRequest) -> dict[str, Any] | None:
    """Return the client's verified certificate as ``SSLObject.getpeercert()`` gives it; None without one."""
    raise NotImplementedError
