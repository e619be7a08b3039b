"""The Corefile as text: which parts each setting brings."""

from dataclasses import replace
from typing import Any

import pytest

from vgateway.dns.corefile import Surroundings, corefile
from vgateway.dns.values import Dns, dns_of, needs_host_dns
from vgateway.local.gateway import config_of

RESOLVER = "# a comment\nsearch a.b\nnameserver 10.96.0.10\nnameserver 192.0.2.1\n"


def dns(*rules: dict[str, Any], **advanced: Any) -> Dns:
    return dns_of(config_of({"networking": {"resolveServices": list(rules), "advanced": advanced}}), RESOLVER)


def lines(found: Dns, around: Surroundings | None = None) -> list[str]:
    return [line.strip() for line in corefile(found, around or Surroundings()).splitlines()]


def blocks(found: Dns) -> dict[str, list[str]]:
    """Return the lines of each server block by its keys; a block that only a view opens by that view's name."""
    parts = corefile(found).split("\n}\n")
    result = {}
    for part in parts:
        keys, _, body = part.partition(" {\n")
        inner = [line.strip() for line in body.splitlines()]
        view = next((line.split()[1] for line in inner if line.startswith("view ")), "")
        result[f"{keys} {view}".strip()] = inner
    return result


def test_without_settings_it_serves_the_cluster_and_asks_the_node_for_the_rest() -> None:
    found = lines(dns())
    assert ".:1053 {" in found
    assert "kubernetes cluster.local in-addr.arpa ip6.arpa {" in found
    assert "fallthrough in-addr.arpa ip6.arpa" in found
    assert "forward . /etc/resolv.conf" in found
    assert "ttl 5" in found
    assert found[-1] == "import /etc/coredns/custom/*.server"


def test_fallbacks_are_asked_in_order_each_when_the_ones_before_do_not_know() -> None:
    text = corefile(dns(fallback=[{"ip": "192.0.2.53"}, {"hostCluster": True}]))
    first, second = "forward . 192.0.2.53 10.96.0.10 {", "forward . 10.96.0.10 {"
    assert text.index(first) < text.index("next NXDOMAIN") < text.index(second)
    assert text.count("next NXDOMAIN") == 1
    assert "resolv.conf" not in text


def test_names_of_the_clusters_own_domain_are_looked_for_on_the_host_only_if_asked_for() -> None:
    assert "forward cluster.local 10.96.0.10" in lines(dns(fallbackHostCluster=True))
    assert "fallthrough in-addr.arpa ip6.arpa cluster.local" in lines(dns(fallbackHostCluster=True))
    assert not any(line.startswith("forward cluster.local") for line in lines(dns(fallback=[{"ip": "192.0.2.53"}])))


def test_a_domain_of_its_own_becomes_the_hosts_on_the_way_there() -> None:
    found = blocks(dns(fallbackHostCluster=True, clusterDomain="tenant.test"))
    renamed = "rewrite stop name suffix .svc.tenant.test. .svc.cluster.local. answer auto"
    assert renamed in found["tenant.test:1054"]
    assert "bind 127.0.0.1" in found["tenant.test:1054"]
    assert "forward tenant.test 127.0.0.1:1054" in found[".:1053"]


def test_a_rule_about_a_service_is_a_zone_that_the_host_answers() -> None:
    found = blocks(dns({"service": "team/web", "target": {"vcluster": {"service": "other-ns/other/shop/api"}}}))
    rule = found["web.team.svc.cluster.local:1053"]
    target = "api-x-shop-x-other.other-ns.svc.cluster.local."
    assert f"rewrite stop name exact web.team.svc.cluster.local. {target}" in rule
    assert f"rewrite stop name suffix .web.team.svc.cluster.local. .{target} answer auto" in rule
    assert rule[-1] == "forward . 10.96.0.10"


