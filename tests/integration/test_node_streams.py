"""Streams and nodes: a node's kubelet has the pods of that node only, and streams end when their node leaves."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import SPDY, WEBSOCKET, Kubectl
from tests.support.manifests import STAY, container, shell_pod
from tests.support.streams import EXEC, FORWARD, streams

pytestmark = pytest.mark.cluster

both_protocols = pytest.mark.parametrize(
    "protocol", [pytest.param(SPDY, id="SPDY"), pytest.param(WEBSOCKET, id="WebSocket")]
)

NAME = "parted"
SHOWN = {"for": NAME}
# A node by hand, where nothing runs.
GHOST = "empty.example.internal"
CONFIG = f"""
sync: {{fromHost: {{nodes: {{enabled: true, selector: {{labels: {{for: {NAME}}}}}}}}}}}
networking: {{advanced: {{proxyKubelets: {{byHostname: false, byIP: false}}}}}}
"""


@pytest.fixture(scope="module")
def node(host: Kubectl) -> Iterator[str]:
    """The real node, shown to the tenant."""
    name = str(host.json("get", "nodes")["items"][0]["metadata"]["name"])
    host.ok("label", "node", name, f"for={NAME}", "--overwrite")
    yield name
    host.ok("label", "node", name, "for-")


@pytest.fixture(scope="module")
def ghost(host: Kubectl, node: str) -> Iterator[str]:
    """Another node, shown to the tenant too."""
    spec = {"taints": [{"key": "ghost", "effect": "NoSchedule"}], "unschedulable": True}
    host.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": GHOST, "labels": SHOWN}, "spec": spec})
    yield GHOST
    host.ok("delete", "node", GHOST, "--ignore-not-found")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that tenant's configuration."""
    file = tmp_path_factory.mktemp("config") / "parted.yaml"
    file.write_text(CONFIG)
    return file


@pytest.fixture(scope="module")
def parted(clusters: Clusters, node: str, ghost: str, config: Path) -> Iterator[Kubectl]:
    """The kubectl of a tenant that sees both nodes."""
    clusters.local("up", NAME, "--config", str(config))
    tenant = clusters.tenant(NAME)
    eventually(lambda: nodes(tenant), lambda seen: seen == {node, ghost})
    yield tenant
    clusters.local("down", NAME)


