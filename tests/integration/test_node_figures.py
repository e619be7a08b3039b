"""What a virtual node says of the pods that run on it, at its port and by the API server's proxy, and to whom.

Two virtual clusters share one host and its one node. Each has a pod of the same name in a namespace of the same name,
with a word of its own in everything that a pod has; neither may ever see a word of the other's.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import TENANT, with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod
from tests.support.nodeport import NodePort
from vgateway.kube.nodenames import node_hostname
from vgateway.kubelet.calls import ROUTES

pytestmark = pytest.mark.cluster

NEIGHBOUR = "neighbour"
PLACE = "both-have-it"
NODE = "node-1"
PROXY = f"/api/v1/nodes/{NODE}/proxy"
RBAC = "rbac.authorization.k8s.io"
SUBRESOURCES = sorted({subresource for route in ROUTES for subresource in route.subresources})
ON_NODES = "test-nodes-for-gateways"


@dataclass(frozen=True)
class Tenant:
    """A tenant with its pod, and every word by which the pod could be told."""

    kubectl: Kubectl
    port: NodePort
    host_namespace: str
    virtual: dict[str, Any]
    host: dict[str, Any]
    marker: str

    @property
    def words(self) -> set[str]:
        """What only this tenant may read."""
        running = self.virtual["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        return {
            self.marker,
            self.virtual["metadata"]["uid"],
            self.virtual["status"]["podIP"],
            running,
            *self.host_words,
        }

    @property
    def host_words(self) -> set[str]:
        """What nobody may read but the host, in figures."""
        return {self.host["metadata"]["name"], self.host["metadata"]["uid"], self.host_namespace}

    def token(self, account: str) -> str:
        """Return a token of one of the tenant's service accounts."""
        return self.kubectl.ok("create", "token", "-n", PLACE, account).strip()


def settled(clusters: Clusters, name: str, kubectl: Kubectl, host: Kubectl) -> Tenant:
    """Run the pod and the accounts: ``scraper`` may read what there is, ``stranger`` nothing."""
    marker, namespace = f"marker-{uuid.uuid4().hex[:12]}", f"vgateway-{name}"
    meta = {"labels": {"marker": marker}, "annotations": {"marker": marker}}
    pod = shell_pod(
        "web", container(env=[{"name": "MARKER", "value": marker}], readinessProbe={"exec": {"command": ["true"]}})
    )
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "test-scraper"},
        "rules": [{"apiGroups": [""], "resources": [f"nodes/{one}" for one in SUBRESOURCES], "verbs": ["*"]}],
    }
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
    kubectl.apply(
        with_namespace({**pod, "metadata": {**pod["metadata"], **meta}}, PLACE),
        *({**account, "metadata": {"name": one, "namespace": PLACE}} for one in ("scraper", "stranger")),
        role,
        bound("test-scraper", [("scraper", PLACE)], "test-scraper"),
    )
    kubectl.ok("wait", "-n", PLACE, "pod/web", "--for=condition=Ready", "--timeout=180s")
    port = NodePort(clusters.status()["virtualClusters"][name]["address"], node_hostname(NODE))
    virtual = kubectl.json("get", "pod", "-n", PLACE, "web")
    found = host.json("get", "pods", "-n", namespace, "-l", f"vcluster.loft.sh/namespace={PLACE}")["items"]
    return Tenant(kubectl, port, namespace, virtual, found[0], marker)


def bound(name: str, accounts: list[tuple[str, str]], role: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": one, "namespace": place} for one, place in accounts],
    }


@pytest.fixture(scope="module")
def ours(clusters: Clusters, tenant: Kubectl, host: Kubectl) -> Iterator[Tenant]:
    yield settled(clusters, TENANT, tenant, host)
    tenant.ok("delete", "namespace", PLACE, "--wait=false")


