"""Pages of metrics over the wire: what the host answers, whole or broken, and what the client is given of it."""

import asyncio
import gzip
import zlib
from pathlib import Path

import orjson
import pytest

from tests.unit.kubelet.gateway import ADMIN, Gateway, Reply, gateway, read_reply, request
from tests.unit.kubelet.peer import SILENCE, Answer, Asked, http
from tests.unit.kubelet.pods import host_pod, virtual_pod

WEB = virtual_pod()
TWIN = host_pod(WEB)
PATH = "/api/v1/nodes/node-1/proxy/metrics/cadvisor"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OURS = b'# TYPE a gauge\na{container="app",namespace="tenant-a",pod="web-x-default-x-vc"} 1\n'
THEIRS = b'a{container="app",namespace="tenant-b",pod="web-x-default-x-vb"} 1\n'
SAID = b'# TYPE a gauge\na{container="app",namespace="default",pod="web"} 1\n'


def page(body: bytes, *headers: str, length: int | None = None, kind: str = TEXT) -> bytes:
    lines = [f"Content-Type: {kind}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return ("HTTP/1.1 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body


def serving(answer: bytes) -> Answer:
    return lambda _: answer


async def ask(tmp_path: Path, answer: bytes, *lines: str, hangs_up: bool = False) -> tuple[Reply, Asked]:
    async with gateway(tmp_path, serving(answer), virtual=[WEB], host=[TWIN]) as served:
        served.host.hangs_up = hangs_up
        reply = await served.ask("GET", "/metrics/cadvisor", *lines)
    return reply, served.host.asked[0]


async def test_a_page_holds_the_tenants_series_in_its_names_and_no_identity_of_the_callers_reaches_the_host(
    tmp_path: Path,
) -> None:
    reply, asked = await ask(tmp_path, page(THEIRS + OURS + THEIRS), "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1")

    assert (reply.code, reply.body, reply.headers["content-type"]) == (200, SAID, TEXT)
    assert (asked.method, asked.target) == ("GET", PATH)
    assert asked.header("Accept") == ["text/plain;version=0.0.4;q=0.5,text/plain;version=0.0.4;q=0.1"]
    assert asked.header("Accept-Encoding") == ["identity"]
    assert asked.header("Authorization") == []


@pytest.mark.parametrize("host_packs", [False, True])
@pytest.mark.parametrize("client_packs", [False, True])
async def test_gzip_is_undone_and_done_as_each_side_likes_it(
    tmp_path: Path, host_packs: bool, client_packs: bool
) -> None:
    answer = page(gzip.compress(OURS), "Content-Encoding: gzip") if host_packs else page(OURS)
    reply, asked = await ask(tmp_path, answer, *(["Accept-Encoding: gzip;q=1, br"] if client_packs else []))

    assert (gzip.decompress(reply.body) if client_packs else reply.body) == SAID
    assert reply.headers.get("content-encoding") == ("gzip" if client_packs else None)
    assert asked.header("Accept-Encoding") == ["gzip" if client_packs else "identity"]


PROTOBUF = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


async def test_who_asks_for_protobuf_is_given_text(tmp_path: Path) -> None:
    reply, asked = await ask(tmp_path, page(OURS), PROTOBUF)

    assert (reply.code, reply.body) == (200, SAID)
    assert asked.header("Accept") == ["text/plain;version=0.0.4"]


PACKED = gzip.compress(OURS * 50)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (page(OURS[:-1]), 502),
        (page(OURS[:40]), 502),
        (page(OURS, length=len(OURS) + 1), 502),
        (page(b'a{namespace="tenant-a"\n'), 502),
        (page(PACKED[:-9], "Content-Encoding: gzip"), 502),
        (page(PACKED[:20] + b"x" + PACKED[21:], "Content-Encoding: gzip"), 502),
        (page(PACKED + b"more", "Content-Encoding: gzip"), 502),
        (page(OURS, "Content-Encoding: gzip"), 502),
        (page(zlib.compress(OURS), "Content-Encoding: br"), 502),
        (page(OURS, kind="text/html"), 502),
        (page(OURS, kind="application/vnd.google.protobuf"), 502),
        (page(OURS, kind="application/openmetrics-text; version=1.0.0"), 502),
        (http(200, {"kind": "Status"}), 502),
        (http(204), 502),
        (http(301, b"", "Location: http://127.0.0.1:1/\r\n"), 502),
        (http(307, b"", "Location: /api/v1/secrets\r\n"), 502),
        (http(401, {"kind": "Status", "message": "of tenant-b"}), 502),
        (http(400, b"tenant-b"), 502),
        (http(404, {"kind": "Status", "message": 'nodes "node-1" not found'}), 404),
        (http(429, b""), 429),
        (http(500, b"tenant-b"), 500),
        (http(503, b"dial tcp 10.0.0.7:10250"), 503),
        (b"nonsense\r\n\r\n", 502),
        (SILENCE, 502),
    ],
)
async def test_what_is_no_whole_page_is_a_status_that_names_the_hop_and_shows_nothing_of_the_host(
    tmp_path: Path, answer: bytes, code: int
) -> None:
    reply, _ = await ask(tmp_path, answer, hangs_up=True)

    status = orjson.loads(reply.body)
    assert (reply.code, status["kind"], status["code"]) == (code, "Status", code)
    assert status["details"]["causes"][0]["reason"] == "vgateway:host API server"
    assert b"tenant-" not in reply.body
    assert b"10.0.0.7" not in reply.body
    assert "location" not in reply.headers


