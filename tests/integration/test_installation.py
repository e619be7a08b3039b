"""A virtual cluster in pods of one host namespace, put there by Helm with rights in that namespace only."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.helm import CHART
from tests.support.installer import Installer, installer, listing
from tests.support.kubectl import Kubectl
from tests.support.manifests import deployment

pytestmark = pytest.mark.cluster

NAME = "my"
READY = ("--wait", "--timeout", "300s")


@pytest.fixture(scope="module")
def images(clusters: Clusters) -> None:
    """The images of virtual clusters in pods, on every node."""
    clusters.local("images", deadline=3600)


@pytest.fixture(scope="module")
def disk(clusters: Clusters, host: Kubectl) -> Iterator[str]:
    """A volume for the store, as an administrator of the host offers it; its storage class's name."""
    name = f"disk-{uuid.uuid4().hex[:8]}"
    directory = clusters.home / "nodes" / name
    directory.mkdir()
    directory.chmod(0o777)
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": name,
        "hostPath": {"path": str(directory)},
    }
    host.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
    yield name
    host.ok("delete", "persistentvolume", name)


@pytest.fixture(scope="module")
def somebody(images: None, disk: str, host: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installer]:
    """Somebody who may do everything in one namespace, where the strictest pod security is watched over."""
    namespace = f"team-{uuid.uuid4().hex[:8]}"
    host.ok("create", "namespace", namespace)
    host.ok("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted")
    eventually(lambda: host.run("get", "configmap", "kube-root-ca.crt", "-n", namespace).returncode == 0)
    yield installer(host, namespace, tmp_path_factory.mktemp("installer"))
    host.ok("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def before(somebody: Installer, host: Kubectl) -> dict[str, list[str]]:
    """What was on the host before anything was installed."""
    return listing(host, somebody.namespace)


@pytest.fixture(scope="module")
def values(disk: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The values of the installation."""
    claim = {"enabled": True, "size": "1Gi", "storageClass": disk}
    path = tmp_path_factory.mktemp("values") / "vcluster.yaml"
    path.write_text(yaml.safe_dump({"controlPlane": {"statefulSet": {"persistence": {"volumeClaim": claim}}}}))
    return path


@pytest.fixture(scope="module")
def said(somebody: Installer, before: dict[str, list[str]], values: Path) -> Iterator[str]:
    """What Helm said when it installed the chart; the release is there until the module's end at the latest."""
    done = somebody.helm.run("install", NAME, str(CHART), "-n", somebody.namespace, "-f", str(values), *READY)
    assert done.returncode == 0, done.stdout + done.stderr + diagnosis(somebody)
    yield done.stdout + done.stderr
    somebody.helm.run("uninstall", NAME, "-n", somebody.namespace, "--wait")


def diagnosis(somebody: Installer) -> str:
    """Return what an operator would look at."""
    asked = (("describe", "pods"), ("logs", f"{NAME}-0", "--all-containers", "--tail=20"))
    return "".join(somebody.kubectl.run(*one, "-n", somebody.namespace).stdout.decode() for one in asked)


def pods(somebody: Installer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = somebody.kubectl.json("get", "pods", "-n", somebody.namespace)["items"]
    return found


def rolled_out(somebody: Installer) -> None:
    somebody.kubectl.ok(
        "rollout", "status", "-n", somebody.namespace, f"statefulset/{NAME}", "--timeout=300s", deadline=320
    )


def test_the_secrets_kubeconfig_leads_to_a_cluster_that_runs_pods_shows_their_logs_and_takes_commands(
    somebody: Installer, said: str, tmp_path: Path
) -> None:
    with somebody.tenant(NAME, tmp_path) as tenant:
        tenant.apply(deployment("web", 1))
        tenant.ok(
            "create", "deployment", "hello", "--image=docker.io/library/busybox:1.36", "--", "sh", "-c", "echo hi; cat"
        )
        tenant.ok("set", "env", "deployment/web", "GREETING=good-morning")
        tenant.ok("rollout", "status", "deployment/web", "--timeout=180s", deadline=200)
        assert tenant.ok("exec", "deployment/web", "--", "sh", "-c", "echo $GREETING") == "good-morning\n"
        eventually(lambda: tenant.run("logs", "deployment/hello").stdout, lambda text: text.startswith(b"hi\n"))
        (node,) = tenant.json("get", "nodes")["items"]
        assert node["status"]["nodeInfo"]["osImage"] == "vgateway virtual node"
    names = [pod["metadata"]["name"] for pod in pods(somebody)]
    assert any(name.startswith("web-") and name.endswith(f"-x-default-x-{NAME}") for name in names)


def test_its_own_pod_passes_the_strictest_pod_security_and_only_the_gateway_is_somebody_on_the_host(
    somebody: Installer, said: str
) -> None:
    assert "would violate" not in said
    pod = somebody.kubectl.json("get", "pod", f"{NAME}-0", "-n", somebody.namespace)
    spec = pod["spec"]
    mounts = {
        container["name"]: {mount["name"] for mount in container["volumeMounts"]}
        for container in (*spec["initContainers"], *spec["containers"])
    }
    assert {name for name, mounted in mounts.items() if "token" in mounted} == {"prepare", "settle", "gateway"}
    assert spec["automountServiceAccountToken"] is False


def test_an_upgrade_and_a_rollback_keep_what_the_tenant_has_and_its_kubeconfig(
    somebody: Installer, said: str, values: Path, tmp_path: Path
) -> None:
    helm, kubectl, where = somebody.helm, somebody.kubectl, ("-n", somebody.namespace)
    with somebody.tenant(NAME, tmp_path) as tenant:
        tenant.apply(deployment("kept", 1))
        tenant.ok("rollout", "status", "deployment/kept", "--timeout=180s", deadline=200)
        uid = tenant.json("get", "deployment", "kept")["metadata"]["uid"]
    exported = somebody.kubeconfig(NAME)
    (copy,) = [pod for pod in pods(somebody) if pod["metadata"]["name"].startswith("kept-")]
    own = kubectl.json("get", "pod", f"{NAME}-0", *where)["metadata"]["uid"]
    for command in (
        ("upgrade", NAME, str(CHART), *where, "-f", str(values), "--set", "logging.level=debug", *READY),
        ("rollback", NAME, "1", *where, *READY),
    ):
        helm.ok(*command)
        rolled_out(somebody)
        now = kubectl.json("get", "pod", f"{NAME}-0", *where)["metadata"]["uid"]
        assert now != own, "the changed values must have made the pod anew"
        own = now
        assert somebody.kubeconfig(NAME) == exported
        with somebody.tenant(NAME, tmp_path) as tenant:
            assert tenant.json("get", "deployment", "kept")["metadata"]["uid"] == uid
            assert eventually(lambda: tenant.run("exec", "deployment/kept", "--", "echo", "here").stdout) == b"here\n"
        (still,) = [pod for pod in pods(somebody) if pod["metadata"]["name"].startswith("kept-")]
        assert still["metadata"]["uid"] == copy["metadata"]["uid"], "the tenant's pods run on meanwhile"


def test_uninstalling_leaves_the_host_as_it_was(
    somebody: Installer, said: str, before: dict[str, list[str]], host: Kubectl, tmp_path: Path
) -> None:
    with somebody.tenant(NAME, tmp_path) as tenant:
        tenant.apply(deployment("left", 1))
        tenant.ok("create", "configmap", "left", "--from-literal=a=b")
        tenant.ok("expose", "deployment", "left", "--port=80")
        tenant.ok("rollout", "status", "deployment/left", "--timeout=180s", deadline=200)
    assert listing(host, somebody.namespace)["namespace"] != before["namespace"]
    somebody.helm.ok("uninstall", NAME, "-n", somebody.namespace, "--wait", "--timeout", "300s")
    eventually(lambda: listing(host, somebody.namespace), lambda now: now == before)


def vgateway(somebody: Installer, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as somebody who has kubectl on PATH and the installer's kubeconfig."""
    environ = {
        "PATH": f"{somebody.kubectl.program.parent}:/usr/bin:/bin",
        "HOME": str(somebody.helm.home),
        "KUBECONFIG": str(somebody.kubectl.kubeconfig),
    }
    return subprocess.run(
        [sys.executable, "-m", "vgateway", *arguments],
        capture_output=True,
        text=True,
        timeout=420,
        env=environ,
        check=False,
    )


def test_the_command_line_makes_shows_reaches_and_removes_a_virtual_cluster_without_helm(
    somebody: Installer, before: dict[str, list[str]], host: Kubectl, tmp_path: Path
) -> None:
    def ok(*arguments: str) -> str:
        done = vgateway(somebody, *arguments)
        assert done.returncode == 0, f"vgateway {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    where = ("-n", somebody.namespace)
    values = tmp_path / "vcluster.yaml"
    values.write_text("controlPlane: {statefulSet: {persistence: {volumeClaim: {enabled: false}}}}\n")
    ok("create", "cli", *where, "-f", str(values))
    try:
        (line,) = [one for one in orjson.loads(ok("list", *where, "-o", "json")) if one["name"] == "cli"]
        assert (line["status"], line["version"], line["installedBy"]) == ("Running", "v1.36.3", "vgateway")
        assert "Role/vc-cli" in orjson.loads(ok("describe", "cli", *where, "-o", "json"))["parts"]
        assert "namespace/kube-system" in ok(
            "connect", "cli", *where, "--", "kubectl", "get", "namespaces", "-o", "name"
        )
        assert yaml.safe_load(ok("kubeconfig", "cli", *where)) == somebody.kubeconfig("cli")
        again = vgateway(somebody, "create", "cli", *where, "-f", str(values))
        assert (again.returncode, again.stderr.strip().splitlines()[-1]) == (
            2,
            f"vgateway: cli is in {somebody.namespace} already: --upgrade changes it",
        )
        changed = tmp_path / "changed.yaml"
        budget = "advanced: {podDisruptionBudget: {enabled: true}}"
        changed.write_text(values.read_text().replace("{statefulSet", f"{{{budget}, statefulSet"))
        ok("create", "cli", *where, "-f", str(changed), "--upgrade", "--no-wait")
        assert "PodDisruptionBudget/cli" in orjson.loads(ok("describe", "cli", *where, "-o", "json"))["parts"]
        ok("create", "cli", *where, "-f", str(values), "--upgrade")
        assert "PodDisruptionBudget/cli" not in orjson.loads(ok("describe", "cli", *where, "-o", "json"))["parts"]
    finally:
        removed = vgateway(somebody, "delete", "cli", *where)
    assert removed.returncode == 0, removed.stderr
    eventually(lambda: listing(host, somebody.namespace), lambda now: now == before)
    gone = vgateway(somebody, "delete", "cli", *where)
    assert (gone.returncode, gone.stderr) == (2, f"vgateway: there is no virtual cluster cli in {somebody.namespace}\n")


def test_plain_manifests_are_what_the_hosts_api_server_takes(somebody: Installer) -> None:
    printed = vgateway(somebody, "manifests", "plain", "-n", somebody.namespace).stdout
    done = somebody.kubectl.run("apply", "--dry-run=server", "-f", "-", stdin=printed.encode())
    assert done.returncode == 0, done.stderr.decode()
    assert b"statefulset.apps/plain created (server dry run)" in done.stdout
    assert b"would violate" not in done.stderr
