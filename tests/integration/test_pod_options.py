"""What a configuration makes of pods, and what ``vgateway explain`` says of them, on real clusters."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import IMAGE, container, shell_pod

pytestmark = pytest.mark.cluster

NAME = "options"
HOST_NAMESPACE = f"vgateway-{NAME}"
CONFIGURATION = f"""
sync:
  toHost:
    pods:
      translateImage: {{"registry.example/shell:1": "{IMAGE}"}}
      enforceTolerations: ["tenants", "zone=a:NoSchedule"]
    configMaps: {{all: true}}
    priorityClasses: {{enabled: true}}
policies:
  podSecurityStandard: baseline
"""
TOLERATIONS = [
    {"key": "tenants", "operator": "Exists"},
    {"key": "zone", "operator": "Equal", "value": "a", "effect": "NoSchedule"},
]


@pytest.fixture(scope="module")
def optional(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant whose virtual cluster has options for pods."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture
def place(optional: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    optional.ok("create", "namespace", name)
    yield name
    optional.ok("delete", "namespace", name, "--wait=false")


def copy_of(host: Kubectl, kind: str, name: str, namespace: str) -> dict[str, Any]:
    selector = ("-l", f"vcluster.loft.sh/namespace={namespace}")
    items: list[dict[str, Any]] = host.json("get", kind, "-n", HOST_NAMESPACE, *selector)["items"]
    return next((one for one in items if one["metadata"]["annotations"]["vcluster.loft.sh/object-name"] == name), {})


def explain(clusters: Clusters, *arguments: str) -> Any:
    """Ask as an operator does."""
    config = clusters.home / "virtual" / NAME / "gateway.yaml"
    command = (sys.executable, "-m", "vgateway", "explain", *arguments, "--config", str(config), "--output", "json")
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return orjson.loads(done.stdout)


def test_a_pod_runs_the_mapped_image_with_the_enforced_tolerations_and_shows_its_own(
    optional: Kubectl, host: Kubectl, place: str
) -> None:
    pod = shell_pod("web", container(image="registry.example/shell:1"))
    optional.apply(with_namespace(pod, place))
    optional.ok("wait", "-n", place, "pod/web", "--for=condition=Ready", "--timeout=180s")

    spec = copy_of(host, "pods", "web", place)["spec"]
    assert spec["containers"][0]["image"] == IMAGE
    assert [one for one in spec["tolerations"] if one in TOLERATIONS] == TOLERATIONS
    own = optional.json("get", "pod", "web", "-n", place)["spec"]
    assert own["containers"][0]["image"] == "registry.example/shell:1"
    assert not [one for one in own["tolerations"] if one in TOLERATIONS]


def test_the_resources_of_a_running_pod_change_in_place(optional: Kubectl, host: Kubectl, place: str) -> None:
    before = {"requests": {"cpu": "50m", "memory": "20Mi"}, "limits": {"cpu": "100m", "memory": "40Mi"}}
    optional.apply(with_namespace(shell_pod("big", container(resources=before)), place))
    optional.ok("wait", "-n", place, "pod/big", "--for=condition=Ready", "--timeout=180s")
    uid = copy_of(host, "pods", "big", place)["metadata"]["uid"]

    after = {"requests": {"cpu": "60m", "memory": "20Mi"}, "limits": {"cpu": "200m", "memory": "60Mi"}}
    change = {"spec": {"containers": [{"name": "main", "resources": after}]}}
    arguments = ("--subresource", "resize", "--type", "strategic", "-p", orjson.dumps(change).decode())
    optional.ok("patch", "pod", "big", "-n", place, *arguments)

    def seen() -> dict[str, Any]:
        status: dict[str, Any] = optional.json("get", "pod", "big", "-n", place)["status"]["containerStatuses"][0]
        return status

    changed = eventually(seen, lambda status: status["resources"] == after)
    assert changed["restartCount"] == 0
    assert copy_of(host, "pods", "big", place)["metadata"]["uid"] == uid


def test_the_standard_is_enforced_and_comes_back_when_a_tenant_takes_it_off(optional: Kubectl, place: str) -> None:
    label = "pod-security.kubernetes.io/enforce"

    def level() -> str:
        return str(optional.json("get", "namespace", place)["metadata"]["labels"].get(label))

    eventually(level, lambda seen: seen == "baseline")
    optional.ok("label", "namespace", place, f"{label}=privileged", "--overwrite")
    eventually(level, lambda seen: seen == "baseline")
    refused = optional.run("run", "bad", "-n", place, f"--image={IMAGE}", "--privileged")
    assert b"violates PodSecurity" in refused.stderr
    optional.ok("label", "namespace", place, f"{label}=restricted", "--overwrite")
    assert level() == "restricted"


def test_kubectl_debug_runs_the_mapped_image_and_no_more_than_the_standard_allows(
    optional: Kubectl, host: Kubectl, place: str
) -> None:
    optional.apply(with_namespace(shell_pod("web"), place))
    optional.ok("wait", "-n", place, "pod/web", "--for=condition=Ready", "--timeout=180s")
    debug = ("debug", "-n", place, "web", "--image=registry.example/shell:1", "--profile=baseline", "-c", "look")
    optional.ok(*debug, "--", "sleep", "300")

    def running() -> bool:
        statuses = optional.json("get", "pod", "web", "-n", place)["status"].get("ephemeralContainerStatuses") or [{}]
        return "running" in statuses[0].get("state", {})

    eventually(running)
    assert copy_of(host, "pods", "web", place)["spec"]["ephemeralContainers"][0]["image"] == IMAGE
    refused = optional.run("debug", "-n", place, "web", f"--image={IMAGE}", "--profile=sysadmin", "--", "sh")
    assert b"violates PodSecurity" in refused.stderr


def test_a_priority_of_the_tenants_own_counts_on_the_host(optional: Kubectl, host: Kubectl, place: str) -> None:
    rank = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": place}, "value": 10}
    optional.apply(rank)
    try:
        optional.apply(with_namespace(shell_pod("high", priorityClassName=place), place))
        copy = eventually(lambda: copy_of(host, "pods", "high", place))
        assert copy["spec"]["priority"] == 10
        theirs = host.json("get", "priorityclass", copy["spec"]["priorityClassName"])
        assert (theirs["value"], theirs.get("globalDefault", False)) == (10, False)
    finally:
        optional.ok("delete", "priorityclass", place)


def test_all_configmaps_are_copied_where_all_are_asked_for(optional: Kubectl, host: Kubectl, place: str) -> None:
    optional.ok("create", "configmap", "lonely", "-n", place, "--from-literal=a=1")
    assert eventually(lambda: copy_of(host, "configmaps", "lonely", place))["data"] == {"a": "1"}


def test_explain_names_the_twin_and_what_blocks_it(
    clusters: Clusters, optional: Kubectl, host: Kubectl, place: str
) -> None:
    pod = shell_pod("stuck", nodeSelector={"nowhere": "at-all"})
    optional.apply(with_namespace(pod, place))
    answer = eventually(lambda: explain(clusters, "pod", f"{place}/stuck"), lambda seen: bool(seen["blockedBy"]))

    name = copy_of(host, "pods", "stuck", place)["metadata"]["name"]
    assert answer["host"] == {"name": f"{HOST_NAMESPACE}/{name}", "exists": True}
    assert answer["blockedBy"][0].startswith("the host's scheduler: ")
    assert answer["lastDecision"]["steps"]
    assert explain(clusters, "pod", name, "--host")["virtual"]["name"] == f"{place}/stuck"


def test_explain_says_what_the_host_refused(clusters: Clusters, optional: Kubectl, host: Kubectl, place: str) -> None:
    host.ok("create", "quota", "none", "-n", HOST_NAMESPACE, "--hard=count/configmaps=0")
    try:
        optional.ok("create", "configmap", "refused", "-n", place, "--from-literal=a=1")
        answer = eventually(lambda: explain(clusters, "cm", f"{place}/refused"), lambda seen: bool(seen["blockedBy"]))
    finally:
        host.ok("delete", "quota", "none", "-n", HOST_NAMESPACE)
    assert "exceeded quota" in answer["blockedBy"][0]
    assert answer["lastDecision"]["outcome"] == "refused"
    eventually(lambda: explain(clusters, "cm", f"{place}/refused"), lambda seen: not seen["blockedBy"])
