"""What the syncer counts. Names of kinds are the labels, never names of objects."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class SyncerMetrics:
    """The syncer's figures in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.writes = Counter(
            "vgateway_sync_writes_total",
            "Writes to an API server.",
            ("side", "verb", "resource"),
            registry=registry,
        )
        self.rounds = Counter(
            "vgateway_sync_rounds_total", "Reconciles by outcome.", ("kind", "outcome"), registry=registry
        )
        self.lag = Histogram(
            "vgateway_sync_lag_seconds",
            "From the first wake-up of a key to the end of the round that served it.",
            ("kind",),
            registry=registry,
            buckets=BUCKETS,
        )
        self._depth = Gauge("vgateway_sync_queue_depth", "Keys that wait.", registry=registry)
        self._under_way = Gauge("vgateway_sync_under_way", "Reconciles under way.", registry=registry)
        self._limit = Gauge("vgateway_sync_limit", "Reconciles that may be under way at once.", registry=registry)
        self.throttled = Counter(
            "vgateway_sync_throttled_total", "Times the host asked us to slow down.", registry=registry
        )
        self.events = Counter(
            "vgateway_sync_events_total", "Events written for tenants.", ("reason",), registry=registry
        )
        self._counters: dict[tuple[str, ...], Counter] = {}
        self._lags: dict[str, Histogram] = {}

    def watch(self, depth: Callable[[], float], under_way: Callable[[], float], limit: Callable[[], float]) -> None:
        """Have the gauges read when they are scraped, so that they cost nothing between."""
        self._depth.set_function(depth)
        self._under_way.set_function(under_way)
        self._limit.set_function(limit)

    def wrote(self, side: str, verb: str, resource: str) -> None:
        """Count a write."""
        self._child(self.writes, side, verb, resource).inc()

    def ended(self, kind: str, outcome: str) -> None:
        """Count a round."""
        self._child(self.rounds, kind, outcome).inc()

    def lagged(self, kind: str, seconds: float) -> None:
        """Note how long a key waited to be served."""
        child = self._lags.get(kind)
        if child is None:
            child = self._lags[kind] = self.lag.labels(kind)
        child.observe(seconds)

    def _child(self, counter: Counter, *labels: str) -> Counter:
        # The library's own look-up checks its arguments every time, at several times the cost of counting.
        child = self._counters.get(labels)
        if child is None:
            child = self._counters[labels] = counter.labels(*labels)
        return child
