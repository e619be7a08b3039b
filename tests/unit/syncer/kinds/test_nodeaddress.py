from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, SETTINGS, World
from vgateway.config.networking import ProxyKubelets
from vgateway.kube.nodenames import node_service_name
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.node import virtual_node
from vgateway.syncer.kinds.nodeaddress import NodeAddressKind, NodeEndpointsKind, node_addresses
from vgateway.syncer.resources import ENDPOINTSLICES, NODES, SERVICES
from vgateway.syncer.steps import CreateHost, DeleteHost

NODE = VirtualKey("", "n1")
SERVICE = NodeAddressKind(makes=True)
SLICE = NodeEndpointsKind()


def world(*, by_hostname: bool = True, by_ip: bool = True, node: str = "n1", address: str = "10.0.0.9") -> World:
    found = World()
    kubelets = ProxyKubelets.model_validate({"byHostname": by_hostname, "byIP": by_ip})
    found.view = replace(found.view, settings=replace(SETTINGS, proxy_kubelets=kubelets, address=address))
    found.virtual[NODES].put(virtual_node(node, None, found.view))
    return found


def the_service(of: World) -> Obj:
    (found,) = of.host[SERVICES]
    return found


@pytest.mark.parametrize(
    ("by_hostname", "by_ip", "addresses"),
    [
        (False, False, [("InternalIP", "10.0.0.9"), ("Hostname", "n1")]),
        (True, False, [("InternalIP", "10.0.0.9"), ("Hostname", "n1.nodes.vcluster.com")]),
        (False, True, [("InternalIP", "10.96.7.7"), ("InternalDNS", "10.0.0.9"), ("Hostname", "n1")]),
        (
            True,
            True,
            [("InternalIP", "10.96.7.7"), ("InternalDNS", "10.0.0.9"), ("Hostname", "n1.nodes.vcluster.com")],
        ),
    ],
)
def test_a_node_advertises_the_addresses_that_are_configured(
    by_hostname: bool, by_ip: bool, addresses: list[tuple[str, str]]
) -> None:
    has = world(by_hostname=by_hostname, by_ip=by_ip)
    has.round(NodeAddressKind(makes=by_ip), NODE)
    for service in has.host[SERVICES]:
        service["spec"]["clusterIP"] = "10.96.7.7"
    assert [(one["type"], one["address"]) for one in node_addresses("n1", has.view)] == addresses


def test_a_node_has_the_gateways_address_until_its_own_is_there() -> None:
    has = world()
    assert node_addresses("n1", has.view)[0] == {"type": "InternalIP", "address": "10.0.0.9"}
    has.round(SERVICE, NODE)
    assert node_addresses("n1", has.view)[0] == {"type": "InternalIP", "address": "10.0.0.9"}


def test_a_nodes_service_comes_and_goes_with_the_node_and_its_slice_with_it() -> None:
    has = world()
    has.round(SERVICE, NODE)
    has.round(SLICE, NODE)
    made, (piece,) = the_service(has), has.host[ENDPOINTSLICES]
    assert made["metadata"]["name"] == "vc-n1-n1"
    assert made["metadata"]["labels"]["vcluster.loft.sh/belongs-to"] == "vc"
    assert made["metadata"]["labels"]["vcluster.loft.sh/node"] == "n1"
    assert piece["metadata"]["labels"]["kubernetes.io/service-name"] == "vc-n1-n1"
    assert piece["endpoints"][0]["addresses"] == ["10.0.0.9"]
    assert (has.plan(SERVICE, NODE), has.plan(SLICE, NODE)) == ([], [])

    has.virtual[NODES].by_key.clear()
    (gone,) = has.round(SERVICE, NODE)
    assert isinstance(gone, DeleteHost)
    (gone,) = has.round(SLICE, NODE)
    assert isinstance(gone, DeleteHost)


def test_a_nodes_service_selects_what_the_gateways_own_selects_and_then_needs_no_slice() -> None:
    has = world()
    (front,) = has.front
    front["spec"]["selector"] = {"app": "vcluster"}
    has.round(SERVICE, NODE)
    assert the_service(has)["spec"]["selector"] == {"app": "vcluster"}
    assert has.plan(SLICE, NODE) == []


def test_a_loopback_address_is_published_nowhere() -> None:
    has = world(address="127.1.0.1")
    has.round(SERVICE, NODE)
    assert has.plan(SLICE, NODE) == []


def test_turned_off_the_services_that_are_there_go() -> None:
    has = world()
    has.round(SERVICE, NODE)
    (gone,) = has.plan(NodeAddressKind(makes=False), NODE)
    assert isinstance(gone, DeleteHost)


def test_a_node_that_the_tenant_made_gets_no_address_of_the_hosts() -> None:
    has = world()
    has.virtual[NODES].by_key.clear()
    has.virtual[NODES].put({"metadata": {"name": "n1", "labels": {}}})
    assert has.plan(SERVICE, NODE) == []


@pytest.mark.parametrize("change", [{"labels": {}}, {"annotations": {}}, {"annotations": {"x": "y"}}])
def test_a_service_that_is_not_provably_ours_is_left_alone_and_is_no_nodes_address(change: dict[str, Any]) -> None:
    has = world()
    has.round(SERVICE, NODE)
    the_service(has)["metadata"] |= change
    the_service(has)["spec"]["clusterIP"] = "10.96.7.7"
    assert has.plan(SERVICE, NODE) == []
    assert node_addresses("n1", has.view)[0]["address"] == "10.0.0.9"
    has.virtual[NODES].by_key.clear()
    assert has.plan(SERVICE, NODE) == []


@pytest.mark.parametrize("node", ["ip-10-0-0-1.example.internal", "x" * 253, "1.2.3.4", "a-b", "a.b"])
def test_any_nodes_service_has_a_name_that_services_may_have(node: str) -> None:
    has = world(node=node)
    (made,) = has.round(SERVICE, VirtualKey("", node))
    assert isinstance(made, CreateHost)
    meta = made.body["metadata"]
    assert len(meta["name"]) <= 63
    assert "." not in meta["name"]
    assert all(len(value) <= 63 for value in meta["labels"].values())


def test_nodes_with_like_names_have_services_of_their_own() -> None:
    assert node_service_name(NAMES, "a.b") != node_service_name(NAMES, "a-b")
