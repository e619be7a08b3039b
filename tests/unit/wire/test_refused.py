import pytest

from vgateway.wire.framing import ChunkedBody, ClosedBody, SizedBody
from vgateway.wire.outgoing import REFUSAL_LIMIT
from vgateway.wire.refused import RefusedBody, dechunked


def test_a_sized_body_is_whole_at_its_length() -> None:
    refused = RefusedBody(SizedBody(5))

    assert not refused.feed(b"he")
    assert refused.feed(b"llo more")
    assert refused.content() == b"hello"


def test_a_chunked_body_is_kept_without_its_framing() -> None:
    refused = RefusedBody(ChunkedBody())

    assert not refused.feed(b"3\r\nhel\r")
    assert refused.feed(b"\n2\r\nlo\r\n0\r\n\r\n")
    assert refused.content() == b"hello"


def test_a_body_that_goes_on_is_cut_at_the_limit() -> None:
    refused = RefusedBody(ClosedBody())

    assert not refused.feed(b"x" * (REFUSAL_LIMIT - 1))
    assert refused.feed(b"x" * 10)
    assert len(refused.content()) == REFUSAL_LIMIT


@pytest.mark.parametrize("cut", range(len(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")))
def test_chunks_that_break_off_give_what_there_is(cut: int) -> None:
    assert b"hello".startswith(dechunked(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"[:cut]))
