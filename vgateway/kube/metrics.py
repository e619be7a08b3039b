"""What speaking to API servers counts. Labels are sides, methods and resources, never names of objects."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class KubeMetrics:
    """Calls by side, method and code; what each informer holds and how often it had to recover."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "vgateway_api_calls",
            "Calls to an API server, watches aside, by status code; code 0 got no answer.",
            ("side", "method", "code"),
            registry=registry,
        )
        self.objects = Gauge(
            "vgateway_informer_objects", "Objects an informer holds.", ("informer",), registry=registry
        )
        self.bytes = Gauge(
            "vgateway_informer_bytes",
            "Bytes these objects take in their compact form.",
            ("informer",),
            registry=registry,
        )
        self.lists = Counter(
            "vgateway_informer_lists", "Whole lists an informer has taken over.", ("informer",), registry=registry
        )
        self.failures = Counter(
            "vgateway_informer_failures",
            "Lists and watches that failed, by status code; 410 is an expired version.",
            ("informer", "code"),
            registry=registry,
        )
        self._children: dict[tuple[str, str, int], Counter] = {}

    def called(self, side: str, method: str, code: int) -> None:
        """Count a call."""
        key = (side, method, code)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._calls.labels(side, method, str(code))
        child.inc()
