"""The policies around a virtual cluster: what they say, where they are, and whose they are."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.config.test_load import document
from tests.unit.syncer.world import NAMES, SETTINGS, World
from vgateway.config.coredns import Coredns
from vgateway.config.isolation import NetworkPolicy
from vgateway.config.load import parse_config, problems_of
from vgateway.dns.values import Dns
from vgateway.kube.names import Names
from vgateway.kube.namespaces import Namespaces
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.isolation import IsolationKind
from vgateway.syncer.kinds.isolation.policies import (
    Surroundings,
    control_plane_policy,
    dns_policy,
    workload_policy,
)
from vgateway.syncer.registry import kinds_for
from vgateway.syncer.resources import NAMESPACES, NETWORKPOLICIES
from vgateway.syncer.rights import host_role_rules
from vgateway.syncer.steps import CreateHost, DeleteHost, PatchHost

MINE = {"podSelector": {"matchLabels": {"vcluster.loft.sh/managed-by": "vc"}}}
GATEWAY = {"podSelector": {"matchLabels": {"app": "vcluster", "release": "vc"}}}
SPREAD = Names("vc", "host-ns", Namespaces((("team-*", "vc-team-*"),), only=True))
WORK = VirtualKey("", "vc-work")
ALL = [WORK, VirtualKey("", "vc-cp"), VirtualKey("", "vc-kube-dns")]


def around(names: Names = NAMES, dns: Dns = Dns(Coredns()), **asked: Any) -> Surroundings:  # noqa: B008 - frozen
    return Surroundings(NetworkPolicy.model_validate({"enabled": True, **asked}), names, dns)


def tcp(*ports: int) -> list[Obj]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def test_workloads_reach_each_other_their_api_and_what_is_public() -> None:
    spec = workload_policy(around())
    assert spec["podSelector"] == MINE["podSelector"]
    assert spec["ingress"] == [{"from": [GATEWAY, MINE]}]
    gateway, siblings, public = spec["egress"]
    assert gateway == {"to": [GATEWAY], "ports": tcp(8443, 10250)}
    assert siblings == {"to": [MINE]}
    assert public["to"][0]["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert "10.0.0.0/8" in public["to"][0]["ipBlock"]["except"]


def test_what_is_added_stands_as_an_api_server_would_return_it() -> None:
    egress = [
        {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 1}]}
    ]
    ingress = [{"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]
    spec = workload_policy(around(workload={"egress": egress, "ingress": ingress, "publicEgress": {"enabled": False}}))
    assert spec["ingress"][1:] == ingress
    assert spec["egress"][2:] == [{**egress[0], "ports": tcp(1)}]


def test_the_control_plane_is_entered_at_its_port_and_reaches_the_host() -> None:
    spec = control_plane_policy(around(controlPlane={"ingress": [{"ports": [{"port": 9440}]}]}))
    assert spec["podSelector"] == GATEWAY["podSelector"]
    entered, nodes, own, added = spec["ingress"]
    assert entered == {"ports": tcp(8443)}
    assert nodes == {"from": [MINE], "ports": tcp(10250)}
    assert own == {"from": [GATEWAY]}
    assert added == {"ports": tcp(9440)}
    assert [rule.get("ports") for rule in spec["egress"]][1:] == [tcp(443, 6443, 8443), None]


def test_a_dns_beside_the_gateway_is_asked_there() -> None:
    embedded = Dns(Coredns(embedded=True))
    question = {"protocol": "UDP", "port": 1053}
    assert question in workload_policy(around(dns=embedded))["egress"][0]["ports"]
    assert question in control_plane_policy(around(dns=embedded))["ingress"][1]["ports"]


@pytest.mark.parametrize(
    ("dns", "servers"),
    [
        (Dns(Coredns(), fallbacks=("10.0.0.10", "fd00::a")), ["10.0.0.10/32", "fd00::a/128"]),
        (Dns(Coredns(), host_dns="10.9.0.10", fallbacks=("10.9.0.10",)), ["10.9.0.10/32"]),
    ],
)
def test_coredns_asks_the_name_servers_that_it_is_told_of(dns: Dns, servers: list[str]) -> None:
    (questions,) = dns_policy(around(dns=dns))["egress"]
    assert [peer["ipBlock"]["cidr"] for peer in questions["to"] if "ipBlock" in peer] == servers
    assert {port["port"] for port in questions["ports"]} == {53}


def test_told_of_none_it_asks_those_of_its_node_wherever_they_are() -> None:
    (questions,) = dns_policy(around())["egress"]
    assert set(questions) == {"ports"}


def test_namespaces_of_their_own_are_named_by_what_only_we_label() -> None:
    spec = workload_policy(around(names=SPREAD))
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "host-ns"}}}
    ours = {"namespaceSelector": {"matchLabels": {"vcluster.loft.sh/managed-by": SPREAD.cluster_marker}}}
    gateway, siblings = spec["ingress"][0]["from"]
    assert gateway == {**GATEWAY, **here}
    assert siblings["namespaceSelector"] == ours["namespaceSelector"]


@pytest.fixture
def world() -> World:
    found = World()
    found.view = replace(found.view, settings=replace(SETTINGS, dns=lambda: Dns(Coredns())))
    return found


def kind(*, enabled: bool = True, spread: bool = False, **asked: Any) -> IsolationKind:
    return IsolationKind(NetworkPolicy.model_validate({"enabled": enabled, **asked}), spread=spread)


def test_they_are_made_put_right_and_belong_to_the_host_service(world: World) -> None:
    asked = kind(labels={"team": "net", "vcluster.loft.sh/managed-by": "other"}, annotations={"who": "ops"})
    for key in ALL:
        (made,) = world.round(asked, key)
        assert isinstance(made, CreateHost)
        assert made.body["metadata"]["ownerReferences"][0]["name"] == "vc"
        assert made.body["metadata"]["labels"] == {"team": "net", "vcluster.loft.sh/managed-by": "vc"}
        assert world.plan(asked, key) == []

    policy = world.host[NETWORKPOLICIES].get("host-ns", "vc-work-vc")
    assert policy is not None
    right = dict(policy["spec"])
    policy["spec"] = {**right, "podSelector": {"matchLabels": {"no": "one"}}, "egress": [{}]}
    (step,) = world.round(asked, WORK)
    assert isinstance(step, PatchHost)
    changed = world.host[NETWORKPOLICIES].get("host-ns", "vc-work-vc")
    assert changed is not None
    assert changed["spec"] == right


def test_switched_off_they_go_but_only_what_is_provably_ours(world: World) -> None:
    for key in ALL:
        world.round(kind(), key)
    stranger = world.host[NETWORKPOLICIES].get("host-ns", "vc-cp-vc")
    assert stranger is not None
    del stranger["metadata"]["annotations"]["vcluster.loft.sh/isolates"]

    steps = [step for key in ALL for step in world.round(kind(enabled=False), key)]

    assert all(isinstance(step, DeleteHost) for step in steps)
    assert [name for _, name in sorted(world.host[NETWORKPOLICIES].keys())] == ["vc-cp-vc"]


def test_each_host_namespace_has_one_and_waits_for_it(world: World) -> None:
    world.view = replace(world.view, settings=replace(world.view.settings, names=SPREAD))
    asked, key = kind(spread=True), VirtualKey("team-a", "vc-work")
    assert world.plan(asked, key) == []
    marks = {"vcluster.loft.sh/object-name": "team-a", "vcluster.loft.sh/object-host-name": "vc-team-a"}
    world.host[NAMESPACES].put({"metadata": {"name": "vc-team-a", "annotations": marks}})
    (made,) = world.round(asked, key)
    assert isinstance(made, CreateHost)
    assert made.body["metadata"]["namespace"] == "vc-team-a"
    assert "ownerReferences" not in made.body["metadata"]
    assert world.plan(asked, WORK) == []


@pytest.mark.parametrize(
    ("network", "verbs"),
    [
        pytest.param({}, None, id="unasked"),
        pytest.param({"enabled": False}, ["delete", "get", "list", "watch"], id="switched-off"),
        pytest.param({"enabled": True}, ["create", "delete", "get", "list", "patch", "watch"], id="on"),
    ],
)
def test_the_rights_follow_from_the_switch(network: Obj, verbs: list[str] | None) -> None:
    rules = host_role_rules(kinds_for(parse_config(document(policies={"networkPolicy": network}))))
    found = [rule["verbs"] for rule in rules if rule["resources"] == ["networkpolicies"]]
    assert found == ([verbs] if verbs else [])


def test_policies_of_the_tenants_do_not_go_with_them() -> None:
    (found,) = problems_of(
        document(policies={"networkPolicy": {"enabled": True}}, sync={"toHost": {"networkPolicies": {"enabled": True}}})
    )
    assert found.startswith("policies.networkPolicy: it and sync.toHost.networkPolicies exclude each other")
