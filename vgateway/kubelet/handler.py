"""Serves the nodes' port: who calls, what for, which pod, may they, and then the host's answer in the tenant's names.

Decides nothing itself: each question has a module of its own. Nothing of a request reaches the host before all of
them are answered, and nothing of the caller's identity ever does.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import structlog
from aiohttp import web

from vgateway.errors import GatewayError
from vgateway.kube.objects import VirtualObj, get_path, host_key, virtual_key
from vgateway.kube.user import User
from vgateway.kubelet.authentication import Authenticator
from vgateway.kubelet.authorization import Authorizer
from vgateway.kubelet.calls import Call, KubeletCall, parse_call
from vgateway.kubelet.departures import Departures
from vgateway.kubelet.directory import PodDirectory, check_target, node_of
from vgateway.kubelet.metrics import KubeletMetrics
from vgateway.kubelet.nodefigures import NodeFigures
from vgateway.kubelet.nodes import NodeDirectory, no_such_node
from vgateway.kubelet.rewrite import PlainWords, Twins, host_request, wants_upgrade
from vgateway.wire.relay import Relayed, relay
from vgateway.wire.upstream import Upstream

log = structlog.get_logger(__name__)

# The client left, or the answer broke off: there is no status that anybody saw.
ABORTED = 499


class KubeletHandler:
    """The handler of the node listener. ``host`` is the host API server, with the gateway's own credentials."""

    def __init__(
        self,
        pods: PodDirectory,
        nodes: NodeDirectory,
        authenticator: Authenticator,
        authorizer: Authorizer,
        host: Upstream,
        figures: NodeFigures,
        metrics: KubeletMetrics,
        departures: Departures,
    ) -> None:
        self._pods = pods
        self._nodes = nodes
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._host = host
        self._figures = figures
        self._metrics = metrics
        self._departures = departures

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ``GatewayError`` for every refusal."""
        name, code = Call.UNKNOWN, ABORTED
        try:
            user = await self._authenticator.user(request)
            call = read_call(request)
            name = call.call
            response = await self._answer(request, user, call)
            code = response.status or ABORTED
        except GatewayError as error:
            code = error.code
            raise
        finally:
            self._metrics.ended(name, code)
        return response

    async def _answer(self, request: web.BaseRequest, user: User, call: KubeletCall) -> web.StreamResponse:
        node = self._nodes.node_of(tuple(request.headers.items()), call)
        if call.target is not None and call.refusal is None:
            return await self._stream(request, user, call, node)
        await self._authorizer.authorise(user, call, node)
        if call.refusal is not None:
            raise GatewayError(call.refusal.code, call.refusal.message)
        match call.call:
            case Call.HEALTHZ:
                return web.Response(text="ok")
            case Call.PODS:
                return pod_list(self._pods.virtual_pods(node))
            case Call.RUNNING_PODS:
                return pod_list(running_pods(self._pods.virtual_pods(node)))
            case _:
                return await self._figures.answer(request, call.call, self._one_node(node))

    def _one_node(self, node: str) -> str:
        """Return the node that is meant; where all share an address that is the one with pods, if there is one."""
        if node:
            return node
        nodes = {node_of(pod) for pod in self._pods.virtual_pods(node)}
        if len(nodes) == 1:
            return nodes.pop()
        raise GatewayError(404, which_node(len(nodes)))

    async def _stream(self, request: web.BaseRequest, user: User, call: KubeletCall, node: str) -> web.StreamResponse:
        try:
            twins = await self._locate(user, call, node)
            outgoing = host_request(call, twins, tuple(request.headers.items()))
            with (
                self._metrics.streams.labels(call.call.value).track_inprogress(),
                told(user, call, twins),
                self._departures.following(twins.node) as ending,
            ):
                relayed = await relay(request, self._host, outgoing._replace(ending=ending))
            if isinstance(relayed, Relayed):
                self._metrics.sent.labels(call.call.value).inc(relayed.sent)
        except GatewayError as error:
            if call.call is Call.LOGS or isinstance(error, PlainWords):
                return in_plain_words(error)
            raise
        return relayed

    async def _locate(self, user: User, call: KubeletCall, node: str) -> Twins:
        """Find the tenant's pod and its twin; whether it exists is told only to who has the right on the node."""
        assert call.target is not None
        found = await self._pods.virtual_pod(call.target)
        bound = node_of(found) if found is not None else node
        await self._authorizer.authorise(user, call, node or bound)
        virtual = check_target(found if node in {"", bound} else None, call.target)
        if bound and not self._nodes.exists(bound):
            raise no_such_node(bound)
        host = await self._pods.host_pod(virtual)
        if host is None:
            raise GatewayError(404, f'pod "{call.target.pod.name}" does not run yet, or not any more')
        return Twins(virtual_key(virtual), host_key(host), bound)


def read_call(request: web.BaseRequest) -> KubeletCall:
    """Read a request by the table of calls; the raw target counts, as the caller sent it."""
    path, _, query = request.raw_path.partition("?")
    return parse_call(request.method, path, query, is_upgrade=wants_upgrade(tuple(request.headers.items())))


def which_node(nodes: int) -> str:
    """Say why no node can be told from an address that is every node's."""
    if not nodes:
        return "no node runs a pod of this virtual cluster"
    return (
        f"{nodes} nodes share this address and it cannot be told which one is meant:"
        " networking.advanced.proxyKubelets gives each an address of its own"
    )


def running_pods(pods: Iterator[VirtualObj]) -> Iterator[VirtualObj]:
    """Return what ``/runningpods`` says of the pods that run: names, UIDs, and the containers that run."""
    for pod in pods:
        statuses = get_path(pod, "status.containerStatuses") or ()
        running = [one for one in statuses if (one.get("state") or {}).get("running") is not None]
        if running:
            kept = {name: pod["metadata"].get(name) for name in ("name", "namespace", "uid")}
            containers = [{"name": one["name"], "image": one.get("image", ""), "resources": {}} for one in running]
            yield VirtualObj({"metadata": kept, "spec": {"containers": containers}, "status": {}})


def pod_list(pods: Iterator[VirtualObj]) -> web.Response:
    """Answer ``/pods``: the tenant's own objects, as a kubelet shows them."""
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(pods)}
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def in_plain_words(error: GatewayError) -> web.Response:
    """Refuse as a kubelet does: the API server quotes the body to its client, so a Status would be shown raw."""
    response = web.Response(status=error.code, text=error.message)
    response.force_close()
    return response


@contextmanager
def told(user: User, call: KubeletCall, twins: Twins) -> Iterator[None]:
    """Log one line per stream when it has ended; what a command was is the tenant's own affair."""
    assert call.target is not None
    line = log.bind(
        call=call.call.value,
        user=user.name,
        pod=str(twins.virtual),
        host_pod=str(twins.host),
        container=call.target.container,
    )
    begun, ended = time.monotonic(), "aborted"
    try:
        yield
        ended = "done"
    except GatewayError as error:
        ended = f"refused with {error.code}"
        raise
    finally:
        line.info("stream ended", ended=ended, seconds=round(time.monotonic() - begun, 3))
