"""Pages made of what the host's metrics.k8s.io says, and what they are made with."""

from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.kubelet.pods import NAMES, host_pod, virtual_pod
from vgateway.kube.objects import HostKey, VirtualObj
from vgateway.kubelet.counters import NodeCounters, RateCounters, Reading
from vgateway.kubelet.residents import resident
from vgateway.kubelet.synthesis import MeasuredPod, cadvisor_page, measured, resource_page, summary
from vgateway.kubelet.totals import WithNodeTotals
from vgateway.kubelet.usage import ContainerUsage, PodUsage, milliseconds, quantity, read_usage, seconds

AT = 1_700_000_000_000
SECOND = 10**9
STATUS = {
    "startTime": "2023-11-14T22:00:00Z",
    "containerStatuses": [
        {"name": "app", "containerID": "containerd://abc", "state": {"running": {"startedAt": "2023-11-14T22:00:01Z"}}}
    ],
}
WEB = VirtualObj({**virtual_pod(), "status": STATUS})
RESIDENT = resident(NAMES, host_pod(WEB), lambda _: WEB)
KEY = HostKey("tenant-a", "web-x-default-x-vc")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12345n", "0.000012345"), ("7u", "0.000007"), ("250m", "0.25"), ("2", "2"), ("0.5", "0.5"), ("1k", "1000"),
        ("20Ki", "20480"), ("1Mi", "1048576"), ("3Gi", "3221225472"), ("1e3", "1000"), ("2E", "2E18"), ("1.", "1"),
    ],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_writes_them(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "x", "-1", "1KB", "1 Ki", "NaN", "1e9999", None, 5, "Infinity"])
def test_what_is_no_quantity_is_none(text: object) -> None:
    assert quantity(text) is None


def test_durations_and_times_are_read() -> None:
    assert [seconds(text) for text in ("15.021s", "1m0.5s", "1h1m", "", "5", None)] == [
        15.021,
        60.5,
        3660,
        None,
        None,
        None,
    ]
    assert milliseconds("2023-11-14T22:13:20Z") == AT
    assert milliseconds("yesterday") is None


def pod_metrics(**more: Any) -> dict[str, Any]:
    said = {"metadata": {"namespace": KEY.namespace, "name": KEY.name}, "timestamp": "2023-11-14T22:13:20Z"}
    containers = [
        {"name": "app", "usage": {"cpu": "250m", "memory": "20Ki"}},
        {"name": "broken", "usage": {"cpu": "x"}},
    ]
    return {**said, "window": "10s", "containers": containers, **more}


