from typing import Any

from tests.unit.kubelet.test_exposition import HOST_UID, NS, UID, WEB, Neighbours
from vgateway.kubelet.summary import tenant_summary

CPU = {"time": "2026-01-01T00:00:05Z", "usageNanoCores": 5, "usageCoreNanoSeconds": 7}
MEMORY = {"time": "2026-01-01T00:00:04Z", "workingSetBytes": 9}


def pod(namespace: str = NS, name: str = WEB.host.name, uid: str = HOST_UID, **more: Any) -> dict[str, Any]:
    ref = {"podRef": {"namespace": namespace, "name": name, "uid": uid}}
    return {**ref, "startTime": "2026-01-01T00:00:00Z", "cpu": CPU, "memory": MEMORY, "containers": [], **more}


def summary(*pods: dict[str, Any], node_metrics: bool = False) -> dict[str, Any]:
    node = {
        "nodeName": "node-1",
        "cpu": {"usageNanoCores": 1000},
        "network": {"name": "eth0", "rxBytes": 1, "interfaces": [{"name": "veth-of-a-stranger"}]},
        "of-a-later-kubelet": 1,
    }
    return tenant_summary({"node": node, "pods": list(pods)}, Neighbours(), "node-1", node_metrics=node_metrics)


def test_pods_of_others_and_of_namesakes_before_it_are_left_out() -> None:
    strangers = [pod(namespace="other"), pod(name="other"), pod(uid="of-a-namesake"), {"podRef": {}}, {}]

    assert summary(*strangers)["pods"] == []


def test_a_pod_is_told_in_the_tenants_names_with_the_containers_and_volumes_of_its_own_spec() -> None:
    volumes = [
        {"name": "data", "usedBytes": 1, "pvcRef": {"name": "data-x-default-x-vc", "namespace": NS}},
        {"name": "scratch", "usedBytes": 2},
        {"name": "scratch", "pvcRef": {"name": "of-another", "namespace": NS}},
        {"name": "of-the-hosts-sidecar", "usedBytes": 3},
    ]
    containers = [{"name": "app", "cpu": CPU, "of-a-later-kubelet": 1}, {"name": "of-the-hosts-sidecar"}]

    (said,) = summary(pod(volume=volumes, containers=containers))["pods"]

    assert said["podRef"] == {"namespace": "default", "name": "web", "uid": UID}
    assert said["containers"] == [{"name": "app", "cpu": CPU}]
    assert said["volume"] == [
        {"name": "data", "usedBytes": 1, "pvcRef": {"name": "data", "namespace": "default"}},
        {"name": "scratch", "usedBytes": 2},
    ]


def test_the_node_is_the_sum_of_the_tenants_pods_unless_the_hosts_is_to_be_shown() -> None:
    assert summary(pod(), pod(namespace="other"))["node"] == {
        "nodeName": "node-1",
        "startTime": "2026-01-01T00:00:00Z",
        "cpu": {"time": "2026-01-01T00:00:05Z", "usageNanoCores": 5},
        "memory": {"time": "2026-01-01T00:00:04Z", "workingSetBytes": 9},
    }
    assert summary(pod(), node_metrics=True)["node"] == {
        "nodeName": "node-1",
        "cpu": {"usageNanoCores": 1000},
        "network": {"name": "eth0", "rxBytes": 1},
    }
    assert summary()["node"] == {"nodeName": "node-1"}
