"""Answers ``metrics.k8s.io`` for the virtual API server, which passes its clients' requests on.

Who asks is nobody's question here: the virtual API server has authenticated, authorised and audited before, and only
a front proxy of its cluster can open a connection that is answered.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import orjson
from aiohttp import web

from vgateway.errors import GatewayError
from vgateway.kube.objects import Obj, VirtualKey, VirtualObj, uid
from vgateway.kube.store import Store
from vgateway.kubelet.directory import node_of
from vgateway.kubelet.figures import NotGranted
from vgateway.kubelet.hostusage import HostNodeUsage, HostUsage
from vgateway.kubelet.residents import Residents
from vgateway.kubelet.rewrite import HOST_HOP
from vgateway.metricsapi.calls import Ask, read_ask
from vgateway.metricsapi.objects import (
    Figures,
    answered,
    discovery,
    node_figures,
    node_share,
    nothing_of,
    pod_figures,
    selected,
)
from vgateway.wire.client_connection import Peer

NOT_GRANTED = "the host has no metrics.k8s.io {} that the gateway may read"


class Tenants:
    """Whose pods and nodes there are, by the tenant's names; ``residents`` counts who lives on the host now."""

    def __init__(self, pods: Store, nodes: Store, residents: Callable[[], Residents]) -> None:
        self._pods = pods
        self.nodes = nodes
        self._residents = residents

    def has(self, ask: Ask) -> bool:
        """Say whether there is the pod or the node that a question names."""
        return (ask.namespace, ask.name) in (self._pods if ask.resource == "pods" else self.nodes)

    def figures(self, usages: Mapping[Any, Any]) -> Iterator[tuple[str, Figures]]:
        """Yield what the host's figures say of the tenant's pods, each with its node."""
        residents = self._residents()
        for key, usage in usages.items():
            resident = residents.pod(key)
            virtual = None if resident is None else self._pod(resident.virtual)
            if virtual is None or resident is None or uid(virtual) != resident.uid:
                continue
            found = pod_figures(virtual, resident, usage)
            if found is not None:
                yield node_of(virtual), found

    def _pod(self, key: VirtualKey) -> VirtualObj | None:
        found = self._pods.get(key.namespace, key.name)
        return None if found is None else VirtualObj(found)


class MetricsApi:
    """The handler of the aggregated port. ``load`` is None where nodes are shown with the tenant's own share."""

    def __init__(
        self,
        peer: Callable[[web.BaseRequest], Peer | None],
        served: Collection[str],
        tenants: Tenants,
        usage: HostUsage,
        load: HostNodeUsage | None,
    ) -> None:
        self._peer = peer
        self._served = served
        self._tenants = tenants
        self._usage = usage
        self._load = load

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ``GatewayError`` for every refusal."""
        peer = self._peer(request)
        if peer is None or peer.expires < time.time():
            raise GatewayError(401, "Unauthorized")
        path, _, query = request.raw_path.partition("?")
        ask = read_ask(request.method, path, query, request.headers.get("Accept", ""), self._served)
        body = await self._answer(ask) if ask.resource else discovery(self._served)
        return web.Response(body=orjson.dumps(body), content_type="application/json")

    async def _answer(self, ask: Ask) -> Obj:
        try:
            found = selected(ask, await (self._pods() if ask.resource == "pods" else self._nodes()))
        except NotGranted as error:
            raise GatewayError(503, NOT_GRANTED.format(ask.resource), hop=HOST_HOP, retry_after=15) from error
        if ask.name:
            found = [one for one in found if one.key == VirtualKey(ask.namespace, ask.name)]
            if not found:
                raise nothing_of(ask, exists=self._tenants.has(ask))
        return answered(ask, found)

    async def _pods(self) -> list[Figures]:
        usages = await self._usage.now()
        return [found for _, found in self._tenants.figures(usages)]

    async def _nodes(self) -> list[Figures]:
        """Return the figures of the nodes that the tenant sees."""
        nodes = list(self._tenants.nodes)
        if self._load is not None:
            known = await self._load.now()
            named = ((node, known.get(node["metadata"]["name"])) for node in nodes)
            return [node_figures(node, usage) for node, usage in named if usage is not None]
        pods: dict[str, list[Figures]] = {}
        for where, found in self._tenants.figures(await self._usage.now()):
            pods.setdefault(where, []).append(found)
        shares = (node_share(node, pods.get(node["metadata"]["name"], ())) for node in nodes)
        return [share for share in shares if share is not None]
