"""Storage as a tenant uses it: real volumes on a real node's disk, in a virtual cluster that asks for all of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

NAME = "stored"
HOST_NAMESPACE = f"vgateway-{NAME}"
CONFIGURATION = """
sync: {}
"""
READY = ("--for=condition=Ready", "--timeout=180s")


@pytest.fixture(scope="module")
def stored(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant whose host has volumes to give."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration), "--storage", deadline=900)
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture
def place(stored: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    stored.ok("create", "namespace", name)
    yield name
    stored.ok("delete", "namespace", name, "--wait=false")


def claim(name: str, **spec: Any) -> dict[str, Any]:
    """Return a claim for a gibibyte of whatever the host gives."""
    own = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {**own, **spec},
    }


def database(name: str) -> dict[str, Any]:
    """Return a StatefulSet of one pod with a volume of its own."""
    template = shell_pod(name, container(volumeMounts=[{"name": "data", "mountPath": "/data"}]))
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim("data")["spec"]}],
        },
    }


def files_of(clusters: Clusters) -> list[str]:
    """Return the names of the volumes' directories on the host's nodes."""
    return [path.name for path in clusters.home.glob("nodes/*/volumes/*")]


def test_a_stateful_set_keeps_its_data_when_its_pod_is_deleted_and_its_disk_is_free_when_the_claim_is(
    clusters: Clusters, stored: Kubectl, place: str
) -> None:
    stored.apply(with_namespace(database("db"), place))
    stored.ok("rollout", "status", "-n", place, "statefulset/db", "--timeout=180s", deadline=200)
    before = stored.json("get", "pod", "db-0", "-n", place)["metadata"]["uid"]
    stored.ok("exec", "-n", place, "db-0", "--", "sh", "-c", "echo kept > /data/file")

    stored.ok("delete", "pod", "db-0", "-n", place)
    after = eventually(
        lambda: stored.json("get", "pods", "-n", place)["items"],
        lambda pods: [pod["metadata"]["uid"] for pod in pods] not in ([], [before]),
    )
    assert [pod["metadata"]["name"] for pod in after] == ["db-0"]
    stored.ok("wait", "-n", place, "pod/db-0", *READY, deadline=200)
    assert stored.ok("exec", "-n", place, "db-0", "--", "cat", "/data/file") == "kept\n"

    volume = stored.json("get", "pvc", "data-db-0", "-n", place)["spec"]["volumeName"]
    assert any(name.startswith(volume) for name in files_of(clusters))
    stored.ok("delete", "statefulset", "db", "-n", place)
    stored.ok("delete", "pvc", "data-db-0", "-n", place)
    eventually(lambda: [name for name in files_of(clusters) if name.startswith(volume)], lambda left: not left)
    eventually(lambda: stored.run("get", "pv", volume).returncode, lambda code: code != 0)
