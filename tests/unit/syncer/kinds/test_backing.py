"""Volumes and contents behind the tenant's objects: whose they are is proved, and nobody's data goes by mistake."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, SETTINGS, World, host_of
from vgateway.config.policies import Policies
from vgateway.config.sync import Sync
from vgateway.kube.objects import Obj, VirtualKey, VirtualObj, get_path
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.kinds.backing import HELD_BY, HOST_UID
from vgateway.syncer.kinds.persistentvolume import BoundClaimKind, VolumeKind, host_source, secrets_of
from vgateway.syncer.kinds.shown import KEEP, ShownVolumeKind
from vgateway.syncer.kinds.volume import FakeVolumeKind
from vgateway.syncer.resources import CLAIMS, VOLUMES
from vgateway.syncer.steps import CreateHost, CreateVirtual, DeleteHost, DeleteVirtual, PatchHost, PatchVirtual, Tell
from vgateway.syncer.view import View

REAL = Sync.model_validate({"toHost": {"persistentVolumes": {"enabled": True}}})
CLAIM, OWN, SHOWN = BoundClaimKind(), VolumeKind(), ShownVolumeKind()
KEY, GIVEN, MINE = VirtualKey("default", "data"), VirtualKey("", "pvc-1"), VirtualKey("", "disk")
HOST_MINE = NAMES.cluster_name("disk")


def settled(**changes: Any) -> World:
    """Two clusters in which volumes are real."""
    world = World()
    world.view = replace(world.view, settings=replace(SETTINGS, sync=REAL, **changes))
    return world


def a_claim(**spec: Any) -> Obj:
    own = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": "data", "namespace": "default", "uid": "u-data"}, "spec": {**own, **spec}}


def a_volume(name: str, reference: Obj | None = None, **spec: Any) -> Obj:
    found = {"capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Delete", "csi": {"driver": "d"}, **spec}
    claimed = {"claimRef": reference} if reference else {}
    return {"metadata": {"name": name}, "spec": {**found, **claimed}, "status": {"phase": "Available"}}


def reference_to(claim: Obj) -> Obj:
    meta = claim["metadata"]
    return {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


@pytest.fixture
def world() -> World:
    """The host has bound the tenant's claim to a volume of its own making."""
    found = settled()
    found.virtual[CLAIMS].put(a_claim())
    found.round(CLAIM, KEY)
    copy = host_of(found, CLAIMS, "data")
    given = found.host[VOLUMES].put(a_volume("pvc-1", reference_to(copy)))
    given["status"]["phase"] = "Bound"
    copy["spec"]["volumeName"] = "pvc-1"
    copy["status"] = {"phase": "Bound"}
    found.round(SHOWN, GIVEN)
    found.round(SHOWN, GIVEN)
    found.round(CLAIM, KEY)
    return found


def seen(world: World, name: str = "pvc-1") -> Obj:
    found = world.virtual[VOLUMES].get("", name)
    assert found is not None
    return found


def theirs(world: World, name: str = "pvc-1") -> Obj:
    found = world.host[VOLUMES].get("", name)
    assert found is not None
    return found


def test_a_volume_that_the_host_bound_is_seen_with_the_tenants_claim(world: World) -> None:
    assert seen(world)["spec"]["claimRef"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": "default",
        "name": "data",
        "uid": "u-data",
    }
    assert seen(world)["spec"]["csi"] == {"driver": "d"}
    assert seen(world)["status"]["phase"] == "Bound"
    assert get_path(world.virtual[CLAIMS].get("default", "data") or {}, "spec.volumeName") == "pvc-1"
    assert world.plan(SHOWN, GIVEN) == []
    assert world.plan(CLAIM, KEY) == []


def test_the_hosts_own_secrets_are_not_told(world: World) -> None:
    theirs(world)["spec"]["csi"]["nodeStageSecretRef"] = {"name": "s", "namespace": "n"}
    theirs(world)["metadata"]["annotations"] |= {"volume.kubernetes.io/provisioner-deletion-secret-name": "s"}
    seen(world)["spec"]["csi"] = {}
    world.round(SHOWN, GIVEN)
    assert seen(world)["spec"]["csi"] == {"driver": "d"}
    assert not any("secret" in key for key in seen(world)["metadata"]["annotations"])


def test_a_volume_of_somebody_elses_claim_is_neither_seen_nor_touched() -> None:
    world = settled()
    world.host[VOLUMES].put(a_volume("pvc-1", {"namespace": "host-ns", "name": "theirs", "uid": "x"}))
    assert world.plan(SHOWN, GIVEN) == []
    marked = world.host[VOLUMES].put(a_volume("pvc-1", {"namespace": "else", "name": "theirs", "uid": "x"}))
    marked["metadata"]["annotations"] = {HELD_BY: f"{NAMES.cluster_marker} default/theirs u x"}
    assert world.plan(SHOWN, GIVEN) == []


