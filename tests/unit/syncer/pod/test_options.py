"""What ``sync.toHost.pods`` and the classes' switches make of a pod."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.config.test_load import document
from tests.unit.syncer.world import NAMES, SETTINGS, World, a_config_map, a_pod, host_of, writes
from vgateway.config.load import parse_config
from vgateway.kube.objects import Obj, VirtualKey, VirtualObj
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.namespace import PodSecurityKind, security_labels
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.pod.classes import host_classes
from vgateway.syncer.kinds.pod.needs import missing
from vgateway.syncer.kinds.pod.spec import host_spec
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, PODS, PRIORITYCLASSES, RUNTIMECLASSES
from vgateway.syncer.settings import tolerations_of
from vgateway.syncer.steps import PatchHost, PatchVirtual, Requeue, Tell

KEY = VirtualKey("default", "web")
MAP = {"translateImage": {"nginx:1": "mirror.example/nginx:1"}}


def world_of(*, host: str = "v1.36.3", standard: str | None = None, **sync: Any) -> World:
    """Two clusters under a configuration."""
    config = parse_config(document(sync=sync))
    world = World()
    settings = replace(
        SETTINGS,
        sync=config.sync,
        host_version=lambda: host,
        enforced_tolerations=tolerations_of(config.sync.to_host.pods),
        pod_security_standard=standard,
    )
    world.view = replace(world.view, settings=settings)
    return world


def pods(**options: Any) -> World:
    return world_of(toHost={"pods": options})


def test_an_image_of_the_map_runs_as_its_other_and_every_other_as_it_is() -> None:
    pod = a_pod(
        containers=[{"name": "a", "image": "nginx:1"}, {"name": "b", "image": "nginx:11"}],
        initContainers=[{"name": "i", "image": "nginx:1"}],
    )
    spec = host_spec(VirtualObj(pod), pods(**MAP).view)
    assert [one["image"] for one in spec["containers"]] == ["mirror.example/nginx:1", "nginx:11"]
    assert spec["initContainers"][0]["image"] == "mirror.example/nginx:1"


def test_the_map_holds_for_volumes_of_images_too() -> None:
    pod = a_pod(volumes=[{"name": "v", "image": {"reference": "nginx:1", "pullPolicy": "Always"}}])
    (volume,) = host_spec(VirtualObj(pod), pods(**MAP).view)["volumes"]
    assert volume["image"] == {"reference": "mirror.example/nginx:1", "pullPolicy": "Always"}


def test_the_map_holds_for_changed_and_for_ephemeral_containers_too() -> None:
    world = pods(**MAP)
    pod = world.virtual[PODS].put(a_pod(containers=[{"name": "a", "image": "nginx:0"}]))
    world.round(PodKind(), KEY)
    pod["spec"]["containers"][0]["image"] = "nginx:1"
    pod["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "nginx:1"}]
    world.round(PodKind(), KEY)
    spec = host_of(world, PODS, "web")["spec"]
    assert spec["containers"][0]["image"] == spec["ephemeralContainers"][0]["image"] == "mirror.example/nginx:1"
    assert world.plan(PodKind(), KEY) == []


def test_enforced_tolerations_come_after_the_pods_own_and_never_twice() -> None:
    gpu = {"key": "gpu", "operator": "Exists"}
    view = pods(enforceTolerations=["gpu", "zone=a:NoSchedule"]).view
    spec = host_spec(VirtualObj(a_pod(tolerations=[gpu])), view)
    assert spec["tolerations"] == [gpu, {"key": "zone", "operator": "Equal", "value": "a", "effect": "NoSchedule"}]


def test_pods_that_run_already_get_the_enforced_tolerations_too() -> None:
    world = pods(enforceTolerations=["*"])
    world.virtual[PODS].put(a_pod())
    world.round(PodKind(), KEY)
    host_of(world, PODS, "web")["spec"]["tolerations"] = [{"key": "host"}]
    (step,) = writes(world.round(PodKind(), KEY))
    assert isinstance(step, PatchHost)
    assert step.patch == {"spec": {"tolerations": [{"key": "host"}, {"operator": "Exists"}]}}
    assert world.plan(PodKind(), KEY) == []


TO_HOST = {"toHost": {"priorityClasses": {"enabled": True}}}
FROM_HOST = {"fromHost": {"priorityClasses": {"enabled": True}}}
DEFAULT = {"toHost": {"pods": {"priorityClassName": "tenants", "runtimeClassName": "sandbox"}}}


@pytest.mark.parametrize(
    ("sync", "own", "found"),
    [
        pytest.param({}, {"priorityClassName": "high"}, {}, id="a tenant's priority counts for nothing on the host"),
        pytest.param(FROM_HOST, {"priorityClassName": "high"}, {"priorityClassName": "high"}, id="the host's own"),
        pytest.param(
            TO_HOST, {"priorityClassName": "high"}, {"priorityClassName": NAMES.cluster_name("high")}, id="a copy"
        ),
        pytest.param(TO_HOST, {"priorityClassName": "system-node-critical"}, {}, id="the system's is not the tenant's"),
        pytest.param(
            DEFAULT,
            {"priorityClassName": "high", "runtimeClassName": "runc"},
            {"priorityClassName": "tenants", "runtimeClassName": "sandbox"},
            id="the defaults of the virtual cluster",
        ),
    ],
)
def test_classes(sync: dict[str, Any], own: Obj, found: Obj) -> None:
    world = world_of(**sync)
    world.host[PRIORITYCLASSES].put({"metadata": {"name": "high"}})
    assert host_classes(own, world.view) == found


OFFERED = {"enabled": True, "selector": {"matchLabels": {"for": "tenants"}}}


@pytest.mark.parametrize(
    ("own", "waits", "priority"),
    [
        pytest.param({"priorityClassName": "shown"}, False, "shown", id="one that the host offers"),
        pytest.param({"priorityClassName": "hidden"}, True, None, id="one that the host keeps to itself"),
        pytest.param({"priorityClassName": "absent"}, True, None, id="one that the host does not have"),
        pytest.param({"priorityClassName": "system-node-critical"}, False, None, id="the system's, not offered"),
        pytest.param({"runtimeClassName": "hidden"}, True, None, id="a runtime that the host keeps to itself"),
        pytest.param({"runtimeClassName": "shown"}, False, None, id="a runtime that the host offers"),
    ],
)
def test_a_pod_gets_no_class_that_the_host_does_not_offer(own: Obj, waits: bool, priority: str | None) -> None:
    world = world_of(fromHost={"priorityClasses": OFFERED, "runtimeClasses": OFFERED})
    for resource in (PRIORITYCLASSES, RUNTIMECLASSES):
        world.host[resource].put({"metadata": {"name": "shown", "labels": {"for": "tenants"}}})
        world.host[resource].put({"metadata": {"name": "hidden"}})
        world.host[resource].put({"metadata": {"name": "system-node-critical"}})
    assert bool(list(missing(VirtualObj(a_pod(**own)), world.view))) is waits
    assert host_classes(own, world.view).get("priorityClassName") == priority


def test_a_pod_that_waits_long_says_what_for() -> None:
    world = World()
    pod = a_pod(volumes=[{"name": "c", "configMap": {"name": "conf"}}])
    world.virtual[PODS].put(pod)["metadata"]["creationTimestamp"] = "2026-09-21T14:13:19Z"  # a second before NOW
    world.virtual[CONFIGMAPS].put(a_config_map())
    assert world.plan(PodKind(), KEY) == [Requeue(15.0)]
    world.virtual[PODS].put(pod)
    tell, _ = world.plan(PodKind(), KEY)
    assert tell == Tell("Waiting", "it cannot start yet: the ConfigMap conf has no copy on the host yet")


def test_a_pods_own_runtime_class_goes_over_where_none_is_enforced() -> None:
    assert host_spec(VirtualObj(a_pod(runtimeClassName="kata")), World().view)["runtimeClassName"] == "kata"


def test_resources_of_the_pod_as_a_whole_go_where_the_host_knows_them() -> None:
    pod = VirtualObj(a_pod(resources={"limits": {"cpu": "1"}}))
    assert host_spec(pod, world_of(host="v1.34.0").view)["resources"] == {"limits": {"cpu": "1"}}
    assert "resources" not in host_spec(pod, world_of(host="v1.33.9+k3s1").view)


def resized(host: str) -> tuple[World, list[Any]]:
    world = world_of(host=host)
    pod = world.virtual[PODS].put(
        a_pod(containers=[{"name": "main", "image": "x", "resources": {"requests": {"cpu": "1"}}}])
    )
    world.round(PodKind(), KEY)
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "2"}}
    return world, world.round(PodKind(), KEY)


def test_resources_that_the_tenant_changes_are_changed_in_place() -> None:
    world, steps = resized("v1.33.0")
    resize, mark = steps
    assert isinstance(resize, PatchHost)
    assert (resize.subresource, resize.strategic) == ("resize", True)
    assert resize.patch == {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "2"}}}]}}
    assert isinstance(mark, PatchHost)
    assert list(mark.patch) == ["metadata"]
    assert world.plan(PodKind(), KEY) == []


def test_resources_of_the_pod_as_a_whole_are_changed_in_place_where_the_host_can() -> None:
    for host, steps in (("v1.36.0", ["resize", ""]), ("v1.35.2", [])):
        world = world_of(host=host)
        pod = world.virtual[PODS].put(a_pod(resources={"limits": {"cpu": "1"}}))
        world.round(PodKind(), KEY)
        pod["spec"]["resources"] = {"limits": {"cpu": "2"}}
        found = world.plan(PodKind(), KEY)
        assert [step.subresource for step in found if isinstance(step, PatchHost)] == steps
        assert bool(steps) is not any(isinstance(step, Tell) for step in found)


def test_a_host_that_cannot_resize_is_said_and_nothing_is_tried() -> None:
    _, steps = resized("v1.32.9")
    (step,) = steps
    assert isinstance(step, Tell)
    assert step.reason == "ResizeNotPossible"


def test_resources_that_the_hosts_admission_chose_stay() -> None:
    world = world_of()
    world.virtual[PODS].put(a_pod())
    world.round(PodKind(), KEY)
    host_of(world, PODS, "web")["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    assert writes(world.plan(PodKind(), KEY)) == []


def test_all_copies_what_no_pod_refers_to() -> None:
    for everything in (True, False):
        world = world_of(toHost={"configMaps": {"all": everything}})
        virtual = world.virtual[CONFIGMAPS].put(a_config_map())
        assert ConfigMapKind().wanted(VirtualObj(virtual), world.view) is everything


def test_a_pod_does_not_wait_for_what_is_never_copied() -> None:
    pod = VirtualObj(a_pod(volumes=[{"name": "c", "configMap": {"name": "conf"}}]))
    for copied in (True, False):
        world = world_of(toHost={"configMaps": {"enabled": copied}})
        world.virtual[CONFIGMAPS].put(a_config_map())
        assert bool(list(missing(pod, world.view))) is copied


@pytest.mark.parametrize(
    ("own", "level"),
    [
        pytest.param({}, "baseline", id="a namespace that says nothing"),
        pytest.param({"pod-security.kubernetes.io/enforce": "privileged"}, "baseline", id="one that asks for less"),
        pytest.param({"pod-security.kubernetes.io/enforce": "restricted"}, "restricted", id="one that asks for more"),
        pytest.param({"pod-security.kubernetes.io/enforce": "nonsense"}, "baseline", id="one that says nonsense"),
        pytest.param({"pod-security.kubernetes.io/enforce-version": "v1.0"}, "baseline", id="one that pins a version"),
    ],
)
def test_a_namespace_is_never_held_to_less_than_the_standard(own: dict[str, str], level: str) -> None:
    found = security_labels(own, "baseline")
    assert found["pod-security.kubernetes.io/enforce"] == level
    assert found["pod-security.kubernetes.io/enforce-version"] == "latest"
    assert found["pod-security.kubernetes.io/warn"] == "baseline"


def test_labels_of_the_standard_are_put_on_once_and_put_right() -> None:
    world, key = world_of(standard="restricted"), VirtualKey("", "default")
    (step,) = writes(world.round(PodSecurityKind(), key))
    assert isinstance(step, PatchVirtual)
    assert world.plan(PodSecurityKind(), key) == []
    found = world.virtual[NAMESPACES].get("", "default")
    assert found is not None
    assert found["metadata"]["labels"]["team"] == "a"
    found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged"
    assert len(writes(world.plan(PodSecurityKind(), key))) == 1
    assert world.plan(PodSecurityKind(), VirtualKey("", "absent")) == []
