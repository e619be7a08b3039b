"""What a Service that is copied by name holds on the other side."""

from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, Objects, World, a_service, writes
from vgateway.config.replication import ReplicateServices
from vgateway.errors import ConfigError
from vgateway.kube.objects import Obj, VirtualKey, annotations
from vgateway.local.gateway import config_of
from vgateway.syncer.kind import Kind
from vgateway.syncer.kinds.backends import SERVICE_NAME
from vgateway.syncer.kinds.replica import replicas
from vgateway.syncer.kinds.replica.copies import REPLICA, Replication, replica_slice, replica_spec
from vgateway.syncer.kinds.replica.tohost import ToHostReplica
from vgateway.syncer.registry import KINDS, with_replication
from vgateway.syncer.resources import ENDPOINTSLICES, SERVICES
from vgateway.syncer.sources import all_indexes, all_sources, place_sources
from vgateway.syncer.steps import CreateHost, DeleteHost, DeleteVirtual, PatchHost, Tell
from vgateway.syncer.view import Place
from vgateway.syncer.waker import every_key

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


MAIN, SPARE = (Place("databases", name) for name in ("main", "spare"))
DATABASE = VirtualKey("default", "database")


class Replicated:
    """A host with two databases, and a tenant who sees those that the rules say."""

    def __init__(self, *rules: Replication) -> None:
        self.world = World()
        self.kinds: tuple[Kind, ...] = ()
        self.change(*rules)
        self.settle()

    def change(self, *rules: Replication) -> None:
        self.kinds = tuple(replicas(rules, ()))
        places = self.world.view.places
        assert isinstance(places, dict)
        for resource, place in place_sources(self.kinds):
            found = places[resource, place] = Objects()
            for name in ("main", "spare"):
                if resource is SERVICES and place.name == name:
                    found.put({"metadata": {"name": name, "namespace": "databases"}, "spec": {"ports": [PORT]}})
                if resource is ENDPOINTSLICES:
                    marks = {"name": f"{name}-1", "namespace": "databases", "labels": {SERVICE_NAME: name}}
                    found.put({"metadata": marks, "addressType": "IPv4", "endpoints": [], "ports": [PORT]})

    def settle(self) -> list[Any]:
        """Look at every key of every kind until there is nothing more to do; return what was done."""
        done: list[Any] = []
        for _ in range(5):
            view = self.world.view
            found = [
                step
                for kind in self.kinds
                for key in sorted(every_key(kind, view))
                for step in self.world.round(kind, key)
            ]
            if not writes(found):
                return done
            done += writes(found)
        raise AssertionError(f"it never comes to rest: {done}")

    def services(self) -> dict[str, str]:
        return {name: annotations(one)[REPLICA] for (_, name), one in self.world.virtual[SERVICES].by_key.items()}

    def slices(self) -> list[str]:
        return sorted(one["metadata"]["labels"][SERVICE_NAME] for one in self.world.virtual[ENDPOINTSLICES])


def rule(place: Place, name: str = "database") -> Replication:
    return Replication(VirtualKey("default", name), place)


def test_two_rules_into_one_namespace_leave_each_others_slices_alone() -> None:
    found = Replicated(rule(MAIN), rule(SPARE, "other"))
    assert found.slices() == ["database", "other"]


def test_rules_that_come_and_go_bring_and_take_their_copies() -> None:
    found = Replicated(rule(MAIN))
    found.change(rule(MAIN), rule(SPARE, "other"))
    assert {type(step).__name__ for step in found.settle()} == {"CreateVirtual"}
    found.change(rule(SPARE, "other"))
    assert {type(step).__name__ for step in found.settle()} == {"DeleteVirtual"}
    assert found.slices() == list(found.services()) == ["other"]


def test_a_copy_whose_rule_names_another_source_stays_and_leads_there() -> None:
    found = Replicated(rule(MAIN))
    found.change(rule(SPARE))
    done = found.settle()
    assert not [step for step in done if isinstance(step, DeleteVirtual) and step.resource is SERVICES]
    assert found.services() == {"database": "host-ns-x-vc default/database databases/spare"}
    assert found.slices() == ["database"]


def test_whatever_the_rules_say_nothing_new_is_followed_but_places() -> None:
    rules = {
        "fromHost": [{"from": "databases/main", "to": "apps/database"}],
        "toHost": [{"from": "shop/web", "to": "shop-web", "deleteOnRemoval": True}],
    }
    kinds = with_replication(KINDS, config_of({"networking": {"replicateServices": rules}}))
    assert all_sources(kinds) == all_sources(KINDS)
    assert all_indexes(kinds) == all_indexes(KINDS)
    assert {place for _, place in place_sources(kinds)} == {MAIN, Place("databases")}
    assert [one.name for one in with_replication(kinds, config_of({}))] == [one.name for one in KINDS]


OWN = config_of({}).gateway


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        pytest.param(
            {"fromHost": [{"from": "a/b", "to": "default/kubernetes"}]},
            "fromHost.0: the tenant's API has that name",
            id="the-tenants-api",
        ),
        pytest.param(
            {"fromHost": [{"from": "a/b", "to": "c/d"}, {"from": "a/b", "to": "kube-system/kube-dns"}]},
            "fromHost.1: the virtual cluster's DNS has that name",
            id="the-dns",
        ),
        pytest.param(
            {"toHost": [{"from": "a/b", "to": OWN.service_name}]},
            "toHost.0: the Service in front of the gateway has that name",
            id="the-gateway",
        ),
        pytest.param(
            {"toHost": [{"from": "a/b", "to": f"b-x-a-x-{OWN.name}"}]}, "toHost.0: it names itself", id="its-own-twin"
        ),
        pytest.param(
            {"fromHost": [{"from": f"b-x-a-x-{OWN.name}", "to": "a/b"}]},
            "fromHost.0: it leads back to where it comes from",
            id="its-own-copy",
        ),
        pytest.param(
            {"fromHost": [{"from": f"{OWN.namespace}/out", "to": "a/b"}], "toHost": [{"from": "a/b", "to": "out"}]},
            "fromHost.0: it leads back to where it comes from",
            id="two-rules-in-a-circle",
        ),
    ],
)
def test_rules_that_name_what_is_taken_or_themselves_are_refused_with_their_path(rules: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^networking.replicateServices.{problem}"):
        with_replication(KINDS, config_of({"networking": {"replicateServices": rules}}))


def test_a_copy_of_a_copy_is_no_circle() -> None:
    rules = {"fromHost": [{"from": "out", "to": "c/d"}], "toHost": [{"from": "a/b", "to": "out"}]}
    assert with_replication(KINDS, config_of({"networking": {"replicateServices": rules}}))
