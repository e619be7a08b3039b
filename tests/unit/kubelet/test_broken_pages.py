"""Pages as hosts send them, and what may become of them on the way: whole or refused, never shorter and never another.

``pages`` keeps pages of a kubelet 1.36 with the names of this package's pods, and one of OpenMetrics with what makes it
hard; what fuzzing finds is added there. The second reader is prometheus_client's.
"""

import gzip
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from tests.unit.kubelet.gateway import ADMIN, gateway, read_reply, request
from tests.unit.kubelet.peer import Asked
from tests.unit.kubelet.pods import host_pod, virtual_pod
from tests.unit.kubelet.test_exposition import HOST_UID, NS, WEB, expected, filtered
from tests.unit.kubelet.test_figures import LONG, page
from vgateway.kubelet.coding import BrokenCoding, Gunzip
from vgateway.kubelet.labels import MalformedExposition

PAGES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "pages").glob("*.txt"))}
PUT = [
    b"",
    b'"',
    b"}",
    b"{",
    b",",
    b"\n",
    b"\\",
    b"\\n",
    b"=",
    b" ",
    b"\t",
    b"#",
    b"\x00",
    "é".encode(),
    b"1",
    b"{}",
    b"\r",
]
CUTS = st.lists(st.integers(0, 40_000), max_size=8)
Sample = tuple[str, dict[str, str], str]


def reference(line: str) -> Sample | None:
    """Return what the other reader takes a line of text 0.0.4 for, None for no series."""
    try:
        found = [sample for family in text_families(line + "\n") for sample in family.samples]
    except (ValueError, KeyError, IndexError):
        return None
    return (found[0].name, dict(found[0].labels), repr(found[0].value)) if len(found) == 1 else None


def samples(body: bytes, *, openmetrics: bool = False) -> list[Sample]:
    parse = openmetrics_families if openmetrics else text_families
    return [(one.name, dict(one.labels), repr(one.value)) for family in parse(body.decode()) for one in family.samples]


def translated_all(given_samples: list[Sample]) -> Iterator[Sample]:
    for name, labels, value in given_samples:
        said = expected(labels)
        if said is not None:
            yield name, said, value


@pytest.mark.parametrize("name", sorted(PAGES))
@given(cuts=CUTS)
@settings(max_examples=15, deadline=None)
def test_a_kept_page_becomes_what_another_reader_makes_of_it_however_it_is_cut(name: str, cuts: list[int]) -> None:
    body, openmetrics = PAGES[name], name.startswith("openmetrics")

    out = filtered(body, [cut for cut in cuts if cut <= len(body)], openmetrics=openmetrics)

    wanted = list(translated_all(samples(body, openmetrics=openmetrics)))
    assert samples(out, openmetrics=openmetrics) == wanted
    assert bool(wanted) is (name != "kubelet"), "a kept page has a series of the tenant's"
    assert not [word for word in (WEB.host.name, HOST_UID, NS, "tenant-b") if word.encode() in out]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a kept page of text 0.0.4 with a few bytes changed, put in, or taken out, or with an end missing."""
    body = bytearray(PAGES[draw(st.sampled_from([name for name in PAGES if not name.startswith("openmetrics")]))])
    for _ in range(draw(st.integers(1, 3))):
        # Most of a page is nobody's; what breaks a line of the tenant's is looked for there.
        lines = [at for at in range(0, len(body), 97) if NS.encode() in body[at : at + 97]]
        near = draw(st.sampled_from(lines)) if lines else 0
        at = min(near + draw(st.integers(0, 260)), len(body))
        put = draw(st.sampled_from(PUT))
        body[at : at + draw(st.integers(0, 12))] = put
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


def is_text(body: bytes) -> bool:
    """Say whether no character was cut in two: the other reader has no words for such a one."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(damaged(), CUTS)
@settings(max_examples=300, deadline=None)
def test_of_a_damaged_page_no_series_that_can_be_read_is_missing_or_changed_or_it_is_refused(
    body: bytes, cuts: list[int]
) -> None:
    assume(is_text(body))
    try:
        out = filtered(body, [cut for cut in cuts if cut <= len(body)])
    except MalformedExposition:
        return
    lines = [line.decode() for line in body.split(b"\n") if not line.startswith(b"#")]
    readable = [found for line in lines if NS in line and (found := reference(line)) is not None]
    said = [line.decode() for line in out.split(b"\n") if line and not line.startswith(b"#")]

    assert body.endswith(b"\n") or not body
    assert HOST_UID.encode() not in out
    missing = [one for one in translated_all(readable) if one not in [reference(line) for line in said]]
    assert not missing


