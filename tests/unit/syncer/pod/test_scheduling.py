from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_pod
from vgateway.kube.objects import VirtualObj
from vgateway.kube.ownership import MANAGED_BY, NAMESPACE_LABEL
from vgateway.syncer.kinds.pod.scheduling import host_scheduling, matches
from vgateway.syncer.kinds.pod.spec import host_spec
from vgateway.syncer.metadata import host_label_key, namespace_label_key
from vgateway.syncer.resources import NAMESPACES

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
APP = {"matchLabels": {"app": "db"}}
WITH_APP = {"key": "app", "operator": "In", "values": ["db"]}


def term(**fields: Any) -> dict[str, Any]:
    affinity = {"podAntiAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname", **fields}]}}
    pod = a_pod(affinity=affinity)
    pod["metadata"]["labels"] = {"rev": "7"}
    world = World()
    world.virtual[NAMESPACES].put({"metadata": {"name": "other", "labels": {"team": "b"}}})
    found = host_scheduling(VirtualObj(pod), world.view)["affinity"]["podAntiAffinity"][REQUIRED]
    assert set(found[0]) <= {"topologyKey", "labelSelector"}
    selector: dict[str, Any] = found[0].get("labelSelector")
    return selector


def where(*namespaces: str) -> dict[str, Any]:
    return {"key": NAMESPACE_LABEL, "operator": "In", "values": list(namespaces)}


@pytest.mark.parametrize(
    ("fields", "expressions"),
    [
        pytest.param({"labelSelector": APP}, [WITH_APP, where("default")], id="its own namespace when none is named"),
        pytest.param(
            {"labelSelector": APP, "namespaces": ["a", "b"]}, [WITH_APP, where("a", "b")], id="those it names"
        ),
        pytest.param({"labelSelector": APP, "namespaceSelector": {}}, [WITH_APP], id="all of the tenant"),
        pytest.param(
            {"labelSelector": APP, "namespaceSelector": {"matchLabels": {"team": "b"}}},
            [WITH_APP, {"key": namespace_label_key(NAMES, "team"), "operator": "In", "values": ["b"]}],
            id="those it selects, by the labels pods carry of them",
        ),
        pytest.param(
            {"labelSelector": APP, "namespaces": ["a"], "namespaceSelector": {"matchLabels": {"team": "b"}}},
            [WITH_APP, where("a", "other")],
            id="both together",
        ),
        pytest.param(
            {"labelSelector": {}, "matchLabelKeys": ["rev"], "mismatchLabelKeys": ["rev", "none"]},
            [
                {"key": "rev", "operator": "In", "values": ["7"]},
                {"key": "rev", "operator": "NotIn", "values": ["7"]},
                where("default"),
            ],
            id="label keys are written out",
        ),
    ],
)
def test_a_term_about_pods_holds_for_the_tenants_own_only(fields: dict[str, Any], expressions: list[Any]) -> None:
    selector = term(**fields)
    assert selector["matchLabels"] == {MANAGED_BY: "vc"}
    assert selector["matchExpressions"] == expressions


def test_a_term_without_a_selector_still_selects_nothing() -> None:
    assert term() is None


def test_renamed_label_keys_are_renamed_in_selectors() -> None:
    (first, _) = term(labelSelector={"matchExpressions": [{"key": "release", "operator": "Exists"}]})[
        "matchExpressions"
    ]
    assert first == {"key": host_label_key(NAMES, "release"), "operator": "Exists"}


def test_spreading_counts_the_pods_of_the_namespace() -> None:
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": APP}]
    (found,) = host_scheduling(VirtualObj(a_pod(topologySpreadConstraints=spread)), World().view)[
        "topologySpreadConstraints"
    ]
    assert found["labelSelector"]["matchExpressions"] == [WITH_APP, where("default")]


def test_a_chosen_node_becomes_a_requirement_that_the_hosts_scheduler_keeps() -> None:
    own = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [1]}, {"matchExpressions": [2]}]}}}
    spec = host_spec(VirtualObj(a_pod(nodeName="n1", affinity=own)), World().view)
    assert "nodeName" not in spec
    field = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    terms = spec["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    assert terms == [
        {"matchExpressions": [1], "matchFields": [field]},
        {"matchExpressions": [2], "matchFields": [field]},
    ]


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({}, True),
    ],
)
def test_selectors_hold_as_in_kubernetes(selector: dict[str, Any], *, holds: bool) -> None:
    assert matches(selector, {"a": "1"}) is holds
