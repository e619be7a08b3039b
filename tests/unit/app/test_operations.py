"""What probes and Prometheus are answered."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from yarl import URL

from vgateway.app.operations import OperationsServer
from vgateway.app.seal import HEADER, seal
from vgateway.errors import ConfigError, GatewayError
from vgateway.kube.objects import Obj


@asynccontextmanager
async def serving(not_ready: Callable[[], list[str]], registry: CollectorRegistry) -> AsyncIterator[str]:
    server = OperationsServer("127.0.0.1", 0, registry, not_ready)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        await server.ready.wait()
        yield f"http://127.0.0.1:{server.port}"
        running.cancel()


async def ask(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_readiness_names_each_part_that_is_missing_until_none_is() -> None:
    waiting = ["host pods", "front"]
    async with serving(lambda: waiting, CollectorRegistry()) as url:
        assert await ask(f"{url}/readyz") == (503, "not ready: host pods\nnot ready: front\n")
        assert await ask(f"{url}/livez") == (200, "ok\n")
        waiting.clear()
        assert await ask(f"{url}/readyz") == (200, "ok\n")


async def test_metrics_show_what_the_registry_holds() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    async with serving(list, registry) as url:
        status, text = await ask(f"{url}/metrics")

    assert status == 200
    assert "things_total 3.0" in text


async def test_a_port_that_is_taken_is_one_line_with_the_path_of_the_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = OperationsServer("127.0.0.1", port, CollectorRegistry(), list)
        with pytest.raises(ConfigError, match=rf"gateway\.operations\.port: 127\.0\.0\.1:{port}: "):
            await server.run()


async def asked(port: int, target: str, seal_: str) -> tuple[int, dict[str, Any]]:
    url = URL(f"http://127.0.0.1:{port}{target}", encoded=True)
    async with aiohttp.ClientSession() as session, session.get(url, headers={HEADER: seal_}) as answer:
        return answer.status, await answer.json()


async def test_only_who_holds_the_key_is_told_of_objects(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")

    def explain(query: Mapping[str, str]) -> Obj:
        if query["name"] != "web":
            raise GatewayError(404, "no such kind")
        return {"name": query["name"]}

    server = OperationsServer("127.0.0.1", 0, CollectorRegistry(), list, (explain, key))
    now = int(time.time())
    target, late = (f"/explain?kind=pod&name=web&at={at}" for at in (now, now - 3600))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.run())
        await server.ready.wait()
        assert await asked(server.port, target, seal(b"secret", target)) == (200, {"name": "web"})
        other = target.replace("web", "x%2Fy")
        assert (await asked(server.port, other, seal(b"secret", other)))[1]["message"] == "no such kind"
        for wrong in (seal(b"other", target), seal(b"secret", other), ""):
            assert (await asked(server.port, target, wrong))[0] == 401
        assert (await asked(server.port, late, seal(b"secret", late)))[0] == 401
        running.cancel()
