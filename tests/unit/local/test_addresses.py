from itertools import combinations

import pytest

from vgateway.local.addresses import FIRST_CHOICE, Addresses


@pytest.mark.parametrize("number", FIRST_CHOICE)
def test_parts_of_an_instance_do_not_overlap(number: int) -> None:
    addresses = Addresses(number, rooted=True)
    nodes = [addresses.node_pods(index) for index in (0, 1, 40)]
    parts = [addresses.services, addresses.kwok_pods, *nodes]
    assert not any(one.overlaps(other) for one, other in combinations(parts, 2))
    assert all(part.subnet_of(addresses.network) for part in parts)
    assert all(pods.subnet_of(addresses.pods) for pods in nodes)


def test_two_instances_share_neither_addresses_nor_names() -> None:
    one, other = Addresses(251, rooted=True), Addresses(252, rooted=True)
    assert not one.network.overlaps(other.network)
    assert one.store != other.store
    assert one.node_namespace(1) != other.node_namespace(1)
    assert one.bridge != other.bridge


def test_without_root_everything_that_listens_is_on_loopback_but_pods_and_services_are_not() -> None:
    addresses = Addresses(251, rooted=False)
    assert addresses.host == "127.251.0.1"
    assert addresses.loopback(1) == "127.251.1.1"
    assert not addresses.services.is_loopback
    assert not addresses.kwok_pods.is_loopback


def test_names_of_links_fit_the_kernel() -> None:
    addresses = Addresses(254, rooted=True)
    assert max(len(addresses.bridge), len(addresses.node_link(40))) <= 15


def test_the_addresses_are_these() -> None:
    addresses = Addresses(251, rooted=True)
    assert addresses.host == "10.251.0.1"
    assert addresses.node(1) == "10.251.0.11"
    assert str(addresses.node_pods(1)) == "10.251.65.0/24"
    assert addresses.kubernetes_service == "10.251.128.1"
    assert addresses.virtual_namespace("demo") == "vgw251-vc-demo"