@pytest.fixture(scope="module")
def theirs(clusters: Clusters, host: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """The neighbour, whose configuration shows it the host's node."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text("controlPlane: {kubelet: {nodeMetrics: true}}\n")
    clusters.local("up", NEIGHBOUR, "--config", str(configuration), deadline=600)
    yield settled(clusters, NEIGHBOUR, clusters.tenant(NEIGHBOUR), host)
    clusters.local("down", NEIGHBOUR)


@pytest.fixture(scope="module")
def granted(host: Kubectl, ours: Tenant) -> Iterator[None]:
    """The host lets the gateway ask its nodes; before that, it lets it not."""
    token = ours.token("scraper")
    eventually(lambda: ours.port.ask("GET", "/metrics/probes", token)[0], lambda code: code == 501)
    rules = [{"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}]
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": ON_NODES}, "rules": rules}
    host.apply(role, bound(ON_NODES, [("vgateway", ours.host_namespace)], ON_NODES))
    eventually(lambda: ours.port.ask("GET", "/metrics/probes", token)[0], lambda code: code == 200)
    yield
    host.ok("delete", "clusterrole,clusterrolebinding", ON_NODES)


def samples(page: str) -> dict[str, list[dict[str, str]]]:
    """Return the label sets of a page by the names of their series."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


@pytest.mark.usefixtures("granted")
def test_containers_are_told_by_the_tenants_names_and_image_through_proxy_and_port(ours: Tenant) -> None:
    def by_proxy() -> str:
        return ours.kubectl.ok("get", "--raw", f"{PROXY}/metrics/cadvisor")

    def of_the_pod(page: str) -> list[dict[str, str]]:
        found = samples(page).get("container_memory_working_set_bytes", [])
        return [one for one in found if one["container"] == "main" and one["namespace"] == PLACE]

    (seen,) = of_the_pod(eventually(by_proxy, lambda page: bool(of_the_pod(page)), deadline=120))
    code, body = ours.port.ask("GET", "/metrics/cadvisor", ours.token("scraper"))

    uid = ours.virtual["metadata"]["uid"]
    assert (seen["pod"], seen["image"]) == ("web", ours.virtual["spec"]["containers"][0]["image"])
    assert seen["id"].startswith(f"/kubepods/pod{uid}/")
    assert (code, of_the_pod(body.decode())) == (200, [seen])
    assert {one["namespace"] for series in samples(by_proxy()).values() for one in series} == {PLACE} | namespaces(ours)


def namespaces(of: Tenant) -> set[str]:
    """Return where else the tenant has pods on the node: its DNS, and other tests' pods."""
    pods = of.kubectl.json("get", "pods", "-A")["items"]
    named = {
        one["namespace"]
        for series in samples(of.kubectl.ok("get", "--raw", f"{PROXY}/metrics/cadvisor")).values()
        for one in series
    }
    return {pod["metadata"]["namespace"] for pod in pods} & named


@pytest.mark.usefixtures("granted")
def test_the_summary_and_the_resource_page_tell_of_the_pod_and_of_the_nodes_share(ours: Tenant) -> None:
    def pods() -> dict[str, Any]:
        said = orjson.loads(ours.kubectl.ok("get", "--raw", f"{PROXY}/stats/summary"))
        return {pod["podRef"]["uid"]: pod for pod in said["pods"]}

    uid = ours.virtual["metadata"]["uid"]
    told = eventually(pods, lambda found: "memory" in found.get(uid, {}), deadline=120)[uid]
    page = eventually(
        lambda: samples(ours.kubectl.ok("get", "--raw", f"{PROXY}/metrics/resource")),
        lambda found: "node_memory_working_set_bytes" in found,
        deadline=120,
    )

    assert told["podRef"] == {"name": "web", "namespace": PLACE, "uid": uid}
    assert [one["name"] for one in told["containers"]] == ["main"]
    assert {"namespace": PLACE, "pod": "web"} in page["pod_memory_working_set_bytes"]
    assert page["node_memory_working_set_bytes"] == [{}]


@pytest.mark.usefixtures("granted")
def test_running_pods_and_pods_are_the_tenants(ours: Tenant) -> None:
    for path in ("pods", "runningpods/"):
        found = orjson.loads(ours.kubectl.ok("get", "--raw", f"{PROXY}/{path}"))["items"]
        uids = {pod["metadata"]["uid"] for pod in found}
        assert ours.virtual["metadata"]["uid"] in uids
        assert uids <= {pod["metadata"]["uid"] for pod in ours.kubectl.json("get", "pods", "-A")["items"]}


def paths_of(of: Tenant) -> list[tuple[str, str]]:
    """Return every route of the table with every method, about this tenant's pod."""
    values = {"namespace": PLACE, "pod": "web", "uid": of.virtual["metadata"]["uid"], "container": "main"}
    found = []
    for route in ROUTES:
        path = route.pattern.replace("*", "syslog")
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", value)
        found += [(method, path) for method in route.methods]
    return found


@pytest.mark.usefixtures("granted")
def test_no_route_shows_a_tenant_anything_of_its_neighbour(ours: Tenant, theirs: Tenant) -> None:
    walked = 0
    for mine, other in ((ours, theirs), (theirs, ours)):
        token = mine.token("scraper")
        for method, path in [*paths_of(mine), *paths_of(other)]:
            by_port = mine.port.ask(method, path, token)[1]
            answers = [by_port]
            if method == "GET":
                done = mine.kubectl.run("get", "--raw", PROXY + path)
                answers.append(done.stdout + done.stderr)
            walked += len(answers)
            for answer in answers:
                # What the caller itself wrote may come back to it.
                seen = [word for word in other.words if word.encode() in answer and word not in path]
                assert not seen, f"{method} {path} shows {seen}"
                if path.startswith(("/metrics", "/stats")):
                    assert not [word for word in mine.host_words if word.encode() in answer], path
    assert walked >= 4 * len(ROUTES)


@pytest.mark.usefixtures("granted")
def test_who_is_of_another_cluster_or_has_too_few_rights_gets_nothing_from_any_route(
    ours: Tenant, theirs: Tenant
) -> None:
    foreign, powerless = theirs.token("scraper"), ours.token("stranger")
    for method, path in paths_of(ours):
        for token, refusal in (("", 401), ("nonsense", 401), (foreign, 401), (powerless, 403)):
            code, body = ours.port.ask(method, path, token)
            # A path that opens a stream says first that it needs an upgrade; that is the table's and nobody's secret.
            assert code in {refusal, 400, 405}, (method, path, code)
            assert not [word for word in ours.words if word.encode() in body and word not in path], path


@pytest.mark.usefixtures("granted")
def test_a_neighbours_configuration_that_shows_the_node_shows_no_ones_pods(
    ours: Tenant, theirs: Tenant, host: Kubectl
) -> None:
    host.apply(bound(ON_NODES, [("vgateway", ours.host_namespace), ("vgateway", theirs.host_namespace)], ON_NODES))

    def page() -> dict[str, list[dict[str, str]]]:
        done = theirs.kubectl.run("get", "--raw", f"{PROXY}/metrics/cadvisor")
        return samples(done.stdout.decode())

    seen = eventually(page, lambda found: "machine_cpu_cores" in found, deadline=60)

    assert {one.get("pod", "") for one in seen["container_memory_rss"] if one.get("namespace") == PLACE} <= {"", "web"}
    assert {one["machine_id"] for one in seen["machine_cpu_cores"]} == {""}
    text = theirs.kubectl.ok("get", "--raw", f"{PROXY}/metrics/cadvisor")
    assert not [word for word in ours.words | theirs.host_words if word in text]
