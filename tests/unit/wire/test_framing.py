"""Heads and bodies of upstreams, as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.wire.framing import ChunkedBody, ClosedBody, SizedBody, body_of
from vgateway.wire.heads import MalformedMessage, parse_head


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines])


def test_a_head_is_kept_as_it_came_without_the_headers_of_its_hop() -> None:
    parsed = parse_head(head(b"A:1", b"Connection: close, X-Hop", b"x-hop: 2", b"Keep-Alive: 5", b"b:  3 ", b"A: 4"))
    assert parsed.lines == [b"HTTP/1.1 200 OK", b"A:1", b"b:  3 ", b"A: 4"]
    assert parsed.close


def test_connection_cannot_take_the_framing_away() -> None:
    parsed = parse_head(head(b"Connection: Content-Length", b"Content-Length: 5"))
    assert parsed.lines == [b"HTTP/1.1 200 OK", b"Content-Length: 5"]


def test_an_http10_answer_closes() -> None:
    parsed = parse_head(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1")
    assert (parsed.close, parsed.length) == (True, 1)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200 Very OK indeed"])
def test_a_reason_may_be_missing(start: bytes) -> None:
    assert parse_head(start).status == 200


@pytest.mark.parametrize(
    ("method", "raw", "kind"),
    [
        ("GET", head(b"Content-Length: 5"), SizedBody),
        ("GET", head(b"Transfer-Encoding: chunked"), ChunkedBody),
        ("GET", head(), ClosedBody),
        ("HEAD", head(b"Transfer-Encoding: chunked"), SizedBody),
        ("HEAD", head(), SizedBody),
        ("GET", head(status=b"204 No Content"), SizedBody),
        ("GET", head(b"Content-Length: 5", status=b"304 Not Modified"), SizedBody),
        ("GET", head(b"Transfer-Encoding: chunked", status=b"404 Not Found"), ChunkedBody),
    ],
)
def test_the_body_is_framed_by_status_method_and_headers(method: str, raw: bytes, kind: type) -> None:
    assert type(body_of(parse_head(raw), method)) is kind


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.data())
def test_a_chunked_body_ends_at_the_same_byte_however_it_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    trailers = data.draw(st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ:\r\n"]))
    whole = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"
    rest = b"HTTP/1.1 200 OK\r\n"
    stream = whole + rest
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    body, taken = ChunkedBody(), 0
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if not body.done:
            taken += body.feed(stream[start:end])
    assert body.done
    assert taken == len(whole)


@given(st.binary(max_size=60))
def test_nothing_but_chunks_is_taken_for_a_whole_chunked_body(noise: bytes) -> None:
    body = ChunkedBody()
    try:
        body.feed(noise)
    except MalformedMessage:
        return
    assert not body.done or noise[:1] in b"0123456789abcdefABCDEF"


def test_a_body_may_be_ended_between_chunks_only() -> None:
    body = ChunkedBody()
    places = []
    for byte in b"3\r\nabc\r\n2\r\nde\r\n":
        body.feed(bytes([byte]))
        places.append(body.at_boundary())
    assert [at + 1 for at, boundary in enumerate(places) if boundary] == [8, 15]


def test_trailers_have_a_limit() -> None:
    body = ChunkedBody()
    body.feed(b"0\r\n")
    with pytest.raises(MalformedMessage):
        body.feed((b"X: " + b"a" * 100 + b"\r\n") * 1000)


def test_a_sized_body_takes_no_more_than_its_size() -> None:
    body = SizedBody(5)
    assert (body.feed(b"abc"), body.done) == (3, False)
    assert (body.feed(b"defg"), body.done) == (2, True)
