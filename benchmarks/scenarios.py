"""What is done to the contenders, round after round and one contender after the other, so that all meet the same noise.

CPU time comes from the processes' own accounts, which other work on the machine hardly moves; what is measured with a
clock is only ever compared within one round.
"""

import contextlib
from collections.abc import Iterator, Mapping

from benchmarks import bodies, streams
from benchmarks.contenders import Contender
from benchmarks.figures import DIRECT, Samples
from benchmarks.nginx import static_upstream
from benchmarks.place import LIST, SMALL
from benchmarks.podstreams import POD_STREAMS
from benchmarks.processes import BenchmarkError, all_cpu_seconds, cpu_seconds, resident_kib
from benchmarks.run import Run, Scenario
from benchmarks.syncing.scenarios import SYNCING
from benchmarks.upstreams import api_server, stream_peer
from benchmarks.wrk import Load, load
from vgateway.local.progress import Step

MIB = 1024 * 1024
GET_SECONDS = 2
RATE_SECONDS = 3
TUNNEL_BYTES = 512 * MIB
WARM_WATCHES = 50
WATCHES = 500
WATCH_ROUNDS = 2


def _gets(run: Run, step: Step) -> None:
    """CPU per request, against an upstream that leaves the machine to the contenders."""
    kinds = (("relay.get.small.cpu_ms", SMALL), ("relay.get.100k.cpu_ms", LIST))
    with static_upstream(run.place) as upstream, run.starter.proxies(upstream) as contenders:
        for contender in contenders:
            _load(contender, SMALL, 1)
        for _ in _rounds(run, step):
            for figure, target in kinds:
                for contender in contenders if run.wants(figure) else ():
                    cpu, done = _loaded(contender, target)
                    run.samples.add(figure, contender.name, cpu / done.requests * 1000)


def _loaded(contender: Contender, target: str) -> tuple[float, Load]:
    with _cpu_of(contender) as used:
        done = _load(contender, target, GET_SECONDS)
    return used[0], done


def _load(contender: Contender, target: str, seconds: int) -> Load:
    return load(contender.name, contender.port, target, seconds)


def _rates(run: Run, step: Step) -> None:
    """Requests per second through a real API server: what a tenant would notice."""
    with api_server(run.place, bodies.small(), run.progress) as upstream, run.starter.all(upstream) as contenders:
        for contender in contenders:
            _load(contender, SMALL, 2)
        for _ in _rounds(run, step):
            rates, costs = {}, {}
            for contender in contenders:
                before = all_cpu_seconds()
                done = _load(contender, SMALL, RATE_SECONDS)
                rates[contender.name] = done.per_second
                costs[contender.name] = (all_cpu_seconds() - before) / done.requests
            _compare(run.samples, rates, costs)


def _compare(samples: Samples, rates: Mapping[str, float], costs: Mapping[str, float]) -> None:
    """Keep a round's rates and its shares of direct: by the clock, and by CPU time, which other work moves less."""
    for name, rate in rates.items():
        samples.add("relay.get.small.rps", name, rate)
        if DIRECT in rates:
            samples.add("relay.get.small.rps_share", name, rate / rates[DIRECT])
            samples.add("relay.get.small.cpu_share", name, costs[DIRECT] / costs[name])


def _tunnels(run: Run, step: Step) -> None:
    """Bulk data through an upgraded connection, in each direction, to its last byte."""
    with stream_peer(run.place) as upstream, run.starter.proxies(upstream, buffering=False) as contenders:
        for _ in _rounds(run, step):
            for contender in contenders:
                _tunnel(run.samples, contender)


def _tunnel(samples: Samples, contender: Contender) -> None:
    with _cpu_of(contender) as down:
        pulled = streams.pull(contender.port, TUNNEL_BYTES)
    with _cpu_of(contender) as up:
        pushed = streams.push(contender.port, TUNNEL_BYTES)
    mib = TUNNEL_BYTES / MIB
    samples.add("tunnel.down.mib_per_s", contender.name, mib / down[0])
    samples.add("tunnel.up.mib_per_s", contender.name, mib / up[0])
    samples.add("tunnel.mib_per_s", contender.name, 2 * mib / (down[0] + up[0]))
    samples.add("tunnel.cpu_s_per_gib", contender.name, (down[0] + up[0]) * 1024 / (2 * mib))
    samples.add("tunnel.lost_bytes", contender.name, 2 * TUNNEL_BYTES - pulled - pushed)


def _watches(run: Run, step: Step) -> None:
    """Memory of idle watches, in processes that are fresh each round: freed memory would hide the next round's."""
    with stream_peer(run.place) as upstream:
        for number in range(min(run.rounds, WATCH_ROUNDS)):
            step.note(f"round {number + 1}")
            with run.starter.proxies(upstream, buffering=False) as contenders:
                for contender in contenders:
                    run.samples.add("watch.idle.kib", contender.name, _kib_per_watch(contender))


def _kib_per_watch(contender: Contender) -> float:
    assert contender.pid is not None
    with streams.watches(contender.port, WARM_WATCHES):
        before = resident_kib(contender.pid)
        with streams.watches(contender.port, WATCHES):
            return (resident_kib(contender.pid) - before) / WATCHES


def _rounds(run: Run, step: Step) -> Iterator[int]:
    for number in range(run.rounds):
        step.note(f"round {number + 1} of {run.rounds}")
        yield number


@contextlib.contextmanager
def _cpu_of(contender: Contender) -> Iterator[list[float]]:
    """Give a list that holds, after the body, the CPU seconds that the contender used meanwhile."""
    assert contender.pid is not None
    used: list[float] = []
    before = cpu_seconds(contender.pid)
    yield used
    used.append(cpu_seconds(contender.pid) - before)
    if used[0] <= 0:
        raise BenchmarkError(f"{contender.name} used no CPU time: the load was too short to tell")


SCENARIOS = (
    Scenario("CPU per GET", ("relay.get.small.cpu_ms", "relay.get.100k.cpu_ms"), _gets),
    Scenario(
        "GETs per second", ("relay.get.small.rps", "relay.get.small.rps_share", "relay.get.small.cpu_share"), _rates
    ),
    Scenario(
        "tunnels",
        tuple(
            f"tunnel.{name}" for name in ("mib_per_s", "down.mib_per_s", "up.mib_per_s", "cpu_s_per_gib", "lost_bytes")
        ),
        _tunnels,
    ),
    Scenario("idle watches", ("watch.idle.kib",), _watches),
    POD_STREAMS,
    *SYNCING,
)
