import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import orjson
import pytest
import structlog

from tests.unit.kubelet.gateway import ADMIN, Reply, gateway, read_reply, request
from tests.unit.kubelet.peer import Asked, http
from tests.unit.kubelet.pods import NAMES, host_pod, virtual_pod
from vgateway.errors import status_body
from vgateway.kube.store import Store
from vgateway.kubelet.authority import Headers
from vgateway.kubelet.calls import KubeletCall
from vgateway.kubelet.nodes import Port, StoreNodes
from vgateway.syncer.resources import NODES, SERVICES

WEB = virtual_pod()
TWIN = host_pod(WEB)
POD = "/api/v1/namespaces/tenant-a/pods/web-x-default-x-vc"
SPDY = (
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    "X-Stream-Protocol-Version: v5.channel.k8s.io",
    "X-Stream-Protocol-Version: v4.channel.k8s.io",
)
WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: v5.channel.k8s.io",
)
WEBSOCKET_AGREED = (
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
)
EXEC = "/exec/default/web/app?input=1&output=1&command=sh&command=-c&command=echo%20a%26b"
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"
    b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
)


def agreeing(asked: Asked) -> bytes:
    return AGREED % asked.header("Upgrade")[0].encode()


def status(code: int, message: str) -> bytes:
    return http(code, status_body(code, message))


def chunked(code: int, message: str) -> bytes:
    body = orjson.dumps(status_body(code, message))
    halves = [body[:20], body[20:], b""]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
    return f"HTTP/1.1 {code} Whatever\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + framed


def message_of(reply: Reply) -> Any:
    return orjson.loads(reply.body)["message"]


@pytest.mark.parametrize(("method", "headers"), [("POST", SPDY), ("GET", WEBSOCKET)])
async def test_exec_becomes_the_same_upgrade_at_the_host_and_bytes_flow_both_ways(
    tmp_path: Path, method: str, headers: tuple[str, ...]
) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request(method, EXEC, *headers))
        reply = await read_reply(reader)
        writer.write(b"hello")
        echoed = await reader.readexactly(5)

    (asked,) = served.host.asked
    assert (reply.code, echoed) == (101, b"HELLO")
    assert reply.headers["x-stream-protocol-version"] == "v4.channel.k8s.io"
    assert (asked.method, asked.target) == (
        method,
        f"{POD}/exec?container=app&stdin=true&stdout=true&command=sh&command=-c&command=echo%20a%26b",
    )
    assert asked.header("Authorization") == ["Bearer of-the-gateway"]
    sent = [line.partition(": ")[::2] for line in headers if not line.startswith(("Connection", "Upgrade"))]
    assert [(name, value) for name, value in asked.headers if (name, value) in sent] == sent


async def test_what_the_client_sends_too_early_waits_for_the_hosts_agreement(tmp_path: Path) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("POST", EXEC, *SPDY) + b"early")
        assert (await read_reply(reader)).code == 101
        assert await reader.readexactly(5) == b"EARLY"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (http(200, b"fine"), 502),
        (http(204), 502),
        (status(400, "bad"), 400),
        (status(403, "no"), 403),
        (status(404, "gone"), 404),
        (status(500, "oops"), 500),
        (status(401, "who are you"), 502),
        (http(301, b"", "Location: http://127.0.0.1:1/\r\n"), 502),
        (http(307, b"", "Location: /api/v1/secrets\r\n"), 502),
        (http(308, b"", "Location: //elsewhere/\r\n"), 502),
        (AGREED % b"websocket", 502),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502),
        (b"nonsense\r\n\r\n", 502),
    ],
)
async def test_after_a_refused_upgrade_not_one_more_byte_of_the_client_reaches_the_host(
    tmp_path: Path, answer: bytes, code: int
) -> None:
    second = request("GET", "/api/v1/secrets", "Host: host")
    async with gateway(tmp_path, lambda _: answer, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("POST", EXEC, *SPDY) + second)
        reply = await read_reply(reader)
        rest = await reader.read()

    assert (reply.code, rest) == (code, b"")
    assert orjson.loads(reply.body)["kind"] == "Status"
    assert "location" not in reply.headers
    assert [asked.target.partition("?")[0] for asked in served.host.asked] == [f"{POD}/exec"]
    assert bytes(served.host.tunnelled + served.host.unasked) == b""


