"""Responses are read alike in whatever pieces they come, and what is malformed is refused."""

import pytest

from vgateway.kube.http1 import Response
from vgateway.wire.heads import MalformedMessage

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nB\r\n, the world\r\n0\r\n\r\n"
TRAILED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + SIZED


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("raw", "body"),
    [
        pytest.param(SIZED, b"hello", id="sized"),
        pytest.param(CHUNKED, b"hello, the world", id="chunked"),
        pytest.param(TRAILED, b"hello", id="with-a-trailer"),
        pytest.param(EMPTY, b"", id="without-a-body"),
        pytest.param(INTERIM, b"hello", id="after-an-interim-response"),
    ],
)
def test_the_pieces_in_which_a_response_comes_do_not_matter(raw: bytes, body: bytes, size: int) -> None:
    response = Response()
    got: list[bytes] = []
    for at in range(0, len(raw), size):
        assert not response.done
        got += response.feed(raw[at : at + size])

    assert b"".join(got) == body
    assert response.done
    assert response.reusable


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    response = Response()

    assert response.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") == [b"hel"]
    assert response.feed(b"lo") == [b"lo"]
    response.end()
    assert (response.done, response.reusable) == (True, False)


def test_a_connection_that_the_server_will_close_is_not_used_again() -> None:
    response = Response()
    response.feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    assert response.done
    assert not response.reusable


def test_headers_are_found_whatever_their_case() -> None:
    response = Response()
    response.feed(b"HTTP/1.1 429 Too Many Requests\r\nRETRY-after:  3 \r\nContent-Length: 0\r\n\r\n")

    assert response.header(b"retry-after") == "3"
    assert response.header(b"x-other") is None


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200", SIZED[:-1], CHUNKED[:-2]], ids=["none", "head", "sized", "chunk"]
)
def test_a_response_that_is_cut_short_is_not_taken_for_whole(raw: bytes) -> None:
    response = Response()
    response.feed(raw)

    with pytest.raises(MalformedMessage):
        response.end()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(SIZED + b"more", id="more-than-the-length"),
        pytest.param(CHUNKED + b"more", id="more-than-the-last-chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello", id="negative-chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", id="longer-chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5" * 20_000, id="endless-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000, id="endless-head"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="switched-uninvited"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="another-protocol"),
    ],
)
def test_what_is_no_response_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Response().feed(raw)
