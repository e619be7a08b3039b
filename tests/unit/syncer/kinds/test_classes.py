"""Classes that a tenant makes: copies under names of their own, which change nothing for others on the host."""

from dataclasses import replace

from tests.unit.syncer.world import NAMES, SETTINGS, World
from vgateway.config.sync import Sync
from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj
from vgateway.kube.ownership import owner_of
from vgateway.syncer.kinds.claim import host_class
from vgateway.syncer.kinds.classes import PriorityClassKind, StorageClassKind
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.resources import PRIORITYCLASSES, STORAGECLASSES
from vgateway.syncer.steps import CreateHost, DeleteHost

FAST = VirtualKey("", "fast")
CLASSES, PRIORITIES = StorageClassKind(), PriorityClassKind()
DEFAULT = "storageclass.kubernetes.io/is-default-class"


def fast(**labels: str) -> Obj:
    meta = {"name": "fast", "uid": "u-fast", "labels": labels, "annotations": {DEFAULT: "true", "mine": "1"}}
    return {"metadata": meta, "provisioner": "p", "parameters": {"a": "b"}}


def made(world: World) -> CreateHost:
    (step,) = world.round(CLASSES, FAST)
    assert isinstance(step, CreateHost)
    return step


def test_a_class_of_the_tenants_has_a_copy_that_belongs_to_no_namespace_and_is_no_default() -> None:
    world = World()
    world.virtual[STORAGECLASSES].put(fast())
    meta = made(world).body["metadata"]
    assert meta["name"] == "vcluster-fast-x-host-ns-x-vc"
    assert meta["labels"] == {"vcluster.loft.sh/managed-by": "host-ns-x-vc"}
    assert not {"namespace", "ownerReferences"} & set(meta)
    assert DEFAULT not in meta["annotations"]
    assert world.plan(CLASSES, FAST) == []


def test_the_copy_is_provably_the_tenants_and_goes_with_its_original() -> None:
    world = World()
    world.virtual[STORAGECLASSES].put(fast())
    made(world)
    (copy,) = world.host[STORAGECLASSES]
    assert owner_of(NAMES, STORAGECLASSES, HostObj(copy)) == FAST
    world.virtual[STORAGECLASSES].by_key.clear()
    (gone,) = world.round(CLASSES, FAST)
    assert isinstance(gone, DeleteHost)


def test_a_copy_of_a_virtual_cluster_of_that_name_in_another_namespace_is_not_ours() -> None:
    world = World()
    world.virtual[STORAGECLASSES].put(fast())
    copy = made(world).body
    copy["metadata"]["labels"]["vcluster.loft.sh/managed-by"] = "other-x-vc"
    assert owner_of(NAMES, STORAGECLASSES, HostObj(copy)) is None


def test_what_came_from_the_host_does_not_go_back() -> None:
    world = World()
    world.virtual[STORAGECLASSES].put(fast(**{FROM_HOST: "true"}))
    assert world.plan(CLASSES, FAST) == []


def test_no_priority_is_above_what_tenants_may_have() -> None:
    world = World()
    system = {"metadata": {"name": "system-node-critical"}, "value": 2_000_001_000}
    world.virtual[PRIORITYCLASSES].put(system)
    world.virtual[PRIORITYCLASSES].put({"metadata": {"name": "top"}, "value": 2_000_000_000, "globalDefault": True})
    assert world.plan(PRIORITIES, VirtualKey("", "system-node-critical")) == []
    (step,) = world.round(PRIORITIES, VirtualKey("", "top"))
    assert isinstance(step, CreateHost)
    assert step.body["value"] == 1_000_000_000
    assert "globalDefault" not in step.body
    assert world.plan(PRIORITIES, VirtualKey("", "top")) == []


def test_a_claim_names_the_copy_of_the_tenants_class_and_the_hosts_own_as_it_is() -> None:
    world = World()
    on = Sync.model_validate({"toHost": {"storageClasses": {"enabled": True}}})
    view = replace(world.view, settings=replace(SETTINGS, sync=on))
    assert host_class("fast", view) == "fast"
    world.virtual[STORAGECLASSES].put(VirtualObj(fast()))
    assert host_class("fast", view) == "vcluster-fast-x-host-ns-x-vc"
    assert host_class("fast", world.view) == "fast"
    world.virtual[STORAGECLASSES].put(fast(**{FROM_HOST: "true"}))
    assert host_class("fast", view) == "fast"
