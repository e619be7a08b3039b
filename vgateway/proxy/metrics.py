"""What the front counts. Plain integers on the request's path; Prometheus text only when somebody asks."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class FrontMetrics(Collector):
    """Requests by method and status code, and how many are under way."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.under_way = 0
        registry.register(self)

    def answered(self, method: str, code: int) -> None:
        """Count a request that has been answered (0: its client was cut off)."""
        self.requests[(method if method in METHODS else "other", code)] += 1

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Write the counters."""
        requests = CounterMetricFamily(
            "vgateway_front_requests", "Requests answered by the front.", labels=["method", "code"]
        )
        for (method, code), count in self.requests.items():
            requests.add_metric([method, str(code)], count)
        yield requests
        yield GaugeMetricFamily(
            "vgateway_front_requests_under_way", "Requests and streams being served.", value=self.under_way
        )
