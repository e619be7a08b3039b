"""Requests go up and answers come down as they were sent, streaming, and a broken answer never looks whole."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.unit.wire.conftest import Run
from tests.unit.wire.gateway import Pki, gateway
from tests.unit.wire.peers import Cut, Stream, Upstream, connect
from tests.unit.wire.scripts import OK, answering, converse, exchange, read_request

Dial = Callable[[], Stream]
GET = b"GET /api/v1/pods?limit=1&fieldSelector=a%3Db HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def answer_of(client: Stream) -> bytes:
    """Read one answer with a Content-Length."""
    head = client.until(b"\r\n\r\n")
    return head + client.exactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))


def test_target_and_headers_travel_byte_for_byte(run: Run[Any], pki: Pki) -> None:
    seen: list[bytes] = []
    target = b"/api/v1/x?command=a&command=b%20c&x=%C3%A9&empty=&plus=a+b&q=?/;"
    request = (
        b"GET %b HTTP/1.1\r\nHost: gateway:8443\r\nAccept: a, b;q=0.5\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n" % target
    )

    def talk(dial: Dial) -> bytes:
        with closing(dial()) as client:
            client.send(request)
            return answer_of(client)

    assert converse(run, pki, answering(seen, OK), talk) == OK
    assert seen[0] == request


def test_an_answer_comes_down_as_it_was_sent_but_for_the_headers_of_its_hop(run: Run[Any], pki: Pki) -> None:
    answer = (
        b'HTTP/1.1 429 Too Many Requests\r\nAudit-Id: 1\r\nWarning: 299 - "a"\r\nWarning: 299 - "b"\r\n'
        b"Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nRetry-After: 1\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\nVary: A\r\n\r\n\x1f\x8b\x00\x01"
    )
    came = exchange(run, pki, answering([], answer), LAST)
    assert came == (
        b'HTTP/1.1 429 Too Many Requests\r\nAudit-Id: 1\r\nWarning: 299 - "a"\r\nWarning: 299 - "b"\r\n'
        b"Retry-After: 1\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nVary: A\r\nConnection: close\r\n\r\n"
        b"\x1f\x8b\x00\x01"
    )


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        (b"HEAD / HTTP/1.1", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        (b"HEAD / HTTP/1.1", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET / HTTP/1.1", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 500\r\n\r\n"),
        (b"DELETE / HTTP/1.1", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET / HTTP/1.1", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_answers_without_a_body_leave_both_connections_usable(
    run: Run[Any], pki: Pki, request_line: bytes, answer: bytes
) -> None:
    seen: list[bytes] = []

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            for _ in range(2):
                client.send(request_line + b"\r\nHost: x\r\n\r\n")
                assert client.until(b"\r\n\r\n") == answer

    converse(run, pki, answering(seen, answer, answer), talk)
    assert len(seen) == 2


def test_chunks_and_trailers_pass_through_and_are_flushed_one_by_one(run: Run[Any], pki: Pki) -> None:
    next_one = threading.Semaphore(0)

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n")
        for event in (b"6\r\nevent1\r\n", b"6\r\nevent2\r\n"):
            assert next_one.acquire(timeout=10)
            stream.send(event)
        assert next_one.acquire(timeout=10)
        stream.send(b"0\r\nX-End: yes\r\n\r\n")

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(GET)
            client.until(b"\r\n\r\n")
            for event in (b"6\r\nevent1\r\n", b"6\r\nevent2\r\n", b"0\r\nX-End: yes\r\n\r\n"):
                next_one.release()
                assert client.exactly(len(event)) == event

    converse(run, pki, serve, talk)


def test_a_client_that_expects_100_gets_the_upstreams(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        head = stream.until(b"\r\n\r\n")
        assert b"\r\nExpect: 100-continue\r\n" in head
        stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert stream.exactly(5) == b"hello"
        stream.send(OK)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"hello")
            assert answer_of(client) == OK

    converse(run, pki, serve, talk)


def test_an_early_answer_to_an_expecting_client_needs_no_body(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        stream.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        stream.close()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 401 ")

    converse(run, pki, serve, talk)


def test_an_answer_in_the_middle_of_an_upload_reaches_the_client(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        stream.exactly(1000)
        stream.send(b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        stream.close()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + bytes(300_000))
            assert answer_of(client).startswith(b"HTTP/1.1 413 ")

    converse(run, pki, serve, talk)


def test_interim_answers_pass_but_not_an_unasked_100(run: Run[Any], pki: Pki) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    came = exchange(run, pki, answering([], b"HTTP/1.1 100 Continue\r\n\r\n" + early + OK), LAST)
    assert came.startswith(early + b"HTTP/1.1 200 OK\r\n")


def test_redirects_are_passed_on_and_never_followed(run: Run[Any], pki: Pki) -> None:
    seen: list[bytes] = []
    for status in (301, 302, 303, 307, 308):
        answer = b"HTTP/1.1 %d Moved\r\nLocation: https://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n" % status
        came = exchange(run, pki, answering(seen, answer), LAST)
        assert came.startswith(b"HTTP/1.1 %d Moved\r\nLocation: https://127.0.0.1:1/x\r\n" % status)
    assert len(seen) == 5


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ],
    ids=["sized", "chunked-at-a-boundary", "chunked-within"],
)
@pytest.mark.parametrize("end", [Stream.close, Stream.vanish, Stream.reset], ids=["close", "vanish", "reset"])
def test_a_body_that_breaks_off_is_cut_at_the_client(
    run: Run[Any], pki: Pki, start: bytes, end: Callable[[Stream], None]
) -> None:
    may_end = threading.Event()

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(start)
        assert may_end.wait(10)
        end(stream)

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(GET)
            client.until(b"\r\n\r\n")
            client.exactly(3)
            may_end.set()
            with pytest.raises(Cut):
                client.everything()

    converse(run, pki, serve, talk)


def test_a_body_that_ends_with_its_connection_is_whole_only_after_close_notify(run: Run[Any], pki: Pki) -> None:
    def serve(end: Callable[[Stream], None]) -> Callable[[Stream], None]:
        def serve(stream: Stream) -> None:
            read_request(stream)
            stream.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            end(stream)

        return serve

    assert exchange(run, pki, serve(Stream.close), LAST).endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert exchange(run, pki, serve(Stream.vanish), LAST).endswith(b"<cut>")


def test_an_http10_client_is_answered_without_chunks(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        assert stream.until(b"\r\n\r\n").startswith(b"GET / HTTP/1.0\r\n")
        stream.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        stream.close()

    came = exchange(run, pki, serve, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    assert came == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"


def test_connections_are_used_again_the_latest_first(run: Run[Any], pki: Pki) -> None:
    served: list[int] = []

    def serve(stream: Stream) -> None:
        while True:
            read_request(stream)
            served.append(id(stream))
            stream.send(OK)

    def talk(dial: Dial) -> None:
        with closing(dial()) as one, closing(dial()) as two:
            for client in (one, two, one, two, one):
                client.send(GET)
                assert answer_of(client) == OK

    converse(run, pki, serve, talk)
    assert len(served) == 5
    assert len(set(served)) == 1


def test_an_upstream_that_closes_after_its_answer_is_not_used_again(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        stream.receive()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            for _ in range(3):
                client.send(GET)
                assert answer_of(client) == OK

    converse(run, pki, serve, talk)


class DiesOnReuse:
    """Serves one request per connection, and closes when the next one arrives."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def __call__(self, stream: Stream) -> None:
        self.requests.append(read_request(stream))
        stream.send(OK)
        self.requests.append(read_request(stream))
        stream.close()


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_read_is_repeated_once_when_a_kept_connection_turns_out_dead(run: Run[Any], pki: Pki, method: bytes) -> None:
    upstream = DiesOnReuse()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(GET)
            assert answer_of(client) == OK
            client.send(b"%b /again HTTP/1.1\r\nHost: x\r\n\r\n" % method)
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")

    converse(run, pki, upstream, talk)
    assert [request.split(b" ")[1] for request in upstream.requests[1:]] == [b"/again", b"/again"]


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE"])
def test_a_write_is_never_repeated(run: Run[Any], pki: Pki, method: bytes) -> None:
    upstream = DiesOnReuse()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(GET)
            assert answer_of(client) == OK
            client.send(b"%b /once HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" % method)
            assert answer_of(client).startswith(b"HTTP/1.1 502 ")

    converse(run, pki, upstream, talk)
    assert len(upstream.requests) == 2


