from typing import Any

import pytest

from tests.unit.syncer.world import World, a_pod
from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj
from vgateway.syncer.kinds.pod.status import bind, gate_news, report, status_news, virtual_status
from vgateway.syncer.resources import NAMESPACES, NODES
from vgateway.syncer.steps import Bind, CreateVirtual, PatchHost, PatchVirtual

VIEW = World().view


def condition(kind: str, status: str = "True", **more: Any) -> Obj:
    return {"type": kind, "status": status, **more}


def host(*, node: str = "", generation: int = 1, **status: Any) -> HostObj:
    spec = {"nodeName": node} if node else {}
    meta = {"name": "web-x", "namespace": "host-ns", "uid": "h", "generation": generation}
    return HostObj({"metadata": meta, "spec": spec, "status": {"phase": "Running", **status}})


def virtual(status: Obj | None = None, **spec: Any) -> VirtualObj:
    pod = a_pod(**spec)
    pod["metadata"]["resourceVersion"] = "41"
    pod["status"] |= status or {}
    return VirtualObj(pod)


def test_the_hosts_state_comes_back_without_containers_that_the_host_injected() -> None:
    statuses = [{"name": "main", "ready": True}, {"name": "sidecar", "ready": True}]
    found = virtual_status(virtual(), host(podIP="10.1.1.1", containerStatuses=statuses), VIEW)
    assert (found["phase"], found["podIP"], found["qosClass"]) == ("Running", "10.1.1.1", "BestEffort")
    assert found["containerStatuses"] == [{"name": "main", "ready": True}]


def test_conditions_of_the_tenant_stay_and_those_that_the_host_dropped_go() -> None:
    have = {"conditions": [condition("Ready"), condition("example.com/own"), condition("DisruptionTarget")]}
    found = virtual_status(virtual(have), host(conditions=[condition("PodScheduled")]), VIEW)
    assert [one["type"] for one in found["conditions"]] == ["PodScheduled", "example.com/own", "DisruptionTarget"]


def test_what_the_binding_wrote_a_moment_later_is_no_news() -> None:
    own = condition("PodScheduled", lastTransitionTime="later")
    theirs = host(conditions=[condition("PodScheduled", x="earlier")])
    found = virtual_status(virtual({"conditions": [own]}), theirs, VIEW)
    assert found["conditions"] == [own]


def test_generations_are_the_tenants_own() -> None:
    caught_up = virtual_status(virtual(), host(generation=3, observedGeneration=3), VIEW)
    late = host(generation=3, observedGeneration=2)
    behind = virtual_status(virtual({"observedGeneration": 0}), late, VIEW)
    assert (caught_up["observedGeneration"], behind["observedGeneration"]) == (1, 0)


def test_an_equal_status_is_no_news() -> None:
    theirs = host(conditions=[condition("Ready")])
    have = virtual_status(virtual(), theirs, VIEW)
    assert list(status_news(virtual(have), theirs, VIEW)) == []


@pytest.mark.parametrize("ended", ["Succeeded", "Failed"])
@pytest.mark.parametrize("theirs", ["Pending", "Running", "Succeeded", "Failed"])
def test_a_pod_that_has_ended_stays_as_it_ended_whatever_the_host_says_later(ended: str, theirs: str) -> None:
    news = list(status_news(virtual({"phase": ended}), host(phase=theirs, podIP="10.1.1.9"), VIEW))
    assert bool(news) is (ended == theirs), "only what else is known of the same end is told"


def test_the_node_comes_before_the_binding() -> None:
    node, binding = bind(virtual(), host(node="n1"), World().view)
    assert isinstance(node, CreateVirtual)
    assert binding == Bind(VirtualKey("default", "web"), "u-default-web", "n1")


def test_a_known_node_is_not_made_again_and_a_bound_pod_not_bound_again() -> None:
    world = World()
    world.virtual[NODES].put({"metadata": {"name": "n1"}})
    assert len(bind(virtual(), host(node="n1"), world.view)) == 1
    assert bind(virtual(nodeName="n1"), host(node="n1"), world.view) == []


def test_nothing_is_bound_in_a_namespace_that_is_ending_and_no_state_told_without_a_node() -> None:
    world = World()
    ending = {"name": "default", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.virtual[NAMESPACES].put({"metadata": ending})
    assert list(report(virtual(), host(node="n1"), world.view)) == []
    assert bind(virtual(), host(node="n1"), world.view) == []
    bound = list(report(virtual(nodeName="n1"), host(node="n1"), world.view))
    assert any(isinstance(step, PatchVirtual) for step in bound)


def test_a_pod_that_was_only_scheduled_costs_no_write_beside_its_binding() -> None:
    scheduled = host(node="n1", phase="Pending", conditions=[condition("PodScheduled")])
    steps = list(report(virtual(), scheduled, World().view))
    assert not any(isinstance(step, PatchVirtual) for step in steps)


def test_readiness_gates_flow_from_the_tenant_to_the_host_and_are_not_overwritten() -> None:
    gate = condition("example.com/ready", reason="Because")
    pod = virtual({"conditions": [gate]}, readinessGates=[{"conditionType": "example.com/ready"}])
    theirs = host(conditions=[condition("Ready"), condition("example.com/ready", "False")])
    (step,) = gate_news(pod, theirs)
    assert isinstance(step, PatchHost)
    assert (step.subresource, step.patch) == ("status", {"status": {"conditions": [gate]}})
    assert gate in virtual_status(pod, theirs, VIEW)["conditions"]
    assert list(gate_news(pod, host(conditions=[gate]))) == []


def test_a_list_that_the_tenant_writes_too_is_only_replaced_as_we_saw_it() -> None:
    pod = virtual(readinessGates=[{"conditionType": "example.com/ready"}])
    (step,) = status_news(pod, host(conditions=[condition("Ready")]), VIEW)
    assert isinstance(step, PatchVirtual)
    assert step.patch["metadata"] == {"resourceVersion": "41"}


def test_what_the_hosts_programs_say_is_said_in_the_tenants_names() -> None:
    pod = virtual(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "pod=web-x-default-x-vc_host-ns(h)"}}
    ended = {"terminated": {"message": "my own web-x-default-x-vc"}}
    theirs = host(
        message="pod web-x-default-x-vc was rejected",
        conditions=[
            condition("PodScheduled", "False", message='persistentvolumeclaim "data-x-default-x-vc" not found')
        ],
        containerStatuses=[{"name": "main", "state": waiting, "lastState": ended}],
    )
    found = virtual_status(pod, theirs, VIEW)
    assert found["message"] == "pod web was rejected"
    assert found["conditions"][0]["message"] == 'persistentvolumeclaim "data" not found'
    (main,) = found["containerStatuses"]
    assert main["state"]["waiting"]["message"] == "pod=web_default(u-default-web)"
    assert main["lastState"] == ended