@given(st.integers(0, 10**6), st.sampled_from(sorted(PAGES)))
@settings(max_examples=100, deadline=None)
def test_a_page_that_ends_within_a_line_or_without_its_mark_is_refused(at: int, name: str) -> None:
    body, openmetrics = PAGES[name], name.startswith("openmetrics")
    cut = body[: at % (len(body) - 1)]
    if cut and (openmetrics or not cut.endswith(b"\n")):
        with pytest.raises(MalformedExposition):
            filtered(cut, openmetrics=openmetrics)


# --- gzip -----------------------------------------------------------------------------------------------------------


def unpacked(packed: bytes, cuts: list[int]) -> bytes:
    unpack, places = Gunzip(), [0, *sorted(cut for cut in cuts if cut <= len(packed)), len(packed)]
    pieces = [packed[start:stop] for start, stop in pairwise(places)]
    out = b"".join(part for piece in pieces for part in unpack.pieces(piece))
    unpack.end()
    return out


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=3), CUTS)
@settings(max_examples=100, deadline=None)
def test_gzip_is_unpacked_whole_however_it_arrives(members: list[bytes], cuts: list[int]) -> None:
    assert unpacked(b"".join(map(gzip.compress, members)), cuts) == b"".join(members)


@given(st.binary(max_size=400), st.integers(0, 10**6), st.integers(0, 255), st.booleans())
@settings(max_examples=300, deadline=None)
def test_gzip_that_is_cut_or_damaged_is_refused_or_unpacks_to_the_very_same(
    content: bytes, at: int, byte: int, cut: bool
) -> None:
    packed = gzip.compress(content)
    at %= len(packed)
    broken = packed[:at] if cut else packed[:at] + bytes([byte]) + packed[at + 1 :]
    try:
        out = unpacked(broken, [])
    except BrokenCoding:
        return
    assert not cut
    assert out == content


# --- over the wire --------------------------------------------------------------------------------------------------

VIRTUAL = virtual_pod()


def chunked(body: bytes, *, ended: bool) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nTransfer-Encoding: chunked\r\n"
    return head + b"\r\n%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if ended else b"")


def halves() -> Iterator[tuple[str, bytes]]:
    """Yield answers of which a part is missing, cut where the text alone does not tell."""
    for name, body in (("short", LONG[: LONG.index(b"\n") * 40]), ("long", LONG)):
        whole = body[: body.rfind(b"\n") + 1]
        lines = whole[: whole.rfind(b"\n", 0, len(whole) // 2) + 1]
        packed = gzip.compress(whole)
        yield f"{name} and its length says more", page(lines, length=len(whole))
        yield f"{name} and no last chunk", chunked(lines, ended=False)
        yield f"{name} and half of it packed", page(packed[: len(packed) // 2], "Content-Encoding: gzip")
        yield f"{name} and packed without its trailer", page(packed[:-8], "Content-Encoding: gzip")
        flushed = zlib.compressobj(wbits=31)
        half = flushed.compress(lines) + flushed.flush(zlib.Z_SYNC_FLUSH)
        yield f"{name} and whole lines of it packed", page(half, "Content-Encoding: gzip")
    yield "packed and nothing at all", page(b"", "Content-Encoding: gzip")


@pytest.mark.parametrize(("answer"), [pytest.param(answer, id=name) for name, answer in halves()])
async def test_half_a_body_is_a_status_or_a_cut_connection(tmp_path: Path, answer: bytes) -> None:
    def serving(_: Asked) -> bytes:
        return answer

    async with gateway(tmp_path, serving, virtual=[VIRTUAL], host=[host_pod(VIRTUAL)]) as served:
        served.host.hangs_up = True
        reader, writer = await served.connect(ADMIN)
        writer.write(request("GET", "/metrics/cadvisor", "Connection: close"))
        reply = await read_reply(reader)
        try:
            rest = await reader.read()
        except ConnectionError:
            rest = b""

    if reply.code == 200:
        assert reply.headers["transfer-encoding"] == "chunked"
        assert not rest.endswith(b"0\r\n\r\n")
    else:
        assert (reply.code, orjson.loads(reply.body)["kind"]) == (502, "Status")