def test_a_released_volume_stays_seen_until_the_host_removes_it(world: World) -> None:
    world.host[CLAIMS].by_key.clear()
    world.virtual[CLAIMS].by_key.clear()
    theirs(world)["status"]["phase"] = "Released"
    world.round(SHOWN, GIVEN)
    assert seen(world)["status"]["phase"] == "Released"
    world.host[VOLUMES].by_key.clear()
    (gone,) = world.plan(SHOWN, GIVEN)
    assert isinstance(gone, DeleteVirtual)
    seen(world)["metadata"] |= {"deletionTimestamp": "now", "finalizers": [KEEP, "kubernetes.io/pv-protection", "x"]}
    (free,) = world.plan(SHOWN, GIVEN)
    assert isinstance(free, PatchVirtual)
    assert free.patch == {"metadata": {"finalizers": ["x"]}}


def test_what_the_tenant_deletes_is_deleted_on_the_host_and_only_that(world: World) -> None:
    seen(world)["metadata"]["deletionTimestamp"] = "now"
    (gone,) = world.plan(SHOWN, GIVEN)
    assert isinstance(gone, DeleteHost)
    assert gone.uid == theirs(world)["metadata"]["uid"]
    # Another volume has the name by now, or it stands behind another claim.
    seen(world)["metadata"]["annotations"][HOST_UID] = "another"
    (free,) = world.plan(SHOWN, GIVEN)
    assert isinstance(free, PatchVirtual)
    seen(world)["metadata"]["annotations"][HOST_UID] = gone.uid
    seen(world)["spec"]["claimRef"]["uid"] = "an earlier claim's"
    (free,) = world.plan(SHOWN, GIVEN)
    assert isinstance(free, PatchVirtual)


