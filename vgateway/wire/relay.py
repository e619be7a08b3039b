"""Relay one request to an upstream and its response back, or tunnel when it upgrades; bodies are never decoded."""

from aiohttp import web

from vgateway.wire.outgoing import Outgoing
from vgateway.wire.upstream import Upstream

__all__ = ["Outgoing", "relay"]


async def relay(request: web.BaseRequest, upstream: Upstream, outgoing: Outgoing) -> web.StreamResponse:
    """Send ``outgoing`` with the client's body to ``upstream`` and stream the answer to the client.

    Raises ``GatewayError`` (502, 504) while the client has seen nothing yet; afterwards a failure aborts the client's
    connection. Being cancelled, or the client leaving, closes the upstream connection.
    """
    raise NotImplementedError
