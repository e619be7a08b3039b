"""What the host says, in the tenant's names: only of what is the tenant's, and once."""

from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_config_map, a_pod, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.event import FROM_HOST, EventKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.resources import CONFIGMAPS, EVENTS, NAMESPACES, PODS, SERVICES
from vgateway.syncer.steps import CreateVirtual, PatchVirtual

KIND = EventKind((PODS, SERVICES))
HOST_NAME = "web-x-default-x-vc"


def told(world: World, name: str = f"{HOST_NAME}.17ab", **fields: Any) -> VirtualKey:
    """Let the host say something of the pod and return the key."""
    pod = host_of(world, PODS, "web")
    involved = {"kind": "Pod", "apiVersion": "v1", "name": HOST_NAME, "namespace": "host-ns"}
    event: Obj = {
        "metadata": {"name": name, "namespace": "host-ns"},
        "involvedObject": {**involved, "uid": pod["metadata"]["uid"], "fieldPath": "spec.containers{main}"},
        "reason": "Scheduled",
        "message": f"Successfully assigned host-ns/{HOST_NAME} to n1",
        "type": "Normal",
        "count": 1,
        "source": {"component": "default-scheduler"},
    }
    world.host[EVENTS].put({**event, **fields})
    return VirtualKey("host-ns", name)


@pytest.fixture
def world() -> World:
    found = World()
    found.virtual[CONFIGMAPS].put(a_config_map(ROOT_CA))
    found.virtual[PODS].put(a_pod())
    found.round(PodKind(), VirtualKey("default", "web"))
    return found


def the_event(world: World) -> Obj:
    (found,) = world.virtual[EVENTS]
    return found


def test_an_event_speaks_of_the_tenants_pod(world: World) -> None:
    key = told(world)
    world.round(KIND, key)
    event = the_event(world)
    assert event["metadata"]["name"] == "web.17ab"
    assert event["metadata"]["namespace"] == "default"
    assert event["message"] == "Successfully assigned default/web to n1"
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "web",
        "namespace": "default",
        "uid": "u-default-web",
        "fieldPath": "spec.containers{main}",
    }
    assert world.plan(KIND, key) == []


def test_what_repeats_on_the_host_repeats_as_a_count(world: World) -> None:
    key = told(world)
    world.round(KIND, key)
    told(world, count=7, lastTimestamp="2026-01-01T00:00:00Z")
    (patch,) = world.round(KIND, key)
    assert isinstance(patch, PatchVirtual)
    assert patch.key == VirtualKey("default", "web.17ab")
    assert patch.patch == {"count": 7, "lastTimestamp": "2026-01-01T00:00:00Z"}
    assert world.plan(KIND, key) == []


def test_the_hosts_uid_and_names_of_what_the_pod_refers_to_are_the_tenants(world: World) -> None:
    long = "c" * 70
    volumes = [{"name": "v", "configMap": {"name": long}}]
    pod = world.virtual[PODS].get("default", "web")
    assert pod is not None
    pod["spec"]["volumes"] = volumes
    host_uid = host_of(world, PODS, "web")["metadata"]["uid"]
    key = told(world, message=f'configmap "{NAMES.host_name(long, "default")}" not found in /pods/{host_uid}/volumes')
    world.round(KIND, key)
    assert the_event(world)["message"] == f'configmap "{long}" not found in /pods/u-default-web/volumes'


def test_the_name_of_an_event_fits_however_long_the_pods(world: World) -> None:
    name = "n" * 250
    world.virtual[PODS].put(a_pod(name))
    world.round(PodKind(), VirtualKey("default", name))
    copy = host_of(world, PODS, name)["metadata"]
    involved = {"kind": "Pod", "apiVersion": "v1", "name": copy["name"], "namespace": "host-ns", "uid": copy["uid"]}
    world.round(KIND, told(world, f"{copy['name']}.17ab", involvedObject=involved))
    assert len(the_event(world)["metadata"]["name"]) <= 253


@pytest.mark.parametrize(
    "involved",
    [
        pytest.param(
            {"kind": "Pod", "apiVersion": "v1", "name": "theirs", "namespace": "host-ns"}, id="somebody-elses"
        ),
        pytest.param({"kind": "Node", "apiVersion": "v1", "name": "n1"}, id="of-a-kind-that-is-not-told"),
        pytest.param(
            {"kind": "Pod", "apiVersion": "x/v1", "name": HOST_NAME, "namespace": "host-ns"}, id="of-a-namesake"
        ),
        pytest.param(
            {"kind": "Pod", "apiVersion": "v1", "name": HOST_NAME, "namespace": "host-ns", "uid": "old"},
            id="of-an-earlier-pod-of-that-name",
        ),
    ],
)
def test_events_about_what_is_not_the_tenants_are_not_told(world: World, involved: Obj) -> None:
    world.host[PODS].put(a_pod("theirs", "host-ns"))
    assert world.plan(KIND, told(world, involvedObject=involved)) == []


def test_an_event_that_comes_before_its_object_is_told_when_the_object_comes(world: World) -> None:
    pod = host_of(world, PODS, "web")
    key = told(world)
    world.host[PODS].by_key.clear()
    assert world.plan(KIND, key) == []
    world.host[PODS].put(pod)
    (made,) = world.plan(KIND, key)
    assert isinstance(made, CreateVirtual)


def test_nothing_is_told_into_a_namespace_that_is_ending(world: World) -> None:
    meta = {"name": "default", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.virtual[NAMESPACES].put({"metadata": meta})
    assert world.plan(KIND, told(world)) == []


def test_when_the_host_forgets_an_event_the_tenants_stays_until_it_expires(world: World) -> None:
    key = told(world)
    world.round(KIND, key)
    world.host[EVENTS].by_key.clear()
    assert writes(world.plan(KIND, key)) == []
    assert the_event(world)["metadata"]["labels"] == {FROM_HOST: "true"}


def test_an_event_of_the_tenants_own_of_that_name_is_left_alone(world: World) -> None:
    world.virtual[EVENTS].put({"metadata": {"name": "web.17ab", "namespace": "default"}, "message": "mine"})
    assert world.plan(KIND, told(world)) == []
