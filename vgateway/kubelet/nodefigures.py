"""What a node's pods use, from the best source that the host grants: its nodes, else its ``metrics.k8s.io``."""

from collections.abc import Callable, Iterator

import orjson
from aiohttp import web

from vgateway.errors import GatewayError
from vgateway.kube.names import Names
from vgateway.kube.objects import VirtualObj, uid, virtual_key
from vgateway.kubelet.calls import Call
from vgateway.kubelet.counters import RateCounters, Reading
from vgateway.kubelet.figures import HostFigures, NotGranted
from vgateway.kubelet.hostusage import HostUsage
from vgateway.kubelet.negotiation import takes_gzip
from vgateway.kubelet.page import Page
from vgateway.kubelet.residents import Residents
from vgateway.kubelet.rewrite import HOST_HOP
from vgateway.kubelet.synthesis import REMARK, MeasuredPod, cadvisor_page, measured, resource_page, summary

TEXT = "text/plain; version=0.0.4; charset=utf-8"
NOTHING = "not known here: the host grants the gateway no right to ask its nodes"
NEITHER = f"{NOTHING}, and has no metrics.k8s.io that the gateway may read"


class NodeFigures:
    """Answers for one node after the other. ``pods`` gives the tenant's pods on a node."""

    def __init__(
        self,
        names: Names,
        host: HostFigures,
        usage: HostUsage,
        pods: Callable[[str], Iterator[VirtualObj]],
        residents: Callable[[], Residents],
    ) -> None:
        self._names = names
        self._host = host
        self._usage = usage
        self._pods = pods
        self._residents = residents
        self._counters = RateCounters()

    async def answer(self, request: web.BaseRequest, call: Call, node: str) -> web.StreamResponse:
        """Answer a call about one node; ``GatewayError`` 501 for what no source knows."""
        try:
            return await self._host.answer(request, call, node)
        except NotGranted:
            return await self._second_hand(request, call, node)

    async def _second_hand(self, request: web.BaseRequest, call: Call, node: str) -> web.StreamResponse:
        if call in {Call.METRICS, Call.PROBES}:
            raise GatewayError(501, NOTHING, hop=HOST_HOP)
        pods = await self._measured(node)
        if call is Call.SUMMARY:
            warning = {"Warning": f'299 vgateway "{REMARK}"'}
            return web.Response(
                body=orjson.dumps(summary(pods, node)), content_type="application/json", headers=warning
            )
        text = cadvisor_page(pods) if call is Call.CADVISOR else resource_page(pods, self._node(node, pods))
        page = Page(request, TEXT, gzip=takes_gzip(tuple(request.headers.items())))
        await page.write(text)
        return await page.finish()

    async def _measured(self, node: str) -> list[MeasuredPod]:
        try:
            usages = await self._usage.now()
        except NotGranted as error:
            raise GatewayError(501, NEITHER, hop=HOST_HOP) from error
        residents, found = self._residents(), list[MeasuredPod]()
        for virtual in self._pods(node):
            key = self._names.host_key(virtual_key(virtual))
            usage, resident = usages.get(key), residents.pod(key)
            if usage is not None and resident is not None and resident.uid == uid(virtual):
                found.append(measured(virtual, resident, usage, self._counters))
        return found

    def _node(self, node: str, pods: list[MeasuredPod]) -> Reading:
        if not pods:
            return Reading(0, 0)
        nanocores = sum(pod.nanocores for pod in pods)
        return self._counters.take(("node", node), max(pod.at for pod in pods), nanocores, 15.0)
