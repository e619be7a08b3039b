import gzip

import pytest

from vgateway.kubelet.coding import PIECE, BrokenCoding, Gunzip, Gzip, unpacker
from vgateway.kubelet.negotiation import TEXT, accepted, is_openmetrics, is_text_page, takes_gzip

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7"

UTF8 = "text/plain;version=1.0.0;escaping=allow-utf-8"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ([], TEXT),
        (["*/*"], TEXT),
        (["application/json"], TEXT),
        ([PROTOBUF], TEXT),
        ([f"{PROTOBUF},{UTF8};q=0.5"], f"{UTF8};q=0.5"),
        (["application/openmetrics-text; q=0.9", "text/*;q=0.1"], f"application/openmetrics-text;q=0.9,{TEXT};q=0.1"),
        (["TEXT/PLAIN;version=0.0.4;evil=\r\nx"], TEXT),
        (["text/plain;version=1;q=(1)"], "text/plain;version=1"),
    ],
)  # fmt: skip
def test_the_host_is_asked_for_the_texts_that_the_client_takes(asked: list[str], given: str) -> None:
    assert accepted([("Accept", value) for value in asked]) == given


@pytest.mark.parametrize(
    ("header", "takes"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("identity", False), ("", False)],
)
def test_gzip_is_for_who_asks_for_it(header: str, takes: bool) -> None:
    assert takes_gzip([("Accept-Encoding", header)]) is takes


def test_what_is_a_page_is_said_by_its_content_type() -> None:
    assert is_text_page("text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
    assert is_text_page("application/openmetrics-text;version=1.0.0")
    assert not any(map(is_text_page, ["", "text/html", "application/json", "text/plain\u2028", PROTOBUF]))
    assert is_openmetrics("application/openmetrics-text;version=1.0.0")
    assert not is_openmetrics("text/plain")


def unpacked(packed: bytes, size: int) -> bytes:
    gunzip = Gunzip()
    pieces = [piece for at in range(0, len(packed), size) for piece in gunzip.pieces(packed[at : at + size])]
    gunzip.end()
    assert all(len(piece) <= PIECE for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_stream_comes_out_as_it_went_in_a_piece_at_a_time(size: int) -> None:
    page = b"metric 1\n" * 100_000
    packer = Gzip()
    packed = packer.feed(page[:50]) + packer.feed(page[50:]) + packer.end()

    assert unpacked(packed, size) == page
    assert unpacked(gzip.compress(page) + gzip.compress(b"more"), size) == page + b"more"


@pytest.mark.parametrize("broken", [b"", gzip.compress(b"x" * 999)[:-1], b"no gzip", gzip.compress(b"x") + b"no gzip"])
def test_a_broken_or_cut_stream_is_no_shorter_page(broken: bytes) -> None:
    with pytest.raises(BrokenCoding):
        unpacked(broken, 5)


def test_nothing_packed_is_whole_and_an_unknown_coding_is_refused() -> None:
    assert unpacked(gzip.compress(b""), 1) == b""
    assert list(unpacker("identity").pieces(b"x")) == [b"x"]
    with pytest.raises(BrokenCoding):
        unpacker("zstd")
