from base64 import b64decode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.errors import GatewayError
from vgateway.wire.farewell import Frames, SpdyFrames, WebSocketFrames, farewell_of, spdy_data, websocket_frame

LEFT = GatewayError(404, 'node "a" has left the cluster')
SPDY = [
    bytes.fromhex("80030001 0000000e 00000001 00000000 00000000 0000".replace(" ", "")),
    bytes.fromhex("80030001 0100000a 00000003 00000000 0000".replace(" ", "")),
    bytes.fromhex("80030006 00000004 00000007".replace(" ", "")),
    spdy_data(5, b"x" * 70_000),
    spdy_data(3, b""),
]
WEBSOCKET = [
    websocket_frame(2, b""),
    websocket_frame(2, b"x" * 125),
    websocket_frame(9, b"ping"),
    websocket_frame(2, b"x" * 126),
    websocket_frame(2, b"x" * 70_000),
    b"\x02\x01a" + websocket_frame(9, b"") + b"\x00\x01b" + b"\x80\x01c",
    b"\x82\x81\x00\x00\x00\x00x",
]


@pytest.mark.parametrize(("kind", "messages"), [(SpdyFrames, SPDY), (WebSocketFrames, WEBSOCKET)])
@given(
    numbers=st.lists(st.integers(0, 99), min_size=1, max_size=6),
    cut=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 10**6), max_size=6),
)
def test_however_a_stream_is_cut_its_messages_end_where_they_end(
    kind: type[Frames], messages: list[bytes], numbers: list[int], cut: int, cuts: list[int]
) -> None:
    sent = [messages[number % len(messages)] for number in numbers]
    stream = b"".join(sent)
    cut %= len(stream) + 1
    pieces = sorted(one % (cut + 1) for one in cuts)
    ends = {0} | {len(b"".join(sent[: number + 1])) for number in range(len(sent))}

    frames = kind()
    for start, end in zip([0, *pieces], [*pieces, cut], strict=True):
        frames.feed(stream[start:end])
    assert frames.whole is (cut in ends)
    assert cut + frames.feed(stream[cut:], to_whole=True) == min(end for end in ends if end >= cut)
    assert frames.whole


def test_a_client_of_spdy_is_told_on_its_first_stream_and_every_stream_ends() -> None:
    farewell = farewell_of("SPDY/3.1", "v4.channel.k8s.io")
    assert farewell is not None
    farewell.asked(b"".join(SPDY)[:20])
    farewell.asked(b"".join(SPDY)[20:] + SPDY[1].replace(b"\x00\x03", b"\x00\x09"))

    words = farewell.words(LEFT)
    size = int.from_bytes(words[5:8])
    status, rest = words[8 : 8 + size], words[8 + size :]
    assert words[:5] == b"\x00\x00\x00\x01\x01"
    assert orjson.loads(status)["message"] == LEFT.message
    assert rest == b"\x00\x00\x00\x03\x01\x00\x00\x00", "what comes behind the first data is no stream of a command"


@pytest.mark.parametrize(
    ("upgrade", "protocol"), [("SPDY/3.1", "portforward.k8s.io"), ("SPDY/3.1", ""), ("tcp", "v4.channel.k8s.io.")]
)
def test_where_a_protocol_has_no_words_there_are_none(upgrade: str, protocol: str) -> None:
    assert farewell_of(upgrade, protocol) is None


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_a_client_of_websocket_is_told_on_its_error_channel_and_then_normally_closed(protocol: str) -> None:
    farewell = farewell_of("WebSocket", protocol)
    assert farewell is not None
    words = farewell.words(LEFT)
    message, close = words[:-4], words[-4:]
    assert (message[0], close) == (0x82, b"\x88\x02\x03\xe8")
    assert message[4:5] == b"\x03"
    assert orjson.loads(message[5:]) == LEFT.status()


def test_a_browser_is_told_in_base64_and_older_protocols_in_a_sentence() -> None:
    for protocol in ("v4.base64.channel.k8s.io", "base64.channel.k8s.io", "channel.k8s.io"):
        farewell = farewell_of("websocket", protocol)
        assert farewell is not None
        message = farewell.words(LEFT)[:-4]
        body = message[4:] if message[1] == 126 else message[2:]
        if "base64" in protocol:
            assert (message[0], body[:1]) == (0x81, b"3")
            body = b"\x03" + b64decode(body[1:])
        said = orjson.loads(body[1:])["message"] if protocol.startswith("v4") else body[1:].decode()
        assert (body[:1], said) == (b"\x03", LEFT.message)


def test_a_stream_without_an_error_channel_is_closed_with_the_reason() -> None:
    farewell = farewell_of("websocket", "SPDY/3.1+portforward.k8s.io")
    assert farewell is not None
    assert farewell.words(LEFT) == websocket_frame(8, (1001).to_bytes(2) + LEFT.message.encode())
    long = farewell.words(GatewayError(404, "ü" * 200))
    assert len(long) <= 2 + 125
    long[4:].decode()
