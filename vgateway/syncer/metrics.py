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
        self.round = Histogram(
            "vgateway_sync_round_seconds",
            "How long a reconcile took, failed ones too.",
            ("kind",),
            registry=registry,
            buckets=BUCKETS,
        )
        self.throttled = Counter(
            "vgateway_sync_throttled_total",
            "Rounds that ended because an API server asked for patience (throttled) or gave no answer (unavailable).",
            ("reason",),
            registry=registry,
        )
        self.events = Counter(
            "vgateway_sync_events_total", "Events written for tenants.", ("reason",), registry=registry
        )
        self._registry = registry
        self._counters: dict[tuple[str, ...], Counter] = {}
        self._times: dict[tuple[str, bool], Histogram] = {}

    def watch(
        self,
        depth: Callable[[], float],
        under_way: Callable[[], float],
        limit: Callable[[], float],
        oldest: Callable[[], float],
    ) -> None:
        """Have the gauges read when they are scraped, so that they cost nothing between."""
        waited = "For how long the key has waited that was woken first and not served since."
        for name, words, read in (
            ("queue_depth", "Keys that wait.", depth),
            ("under_way", "Reconciles under way.", under_way),
            ("limit", "Reconciles that may be under way at once.", limit),
            ("oldest_seconds", waited, oldest),
        ):
            Gauge(f"vgateway_sync_{name}", words, registry=self._registry).set_function(read)

    def wrote(self, side: str, verb: str, resource: str) -> None:
        """Count a write."""
        self._child(self.writes, side, verb, resource).inc()

    def ended(self, kind: str, outcome: str) -> None:
        """Count a round."""
        self._child(self.rounds, kind, outcome).inc()

    def lagged(self, kind: str, seconds: float) -> None:
        """Note how long a key waited to be served."""
        self._time(kind, lag=True).observe(seconds)

    def took(self, kind: str, seconds: float) -> None:
        """Note how long a round took."""
        self._time(kind, lag=False).observe(seconds)

    def _time(self, kind: str, *, lag: bool) -> Histogram:
        child = self._times.get((kind, lag))
        if child is None:
            child = self._times[kind, lag] = (self.lag if lag else self.round).labels(kind)
        return child

    def _child(self, counter: Counter, *labels: str) -> Counter:
        # The library's own look-up checks its arguments every time, at several times the cost of counting.
        child = self._counters.get(labels)
        if child is None:
            child = self._counters[labels] = counter.labels(*labels)
        return child
