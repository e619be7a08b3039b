"""Claims for devices: allocated by the host, told in the tenant's names, and never to two pods' confusion."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, SETTINGS, World, a_pod, host_of
from vgateway.config.sync import Sync
from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.pod.devices import host_claims, host_devices
from vgateway.syncer.kinds.pod.needs import missing
from vgateway.syncer.kinds.pod.status import virtual_status as pod_status
from vgateway.syncer.kinds.references import claims_of, references
from vgateway.syncer.kinds.resourceclaim import PROTECTION, ResourceClaimKind
from vgateway.syncer.resources import PODS, RESOURCECLAIMS
from vgateway.syncer.steps import DeleteHost, PatchVirtual, Requeue

CROSSING = Sync.model_validate({"toHost": {"resourceClaims": {"enabled": True}}})
KEY, POD = VirtualKey("default", "gpu"), VirtualKey("default", "web")
CLAIM, PODS_KIND = ResourceClaimKind(), PodKind(claims=True)
BY_NAME = [{"name": "device", "resourceClaimName": "gpu"}]
BY_TEMPLATE = [{"name": "device", "resourceClaimTemplateName": "any"}]


def device(name: str) -> Obj:
    return {"devices": {"results": [{"request": "it", "driver": "d", "pool": "p", "device": name}]}}


@pytest.fixture
def world() -> World:
    found = World()
    found.view = replace(found.view, settings=replace(SETTINGS, sync=CROSSING))
    found.virtual[RESOURCECLAIMS].put({"metadata": {"name": "gpu", "namespace": "default"}, "spec": {"devices": {}}})
    found.round(CLAIM, KEY)
    found.virtual[PODS].put(a_pod(resourceClaims=BY_NAME))
    found.round(PODS_KIND, POD)
    return found


def allocate(world: World, name: str = "one") -> None:
    pod = host_of(world, PODS, "web")["metadata"]
    reserved = [{"resource": "pods", "name": pod["name"], "uid": pod["uid"]}]
    host_of(world, RESOURCECLAIMS, "gpu")["status"] = {"allocation": device(name), "reservedFor": reserved}


def mine(world: World) -> Obj:
    found = world.virtual[RESOURCECLAIMS].get("default", "gpu")
    assert found is not None
    return found


def test_a_claim_is_reserved_for_the_tenants_pod_and_protected_while_it_holds_a_device(world: World) -> None:
    allocate(world)
    world.round(CLAIM, KEY)
    assert mine(world)["status"]["allocation"] == device("one")
    assert mine(world)["status"]["reservedFor"] == [{"resource": "pods", "name": "web", "uid": "u-default-web"}]
    assert mine(world)["metadata"]["finalizers"] == [PROTECTION]
    assert world.plan(CLAIM, KEY) == []
    host_of(world, RESOURCECLAIMS, "gpu")["status"] = {}
    world.round(CLAIM, KEY)
    assert not mine(world)["metadata"].get("finalizers")
    assert world.plan(CLAIM, KEY) == []


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"resource": "pods", "name": "theirs", "uid": "x"}, id="a stranger's pod"),
        pytest.param({"resource": "others", "apiGroup": "example.io", "name": "web", "uid": "x"}, id="no pod"),
    ],
)
def test_nobody_elses_use_of_a_claim_is_told(world: World, entry: Obj) -> None:
    allocate(world)
    host_of(world, RESOURCECLAIMS, "gpu")["status"]["reservedFor"] = [entry]
    world.round(CLAIM, KEY)
    assert "reservedFor" not in mine(world)["status"]


def test_a_claim_is_not_given_back_to_a_pod_that_has_ended(world: World) -> None:
    allocate(world)
    pod = world.virtual[PODS].get("default", "web")
    assert pod is not None
    pod["status"]["phase"] = "Succeeded"
    world.round(CLAIM, KEY)
    assert "reservedFor" not in mine(world)["status"]


def test_another_device_is_told_only_after_the_first_is_taken_back(world: World) -> None:
    allocate(world)
    world.round(CLAIM, KEY)
    allocate(world, "two")
    steps = world.round(CLAIM, KEY)
    assert Requeue(0.0) in steps
    assert "allocation" not in mine(world)["status"]
    assert "reservedFor" not in mine(world)["status"]
    world.round(CLAIM, KEY)
    assert mine(world)["status"]["allocation"] == device("two")
    assert world.plan(CLAIM, KEY) == []


def test_a_claim_that_is_deleted_goes_when_the_host_has_let_it_go(world: World) -> None:
    allocate(world)
    world.round(CLAIM, KEY)
    mine(world)["metadata"]["deletionTimestamp"] = "now"
    (gone,) = world.round(CLAIM, KEY)
    assert isinstance(gone, DeleteHost)
    (free,) = world.round(CLAIM, KEY)
    assert isinstance(free, PatchVirtual)
    assert free.patch == {"metadata": {"finalizers": None}}


@pytest.mark.parametrize(
    ("entries", "statuses", "found"),
    [
        (BY_NAME, [], [("device", "gpu")]),
        (BY_TEMPLATE, [], [("device", None)]),
        (BY_TEMPLATE, [{"name": "device", "resourceClaimName": "web-device-x"}], [("device", "web-device-x")]),
        (BY_TEMPLATE, [{"name": "device"}], [("device", "")]),
    ],
)
def test_what_a_pod_claims(entries: list[Obj], statuses: list[Obj], found: list[tuple[str, Any]]) -> None:
    pod = a_pod(resourceClaims=entries)
    pod["status"]["resourceClaimStatuses"] = statuses
    assert list(claims_of(pod)) == found
    assert {name for kind, name in references(pod) if kind is RESOURCECLAIMS} == {name for _, name in found if name}


def test_the_host_pod_names_the_copies_and_no_template(world: World) -> None:
    pod = a_pod(resourceClaims=[*BY_NAME, {"name": "other", "resourceClaimTemplateName": "any"}])
    pod["status"]["resourceClaimStatuses"] = [{"name": "other"}]
    container = {"name": "main", "resources": {"claims": [{"name": "device"}, {"name": "other"}]}}
    assert host_claims(VirtualObj(pod), world.view) == [
        {"name": "device", "resourceClaimName": NAMES.host_name("gpu", "default")}
    ]
    assert host_devices(container, VirtualObj(pod)) == {"resources": {"claims": [{"name": "device"}]}}
    assert host_devices({"name": "main"}, VirtualObj(pod)) == {}


def test_where_claims_do_not_cross_no_strangers_claim_can_be_meant(world: World) -> None:
    pod = VirtualObj(a_pod(resourceClaims=[*BY_NAME, {"name": "other", "resourceClaimTemplateName": "any"}]))
    named = {one.get("resourceClaimName") or one["resourceClaimTemplateName"] for one in host_claims(pod, world.view)}
    assert named == {NAMES.host_name("gpu", "default"), NAMES.host_name("any", "default")}


def test_a_pod_waits_until_its_claim_is_made_and_is_on_the_host(world: World) -> None:
    pod = VirtualObj(a_pod(resourceClaims=BY_TEMPLATE))
    assert any("has not been made of its template" in one for one in missing(pod, world.view))
    pod = VirtualObj(a_pod(resourceClaims=BY_NAME))
    assert not [one for one in missing(pod, world.view) if "ResourceClaim" in one]
    world.host[RESOURCECLAIMS].by_key.clear()
    assert any("ResourceClaim gpu has no copy" in one for one in missing(pod, world.view))


def test_which_claims_were_made_for_a_pod_is_said_by_the_tenants_side_only(world: World) -> None:
    pod = VirtualObj(a_pod(resourceClaims=BY_TEMPLATE))
    pod["status"]["resourceClaimStatuses"] = [{"name": "device", "resourceClaimName": "gpu"}]
    host = host_of(world, PODS, "web")
    host["status"]["resourceClaimStatuses"] = [{"name": "device", "resourceClaimName": "host's"}]
    seen = pod_status(pod, HostObj(host), world.view)
    assert seen["resourceClaimStatuses"] == pod["status"]["resourceClaimStatuses"]
