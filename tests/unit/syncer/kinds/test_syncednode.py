from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import SETTINGS, World, a_pod, host_of
from vgateway.config.sync import Sync
from vgateway.config.tolerations import parse_toleration
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.node import NOT_READY, NodeKind
from vgateway.syncer.kinds.nodeaddress import FAKE_NODE
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.syncednode import SyncedNodeKind, counted_part
from vgateway.syncer.resources import ALL_PODS, NODES, PODS
from vgateway.syncer.steps import DeleteVirtual, PatchHost, PatchVirtual

NODE = VirtualKey("", "n1")
GPU = "example.com/gpu"


def nodes_world(
    *, scheduling: bool = False, tolerated: tuple[str, ...] = (), **nodes: Any
) -> tuple[World, SyncedNodeKind]:
    found = World()
    sync = Sync.model_validate({"fromHost": {"nodes": {"enabled": True, **nodes}}})
    settings = replace(
        SETTINGS,
        sync=sync,
        virtual_scheduler=scheduling,
        enforced_tolerations=tuple(parse_toleration(one) for one in tolerated),
    )
    found.view = replace(found.view, settings=settings)
    found.host[NODES].put(host_node())
    return found, SyncedNodeKind(sync.from_host.nodes, scheduling=scheduling)


def host_node(name: str = "n1", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"zone": "a", "for": "tenants"}, "annotations": {"note": "x"}},
        "spec": spec,
        "status": {
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "allocatable": {"cpu": "4", "memory": "7Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.1"},
                {"type": "Hostname", "address": "n1.host"},
                {"type": "ExternalIP", "address": "198.51.100.1"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 9}},
            "nodeInfo": {"kubeletVersion": "v1.35.0"},
            "images": [{"names": ["secret"]}],
        },
    }


def on(world: World, side: str) -> Obj:
    found: Obj = getattr(world, side)[NODES].by_key["", "n1"]
    return found


def labels_of(world: World, side: str) -> dict[str, str]:
    found = on(world, side)["metadata"].get("labels") or {}
    return {key: value for key, value in found.items() if not key.startswith("vcluster.")}


def settle(world: World, kind: SyncedNodeKind) -> None:
    """Let both sides come to rest, and be at rest."""
    for _ in range(3):
        world.round(kind, NODE)
    assert world.plan(kind, NODE) == []


@pytest.mark.parametrize(
    ("selector", "shown"),
    [
        ({}, False),
        ({"all": True}, True),
        ({"labels": {"zone": "a"}}, True),
        ({"labels": {"zone": "a", "for": "others"}}, False),
    ],
)
def test_the_tenant_sees_the_nodes_that_are_selected(selector: Obj, shown: bool) -> None:
    world, kind = nodes_world(selector=selector)
    world.round(kind, NODE)
    assert (("", "n1") in world.virtual[NODES]) is shown


def test_a_node_in_use_is_seen_as_long_as_it_is_used() -> None:
    world, kind = nodes_world()
    world.virtual[PODS].put(a_pod())
    world.round(PodKind(), VirtualKey("default", "web"))
    host_of(world, PODS, "web")["spec"]["nodeName"] = "n1"
    settle(world, kind)
    assert labels_of(world, "virtual")["zone"] == "a"
    host_of(world, PODS, "web")["metadata"]["annotations"]["vcluster.loft.sh/owner-set-kind"] = "DaemonSet"
    (gone,) = world.plan(kind, NODE)
    assert isinstance(gone, DeleteVirtual)