def test_long_names_of_other_virtual_clusters_are_shortened_as_on_the_host() -> None:
    long = "a" * 60
    (answer,) = dns({"service": "team/web", "target": {"vClusterService": f"h/other/shop/{long}"}}).answers
    label = answer.name.partition(".")[0]
    assert len(label) == 63
    assert label.startswith("a" * 52 + "-")


def test_a_rule_about_a_namespace_renames_all_that_is_below_it() -> None:
    found = blocks(dns({"namespace": "team", "target": {"hostNamespace": "shared"}}))
    rule = found["team.svc.cluster.local:1053"]
    assert "rewrite stop name suffix .team.svc.cluster.local. .shared.svc.cluster.local. answer auto" in rule


@pytest.mark.parametrize(
    ("source", "target", "expression", "rewrite"),
    [
        ("a.test", "b.test", "name() in ['a.test.']", "name exact a.test. b.test."),
        ("*.a.test", "*.b.test", "name() endsWith '.a.test.'", "name suffix .a.test. .b.test. answer auto"),
        ("*.a.test", "b.test", "name() endsWith '.a.test.'", r"name regex ^.+\.a\.test[.]$ b.test. answer auto"),
        ("a.*", "b.*", "name() startsWith 'a.'", "name prefix a. b. answer auto"),
        ("a.*", "b.test", "name() startsWith 'a.'", r"name regex ^a\..+$ b.test. answer auto"),
    ],
)
def test_a_rule_about_host_names_is_open_for_these_only(
    source: str, target: str, expression: str, rewrite: str
) -> None:
    rule = blocks(dns({"hostname": source, "target": {"hostname": target}}))[".:1053 name"]
    assert f"expr {expression}" in rule
    assert f"rewrite stop {rewrite}" in rule
    assert rule[-1] == "forward . 127.0.0.1:1053"


def test_addresses_are_told_for_these_names_and_for_nothing_below_them() -> None:
    one, many = {"hostname": "a.test"}, {"hostname": "*.b.test"}
    found = blocks(dns(one | {"target": {"ip": "192.0.2.1"}}, many | {"target": {"ip": "2001:db8::1"}}))[".:1053 ip"]
    assert "expr name() in ['a.test.'] || name() endsWith '.b.test.'" in found
    assert "template IN A a.test {" in found
    assert r'match "^a\.test[.]$"' in found
    assert "template IN AAAA b.test {" in found
    assert found[-3:] == ["template ANY ANY . {", "rcode NXDOMAIN", "}"]
    assert 'answer "{{ .Name }} 5 IN AAAA 2001:db8::1"' in found


def test_rules_do_not_lengthen_the_way_of_other_names() -> None:
    many = [{"service": f"team/s{n}", "target": {"hostService": f"shared/s{n}"}} for n in range(200)]
    assert blocks(dns(*many))[".:1053"] == blocks(dns())[".:1053"]


def test_a_whole_corefile_of_the_operators_takes_the_place_of_ours() -> None:
    found = dns()
    assert corefile(replace(found, coredns=found.coredns.model_copy(update={"overwrite_config": "mine"}))) == "mine"


def test_beside_a_gateway_it_keeps_to_its_address_and_to_no_files_of_the_tenants() -> None:
    around = Surroundings(node_hosts="/d/NodeHosts", custom="", address="10.0.0.7", kubeconfig="/d/kubeconfig")
    found = lines(dns({"hostname": "a.test", "target": {"hostname": "b.test"}}), around)
    assert found.count("bind 10.0.0.7") == 2
    assert "kubeconfig /d/kubeconfig" in found
    assert "forward . 10.0.0.7:1053" in found
    assert not any(line.startswith("import") for line in found)


def test_the_host_clusters_dns_must_be_known_only_to_those_who_ask_it() -> None:
    assert not needs_host_dns(dns())
    assert not needs_host_dns(dns({"hostname": "a.test", "target": {"ip": "192.0.2.1"}}))
    assert needs_host_dns(dns(fallbackHostCluster=True))
    assert needs_host_dns(dns({"service": "a/b", "target": {"hostService": "c/d"}}))