def test_the_tenant_says_what_becomes_of_a_volume_unless_the_host_has_said_so_since(world: World) -> None:
    seen(world)["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    world.round(SHOWN, GIVEN)
    assert theirs(world)["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert world.plan(SHOWN, GIVEN) == []
    theirs(world)["spec"]["persistentVolumeReclaimPolicy"] = "Delete"
    world.round(SHOWN, GIVEN)
    assert seen(world)["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert world.plan(SHOWN, GIVEN) == []


def test_the_looks_of_a_volume_give_way_to_the_real_one(world: World) -> None:
    world.virtual[VOLUMES].by_key.clear()
    world.round(FakeVolumeKind(), GIVEN)
    gone, made = world.plan(SHOWN, GIVEN)
    assert isinstance(gone, DeleteVirtual)
    assert isinstance(made, CreateVirtual)
    seen(world)["metadata"] |= {"deletionTimestamp": "now", "finalizers": ["kubernetes.io/pv-protection"]}
    (free,) = world.plan(SHOWN, GIVEN)
    assert isinstance(free, PatchVirtual)
    assert free.patch == {"metadata": {"finalizers": None}}


def test_the_real_one_gives_way_to_looks_when_it_is_switched_off(world: World) -> None:
    fake = FakeVolumeKind()
    gone, made = world.plan(fake, GIVEN)
    assert isinstance(gone, DeleteVirtual)
    assert isinstance(made, CreateVirtual)
    seen(world)["metadata"]["deletionTimestamp"] = "now"
    (free,) = world.plan(fake, GIVEN)
    assert isinstance(free, PatchVirtual)
    assert free.patch == {"metadata": {"finalizers": None}}
    world.virtual[VOLUMES].by_key.clear()
    world.round(fake, GIVEN)
    assert seen(world)["spec"]["flexVolume"] == {"driver": "fake"}
    assert world.plan(fake, GIVEN) == []


@pytest.fixture
def own() -> World:
    """The tenant has made a volume; it is there on the host."""
    found = settled()
    made = found.virtual[VOLUMES].put(a_volume("disk"))
    made["status"] = {"phase": "Pending"}
    found.round(OWN, MINE)
    theirs(found, HOST_MINE)["status"] = {"phase": "Available"}
    found.round(OWN, MINE)
    return found


def bind(world: World) -> None:
    """Let the host bind the tenant's volume to the tenant's claim."""
    world.virtual[CLAIMS].put(a_claim(volumeName="disk"))
    world.round(CLAIM, KEY)
    copy = host_of(world, CLAIMS, "data")
    copy["status"] = {"phase": "Bound"}
    theirs(world, HOST_MINE)["spec"]["claimRef"] = reference_to(copy)
    theirs(world, HOST_MINE)["status"]["phase"] = "Bound"
    world.round(OWN, MINE)


def release(world: World) -> None:
    world.host[CLAIMS].by_key.clear()
    world.virtual[CLAIMS].by_key.clear()
    theirs(world, HOST_MINE)["status"]["phase"] = "Released"


def test_a_volume_of_the_tenants_is_bound_in_the_tenants_names(own: World) -> None:
    bind(own)
    assert host_of(own, CLAIMS, "data")["spec"]["volumeName"] == HOST_MINE
    assert seen(own, "disk")["spec"]["claimRef"]["uid"] == "u-data"
    assert seen(own, "disk")["status"]["phase"] == "Bound"
    assert own.plan(OWN, MINE) == []
    own.round(CLAIM, KEY)
    assert own.plan(CLAIM, KEY) == []


def test_a_released_volume_whose_claim_the_tenant_takes_off_is_available_again(own: World) -> None:
    bind(own)
    release(own)
    own.round(OWN, MINE)
    assert seen(own, "disk")["spec"]["claimRef"]["name"] == "data"
    del seen(own, "disk")["spec"]["claimRef"]
    (patch,) = own.round(OWN, MINE)
    assert isinstance(patch, PatchHost)
    assert patch.patch == {"spec": {"claimRef": None}}
    assert own.plan(OWN, MINE) == []


def test_the_claim_of_a_bound_volume_cannot_be_taken_off(own: World) -> None:
    bind(own)
    del seen(own, "disk")["spec"]["claimRef"]
    (patch,) = own.round(OWN, MINE)
    assert isinstance(patch, PatchVirtual)
    assert own.plan(OWN, MINE) == []


def test_a_volume_that_was_released_unseen_is_not_made_available_by_mistake(own: World) -> None:
    bind(own)
    release(own)
    own.virtual[VOLUMES].put(a_volume("disk") | {"metadata": seen(own, "disk")["metadata"]})
    for step in own.plan(OWN, MINE):
        assert not isinstance(step, PatchHost)


@pytest.mark.parametrize(("policy", "goes"), [("Delete", True), ("Retain", False)])
def test_a_volume_that_the_host_reclaimed_goes_and_any_other_is_made_again(own: World, policy: str, goes: bool) -> None:
    bind(own)
    seen(own, "disk")["spec"]["persistentVolumeReclaimPolicy"] = policy
    own.round(OWN, MINE)
    release(own)
    own.host[VOLUMES].by_key.clear()
    (step,) = own.plan(OWN, MINE)
    assert isinstance(step, DeleteVirtual if goes else CreateHost)


def test_a_volume_made_again_after_its_claim_is_gone_is_not_given_to_the_next_one(own: World) -> None:
    bind(own)
    seen(own, "disk")["spec"]["persistentVolumeReclaimPolicy"] = "Retain"
    release(own)
    own.host[VOLUMES].by_key.clear()
    (made,) = own.plan(OWN, MINE)
    assert isinstance(made, CreateHost)
    assert made.body["spec"]["claimRef"]["uid"] == "u-data"


def test_a_new_volume_for_a_claim_that_is_not_there_is_never_taken_for_a_reclaimed_one() -> None:
    world = settled()
    world.virtual[VOLUMES].put(a_volume("disk", {"namespace": "default", "name": "data", "uid": "gone"}))
    (step,) = world.plan(OWN, MINE)
    assert isinstance(step, CreateHost)


def test_a_deleted_volume_is_free_once_the_host_has_let_it_go(own: World) -> None:
    meta = seen(own, "disk")["metadata"]
    meta |= {"deletionTimestamp": "now", "finalizers": ["kubernetes.io/pv-protection"]}
    (gone,) = own.round(OWN, MINE)
    assert isinstance(gone, DeleteHost)
    (free,) = own.plan(OWN, MINE)
    assert isinstance(free, PatchVirtual)
    assert free.patch == {"metadata": {"finalizers": None}}


@pytest.mark.parametrize(
    ("standard", "source", "refused"),
    [
        (None, "hostPath", False),
        ("privileged", "hostPath", False),
        ("baseline", "hostPath", True),
        ("restricted", "local", True),
        ("restricted", "csi", False),
    ],
)
def test_the_hosts_disks_are_kept_from_tenants_under_a_standard(
    standard: str | None, source: str, refused: bool
) -> None:
    world = settled(
        pod_security_standard=Policies.model_validate({"podSecurityStandard": standard}).pod_security_standard
    )
    spec = {"capacity": {"storage": "1Gi"}, source: {"path": "/"}}
    world.virtual[VOLUMES].put({"metadata": {"name": "disk"}, "spec": spec})
    (step,) = world.plan(OWN, MINE)
    assert isinstance(step, Tell if refused else CreateHost)


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"csi": {"nodeStageSecretRef": {"name": "s", "namespace": "team"}}}, VirtualKey("team", "s")),
        ({"csi": {"controllerExpandSecretRef": {"name": "s", "namespace": "team"}}}, VirtualKey("team", "s")),
        ({"flexVolume": {"secretRef": {"name": "s"}}, "claimRef": {"namespace": "apps"}}, VirtualKey("apps", "s")),
        ({"azureFile": {"secretName": "s", "secretNamespace": "team"}}, VirtualKey("team", "s")),
        ({"azureFile": {"secretName": "s"}}, VirtualKey("default", "s")),
    ],
)
def test_secrets_that_a_volume_names_are_the_tenants_and_never_the_hosts(spec: Obj, key: VirtualKey) -> None:
    assert list(secrets_of({"spec": spec})) == [key]
    copy = str(host_source(spec, view()))
    assert NAMES.host_name(key.name, key.namespace) in copy
    assert "host-ns" in copy
    assert "'s'" not in copy


def view() -> View:
    return settled().view


def test_what_is_only_shown_is_never_copied_back(world: World) -> None:
    kind: SyncedKind = OWN
    assert not kind.wanted(VirtualObj(seen(world)), world.view)
