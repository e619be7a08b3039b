from typing import Any

import pytest

from tests.unit.syncer.pod.test_options import world_of
from tests.unit.syncer.world import a_pod, host_of, writes
from vgateway.kube.objects import VirtualKey
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.pod.security import violations
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import Tell

KEY = VirtualKey("default", "web")
HARDENED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
}


def spec(container: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", **(container or {})}], **fields}


def with_context(**context: Any) -> dict[str, Any]:
    return spec({"securityContext": context})


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(spec(hostNetwork=True), id="the host's network"),
        pytest.param(spec(hostPID=True), id="the host's processes"),
        pytest.param(spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), id="the host's files"),
        pytest.param(spec(securityContext={"sysctls": [{"name": "kernel.msgmax"}]}), id="an unsafe sysctl"),
        pytest.param(with_context(privileged=True), id="privileged"),
        pytest.param(
            spec(initContainers=[{"name": "i", "securityContext": {"privileged": True}}]), id="in an init one"
        ),
        pytest.param(with_context(procMount="Unmasked"), id="an unmasked proc"),
        pytest.param(with_context(capabilities={"add": ["SYS_ADMIN"]}), id="a capability"),
        pytest.param(with_context(seccompProfile={"type": "Unconfined"}), id="no seccomp"),
        pytest.param(with_context(appArmorProfile={"type": "Unconfined"}), id="no AppArmor"),
        pytest.param(with_context(seLinuxOptions={"type": "spc_t"}), id="an SELinux type"),
        pytest.param(spec({"ports": [{"hostPort": 80}]}), id="a port of the host"),
        pytest.param(spec({"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}), id="a probe of another host"),
    ],
)
def test_baseline_forbids(forbidden: dict[str, Any]) -> None:
    assert len(violations(forbidden, {}, "baseline")) == 1
    assert violations(forbidden, {}, "restricted")
    assert violations(forbidden, {}, "privileged") == violations(forbidden, {}, None) == []


def test_an_ordinary_pod_keeps_to_baseline_and_a_hardened_one_to_restricted() -> None:
    assert violations(spec(), {}, "baseline") == []
    assert violations(with_context(**HARDENED), {}, "restricted") == []
    profile = {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}
    assert violations(spec(), profile, "baseline") == ["AppArmor profile unconfined"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"allowPrivilegeEscalation": None}, "allowPrivilegeEscalation"),
        ({"runAsNonRoot": False}, "runAsNonRoot"),
        ({"runAsUser": 0}, "runAsUser 0"),
        ({"seccompProfile": None}, "seccompProfile"),
        ({"capabilities": {"drop": ["NET_RAW"]}}, "drop ALL"),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "capabilities added"),
    ],
)
def test_restricted_forbids_more(change: dict[str, Any], words: str) -> None:
    given = with_context(**HARDENED | change)
    (found,) = violations(given, {}, "restricted")
    assert words in found
    assert violations(given, {}, "baseline") == []


def test_a_pod_that_slipped_through_is_not_started_and_its_tenant_is_told_why() -> None:
    world = world_of(standard="baseline")
    world.virtual[PODS].put(a_pod(hostNetwork=True))
    (step,) = world.round(PodKind(), KEY)
    assert isinstance(step, Tell)
    assert step.message.endswith("Pod Security Standard baseline: hostNetwork")
    assert list(world.host[PODS]) == []


def test_a_container_that_slipped_in_later_is_not_started_either() -> None:
    world = world_of(standard="baseline")
    pod = world.virtual[PODS].put(a_pod())
    world.round(PodKind(), KEY)
    bad = {"name": "bad", "image": "x", "securityContext": {"privileged": True}}
    pod["spec"]["ephemeralContainers"] = [bad, {"name": "good", "image": "x"}]
    assert len(writes(world.round(PodKind(), KEY))) == 1
    assert [one["name"] for one in host_of(world, PODS, "web")["spec"]["ephemeralContainers"]] == ["good"]
    assert writes(world.plan(PodKind(), KEY)) == []
