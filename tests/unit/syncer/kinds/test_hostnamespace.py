"""A host namespace for each virtual one: made and removed with it, and nobody else's is ever used."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.config.test_load import document
from tests.unit.syncer.world import SETTINGS, Objects, World, a_config_map, a_pod, writes
from vgateway.app.rights import cluster_rules
from vgateway.config.load import parse_config, problems_of
from vgateway.kube.names import Names
from vgateway.kube.namespaces import Namespaces
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.hostnamespace import HostNamespaceKind, WorkloadAccountKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.rootca import ROOT_CA, RootCaKind
from vgateway.syncer.registry import kinds_for
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, PODS, SERVICEACCOUNTS
from vgateway.syncer.steps import CreateHost, DeleteHost, PatchHost, Requeue, Tell
from vgateway.syncer.view import Place

KIND = HostNamespaceKind("host-ns", {"tier": "tenants"})
KEY = VirtualKey("", "team-a")
HOST = "vc-team-a"
NAMES = Names("vc", "host-ns", Namespaces((("team-*", "vc-team-*"),), only=True))


@pytest.fixture
def world() -> World:
    found = World()
    own = Objects()
    own.put({"metadata": {"name": "host-ns", "uid": "u-own"}})
    places = {(NAMESPACES, Place("", "host-ns")): own}
    found.view = replace(found.view, settings=replace(SETTINGS, names=NAMES), places=places)
    return found


def a_namespace(name: str = "team-a", **labels: str) -> Obj:
    return {"metadata": {"name": name, "uid": f"u-{name}", "labels": labels}}


def settled(world: World) -> Obj:
    world.virtual[NAMESPACES].put(a_namespace(mine="yes"))
    world.round(KIND, KEY)
    found = world.host[NAMESPACES].get("", HOST)
    assert found is not None
    return found


def test_it_is_made_with_its_marks_and_belongs_to_the_virtual_clusters_own(world: World) -> None:
    reserved = {"kubernetes.io/metadata.name": "team-a", "pod-security.kubernetes.io/enforce": "privileged"}
    world.virtual[NAMESPACES].put(a_namespace(mine="yes", tier="first", **reserved))
    (made,) = world.round(KIND, KEY)
    assert isinstance(made, CreateHost)
    assert made.body["metadata"]["name"] == HOST
    assert made.body["metadata"]["labels"] == {
        "mine": "yes",
        "tier": "tenants",
        "vcluster.loft.sh/managed-by": "host-ns-x-vc",
        "vcluster.loft.sh/namespace": "team-a",
        "vcluster.loft.sh/vcluster-name": "vc",
        "vcluster.loft.sh/vcluster-namespace": "host-ns",
    }
    (owner,) = made.body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Namespace", "u-own")
    assert world.plan(KIND, KEY) == []


def test_labels_follow_and_it_goes_with_the_virtual_one(world: World) -> None:
    settled(world)
    world.virtual[NAMESPACES].put(a_namespace(other="1"))
    (patch,) = world.round(KIND, KEY)
    assert isinstance(patch, PatchHost)
    assert patch.patch["metadata"]["labels"] == {"other": "1", "mine": None}
    world.virtual[NAMESPACES].by_key.clear()
    (gone,) = world.round(KIND, KEY)
    assert isinstance(gone, DeleteHost)


def test_a_namespace_without_a_line_gets_none_where_only_lines_count(world: World) -> None:
    world.virtual[NAMESPACES].put(a_namespace("other"))
    assert world.plan(KIND, VirtualKey("", "other")) == []
    world.virtual[CONFIGMAPS].put(a_config_map("conf", "other"))
    mine = world.virtual[CONFIGMAPS].get("other", "conf")
    assert mine is not None
    mine["metadata"]["annotations"] = {"vcluster.loft.sh/force-sync": "true"}
    (told,) = world.plan(ConfigMapKind(), VirtualKey("other", "conf"))
    assert isinstance(told, Tell)
    assert told.reason == "NotSynced"


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": {}},
        {"annotations": {"vcluster.loft.sh/object-name": "team-b", "vcluster.loft.sh/object-host-name": HOST}},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
    ],
)
def test_nothing_is_made_in_a_namespace_that_is_not_provably_ours_and_alive(world: World, change: Any) -> None:
    settled(world)["metadata"] |= change
    world.virtual[PODS].put(a_pod("web", "team-a"))
    steps = world.plan(PodKind(accounts=True), VirtualKey("team-a", "web"))
    assert writes(steps) == []
    assert any(isinstance(step, Requeue) for step in steps)


def test_one_of_somebody_elses_is_neither_changed_nor_deleted(world: World) -> None:
    stranger = settled(world)
    stranger["metadata"]["annotations"] = {}
    assert writes(world.plan(KIND, KEY)) == []
    world.virtual[NAMESPACES].by_key.clear()
    assert writes(world.plan(KIND, KEY)) == []


def test_pods_wait_for_their_account_and_their_clusters_ca(world: World) -> None:
    settled(world)
    world.virtual[PODS].put(a_pod("web", "team-a"))
    pods, key = PodKind(accounts=True), VirtualKey("team-a", "web")
    assert writes(world.plan(pods, key)) == []
    (made,) = world.round(WorkloadAccountKind(), KEY)
    assert isinstance(made, CreateHost)
    assert made.body["automountServiceAccountToken"] is False
    assert world.host[SERVICEACCOUNTS].get(HOST, "vc-workload-vc")
    assert world.plan(WorkloadAccountKind(), KEY) == []
    (pod,) = [step for step in world.round(pods, key) if isinstance(step, CreateHost)]
    meta = pod.body["metadata"]
    assert (meta["namespace"], meta["name"]) == (HOST, "web")
    assert "ownerReferences" not in meta, "an owner in another namespace would have it collected"


def test_each_namespace_has_a_copy_of_the_ca(world: World) -> None:
    settled(world)
    key = VirtualKey("team-a", ROOT_CA)
    world.virtual[CONFIGMAPS].put(a_config_map(ROOT_CA, "team-a"))
    kind = RootCaKind(each=True)
    (made,) = world.round(kind, key)
    assert isinstance(made, CreateHost)
    assert made.body["metadata"]["namespace"] == HOST
    assert world.plan(kind, key) == []


def test_an_affinity_means_all_namespaces_of_ours_and_the_labels_say_which(world: World) -> None:
    settled(world)
    world.host[SERVICEACCOUNTS].put({"metadata": {"name": "vc-workload-vc", "namespace": HOST}})
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    world.virtual[PODS].put(a_pod("web", "team-a", affinity=affinity))
    steps = world.plan(PodKind(accounts=True), VirtualKey("team-a", "web"))
    (pod,) = [step for step in steps if isinstance(step, CreateHost)]
    (found,) = pod.body["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert found["namespaceSelector"] == {"matchLabels": {"vcluster.loft.sh/managed-by": "host-ns-x-vc"}}
    assert {"key": "vcluster.loft.sh/namespace", "operator": "In", "values": ["team-a"]} in found["labelSelector"][
        "matchExpressions"
    ]


def test_it_takes_rights_on_the_whole_host() -> None:
    def granted(**namespaces: Any) -> set[str]:
        config = parse_config(document(sync={"toHost": {"namespaces": namespaces}}))
        return {name for rule in cluster_rules(config, kinds_for(config)) for name in rule["resources"]}

    assert granted(enabled=False) == set()
    assert {"namespaces", "serviceaccounts", "pods", "secrets", "pods/exec"} <= granted(enabled=True)


@pytest.mark.parametrize(
    ("namespaces", "says"),
    [
        ({"mappings": {"byName": {"a*": "b"}}}, "both or neither must have a *"),
        ({"mappings": {"byName": {"a": "x", "b": "x"}}}, "'a' and 'b' both become 'x'"),
        ({"mappings": {"byName": {"a*b*": "x*"}}}, "at most one *"),
        ({"mappings": {"byName": {"A": "x"}}}, "names of namespaces are expected"),
        ({"mappings": {"byName": {"a": "${vc}-x"}}}, "names of namespaces are expected"),
    ],
)
def test_lines_that_make_no_sense_are_refused(namespaces: Obj, says: str) -> None:
    (found,) = problems_of(document(sync={"toHost": {"namespaces": {"enabled": True, **namespaces}}}))
    assert found.startswith("sync.toHost.namespaces.mappings.byName: ")
    assert says in found


def test_what_does_not_go_with_it_is_refused() -> None:
    both = {"namespaces": {"enabled": True}, "serviceAccounts": {"enabled": True}}
    (found,) = problems_of(document(sync={"toHost": both}))
    assert found.startswith("sync: toHost.serviceAccounts does not go with toHost.namespaces")