async def test_a_kubelets_own_words_about_a_stream_stay_plain(tmp_path: Path) -> None:
    words = b'container not found ("app") in web-x-default-x-vc'
    async with gateway(tmp_path, lambda _: http(500, words), virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("POST", EXEC, *SPDY) + request("GET", "/api/v1/secrets"))
        reply = await read_reply(reader)
        rest = await reader.read()

    assert (reply.code, reply.body, rest) == (500, b'container not found ("app") in web', b"")
    assert len(served.host.asked) == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/exec/default/web/sidecar?output=1", 'container "sidecar" not found in pod "web"'),
        ("/exec/default/web/u-0/app?output=1", 'pod "web" does not exist'),
        ("/attach/default/web/u-0/app?output=1", 'pod "web" does not exist'),
        ("/portForward/default/web/u-0", 'pod "web" does not exist'),
        ("/exec/default/other/app?output=1", 'pod "other" does not exist'),
        ("/exec/tenant-a/web-x-default-x-vc/app?output=1", 'pod "web-x-default-x-vc" does not exist'),
    ],
)
async def test_what_the_tenants_pod_does_not_have_is_not_found_and_the_host_not_asked(
    tmp_path: Path, target: str, message: str
) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        reply = await served.ask("POST", target, *SPDY)

    assert (reply.code, message_of(reply), served.host.asked) == (404, message, [])


async def test_the_host_pod_of_a_namesake_before_is_never_reached(tmp_path: Path) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[host_pod(WEB, of_uid="u-0")]) as served:
        reply = await served.ask("POST", EXEC, *SPDY)

    assert (reply.code, served.host.asked) == (404, [])


SPELLINGS = (
    "/run/",
    "/exec/",
    "//exec/",
    "/./exec/",
    "/healthz/../exec/",
    "/containerLogs/../exec/",
    "/%65xec/",
    "/exec%2f",
    "/exec;x/",
    "/exec\\",
    "/EXEC/",
    "http://node/exec/",
)
STREAMS = (EXEC, "/attach/default/web/app?output=1", "/portForward/default/web?port=80")
PATHS = (
    "/logs/",
    "/logs",
    "//logs/",
    "/logs/../etc/passwd",
    "/logs/%2e%2e/etc",
    "/configz",
    "/debug/pprof/",
    "/spec",
    "/",
)
FORBIDDEN = [
    *(("GET", path, WEBSOCKET) for path in STREAMS),
    *(("POST", path, SPDY) for path in STREAMS),
    *(("GET", f"{start}default/web/app?output=1", lines) for start in SPELLINGS for lines in ((), WEBSOCKET)),
    *((method, "/run/default/web/app?cmd=id", ()) for method in ("GET", "POST", "PUT", "HEAD", "PATCH")),
    *(("GET", path, ()) for path in PATHS),
]


@pytest.mark.parametrize("user", ["reader", "scraper", "nobody", "unknown"])
async def test_who_may_only_get_opens_no_shell_in_any_spelling(tmp_path: Path, user: str) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        codes = {
            (method, path, bool(lines)): (await served.ask_as(user, method, path, *lines)).code
            for method, path, lines in FORBIDDEN
        }

    assert {asked: code for asked, code in codes.items() if code not in {400, 401, 403, 404, 405}} == {}
    assert served.host.asked == []


@pytest.mark.parametrize(
    ("user", "target", "code"),
    [
        ("unknown", "/healthz", 401),
        ("nobody", "/healthz", 403),
        ("nobody", "/containerLogs/default/web/app", 403),
        ("nobody", "/containerLogs/default/other/app", 403),
        ("nobody", "/exists/not", 403),
        ("scraper", "/metrics/slis", 403),
        ("scraper", "/logs/", 403),
        ("scraper", "/pods", 403),
        ("reader", "/logs/", 403),
        ("reader", "/exists/not", 404),
        ("reader", "/containerLogs/default/other/app", 404),
        ("reader", "/healthz", 200),
        ("reader", "/pods", 200),
    ],
)
async def test_what_exists_is_told_only_to_who_has_the_right(tmp_path: Path, user: str, target: str, code: int) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        assert (await served.ask_as(user, "GET", target)).code == code


async def test_no_certificate_and_no_token_is_401_whatever_the_headers_say(tmp_path: Path) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        reply = await served.ask(
            "POST", EXEC, *SPDY, "X-Remote-User: admin", "X-Remote-Group: system:masters", cert=None
        )

    assert (reply.code, message_of(reply), served.host.asked) == (401, "Unauthorized", [])


