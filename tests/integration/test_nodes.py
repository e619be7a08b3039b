"""Nodes of the host in the tenant's cluster: their addresses, their state, who may change them, who schedules."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.kubelet import KubeletPort, dialled_in_pod, kubelet_port
from tests.support.manifests import container, deployment, shell_pod

pytestmark = pytest.mark.cluster

NAME = "noded"
HOST_NAMESPACE = f"vgateway-{NAME}"
READY = ("--for=condition=Ready", "--timeout=180s")
# A node by hand: nothing runs there, and nobody sends its heartbeats.
GHOST = "ghost.example.internal"
SYNCED = """
sync: {fromHost: {nodes: {enabled: true, syncBackChanges: true, clearImageStatus: true, selector: {all: true}}}}
controlPlane: {advanced: {virtualScheduler: {enabled: true}}}
networking: {advanced: {proxyKubelets: {byHostname: true, byIP: true}}}
"""
SELECTED = """
sync: {fromHost: {nodes: {enabled: true, selector: {labels: {for: tenants}}}}}
networking: {advanced: {proxyKubelets: {byHostname: false, byIP: false}}}
"""


@pytest.fixture(scope="module")
def configurations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("config")
    found = {"synced": directory / "synced.yaml", "selected": directory / "selected.yaml"}
    found["synced"].write_text(SYNCED)
    found["selected"].write_text(SELECTED)
    return found


@pytest.fixture(scope="module")
def noded(clusters: Clusters, configurations: dict[str, Path]) -> Iterator[Kubectl]:
    """The kubectl of a tenant that sees the host's nodes and may change them."""
    clusters.local("up", NAME, "--config", str(configurations["synced"]))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture
