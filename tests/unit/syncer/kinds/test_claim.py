"""Claims: what the tenant asks for goes down, what the host binds comes up, and no data is let go by a mistake."""

from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.kube.ownership import OBJECT_UID
from vgateway.syncer.kinds.claim import ClaimKind
from vgateway.syncer.kinds.volume import FAKE_VOLUME, FakeVolumeKind
from vgateway.syncer.resources import CLAIMS, VOLUMES
from vgateway.syncer.steps import CreateHost, DeleteHost, DeleteVirtual, PatchHost, PatchVirtual, Tell

KEY = VirtualKey("default", "data")
KIND, VOLUME = ClaimKind(), FakeVolumeKind()


def a_claim(**spec: Any) -> Obj:
    meta = {"name": "data", "namespace": "default", "uid": "u-data", "annotations": {"mine": "1"}}
    own = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": meta, "spec": {**own, **spec}, "status": {"phase": "Pending"}}


@pytest.fixture
def world() -> World:
    found = World()
    found.virtual[CLAIMS].put(a_claim())
    found.round(KIND, KEY)
    return found


def copy(world: World) -> Obj:
    return host_of(world, CLAIMS, "data")


def mine(world: World) -> Obj:
    found = world.virtual[CLAIMS].get("default", "data")
    assert found is not None
    return found


def bind(world: World) -> None:
    copy(world)["spec"] |= {"volumeName": "pv-1", "storageClassName": "fast"}
    copy(world)["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = "yes"
    copy(world)["status"] = {"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"]}


def test_a_claim_that_the_host_binds_is_bound_for_the_tenant(world: World) -> None:
    bind(world)
    patch, status = world.round(KIND, KEY)
    assert isinstance(patch, PatchVirtual)
    assert patch.patch == {
        "spec": {"volumeName": "pv-1", "storageClassName": "fast"},
        "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
    }
    assert isinstance(status, PatchVirtual)
    assert status.subresource == "status"
    assert world.plan(KIND, KEY) == []


def test_an_expansion_goes_to_the_host_and_its_result_comes_back(world: World) -> None:
    bind(world)
    world.round(KIND, KEY)
    mine(world)["spec"]["resources"] = {"requests": {"storage": "5Gi"}}
    (patch,) = world.round(KIND, KEY)
    assert isinstance(patch, PatchHost)
    assert patch.patch == {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}
    copy(world)["status"]["capacity"] = {"storage": "5Gi"}
    world.round(KIND, KEY)
    assert mine(world)["status"]["capacity"] == {"storage": "5Gi"}


def test_what_the_hosts_controllers_say_by_annotation_is_theirs_alone(world: World) -> None:
    mine(world)["metadata"]["annotations"] |= {"volume.kubernetes.io/selected-node": "n9", "more": "2"}
    world.round(KIND, KEY)
    assert copy(world)["metadata"]["annotations"]["more"] == "2"
    assert "volume.kubernetes.io/selected-node" not in copy(world)["metadata"]["annotations"]
    assert mine(world)["metadata"]["annotations"] == {"mine": "1", "more": "2"}
    assert world.plan(KIND, KEY) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"kind": "PersistentVolumeClaim", "name": "old"}, NAMES.host_name("old", "default")),
        ({"kind": "VolumeSnapshot", "name": "snap", "apiGroup": "g"}, NAMES.host_name("snap", "default")),
        ({"kind": "Populator", "name": "other", "apiGroup": "h"}, "other"),
    ],
)
def test_what_a_claim_is_filled_from_has_its_host_name(source: Obj, name: str) -> None:
    world = World()
    world.virtual[CLAIMS].put(a_claim(dataSource=source, dataSourceRef=source))
    (made,) = world.round(KIND, KEY)
    assert isinstance(made, CreateHost)
    assert made.body["spec"]["dataSource"] == made.body["spec"]["dataSourceRef"] == {**source, "name": name}


def test_a_new_claim_of_the_name_takes_the_volume_over(world: World) -> None:
    mine(world)["metadata"]["uid"] = "u-new"
    assert not any(isinstance(step, DeleteHost) for step in world.round(KIND, KEY))
    assert copy(world)["metadata"]["annotations"][OBJECT_UID] == "u-new"


def test_a_claim_that_vanished_on_the_host_is_made_again_for_its_own_volume(world: World) -> None:
    bind(world)
    world.round(KIND, KEY)
    world.host[CLAIMS].by_key.clear()
    (made,) = world.round(KIND, KEY)
    assert isinstance(made, CreateHost)
    assert made.body["spec"]["volumeName"] == "pv-1"


def test_a_claim_bound_elsewhere_on_the_host_is_said_and_not_written(world: World) -> None:
    mine(world)["spec"]["volumeName"] = "pv-9"
    bind(world)
    steps = world.round(KIND, KEY)
    assert any(isinstance(step, Tell) for step in steps)
    assert mine(world)["spec"]["volumeName"] == "pv-9"
    assert writes(world.plan(KIND, KEY)) == []


def test_a_deletion_goes_to_the_host_once_and_waits_there_for_the_pods(world: World) -> None:
    mine(world)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    (gone,) = world.plan(KIND, KEY)
    assert isinstance(gone, DeleteHost)
    copy(world)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert world.plan(KIND, KEY) == []
    world.virtual[CLAIMS].by_key.clear()
    assert world.plan(KIND, KEY) == []


def test_the_host_deleting_a_claim_never_deletes_the_tenants(world: World) -> None:
    copy(world)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert world.plan(KIND, KEY) == []


def test_the_tenant_sees_the_volume_of_a_bound_claim_and_no_longer_than_that(world: World) -> None:
    key = VirtualKey("", "pv-1")
    bind(world)
    world.round(KIND, KEY)
    world.round(VOLUME, key)
    (volume,) = world.virtual[VOLUMES]
    assert volume["spec"]["claimRef"]["uid"] == "u-data"
    assert volume["spec"]["capacity"] == {"storage": "2Gi"}
    assert volume["spec"]["storageClassName"] == "fast"
    assert world.plan(VOLUME, key) == []

    volume["metadata"]["finalizers"] = ["kubernetes.io/pv-protection"]
    world.virtual[CLAIMS].by_key.clear()
    (gone,) = world.plan(VOLUME, key)
    assert isinstance(gone, DeleteVirtual)
    volume["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    (freed,) = world.round(VOLUME, key)
    assert freed == PatchVirtual(VOLUMES, key, {"metadata": {"finalizers": None}}, uid=volume["metadata"]["uid"])
    assert world.plan(VOLUME, key) == []


def test_a_volume_that_the_tenant_made_is_the_tenants(world: World) -> None:
    world.virtual[VOLUMES].put({"metadata": {"name": "pv-1"}, "spec": {}})
    bind(world)
    world.round(KIND, KEY)
    assert world.plan(VOLUME, VirtualKey("", "pv-1")) == []
    (volume,) = world.virtual[VOLUMES]
    assert FAKE_VOLUME not in volume["metadata"].get("labels", {})
