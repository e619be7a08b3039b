from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import SETTINGS, World, a_pod, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey, VirtualObj
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.pod.updates import GATES, IMAGES, first_marks, spec_patch
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import PatchHost, Tell

VIEW = World().view


def container(image: str, name: str = "c") -> Obj:
    return {"name": name, "image": image}


def marks(spec: Obj) -> dict[str, str]:
    return first_marks(VirtualObj({"spec": spec}))


def test_a_new_image_is_pushed_by_the_containers_name() -> None:
    before, now = {"containers": [container("a:1")]}, {"containers": [container("a:2")]}
    patch = spec_patch(now, before, marks(before), VIEW)
    assert patch["spec"] == {"containers": [{"name": "c", "image": "a:2"}]}
    assert patch["metadata"]["annotations"][IMAGES] == marks(now)[IMAGES]


def test_an_image_that_the_hosts_admission_changed_stays_changed() -> None:
    spec = {"containers": [container("a:1")]}
    assert spec_patch(spec, {"containers": [container("mirror/a:1")]}, marks(spec), VIEW) == {}


@pytest.mark.parametrize(
    ("virtual", "host", "patch"),
    [
        pytest.param(
            {"tolerations": [{"key": "a"}]},
            {"tolerations": [{"key": "host"}]},
            {"tolerations": [{"key": "host"}, {"key": "a"}]},
            id="a toleration is added to the host's own",
        ),
        pytest.param({"activeDeadlineSeconds": 5}, {}, {"activeDeadlineSeconds": 5}, id="a deadline is pushed"),
        pytest.param({}, {"activeDeadlineSeconds": 5}, {}, id="a deadline that the host set stays"),
    ],
)
def test_the_few_fields_that_may_change_are_pushed(virtual: Obj, host: Obj, patch: Obj) -> None:
    assert spec_patch(virtual, host, {}, VIEW).get("spec", {}) == patch


def test_the_tenant_lifts_its_own_gates_and_never_the_hosts() -> None:
    first = {"schedulingGates": [{"name": "own"}]}
    host: dict[str, Any] = {"schedulingGates": [{"name": "own"}, {"name": "queue"}]}
    assert marks(first)[GATES] == "own"
    assert spec_patch({}, host, {GATES: "own"}, VIEW)["spec"] == {
        "schedulingGates": [{"name": "own", "$patch": "delete"}]
    }
    assert spec_patch({}, {"schedulingGates": [{"name": "queue"}]}, {GATES: "own"}, VIEW) == {}


ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
NODES = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [ZONE]}]}}


def test_where_a_held_pod_may_run_is_narrowed_with_the_lifting_of_its_gates() -> None:
    world, key = World(), VirtualKey("default", "web")
    pod = world.virtual[PODS].put(a_pod(schedulingGates=[{"name": "queue"}], nodeSelector={"a": "1"}))
    world.round(PodKind(), key)
    del pod["spec"]["schedulingGates"]
    pod["spec"] |= {"nodeSelector": {"a": "1", "pool": "x"}, "affinity": {"nodeAffinity": NODES}}
    (step,) = writes(world.round(PodKind(), key))
    assert isinstance(step, PatchHost)
    assert step.patch["spec"] == {
        "nodeSelector": {"a": "1", "pool": "x"},
        "affinity": {"nodeAffinity": NODES},
        "schedulingGates": [{"name": "queue", "$patch": "delete"}],
    }
    assert world.plan(PodKind(), key) == []


def test_a_place_that_the_hosts_admission_chose_for_a_held_pod_stays() -> None:
    spec = {"schedulingGates": [{"name": "queue"}]}
    host = {**spec, "nodeSelector": {"pool": "host"}}
    assert spec_patch(spec, host, marks(spec), VIEW) == {}


def test_an_ephemeral_container_that_breaks_the_standard_is_not_added_and_that_is_said() -> None:
    world, key = World(), VirtualKey("default", "web")
    world.view = replace(world.view, settings=replace(SETTINGS, pod_security_standard="baseline"))
    pod = world.virtual[PODS].put(a_pod())
    world.round(PodKind(), key)
    bad = {**container("busybox", "root"), "securityContext": {"privileged": True}}
    pod["spec"]["ephemeralContainers"] = [bad, container("busybox", "debug")]
    told, added = world.round(PodKind(), key)
    assert told == Tell("PodSecurity", "the host does not add the container: container root: privileged")
    assert isinstance(added, PatchHost)
    assert [one["name"] for one in added.patch["spec"]["ephemeralContainers"]] == ["debug"]
    assert writes(world.plan(PodKind(), key)) == []


def test_an_ephemeral_container_is_added_through_its_own_subresource() -> None:
    world, key = World(), VirtualKey("default", "web")
    pod = world.virtual[PODS].put(a_pod())
    world.round(PodKind(), key)
    assert "ephemeralContainers" not in host_of(world, PODS, "web")["spec"]
    pod["spec"]["ephemeralContainers"] = [container("busybox", "debug")]
    (step,) = writes(world.round(PodKind(), key))
    assert isinstance(step, PatchHost)
    assert (step.subresource, step.strategic) == ("ephemeralcontainers", True)
    assert world.plan(PodKind(), key) == []
