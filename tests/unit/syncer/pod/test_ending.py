from typing import Any

import pytest

from tests.unit.syncer.world import World, a_pod, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import Bind, CreateHost, DeleteHost, DeleteVirtual, PatchVirtual, Step

KIND, KEY = PodKind(), VirtualKey("default", "web")
STARTED = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}
DELETING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


class Running:
    """A pod that runs on both sides."""

    def __init__(self) -> None:
        self.world = World()
        self.world.virtual[PODS].put(a_pod())
        self.world.round(KIND, KEY)
        host = host_of(self.world, PODS, "web")
        host["spec"]["nodeName"] = "n1"
        host["status"] = dict(STARTED)
        steps = self.world.round(KIND, KEY)
        assert any(isinstance(step, Bind) for step in steps)

    @property
    def virtual(self) -> Obj:
        found = self.world.virtual[PODS].get("default", "web")
        assert found is not None
        return found

    @property
    def host(self) -> Obj:
        return host_of(self.world, PODS, "web")

    def vanish(self) -> None:
        self.world.host[PODS].by_key.clear()

    def plan(self) -> list[Step]:
        return writes(self.world.plan(KIND, KEY))


@pytest.fixture
def pod() -> Running:
    return Running()


def delete(obj: Obj, grace: int, **more: Any) -> None:
    obj["metadata"] |= {**DELETING, "deletionGracePeriodSeconds": grace, **more}


def test_a_pod_at_rest_needs_nothing(pod: Running) -> None:
    assert pod.plan() == []


def test_the_tenants_deletion_gives_the_host_pod_the_same_grace(pod: Running) -> None:
    delete(pod.virtual, 7)
    (step,) = pod.plan()
    assert isinstance(step, DeleteHost)
    assert (step.grace, step.uid) == (7, pod.host["metadata"]["uid"])


def test_while_the_host_pod_ends_its_state_still_comes_back(pod: Running) -> None:
    delete(pod.virtual, 7)
    delete(pod.host, 7)
    assert pod.plan() == []
    pod.host["status"]["phase"] = "Succeeded"
    (step,) = pod.plan()
    assert isinstance(step, PatchVirtual)


def test_a_grace_that_the_tenant_shortens_is_shortened_on_the_host(pod: Running) -> None:
    delete(pod.virtual, 1)
    delete(pod.host, 30)
    (step,) = pod.plan()
    assert isinstance(step, DeleteHost)
    assert step.grace == 1


def test_only_when_the_host_pod_is_gone_does_the_tenants_go(pod: Running) -> None:
    delete(pod.virtual, 7)
    pod.vanish()
    (step,) = pod.plan()
    assert isinstance(step, DeleteVirtual)
    assert (step.grace, step.uid) == (0, "u-default-web")


def test_a_pod_that_others_hold_is_failed_and_left_to_them(pod: Running) -> None:
    delete(pod.virtual, 0, finalizers=["batch.kubernetes.io/job-tracking"])
    pod.vanish()
    (step,) = pod.plan()
    assert isinstance(step, PatchVirtual)
    assert step.patch == {"status": {"phase": "Failed"}}


def test_a_deletion_that_broke_off_half_way_is_finished(pod: Running) -> None:
    delete(pod.virtual, 0)
    pod.vanish()
    (step,) = pod.plan()
    assert isinstance(step, DeleteVirtual)


def test_a_pod_that_the_host_evicts_is_deleted_with_the_grace_that_is_left(pod: Running) -> None:
    delete(pod.host, 12)
    (step,) = pod.plan()
    assert isinstance(step, DeleteVirtual)
    assert step.grace == 12


def test_a_pod_that_vanished_from_the_host_fails_and_makes_room_for_its_successor(pod: Running) -> None:
    pod.vanish()
    failed, gone = pod.plan()
    assert isinstance(failed, PatchVirtual)
    assert failed.patch["status"]["phase"] == "Failed"
    assert failed.patch["status"]["conditions"][-1]["type"] == "DisruptionTarget"
    assert isinstance(gone, DeleteVirtual)


def test_a_pod_that_had_ended_stays_as_it_ended(pod: Running) -> None:
    pod.virtual["status"]["phase"] = "Succeeded"
    pod.vanish()
    assert pod.plan() == []


def test_a_pod_that_never_started_is_made_again(pod: Running) -> None:
    del pod.virtual["status"]["startTime"]
    pod.vanish()
    (step,) = pod.plan()
    assert isinstance(step, CreateHost)


def test_a_pod_made_anew_under_the_same_name_waits_for_the_end_of_the_earlier_one(pod: Running) -> None:
    pod.world.virtual[PODS].put({**a_pod(), "metadata": {"name": "web", "namespace": "default", "uid": "new"}})
    (step,) = pod.plan()
    assert isinstance(step, DeleteHost)
    delete(pod.host, 30)
    assert pod.plan() == []
    pod.vanish()
    (step,) = pod.plan()
    assert isinstance(step, CreateHost)


def test_a_pod_bound_elsewhere_has_no_twin_here(pod: Running) -> None:
    pod.host["spec"]["nodeName"] = "n2"
    (step,) = pod.plan()
    assert isinstance(step, DeleteHost)
