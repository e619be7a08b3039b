"""``python -m benchmarks.dns``: our Corefile, with and without two hundred rules, beside a plain CoreDNS.

All three read the same virtual cluster and are asked for the same names, in turns. What one question costs is the
server's own CPU time; questions per second and the 99th percentile are also what the client and the machine allow.
"""

import argparse
import asyncio
import os
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from tests.support.clusters import Clusters, running_clusters
from tests.support.dnsquery import TYPES, encoded
from tests.support.eventually import eventually
from vgateway.dns.corefile import Surroundings, corefile
from vgateway.dns.values import PORT, dns_of
from vgateway.local.gateway import config_of

TENANT = "bench"
SERVICES = 100
RULES = 200
OUTSTANDING = 64
PLAIN = """\
.:{port} {{
    bind {address}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
    }}
    prometheus {address}:9153
    forward . 127.0.0.1:9
    cache 30
    loop
    reload
    loadbalance
}}
"""
TICKS = os.sysconf("SC_CLK_TCK")
TARGETS = {"ours": 0.9, "ours, 200 rules": 0.8}


@dataclass(frozen=True, slots=True)
class Server:
    """A CoreDNS of the comparison."""

    name: str
    address: str
    pid: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One round of one server."""

    per_second: float
    p99: float
    cpu: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dns", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds per server (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round (default 3)")
    parser.add_argument("--output", type=Path, default=Path("build/bench-dns.json"), help="where the figures go")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vgateway-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        clusters = stack.enter_context(running_clusters(directory / "home", TENANT, "--nodes", "1"))
        clusters.direct(TENANT).apply(*(_service(index) for index in range(SERVICES)))
        kubeconfig = Path(clusters.local("kubeconfig", TENANT, "--direct"))
        servers = [stack.enter_context(_running(clusters, directory, *one)) for one in _corefiles(kubeconfig)]
        found = _measure(servers, options.rounds, options.seconds)
    _show(found)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    medians = {name: {"perSecond": m.per_second, "p99": m.p99, "cpu": m.cpu} for name, m in found.items()}
    options.output.write_bytes(orjson.dumps(medians, option=orjson.OPT_INDENT_2))
    return 0


def _service(index: int) -> dict[str, object]:
    spec = {"ports": [{"port": 80}], "selector": {"app": f"s{index}"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{index}"}, "spec": spec}


def _corefiles(kubeconfig: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (name, address, Corefile) of each server."""
    yield "plain", "127.0.53.1", PLAIN.format(port=PORT, address="127.0.53.1", kubeconfig=kubeconfig)
    rules = [{"service": f"shared/r{n}", "target": {"hostService": f"host/r{n}"}} for n in range(RULES)]
    for number, (name, wanted) in enumerate((("ours", []), ("ours, 200 rules", rules)), 2):
        address = f"127.0.53.{number}"
        document = {"networking": {"resolveServices": wanted, "advanced": {"fallback": [{"ip": "127.0.0.9"}]}}}
        around = Surroundings("/dev/null", custom="", address=address, kubeconfig=str(kubeconfig))
        yield name, address, corefile(dns_of(config_of(document), "nameserver 127.0.0.9"), around)


@contextmanager
def _running(clusters: Clusters, directory: Path, name: str, address: str, text: str) -> Iterator[Server]:
    program, config = Path(clusters.local("programs")) / "coredns", directory / f"Corefile-{address}"
    config.write_text(text)
    with (directory / f"{address}.log").open("wb") as log:
        process = subprocess.Popen([program, "-conf", config], stdout=log, stderr=log)
    try:
        eventually(lambda: uvloop.run(_load(address, 0.2)), bool, deadline=60.0)
        yield Server(name, address, process.pid)
    finally:
        process.kill()
        process.wait()


def _measure(servers: Sequence[Server], rounds: int, seconds: float) -> Mapping[str, Figures]:
    """Return each server's medians over interleaved rounds."""
    found: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            before = _cpu(server.pid)
            latencies = uvloop.run(_load(server.address, seconds))
            spent = _cpu(server.pid) - before
            p99 = sorted(latencies)[len(latencies) * 99 // 100] * 1000
            found[server.name].append(Figures(len(latencies) / seconds, p99, spent / len(latencies) * 1e6))
    return {name: _median(ours) for name, ours in found.items()}


def _median(ours: Sequence[Figures]) -> Figures:
    rows = zip(*((one.per_second, one.p99, one.cpu) for one in ours), strict=True)
    return Figures(*(statistics.median(values) for values in rows))


def _cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class _Asker(asyncio.DatagramProtocol):
    """Keeps some questions outstanding; the number of a question is its identity."""

    def __init__(self, until: float) -> None:
        self.latencies: list[float] = []
        self.done = asyncio.Event()
        self._until = until
        self._sent: dict[int, float] = {}
        self._next = 0
        names = (f"s{index}.default.svc.cluster.local" for index in range(SERVICES))
        self._questions = [encoded(name) + struct.pack("!2H", TYPES["A"], 1) for name in names]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is none by its class
        for _ in range(OUTSTANDING):
            self._ask()

    def datagram_received(self, data: bytes, addr: object) -> None:
        now = time.perf_counter()
        # Only a name with an address counts as an answer.
        if data[3] & 15 == 0 and data[7]:
            self.latencies.append(now - self._sent.pop(data[0] << 8 | data[1], now))
        if now < self._until:
            self._ask()
        else:
            self.done.set()

    def error_received(self, exc: Exception) -> None:
        self.done.set()

    def _ask(self) -> None:
        identity = self._next = (self._next + 1) % 65536
        self._sent[identity] = time.perf_counter()
        head = struct.pack("!6H", identity, 0x0100, 1, 0, 0, 0)
        self._transport.sendto(head + self._questions[identity % SERVICES])


async def _load(address: str, seconds: float) -> list[float]:
    """Ask for some seconds; return the seconds that each answer took."""
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    transport, asker = await loop.create_datagram_endpoint(lambda: _Asker(until), remote_addr=(address, PORT))
    try:
        async with asyncio.timeout(seconds + 1.0):
            await asker.done.wait()
    except TimeoutError:
        pass
    finally:
        transport.close()
    return asker.latencies


def _show(found: Mapping[str, Figures]) -> None:
    console = Console(width=110)
    console.print(f"\n{machine()}", markup=False, highlight=False)
    table = Table(title=f"{OUTSTANDING} questions outstanding, {SERVICES} names, UDP; medians", title_justify="left")
    for heading in ("CoreDNS", "questions/s", "x plain", "p99 ms", "CPU us/question", "plain's CPU x", "to reach"):
        table.add_column(heading, justify="left" if heading == "CoreDNS" else "right")
    plain = found["plain"]
    for name, ours in found.items():
        table.add_row(
            name,
            f"{ours.per_second:,.0f}",
            f"{ours.per_second / plain.per_second:.2f}",
            f"{ours.p99:.2f}",
            f"{ours.cpu:.1f}",
            f"{plain.cpu / ours.cpu:.2f}",
            str(TARGETS.get(name, "")),
        )
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
