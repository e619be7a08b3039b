"""Small kinds: disruption budgets, service accounts, snapshots, and what a configuration declares."""

from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, host_of
from vgateway.kube.objects import Obj, Resource, VirtualKey
from vgateway.syncer.kinds.custom import CustomResourceKind, DefinitionKind, push_naming, with_host_names
from vgateway.syncer.kinds.disruptionbudget import DisruptionBudgetKind
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.serviceaccount import ServiceAccountKind
from vgateway.syncer.kinds.snapshot import SnapshotKind
from vgateway.syncer.resources import DEFINITIONS, DISRUPTIONBUDGETS, SERVICEACCOUNTS, SNAPSHOTS
from vgateway.syncer.rules import pull
from vgateway.syncer.steps import CreateHost, PatchHost, PatchVirtual

KEY = VirtualKey("default", "mine")
BUDGET, ACCOUNT, SNAPSHOT = DisruptionBudgetKind(), ServiceAccountKind(), SnapshotKind()


def budget(status: Obj | None = None, **spec: Any) -> Obj:
    selector = {"matchLabels": {"release": "one"}}
    meta = {"name": "mine", "namespace": "default"}
    return {"metadata": meta, "spec": {"selector": selector, **spec}, "status": status or {}}


@pytest.mark.parametrize(
    ("given", "healthy"),
    [
        pytest.param(budget(minAvailable=2), 2, id="a-number-stays"),
        pytest.param(
            budget({"desiredHealthy": 3, "observedGeneration": 1}, minAvailable="50%"), 3, id="a-share-is-counted"
        ),
        pytest.param(
            budget({"desiredHealthy": 4, "observedGeneration": 1}, maxUnavailable=1), 4, id="a-gap-is-counted"
        ),
    ],
)
def test_a_budget_protects_the_tenants_pods_of_its_namespace_only(given: Obj, healthy: int) -> None:
    world = World()
    world.virtual[DISRUPTIONBUDGETS].put(given)
    world.round(BUDGET, KEY)
    spec = host_of(world, DISRUPTIONBUDGETS, "mine")["spec"]
    assert spec["minAvailable"] == healthy
    assert spec["selector"]["matchLabels"] == {"vcluster.loft.sh/managed-by": "vc"}
    keys = {one["key"]: one["values"] for one in spec["selector"]["matchExpressions"]}
    assert keys.pop("vcluster.loft.sh/namespace") == ["default"]
    assert list(keys.values()) == [["one"]]
    assert "release" not in keys
    assert world.plan(BUDGET, KEY) == []


def test_a_budget_waits_until_the_tenants_cluster_has_counted() -> None:
    world = World()
    world.virtual[DISRUPTIONBUDGETS].put(budget(maxUnavailable=1))
    assert world.plan(BUDGET, KEY) == []


