"""What a request to a node's port asks for: one table, matched whole and never by a part, decides.

Knows neither pods nor users. The table is the documentation: what is served, under which method, which right on the
node it takes, and why the rest is refused. Rights are those of a Kubernetes 1.36 kubelet, except that a shell is
never had by ``get`` alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vgateway.errors import GatewayError
from vgateway.kube.objects import VirtualKey


class Call(StrEnum):
    """What is asked of a kubelet; the value is the label in metrics and logs."""

    HEALTHZ = "healthz"
    PODS = "pods"
    RUNNING_PODS = "runningpods"
    METRICS = "metrics"
    CADVISOR = "metrics/cadvisor"
    RESOURCE = "metrics/resource"
    PROBES = "metrics/probes"
    SUMMARY = "stats/summary"
    LOGS = "containerLogs"
    EXEC = "exec"
    ATTACH = "attach"
    PORT_FORWARD = "portForward"
    REFUSED = "refused"
    UNKNOWN = "unknown"


# These open a connection into the pod: they need an upgrade, and ``create`` also where the method says ``get``.
STREAMS = frozenset({Call.EXEC, Call.ATTACH, Call.PORT_FORWARD})
# Pages about what the pods of a node use.
PAGES = frozenset({Call.METRICS, Call.CADVISOR, Call.RESOURCE, Call.PROBES})
VERBS: Mapping[str, str] = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
GET = ("GET",)
POST = ("POST",)
EITHER = ("GET", "POST")
ANY = tuple(VERBS)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a path that a kubelet has is not served here."""

    code: int
    message: str