def test_a_node_is_the_hosts_but_for_its_kubelet() -> None:
    world, kind = nodes_world(selector={"all": True})
    settle(world, kind)
    status, theirs = on(world, "virtual")["status"], on(world, "host")["status"]
    for name in ("capacity", "allocatable", "conditions", "nodeInfo", "images"):
        assert status[name] == theirs[name]
    assert [(one["type"], one["address"]) for one in status["addresses"]] == [
        ("InternalIP", SETTINGS.address),
        ("Hostname", "n1.nodes.vcluster.com"),
        ("ExternalIP", "198.51.100.1"),
    ]
    assert status["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10250}}


def test_images_are_shown_unless_they_are_cleared() -> None:
    world, kind = nodes_world(selector={"all": True}, clearImageStatus=True)
    settle(world, kind)
    assert "images" not in on(world, "virtual")["status"]


def test_a_node_that_the_host_loses_is_lost_and_one_that_is_gone_is_gone() -> None:
    world, kind = nodes_world(selector={"all": True})
    settle(world, kind)
    node = on(world, "host")
    node["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    node["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]
    del node["status"]["capacity"]["pods"]
    settle(world, kind)
    now = on(world, "virtual")
    assert now["status"]["conditions"] == node["status"]["conditions"]
    assert now["spec"]["taints"] == node["spec"]["taints"]
    assert "pods" not in now["status"]["capacity"]
    world.host[NODES].by_key.clear()
    (gone,) = world.plan(kind, NODE)
    assert isinstance(gone, DeleteVirtual)


def test_what_the_tenant_adds_stays_its_own_and_what_the_host_has_wins() -> None:
    world, kind = nodes_world(selector={"all": True})
    settle(world, kind)
    mine = on(world, "virtual")
    mine["metadata"]["labels"] |= {"own": "1", "zone": "b"}
    mine["spec"] = {"unschedulable": True, "taints": [{"key": "own", "effect": "NoSchedule"}]}
    settle(world, kind)
    assert labels_of(world, "virtual") == {"own": "1", "zone": "a", "for": "tenants"}
    assert on(world, "virtual")["spec"] == mine["spec"], "a cordon that only the tenant sees"
    assert labels_of(world, "host") == {"zone": "a", "for": "tenants"}

    theirs = on(world, "host")
    del theirs["metadata"]["labels"]["for"]
    theirs["spec"]["taints"] = [{"key": "theirs", "effect": "NoExecute"}]
    settle(world, kind)
    assert labels_of(world, "virtual") == {"own": "1", "zone": "a"}
    assert [one["key"] for one in on(world, "virtual")["spec"]["taints"]] == ["own", "theirs"]
    theirs["spec"].pop("taints")
    settle(world, kind)
    assert [one["key"] for one in on(world, "virtual")["spec"]["taints"]] == ["own"]


def test_the_first_taint_of_a_new_node_goes() -> None:
    for back in (False, True):
        world, kind = nodes_world(selector={"all": True}, syncBackChanges=back)
        world.round(kind, NODE)
        on(world, "virtual")["spec"]["taints"] = [{"key": NOT_READY, "effect": "NoSchedule"}]
        settle(world, kind)
        assert not on(world, "virtual")["spec"].get("taints")
        assert on(world, "host")["spec"] == {}


def test_with_the_right_to_it_the_tenants_changes_are_the_hosts() -> None:
    world, kind = nodes_world(selector={"all": True}, syncBackChanges=True)
    settle(world, kind)
    assert not [step for step in world.plan(kind, NODE) if isinstance(step, PatchHost)]
    mine = on(world, "virtual")
    mine["metadata"]["labels"] |= {"own": "1"}
    del mine["metadata"]["labels"]["for"]
    mine["spec"] |= {"unschedulable": True, "taints": [{"key": "own", "effect": "NoSchedule"}]}
    mine["status"]["capacity"] |= {GPU: "2", "cpu": "400"}
    settle(world, kind)
    theirs = on(world, "host")
    assert labels_of(world, "host") == {"zone": "a", "own": "1"} == labels_of(world, "virtual")
    assert theirs["spec"] == {"unschedulable": True, "taints": [{"key": "own", "effect": "NoSchedule"}]}
    assert theirs["status"]["capacity"] == {"cpu": "4", "memory": "8Gi", "pods": "110", GPU: "2"}
    assert not any(
        key.startswith("vcluster.") for key in theirs["metadata"]["labels"] | theirs["metadata"]["annotations"]
    )

    theirs["spec"] = {}
    settle(world, kind)
    assert not on(world, "virtual")["spec"].get("unschedulable"), "the host moved last"


def test_a_change_of_the_hosts_while_nobody_looked_is_not_taken_for_the_tenants() -> None:
    world, kind = nodes_world(selector={"all": True}, syncBackChanges=True)
    settle(world, kind)
    on(world, "host")["spec"]["unschedulable"] = True
    world.seen.clear()
    steps = world.round(kind, NODE)
    assert [type(step) for step in steps] == [PatchVirtual]
    assert on(world, "virtual")["spec"]["unschedulable"] is True


def test_a_tenant_that_forgets_what_was_agreed_changes_nothing_on_the_host() -> None:
    world, kind = nodes_world(selector={"all": True}, syncBackChanges=True)
    settle(world, kind)
    mine = on(world, "virtual")["metadata"]
    mine["annotations"] = {}
    mine["labels"]["zone"] = "b"
    assert not [step for step in world.plan(kind, NODE) if isinstance(step, PatchHost)]
    settle(world, kind)
    assert labels_of(world, "virtual")["zone"] == "a"


def test_taints_that_every_pod_tolerates_are_hidden_and_stay_on_the_host() -> None:
    world, kind = nodes_world(selector={"all": True}, syncBackChanges=True, tolerated=("tenants=only:NoSchedule",))
    hidden = {"key": "tenants", "value": "only", "effect": "NoSchedule"}
    on(world, "host")["spec"]["taints"] = [hidden]
    settle(world, kind)
    assert not on(world, "virtual")["spec"].get("taints")
    own = {"key": "own", "effect": "NoExecute"}
    on(world, "virtual")["spec"]["taints"] = [own]
    settle(world, kind)
    assert on(world, "host")["spec"]["taints"] == [hidden, own]


def test_a_make_believe_node_becomes_the_hosts_and_back() -> None:
    world, kind = nodes_world()
    world.virtual[PODS].put(a_pod())
    world.round(PodKind(), VirtualKey("default", "web"))
    host_of(world, PODS, "web")["spec"]["nodeName"] = "n1"
    plain = replace(world.view, settings=SETTINGS)
    synced, world.view = world.view, plain
    world.round(NodeKind(), NODE)
    assert on(world, "virtual")["metadata"]["labels"][FAKE_NODE] == "true"
    world.view = synced
    settle(world, kind)
    assert FAKE_NODE not in on(world, "virtual")["metadata"]["labels"]
    world.view = plain
    world.round(NodeKind(), NODE)
    assert "zone" not in on(world, "virtual")["metadata"]["labels"]


def test_a_scheduler_of_the_tenants_sees_what_others_have_left() -> None:
    world, kind = nodes_world(selector={"all": True}, scheduling=True)
    world.virtual[PODS].put(a_pod(nodeName="n1"))
    settle(world, kind)
    world.round(PodKind(), VirtualKey("default", "web"))
    asking = {"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    mine = host_of(world, PODS, "web")
    mine["spec"] |= {"nodeName": "n1", "containers": [asking]}
    world.host[ALL_PODS].put(counted_part(mine))
    foreign = {**a_pod("other", "kube-system", nodeName="n1", containers=[asking]), "status": {"phase": "Running"}}
    ended = {**a_pod("job", "kube-system", nodeName="n1", containers=[asking]), "status": {"phase": "Succeeded"}}
    for pod in (foreign, ended):
        world.host[ALL_PODS].put(counted_part(pod))
    settle(world, kind)
    left = on(world, "virtual")["status"]["allocatable"]
    assert left == {"cpu": "3000m", "memory": str(6 * 2**30), "pods": "109"}


def test_a_pod_waits_for_the_tenants_scheduler_and_then_asks_the_hosts_for_that_node_only() -> None:
    world, kind = nodes_world(selector={"all": True}, scheduling=True)
    settle(world, kind)
    key = VirtualKey("default", "web")
    asked: Obj = {"nodeSelector": {"zone": "a"}, "topologySpreadConstraints": [{"topologyKey": "zone"}]}
    world.virtual[PODS].put(a_pod(**asked))
    world.round(PodKind(), key)
    assert not list(world.host[PODS])
    world.virtual[PODS].by_key["default", "web"]["spec"]["nodeName"] = "n1"
    world.round(PodKind(), key)
    spec = host_of(world, PODS, "web")["spec"]
    assert not {"nodeSelector", "topologySpreadConstraints", "nodeName"} & set(spec)
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchFields"][0]["values"] == ["n1"]


def test_labels_that_select_nodes_confine_pods_to_them() -> None:
    world, _ = nodes_world(selector={"labels": {"for": "tenants"}})
    world.virtual[PODS].put(a_pod(nodeSelector={"zone": "a", "for": "others"}))
    world.round(PodKind(), VirtualKey("default", "web"))
    assert host_of(world, PODS, "web")["spec"]["nodeSelector"] == {"zone": "a", "for": "tenants"}


def test_a_pod_for_a_node_that_the_tenant_does_not_see_waits() -> None:
    world, _ = nodes_world(selector={"labels": {"for": "others"}})
    world.virtual[PODS].put(a_pod(nodeName="n1"))
    world.round(PodKind(), VirtualKey("default", "web"))
    assert not list(world.host[PODS])


@pytest.mark.parametrize(
    ("back", "scheduling", "rights"),
    [
        (False, False, {NODES: {"": ("get", "list", "watch")}}),
        (True, False, {NODES: {"": ("get", "list", "watch", "patch"), "status": ("patch",)}}),
        (False, True, {NODES: {"": ("get", "list", "watch")}, ALL_PODS: {"": ("get", "list", "watch")}}),
    ],
)
def test_the_rights_follow_from_the_configuration(back: bool, scheduling: bool, rights: Any) -> None:
    _, kind = nodes_world(syncBackChanges=back, scheduling=scheduling)
    assert dict(kind.host_rights) == rights
