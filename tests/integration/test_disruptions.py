"""Ends that the host decides: the tenant sees each as it is on the host, and its controllers answer it."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters, running_clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, deployment, shell_pod

pytestmark = pytest.mark.cluster

READY = ("--for=condition=Ready", "--timeout=180s")
# A container that heeds no signal is there for the whole grace, and so is its pod.
DEAF = "trap '' TERM; while :; do sleep 1; done"
GONE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def pods(kubectl: Kubectl, namespace: str, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kubectl.json("get", "pods", "-n", namespace, "-l", f"app={app}")["items"]
    return found


def pod(kubectl: Kubectl, namespace: str, name: str) -> dict[str, Any]:
    """Return a pod, empty if there is none."""
    found = kubectl.run("get", "pod", name, "-n", namespace, "-o", "json")
    result: dict[str, Any] = orjson.loads(found.stdout) if found.returncode == 0 else {}
    return result


def twin_of(host: Kubectl, host_namespace: str, namespace: str, name: str) -> dict[str, Any]:
    selector = ("-l", f"vcluster.loft.sh/namespace={namespace}")
    items: list[dict[str, Any]] = host.json("get", "pods", "-n", host_namespace, *selector)["items"]
    return next(one for one in items if one["metadata"]["annotations"]["vcluster.loft.sh/object-name"] == name)


def disruption(obj: dict[str, Any]) -> str | None:
    """Return the reason of the condition that a disruption leaves."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((one["reason"] for one in conditions if one["type"] == "DisruptionTarget"), None)


def is_ending(obj: dict[str, Any]) -> bool:
    return "deletionTimestamp" in obj.get("metadata", {})


def replaced(kubectl: Kubectl, namespace: str, app: str, old: str) -> bool:
    """Say whether a controller has made another pod in the place of one."""
    alive = [one for one in pods(kubectl, namespace, app) if not is_ending(one)]
    return any(one["metadata"]["name"] != old for one in alive)


def run_web(tenant: Kubectl, namespace: str, **spec: Any) -> dict[str, Any]:
    """Run a Deployment of one deaf pod; return the pod."""
    web = deployment("web", 1, container("main", DEAF, **spec.pop("fields", {})), **spec)
    tenant.apply(with_namespace(web, namespace))
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    (found,) = pods(tenant, namespace, "web")
    return found


def test_a_pod_that_is_evicted_on_the_host_ends_with_the_hosts_grace_and_is_replaced(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    name = run_web(tenant, namespace, terminationGracePeriodSeconds=600)["metadata"]["name"]
    twin = twin_of(host, host_namespace, namespace, name)["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": twin, "namespace": host_namespace},
        "deleteOptions": {"gracePeriodSeconds": 8},
    }
    path = f"/api/v1/namespaces/{host_namespace}/pods/{twin}/eviction"
    host.ok("create", "--raw", path, "-f", "-", stdin=orjson.dumps(eviction))

    ending = eventually(lambda: pod(tenant, namespace, name), is_ending)
    assert ending["metadata"]["deletionGracePeriodSeconds"] <= 8
    assert disruption(ending) == "EvictionByEvictionAPI"
    assert ending["status"]["phase"] == "Running"
    eventually(lambda: replaced(tenant, namespace, "web", name))
    eventually(lambda: not pod(tenant, namespace, name))


