"""The host cluster's DNS on this machine: where it listens."""

from pathlib import Path

import pytest

from vgateway.config.load import parse_config
from vgateway.errors import ConfigError
from vgateway.local.addresses import Addresses
from vgateway.local.dns import CLUSTER_PORT, NODE_PORT, NOTHING, corefile, service
from vgateway.local.gateway import _EXAMPLE


def test_the_hosts_dns_has_the_address_that_is_kept_for_it() -> None:
    addresses = Addresses(251, rooted=True)
    kube_dns, endpoints = service(addresses)
    assert kube_dns["spec"]["clusterIP"] == addresses.dns_service
    assert endpoints["endpoints"][0]["addresses"] == [addresses.host]
    assert {port["port"] for port in endpoints["ports"]} == {CLUSTER_PORT}


def test_nodes_and_pods_ask_at_two_ports_of_one_address(tmp_path: Path) -> None:
    text = corefile("10.251.0.1", tmp_path / "kubeconfig", tmp_path / "beyond", tmp_path / "nothing")
    assert text.count("bind 10.251.0.1") == 2
    assert f".:{CLUSTER_PORT} {{" in text
    assert f"forward . 10.251.0.1:{NODE_PORT}" in text
    assert all(line.split()[0] == "." for line in NOTHING.splitlines())


def test_a_gateway_whose_dns_is_embedded_must_know_where() -> None:
    document = {"gateway": _EXAMPLE, "controlPlane": {"coredns": {"embedded": True}}}
    assert parse_config(document).control_plane.coredns.embedded
    without = {key: value for key, value in _EXAMPLE.items() if key != "embeddedDns"}
    with pytest.raises(ConfigError, match=r"gateway\.embeddedDns: controlPlane\.coredns\.embedded needs it"):
        parse_config(document | {"gateway": without})
