from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vgateway.errors import GatewayError
from vgateway.kube.objects import VirtualKey
from vgateway.kubelet.calls import (
    ANSWERS,
    ROUTES,
    STREAMS,
    Call,
    Demand,
    KubeletCall,
    PodTarget,
    Route,
    demands,
    parse_call,
)

WEB = VirtualKey("default", "web")
PROXY = ("proxy",)


def parse(method: str, path: str, query: str = "", *, upgrade: bool = False) -> KubeletCall:
    return parse_call(method, path, query, is_upgrade=upgrade)


def refusal(method: str, path: str, *, upgrade: bool = False) -> int:
    """Return the code a request is refused with, whether for its form or by the table."""
    try:
        call = parse(method, path, upgrade=upgrade)
    except GatewayError as error:
        return error.code
    return call.refusal.code if call.refusal else 200


@pytest.mark.parametrize(
    ("method", "path", "call", "target"),
    [
        ("GET", "/healthz", Call.HEALTHZ, None),
        ("GET", "/healthz/ping", Call.HEALTHZ, None),
        ("GET", "/pods", Call.PODS, None),
        ("GET", "/runningpods", Call.RUNNING_PODS, None),
        ("GET", "/runningpods/", Call.RUNNING_PODS, None),
        ("GET", "/metrics", Call.METRICS, None),
        ("GET", "/metrics/cadvisor", Call.CADVISOR, None),
        ("GET", "/metrics/resource", Call.RESOURCE, None),
        ("GET", "/metrics/probes", Call.PROBES, None),
        ("GET", "/stats/summary", Call.SUMMARY, None),
        ("GET", "/containerLogs/default/web/app", Call.LOGS, PodTarget(WEB, container="app")),
        ("POST", "/exec/default/web/app", Call.EXEC, PodTarget(WEB, container="app")),
        ("GET", "/exec/default/web/app", Call.EXEC, PodTarget(WEB, container="app")),
        ("POST", "/exec/default/web/u-1/app", Call.EXEC, PodTarget(WEB, "u-1", "app")),
        ("POST", "/attach/default/web/app", Call.ATTACH, PodTarget(WEB, container="app")),
        ("GET", "/attach/default/web/u-1/app", Call.ATTACH, PodTarget(WEB, "u-1", "app")),
        ("POST", "/portForward/default/web", Call.PORT_FORWARD, PodTarget(WEB)),
        ("POST", "/portForward/default/web/u-1", Call.PORT_FORWARD, PodTarget(WEB, "u-1")),
    ],
)
def test_a_path_of_the_table_is_understood(method: str, path: str, call: Call, target: PodTarget | None) -> None:
    parsed = parse(method, path, "a=b", upgrade=call in STREAMS)

    assert (parsed.call, parsed.target, parsed.query, parsed.refusal) == (call, target, "a=b", None)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/run/default/web/app", 501),
        ("POST", "/run/default/web/u-1/app", 501),
        ("POST", "/checkpoint/default/web/app", 501),
        ("GET", "/metrics/slis", 403),
        ("GET", "/logs/", 403),
        ("GET", "/logs/syslog", 403),
        ("GET", "/logs/pods/a/b/0.log", 403),
        ("GET", "/configz", 403),
        ("GET", "/flagz", 403),
        ("GET", "/statusz", 403),
        ("GET", "/debug/pprof/", 403),
        ("PUT", "/debug/flags/v", 403),
        ("GET", "/", 404),
        ("GET", "/spec", 404),
        ("GET", "/healthz/other", 404),
        ("GET", "/metrics/other", 404),
        ("GET", "/containerLogs/default/web", 404),
        ("GET", "/containerLogs/default/web/app/more", 404),
        ("GET", "/exec/default/web", 404),
        ("GET", "/containerlogs/default/web/app", 404),
        ("GET", "/api/v1/namespaces/default/pods/web/log", 404),
        ("POST", "/healthz", 405),
        ("POST", "/pods", 405),
        ("HEAD", "/pods", 405),
        ("OPTIONS", "/nothing", 405),
        ("POST", "/containerLogs/default/web/app", 405),
        ("PUT", "/exec/default/web/app", 405),
        ("GET", "/run/default/web/app", 405),
        ("POST", "/logs/", 405),
    ],
)
def test_what_is_not_served_is_refused_by_the_table(method: str, path: str, code: int) -> None:
    assert refusal(method, path) == code


