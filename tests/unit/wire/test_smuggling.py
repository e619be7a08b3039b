"""Both sides read where a message ends as we do, or the message goes no further."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.unit.wire.conftest import Run
from tests.unit.wire.gateway import Pki
from tests.unit.wire.peers import Cut, Stream
from tests.unit.wire.scripts import OK, converse, exchange, read_request

Dial = Callable[[], Stream]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /first HTTP/1.1", b"Host: x", *headers, b"", b""]) + body


REFUSED = {
    "length and chunks": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunks and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello" + SMUGGLED),
    "two equal lengths": post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "a list of lengths": post(b"Content-Length: 5, 5", body=b"hello"),
    "a signed length": post(b"Content-Length: +5", body=b"hello"),
    "a negative length": post(b"Content-Length: -5", body=b"hello"),
    "a hexadecimal length": post(b"Content-Length: 0x5", body=b"hello"),
    "a length with an underscore": post(b"Content-Length: 1_0", body=b"hello"),
    "an endless length": post(b"Content-Length: 99999999999999999999999", body=b"hello"),
    "an empty length": post(b"Content-Length:", body=SMUGGLED),
    "chunks twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunks not last": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SMUGGLED),
    "an unknown encoding": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "identity and a length": post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=b"hello"),
    "a folded header": post(b"X: a", b" b", body=SMUGGLED),
    "a folded encoding": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a blank before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a blank before the name": b"POST / HTTP/1.1\r\n Host: x\r\n\r\n" + SMUGGLED,
    "a vertical tab in the encoding": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a bare line feed in the head": b"POST / HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello" + SMUGGLED,
    "a bare carriage return": b"POST / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n" + SMUGGLED,
    "a zero byte in a header": post(b"X: a\0b"),
    "a zero byte in a name": post(b"X\0Y: a"),
    "a name beyond ASCII": post("X-Remote-U\u017fer: a".encode()),
    "no name": post(b": a"),
    "no colon": post(b"nonsense"),
    "two hosts": post(b"Host: y"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "an absolute target": b"GET https://elsewhere/first HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a blank": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "an old protocol": b"GET /\r\n\r\n" + SMUGGLED,
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "an unknown protocol": b"GET / HTTQ/1.1\r\nHost: x\r\n\r\n",
    "an unknown method with a colon": b"GE:T / HTTP/1.1\r\nHost: x\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TLS spoken twice": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "too long a line": b"GET /" + b"a" * 140_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "too long a header": post(b"X: " + b"a" * 140_000),
    "too many headers": post(*(b"X-%d: a" % n for n in range(600))),
}


def answer_all(seen: list[bytes]) -> Callable[[Stream], None]:
    def serve(stream: Stream) -> None:
        while True:
            seen.append(read_request(stream))
            stream.send(OK)

    return serve


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_an_ambiguous_request_is_a_400_and_the_end_of_its_connection(
    run_fast: Run[Any], pki: Pki, request_: bytes, request: pytest.FixtureRequest
) -> None:
    seen: list[bytes] = []
    came = exchange(run_fast, pki, answer_all(seen), request_ + SMUGGLED)
    assert came.split(b" ")[1:2] == [b"400"], came
    assert came.count(b"HTTP/1.") == 1
    assert b'"kind":"Status"' in came
    assert not seen


BROKEN_BODIES = {
    "a chunk with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a chunk in another base": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than said": b"5\r\nhello!\r\n0\r\n\r\n",
    "a chunk ended by a line feed": b"5\nhello\n0\n\n",
    "an endless chunk size": b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "a negative chunk": b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk with a blank": b"5 \r\nhello\r\n0\r\n\r\n",
    "a trailer that is a header of framing": b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "an extension with a line feed": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_a_broken_chunk_ends_the_connection_and_no_request_is_complete(
    run_fast: Run[Any], pki: Pki, body: bytes
) -> None:
    seen: list[bytes] = []
    came = exchange(run_fast, pki, answer_all(seen), post(b"Transfer-Encoding: chunked", body=body) + SMUGGLED)
    assert b"HTTP/1.1 200 " not in came
    assert came.count(b"HTTP/1.") <= 1
    assert not seen


ACCEPTED = {
    "chunks in several cases": post(b"transfer-ENCODING: Chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "chunk extensions": post(b"Transfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0;c\r\n\r\n"),
    "trailers": post(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX-Sum: y\r\n\r\n"),
    "leading zeros": post(b"Transfer-Encoding: chunked", body=b"0005\r\nhello\r\n000\r\n\r\n"),
    "a plain body": post(b"Content-Length: 5", body=b"hello"),
    "a body that looks like a request": post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED)
def test_an_odd_but_clear_request_is_framed_anew_and_read_once(run_fast: Run[Any], pki: Pki, request_: bytes) -> None:
    seen: list[bytes] = []
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    came = exchange(run_fast, pki, answer_all(seen), request_ + last)
    assert came.count(b"HTTP/1.1 200 OK") == 2
    first, second = seen
    assert first.partition(b"\r\n\r\n")[2] in (b"5\r\nhello\r\n0\r\n\r\n", b"hello", SMUGGLED)
    assert second.startswith(b"GET /last ")


MALFORMED = {
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "two equal lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "an unknown encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
    "a header split by a bare line feed": b"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
    "a header split by a bare return": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
    "a zero byte": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "a folded header": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok",
    "no name": b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok",
    "an impossible status": b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok",
    "another protocol": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 300_000,
    "a chunk with a sign": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n",
    "a chunk extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n",
    "a chunk size without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 100,
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_is_a_502_and_its_connection_is_not_used_again(
    run_fast: Run[Any], pki: Pki, answer: bytes
) -> None:
    seen: list[bytes] = []

    def serve(stream: Stream) -> None:
        seen.append(read_request(stream))
        stream.send(answer)
        with pytest.raises(Cut):
            stream.until(b"never")

    came = exchange(run_fast, pki, serve, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 502 Bad Gateway\r\n") or came.endswith(b"<cut>")
    assert b"Set-Cookie" not in came
    assert len(seen) == 1


def test_bytes_behind_an_answer_never_answer_the_next_request(run_fast: Run[Any], pki: Pki) -> None:
    """A poisoned connection: the second answer was sent before anybody asked."""
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(OK + poison)
        with pytest.raises(Cut):
            read_request(stream)

    def talk(dial: Dial) -> None:
        for _ in range(3):
            with closing(dial()) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.exactly(len(OK)) == OK

    converse(run_fast, pki, serve, talk)


def test_unasked_bytes_on_an_idle_connection_end_it(run_fast: Run[Any], pki: Pki) -> None:
    def serve(stream: Stream) -> None:
        read_request(stream)
        stream.send(OK)
        stream.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(Cut):
            read_request(stream)

    def talk(dial: Dial) -> None:
        for _ in range(3):
            with closing(dial()) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.exactly(len(OK)) == OK

    converse(run_fast, pki, serve, talk)