RUNS_BLIND = Refusal(501, "virtual nodes do not run commands this way; use exec, which has streams and an exit code")
LEAVES_FILES = Refusal(501, "virtual nodes make no checkpoints: the archive would be left on the host's disk")
SHOWS_HOST = Refusal(403, "this path would show the host's node, which is not the tenant's")
NO_SUCH_PATH = Refusal(404, "a kubelet has no such path")


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the table. ``subresources`` of the node: a right on any one of them is enough."""

    pattern: str
    methods: tuple[str, ...]
    subresources: tuple[str, ...]
    call: Call = Call.REFUSED
    refusal: Refusal | None = None

    @property
    def segments(self) -> list[str]:
        """The pattern cut at its slashes: words, ``{parameters}``, and ``*`` for all the rest."""
        return self.pattern[1:].split("/")


ROUTES = (
    Route("/healthz", GET, ("healthz", "proxy"), Call.HEALTHZ),
    Route("/healthz/ping", GET, ("healthz", "proxy"), Call.HEALTHZ),
    Route("/healthz/log", GET, ("healthz", "proxy"), Call.HEALTHZ),
    Route("/healthz/syncloop", GET, ("healthz", "proxy"), Call.HEALTHZ),
    Route("/pods", GET, ("pods", "proxy"), Call.PODS),
    Route("/containerLogs/{namespace}/{pod}/{container}", GET, ("proxy",), Call.LOGS),
    Route("/exec/{namespace}/{pod}/{container}", EITHER, ("proxy",), Call.EXEC),
    Route("/exec/{namespace}/{pod}/{uid}/{container}", EITHER, ("proxy",), Call.EXEC),
    Route("/attach/{namespace}/{pod}/{container}", EITHER, ("proxy",), Call.ATTACH),
    Route("/attach/{namespace}/{pod}/{uid}/{container}", EITHER, ("proxy",), Call.ATTACH),
    Route("/portForward/{namespace}/{pod}", EITHER, ("proxy",), Call.PORT_FORWARD),
    Route("/portForward/{namespace}/{pod}/{uid}", EITHER, ("proxy",), Call.PORT_FORWARD),
    Route("/run/{namespace}/{pod}/{container}", POST, ("proxy",), refusal=RUNS_BLIND),
    Route("/run/{namespace}/{pod}/{uid}/{container}", POST, ("proxy",), refusal=RUNS_BLIND),
    Route("/checkpoint/{namespace}/{pod}/{container}", POST, ("checkpoint",), refusal=LEAVES_FILES),
    Route("/runningpods/", GET, ("pods", "proxy"), Call.RUNNING_PODS),
    Route("/runningpods", GET, ("pods", "proxy"), Call.RUNNING_PODS),
    Route("/metrics", GET, ("metrics",), Call.METRICS),
    Route("/metrics/cadvisor", GET, ("metrics",), Call.CADVISOR),
    Route("/metrics/probes", GET, ("metrics",), Call.PROBES),
    Route("/metrics/resource", GET, ("metrics",), Call.RESOURCE),
    Route("/metrics/slis", GET, ("metrics",), refusal=SHOWS_HOST),
    Route("/stats/summary", GET, ("stats",), Call.SUMMARY),
    Route("/logs/", GET, ("log",), refusal=SHOWS_HOST),
    Route("/logs/*", GET, ("log",), refusal=SHOWS_HOST),
    Route("/configz", GET, ("configz", "proxy"), refusal=SHOWS_HOST),
    Route("/flagz", GET, ("configz",), refusal=SHOWS_HOST),
    Route("/statusz", GET, ("statusz",), refusal=SHOWS_HOST),
    Route("/debug/pprof/", GET, ("proxy",), refusal=SHOWS_HOST),
    Route("/debug/*", ANY, ("proxy",), refusal=SHOWS_HOST),
    Route("/*", ANY, ("proxy",), Call.UNKNOWN, NO_SUCH_PATH),
)


ANSWERS: Mapping[Call, str] = {
    Call.HEALTHZ: "ok",
    Call.PODS: "the tenant's pods on the node, as the tenant has them",
    Call.RUNNING_PODS: "names, UIDs and running containers of the tenant's pods on the node",
    Call.LOGS: "the container's log, from the host",
    Call.EXEC: "a stream to a process in the container, from the host",
    Call.ATTACH: "a stream to the container's first process, from the host",
    Call.PORT_FORWARD: "a stream to ports of the pod, from the host",
    Call.METRICS: "series of the host's kubelet about the tenant's pods and volumes",
    Call.CADVISOR: "series of the tenant's containers",
    Call.RESOURCE: "CPU and memory of the tenant's containers and pods",
    Call.PROBES: "results of the tenant's probes",
    Call.SUMMARY: "usage of the tenant's pods and volumes, as JSON",
}
"""What is answered, for the documentation."""


@dataclass(frozen=True, slots=True)
class PodTarget:
    """The pod a path names; ``uid`` "" when the path leaves it out, ``container`` "" for a port-forward."""

    pod: VirtualKey
    uid: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """A right on the node: ``verb`` on any one of ``subresources``."""

    verb: str
    subresources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KubeletCall:
    """One request, understood. ``query`` is as it came on the wire."""

    call: Call
    method: str
    demands: tuple[Demand, ...]
    query: str = ""
    target: PodTarget | None = None
    refusal: Refusal | None = None


_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_UID = re.compile(r"[A-Za-z0-9-]{1,64}")


def parse_call(method: str, path: str, query: str, *, is_upgrade: bool) -> KubeletCall:
    """Read a request's raw path by the table. ``GatewayError`` 400 for what can be read in two ways, 405 and 404.

    A call with a ``refusal`` is known and not served: say so only to who would have the right to it.
    """
    segments = _segments(path)
    route, values = _match(segments)
    if method not in route.methods:
        raise GatewayError(405, f"{method} is not allowed here")
    if is_upgrade and route.call not in STREAMS and route.refusal is None:
        raise GatewayError(400, "this path takes no upgrade")
    if route.call in STREAMS and not is_upgrade:
        raise GatewayError(400, "upgrade request required")
    return KubeletCall(route.call, method, demands(route, method), query, _target(values), route.refusal)


def _segments(path: str) -> list[str]:
    """Cut the path; no name needs an escape, so an escape is a disguise."""
    if not path.startswith("/"):
        raise GatewayError(400, "the path must begin with a slash")
    segments = path[1:].split("/")
    *inner, last = segments
    whole = inner if last == "" else segments
    if any(not _SEGMENT.fullmatch(segment) or segment in {".", ".."} for segment in whole):
        raise GatewayError(400, "the path has an empty, relative or encoded segment")
    return segments


def _match(segments: list[str]) -> tuple[Route, dict[str, str]]:
    for route in ROUTES:
        values = _values(route.segments, segments)
        if values is not None and (segments[-1] or route.pattern.endswith("/") or segments == [""]):
            return route, values
    raise GatewayError(400, "the path ends in a slash")


def _values(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    """Return the parameters' values, None where the segments are not this pattern's."""
    if pattern[-1] == "*":
        pattern = [*pattern[:-1], *segments[len(pattern) - 1 :]]
    if len(pattern) != len(segments):
        return None
    values: dict[str, str] = {}
    for wanted, found in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            values[wanted[1:-1]] = found
        elif wanted != found:
            return None
    return values


def _target(values: Mapping[str, str]) -> PodTarget | None:
    if not values:
        return None
    for parameter, value in values.items():
        if not (_UID if parameter == "uid" else _NAME).fullmatch(value):
            raise GatewayError(400, f"the path's {parameter} is not one that an object can have")
    pod = VirtualKey(values["namespace"], values["pod"])
    return PodTarget(pod, values.get("uid", ""), values.get("container", ""))


def demands(route: Route, method: str) -> tuple[Demand, ...]:
    """Ask for the method's verb; a stream takes ``create`` too, or a GET with an upgrade were a shell for readers."""
    verbs = dict.fromkeys([VERBS[method], *(["create"] if route.call in STREAMS else [])])
    return tuple(Demand(verb, route.subresources) for verb in verbs)
