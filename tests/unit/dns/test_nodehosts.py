from typing import Any

from vgateway.dns.nodehosts import node_hosts
from vgateway.kube.names import Names

NAMES = Names("vc", "host-ns")


def node(name: str, **addresses: str) -> dict[str, Any]:
    found = [{"type": kind, "address": address} for kind, address in addresses.items()]
    return {"metadata": {"name": name}, "status": {"addresses": found}}


def test_a_node_is_found_by_its_name_and_by_every_host_name_of_it() -> None:
    nodes = [node("b", InternalIP="10.0.0.2", Hostname="b.nodes.vcluster.com"), node("a", InternalIP="10.0.0.1")]
    assert node_hosts(nodes, NAMES, "") == (
        "10.0.0.1 a\n10.0.0.2 b.nodes.vcluster.com b.vc.host-ns.nodes.vcluster.com b\n"
    )


def test_a_node_without_an_address_is_where_all_of_them_are() -> None:
    nameless = {"metadata": {"name": "bare"}}
    assert node_hosts([nameless], NAMES, "10.96.0.5") == "10.96.0.5 bare\n"
    assert node_hosts([nameless], NAMES, "") == ""
