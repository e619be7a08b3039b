"""The objects of the metrics API, made of what the host says of the tenant's pods."""

from typing import Any

import pytest

from tests.unit.kubelet.pods import NAMES, host_pod, virtual_pod
from vgateway.kube.objects import HostKey, VirtualKey, VirtualObj
from vgateway.kube.selectors import parse_selector
from vgateway.kubelet.residents import resident
from vgateway.kubelet.usage import ContainerUsage, NodeUsage, PodUsage, quantity, read_node_usage, seconds
from vgateway.metricsapi.calls import Ask, Form
from vgateway.metricsapi.objects import (
    Figures,
    answered,
    cores,
    discovery,
    duration,
    node_figures,
    node_share,
    nothing_of,
    octets,
    pod_figures,
    selected,
)

AT = 1_700_000_000_000
NODE = {"metadata": {"name": "node-1", "labels": {"zone": "a"}}}


def web(name: str = "web", **labels: str) -> VirtualObj:
    pod = virtual_pod(name, uid=f"u-{name}")
    return VirtualObj({**pod, "metadata": {**pod["metadata"], "labels": labels}})


def figures(virtual: VirtualObj, **containers: tuple[int, int]) -> Figures | None:
    used = {name: ContainerUsage(*amounts) for name, amounts in containers.items()}
    known = resident(NAMES, host_pod(virtual), lambda _: virtual)
    assert known is not None
    return pod_figures(virtual, known, PodUsage(HostKey("tenant-a", "x"), AT, 15.021, used))


def some(virtual: VirtualObj, **containers: tuple[int, int]) -> Figures:
    found = figures(virtual, **containers)
    assert found is not None
    return found


def test_a_pod_is_written_under_the_tenants_names_with_the_containers_of_its_own_spec() -> None:
    (item,) = answered(Ask("pods"), [some(web(app="web"), app=(1_500_000, 2048), sidecar=(9, 9))])["items"]
    assert item == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "creationTimestamp": "2023-11-14T22:13:20Z",
            "labels": {"app": "web"},
        },
        "timestamp": "2023-11-14T22:13:20Z",
        "window": "15.021s",
        "containers": [{"name": "app", "usage": {"cpu": "1500u", "memory": "2Ki"}}],
    }


def test_of_a_pod_with_none_of_its_own_containers_nothing_is_known() -> None:
    assert figures(web(), sidecar=(1, 1)) is None


def test_a_node_is_what_the_host_says_or_the_sum_of_the_tenants_pods() -> None:
    said = read_node_usage(
        {"metadata": {"name": "node-1"}, "timestamp": "2023-11-14T22:13:20Z", "window": "10s"}
        | {"usage": {"cpu": "2", "memory": "5Gi"}}
    )
    assert said == NodeUsage("node-1", AT, 10.0, ContainerUsage(2 * 10**9, 5 * 2**30))
    (item,) = answered(Ask("nodes"), [node_figures(NODE, said)])["items"]
    assert (item["kind"], item["metadata"]["labels"], item["usage"]) == (
        "NodeMetrics",
        {"zone": "a"},
        {"cpu": "2", "memory": "5Gi"},
    )
    share = node_share(NODE, [some(web("a"), app=(1, 1)), some(web("b"), app=(2, 3), init=(3, 4))])
    assert share is not None
    assert (share.whole, share.containers) == (ContainerUsage(6, 8), None)
    assert node_share(NODE, []) is None


@pytest.mark.parametrize(
    "lack", [{"metadata": {}}, {"timestamp": "x"}, {"window": ""}, {"usage": {"cpu": "1"}}, {"usage": None}]
)
def test_a_node_whose_figures_are_not_whole_is_left_out(lack: dict[str, Any]) -> None:
    whole = {"metadata": {"name": "n"}, "timestamp": "2023-11-14T22:13:20Z", "window": "10s"}
    assert read_node_usage({**whole, "usage": {"cpu": "1", "memory": "1"}, **lack}) is None


def test_a_list_is_narrowed_and_in_order() -> None:
    pods = [some(web(name, app=name), app=(1, 1)) for name in ("c", "a", "b")]
    assert [one.key.name for one in selected(Ask("pods"), pods)] == ["a", "b", "c"]
    narrowed = Ask("pods", labels=parse_selector("app!=b"), fields=parse_selector("metadata.name!=c"))
    assert [one.key.name for one in selected(narrowed, pods)] == ["a"]
    assert selected(Ask("pods", "elsewhere"), pods) == []


def test_a_table_has_what_kubectl_prints_and_as_much_of_the_object_as_was_asked_for() -> None:
    pods = [some(web(), app=(1, 1024), init=(2, 1024))]
    for included, kind in (("Metadata", "PartialObjectMetadata"), ("Object", "PodMetrics")):
        found = answered(Ask("pods", form=Form("Table", included=included)), pods)
        assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "cpu", "memory", "Window"]
        (row,) = found["rows"]
        assert (row["cells"], row["object"]["kind"]) == (["web", "3n", "2Ki", "15.021s"], kind)
        assert row["object"]["metadata"]["namespace"] == "default"
    (row,) = answered(Ask("pods", form=Form("Table", included="None")), pods)["rows"]
    assert "object" not in row


def test_metadata_alone_may_be_asked_for() -> None:
    form = Form("PartialObjectMetadata")
    found = answered(Ask("pods", "default", "web", form=form), [some(web(), app=(1, 1))])
    assert (found["kind"], set(found)) == ("PartialObjectMetadata", {"kind", "apiVersion", "metadata"})


def test_what_is_not_there_is_told_from_what_is_not_known_yet() -> None:
    ask = Ask("pods", "a", "web")
    assert nothing_of(ask, exists=False).message == 'pods "web" not found'
    unknown = nothing_of(ask, exists=True).status()
    assert unknown["message"] == 'podmetrics.metrics.k8s.io "a/web" not found'
    assert (unknown["reason"], unknown["details"]["name"]) == ("NotFound", "a/web")
    assert nothing_of(Ask("nodes", "", "n"), exists=True).message == 'nodemetrics.metrics.k8s.io "n" not found'


@pytest.mark.parametrize("amount", [0, 1, 999, 1000, 1024, 123_456_789, 10**9, 5 * 10**12, 3 * 2**40, 2**62])
def test_quantities_and_durations_lose_nothing(amount: int) -> None:
    processors, memory = quantity(cores(amount)), quantity(octets(amount))
    assert processors is not None
    assert memory is not None
    assert (int(processors * 10**9), int(memory)) == (amount, amount)


@pytest.mark.parametrize(
    ("given", "text"), [(15.021, "15.021s"), (60.5, "1m0.5s"), (3660.0, "1h1m0s"), (0.25, "0.25s")]
)
def test_durations_are_gos(given: float, text: str) -> None:
    assert (duration(given), seconds(text)) == (text, given)


def test_discovery_says_what_is_served() -> None:
    (pods,) = discovery(["pods"])["resources"]
    assert (pods["name"], pods["namespaced"], pods["verbs"]) == ("pods", True, ["get", "list"])
    assert VirtualKey("", "node-1") == node_figures(NODE, NodeUsage("node-1", AT, 1.0, ContainerUsage(1, 1))).key
