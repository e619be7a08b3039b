"""Which version an API server runs: asked once, after others have found it reachable."""

import asyncio

from vgateway.kube.client import ApiClient


class ServerVersion:
    """A runnable that is ready once ``text`` holds the version, ``v1.36.3`` for example."""

    def __init__(self, client: ApiClient) -> None:
        self.name = f"{client.side} version"
        self.ready = asyncio.Event()
        self.text = ""
        self._client = client

    async def run(self) -> None:
        """Ask, and stay. Raises ``ApiError`` when there is no answer."""
        answer = await self._client.raw("GET", "/version")
        self.text = answer["gitVersion"]
        self.ready.set()
        await asyncio.Event().wait()
