"""The front: every request goes to the virtual API server unparsed, under an identity that we built.

Bodies, queries and negotiation headers are not ours to read, but where a Service gets an address. Own endpoints live
under ``/vgateway/``.
"""

import time
from weakref import WeakKeyDictionary

import orjson
from aiohttp import web

from vgateway import __version__
from vgateway.errors import GatewayError
from vgateway.proxy.claims import bearer_of
from vgateway.proxy.headers import address_of, naming_node, outgoing_headers
from vgateway.proxy.identity import UNKNOWN, Identity, identity_of_certificate
from vgateway.proxy.issuers import SignIn
from vgateway.proxy.metrics import FrontMetrics
from vgateway.proxy.servicebodies import reading_of
from vgateway.proxy.services import ServiceAddresses
from vgateway.proxy.target import Target, read_target
from vgateway.wire.client_connection import Peer
from vgateway.wire.relay import Outgoing, relay
from vgateway.wire.server import peer_of_request
from vgateway.wire.upstream import Upstream

_REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})


class Front:
    """The handler of the tenants' port.

    ``plain`` is the pool without a client certificate: what goes there is judged by its bearer token, or anonymous.
    ``front_proxy`` presents the front-proxy certificate, so the API server believes the identity headers there.
    ``services`` gives Services the host's addresses; without it the syncer does so afterwards. ``sign_in`` judges the
    tokens of issuers that the gateway knows; all others are the API server's.
    """

    def __init__(
        self,
        plain: Upstream,
        front_proxy: Upstream,
        *,
        services: ServiceAddresses | None = None,
        sign_in: SignIn | None = None,
        metrics: FrontMetrics | None = None,
    ) -> None:
        self._services = services
        self._sign_in = sign_in
        self._plain = plain
        self._front_proxy = front_proxy
        self._metrics = metrics
        self._identities: WeakKeyDictionary[Peer, Identity] = WeakKeyDictionary()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request. Raises ``GatewayError``, which the listener turns into a Status."""
        if self._metrics is None:
            return await self._serve(request)
        self._metrics.under_way += 1
        code = 0
        try:
            response = await self._serve(request)
            code = response.status
        except GatewayError as error:
            code = error.code
            raise
        finally:
            self._metrics.under_way -= 1
            self._metrics.answered(request.method, code)
        return response

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        target = read_target(request.raw_path)
        if request.method in _REFUSED_METHODS:
            raise GatewayError(405, f"the method {request.method} is not served here")
        if target.path.startswith("/vgateway") and target.path[9:10] in ("", "/"):
            return _own_endpoint(target)
        peer = peer_of_request(request)
        identity = UNKNOWN if peer is None else self._identity(peer)
        if self._sign_in is not None and not identity.vouched:
            identity = await self._signed_in(self._sign_in, request)
        headers = outgoing_headers(
            request.headers.items(), identity, address_of(request.remote or ""), application=target.application
        )
        if target.node_proxy:
            headers = naming_node(headers, target.node_proxy)
        reading = None if self._services is None else reading_of(request.method, target, request.headers)
        if self._services is not None and reading is not None and self._services.concerns(reading):
            return await self._services.serve(request, target, headers, reading, vouched=identity.vouched)
        outgoing = Outgoing(request.method, target.raw, headers, endless=target.watch and request.method == "GET")
        return await relay(request, self._front_proxy if identity.vouched else self._plain, outgoing)

    async def _signed_in(self, sign_in: SignIn, request: web.BaseRequest) -> Identity:
        token = bearer_of(request.headers.getall("Authorization", ()))
        return UNKNOWN if token is None else await sign_in.identity(token) or UNKNOWN

    def _identity(self, peer: Peer) -> Identity:
        if peer.expires < time.time():
            # The handshake may be hours old; an API server looks at each request.
            raise GatewayError(401, "Unauthorized")
        identity = self._identities.get(peer)
        if identity is None:
            identity = self._identities[peer] = identity_of_certificate(peer.certificate, peer.der)
        return identity


def _own_endpoint(target: Target) -> web.StreamResponse:
    if target.path == "/vgateway/version":
        return web.Response(body=orjson.dumps({"version": __version__}), content_type="application/json")
    raise GatewayError(404, f"the gateway has no endpoint {target.path}")
