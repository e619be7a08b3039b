"""What the node listener counts. One small set, registered where the process says."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from vgateway.kubelet.calls import Call


class KubeletMetrics:
    """Requests by call and status code, and the streams that are open."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "vgateway_kubelet_requests",
            "Requests to the nodes' kubelet port that ended, by call and status code.",
            ["call", "code"],
            registry=registry,
        )
        self.streams = Gauge(
            "vgateway_kubelet_streams",
            "Logs, exec, attach and port-forward streams that are open.",
            ["call"],
            registry=registry,
        )
        self.sent = Counter(
            "vgateway_kubelet_sent_bytes",
            "Bytes that streams which have ended gave to their clients.",
            ["call"],
            registry=registry,
        )

    def ended(self, call: Call, code: int) -> None:
        """Count one request."""
        self.requests.labels(call.value, str(code)).inc()