async def test_logs_come_as_the_host_sends_them(tmp_path: Path) -> None:
    async with gateway(tmp_path, lambda _: http(200, b"line\n"), virtual=[WEB], host=[TWIN]) as served:
        reply = await served.ask("GET", "/containerLogs/default/web/app?tailLines=2&previous=true&x=y")

    assert (reply.code, reply.body) == (200, b"line\n")
    assert served.host.asked[0].target == f"{POD}/log?container=app&previous=true&tailLines=2"
    assert served.count("containerLogs", 200) == 1
    sent = served.registry.get_sample_value("vgateway_kubelet_sent_bytes_total", {"call": "containerLogs"})
    assert sent == len(b"line\n")


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (
            status(400, 'container "app" in pod "web-x-default-x-vc" is waiting to start: ContainerCreating'),
            400,
            b'container "app" in pod "web" is waiting to start: ContainerCreating',
        ),
        (status(404, 'pods "web-x-default-x-vc" not found'), 404, b'pods "web" not found'),
        (chunked(404, 'pods "web-x-default-x-vc" not found'), 404, b'pods "web" not found'),
        (http(500, b"x" * 200_000), 500, b"the host cluster answered 500"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 50\r\n\r\n{cut", 500, b"the host cluster answered 500"),
        (http(500, b"<html>tenant-a</html>"), 500, b"the host cluster answered 500"),
        (http(302, b"", "Location: https://elsewhere/\r\n"), 502, b"the host cluster answered 302"),
    ],
)
async def test_logs_are_refused_in_plain_words_and_virtual_names(
    tmp_path: Path, answer: bytes, code: int, text: bytes
) -> None:
    async with gateway(tmp_path, lambda _: answer, virtual=[WEB], host=[TWIN]) as served:
        served.host.hangs_up = b"cut" in answer
        reply = await served.ask("GET", "/containerLogs/default/web/app")

    assert (reply.code, reply.body) == (code, text)
    assert reply.headers["content-type"].startswith("text/plain")


def hanging_up(_: Asked) -> bytes:
    raise ConnectionError


async def test_a_host_that_is_not_there_is_a_502_that_names_it(tmp_path: Path) -> None:
    async with gateway(tmp_path, hanging_up, virtual=[WEB], host=[TWIN]) as served:
        reply = await served.ask("POST", EXEC, *SPDY)

    assert (reply.code, orjson.loads(reply.body)["details"]["causes"][0]["reason"]) == (502, "vgateway:host API server")


async def test_a_client_that_leaves_a_silent_log_ends_it_at_the_host(tmp_path: Path) -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
    async with gateway(tmp_path, lambda _: begun, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("GET", "/containerLogs/default/web/app?follow=true"))
        await reader.readuntil(b"hi\r\n")
        assert len(served.host.serving) == 1
        writer.transport.abort()
        await served.host.all_left()


async def test_healthz_is_ok_and_pods_are_the_tenants_own(tmp_path: Path) -> None:
    pods = [WEB, virtual_pod("b", node="node-2"), virtual_pod("waiting", node="")]
    async with gateway(tmp_path, agreeing, virtual=pods, host=[TWIN]) as served:
        healthy = await served.ask("GET", "/healthz")
        listed = await served.ask("GET", "/pods")

    assert (healthy.code, healthy.body) == (200, b"ok")
    found = orjson.loads(listed.body)
    assert (found["kind"], [pod["metadata"]["name"] for pod in found["items"]]) == ("PodList", ["web", "b"])
    assert b"tenant-a" not in listed.body


class Node2:
    def node_of(self, headers: Headers, call: KubeletCall) -> str:
        assert ("Host", "node:10250") in headers
        return "node-2"

    def exists(self, node: str) -> bool:
        return node in {"node-1", "node-2"}


async def test_an_address_that_is_one_nodes_serves_that_nodes_pods_only(tmp_path: Path) -> None:
    pods = [WEB, virtual_pod("b", node="node-2")]
    async with gateway(tmp_path, lambda _: http(200, b"line\n"), virtual=pods, host=[TWIN], nodes=Node2()) as served:
        listed = await served.ask("GET", "/pods")
        foreign = await served.ask("GET", "/containerLogs/default/web/app")

    assert [pod["metadata"]["name"] for pod in orjson.loads(listed.body)["items"]] == ["b"]
    assert (foreign.code, foreign.body) == (404, b'pod "web" does not exist')


