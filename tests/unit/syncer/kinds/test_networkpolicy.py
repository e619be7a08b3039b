"""NetworkPolicies on the host select the tenant's pods and nobody else's."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, host_of
from vgateway.kube.namespaces import Namespaces
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.networkpolicy import NetworkPolicyKind, host_policy
from vgateway.syncer.metadata import host_label_key, namespace_label_key
from vgateway.syncer.resources import NETWORKPOLICIES

MINE = {"vcluster.loft.sh/managed-by": "vc"}
HERE = {"key": "vcluster.loft.sh/namespace", "operator": "In", "values": ["default"]}
ENV = {"key": namespace_label_key(NAMES, "env"), "operator": "In", "values": ["prod"]}


def equals(key: str, value: str) -> Obj:
    return {"key": key, "operator": "In", "values": [value]}


def selector(*expressions: Obj) -> Obj:
    return {"podSelector": {"matchLabels": MINE, "matchExpressions": list(expressions)}}


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param({"podSelector": {}}, selector(HERE), id="all-pods-of-its-namespace"),
        pytest.param(
            {"podSelector": {"matchLabels": {"app": "web"}}}, selector(equals("app", "web"), HERE), id="some-of-them"
        ),
        pytest.param(
            {"podSelector": {"matchLabels": {"release": "one"}}},
            selector(equals(host_label_key(NAMES, "release"), "one"), HERE),
            id="by-a-label-that-is-renamed",
        ),
        pytest.param({"namespaceSelector": {}}, selector(), id="all-pods-of-the-tenant"),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"env": "prod"}}}, selector(ENV), id="pods-of-chosen-namespaces"
        ),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"env": "prod"}}, "podSelector": {"matchLabels": {"app": "web"}}},
            selector(equals("app", "web"), ENV),
            id="chosen-pods-of-chosen-namespaces",
        ),
        pytest.param(
            {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}},
            {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}},
            id="addresses-as-they-are",
        ),
    ],
)
@pytest.mark.parametrize(("direction", "peers"), [("ingress", "from"), ("egress", "to")])
def test_a_peer_is_confined_to_the_tenant(direction: str, peers: str, peer: Obj, expected: Obj) -> None:
    ports = [{"protocol": "TCP", "port": 80, "endPort": 90}]
    spec = {"podSelector": {}, direction: [{peers: [peer], "ports": ports}]}
    (rule,) = host_policy(spec, "default", NAMES)[direction]
    assert rule == {peers: [expected], "ports": ports}


SPREAD = replace(NAMES, spread=Namespaces())
OURS = {"matchLabels": {"vcluster.loft.sh/managed-by": SPREAD.cluster_marker}}


@pytest.mark.parametrize(
    ("peer", "where"),
    [
        pytest.param({"podSelector": {}}, None, id="its-own-namespace-is-the-hosts-too"),
        pytest.param({"namespaceSelector": {}}, OURS, id="all-that-are-the-tenants"),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"env": "prod"}}, "podSelector": {}}, OURS, id="chosen-ones"
        ),
        pytest.param({"ipBlock": {"cidr": "192.0.2.0/24"}}, None, id="addresses"),
    ],
)
def test_peers_elsewhere_are_in_the_tenants_own_host_namespaces(peer: Obj, where: Obj | None) -> None:
    (rule,) = host_policy({"podSelector": {}, "ingress": [{"from": [peer]}]}, "default", SPREAD)["ingress"]
    assert rule["from"][0].get("namespaceSelector") == where


def test_the_dns_is_in_another_host_namespace_there() -> None:
    egress = [{"ports": [{"protocol": "UDP", "port": 53}]}]
    _, dns = host_policy({"podSelector": {}, "egress": egress}, "default", SPREAD)["egress"]
    assert dns["to"][0]["namespaceSelector"] == OURS


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param({"ingress": []}, id="an-empty-list-allows-nobody"),
        pytest.param({"ingress": [{}]}, id="an-empty-rule-allows-everybody"),
        pytest.param({"egress": [{"ports": [{"port": 80, "protocol": "TCP"}]}]}, id="ports-of-everybody"),
        pytest.param({"policyTypes": ["Ingress", "Egress"]}, id="types-without-rules"),
    ],
)
def test_what_a_missing_peer_means_stays(rules: dict[str, Any]) -> None:
    translated = host_policy({"podSelector": {}, **rules}, "default", NAMES)
    assert {key: value for key, value in translated.items() if key != "podSelector"} == rules


QUESTION = [{"protocol": "UDP", "port": 53}]
ELSEWHERE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}


@pytest.mark.parametrize(
    ("rule", "protocols"),
    [
        pytest.param({"ports": QUESTION}, ["UDP"], id="questions-to-anybody"),
        pytest.param({"to": [{"namespaceSelector": {}}], "ports": QUESTION}, ["UDP"], id="to-any-namespace"),
        pytest.param(
            {"to": [{**ELSEWHERE, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}], "ports": QUESTION},
            ["UDP"],
            id="to-what-is-the-dns-elsewhere",
        ),
        pytest.param(
            {"to": [ELSEWHERE], "ports": [{"protocol": "TCP", "port": 1, "endPort": 100}, *QUESTION]},
            ["TCP", "UDP"],
            id="a-range-of-ports",
        ),
        pytest.param({"to": [{"podSelector": {}}], "ports": QUESTION}, [], id="to-its-own-namespace-only"),
        pytest.param(
            {"to": [{**ELSEWHERE, "podSelector": {"matchLabels": {"app": "web"}}}], "ports": QUESTION},
            [],
            id="to-other-pods",
        ),
        pytest.param({"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": QUESTION}, [], id="to-addresses"),
        pytest.param({"ports": [{"protocol": "TCP", "port": 80}]}, [], id="no-questions"),
        pytest.param({}, [], id="everything"),
    ],
)
def test_who_may_ask_the_clusters_dns_may_ask_it_where_it_listens_here(rule: Obj, protocols: list[str]) -> None:
    _, *added = host_policy({"podSelector": {}, "egress": [rule]}, "default", NAMES)["egress"]
    assert [[port["protocol"] for port in one["ports"]] for one in added] == ([protocols] if protocols else [])
    for one in added:
        assert {port["port"] for port in one["ports"]} == {1053}
        assert one["to"][0]["podSelector"]["matchLabels"] == MINE


def test_a_policy_is_about_pods_of_its_own_namespace_and_follows_every_change() -> None:
    world, kind, key = World(), NetworkPolicyKind(), VirtualKey("default", "mine")
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"], "ingress": [{}]}
    mine = world.virtual[NETWORKPOLICIES].put({"metadata": {"name": "mine", "namespace": "default"}, "spec": spec})
    world.round(kind, key)
    copy = host_of(world, NETWORKPOLICIES, "mine")["spec"]
    assert copy["podSelector"] == selector(equals("app", "db"), HERE)["podSelector"]

    mine["spec"] = {"podSelector": {}, "policyTypes": ["Egress"]}
    world.round(kind, key)

    assert host_of(world, NETWORKPOLICIES, "mine")["spec"] == {
        "podSelector": selector(HERE)["podSelector"],
        "policyTypes": ["Egress"],
    }
    assert world.plan(kind, key) == []
