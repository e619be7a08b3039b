"""The figures: their names (stable: build/bench.json and scripts use them), units and what we have set out to reach.

Pure: samples go in, medians, spreads and verdicts come out.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

DIRECT, NGINX, VGATEWAY = CONTENDERS = ("direct", "nginx", "vgateway")

Medians = Mapping[str, float | None]
"""Contender to median; None where the figure has no meaning (no proxy, no CPU time of one) or was not measured."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the gateway shall reach, in words and as a test of the medians (vgateway's and, for ratios, nginx')."""

    words: str
    reached: Callable[[float, float | None], bool | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    unit: str
    meaning: str
    digits: int
    target: Target | None = None
    # Measured only when it is asked for by name: it takes long, or more than most machines have.
    asked: bool = False


def at_most(limit: float, times_nginx: float | None = None) -> Target:
    """Return a target that is an upper limit, and a multiple of nginx' own median if that is given."""
    words = f"≤ {limit:g}" + (f", ≤ {times_nginx:g} x nginx" if times_nginx else "")

    def reached(ours: float, nginx: float | None) -> bool | None:
        if ours > limit or times_nginx is None:
            return ours <= limit
        return None if nginx is None else ours <= times_nginx * nginx

    return Target(words, reached)


def at_least(limit: float) -> Target:
    """Return a target that is a lower limit."""
    return Target(f"≥ {limit:g}", lambda ours, _nginx: ours >= limit)


RELAYING = (
    Figure("relay.get.small.cpu_ms", "ms", "CPU per GET of 1 KB", 3, at_most(0.13, times_nginx=1.8)),
    Figure("relay.get.100k.cpu_ms", "ms", "CPU per GET of 100 KB", 3),
    Figure("relay.get.small.rps", "1/s", "GETs of a real API server, end to end", 0),
    Figure("relay.get.small.rps_share", "", "… as a share of direct", 2, at_least(0.75)),
    Figure("relay.get.small.cpu_share", "", "… by the CPU time of all: client, contender, API server", 2),
    Figure("tunnel.mib_per_s", "MiB/s", "tunnel, per CPU second, both directions", 0, at_least(300)),
    Figure("tunnel.down.mib_per_s", "MiB/s", "… to the client", 0),
    Figure("tunnel.up.mib_per_s", "MiB/s", "… from the client", 0),
    Figure("tunnel.cpu_s_per_gib", "s", "CPU per GiB through the tunnel", 2),
    Figure("tunnel.lost_bytes", "B", "bytes lost in all tunnels", 0, at_most(0)),
    Figure("watch.idle.kib", "KiB", "memory of an idle watch", 0, at_most(100)),
)


def _of_load(name: str, what: str, *, asked: bool = False) -> tuple[Figure, ...]:
    """Return the figures of so many pods that are created at once."""
    figures = (
        Figure(f"{name}.pods_per_s", "1/s", f"{what}: pods on the host", 0, at_least(250)),
        Figure(f"{name}.create_to_host_p50_s", "s", "… created to on the host, p50", 2, at_most(0.5)),
        Figure(f"{name}.create_to_host_p99_s", "s", "… p99", 2, at_most(1.5)),
        Figure(f"{name}.running_back_p50_s", "s", "… Running on the host to Running for the tenant, p50", 2),
        Figure(f"{name}.running_back_p99_s", "s", "… p99", 2),
        Figure(f"{name}.cpu_ms_per_pod", "ms", "CPU per pod, created to Running", 2, at_most(2)),
        Figure(f"{name}.all_cpu_ms_per_pod", "ms", "… of all: API servers, stores, controllers, nodes, load", 1),
    )
    return tuple(replace(figure, asked=asked) for figure in figures)


def _of_writes(name: str) -> tuple[Figure, ...]:
    return (
        Figure(f"{name}.host_writes_per_pod", "", "writes on the host per pod", 2, at_most(2.05)),
        Figure(f"{name}.virtual_writes_per_pod", "", "writes in the virtual cluster per pod", 2, at_most(3.05)),
        Figure(f"{name}.token_requests_per_pod", "", "… and TokenRequests, which write nothing", 2),
        Figure(f"{name}.delete_cpu_ms_per_pod", "ms", "CPU per pod, deleted to gone", 2),
    )


SYNCING = (
    *_of_load("sync.1000", "1,000 pods at once"),
    *_of_writes("sync.1000"),
    *_of_load("sync.1000.deployments", "1,000 pods by 100 Deployments"),
    *_of_load("sync.5000", "5,000 pods at once"),
    Figure("sync.5000.restart_ready_s", "s", "restart beside 5,000 pods: until ready", 1, at_most(10)),
    Figure("sync.5000.restart_cpu_s", "s", "… CPU until it is at rest", 1),
    Figure("sync.5000.restart_writes", "", "… writes on either side", 0, at_most(0)),
    Figure("sync.idle_mib", "MiB", "memory of the process without pods, resident", 0, at_most(120)),
    Figure("sync.idle_pss_mib", "MiB", "… without its share of what others use too", 0),
    Figure("sync.kib_per_pod", "KiB", "… per pod, of 5,000", 1, at_most(20)),
    *_of_load("sync.5000.deployments", "5,000 pods by 100 Deployments", asked=True),
    Figure(
        "sync.many.alone_p99_s",
        "s",
        "100 pods each in many virtual clusters: created to on the host, p99",
        2,
        asked=True,
    ),
    Figure("sync.many.quiet_p50_s", "s", "… of the quiet ones, while one creates 1,000 at once: p50", 2, asked=True),
    Figure("sync.many.quiet_p99_s", "s", "… p99", 2, asked=True),
    Figure("sync.many.greedy_p99_s", "s", "… of the greedy one, p99", 2, asked=True),
    Figure("sync.many.idle_pss_mib", "MiB", "memory of one idle process beside its likes", 0, asked=True),
    Figure("sync.churn.kib_per_wave", "KiB", "memory gained per 1,000 pods created and deleted", 0, asked=True),
    Figure("sync.churn.tasks", "", "… tasks gained since the first wave", 0, at_most(5), asked=True),
    Figure("sync.churn.open_files", "", "… open files gained since the first wave", 0, at_most(20), asked=True),
)
STREAMING = (
    Figure("stream.exec.first_byte_ms", "ms", "exec in a real pod: to the first byte of output", 1),
    Figure("stream.exec.added_ms", "ms", "… more than direct, in the same round", 1, at_most(15)),
    Figure("stream.logs.first_byte_ms", "ms", "logs of a real pod: to the first byte", 1),
    Figure("stream.logs.added_ms", "ms", "… more than direct, in the same round", 1, at_most(15)),
    Figure("stream.exec.cpu_ms", "ms", "CPU per exec, 200 open at once: front and kubelet, opened to ended", 2),
    Figure("stream.exec.kib", "KiB", "… memory of each while it is open", 0),
)


def _of_services(row: str, encoding: str) -> tuple[Figure, ...]:
    """Return the figures of Services in one encoding; the direct ones come past the front."""
    return (
        Figure(f"{row}.alone_p50_ms", "ms", f"a Service created in {encoding}, one after the other: p50", 1),
        Figure(f"{row}.p50_ms", "ms", "… 1,000 at once: p50", 0),
        Figure(f"{row}.p99_ms", "ms", "… p99", 0),
        Figure(f"{row}.agreed_s", "s", "… until both sides have the same addresses", 1),
        Figure(f"{row}.cpu_ms", "ms", "… CPU of the gateway per Service, the syncer's part included", 2),
        Figure(f"{row}.made_anew", "", "… Services that became other objects for their address", 0, at_most(0)),
    )


SERVICES = (*_of_services("service.json", "JSON"), *_of_services("service.protobuf", "protobuf"))
FIGURES = (*RELAYING, *STREAMING, *SYNCING, *SERVICES)
"""Every figure is measured with TLS on both legs."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure's samples, the lowest and the highest."""

    median: float
    low: float
    high: float


class Samples:
    """What was measured: figure to contender to one value per round."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, figure: str, contender: str, value: float) -> None:
        """Keep one round's value."""
        self._values[figure][contender].append(value)

    def spread(self, figure: str, contender: str) -> Spread | None:
        """Return the median and the extremes; None without a sample."""
        values = self._values.get(figure, {}).get(contender)
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def medians(self, figure: str) -> Medians:
        """Return the median of every contender."""
        spreads = {name: self.spread(figure, name) for name in CONTENDERS}
        return {name: spread.median if spread else None for name, spread in spreads.items()}

    def measured(self) -> Iterator[Figure]:
        """Yield the figures that have samples, in the table's order."""
        return (figure for figure in FIGURES if figure.name in self._values)

    def document(self) -> dict[str, Medians]:
        """Return the content of build/bench.json."""
        return {figure.name: self.medians(figure.name) for figure in self.measured()}


def verdict(figure: Figure, medians: Medians) -> bool | None:
    """Tell whether the target was reached; None if there is none, or what it compares was not measured."""
    ours = medians[VGATEWAY]
    if figure.target is None or ours is None:
        return None
    return figure.target.reached(ours, medians[NGINX])


def matching(names: Iterable[str]) -> frozenset[str]:
    """Return the figures that are asked for by name or by the start of it (``relay``), the usual ones for nothing.

    Raises ValueError for a name that fits no figure.
    """
    asked = list(names)
    fits = {name: {figure.name for figure in FIGURES if f"{figure.name}.".startswith(f"{name}.")} for name in asked}
    if unknown := [name for name, found in fits.items() if not found]:
        raise ValueError(f"no such figure: {', '.join(unknown)}; there are {', '.join(f.name for f in FIGURES)}")
    usual = frozenset(figure.name for figure in FIGURES if not figure.asked)
    return frozenset().union(*fits.values()) if asked else usual
