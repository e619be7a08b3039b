"""The figures: their names (stable: build/bench.json and scripts use them), units and what we have set out to reach.

Pure: samples go in, medians, spreads and verdicts come out.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

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


FIGURES = (
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
    """Return the figures that are asked for by name or by the start of it (``relay``); all if nothing is asked for.

    Raises ValueError for a name that fits no figure.
    """
    asked = list(names)
    fits = {name: {figure.name for figure in FIGURES if f"{figure.name}.".startswith(f"{name}.")} for name in asked}
    if unknown := [name for name, found in fits.items() if not found]:
        raise ValueError(f"no such figure: {', '.join(unknown)}; there are {', '.join(f.name for f in FIGURES)}")
    return frozenset().union(*fits.values()) if asked else frozenset(figure.name for figure in FIGURES)