def place(noded: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    noded.ok("create", "namespace", name)
    yield name
    noded.ok("delete", "namespace", name, "--wait=false")


@pytest.fixture
def ghost(host: Kubectl) -> Iterator[str]:
    """A second node on the host, which says of itself that it is ready; nothing is scheduled there."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", "status": "True", "reason": "Test", "lastHeartbeatTime": now, "lastTransitionTime": now}
    host.apply(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": GHOST, "labels": {"for": "nobody"}},
            "spec": {"taints": [{"key": "ghost", "effect": "NoSchedule"}], "unschedulable": True},
        }
    )
    status = {"status": {"capacity": {"cpu": "8", "memory": "8Gi", "pods": "10"}, "conditions": [ready]}}
    host.ok("patch", "node", GHOST, "--subresource=status", "--type=merge", "-p", orjson.dumps(status).decode())
    yield GHOST
    host.ok("delete", "node", GHOST, "--ignore-not-found")


def real_node(of: Kubectl) -> dict[str, Any]:
    (found,) = (node for node in of.json("get", "nodes")["items"] if node["metadata"]["name"] != GHOST)
    return dict(found)


def node(of: Kubectl, name: str) -> dict[str, Any]:
    found = of.run("get", "node", name, "-o", "json")
    return orjson.loads(found.stdout) if found.returncode == 0 else {}


def address(of: dict[str, Any], kind: str) -> str:
    return next((one["address"] for one in of.get("status", {}).get("addresses", []) if one["type"] == kind), "")


def described(of: dict[str, Any]) -> bool:
    """Say whether a synced node has its status, which comes a moment after the node."""
    return bool(address(of, "InternalDNS")) and "conditions" in of["status"]


def ready(of: dict[str, Any]) -> str:
    return next((one["status"] for one in of["status"]["conditions"] if one["type"] == "Ready"), "")


def taints(of: dict[str, Any]) -> set[str]:
    return {f"{one['key']}:{one['effect']}" for one in of.get("spec", {}).get("taints", [])}


def port_of(tenant: Kubectl, *nodes: str) -> KubeletPort:
    """Return the nodes' port for a caller that may do what kubelets let callers do, on these nodes or on all."""
    name = f"scraper-{uuid.uuid4().hex[:8]}"
    only = [f"--resource-name={one}" for one in nodes]
    tenant.ok("create", "serviceaccount", name)
    tenant.ok("create", "clusterrole", name, "--verb=get", "--resource=nodes/proxy,nodes/metrics,nodes/stats", *only)
    tenant.ok("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount=default:{name}")
    return kubelet_port(tenant, address(real_node(tenant), "InternalDNS"), name)


def names_of(body: bytes) -> set[str]:
    return {pod["metadata"]["name"] for pod in orjson.loads(body)["items"]}


def test_a_pod_finds_its_nodes_kubelet_by_address_and_by_name(noded: Kubectl, host: Kubectl, place: str) -> None:
    found = eventually(
        lambda: real_node(noded), lambda one: address(one, "InternalIP") != address(one, "InternalDNS") != ""
    )
    name, ip = found["metadata"]["name"], address(found, "InternalIP")
    service = host.json("get", "service", "-n", HOST_NAMESPACE, "-l", f"vcluster.loft.sh/node={name}")["items"][0]
    assert service["spec"]["clusterIP"] == ip
    assert ip in noded.ok("get", "nodes", "-o", "wide")
    assert "images" not in found["status"]

    port = port_of(noded, name)
    noded.apply(with_namespace(shell_pod("scraper"), place))
    noded.ok("wait", "-n", place, "pod/scraper", *READY)
    for spelled in (ip, address(found, "Hostname")):
        with dialled_in_pod(noded, place, "scraper", spelled) as connection:
            code, body = port.ask_over(connection, spelled, "/pods")
        assert (code, "scraper" in names_of(body)) == (200, True)
    assert "scraper" in names_of(noded.ok("get", "--raw", f"/api/v1/nodes/{name}/proxy/pods").encode())
    assert noded.ok("get", "--raw", f"/api/v1/nodes/https:{name}:10250/proxy/healthz") == "ok"


def test_every_spelling_of_a_node_is_certified_and_serves_that_node_to_who_may_ask_it(
    noded: Kubectl, ghost: str, place: str
) -> None:
    noded.apply(with_namespace(shell_pod("there"), place))
    noded.ok("wait", "-n", place, "pod/there", *READY)
    own = eventually(
        lambda: real_node(noded), lambda one: bool(address(one, "InternalDNS")) and "conditions" in one["status"]
    )
    other = eventually(
        lambda: node(noded, ghost), lambda one: bool(address(one, "InternalDNS")) and "conditions" in one["status"]
    )
    name = own["metadata"]["name"]
    port, confined = port_of(noded), port_of(noded, name)

    older = f"{name}.{NAME}.{HOST_NAMESPACE}.nodes.vcluster.com"
    for spelled in (address(own, "InternalIP"), f"{name}.nodes.vcluster.com", older):
        code, body = port.ask(spelled, "/pods")
        assert (code, "there" in names_of(body)) == (200, True), spelled
        assert confined.ask(spelled, "/pods")[0] == 200
    older = f"{ghost}.{NAME}.{HOST_NAMESPACE}.nodes.vcluster.com"
    for spelled in (address(other, "InternalIP"), "ghost-example-internal.nodes.vcluster.com", older):
        assert port.ask(spelled, "/pods") == (200, port.ask(spelled, "/pods")[1])
        assert not names_of(port.ask(spelled, "/pods")[1])
        assert confined.ask(spelled, "/pods")[0] == 403
    assert confined.ask("localhost", "/pods")[0] == 403, "every node's address takes a right on every node"
    assert port.ask("nobody.nodes.vcluster.com", "/pods")[0] == 404
    assert "not found" in noded.run("get", "--raw", "/api/v1/nodes/nobody/proxy/pods").stderr.decode()


def test_a_node_that_is_lost_is_seen_to_be_lost_and_one_that_is_gone_is_gone(
    noded: Kubectl, host: Kubectl, ghost: str
) -> None:
    seen = eventually(
        lambda: node(noded, ghost), lambda one: bool(address(one, "InternalDNS")) and "conditions" in one["status"]
    )
    assert (ready(seen), seen["spec"]["unschedulable"]) == ("True", True)
    assert seen["status"]["allocatable"]["cpu"] == "8"
    port, ip = port_of(noded), address(seen, "InternalIP")
    assert port.certifies(ip)

    # Nobody sends its heartbeats: the host's controllers give it up.
    eventually(lambda: node(host, ghost), lambda one: ready(one) == "Unknown")
    seen = eventually(lambda: node(noded, ghost), lambda one: "node.kubernetes.io/unreachable:NoExecute" in taints(one))
    assert ready(seen) == "Unknown"

    host.ok("delete", "node", ghost)
    eventually(lambda: node(noded, ghost), lambda one: not one)
    label = f"vcluster.loft.sh/node={ghost}"
    eventually(lambda: host.json("get", "services", "-n", HOST_NAMESPACE, "-l", label)["items"], lambda left: not left)
    eventually(lambda: port.certifies(ip), lambda certified: not certified)
    assert port.ask("ghost-example-internal.nodes.vcluster.com", "/pods")[0] == 404


def test_what_the_tenant_may_change_of_a_node_is_changed_on_the_host(noded: Kubectl, host: Kubectl, ghost: str) -> None:
    eventually(lambda: node(noded, ghost), bool)
    noded.ok("taint", "node", ghost, "mine=yes:NoExecute")
    noded.ok("label", "node", ghost, "for=tenants", "own=1", "--overwrite")
    noded.ok("uncordon", ghost)
    extended = {"status": {"capacity": {"example.io/seats": "3"}}}
    noded.ok("patch", "node", ghost, "--subresource=status", "--type=merge", "-p", orjson.dumps(extended).decode())
    theirs = eventually(
        lambda: node(host, ghost),
        lambda one: one["status"]["capacity"].get("example.io/seats") == "3" and "mine:NoExecute" in taints(one),
    )
    assert theirs["metadata"]["labels"]["for"] == "tenants"
    assert theirs["metadata"]["labels"]["own"] == "1"
    assert not theirs["spec"].get("unschedulable")
    assert not any(key.startswith("vcluster.loft.sh") for key in theirs["metadata"]["labels"])

    host.ok("taint", "node", ghost, "mine-")
    host.ok("label", "node", ghost, "own-")
    seen = eventually(lambda: node(noded, ghost), lambda one: "mine:NoExecute" not in taints(one))
    assert "own" not in seen["metadata"]["labels"]


def test_a_drain_cordons_the_hosts_node_and_evicts_the_tenants_pods_only(
    noded: Kubectl, host: Kubectl, place: str
) -> None:
    name = real_node(noded)["metadata"]["name"]
    noded.apply(with_namespace(deployment("web", 1), place))
    noded.ok("rollout", "status", "-n", place, "deployment/web", "--timeout=180s")
    before = {pod["metadata"]["uid"] for pod in noded.json("get", "pods", "-n", place)["items"]}
    try:
        noded.ok("drain", name, "--force", "--timeout=120s", "--pod-selector=app=web")
        assert node(host, name)["spec"]["unschedulable"] is True
        (waiting,) = eventually(
            lambda: [
                pod for pod in noded.json("get", "pods", "-n", place)["items"] if pod["metadata"]["uid"] not in before
            ]
        )
        assert "nodeName" not in waiting["spec"], "the tenant's scheduler has no place for it"
    finally:
        noded.ok("uncordon", name)
    eventually(lambda: node(host, name)["spec"].get("unschedulable"), lambda cordoned: not cordoned)
    noded.ok("rollout", "status", "-n", place, "deployment/web", "--timeout=180s")


def test_a_node_is_debugged_by_a_pod_on_it(noded: Kubectl, place: str) -> None:
    name = real_node(noded)["metadata"]["name"]
    image = shell_pod("x")["spec"]["containers"][0]["image"]
    said = noded.ok("debug", "-n", place, f"node/{name}", f"--image={image}", "--", "sh", "-c", "ls -d /host/etc")
    assert "Creating debugging pod" in said
    (pod,) = noded.json("get", "pods", "-n", place)["items"]
    noded.ok("wait", "-n", place, f"pod/{pod['metadata']['name']}", "--for=jsonpath={.status.phase}=Succeeded",
             "--timeout=180s")  # fmt: skip
    assert noded.ok("logs", "-n", place, pod["metadata"]["name"]) == "/host/etc\n"


def test_the_tenants_scheduler_counts_what_others_ask_for(noded: Kubectl, host: Kubectl, place: str) -> None:
    name = real_node(noded)["metadata"]["name"]

    def left() -> int:
        text = real_node(noded)["status"]["allocatable"]["cpu"]
        return int(text.removesuffix("m")) if text.endswith("m") else int(text) * 1000

    free = left()
    foreign = f"foreign-{uuid.uuid4().hex[:6]}"
    asking = container(resources={"requests": {"cpu": "100m"}})
    host.ok("create", "namespace", foreign)
    try:
        host.apply(with_namespace(shell_pod("other", asking, nodeName=name), foreign))
        eventually(left, lambda now: now == free - 100)
    finally:
        host.ok("delete", "namespace", foreign, "--wait=false")
    eventually(left, lambda now: now == free)

    greedy = container(resources={"requests": {"cpu": f"{free + 100}m"}})
    noded.apply(with_namespace(shell_pod("greedy", greedy), place), with_namespace(shell_pod("modest"), place))
    noded.ok("wait", "-n", place, "pod/modest", *READY)
    assert left() == free, "its own pods the tenant's scheduler counts itself"
    events = eventually(
        lambda: noded.json("get", "events", "-n", place, "--field-selector=reason=FailedScheduling")["items"]
    )
    assert "Insufficient cpu" in events[0]["message"]
    mine = ("-l", f"vcluster.loft.sh/namespace={place}")
    (twin,) = host.json("get", "pods", "-n", HOST_NAMESPACE, *mine)["items"]
    assert twin["metadata"]["annotations"]["vcluster.loft.sh/object-name"] == "modest"


def test_with_another_configuration_only_what_is_selected_or_used_is_seen_and_the_host_is_left_alone(
    noded: Kubectl, clusters: Clusters, host: Kubectl, ghost: str, place: str, configurations: dict[str, Path]
) -> None:
    name = real_node(host)["metadata"]["name"]
    clusters.local("up", NAME, "--config", str(configurations["selected"]))
    try:
        eventually(lambda: node(noded, ghost), lambda one: not one)
        services = eventually(
            lambda: host.json("get", "services", "-n", HOST_NAMESPACE, "-l", "vcluster.loft.sh/node")["items"],
            lambda left: not left,
        )
        assert services == [], "addresses that are turned off are given back"
        noded.apply(with_namespace(shell_pod("there"), place))
        mine = ("-l", f"vcluster.loft.sh/namespace={place}")
        (twin,) = eventually(lambda: host.json("get", "pods", "-n", HOST_NAMESPACE, *mine)["items"])
        assert twin["spec"]["nodeSelector"] == {"for": "tenants"}

        host.ok("label", "node", name, "for=tenants")
        noded.ok("wait", "-n", place, "pod/there", *READY)
        seen = node(noded, name)
        assert [address(seen, kind) for kind in ("Hostname", "InternalDNS")] == [name, ""]
        noded.ok("cordon", name)
        noded.ok("label", "node", name, "own=1", "for=me", "--overwrite")
        eventually(lambda: node(noded, name)["metadata"]["labels"]["for"], lambda value: value == "tenants")
        assert node(noded, name)["spec"]["unschedulable"] is True
        assert node(noded, name)["metadata"]["labels"]["own"] == "1"
        theirs = node(host, name)
        assert "unschedulable" not in theirs["spec"]
        assert "own" not in theirs["metadata"]["labels"]
    finally:
        # With the next configuration the host's node would follow the tenant's, which others need too.
        noded.ok("uncordon", name)
        host.ok("label", "node", name, "for-")
        clusters.local("up", NAME, "--config", str(configurations["synced"]))
