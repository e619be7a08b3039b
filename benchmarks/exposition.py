"""``python -m benchmarks.exposition``: what filtering a node's metrics costs, beside parsing them with Python's parser.

A page as cAdvisor writes it, of many tenants' pods, is made and filtered for one of them as the gateway does it: in
pieces, from gzip and into gzip. CPU is this process's own; memory is its highest resident size.
"""

import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from vgateway.kube.objects import HostKey, VirtualKey
from vgateway.kubelet.coding import Gunzip, Gzip
from vgateway.kubelet.exposition import ExpositionFilter
from vgateway.kubelet.labels import LabelSet, translated
from vgateway.kubelet.residents import Resident

MB = 1_000_000
PIECE = 64 * 1024
PAGE_MB = 50
PARSED_MB = 5
TENANTS = 20
PODS = 110
FAMILIES = 400


class Tenancy:
    """Every pod in the one namespace is the tenant's."""

    def pod(self, key: HostKey) -> Resident | None:
        """Return a pod's names."""
        virtual = VirtualKey("default", key.name.partition("-x-")[0])
        return Resident(key, f"uid-of-{key.name}", virtual, f"uid-of-{virtual.name}", {"app": "registry/app:1"}, {})

    def claim(self, key: HostKey) -> VirtualKey | None:
        """There are no volumes."""
        return None


def page(megabytes: int, tenants: int) -> Iterator[bytes]:
    """Yield a page of so many megabytes in pieces; ``tenants`` share it evenly."""
    size, family = 0, 0
    while True:
        lines = [f"# HELP container_figure_{family} A figure.\n# TYPE container_figure_{family} gauge\n"]
        for pod in range(PODS):
            host = f"pod{pod}-x-default-x-t{pod % tenants}"
            runtime_id = f"{pod:064x}"
            lines.append(
                f'container_figure_{family}{{container="app",id="/kubepods/burstable/poduid-of-{host}/{runtime_id}",'
                f'image="mirror/app:1",name="{runtime_id}",namespace="t{pod % tenants}",pod="{host}"}}'
                f" {pod * 1024} 1700000000000\n"
            )
        text = "".join(lines).encode()
        for at in range(0, len(text), PIECE):
            size += len(text[at : at + PIECE])
            yield text[at : at + PIECE]
        if size >= megabytes * MB:
            return
        family = (family + 1) % FAMILIES


def filtering() -> ExpositionFilter:
    """Return the filter for one tenant."""
    tenancy = Tenancy()

    def judge(found: LabelSet) -> bytes | None:
        return translated(found, tenancy)

    return ExpositionFilter(b'"t0"', judge)


def filtered(pieces: list[bytes]) -> None:
    """Filter a page."""
    one = filtering()
    for piece in pieces:
        one.feed(piece)
    one.end()


def from_gzip_to_gzip(packed: list[bytes]) -> None:
    """Filter a page as it travels."""
    one, unpack, pack = filtering(), Gunzip(), Gzip()
    for piece in packed:
        for part in unpack.pieces(piece):
            pack.feed(one.feed(part))
    one.end()
    unpack.end()
    pack.end()


def parsed(pieces: list[bytes]) -> None:
    """Parse a page, which is the first half of what a filter over parsed samples does."""
    for _family in text_string_to_metric_families(b"".join(pieces).decode()):
        pass


def milliseconds_per_mb(work: Callable[[list[bytes]], None], pieces: list[bytes], megabytes: int) -> float:
    """Return the CPU time per megabyte, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        work(pieces)
        best = min(best, time.process_time() - began)
    return best * 1000 / megabytes


def peak_growth_mib() -> float:
    """Return by how much the resident size grows at most while a page of 50 MB passes, made and packed on the way."""
    one, unpack, pack = filtering(), Gunzip(), Gzip()
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    before = 0
    for number, piece in enumerate(page(PAGE_MB, TENANTS)):
        if number == MB // PIECE:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for part in unpack.pieces(packer.compress(piece)):
            pack.feed(one.feed(part))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def packed(pieces: list[bytes]) -> list[bytes]:
    """Return a page as gzip, in pieces."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    whole = b"".join(map(packer.compress, pieces)) + packer.flush()
    return [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]


def main() -> int:
    """Measure and print the table."""
    growth = peak_growth_mib()
    table = Table(title=f"a page of metrics, {PAGE_MB} MB, {TENANTS} tenants; CPU per MB of the host's page")
    table.add_column("what")
    table.add_column("ms per MB", justify="right")
    table.add_column("MB/s", justify="right")
    shared, own, short = list(page(PAGE_MB, TENANTS)), list(page(PAGE_MB, 1)), list(page(PARSED_MB, TENANTS))
    rows: list[tuple[str, Callable[[list[bytes]], None], list[bytes], int]] = [
        ("vgateway: one tenant of twenty", filtered, shared, PAGE_MB),
        ("vgateway: the same, gzip on both legs", from_gzip_to_gzip, packed(shared), PAGE_MB),
        ("vgateway: everything is the tenant's", filtered, own, PAGE_MB),
        ("prometheus_client's parser, parsing alone", parsed, short, PARSED_MB),
    ]
    for what, work, pieces, megabytes in rows:
        cost = milliseconds_per_mb(work, pieces, megabytes)
        table.add_row(what, f"{cost:.2f}", f"{1000 / cost:.0f}")
    console = Console(width=100)
    console.print(table)
    console.print(f"memory grows by {growth:.1f} MiB between the first megabyte and the last")
    return 0


if __name__ == "__main__":
    sys.exit(main())