def test_the_policy_for_unhealthy_pods_follows() -> None:
    world = World()
    mine = world.virtual[DISRUPTIONBUDGETS].put(budget(minAvailable=1))
    world.round(BUDGET, KEY)
    mine["spec"]["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    (patch,) = world.round(BUDGET, KEY)
    assert isinstance(patch, PatchHost)
    assert patch.patch == {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}


def test_a_service_account_is_a_name_with_annotations_and_no_token() -> None:
    world = World()
    meta = {"name": "mine", "namespace": "default", "annotations": {"cloud/role": "reader"}}
    secrets = {"secrets": [{"name": "s"}], "imagePullSecrets": [{"name": "p"}]}
    world.virtual[SERVICEACCOUNTS].put({"metadata": meta, **secrets})
    (made,) = world.round(ACCOUNT, KEY)
    assert isinstance(made, CreateHost)
    assert made.body["automountServiceAccountToken"] is False
    assert made.body["metadata"]["annotations"]["cloud/role"] == "reader"
    assert not {"secrets", "imagePullSecrets"} & set(made.body)
    assert world.plan(ACCOUNT, KEY) == []


def test_a_snapshot_is_taken_of_the_hosts_claim_and_reports_back() -> None:
    world = World()
    source = {"source": {"persistentVolumeClaimName": "data"}, "volumeSnapshotClassName": "csi"}
    world.virtual[SNAPSHOTS].put({"metadata": {"name": "mine", "namespace": "default"}, "spec": source})
    world.round(SNAPSHOT, KEY)
    copy = host_of(world, SNAPSHOTS, "mine")
    assert copy["spec"]["source"] == {"persistentVolumeClaimName": NAMES.host_name("data", "default")}
    copy["status"] = {"readyToUse": True}
    (status,) = world.round(SNAPSHOT, KEY)
    (mine,) = world.virtual[SNAPSHOTS]
    assert status == PatchVirtual(SNAPSHOTS, KEY, {"status": {"readyToUse": True}}, "status", mine["metadata"]["uid"])
    assert world.plan(SNAPSHOT, KEY) == []


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a": "n"}, ["a"], {"a": "n-x-ns-x-vc"}),
        ({"a": [{"b": "n"}, {"c": 1}]}, ["a", "[]", "b"], {"a": [{"b": "n-x-ns-x-vc"}, {"c": 1}]}),
        ({"a": ["n", "m"]}, ["a", "[]"], {"a": ["n-x-ns-x-vc", "m-x-ns-x-vc"]}),
        ({"a": ""}, ["a"], {"a": ""}),
        ({"a": 7}, ["a", "b"], {"a": 7}),
        ({"a": {"b": "n"}}, ["a", "[]"], {"a": {"b": "n"}}),
        ({}, ["a"], {}),
    ],
)
def test_names_at_a_path_are_translated_and_anything_else_is_left(value: Any, path: list[str], expected: Any) -> None:
    assert with_host_names(value, path, "ns", NAMES) == expected


WIDGETS = Resource("example.io", "v1", "widgets", "Widget")
DEFINITION = VirtualKey("", "widgets.example.io")


def test_a_declared_resource_is_synced_by_its_declared_rules() -> None:
    world = World()
    world.adopt(WIDGETS)
    kind = CustomResourceKind(WIDGETS, (push_naming("spec", ["spec.tls[].secretName"]), pull("status")))
    spec = {"size": 3, "tls": [{"secretName": "cert"}]}
    world.virtual[WIDGETS].put({"metadata": {"name": "mine", "namespace": "default"}, "spec": spec})
    (made,) = world.round(kind, KEY)
    assert isinstance(made, CreateHost)
    assert made.body["apiVersion"] == "example.io/v1"
    assert made.body["spec"] == {"size": 3, "tls": [{"secretName": NAMES.host_name("cert", "default")}]}
    assert kind.host_rights == {WIDGETS: {"": ("get", "list", "watch", "create", "patch", "delete")}}
    assert world.plan(kind, KEY) == []


def a_definition() -> Obj:
    spec = {"group": "example.io", "conversion": {"strategy": "Webhook", "webhook": {}}, "versions": [{"name": "v1"}]}
    return {"metadata": {"name": DEFINITION.name}, "spec": spec, "status": {"conditions": []}}


def test_the_definition_comes_from_the_host_without_its_webhook_and_stays_when_the_hosts_goes() -> None:
    world, kind = World(), DefinitionKind(WIDGETS)
    world.host[DEFINITIONS].put(a_definition())
    world.round(kind, DEFINITION)
    (copy,) = world.virtual[DEFINITIONS]
    assert copy["spec"]["conversion"] == {"strategy": "None"}
    assert copy["metadata"]["labels"] == {FROM_HOST: "true"}
    assert "status" not in copy
    assert world.plan(kind, DEFINITION) == []
    world.host[DEFINITIONS].by_key.clear()
    assert world.plan(kind, DEFINITION) == []


def test_other_definitions_are_left_alone() -> None:
    world, kind = World(), DefinitionKind(Resource("other.io", "v1", "gadgets", "Gadget"))
    world.host[DEFINITIONS].put(a_definition())
    assert world.plan(kind, DEFINITION) == []
