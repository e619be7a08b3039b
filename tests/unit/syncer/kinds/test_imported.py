"""What the host shows the tenant under one name: the host decides, and nothing of the tenant's is taken."""

import pytest

from tests.unit.syncer.world import World
from vgateway.kube.objects import Obj, Resource, VirtualKey
from vgateway.syncer.kinds.capacity import CapacityKind
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.imported import (
    CSI_DRIVERS,
    CSI_NODES,
    DEVICE_CLASSES,
    INGRESS_CLASSES,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    ImportedKind,
    Imports,
)
from vgateway.syncer.resources import CAPACITIES, CSINODES, HOST_CAPACITIES, NODES, STORAGECLASSES
from vgateway.syncer.steps import CreateVirtual, DeleteVirtual, PatchVirtual

ALL = (
    STORAGE_CLASSES,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    INGRESS_CLASSES,
    CSI_DRIVERS,
    SNAPSHOT_CLASSES,
    DEVICE_CLASSES,
)
KIND = ImportedKind(STORAGE_CLASSES)
KEY = VirtualKey("", "fast")


def fast(**fields: object) -> Obj:
    meta = {
        "name": "fast",
        "labels": {"tier": "gold"},
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
    return {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta, "provisioner": "p", **fields}


@pytest.fixture
def world() -> World:
    found = World()
    found.host[STORAGECLASSES].put(fast())
    found.round(KIND, KEY)
    return found


def the_copy(world: World) -> Obj:
    (found,) = world.virtual[STORAGECLASSES]
    return found


def test_a_class_of_the_host_is_seen_under_its_name(world: World) -> None:
    copy = the_copy(world)
    assert copy["provisioner"] == "p"
    assert copy["metadata"]["labels"] == {"tier": "gold", FROM_HOST: "true"}
    assert "storageclass.kubernetes.io/is-default-class" in copy["metadata"]["annotations"]
    assert world.plan(KIND, KEY) == []


def test_what_the_tenant_changes_in_it_is_put_right(world: World) -> None:
    the_copy(world)["metadata"]["labels"]["tier"] = "lead"
    (patch,) = world.round(KIND, KEY)
    assert isinstance(patch, PatchVirtual)
    assert patch.patch == {"metadata": {"labels": {"tier": "gold"}}}


def test_what_cannot_be_changed_is_made_anew(world: World) -> None:
    world.host[STORAGECLASSES].put(fast(provisioner="other"))
    gone, made = world.round(KIND, KEY)
    assert isinstance(gone, DeleteVirtual)
    assert isinstance(made, CreateVirtual)
    assert world.plan(KIND, KEY) == []


def test_it_goes_with_the_hosts(world: World) -> None:
    world.host[STORAGECLASSES].by_key.clear()
    (gone,) = world.round(KIND, KEY)
    assert isinstance(gone, DeleteVirtual)


def test_only_what_the_selector_takes_is_seen(world: World) -> None:
    gold = ImportedKind(STORAGE_CLASSES, {"matchLabels": {"tier": "gold"}})
    lead = ImportedKind(
        STORAGE_CLASSES, {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["gold"]}]}
    )
    assert gold.desired(KEY, world.view)
    assert lead.desired(KEY, world.view) is None


def test_a_class_that_the_tenant_made_under_that_name_is_the_tenants() -> None:
    world = World()
    mine = fast(provisioner="mine")
    del mine["metadata"]["labels"]
    world.virtual[STORAGECLASSES].put(mine)
    world.host[STORAGECLASSES].put(fast())
    assert world.plan(KIND, KEY) == []
    world.host[STORAGECLASSES].by_key.clear()
    assert world.plan(KIND, KEY) == []


@pytest.mark.parametrize("imports", ALL, ids=lambda one: one.resource.plural)
def test_each_only_reads_the_host_and_only_what_is_cluster_scoped(imports: Imports) -> None:
    kind = ImportedKind(imports)
    (rights,) = kind.host_rights.values()
    assert not kind.resource.namespaced
    assert rights == {"": ("get", "list", "watch")}


def test_what_is_copied_whole_follows_the_host_to_the_last_field() -> None:
    issuers = Resource("example.io", "v1", "issuers", "Issuer", namespaced=False)
    kind, key, world = ImportedKind(Imports(issuers, whole=True)), VirtualKey("", "one"), World()
    world.adopt(issuers)
    issuer = {"apiVersion": "example.io/v1", "kind": "Issuer", "metadata": {"name": "one"}}
    world.host[issuers].put(issuer | {"spec": {"a": 1, "b": 2}, "status": {"ready": True, "why": "x"}})
    world.round(kind, key)
    world.host[issuers].put(issuer | {"spec": {"a": 1}, "status": {"ready": True}})
    content, status = world.round(kind, key)
    assert isinstance(content, PatchVirtual)
    assert content.patch == {"spec": {"b": None}}
    assert isinstance(status, PatchVirtual)
    assert status.patch == {"status": {"why": None}}
    assert world.plan(kind, key) == []


def test_the_drivers_of_a_node_are_shown_with_the_node() -> None:
    kind, key, world = ImportedKind(CSI_NODES), VirtualKey("", "node-1"), World()
    world.host[CSINODES].put({"metadata": {"name": "node-1"}, "spec": {"drivers": []}})
    assert world.plan(kind, key) == []
    world.virtual[NODES].put({"metadata": {"name": "node-1"}})
    (made,) = world.round(kind, key)
    assert isinstance(made, CreateVirtual)
    world.virtual[NODES].by_key.clear()
    (gone,) = world.plan(kind, key)
    assert isinstance(gone, DeleteVirtual)


def test_space_is_shown_for_the_tenants_nodes_and_goes_with_the_hosts() -> None:
    kind, key, world = CapacityKind(), VirtualKey("driver", "c"), World()
    topology = {"matchLabels": {"zone": "a"}}
    world.host[HOST_CAPACITIES].put(
        {"metadata": {"name": "c", "namespace": "driver"}, "storageClassName": "fast", "nodeTopology": topology}
    )
    assert world.plan(kind, key) == []
    world.virtual[NODES].put({"metadata": {"name": "node-1", "labels": {"zone": "a"}}})
    world.round(kind, key)
    copy = world.virtual[CAPACITIES].get("kube-system", "c-x-driver")
    assert copy is not None
    assert copy["nodeTopology"] == topology
    assert world.plan(kind, key) == []
    world.host[HOST_CAPACITIES].by_key.clear()
    (gone,) = world.plan(kind, key)
    assert isinstance(gone, DeleteVirtual)
