"""What operators ask of the process itself: ``/livez``, ``/readyz`` and ``/metrics``, on a port of their own.

Plain HTTP without authentication: the answers hold no tenant's data and no name of a tenant's object. Only
``/explain`` speaks of objects, and it answers nobody who does not hold the gateway's private key.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from vgateway.app.seal import HEADER, is_sealed
from vgateway.errors import ConfigError, GatewayError
from vgateway.kube.objects import Obj

Explain = Callable[[Mapping[str, str]], Obj]


class OperationsServer:
    """Serves the probes and metrics; ``not_ready`` names what ``/readyz`` has to wait for.

    ``explain`` answers questions about objects, for those who hold the private key in the file beside it.

    ``port`` is the bound port once ``ready`` is set (0 picks a free one).
    """

    name = "operations"

    def __init__(
        self,
        address: str,
        port: int,
        registry: CollectorRegistry,
        not_ready: Callable[[], list[str]],
        explain: tuple[Explain, Path] | None = None,
    ) -> None:
        self.address = address
        self.port = port
        self.registry = registry
        self.not_ready = not_ready
        self.explain = explain
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled. Raises ConfigError when the port cannot be had."""
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.address, self.port).start()
            self.port = runner.addresses[0][1]
            self.ready.set()
            await asyncio.Event().wait()
        except OSError as error:
            raise ConfigError(f"gateway.operations.port: {self.address}:{self.port}: {error.strerror}") from error
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        if self.explain is not None:
            application.router.add_get("/explain", self._explain)
        return application

    async def _explain(self, request: web.Request) -> web.Response:
        assert self.explain is not None
        explain, key = self.explain
        query = request.query
        if not is_sealed(
            key.read_bytes(), request.raw_path, request.headers.get(HEADER, ""), query.get("at", ""), time.time()
        ):
            return _refusal(GatewayError(401, "only those who hold the gateway's private key may ask this"))
        try:
            return web.Response(body=orjson.dumps(explain(query)), content_type="application/json")
        except GatewayError as error:
            return _refusal(error)

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        waiting = self.not_ready()
        if waiting:
            return web.Response(status=503, text="".join(f"not ready: {name}\n" for name in waiting))
        return web.Response(text="ok\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.registry), headers={"Content-Type": content_type})


def _refusal(error: GatewayError) -> web.Response:
    return web.Response(status=error.code, body=orjson.dumps(error.status()), content_type="application/json")