def test_a_pod_that_is_preempted_on_the_host_ends_and_its_successor_waits(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    node = host.json("get", "nodes", "-l", "!type")["items"][0]
    where = {"kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]}
    most = f"{int(node['status']['allocatable']['cpu']) * 600}m"
    fields: dict[str, Any] = {"resources": {"requests": {"cpu": most}}}
    name = run_web(tenant, namespace, fields=fields, nodeSelector=where)["metadata"]["name"]

    important = f"important-{namespace}"
    rank = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
    rival = shell_pod("rival", container("main", **fields), nodeSelector=where, priorityClassName=important)
    rival["metadata"]["name"] = f"rival-{namespace}"
    host.apply({**rank, "metadata": {"name": important}})
    try:
        host.apply(with_namespace(rival, "default"))
        ending = eventually(lambda: pod(tenant, namespace, name), is_ending)
        assert disruption(ending) == "PreemptionByScheduler"
        eventually(lambda: not pod(tenant, namespace, name))
        (successor,) = eventually(lambda: pods(tenant, namespace, "web"), lambda found: len(found) == 1)
        waiting = eventually(
            lambda: pod(tenant, namespace, successor["metadata"]["name"])["status"].get("conditions"), bool
        )
        assert [one["reason"] for one in waiting if one["type"] == "PodScheduled"] == ["Unschedulable"]
    finally:
        host.ok("delete", "pod", rival["metadata"]["name"], "-n", "default", "--wait=false")
        host.ok("delete", "priorityclass", important)
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")


def test_a_pod_that_its_node_evicts_is_failed_for_the_reason_that_the_node_gives(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    script = "dd if=/dev/zero of=/data/file bs=1M count=8; " + DEAF
    greedy = container("main", script, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    volumes = [{"name": "data", "emptyDir": {"sizeLimit": "2Mi"}}]
    tenant.apply(with_namespace(shell_pod("greedy", greedy, volumes=volumes), namespace))

    failed = eventually(lambda: pod(tenant, namespace, "greedy"), lambda seen: seen["status"]["phase"] == "Failed")
    assert failed["status"]["reason"] == "Evicted"
    assert "exceeds the limit" in failed["status"]["message"]
    theirs = twin_of(host, host_namespace, namespace, "greedy")["status"]
    told = ("phase", "reason", "message", "startTime", "containerStatuses")
    assert {name: failed["status"][name] for name in told} == {name: theirs[name] for name in told}
    assert not is_ending(failed)


def test_a_pod_whose_time_is_up_is_failed_as_on_the_host(tenant: Kubectl, namespace: str) -> None:
    tenant.apply(with_namespace(shell_pod("brief", activeDeadlineSeconds=2), namespace))
    failed = eventually(lambda: pod(tenant, namespace, "brief"), lambda seen: seen["status"]["phase"] == "Failed")
    assert failed["status"]["reason"] == "DeadlineExceeded"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Clusters of this module's own, with a node that may die."""
    with running_clusters(tmp_path_factory.mktemp("crowd"), "crowd", "--nodes", "2") as clusters:
        yield clusters


def kill_node(clusters: Clusters, name: str) -> None:
    """End a node's programs at once, as when its power fails: nobody speaks for its pods any more."""
    for program in clusters.status()["nodes"][name]["programs"].values():
        os.kill(program["pid"], signal.SIGKILL)


def test_daemons_run_on_each_node_that_the_tenant_has_and_a_nodes_death_moves_its_pods(crowd: Clusters) -> None:
    tenant, host = crowd.tenant("crowd"), crowd.host()
    each = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [each]}}
    soon = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2} for key in GONE]
    tenant.apply(deployment("web", 2, container("main", DEAF), affinity=apart, tolerations=soon))
    tenant.ok("rollout", "status", "deployment/web", "--timeout=180s")
    labels = {"app": "daemon"}
    template = {"metadata": {"labels": labels}, "spec": shell_pod("daemon")["spec"]}
    daemons = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "daemon"}}
    tenant.apply({**daemons, "spec": {"selector": {"matchLabels": labels}, "template": template}})
    tenant.ok("rollout", "status", "daemonset/daemon", "--timeout=180s")
    assert {one["spec"]["nodeName"] for one in pods(tenant, "default", "daemon")} == {"node-1", "node-2"}

    (lost,) = [one["metadata"]["name"] for one in pods(tenant, "default", "web") if one["spec"]["nodeName"] == "node-2"]
    kill_node(crowd, "node-2")

    def condition(kind: str) -> str:
        found = pod(tenant, "default", lost)["status"]["conditions"]
        return next(str(one["status"]) for one in found if one["type"] == kind)

    eventually(lambda: condition("Ready"), lambda status: status == "False", deadline=180)
    ending = eventually(lambda: pod(tenant, "default", lost), is_ending, deadline=180)
    assert disruption(ending) == "DeletionByTaintManager"
    eventually(lambda: replaced(tenant, "default", "web", lost))
    # Nobody can say that it does not run any more, until somebody says that its node will not come back.
    assert pod(tenant, "default", lost)["status"]["phase"] == "Running"
    host.ok("delete", "node", "node-2")
    eventually(lambda: not pod(tenant, "default", lost), deadline=180)
    eventually(lambda: len(tenant.json("get", "nodes")["items"]) == 1)
