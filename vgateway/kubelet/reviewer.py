"""Puts reviews to the virtual API server.

Whatever keeps it from answering is a 503 of ours: who cannot be asked has not said yes.
"""

import asyncio

from vgateway.errors import ApiError, GatewayError
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import Obj, Resource

VIRTUAL_HOP = "virtual API server"
REVIEW_SECONDS = 10.0


class Reviewer:
    """Asks one API server, each question for at most ``seconds``."""

    def __init__(self, client: ApiClient, *, seconds: float = REVIEW_SECONDS) -> None:
        self._client = client
        self._seconds = seconds

    async def ask(self, resource: Resource, question: Obj) -> Obj:
        """Return the review with its status; ``GatewayError`` 503 when there is none in time."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._client.create(resource, "", question)
        except (ApiError, TimeoutError) as error:
            message = f"the virtual API server did not answer a {resource.kind}"
            raise GatewayError(503, message, hop=VIRTUAL_HOP, retry_after=1) from error
