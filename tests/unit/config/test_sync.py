from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.load import parse_config, problems_of
from vgateway.config.tolerations import parse_toleration


def sync(**sides: Any) -> dict[str, Any]:
    return document(sync=sides)


def test_what_nobody_speaks_of_is_as_in_vcluster_yaml() -> None:
    to_host = parse_config(document()).sync.to_host
    switches = {name: getattr(to_host, name) for name in type(to_host).model_fields if name != "custom_resources"}
    on = {name for name, switch in switches.items() if switch.enabled is True}
    referenced = {"config_maps", "secrets", "persistent_volume_claims"}
    assert on == {"pods", "services", "endpoints", "endpoint_slices"} | referenced


@pytest.mark.parametrize(
    ("side", "given"),
    [
        ("toHost", {"ingresses": {"enabled": False}}),
        ("toHost", {"namespaces": {"enabled": False, "mappings": {}}}),
        ("toHost", {"pods": {"rewriteHosts": {"enabled": True, "initContainer": {"image": "x"}}}}),
        ("toHost", {"pods": {"useSecretsForSATokens": False, "hybridScheduling": {"enabled": False}}}),
        ("fromHost", {"nodes": {"enabled": False, "selector": {"all": False}}}),
        ("fromHost", {"storageClasses": {"enabled": "auto"}}),
        ("fromHost", {"configMaps": {"mappings": {"byName": {"": "mine/*", "a/*": "b/*", "/x": "b/y"}}}}),
    ],
)
def test_what_asks_for_nothing_or_is_done_already_is_accepted(side: str, given: Mapping[str, Any]) -> None:
    assert problems_of(sync(**{side: given})) == []


@pytest.mark.parametrize(
    ("side", "given", "line"),
    [
        pytest.param("toHost", {"pdos": {}}, "sync.toHost.pdos: unknown key", id="a typing error"),
        pytest.param(
            "toHost", {"gatewayApi": {"enabled": True}}, "sync.toHost.gatewayApi: not supported yet", id="not done"
        ),
        pytest.param(
            "toHost",
            {"customResources": {"a.b.c": {}}},
            "sync.toHost.customResources.a.b.c.kind: this key is required",
            id="a custom resource of which not enough is said",
        ),
        pytest.param(
            "fromHost",
            {"nodes": {"enable": True}},
            "sync.fromHost.nodes.enable: unknown key",
            id="a typing error below",
        ),
        pytest.param(
            "fromHost",
            {"customResources": {"a.b": {"enabled": True, "kind": "A"}}},
            "sync.fromHost.customResources.a.b: mappings.byName must say which objects are shown, "
            "not {'enabled': True, 'kind': 'A'}",
            id="custom resources of no place",
        ),
        pytest.param(
            "fromHost",
            {"secrets": {"mappings": {"byName": {"a/*": "b/c"}}}},
            "sync.fromHost.secrets.mappings.byName: 'a/*' and 'b/c': both or neither must mean a whole namespace, "
            "not {'a/*': 'b/c'}",
            id="a namespace onto one object",
        ),
        pytest.param(
            "toHost",
            {"pods": {"enforceTolerations": ["a=b:Never"]}},
            "sync.toHost.pods.enforceTolerations.0: the effect must be one of NoSchedule, PreferNoSchedule, NoExecute, "
            "not 'a=b:Never'",
            id="an effect that there is not",
        ),
    ],
)
def test_everything_else_is_refused_with_its_path(side: str, given: Mapping[str, Any], line: str) -> None:
    assert problems_of(sync(**{side: given})) == [line]


def test_every_problem_has_a_line_of_its_own() -> None:
    given = sync(toHost={"a": 1, "b": 2}) | {"logging": {"level": "loud"}, "networking": {"podCIDR": "10.0.0.0/8"}}
    assert [line.split(":")[0] for line in problems_of(given)] == [
        "networking.podCIDR",
        "sync.toHost.a",
        "sync.toHost.b",
        "logging.level",
    ]


@pytest.mark.parametrize(
    ("entry", "toleration"),
    [
        ("*", {"operator": "Exists"}),
        ("*:NoExecute", {"operator": "Exists", "effect": "NoExecute"}),
        ("gpu", {"key": "gpu", "operator": "Exists"}),
        ("example.com/gpu:NoSchedule", {"key": "example.com/gpu", "operator": "Exists", "effect": "NoSchedule"}),
        ("gpu=a100", {"key": "gpu", "operator": "Equal", "value": "a100"}),
        ("gpu=", {"key": "gpu", "operator": "Equal", "value": ""}),
        (
            "gpu=a100:PreferNoSchedule",
            {"key": "gpu", "operator": "Equal", "value": "a100", "effect": "PreferNoSchedule"},
        ),
    ],
)
def test_the_grammar_of_tolerations(entry: str, toleration: Mapping[str, str]) -> None:
    assert parse_toleration(entry) == toleration


@pytest.mark.parametrize("entry", ["", ":NoSchedule", "gpu:", "gpu:No", "-gpu", "a b", "*=x", "a/b/c", "k=v w"])
def test_what_kubernetes_would_refuse_is_a_mistake_of_the_configuration(entry: str) -> None:
    with pytest.raises(ValueError):
        parse_toleration(entry)


def test_classes_go_one_way_only() -> None:
    both = {"priorityClasses": {"enabled": True}}
    (line,) = problems_of(sync(toHost=both, fromHost=both))
    assert line.startswith("sync: toHost.priorityClasses and fromHost.priorityClasses exclude each other")


@pytest.mark.parametrize(
    ("on", "off"),
    [("persistentVolumes", "persistentVolumeClaims"), ("volumeSnapshotContents", "volumeSnapshots")],
)
def test_what_stands_behind_a_kind_does_not_cross_without_it(on: str, off: str) -> None:
    (line,) = problems_of(sync(toHost={on: {"enabled": True}, off: {"enabled": False}}))
    assert line.startswith(f"sync: toHost.{on} needs toHost.{off}")


def test_a_custom_resource_crosses_one_way_only() -> None:
    custom = {"a.b": {"enabled": True, "kind": "A"}}
    shown = {"a.b": {"enabled": True, "kind": "A", "scope": "Cluster"}}
    (line,) = problems_of(sync(toHost={"customResources": custom}, fromHost={"customResources": shown}))
    assert line.startswith("sync: a.b: either toHost.customResources or fromHost.customResources brings it")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scope": "Cluster", "mappings": {"byName": {"a/*": "b/*"}}}, "mappings are of namespaced objects"),
        ({"mappings": {"byName": {"a/*": "b/*"}}, "selector": {"matchLabels": {"a": "b"}}}, "selector is for scope"),
    ],
)
def test_what_is_meant_for_the_other_scope_is_refused(given: Mapping[str, Any], words: str) -> None:
    (line,) = problems_of(sync(fromHost={"customResources": {"a.b": {"enabled": True, "kind": "A", **given}}}))
    assert words in line
