"""Resolve rules: what they may say, and what contradicts what."""

from typing import Any

import pytest

from vgateway.config.patterns import Pattern, hostname, pattern_of
from vgateway.config.resolving import Goal
from vgateway.errors import ConfigError
from vgateway.local.gateway import config_of


def rules(*given: dict[str, Any], key: str = "resolveServices") -> dict[str, Any]:
    return {"networking": {key: list(given)}}


def rule(source: dict[str, str], **target: Any) -> dict[str, Any]:
    return {**source, "target": target}


SERVICE = {"service": "team/web"}
NAME = {"hostname": "api.example.com"}


@pytest.mark.parametrize(
    ("given", "goal"),
    [
        (rule(SERVICE, vcluster={"service": "h/vc/ns/name"}), Goal("virtual", "h/vc/ns/name")),
        (rule(SERVICE, vClusterService="h/vc/ns/name"), Goal("virtual", "h/vc/ns/name")),
        (rule(SERVICE, host={"service": "ns/name"}), Goal("service", "ns/name")),
        (rule(SERVICE, hostService="ns/name"), Goal("service", "ns/name")),
        (rule({"namespace": "team"}, host={"namespace": "ns"}), Goal("namespace", "ns")),
        (rule({"namespace": "team"}, hostNamespace="ns"), Goal("namespace", "ns")),
        (rule(NAME, external={"hostname": "Other.Example.com."}), Goal("hostname", "other.example.com")),
        (rule(NAME, hostname="other.example.com"), Goal("hostname", "other.example.com")),
        (rule(NAME, external={"ip": "192.0.2.1"}), Goal("ip", "192.0.2.1")),
        (rule(NAME, ip="2001:db8::1"), Goal("ip", "2001:db8::1")),
        (rule({"hostname": "*.a"}, hostname="*.b"), Goal("hostname", "*.b")),
        (rule({"hostname": "a.*"}, hostname="b.*"), Goal("hostname", "b.*")),
    ],
)
@pytest.mark.parametrize("key", ["resolveServices", "resolveDNS"])
def test_a_target_may_be_spelled_in_two_ways(given: dict[str, Any], goal: Goal, key: str) -> None:
    (found,) = config_of(rules(given, key=key)).networking.rules
    assert found.goal == goal


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([rule(SERVICE)], r"networking\.resolveServices\.0\.target: exactly one of hostname, ip,"),
        ([rule(SERVICE, ip="192.0.2.1", hostname="a.b")], r"resolveServices\.0\.target: exactly one"),
        ([rule(SERVICE, ip="192.0.2")], r"resolveServices\.0\.target\.ip: "),
        ([rule(SERVICE, host={})], r"resolveServices\.0\.target\.host: exactly one of service, namespace"),
        ([rule(SERVICE, hostService="name")], r"resolveServices\.0\.target\.hostService: "),
        ([rule(SERVICE, vClusterService="ns/name")], r"resolveServices\.0\.target\.vClusterService: "),
        ([rule({"service": "web"}, ip="192.0.2.1")], r"resolveServices\.0\.service: "),
        ([rule({}, ip="192.0.2.1")], r"resolveServices\.0: exactly one of hostname, service, namespace"),
        ([rule(SERVICE | NAME, ip="192.0.2.1")], r"resolveServices\.0: exactly one of hostname, service, namespace"),
        ([rule({"namespace": "a"}, ip="192.0.2.1")], r"resolveServices\.0: a namespace is answered with a namespace"),
        ([rule(SERVICE, hostNamespace="a")], r"resolveServices\.0: a namespace is answered with a namespace"),
        ([rule({"hostname": "a.*.b"}, ip="192.0.2.1")], r"resolveServices\.0\.hostname: \* may stand once"),
        ([rule({"hostname": "*.a.*"}, ip="192.0.2.1")], r"resolveServices\.0\.hostname: \* may stand once"),
        ([rule({"hostname": "a_{$b}"}, ip="192.0.2.1")], r"resolveServices\.0\.hostname: a host name is expected"),
        ([rule({"hostname": "a b"}, ip="192.0.2.1")], r"resolveServices\.0\.hostname: a host name is expected"),
        ([rule(NAME, hostname="*.b")], r"resolveServices\.0: the target has a \*"),
        ([rule({"hostname": "*.a"}, hostname="b.*")], r"resolveServices\.0: the \* of the target"),
        ([rule(NAME, ip="192.0.2.1"), rule(NAME, ip="192.0.2.2")], r"resolveServices\.1: .* that rule 0 is about"),
        (
            [rule({"namespace": "team"}, hostNamespace="a"), rule(SERVICE, ip="192.0.2.1")],
            r"resolveServices\.1: .* that rule 0 is about",
        ),
        (
            [rule(SERVICE, ip="192.0.2.1"), rule({"hostname": "x.web.team.svc.cluster.local"}, ip="192.0.2.1")],
            r"resolveServices\.1: .* that rule 0 is about",
        ),
        ([rule(NAME, hostname="api.example.com")], r"resolveServices\.0: it names itself"),
        ([rule({"hostname": "*.a"}, hostname="*.b.a")], r"resolveServices\.0: it names itself"),
        ([rule(SERVICE, hostname="web.team.svc.cluster.local")], r"resolveServices\.0: it names itself"),
        ([rule(SERVICE, vClusterService="example/example/team/web")], r"resolveServices\.0: it names itself"),
        (
            [rule(NAME, hostname="a.b"), rule({"hostname": "*.b"}, hostname="api.example.com")],
            r"resolveServices\.0: its target is a name of rule 1",
        ),
    ],
)
def test_a_rule_that_means_nothing_is_named_by_its_path(given: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config_of(rules(*given))


def test_rules_have_one_section() -> None:
    both = (
        rules(rule(NAME, ip="192.0.2.1"))["networking"]
        | rules(rule(SERVICE, ip="192.0.2.1"), key="resolveDNS")["networking"]
    )
    with pytest.raises(ConfigError, match="only one of them"):
        config_of({"networking": both})


def test_the_order_of_fallbacks_is_kept_and_the_short_spelling_is_the_first() -> None:
    advanced = {"fallback": [{"ip": "192.0.2.53"}], "fallbackHostCluster": True}
    found = config_of({"networking": {"advanced": advanced}}).networking.advanced.fallbacks
    assert [(one.ip, one.host_cluster) for one in found] == [(None, True), ("192.0.2.53", False)]
    with pytest.raises(ConfigError, match=r"networking\.advanced\.fallback\.0: either an ip or"):
        config_of({"networking": {"advanced": {"fallback": [{"ip": "192.0.2.53", "hostCluster": True}]}}})


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a.b", "a.b", True),
        ("a.b", "c.a.b", False),
        ("*.b", "a.b", True),
        ("*.b", "b", False),
        ("*.b", "ab", False),
        ("*.b", "*.a.b", True),
        ("*.b", "*.c", False),
        ("a.*", "a.b.c", True),
        ("a.*", "ab.c", False),
        ("a.*", "a.b.*", True),
        ("a.*", "*.b", True),
    ],
)
def test_patterns_meet_where_a_name_is_in_both(one: str, other: str, meet: bool) -> None:
    assert pattern_of(one).meets(pattern_of(other)) is meet
    assert pattern_of(other).meets(pattern_of(one)) is meet


def test_a_deep_pattern_holds_what_is_below_its_name() -> None:
    assert pattern_of("a.b", deep=True) == Pattern(exact="a.b", suffix=".a.b")
    assert pattern_of("a.b", deep=True).meets(pattern_of("x.a.b"))
    assert hostname("A.B.") == "a.b"
