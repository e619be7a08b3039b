from pathlib import Path

from vgateway.local.addresses import Addresses
from vgateway.local.network import parse_address
from vgateway.local.podnetwork import network_list, parse_result, place_of_virtual_clusters


def test_the_first_address_of_a_link_is_read() -> None:
    assert parse_address('[{"ifname":"eth0","addr_info":[{"local":"10.251.65.2"}]}]') == "10.251.65.2"
    assert parse_address("[{}]") == parse_address("") == ""


def test_the_address_that_a_plugin_gave_is_read() -> None:
    assert parse_result('{"cniVersion":"1.0.0","ips":[{"address":"10.251.65.2/24"}]}') == "10.251.65.2"


def test_each_node_gives_addresses_of_its_own_and_remembers_them_by_itself() -> None:
    addresses = Addresses(251, rooted=True)
    first, second = (network_list(addresses, index, Path(f"/leases-{index}")) for index in (1, 2))
    assert first["plugins"][0]["ipam"] != second["plugins"][0]["ipam"]
    assert first["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.251.65.0/24"}]]


def test_virtual_clusters_join_the_first_node_or_this_machine() -> None:
    assert place_of_virtual_clusters(2) == 1
    assert place_of_virtual_clusters(0) == 0
