"""What a Service that is copied by name holds on the other side."""

from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_service
from vgateway.config.replication import ReplicateServices
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.replica.copies import Replication, replica_slice, replica_spec
from vgateway.syncer.kinds.replica.tohost import ToHostReplica
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.steps import CreateHost, DeleteHost, PatchHost, Tell
from vgateway.syncer.view import Place

PORT = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
KEY = VirtualKey("default", "web")
RULE = Replication(KEY, Place("", "outside"))


@pytest.mark.parametrize(
    ("spec", "copy"),
    [
        pytest.param(
            {"type": "LoadBalancer", "clusterIP": "10.96.0.7", "ports": [{**PORT, "nodePort": 31000}]},
            {"type": "ClusterIP", "ports": [PORT]},
            id="what-the-source-was-given-stays-with-it",
        ),
        pytest.param(
            {"clusterIP": "None", "ports": [PORT]},
            {"type": "ClusterIP", "clusterIP": "None", "ports": [PORT]},
            id="headless-stays-headless",
        ),
        pytest.param(
            {"type": "ExternalName", "externalName": "db.example.com"},
            {"type": "ExternalName", "externalName": "db.example.com"},
            id="a-name-elsewhere",
        ),
    ],
)
def test_a_copy_has_the_sources_ports_and_kind_of_address(spec: Obj, copy: Obj) -> None:
    assert replica_spec({"spec": spec}) == copy


def test_a_copied_slice_does_not_name_the_other_sides_pods_and_nodes() -> None:
    endpoint = {"addresses": ["10.0.0.5"], "conditions": {"ready": True}}
    there = {**endpoint, "nodeName": "node-1", "zone": "a", "targetRef": {"kind": "Pod", "name": "main"}}
    piece = replica_slice({"addressType": "IPv4", "endpoints": [there], "ports": [PORT], "metadata": {}})
    assert piece == {"addressType": "IPv4", "endpoints": [endpoint], "ports": [PORT]}


def test_a_tenants_service_is_found_on_the_host_by_the_tenants_own_pods_and_follows_its_selector() -> None:
    world, kind = World(), ToHostReplica(RULE)
    mine = world.virtual[SERVICES].put(a_service())
    (made,) = world.round(kind, KEY)
    assert isinstance(made, CreateHost)
    assert made.body["metadata"]["name"] == "outside"
    assert made.body["spec"]["selector"] == {
        "app": "web",
        "vcluster.loft.sh/managed-by": "vc",
        "vcluster.loft.sh/namespace": "default",
    }
    assert world.plan(kind, KEY) == []
    mine["spec"]["selector"] = {"tier": "front"}
    (patch,) = world.round(kind, KEY)
    assert isinstance(patch, PatchHost)
    copy = world.host[SERVICES].get(NAMES.host_namespace, "outside")
    assert copy is not None
    assert "app" not in copy["spec"]["selector"]
    assert copy["spec"]["selector"]["tier"] == "front"
    del world.virtual[SERVICES].by_key[(KEY.namespace, KEY.name)]
    assert [type(step) for step in world.plan(kind, KEY)] == [DeleteHost]


def test_a_service_of_somebody_else_on_the_host_is_told_of_and_left() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service())
    world.host[SERVICES].put({"metadata": {"name": "outside", "namespace": "host-ns"}, "spec": {}})
    (told,) = world.plan(ToHostReplica(RULE), KEY)
    assert isinstance(told, Tell)


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        pytest.param({"toHost": [{"from": "a/b", "to": "c/d"}]}, "a bare name is expected", id="elsewhere"),
        pytest.param(
            {"fromHost": [{"from": "a/b", "to": "x"}, {"from": "c", "to": "default/x"}]},
            "fromHost: two rules lead to",
            id="one-name-twice",
        ),
        pytest.param({"fromHost": [{"from": "a/b/c", "to": "x"}]}, "String should match pattern", id="no-name"),
    ],
)
def test_rules_that_lead_nowhere_are_refused(rules: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ReplicateServices.model_validate(rules)
