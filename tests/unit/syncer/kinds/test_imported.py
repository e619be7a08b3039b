"""What the host shows the tenant under one name: the host decides, and nothing of the tenant's is taken."""

import pytest

from tests.unit.syncer.world import World
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.imported import (
    CSI_DRIVERS,
    INGRESS_CLASSES,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    ImportedKind,
    Imports,
)
from vgateway.syncer.resources import STORAGECLASSES
from vgateway.syncer.steps import CreateVirtual, DeleteVirtual, PatchVirtual

ALL = (STORAGE_CLASSES, PRIORITY_CLASSES, RUNTIME_CLASSES, INGRESS_CLASSES, CSI_DRIVERS, SNAPSHOT_CLASSES)
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
