"""A real Prometheus of a tenant's scrapes its nodes, by address and by name, and finds its own containers alone.

Its virtual cluster shows the host's nodes, so the gateway has the rights for their pages that follow from this. The
neighbour has a pod of the same name in a namespace of the same name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import shell_pod
from tests.support.prometheus import ADDRESSES, JOBS, PAGES, asked, job, prometheus_image, prometheus_objects, target

pytestmark = pytest.mark.cluster

NAME = "watching"
PLACE = "both-are-scraped"
CONFIGURATION = """
networking: {advanced: {proxyKubelets: {byIP: true}}}
sync: {fromHost: {nodes: {enabled: true}}}
"""
MEMORY = 'group by (job, namespace, pod, container, image) (container_memory_working_set_bytes{container!=""})'
PATIENCE = 240.0


@pytest.fixture(scope="module")
def watching(clusters: Clusters, tenant: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of the tenant whose Prometheus runs."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("load", str(prometheus_image()), deadline=600)
    clusters.local("up", NAME, "--config", str(configuration), deadline=600)
    kubectl = clusters.tenant(NAME)
    for one in (kubectl, tenant):
        one.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}})
        one.apply(with_namespace(shell_pod("web"), PLACE))
    kubectl.ok("wait", "-n", PLACE, "pod/web", "--for=condition=Ready", "--timeout=180s", deadline=200)
    kubectl.apply(*prometheus_objects(PLACE, nodes_of(kubectl)))
    kubectl.ok("wait", "-n", PLACE, "pod/prometheus", "--for=condition=Ready", "--timeout=180s", deadline=200)
    yield kubectl
    tenant.ok("delete", "namespace", PLACE, "--wait=false")
    clusters.local("down", NAME)


def nodes_of(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Return the nodes once each has an address of its own, which a Service on the host has to get first."""

    def own(nodes: list[dict[str, Any]]) -> bool:
        kinds = [{address["type"] for address in node["status"]["addresses"]} for node in nodes]
        return bool(kinds) and all("InternalDNS" in one for one in kinds)

    found: list[dict[str, Any]] = eventually(lambda: kubectl.json("get", "nodes")["items"], own)
    return found


def vector(kubectl: Kubectl, query: str) -> list[tuple[dict[str, str], float]]:
    """Return what an instant query finds, none while Prometheus is not there."""
    found = asked(kubectl, PLACE, "query", query=query) or {"result": []}
    return [(one["metric"], float(one["value"][1])) for one in found["result"]]


def test_every_page_is_scraped_by_address_and_by_name(watching: Kubectl) -> None:
    up = eventually(
        lambda: vector(watching, "up"),
        lambda found: len(found) == len(JOBS) and all(value == 1 for _, value in found),
        deadline=PATIENCE,
    )
    (node,) = nodes_of(watching)

    reached = {labels["job"]: labels["instance"] for labels, _ in up}
    assert reached == {job(page, kind): target(node, kind) for page in PAGES for kind in ADDRESSES}
    assert reached["resource-by-Hostname"] == f"{node['metadata']['name']}.nodes.vcluster.com:10250"
    assert len(set(reached.values())) == len(ADDRESSES)


def test_queries_find_the_tenants_containers_and_no_word_of_anybody_elses(watching: Kubectl, host: Kubectl) -> None:
    def containers() -> dict[str, set[tuple[str, str, str]]]:
        found: dict[str, set[tuple[str, str, str]]] = {}
        for labels, _ in vector(watching, MEMORY):
            found.setdefault(labels["job"], set()).add((labels["namespace"], labels["pod"], labels["container"]))
        return found

    wanted = {(PLACE, "web", "main"), (PLACE, "prometheus", "prometheus")}
    seen = eventually(
        containers,
        lambda found: len(found) == len(JOBS) and all(wanted <= one for one in found.values()),
        deadline=PATIENCE,
    )
    own = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"], container["name"])
        for pod in watching.json("get", "pods", "-A")["items"]
        for container in pod["spec"]["containers"]
    }
    everything: list[dict[str, Any]] = asked(watching, PLACE, "series", **{"match[]": '{__name__=~".+"}'})
    said = str(everything)
    elsewhere = host.json("get", "pods", "-A")["items"]

    assert all(one <= own for one in seen.values())
    assert {series.get("namespace", PLACE) for series in everything} <= {place for place, _, _ in own}
    for pod in elsewhere:
        words = {pod["metadata"]["name"], pod["metadata"]["uid"]} - {name for _, name, _ in own}
        assert not [word for word in words if word in said], pod["metadata"]
    assert not [series for series in everything if series["__name__"].startswith("machine_")]
    images = {labels["image"] for labels, _ in vector(watching, MEMORY) if labels["job"].startswith("cadvisor")}
    assert images <= {
        container["image"]
        for pod in watching.json("get", "pods", "-A")["items"]
        for container in pod["spec"]["containers"]
    }


@pytest.mark.usefixtures("watching")
def test_beyond_its_namespace_the_gateway_may_read_nodes_and_their_pages_and_nothing_else(host: Kubectl) -> None:
    account = f"--as=system:serviceaccount:vgateway-{NAME}:vgateway"
    lines = host.ok("auth", "can-i", "--list", "-n", "kube-system", account, "--no-headers").splitlines()
    granted = {line.split()[0]: line[line.rindex("[") :] for line in lines if line[:1] not in " ["}
    may = {resource: verbs for resource, verbs in granted.items() if not resource.startswith("selfsubject")}

    assert may == {"nodes": "[get list watch]", "nodes/proxy": "[get]"}