def test_a_read_is_not_repeated_once_the_answer_has_begun(run: Run[Any], pki: Pki) -> None:
    requests: list[bytes] = []

    def serve(stream: Stream) -> None:
        requests.append(read_request(stream))
        stream.send(OK)
        requests.append(read_request(stream))
        stream.send(b"HTTP/1.1 200 O")
        stream.close()

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            client.send(GET)
            assert answer_of(client) == OK
            client.send(GET)
            assert answer_of(client).startswith(b"HTTP/1.1 502 ")

    converse(run, pki, serve, talk)
    assert len(requests) == 2


def test_the_upstream_connection_closes_when_the_client_leaves_a_silent_watch(run: Run[Any], pki: Pki) -> None:
    closed = threading.Event()

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(Cut):
            stream.receive()
        closed.set()

    def talk(dial: Dial) -> None:
        client = dial()
        client.send(GET)
        client.until(b"\r\n\r\n")
        client.close()
        assert closed.wait(10)

    converse(run, pki, serve, talk)


def test_nobody_there_is_a_502_that_names_the_hop(run: Run[Any], pki: Pki) -> None:
    with Upstream(lambda _: None) as gone:
        port = gone.port

    async def scenario() -> bytes:
        async with gateway(port, pki) as front:

            def talk() -> bytes:
                with closing(connect(front.port, pki.client)) as client:
                    client.send(GET)
                    return answer_of(client)

            return await asyncio.to_thread(talk)

    answer = run(scenario())
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b'"kind":"Status"' in answer
    assert b'"reason":"vgateway:upstream"' in answer


def test_an_upstream_with_another_authoritys_certificate_is_not_talked_to(
    run: Run[Any], pki: Pki, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.support.authority import Authority
    from tests.unit.wire.gateway import make_pki

    stranger = make_pki(Authority(tmp_path_factory.mktemp("stranger")))
    seen: list[bytes] = []

    async def scenario() -> bytes:
        with Upstream(answering(seen, OK), stranger.server) as upstream:
            async with gateway(upstream.port, pki) as front:

                def talk() -> bytes:
                    with closing(connect(front.port, pki.client)) as client:
                        client.send(GET)
                        return answer_of(client)

                return await asyncio.to_thread(talk)

    assert b"certificate verify failed" in run(scenario())
    assert not seen


def test_pipelined_requests_are_answered_in_their_order(run: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        while True:
            path = read_request(stream).split(b" ")[1]
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    def talk(dial: Dial) -> None:
        with closing(dial()) as client:
            posts = b"POST /p%d HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n"
            client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n + posts % n for n in range(100)))
            for n in range(100):
                assert answer_of(client).endswith(b"\r\n\r\n/%d" % n)
                assert answer_of(client).endswith(b"\r\n\r\n/p%d" % n)

    converse(run, pki, serve, talk)
