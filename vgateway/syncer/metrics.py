"""What the syncer counts. Names of kinds are the labels, never names of objects."""

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
        self.depth = Gauge("vgateway_sync_queue_depth", "Keys that wait.", registry=registry)
        self.under_way = Gauge("vgateway_sync_under_way", "Reconciles under way.", registry=registry)
        self.limit = Gauge("vgateway_sync_limit", "Reconciles that may be under way at once.", registry=registry)
        self.throttled = Counter(
            "vgateway_sync_throttled_total", "Times the host asked us to slow down.", registry=registry
        )
        self.events = Counter(
            "vgateway_sync_events_total", "Events written for tenants.", ("reason",), registry=registry
        )
