"""``kubectl top`` and autoscaling for tenants whose gateways have a namespaced Role and nothing more on the host.

The host runs a real metrics-server. One tenant runs one too, which asks the kubelet of the virtual nodes; the other has
none and is shown the host's, by ``integrations.metricsServer``.
"""

import http.client
import ssl
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
from tests.support.manifests import container, deployment, shell_pod
from tests.support.metricsserver import metrics_server
from tests.support.otherkubectl import OTHERS, other_kubectl
from vgateway.local.state import load_state

pytestmark = pytest.mark.cluster

BUSY = "trap 'exit 0' TERM; while :; do for i in 1 2 3 4 5 6 7 8 9; do :; done; sleep 0.01; done"
PATIENCE = 300.0
PROXY = "/api/v1/nodes/node-1/proxy"
SHOWN = "shown"
PLACE = "both-have-figures"
API = "/apis/metrics.k8s.io/v1beta1"
REGISTRATION = "v1beta1.metrics.k8s.io"
ON = "integrations: {metricsServer: {enabled: true}}\n"
OF_THE_HOST = """
integrations: {metricsServer: {enabled: true, pods: false}}
sync: {fromHost: {nodes: {enabled: true}}}
"""


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the other virtual cluster's configuration, to be written anew."""
    return tmp_path_factory.mktemp("config") / "vcluster.yaml"


@pytest.fixture(scope="module", autouse=True)
def shown(clusters: Clusters, tenant: Kubectl, configuration: Path) -> Iterator[Kubectl]:
    """The other tenant's kubectl. Both have pods and an autoscaler under the same names, from the beginning."""
    configuration.write_text(ON)
    clusters.local("up", SHOWN, "--config", str(configuration), deadline=600)
    kubectl = clusters.tenant(SHOWN)
    for one in (kubectl, tenant):
        one.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
        one.apply(with_namespace(shell_pod("web"), PLACE), with_namespace(deployment("busy", 1, busy()), PLACE))
    kubectl.apply(with_namespace(scaler(), PLACE))
    yield kubectl
    tenant.ok("delete", "namespace", PLACE, "--wait=false")
    clusters.local("down", SHOWN)


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


def busy() -> dict[str, Any]:
    return container(script=BUSY, resources={"requests": {"cpu": "20m"}})


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


def top(kubectl: Kubectl, *what: str) -> list[str]:
    return kubectl.run("top", *what, "--no-headers").stdout.decode().splitlines()


def number(word: str) -> int:
    """Return a figure that ``kubectl top`` prints, without its unit."""
    return int("".join(filter(str.isdigit, word)))


@pytest.mark.usefixtures("watched")
def test_top_tells_of_pods_and_of_the_nodes_share_and_an_autoscaler_scales_by_it(
    tenant: Kubectl, host: Kubectl, namespace: str
) -> None:
    tenant.apply(with_namespace(deployment("busy", 1, busy()), namespace), with_namespace(scaler(), namespace))

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


def pods_of(kubectl: Kubectl) -> set[tuple[str, str]]:
    found = kubectl.json("get", "pods", "-A")["items"]
    return {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in found}


@pytest.mark.usefixtures("measured")
def test_the_hosts_figures_are_shown_of_the_tenants_pods_alone_and_under_its_names(
    shown: Kubectl, tenant: Kubectl, host: Kubectl
) -> None:
    def figures() -> list[dict[str, Any]]:
        done = shown.run("get", "--raw", f"{API}/pods")
        return orjson.loads(done.stdout)["items"] if done.returncode == 0 else []

    def named(items: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in items}

    found = eventually(figures, lambda items: (PLACE, "web") in named(items), deadline=PATIENCE)
    raw = shown.ok("get", "--raw", f"{API}/pods")
    (web,) = (one for one in found if one["metadata"]["name"] == "web")
    lines = top(shown, "pods", "-A", "-l", "app in (web,else)")
    printed = shown.ok("get", "pods.metrics.k8s.io", "-n", PLACE)

    assert named(found) <= pods_of(shown)
    assert not {name for _, name in pods_of(tenant) - pods_of(shown) if name in raw}
    assert not [word for word in ("vgateway-", "-x-", "vcluster.loft.sh") if word in raw]
    assert web["metadata"]["labels"] == {"app": "web"}
    assert [one["name"] for one in web["containers"]] == ["main"]
    assert [line.split()[:2] for line in lines] == [[PLACE, "web"]]
    assert printed.split()[:4] == ["NAME", "CPU", "MEMORY", "WINDOW"]
    theirs = next(name for place, name in pods_of(tenant) if place == PLACE and name.startswith("busy"))
    for kubectl, stranger in ((shown, theirs), (shown, "nobody"), (host, "nobody")):
        done = kubectl.run("get", "--raw", f"{API}/namespaces/{PLACE}/pods/{stranger}")
        assert done.stderr.decode().strip() == f'Error from server (NotFound): pods "{stranger}" not found'


