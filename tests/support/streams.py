"""Streams of one virtual cluster opened by hand: any path of its API server, over WebSocket."""

import base64
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import yaml

from tests.support.kubectl import Kubectl

EXEC = "v5.channel.k8s.io"
FORWARD = "SPDY/3.1+portforward.k8s.io"


@dataclass(frozen=True)
class Streams:
    """One user's way to the API server."""

    session: aiohttp.ClientSession
    server: str

    async def refused(self, path: str, protocol: str = EXEC) -> tuple[int, str]:
        """Ask for a stream that is not given; return the answer's code and words."""
        key = base64.b64encode(b"sixteen bytes ok").decode()
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Protocol": protocol,
        }
        async with self.session.get(f"{self.server}{path}", headers=headers) as answer:
            text = await answer.text() if answer.status != 101 else ""
        return answer.status, _message(text)

    async def ask(self, method: str, path: str) -> tuple[int, str]:
        """Ask without an upgrade; return the answer's code and words."""
        async with self.session.request(method, f"{self.server}{path}") as answer:
            return answer.status, _message(await answer.text())

    def open(self, path: str, protocol: str = EXEC) -> Any:
        """Open a stream, for an ``async with``."""
        return self.session.ws_connect(f"{self.server}{path}", protocols=[protocol])


async def said(stream: aiohttp.ClientWebSocketResponse) -> dict[int, bytes]:
    """Read a stream to its end; return what came, by channel."""
    channels: dict[int, bytes] = {}
    async for message in stream:
        if message.type is aiohttp.WSMsgType.BINARY and message.data:
            channels[message.data[0]] = channels.get(message.data[0], b"") + message.data[1:]
    return channels


def _message(text: str) -> str:
    return str(orjson.loads(text)["message"]) if text.startswith("{") else text


@asynccontextmanager
async def streams(kubectl: Kubectl) -> AsyncIterator[Streams]:
    """Give the way of a kubeconfig's user, who has a certificate or a token; a request has a connection of its own."""
    document = yaml.safe_load(kubectl.ok("config", "view", "--raw", "--flatten"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    if not headers:
        with tempfile.NamedTemporaryFile("w") as pair:
            pair.write(_decoded(user["client-key-data"]) + _decoded(user["client-certificate-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    connector = aiohttp.TCPConnector(ssl=context, limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        yield Streams(session, cluster["server"])


def _decoded(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
