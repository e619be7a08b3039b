"""The real listener and relay on loopback, in front of a raw upstream."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.support.authority import Authority
from vgateway.wire.relay import Outgoing, relay
from vgateway.wire.server import Handler, Listener, TlsFiles
from vgateway.wire.upstream import Upstream

HOP = frozenset(
    {"connection", "content-length", "expect", "transfer-encoding", "upgrade", "keep-alive", "te", "trailer"}
)


@dataclass
class Pki:
    """Contexts of both legs, all of one authority."""

    authority: Authority
    files: TlsFiles
    server: ssl.SSLContext
    client: ssl.SSLContext


def make_pki(authority: Authority) -> Pki:
    """Issue what both legs need."""
    pair = authority.issue("localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=str(authority.certificate))
    return Pki(authority, TlsFiles(pair.certificate, pair.key, authority.certificate), server, client)


def outgoing(request: web.BaseRequest, **more: Any) -> Outgoing:
    """Pass everything end-to-end on."""
    headers = tuple((name, value) for name, value in request.headers.items() if name.lower() not in HOP)
    return Outgoing(request.method, request.raw_path, headers, **more)


def relaying(upstream: Upstream, **more: Any) -> Handler:
    """Relay every request to ``upstream``."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await relay(request, upstream, outgoing(request, **more))

    return handle


@asynccontextmanager
async def listening(handler: Handler, files: TlsFiles | None, **options: Any) -> AsyncIterator[Listener]:
    """Run a listener around the body, then drain it."""
    listener = Listener("test", handler, "127.0.0.1", 0, files, **options)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(listener.run())
        await listener.ready.wait()
        try:
            yield listener
        finally:
            running.cancel()


@asynccontextmanager
async def gateway(
    port: int, pki: Pki | None, *, outgoing: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Listener]:
    """Run a relay to the upstream at ``port``, TLS on both legs when there is a ``pki``."""
    upstream = Upstream("127.0.0.1", port, pki.client if pki else None, server_hostname="localhost")
    options.setdefault("drain_seconds", 0.2)
    try:
        async with listening(relaying(upstream, **(outgoing or {})), pki.files if pki else None, **options) as listener:
            yield listener
    finally:
        upstream.close()