@pytest.mark.parametrize("path", [EXEC, "/attach/default/web/app?output=1", "/portForward/default/web?port=80"])
async def test_a_stream_that_one_node_is_asked_for_reaches_that_nodes_pods_only(tmp_path: Path, path: str) -> None:
    pods = [WEB, virtual_pod("b", node="node-2")]
    async with gateway(tmp_path, agreeing, virtual=pods, host=[TWIN]) as served:
        asked = {
            name: await served.ask("POST", path, *SPDY, f"X-Forwarded-Uri: /api/v1/nodes/{name}/proxy")
            for name in ("node-1", "node-2", "gone")
        }

    assert {name: reply.code for name, reply in asked.items()} == {"node-1": 101, "node-2": 404, "gone": 404}
    assert message_of(asked["node-2"]) == 'pod "web" does not exist'
    assert message_of(asked["gone"]) == 'node "gone" not found'
    assert len(served.host.asked) == 1


async def test_a_pod_whose_node_has_left_is_out_of_reach(tmp_path: Path) -> None:
    nodes = StoreNodes(Port(NAMES, ("node",)), Store(NODES), Store(SERVICES), Store(SERVICES))
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN], nodes=nodes) as served:
        stream = await served.ask("POST", EXEC, *SPDY)
        logs = await served.ask("GET", "/containerLogs/default/web/app")

    assert (stream.code, message_of(stream)) == (404, 'node "node-1" not found')
    assert (logs.code, logs.body, served.host.asked) == (404, b'node "node-1" not found', [])


async def test_a_stream_ends_between_two_frames_with_the_reason_when_its_node_leaves(tmp_path: Path) -> None:
    whole, begun = b"\x82\x03\x01ab", b"\x82\x03\x01c"
    agreed = WEBSOCKET_AGREED.encode()
    async with gateway(tmp_path, lambda _: agreed, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("GET", EXEC, *WEBSOCKET))
        assert (await read_reply(reader)).code == 101
        writer.write(whole + begun)
        assert await reader.readexactly(9) == (whole + begun).upper()
        served.lose("node-1")
        await asyncio.sleep(0.2)
        writer.write(b"d")
        words = await reader.read()

    assert (words[:1], words[1:3], words[5:6], words[-4:]) == (b"D", b"\x82\x7e", b"\x03", b"\x88\x02\x03\xe8")
    assert orjson.loads(words[6:-4])["message"] == 'node "node-1" has left the cluster'


async def test_a_node_that_comes_again_at_once_keeps_its_streams(tmp_path: Path) -> None:
    async with gateway(tmp_path, agreeing, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("POST", EXEC, *SPDY))
        assert (await read_reply(reader)).code == 101
        served.lose("node-1")
        served.nodes.put({"metadata": {"name": "node-1"}})
        await asyncio.sleep(0.2)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"


async def test_a_log_that_is_followed_is_cut_when_its_node_leaves(tmp_path: Path) -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
    async with gateway(tmp_path, lambda _: begun, virtual=[WEB], host=[TWIN]) as served:
        reader, writer = await served.connect(ADMIN)
        writer.write(request("GET", "/containerLogs/default/web/app?follow=true"))
        await reader.readuntil(b"hi\r\n")
        served.lose("node-1")
        with suppress(ConnectionError):
            assert await reader.read() == b"", "no last chunk: the log is not whole"
        await served.host.all_left()


async def test_one_line_is_logged_per_stream_and_no_argument_or_token_in_it(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with gateway(tmp_path, lambda _: status(403, "no"), virtual=[WEB], host=[TWIN]) as served:
            await served.ask("GET", f"{EXEC}&command=c4nary", *WEBSOCKET, "Authorization: Bearer c4nary")

    told = [line for line in lines if line["event"] == "stream ended"]
    assert told == [
        {
            "event": "stream ended",
            "log_level": "info",
            "call": "exec",
            "user": ADMIN,
            "pod": "default/web",
            "host_pod": "tenant-a/web-x-default-x-vc",
            "container": "app",
            "ended": "refused with 403",
            "seconds": ANY,
        }
    ]
    assert "c4nary" not in str(lines)