@pytest.mark.usefixtures("measured")
def test_nodes_that_are_make_believe_are_as_busy_as_the_tenants_pods_on_them(shown: Kubectl, host: Kubectl) -> None:
    (node,) = eventually(lambda: top(shown, "nodes"), lambda lines: len(lines) == 1, deadline=PATIENCE)
    whole = eventually(lambda: top(host, "nodes"), bool, deadline=PATIENCE)[0]

    assert node.split()[0] == "node-1"
    assert 0 < number(node.split()[3]) < number(whole.split()[3])
    done = shown.run("get", "--raw", f"{API}/nodes/node-2")
    assert done.stderr.decode().strip() == 'Error from server (NotFound): nodes "node-2" not found'


@pytest.mark.usefixtures("measured")
def test_who_may_read_figures_is_the_tenants_own_affair(shown: Kubectl) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": PLACE}}
    shown.apply(account)
    reader = f"--as=system:serviceaccount:{PLACE}:reader"

    def may() -> int:
        return shown.run("get", "--raw", f"{API}/namespaces/{PLACE}/pods", reader).returncode

    refused = shown.run("top", "pods", "-n", PLACE, reader).stderr.decode()
    shown.ok("create", "role", "reader", "-n", PLACE, "--verb=get,list", "--resource=pods.metrics.k8s.io")
    shown.ok("create", "rolebinding", "reader", "-n", PLACE, "--role=reader", f"--serviceaccount={PLACE}:reader")

    assert 'cannot list resource "pods" in API group "metrics.k8s.io" in the namespace "both-have-figures"' in refused
    assert eventually(may, lambda code: code == 0) == 0
    assert b"at the cluster scope" in shown.run("get", "--raw", f"{API}/pods", reader).stderr


def test_only_a_front_proxy_of_the_cluster_is_answered_at_the_gateways_own_port(clusters: Clusters) -> None:
    address = clusters.status()["virtualClusters"][SHOWN]["address"]
    pki = clusters.home / "virtual" / SHOWN / "pki"

    def asked(name: str) -> int:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.check_hostname = False
        if name:
            context.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
        connection = http.client.HTTPSConnection(address, 9001, context=context, timeout=60)
        try:
            connection.request("GET", API, headers={"X-Remote-User": "admin", "X-Remote-Group": "system:masters"})
            return connection.getresponse().status
        finally:
            connection.close()

    assert asked("") == 401
    assert asked("front-proxy-client") == 200
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        asked("admin")


@pytest.mark.usefixtures("measured")
def test_an_autoscaler_scales_by_the_hosts_figures(shown: Kubectl) -> None:
    eventually(
        lambda: shown.json("get", "deployment", "-n", PLACE, "busy")["spec"]["replicas"],
        lambda replicas: replicas == 2,
        deadline=PATIENCE,
    )


@pytest.mark.usefixtures("measured")
def test_the_hosts_own_nodes_are_as_busy_as_the_host_says_and_switched_off_nothing_is_left(
    shown: Kubectl, host: Kubectl, clusters: Clusters, configuration: Path
) -> None:
    configuration.write_text(OF_THE_HOST)
    clusters.local("up", SHOWN, "--config", str(configuration), deadline=600)

    def said(kubectl: Kubectl) -> str:
        return kubectl.run("get", "nodes.metrics.k8s.io", "--no-headers").stdout.decode()

    whole = eventually(lambda: (said(shown), said(host)), lambda both: both[0] == both[1] != "", deadline=PATIENCE)
    assert whole[0].split()[0] == "node-1"
    assert b"(NotFound)" in shown.run("get", "--raw", f"{API}/pods").stderr

    configuration.write_text("")
    clusters.local("up", SHOWN, "--config", str(configuration), deadline=600)
    eventually(
        lambda: shown.run("get", "apiservice", REGISTRATION).stderr + shown.run("top", "nodes").stderr,
        lambda words: words.count(b"NotFound") == 1 and b"Metrics API not available" in words,
        deadline=PATIENCE,
    )
    assert "vgateway-metrics" not in shown.ok("get", "services", "-n", "kube-system", "-o", "name")
