from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_pod, a_service
from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kinds.pod.dns import host_dns, host_names
from vgateway.syncer.resources import SERVICES


def with_dns() -> World:
    world = World()
    world.host[SERVICES].put(a_service(NAMES.host_name("kube-dns", "kube-system"), "host-ns", clusterIP="10.96.0.10"))
    return world


def test_pods_ask_the_tenants_dns_and_keep_their_own_options() -> None:
    own = {"nameservers": ["1.1.1.1"], "searches": ["corp"], "options": [{"name": "ndots", "value": "2"}]}
    found = host_dns(VirtualObj(a_pod(dnsPolicy="ClusterFirst", dnsConfig=own)), with_dns().view)
    assert found == {
        "dnsPolicy": "None",
        "dnsConfig": {
            "nameservers": ["10.96.0.10", "1.1.1.1"],
            "searches": ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp"],
            "options": [{"name": "ndots", "value": "2"}],
        },
    }


def test_without_options_of_its_own_a_pod_gets_those_of_a_kubelet() -> None:
    found = host_dns(VirtualObj(a_pod()), with_dns().view)
    assert found["dnsConfig"]["options"] == [{"name": "ndots", "value": "5"}]


def test_what_is_too_much_for_one_pod_is_left_out_as_a_kubelet_does() -> None:
    own = {
        "nameservers": ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
        "searches": [f"{n}.{'x' * 60}.test" for n in range(32)],
    }
    config = host_dns(VirtualObj(a_pod(dnsConfig=own)), with_dns().view)["dnsConfig"]
    assert config["nameservers"] == ["10.96.0.10", "192.0.2.1", "192.0.2.2"]
    assert config["searches"][3] == own["searches"][0]
    assert len(" ".join(config["searches"])) <= 2048 < len(" ".join(own["searches"]))
    many = {"searches": [f"s{n}" for n in range(32)]}
    assert len(host_dns(VirtualObj(a_pod(dnsConfig=many)), with_dns().view)["dnsConfig"]["searches"]) == 32


def test_until_the_tenant_has_a_dns_pods_resolve_as_their_node() -> None:
    assert host_dns(VirtualObj(a_pod()), World().view) == {"dnsPolicy": "Default"}


@pytest.mark.parametrize(
    "spec", [{"dnsPolicy": "None"}, {"dnsPolicy": "Default"}, {"dnsPolicy": "ClusterFirst", "hostNetwork": True}]
)
def test_a_pod_that_wants_no_cluster_dns_gets_none(spec: dict[str, Any]) -> None:
    assert host_dns(VirtualObj(a_pod(**spec)), with_dns().view) == {}


@pytest.mark.parametrize(
    ("pod", "hostname"),
    [
        (a_pod("web"), "web"),
        (a_pod("a.b"), "a-b"),
        (a_pod("x" * 62 + "-y"), "x" * 62),
        (a_pod("web", hostname="mine"), None),
        (a_pod("web", hostNetwork=True), None),
    ],
)
def test_a_pod_is_called_as_the_tenant_called_it(pod: dict[str, object], hostname: str | None) -> None:
    assert host_names(VirtualObj(pod), World().view).get("hostname") == hostname


def test_the_tenants_api_is_found_by_name_without_dns() -> None:
    (alias,) = host_names(VirtualObj(a_pod(namespace="team")), World().view)["hostAliases"]
    assert alias["ip"] == "10.96.0.50"
    assert "kubernetes.default.svc.cluster.local" in alias["hostnames"]
    assert "kubernetes" not in alias["hostnames"]
    (alias,) = host_names(VirtualObj(a_pod()), World().view)["hostAliases"]
    assert "kubernetes" in alias["hostnames"]
