"""What the pods of a node use: asked of the host, where the host grants that, and told in the tenant's names only.

Whether the host grants it is learnt from its answers and remembered for seconds, so that rights may come and go.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import orjson
from aiohttp import web

from vgateway.errors import ApiError, GatewayError
from vgateway.kube.client import ApiClient
from vgateway.kube.transport import Accept, Incoming
from vgateway.kubelet import nodeseries
from vgateway.kubelet.calls import Call
from vgateway.kubelet.counters import NodeCounters
from vgateway.kubelet.exposition import ExpositionFilter, Filter
from vgateway.kubelet.labels import LabelSet, translated
from vgateway.kubelet.negotiation import Headers, accepted, is_openmetrics, is_text_page, takes_gzip
from vgateway.kubelet.page import Page, filtered, whole
from vgateway.kubelet.residents import Residents
from vgateway.kubelet.rewrite import HOST_HOP
from vgateway.kubelet.summary import tenant_summary
from vgateway.kubelet.totals import WithNodeTotals
from vgateway.kubelet.verdicts import Verdicts

# So many pages at a time: each may hold a megabyte that its client has not read yet.
PAGES = 16
IDLE_SECONDS = 30.0
# A node with 250 pods says less than a megabyte.
SUMMARY_LIMIT = 16 * 1024 * 1024
# How long a refusal is believed before the host is asked anew.
REFUSED_SECONDS = 15.0

PATHS: Mapping[Call, str] = {
    Call.METRICS: "/metrics",
    Call.CADVISOR: "/metrics/cadvisor",
    Call.RESOURCE: "/metrics/resource",
    Call.PROBES: "/metrics/probes",
    Call.SUMMARY: "/stats/summary",
}


class NotGranted(Exception):
    """The host's authorisation keeps its nodes from us."""


class HostFigures:
    """Asks the host's kubelets, by way of its API server. ``residents`` counts who lives there now.

    ``host_namespace`` is where the tenant's pods are, "" if they are in several.
    """

    def __init__(
        self, host: ApiClient, host_namespace: str, residents: Callable[[], Residents], *, node_metrics: bool = False
    ) -> None:
        self._host = host
        # A line without it is nobody's of ours, and is looked at no further.
        self._needle = f'"{host_namespace}"'.encode() if host_namespace else b'namespace="'
        self._residents = residents
        self._node_metrics = node_metrics
        self._counters = NodeCounters()
        self._pages = asyncio.Semaphore(PAGES)
        self._refused: Verdicts[bool] = Verdicts()

    async def answer(self, request: web.BaseRequest, call: Call, node: str) -> web.StreamResponse:
        """Answer a call about one node. ``NotGranted``; ``GatewayError`` 502 and others for a host that fails."""
        return await (self.summary(node) if call is Call.SUMMARY else self.metrics(request, call, node))

    async def metrics(self, request: web.BaseRequest, call: Call, node: str) -> web.StreamResponse:
        """Answer with a page of metrics; fails like ``answer``."""
        headers: Headers = tuple(request.headers.items())
        gzip = takes_gzip(headers)
        async with self._asked(
            node, PATHS[call], Accept(accepted(headers), "gzip" if gzip else "identity")
        ) as incoming:
            content_type = incoming.header(b"content-type")
            if not is_text_page(content_type):
                raise GatewayError(502, f"{HOST_HOP}: the answer is no page of metrics", hop=HOST_HOP)
            filtering: Filter = self._filter(content_type)
            if call is Call.RESOURCE and not self._node_metrics and not is_openmetrics(content_type):
                filtering = WithNodeTotals(filtering, node, self._counters)
            return await filtered(incoming, filtering, Page(request, content_type, gzip=gzip))

    async def summary(self, node: str) -> web.StreamResponse:
        """Answer with what the tenant's pods on a node use; fails like ``answer``."""
        async with self._asked(node, PATHS[Call.SUMMARY], Accept("application/json", "gzip")) as incoming:
            body = await whole(incoming, SUMMARY_LIMIT)
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise GatewayError(502, f"{HOST_HOP}: the summary is no JSON", hop=HOST_HOP) from error
        if not isinstance(found, dict) or not isinstance(found.get("pods") or [], list):
            raise GatewayError(502, f"{HOST_HOP}: the answer is no summary", hop=HOST_HOP)
        said = tenant_summary(found, self._residents(), node, node_metrics=self._node_metrics)
        return web.Response(body=orjson.dumps(said), content_type="application/json")

    def _filter(self, content_type: str) -> ExpositionFilter:
        residents = self._residents()

        def judge(found: LabelSet) -> bytes | None:
            return translated(found, residents)

        node = nodeseries if self._node_metrics else None
        return ExpositionFilter(self._needle, judge, openmetrics=is_openmetrics(content_type), node=node)

    @asynccontextmanager
    async def _asked(self, node: str, path: str, accept: Accept) -> AsyncIterator[Incoming]:
        key = self._refused.key(node)
        if self._refused.get(key):
            raise NotGranted
        target = f"/api/v1/nodes/{quote(node, safe='')}/proxy{path}"
        async with self._pages:
            try:
                async with self._host.fetch(target, accept, idle_seconds=IDLE_SECONDS) as incoming:
                    if incoming.code == 403:
                        self._refused.put(key, verdict=True, seconds=REFUSED_SECONDS)
                        raise NotGranted
                    if incoming.code != 200:
                        raise host_failure(incoming.code, node)
                    yield incoming
            except ApiError as error:
                raise GatewayError(502, f"{HOST_HOP}: {error}", hop=HOST_HOP, retry_after=1) from error


def host_failure(code: int, node: str) -> GatewayError:
    """Say what a host's answer that is no page means. Its own words, which may name its addresses, are not shown."""
    if code == 404:
        return GatewayError(404, f'the host has no node "{node}"', hop=HOST_HOP)
    if code == 429:
        return GatewayError(429, "the host cluster asks to come again later", hop=HOST_HOP, retry_after=1)
    kept = code if code in {500, 503, 504} else 502
    return GatewayError(kept, f'the host cluster answered {code} when asked about node "{node}"', hop=HOST_HOP)