def test_a_pods_usage_is_read_or_not_at_all() -> None:
    assert read_usage(pod_metrics()) == PodUsage(KEY, AT, 10.0, {"app": ContainerUsage(SECOND // 4, 20480)})
    assert [read_usage(pod_metrics(**{key: None})) for key in ("metadata", "timestamp", "window")] == [None] * 3


def test_a_counter_grows_by_each_rate_for_as_long_as_it_held_and_never_shrinks() -> None:
    counters = RateCounters(size=1)
    readings = [
        counters.take("a", AT, SECOND // 4, 10),
        counters.take("a", AT, SECOND, 10),
        counters.take("a", AT - 5000, SECOND, 10),
        counters.take("a", AT + 20_000, SECOND // 2, 10),
    ]

    assert readings == [Reading(AT, 5 * SECOND // 2)] * 3 + [Reading(AT + 20_000, 25 * SECOND // 2)]
    assert counters.take("idle", AT, 0, 10) == Reading(AT, 1)
    assert counters.take("a", AT, SECOND, 1) == Reading(AT, SECOND), "what made room begins anew"


def test_a_nodes_counter_grows_with_its_pods_and_keeps_what_gone_ones_used() -> None:
    counters = NodeCounters()

    assert counters.take("n", {b"a": 5.0, b"b": 2.0}) == 7
    assert counters.take("n", {b"a": 6.0}) == 8
    assert counters.take("n", {b"a": 1.0, b"b": 3.0}) == 12
    assert counters.take("other", {b"a": 1.0}) == 1


def web(counters: RateCounters | None = None, at: int = AT) -> MeasuredPod:
    usage = {"app": ContainerUsage(SECOND // 4, 20480), "injected-by-the-host": ContainerUsage(1, 1)}
    assert RESIDENT is not None
    return measured(WEB, RESIDENT, PodUsage(KEY, at, 10.0, usage), counters or RateCounters())


def samples(page: bytes) -> dict[str, list[tuple[dict[str, str], float, float | None]]]:
    found: dict[str, list[tuple[dict[str, str], float, float | None]]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for one in family.samples:
            found.setdefault(one.name, []).append(
                (one.labels, one.value, None if one.timestamp is None else float(one.timestamp))
            )
    return found


def test_the_resource_page_has_what_a_metrics_server_reads_and_says_what_it_is_made_of() -> None:
    page = resource_page([web()], Reading(AT, 3 * SECOND))
    names = {"namespace": "default", "pod": "web"}
    container = {"container": "app", **names}

    assert page.startswith(b"# from the host's metrics.k8s.io")
    assert samples(page) == {
        "container_cpu_usage_seconds_total": [(container, 2.5, AT / 1000)],
        "container_memory_working_set_bytes": [(container, 20480, AT / 1000)],
        "container_start_time_seconds": [(container, 1_699_999_201, None)],
        "node_cpu_usage_seconds_total": [({}, 3, AT / 1000)],
        "node_memory_working_set_bytes": [({}, 20480, AT / 1000)],
        "pod_cpu_usage_seconds_total": [(names, 2.5, AT / 1000)],
        "pod_memory_working_set_bytes": [(names, 20480, AT / 1000)],
    }
    assert samples(resource_page([], Reading(0, 0))) == {}


def test_the_cadvisor_page_has_the_labels_that_rules_select_by() -> None:
    ((labels, value, _),) = samples(cadvisor_page([web()]))["container_cpu_usage_seconds_total"]

    assert value == 2.5
    assert labels == {
        "cpu": "total",
        "id": "/kubepods/podu-1/abc",
        "image": "",
        "name": "abc",
        "container": "app",
        "namespace": "default",
        "pod": "web",
    }


def test_the_summary_has_pods_containers_and_the_sum_for_the_node() -> None:
    said = summary([web()], "node-1")

    (pod,) = said["pods"]
    assert pod["podRef"] == {"name": "web", "namespace": "default", "uid": "u-1"}
    assert pod["startTime"] == "2023-11-14T22:00:00Z"
    assert pod["cpu"] == {
        "time": "2023-11-14T22:13:20Z",
        "usageNanoCores": SECOND // 4,
        "usageCoreNanoSeconds": 5 * SECOND // 2,
    }
    assert [one["name"] for one in pod["containers"]] == ["app"]
    assert said["node"]["cpu"] == {"time": "2023-11-14T22:13:20Z", "usageNanoCores": SECOND // 4}


class Passing:
    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


def test_totals_of_the_tenants_pods_stand_behind_the_hosts_page_however_it_comes() -> None:
    lines = [
        b'pod_cpu_usage_seconds_total{namespace="default",pod="a"} 2.5 1700000000000\n',
        b'pod_cpu_usage_seconds_total{namespace="default",pod="b"} 1.5e+00 1700000001000\n',
        b'pod_memory_working_set_bytes{namespace="default",pod="a"} 1024 1700000000000\n',
        b'pod_memory_working_set_bytes{namespace="default",pod="b"} 1.024e+03 1700000000000\n',
    ]
    counters = NodeCounters()
    for pieces in ([b"".join(lines)], lines):
        filtering = WithNodeTotals(Passing(), "n", counters)
        page = b"".join(map(filtering.feed, pieces)) + filtering.end()
        assert samples(page)["node_cpu_usage_seconds_total"] == [({}, 4.0, 1_700_000_001)]
        assert samples(page)["node_memory_working_set_bytes"] == [({}, 2048, 1_700_000_001)]
    nothing = WithNodeTotals(Passing(), "n", counters)
    assert nothing.feed(b"a 1\n") + nothing.end() == b"a 1\n"