@pytest.mark.parametrize(
    "path",
    [
        "",
        "healthz",
        "http://node/healthz",
        "//healthz",
        "/healthz/",
        "/pods/",
        "/./healthz",
        "/logs/../healthz",
        "/containerLogs/default//app",
        "/containerLogs/default/web/",
        "/containerLogs/default/web/app/",
        "/containerLogs/default/web/..",
        "/containerLogs/default/web/.",
        "/containerLogs/default/web/%61pp",
        "/containerLogs/default%2fweb/x/app",
        "/containerLogs/default/web%2Fx/app",
        "/exec/default/web/%2e%2e",
        "/%65xec/default/web/app",
        "/exec;a=b/default/web/app",
        "/exec/default/web/app;x",
        "/exec\\default\\web\\app",
        "/exec/default/web/app#x",
        "/exec/default/web/app%00",
        "/exec/default/web/app%",
        "/exec/default/web/äpp",
        "/exec/default/web/app ",
        "/exec/Default/web/app",
        "/exec/default/-web/app",
        "/exec/default/web/u_1/app",
        "/exec/default/web/../app",
        "/debug/",
    ],
)
@pytest.mark.parametrize("upgrade", [False, True])
def test_a_path_that_could_be_read_in_two_ways_is_refused(path: str, upgrade: bool) -> None:
    assert refusal("GET", path, upgrade=upgrade) == 400


@pytest.mark.parametrize(
    "word", ["healthz", "pods", "metrics", "exec", "run", "logs", "stats", "configz", "portforward"]
)
@pytest.mark.parametrize("place", range(3))
def test_a_pod_named_like_a_path_stays_a_pod(word: str, place: int) -> None:
    names = ["default", "web", "app"]
    names[place] = word

    call = parse("GET", "/containerLogs/" + "/".join(names))

    assert call.target == PodTarget(VirtualKey(names[0], names[1]), container=names[2])


@pytest.mark.parametrize("path", ["/exec/default/web/app", "/attach/default/web/app", "/portForward/default/web"])
def test_a_stream_demands_create_also_of_a_get(path: str) -> None:
    assert parse("GET", path, upgrade=True).demands == (Demand("get", PROXY), Demand("create", PROXY))
    assert parse("POST", path, upgrade=True).demands == (Demand("create", PROXY),)


@pytest.mark.parametrize(
    ("method", "path", "demand"),
    [
        ("GET", "/healthz", Demand("get", ("healthz", "proxy"))),
        ("GET", "/pods", Demand("get", ("pods", "proxy"))),
        ("GET", "/runningpods/", Demand("get", ("pods", "proxy"))),
        ("GET", "/configz", Demand("get", ("configz", "proxy"))),
        ("GET", "/containerLogs/default/web/app", Demand("get", PROXY)),
        ("GET", "/metrics/cadvisor", Demand("get", ("metrics",))),
        ("GET", "/stats/summary", Demand("get", ("stats",))),
        ("GET", "/logs/syslog", Demand("get", ("log",))),
        ("POST", "/checkpoint/default/web/app", Demand("create", ("checkpoint",))),
        ("POST", "/run/default/web/app", Demand("create", PROXY)),
        ("DELETE", "/anything", Demand("delete", PROXY)),
    ],
)
def test_the_rights_are_those_of_a_kubelet(method: str, path: str, demand: Demand) -> None:
    assert parse(method, path).demands == (demand,)


def test_a_stream_without_an_upgrade_and_an_upgrade_of_anything_else_are_refused() -> None:
    assert refusal("POST", "/exec/default/web/app") == 400
    assert refusal("GET", "/containerLogs/default/web/app", upgrade=True) == 400
    assert refusal("GET", "/healthz", upgrade=True) == 400


def test_every_row_of_the_table_is_reachable_by_the_path_it_shows() -> None:
    for route in ROUTES:
        path = route.pattern.replace("{uid}", "u-1").replace("{", "").replace("}", "").replace("*", "anything")
        call = parse(route.methods[0], path, upgrade=route.call in STREAMS)
        assert (call.call, call.refusal) == (route.call, route.refusal), route.pattern


def row(route: Route) -> str:
    """Write a row of the table as the documentation has it."""
    verbs = dict.fromkeys(demand.verb for method in route.methods for demand in demands(route, method))
    rights = " or ".join(f"`nodes/{subresource}`" for subresource in route.subresources)
    said = f"{route.refusal.code}: {route.refusal.message}" if route.refusal else ANSWERS[route.call]
    return f"| `{route.pattern}` | {', '.join(route.methods)} | {', '.join(verbs)} | {rights} | {said} |"


def test_the_documentation_has_every_row_of_the_table_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "kubelet.md").read_text()
    table = [line for line in page.splitlines() if line.startswith("| `/")]

    assert table == [row(route) for route in ROUTES]


PIECES = [
    "exec",
    "containerLogs",
    "portForward",
    "a",
    "web",
    "u-1",
    "healthz",
    "",
    ".",
    "..",
    "%2f",
    "%2e",
    "a/b",
    ";",
    "A",
]
PATHS = st.lists(st.sampled_from(PIECES), max_size=6).map(lambda pieces: "/" + "/".join(pieces)) | st.text(max_size=60)


@given(PATHS, st.sampled_from(["GET", "POST", "HEAD"]), st.booleans())
@example("/exec/a/b/c", "GET", True)
def test_no_path_that_is_not_written_plainly_reaches_a_pod(path: str, method: str, upgrade: bool) -> None:
    with suppress(GatewayError):
        target = parse(method, path, upgrade=upgrade).target
        if target is not None:
            named = [target.pod.namespace, target.pod.name, target.uid, target.container]
            assert path.split("/")[2:] == [part for part in named if part]