@pytest.fixture(scope="module")
def pod(parted: Kubectl) -> str:
    """The namespace of a running pod with a shell, called ``shell``, on the real node."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    parted.ok("create", "namespace", name)
    parted.apply(with_namespace(shell_pod("shell", container(script=f"echo here; {STAY}")), name))
    parted.ok("wait", "-n", name, "pod/shell", "--for=condition=Ready", "--timeout=180s")
    return name


def nodes(of: Kubectl) -> set[str]:
    return {one["metadata"]["name"] for one in of.json("get", "nodes")["items"]}


async def test_a_nodes_proxy_reaches_the_pods_of_that_node_only(
    parted: Kubectl, node: str, ghost: str, pod: str
) -> None:
    calls = {
        f"exec/{pod}/shell/main?output=1&error=1&command=echo&command=here": EXEC,
        f"attach/{pod}/shell/main?output=1": EXEC,
        f"portForward/{pod}/shell": FORWARD,
    }
    async with streams(parted) as ways:
        for spelled in (ghost, f"https:{ghost}:10250", f"https%3A{ghost}%3A10250"):
            for call, protocol in calls.items():
                refused = await ways.refused(f"/api/v1/nodes/{spelled}/proxy/{call}", protocol)
                assert refused == (404, 'pod "shell" does not exist'), (spelled, call)
        for spelled in (node, f"https:{node}:10250", f"https%3A{node}%3A10250"):
            async with ways.open(f"/api/v1/nodes/{spelled}/proxy/portForward/{pod}/shell", FORWARD) as stream:
                assert stream.protocol == FORWARD
            # The API server leaves the query out of an upgrade, so there is nothing to run on any node.
            asked = await ways.refused(f"/api/v1/nodes/{spelled}/proxy/{next(iter(calls))}")
            assert asked == (400, "you must specify at least 1 of stdin, stdout, stderr")
        missing = f"/api/v1/nodes/{node}/proxy/exec/{pod}/shell/other?output=1&command=id"
        assert await ways.refused(missing) == (404, 'container "other" not found in pod "shell"')
        own, other = (f"/api/v1/nodes/{one}/proxy" for one in (node, ghost))
        logs, run = f"containerLogs/{pod}/shell/main", f"run/{pod}/shell/main?cmd=id"
        assert (await ways.refused(f"{own}/{logs}", "binary.k8s.io"))[0] == 400, "logs take no upgrade"
        assert await ways.ask("GET", f"{own}/{logs}") == (200, "here\n")
        assert await ways.ask("GET", f"{other}/{logs}") == (404, 'pod "shell" does not exist')
        for proxy in (own, other):
            code, words = await ways.ask("POST", f"{proxy}/{run}")
            assert (code, "do not run commands" in words) == (501, True)


@both_protocols
def test_a_node_that_leaves_ends_what_was_open_on_it_with_the_reason_and_takes_nothing_new(
    parted: Kubectl, host: Kubectl, node: str, pod: str, protocol: Mapping[str, str]
) -> None:
    kubectl = parted.speaking(protocol)
    eventually(lambda: nodes(parted), lambda seen: node in seen)
    script = ("sh", "-c", "echo begun; sleep 3600")
    with ExitStack() as stack:
        command = stack.enter_context(kubectl.started("exec", "-n", pod, "shell", "--", *script))
        typed = stack.enter_context(kubectl.started("exec", "-i", "-n", pod, "shell", "--", "cat"))
        log = stack.enter_context(kubectl.started("logs", "-f", "-n", pod, "shell"))
        forward = stack.enter_context(kubectl.started("port-forward", "-n", pod, "pod/shell", ":8080"))
        assert first_line(command) == b"begun\n"
        assert first_line(log) == b"here\n"
        assert b"Forwarding from" in first_line(forward)
        assert typed.stdin is not None
        typed.stdin.write(b"hello\n")
        typed.stdin.flush()
        assert first_line(typed) == b"hello\n"

        with absent(host, node):
            eventually(lambda: nodes(parted), lambda seen: node not in seen)
            for process in (command, typed):
                said = process.communicate(timeout=60)[1].decode()
                assert (process.returncode, said) == (1, f'error: node "{node}" has left the cluster\n')
            assert forward.communicate(timeout=60)[1] == b"error: lost connection to pod\n"
            assert log.communicate(timeout=60)[0] == b"", "a log has no place for a reason; it ends"
            for call in (("exec", "shell", "--", "true"), ("logs", "shell"), ("port-forward", "pod/shell", ":8080")):
                refused = kubectl.run(call[0], "-n", pod, *call[1:])
                assert refused.returncode == 1
                assert f'"{node}" not found'.encode() in refused.stderr


@contextmanager
def absent(host: Kubectl, node: str) -> Iterator[None]:
    """Take a node off the host around the body, which has less than the 40 seconds that its pods are left alone."""
    kept, drivers = host.json("get", "node", node), host.json("get", "csinode", node)
    host.ok("delete", "node", node)
    try:
        yield
    finally:
        meta = {name: kept["metadata"][name] for name in ("name", "labels", "annotations")}
        host.apply({"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": kept["spec"]})
        host.ok("patch", "node", node, "--subresource=status", "--type=merge", "-p",
                orjson.dumps({"status": kept["status"]}).decode())  # fmt: skip
        # It goes with the Node, and a kubelet writes it when it starts.
        host.ok("wait", "--for=delete", f"csinode/{node}", "--timeout=60s")
        host.apply({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": _owned(drivers, host, node),
                    "spec": {"drivers": drivers["spec"].get("drivers") or []}})  # fmt: skip


def _owned(obj: dict[str, Any], host: Kubectl, node: str) -> dict[str, Any]:
    """Return the metadata of what a Node owns, for the Node that there is now."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": host.json("get", "node", node)["metadata"]["uid"]}
    return {
        "name": obj["metadata"]["name"],
        "annotations": obj["metadata"].get("annotations") or {},
        "ownerReferences": [owner],
    }


def test_a_gateway_that_shuts_down_says_so_to_the_commands_that_outlast_its_patience(
    parted: Kubectl, clusters: Clusters, pod: str, config: Path
) -> None:
    cat = ("exec", "-i", "-n", pod, "shell", "--", "cat")
    with ExitStack() as stack:
        commands = [stack.enter_context(parted.speaking(one).started(*cat)) for one in (SPDY, WEBSOCKET)]
        for command in commands:
            assert command.stdin is not None
            command.stdin.write(b"hello\n")
            command.stdin.flush()
            assert first_line(command) == b"hello\n"
        os.kill(clusters.gateway_pid(NAME), signal.SIGTERM)
        for command in commands:
            assert command.wait(60) == 1
            assert command.stderr is not None
            assert command.stderr.read() == b"error: the gateway is shutting down\n"
    clusters.local("up", NAME, "--config", str(config))


def first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()
