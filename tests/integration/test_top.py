"""``kubectl top`` and autoscaling for a tenant whose gateway has a namespaced Role and nothing more on the host.

The host runs a real metrics-server, and so does the tenant: the tenant's asks the kubelet of the virtual nodes.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import TENANT, with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, deployment
from tests.support.metricsserver import metrics_server
from tests.support.otherkubectl import OTHERS, other_kubectl
from vgateway.local.state import load_state

pytestmark = pytest.mark.cluster

BUSY = "trap 'exit 0' TERM; while :; do for i in 1 2 3 4 5 6 7 8 9; do :; done; sleep 0.01; done"
PATIENCE = 300.0
PROXY = "/api/v1/nodes/node-1/proxy"


@pytest.fixture(scope="module")
def measured(clusters: Clusters, host: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The host has a metrics-server."""
    authority = clusters.home / "host" / "pki" / "ca.crt"
    with metrics_server(host, authority, "localhost", tmp_path_factory.mktemp("host-metrics")):
        yield


@pytest.fixture(scope="module")
def watched(
    clusters: Clusters, tenant: Kubectl, tmp_path_factory: pytest.TempPathFactory, measured: None
) -> Iterator[None]:
    """The tenant has one too."""
    state = load_state(clusters.home / "state.json")
    assert state is not None
    authority: Path = clusters.home / "virtual" / TENANT / "pki" / "ca.crt"
    with metrics_server(tenant, authority, state.addresses.host, tmp_path_factory.mktemp("tenant-metrics")):
        yield


def scaler() -> dict[str, Any]:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 20}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"}
    spec = {
        "minReplicas": 1,
        "maxReplicas": 2,
        "scaleTargetRef": target,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "busy"},
        "spec": spec,
    }


def number(word: str) -> int:
    """Return a figure that ``kubectl top`` prints, without its unit."""
    return int("".join(filter(str.isdigit, word)))


@pytest.mark.usefixtures("watched")
def test_top_tells_of_pods_and_of_the_nodes_share_and_an_autoscaler_scales_by_it(
    tenant: Kubectl, host: Kubectl, namespace: str
) -> None:
    busy = container(script=BUSY, resources={"requests": {"cpu": "20m"}})
    tenant.apply(with_namespace(deployment("busy", 1, busy), namespace), with_namespace(scaler(), namespace))

    def top(kubectl: Kubectl, *what: str) -> list[str]:
        return kubectl.run("top", *what, "--no-headers").stdout.decode().splitlines()

    def pods() -> list[str]:
        return top(tenant, "pods", "-n", namespace)

    def nodes() -> list[str]:
        return top(tenant, "nodes")

    (pod,) = eventually(pods, lambda lines: len(lines) == 1, deadline=PATIENCE)[:1]
    (node,) = eventually(nodes, lambda lines: len(lines) == 1 and "unknown" not in lines[0], deadline=PATIENCE)
    whole = eventually(lambda: top(host, "nodes"), bool, deadline=PATIENCE)[0]

    assert pod.startswith("busy-")
    assert number(pod.split()[1]) > 0, "it is busy"
    name, cores, _, memory, _ = node.split()
    assert (name, number(cores) > 0) == ("node-1", True)
    assert 0 < number(memory) < number(whole.split()[3]), "the tenant's pods take less memory than the node"
    for release in OTHERS:
        other = replace(tenant, program=other_kubectl(release))
        assert [line.split()[0] for line in top(other, "pods", "-n", namespace)] == [pod.split()[0]], release
        assert [line.split()[0] for line in top(other, "nodes")] == ["node-1"], release
    eventually(
        lambda: tenant.json("get", "deployment", "-n", namespace, "busy")["spec"]["replicas"],
        lambda replicas: replicas == 2,
        deadline=PATIENCE,
    )


@pytest.mark.usefixtures("measured")
def test_without_rights_on_nodes_a_node_says_what_is_known_and_what_is_not(
    tenant: Kubectl, shell: tuple[str, str]
) -> None:
    namespace, name = shell

    def page(path: str) -> str:
        return tenant.run("get", "--raw", f"{PROXY}{path}").stdout.decode()

    mine = f'namespace="{namespace}",pod="{name}"'
    told = eventually(lambda: page("/metrics/resource"), lambda text: f"pod_memory_working_set_bytes{{{mine}}}" in text)
    summary = tenant.run("get", "--raw", f"{PROXY}/stats/summary")
    probes = tenant.run("get", "--raw", f"{PROXY}/metrics/probes")

    assert told.startswith("# from the host's metrics.k8s.io")
    assert (namespace, name) in {
        (pod["podRef"]["namespace"], pod["podRef"]["name"]) for pod in orjson.loads(summary.stdout)["pods"]
    }
    assert b"Warning: from the host's metrics.k8s.io" in summary.stderr
    assert b"the host grants the gateway no right to ask its nodes" in probes.stderr
