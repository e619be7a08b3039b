"""Calls as they go on the wire, and what answers, refusals and broken connections become."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from vgateway.errors import ApiError, Conflict, Forbidden, Gone, NotFound, TooManyRequests, Unavailable
from vgateway.kube.client import ApiClient, Lines, PatchKind, delete_options, target
from vgateway.kube.connection import AHEAD_BYTES
from vgateway.kube.credentials import Credentials
from vgateway.kube.metrics import KubeMetrics
from vgateway.kube.objects import Obj, Resource

PODS = Resource("", "v1", "pods", "Pod")


class Peer:
    """Answers each request with the next of some bytes; after the last it hangs up, or says nothing more."""

    def __init__(self, *answers: bytes, hangs_up: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._hangs_up = hangs_up

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self._answers:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(length_of(head)))
                writer.write(self._answers.pop(0))
                await writer.drain()
            if not self._hangs_up:
                await reader.read()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def length_of(head: bytes) -> int:
    found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(found[0].partition(b":")[2]) if found else 0


@asynccontextmanager
async def client_of(peer: Peer, **options: Any) -> AsyncIterator[ApiClient]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    client = ApiClient(Credentials(f"http://127.0.0.1:{port}", None, lambda: "Bearer secret"), "host", **options)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


def answer(body: Any, code: int = 200, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def status(code: int, reason: str, message: str = "no") -> Obj:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


def chunked(*chunks: bytes, ended: bool = True) -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + (b"0\r\n\r\n" if ended else b"")


def event(kind: str, name: str) -> bytes:
    return orjson.dumps({"type": kind, "object": {"metadata": {"name": name}}}) + b"\n"


Call = Callable[[ApiClient], Any]


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        pytest.param(lambda c: c.get(PODS, "ns", "a"), "GET /api/v1/namespaces/ns/pods/a", None, id="get"),
        pytest.param(
            lambda c: c.list(PODS, labelSelector="a=b,c in (d e)", limit="5"),
            "GET /api/v1/pods?labelSelector=a%3Db%2Cc+in+%28d+e%29&limit=5",
            None,
            id="list",
        ),
        pytest.param(
            lambda c: c.create(PODS, "ns", {"x": 1}, name="a", subresource="binding"),
            "POST /api/v1/namespaces/ns/pods/a/binding",
            {"x": 1},
            id="create-of-a-subresource",
        ),
        pytest.param(
            lambda c: c.patch(PODS, "ns", "a", {"x": None}, subresource="status"),
            "PATCH /api/v1/namespaces/ns/pods/a/status",
            {"x": None},
            id="patch-of-a-subresource",
        ),
        pytest.param(
            lambda c: c.patch(PODS, "ns", "a", {}, kind=PatchKind.APPLY, fieldManager="m", force="true"),
            "PATCH /api/v1/namespaces/ns/pods/a?fieldManager=m&force=true",
            {},
            id="apply",
        ),
        pytest.param(
            lambda c: c.update(PODS, "ns", {"metadata": {"name": "a"}}),
            "PUT /api/v1/namespaces/ns/pods/a",
            {"metadata": {"name": "a"}},
            id="update",
        ),
        pytest.param(lambda c: c.delete(PODS, "ns", "a"), "DELETE /api/v1/namespaces/ns/pods/a", None, id="delete"),
    ],
)
async def test_a_call_goes_on_the_wire_as_it_should(call: Call, line: str, body: Any) -> None:
    peer = Peer(answer({}))
    async with client_of(peer) as client:
        await call(client)

    head, _, content = peer.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"{line} HTTP/1.1"
    assert "Authorization: Bearer secret" in lines
    assert any(header.startswith("User-Agent: vgateway/") for header in lines)
    assert (orjson.loads(content) if content else None) == body


async def test_a_patch_says_what_kind_it_is() -> None:
    peer = Peer(*[answer({})] * 4)
    async with client_of(peer) as client:
        for kind in PatchKind:
            await client.patch(PODS, "ns", "a", {}, kind=kind)

    sent = [request.partition(b"Content-Type: ")[2].partition(b"\r\n")[0].decode() for request in peer.requests]
    assert sent == list(PatchKind)
    assert peer.connections == 1, "connections are kept"


@pytest.mark.parametrize(
    ("code", "body", "family"),
    [
        pytest.param(403, status(403, "Forbidden"), Forbidden, id="forbidden"),
        pytest.param(404, status(404, "NotFound"), NotFound, id="not-found"),
        pytest.param(409, status(409, "Conflict"), Conflict, id="conflict"),
        pytest.param(410, status(410, "Expired"), Gone, id="gone"),
        pytest.param(500, status(500, "InternalError"), Unavailable, id="internal"),
        pytest.param(502, b"<html>bad gateway</html>", Unavailable, id="something-in-between"),
        pytest.param(302, b"", ApiError, id="redirects-are-not-followed"),
    ],
)
async def test_a_refusal_is_raised_as_its_family(code: int, body: Any, family: type[ApiError]) -> None:
    async with client_of(Peer(answer(body, code, "Location: http://127.0.0.1:1/"))) as client:
        with pytest.raises(family) as raised:
            await client.get(PODS, "ns", "a")

    assert raised.value.code == code
    assert raised.value.status["kind"] == "Status"


async def test_the_servers_wish_to_wait_is_read() -> None:
    async with client_of(Peer(answer(status(429, "TooManyRequests"), 429, "Retry-After: 7"))) as client:
        with pytest.raises(TooManyRequests) as raised:
            await client.get(PODS, "ns", "a")

    assert raised.value.retry_after == 7


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="closed-without-a-word"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", id="cut-short"),
        pytest.param(b"junk\r\n\r\n", id="no-http"),
    ],
)
async def test_an_answer_that_does_not_come_is_unavailable_and_names_the_side(reply: bytes) -> None:
    peer = Peer(reply, hangs_up=True)
    async with client_of(peer) as client:
        with pytest.raises(Unavailable, match="the host API server cannot be reached") as raised:
            await client.get(PODS, "ns", "a")

    assert raised.value.status["details"]["causes"][0]["reason"] == "vgateway:host"
    assert len(peer.requests) == 1, "nothing is retried here"


async def test_calls_are_counted_by_their_outcome() -> None:
    registry = CollectorRegistry()
    peer = Peer(answer({}), answer(status(404, "NotFound"), 404), b"", hangs_up=True)
    async with client_of(peer, metrics=KubeMetrics(registry)) as client:
        await client.get(PODS, "ns", "a")
        for family in (NotFound, Unavailable):
            with pytest.raises(family):
                await client.get(PODS, "ns", "a")

    for code in ("200", "404", "0"):
        labels = {"side": "host", "method": "GET", "code": code}
        assert registry.get_sample_value("vgateway_api_calls_total", labels) == 1


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    client = ApiClient(Credentials("http://127.0.0.1:1", None), "virtual")
    with pytest.raises(Unavailable, match="the virtual API server cannot be reached"):
        await client.get(PODS, "ns", "a")


async def test_a_kept_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    peer = Peer(answer({"n": 1}, 200, "Connection: close"), answer({"n": 2}))
    async with client_of(peer) as client:
        assert await client.get(PODS, "ns", "a") == {"n": 1}
        assert await client.get(PODS, "ns", "a") == {"n": 2}

    assert peer.connections == 2


async def test_a_cancelled_call_does_not_leave_its_answer_to_the_next() -> None:
    peer = Peer(b"", answer({"n": 2}))
    async with client_of(peer) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.get(PODS, "ns", "slow")
        assert await client.get(PODS, "ns", "a") == {"n": 2}

    assert peer.connections == 2


async def test_a_watch_yields_events_however_they_are_cut() -> None:
    stream = event("ADDED", "a") + event("MODIFIED", "a") + event("BOOKMARK", "")
    pieces = [stream[at : at + 7] for at in range(0, len(stream), 7)]
    async with client_of(Peer(chunked(*pieces))) as client:
        seen = [found["type"] async for found in client.watch(PODS, "ns", resourceVersion="5")]

    assert seen == ["ADDED", "MODIFIED", "BOOKMARK"]


async def test_a_watch_asks_for_bookmarks_and_an_end() -> None:
    peer = Peer(chunked())
    async with client_of(peer, watch_seconds=77) as client:
        assert [found async for found in client.watch(PODS, resourceVersion="5")] == []

    line = peer.requests[0].partition(b" HTTP")[0].decode()
    assert line == "GET /api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=77&resourceVersion=5"


async def test_an_error_event_is_raised_as_what_it_says() -> None:
    error = orjson.dumps({"type": "ERROR", "object": status(410, "Expired")}) + b"\n"
    async with client_of(Peer(chunked(event("ADDED", "a"), error))) as client:
        with pytest.raises(Gone):
            await everything(client)


async def test_a_refused_watch_is_raised_with_its_whole_status() -> None:
    async with client_of(Peer(answer(status(403, "Forbidden", "x" * 9000), 403))) as client:
        with pytest.raises(Forbidden, match="x" * 9000):
            await everything(client)


@pytest.mark.parametrize("rest", [b"", b'{"type"', b"\xff\n"], ids=["between-events", "within-one", "no-json"])
async def test_a_watch_that_breaks_off_is_unavailable(rest: bytes) -> None:
    peer = Peer(chunked(event("ADDED", "a"), *([rest] if rest else []), ended=False), hangs_up=True)
    async with client_of(peer) as client:
        with pytest.raises(Unavailable):
            await everything(client)


async def test_a_watch_that_falls_silent_is_unavailable() -> None:
    async with client_of(Peer(chunked(event("ADDED", "a"), ended=False)), idle_seconds=0.2) as client:
        with pytest.raises(Unavailable, match="no answer in time"):
            await everything(client)


async def test_a_reader_that_is_slow_makes_the_server_wait() -> None:
    line = event("ADDED", "x" * 100_000)
    async with client_of(Peer(chunked(*[line] * 100))) as client:
        seen = 0
        async for _ in client.watch(PODS):
            seen += 1
            await asyncio.sleep(0)
            for connection in client._transport._open:
                assert connection._ahead < 2 * AHEAD_BYTES
    assert seen == 100


async def everything(client: ApiClient) -> list[Obj]:
    return [found async for found in client.watch(PODS, "ns")]


def test_preconditions_go_into_the_body_of_a_deletion() -> None:
    assert delete_options(None, None, None, None) is None
    assert delete_options("u1", None, 0, "Background") == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "preconditions": {"uid": "u1"},
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Background",
    }


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        pytest.param([b"a\nb\n"], [b"a", b"b"], id="several-in-one"),
        pytest.param([b"a", b"b", b"c\n", b"d"], [b"abc"], id="one-in-several"),
        pytest.param([b"a\n", b"\n", b"b\n"], [b"a", b"b"], id="empty-ones-are-skipped"),
        pytest.param([b"a", b"\nb", b"\n"], [b"a", b"b"], id="cut-at-the-end"),
    ],
)
def test_lines_are_put_together_from_pieces(pieces: list[bytes], lines: list[bytes]) -> None:
    cutter = Lines()

    assert [line for piece in pieces for line in cutter.feed(piece)] == lines


def test_a_query_is_encoded() -> None:
    assert target("/api/v1/pods", {"fieldSelector": "a=b&c"}) == "/api/v1/pods?fieldSelector=a%3Db%26c"
    assert target("/api/v1/pods", None) == "/api/v1/pods"


async def test_a_path_cannot_smuggle_a_header() -> None:
    client = ApiClient(Credentials("http://127.0.0.1:1", None), "host")
    with pytest.raises(ValueError, match="not a request target"):
        await client.raw("GET", "/api HTTP/1.1\r\nX-Remote-User: admin")