USAGE = "/apis/metrics.k8s.io/v1beta1/namespaces/tenant-a/pods?labelSelector=vcluster.loft.sh%2Fmanaged-by%3Dvc"
REFUSED = http(403, {"kind": "Status"})


async def test_a_host_that_grants_nothing_at_all_is_said_to_and_not_asked_again_at_once(tmp_path: Path) -> None:
    async with gateway(tmp_path, serving(REFUSED), virtual=[WEB], host=[TWIN]) as served:
        paths = ["/metrics/cadvisor", "/metrics/resource", "/stats/summary", "/metrics/probes", "/metrics"]
        replies = [await served.ask("GET", path) for path in paths]

    assert [reply.code for reply in replies] == [501] * 5
    assert b"has no metrics.k8s.io that the gateway may read" in replies[0].body
    assert [asked.target for asked in served.host.asked] == [PATH, USAGE]


def metrics_of(name: str, namespace: str = "tenant-a") -> dict[str, object]:
    usage = {"cpu": "250m", "memory": "20Ki"}
    return {
        "metadata": {"namespace": namespace, "name": name},
        "timestamp": "2026-01-01T00:00:00Z",
        "window": "10s",
        "containers": [{"name": "app", "usage": usage}, {"name": "injected-by-the-host", "usage": usage}],
    }


def with_usage_only(asked: Asked) -> bytes:
    if asked.target != USAGE:
        return REFUSED
    names = ["web-x-default-x-vc", "stranger-x-default-x-vb"]
    return http(200, {"kind": "PodMetricsList", "items": [metrics_of(name) for name in names]})


async def test_without_rights_on_nodes_the_hosts_metrics_api_tells_of_the_tenants_pods_and_of_no_other(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path, with_usage_only, virtual=[WEB], host=[TWIN]) as served:
        paths = ["/metrics/resource", "/metrics/cadvisor", "/stats/summary", "/metrics/probes"]
        resource, cadvisor, summary, probes = [await served.ask("GET", path) for path in paths]

    assert b'container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"} 2.5' in resource.body
    assert b"from the host's metrics.k8s.io" in resource.body
    assert b'image="",name="' in cadvisor.body
    assert [pod["podRef"]["name"] for pod in orjson.loads(summary.body)["pods"]] == ["web"]
    assert "from the host's metrics.k8s.io" in summary.headers["warning"]
    assert probes.code == 501
    assert not [reply for reply in (resource, cadvisor, summary) if b"tenant-a" in reply.body or b"-x-" in reply.body]
    assert not [reply for reply in (resource, cadvisor, summary) if b"injected" in reply.body]


async def test_the_hosts_node_is_shown_only_where_that_is_configured(tmp_path: Path) -> None:
    told = page(b"# TYPE kubelet_running_pods gauge\nkubelet_running_pods 7\n")
    seen = []
    for node_metrics in (False, True):
        async with gateway(tmp_path, serving(told), virtual=[WEB], host=[TWIN], node_metrics=node_metrics) as served:
            seen.append((await served.ask("GET", "/metrics")).body)

    assert seen == [b"", b"# TYPE kubelet_running_pods gauge\nkubelet_running_pods 7\n"]


LONG = b"".join(b'a{container="app",namespace="tenant-a",n="%d",pod="web-x-default-x-vc"} 1\n' % n for n in range(9000))


async def chunked_until_the_end(served: Gateway) -> tuple[Reply, bytes]:
    """Read an answer in chunks to where it ends, cleanly or not."""
    reader, writer = await served.connect(ADMIN)
    writer.write(request("GET", "/metrics/cadvisor"))
    reply = await read_reply(reader)
    try:
        return reply, await reader.read()
    except ConnectionError:
        return reply, b""


@pytest.mark.parametrize(
    "answer",
    [page(LONG, length=len(LONG) + 1), page(LONG[:-1]), page(LONG + b'a{namespace="tenant-a"\n')],
    ids=["cut", "half a line", "broken line"],
)
async def test_a_page_that_breaks_after_it_began_is_cut_and_never_ends_cleanly(tmp_path: Path, answer: bytes) -> None:
    async with gateway(tmp_path, serving(answer), virtual=[WEB], host=[TWIN]) as served:
        served.host.hangs_up = True
        reply, rest = await chunked_until_the_end(served)

    assert (reply.code, reply.headers["transfer-encoding"]) == (200, "chunked")
    assert not rest.endswith(b"0\r\n\r\n")


async def test_a_long_page_arrives_whole(tmp_path: Path) -> None:
    async with gateway(tmp_path, serving(page(LONG)), virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("GET", "/metrics/cadvisor", "Connection: close"))
        reply = await read_reply(reader)
        rest = await reader.read()

    assert reply.code == 200
    assert rest.endswith(b"0\r\n\r\n")
    assert rest.count(b'n="') == 9000


async def test_a_client_that_stops_reading_stops_the_host(tmp_path: Path) -> None:
    whole = page(LONG * 60)
    async with gateway(tmp_path, serving(whole), virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("GET", "/metrics/cadvisor"))
        await reader.readexactly(1000)
        unsent = -1
        async with asyncio.timeout(60):
            while unsent != served.host.unsent:
                unsent = served.host.unsent
                await asyncio.sleep(0.5)
        writer.transport.abort()

    assert unsent > len(whole) // 2
