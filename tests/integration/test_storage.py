"""Storage as a tenant uses it: real volumes on a real node's disk, in a virtual cluster that asks for all of it."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
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
sync:
  toHost:
    persistentVolumes: {enabled: true}
    storageClasses: {enabled: true}
    volumeSnapshots: {enabled: true}
    volumeSnapshotContents: {enabled: true}
  fromHost:
    csiDrivers: {enabled: true}
    csiNodes: {enabled: true}
    csiStorageCapacities: {enabled: true}
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


def volume(name: str, path: str, **spec: Any) -> dict[str, Any]:
    """Return a volume of the tenant's own: a directory of the host's nodes."""
    own = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "hostPath": {"path": path, "type": "DirectoryOrCreate"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**own, **spec}}


def on_host(name: str) -> str:
    """Return the host's name of something cluster-scoped that the tenant made."""
    return f"vcluster-{name}-x-{HOST_NAMESPACE}-x-{NAME}"


def phase(kubectl: Kubectl, name: str) -> str:
    """Return the phase of a volume, "" if there is none."""
    return kubectl.ok("get", "pv", name, "--ignore-not-found", "-o", "jsonpath={.status.phase}")


@pytest.fixture
def own(stored: Kubectl, host: Kubectl) -> Iterator[str]:
    """The name of a volume that the tenant may make; whatever is left of it goes at the end."""
    name = f"own-{uuid.uuid4().hex[:6]}"
    yield name
    stored.run("delete", "pv", name, "--wait=false")
    host.run("delete", "pv", on_host(name), "--wait=false")


def test_a_volume_of_the_tenants_is_bound_used_released_and_used_again(
    clusters: Clusters, stored: Kubectl, host: Kubectl, place: str, own: str
) -> None:
    stored.apply(volume(own, str(clusters.home / "nodes" / own)))
    eventually(lambda: phase(stored, own), lambda seen: seen == "Available")
    stored.apply(with_namespace(claim("data", storageClassName="", volumeName=own), place))
    eventually(lambda: phase(stored, own), lambda seen: seen == "Bound")

    mine = stored.json("get", "pvc", "data", "-n", place)
    assert mine["spec"]["volumeName"] == own
    reference = stored.json("get", "pv", own)["spec"]["claimRef"]
    assert (reference["namespace"], reference["name"]) == (place, "data")
    assert reference["uid"] == mine["metadata"]["uid"]
    theirs = host.json("get", "pv", on_host(own))["spec"]["claimRef"]
    assert (theirs["namespace"], theirs["name"]) == (HOST_NAMESPACE, f"data-x-{place}-x-{NAME}")

    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounted = container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    stored.apply(with_namespace(shell_pod("user", mounted, volumes=volumes), place))
    stored.ok("wait", "-n", place, "pod/user", *READY, deadline=200)
    stored.ok("exec", "-n", place, "user", "--", "touch", "/data/file")
    stored.ok("delete", "pod", "user", "-n", place)
    stored.ok("delete", "pvc", "data", "-n", place)
    eventually(lambda: phase(stored, own), lambda seen: seen == "Released")

    # As an administrator makes a retained volume available again.
    stored.ok("patch", "pv", own, "--type=merge", "-p", '{"spec":{"claimRef":null}}')
    eventually(lambda: phase(stored, own), lambda seen: seen == "Available")
    assert "claimRef" not in host.json("get", "pv", on_host(own))["spec"]
    stored.ok("delete", "pv", own)
    eventually(lambda: phase(host, on_host(own)), lambda seen: not seen)


def test_a_volume_that_is_edited_or_deleted_on_the_host_is_put_right(
    clusters: Clusters, stored: Kubectl, host: Kubectl, own: str
) -> None:
    stored.apply(volume(own, str(clusters.home / "nodes" / own)))
    eventually(lambda: phase(stored, own), lambda seen: seen == "Available")
    host.ok("patch", "pv", on_host(own), "--type=merge", "-p", '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}')
    policy = ("get", "pv", on_host(own), "-o", "jsonpath={.spec.persistentVolumeReclaimPolicy}")
    eventually(lambda: host.ok(*policy), lambda seen: seen == "Retain")

    before = host.json("get", "pv", on_host(own))["metadata"]["uid"]
    host.ok("delete", "pv", on_host(own))
    uids = ("get", "pv", on_host(own), "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")
    eventually(lambda: host.ok(*uids), lambda seen: seen not in ("", before))
    eventually(lambda: phase(stored, own), lambda seen: seen == "Available")


def test_the_volume_behind_a_claim_is_seen_kept_as_the_tenant_says_and_deleted_by_the_tenant(
    clusters: Clusters, stored: Kubectl, host: Kubectl, place: str
) -> None:
    stored.apply(with_namespace(claim("data", storageClassName="local-path"), place))
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounted = container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    stored.apply(with_namespace(shell_pod("user", mounted, volumes=volumes), place))
    stored.ok("wait", "-n", place, "pod/user", *READY, deadline=200)
    name = stored.json("get", "pvc", "data", "-n", place)["spec"]["volumeName"]
    eventually(lambda: phase(stored, name), lambda seen: seen == "Bound")
    seen = stored.json("get", "pv", name)
    assert seen["spec"]["hostPath"] == host.json("get", "pv", name)["spec"]["hostPath"]
    assert (seen["spec"]["claimRef"]["namespace"], seen["spec"]["claimRef"]["name"]) == (place, "data")
    assert seen["spec"]["nodeAffinity"]

    stored.ok("patch", "pv", name, "--type=merge", "-p", '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}')
    policy = ("get", "pv", name, "-o", "jsonpath={.spec.persistentVolumeReclaimPolicy}")
    eventually(lambda: host.ok(*policy), lambda said: said == "Retain")
    stored.ok("patch", "pv", name, "--type=merge", "-p", '{"spec":{"capacity":{"storage":"9Gi"}}}')
    capacity = ("get", "pv", name, "-o", "jsonpath={.spec.capacity.storage}")
    eventually(lambda: stored.ok(*capacity), lambda said: said == "1Gi")

    stored.ok("delete", "pod", "user", "-n", place)
    stored.ok("delete", "pvc", "data", "-n", place)
    eventually(lambda: phase(stored, name), lambda said: said == "Released")
    assert phase(host, name) == "Released"
    stored.ok("delete", "pv", name)
    eventually(lambda: phase(host, name), lambda said: not said)
    assert phase(stored, name) == ""


def test_a_volume_of_the_hosts_that_goes_takes_what_the_tenant_sees_with_it_and_others_are_not_shown(
    stored: Kubectl, host: Kubectl, place: str, clusters: Clusters
) -> None:
    stranger = f"stranger-{uuid.uuid4().hex[:6]}"
    given = f"given-{uuid.uuid4().hex[:6]}"
    host.apply(volume(stranger, str(clusters.home / "nodes" / stranger), storageClassName=stranger))
    host.apply(volume(given, str(clusters.home / "nodes" / given), storageClassName=given))
    try:
        stored.apply(with_namespace(claim("data", storageClassName=given), place))
        eventually(lambda: phase(stored, given), lambda seen: seen == "Bound")
        assert phase(stored, stranger) == ""
        stored.ok("delete", "pvc", "data", "-n", place)
        eventually(lambda: phase(stored, given), lambda seen: seen == "Released")
        host.ok("delete", "pv", given)
        eventually(lambda: phase(stored, given), lambda seen: not seen)
    finally:
        host.run("delete", "pv", stranger, given, "--wait=false")


SNAPSHOT_GROUP = "snapshot.storage.k8s.io"


def snapshot_definition(plural: str, kind: str, scope: str) -> dict[str, Any]:
    """Return a definition in the shape that the snapshot controller brings."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": schema}
    approved = {"api-approved.kubernetes.io": "unapproved, a test"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{SNAPSHOT_GROUP}", "annotations": approved},
        "spec": {
            "group": SNAPSHOT_GROUP,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }


def content(name: str, reference: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return a content of a snapshot."""
    own = {"deletionPolicy": "Delete", "driver": "example.io", "volumeSnapshotRef": reference}
    return {
        "apiVersion": f"{SNAPSHOT_GROUP}/v1",
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": name},
        "spec": {**own, **spec},
    }


def snapshot(name: str, **source: Any) -> dict[str, Any]:
    """Return a snapshot of a claim or for a content."""
    return {
        "apiVersion": f"{SNAPSHOT_GROUP}/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": name},
        "spec": {"source": source},
    }


@pytest.fixture(scope="module")
def snapshots(stored: Kubectl, host: Kubectl) -> Iterator[Kubectl]:
    """The tenant's kubectl once both sides know snapshots and their contents."""
    definitions = [
        snapshot_definition("volumesnapshots", "VolumeSnapshot", "Namespaced"),
        snapshot_definition("volumesnapshotcontents", "VolumeSnapshotContent", "Cluster"),
    ]
    names = [f"crd/{one['metadata']['name']}" for one in definitions]
    host.apply(*definitions)
    # The tenant gets them from there.
    for side in (host, stored):
        eventually(partial(side.run, "get", *names), lambda done: done.returncode == 0)
        side.ok("wait", *names, "--for=condition=Established", "--timeout=60s")
    yield stored
    host.run("delete", *names)


def status_of(kubectl: Kubectl, what: str, status: dict[str, Any], *where: str) -> None:
    """Say of an object what its controller would."""
    patch = orjson.dumps({"status": status}).decode()
    kubectl.ok("patch", what, *where, "--subresource=status", "--type=merge", "-p", patch)


def test_a_snapshot_of_a_claim_shows_the_content_that_the_host_made_of_it(
    snapshots: Kubectl, host: Kubectl, place: str
) -> None:
    name = f"snapcontent-{uuid.uuid4().hex[:6]}"
    snapshots.apply(with_namespace(snapshot("snap", persistentVolumeClaimName="data"), place))
    copy = f"snap-x-{place}-x-{NAME}"
    where = ("-n", HOST_NAMESPACE)
    taken = eventually(
        lambda: host.run("get", "volumesnapshot", copy, *where, "-o", "json"), lambda done: done.returncode == 0
    )
    reference = {"name": copy, "namespace": HOST_NAMESPACE, "uid": orjson.loads(taken.stdout)["metadata"]["uid"]}
    # What the snapshot controller of the host does.
    host.apply(content(name, reference, source={"volumeHandle": "v"}))
    status_of(host, f"volumesnapshotcontent/{name}", {"readyToUse": True, "snapshotHandle": "s"})
    status_of(host, f"volumesnapshot/{copy}", {"boundVolumeSnapshotContentName": name, "readyToUse": True}, *where)
    try:
        status = ("get", "volumesnapshot", "snap", "-n", place, "-o", "jsonpath={.status}")
        eventually(
            lambda: orjson.loads(snapshots.ok(*status) or "{}"),
            lambda seen: seen == {"boundVolumeSnapshotContentName": name, "readyToUse": True},
        )
        seen = eventually(
            lambda: snapshots.run("get", "volumesnapshotcontent", name, "-o", "json"), lambda done: not done.returncode
        )
        shown = orjson.loads(seen.stdout)
        assert shown["spec"]["volumeSnapshotRef"]["name"] == "snap"
        assert shown["spec"]["volumeSnapshotRef"]["namespace"] == place

        snapshots.ok(
            "patch", "volumesnapshotcontent", name, "--type=merge", "-p", '{"spec":{"deletionPolicy":"Retain"}}'
        )
        policy = ("get", "volumesnapshotcontent", name, "-o", "jsonpath={.spec.deletionPolicy}")
        eventually(lambda: host.ok(*policy), lambda said: said == "Retain")
        snapshots.ok("delete", "volumesnapshot", "snap", "-n", place)
        eventually(lambda: host.run("get", "volumesnapshot", copy, *where).returncode, lambda code: code != 0)
        snapshots.ok("delete", "volumesnapshotcontent", name)
        eventually(lambda: host.run("get", "volumesnapshotcontent", name).returncode, lambda code: code != 0)
    finally:
        host.run("delete", "volumesnapshotcontent", name, "--wait=false")


def test_a_content_of_the_tenants_is_bound_to_its_snapshot_put_right_and_reclaimed_by_the_host(
    snapshots: Kubectl, host: Kubectl, place: str
) -> None:
    name = f"own-{uuid.uuid4().hex[:6]}"
    reference = {"name": "old", "namespace": place}
    snapshots.apply(content(name, reference, source={"snapshotHandle": "s"}))
    snapshots.apply(with_namespace(snapshot("old", volumeSnapshotContentName=name), place))
    copy, of, where = on_host(name), f"old-x-{place}-x-{NAME}", ("-n", HOST_NAMESPACE)
    made = eventually(
        lambda: host.run("get", "volumesnapshot", of, *where, "-o", "json"), lambda done: done.returncode == 0
    )
    assert orjson.loads(made.stdout)["spec"]["source"] == {"volumeSnapshotContentName": copy}
    path = ("get", "volumesnapshotcontent", copy, "-o", "jsonpath={.spec.volumeSnapshotRef.name}")
    assert eventually(lambda: host.ok(*path), bool) == of

    # What the snapshot controller of the host does.
    uid = orjson.loads(made.stdout)["metadata"]["uid"]
    bound = f'{{"spec":{{"volumeSnapshotRef":{{"uid":"{uid}"}}}}}}'
    host.ok("patch", "volumesnapshotcontent", copy, "--type=merge", "-p", bound)
    status_of(host, f"volumesnapshotcontent/{copy}", {"readyToUse": True})
    status_of(host, f"volumesnapshot/{of}", {"boundVolumeSnapshotContentName": copy}, *where)
    status = ("get", "volumesnapshot", "old", "-n", place, "-o", "jsonpath={.status.boundVolumeSnapshotContentName}")
    eventually(lambda: snapshots.ok(*status), lambda seen: seen == name)
    own = snapshots.json("get", "volumesnapshot", "old", "-n", place)["metadata"]["uid"]
    told = ("get", "volumesnapshotcontent", name, "-o", "jsonpath={.spec.volumeSnapshotRef.uid}{.status.readyToUse}")
    eventually(lambda: snapshots.ok(*told), lambda seen: seen == f"{own}true")

    host.ok("delete", "volumesnapshotcontent", copy)
    eventually(lambda: host.run("get", "volumesnapshotcontent", copy).returncode, lambda code: code == 0)
    eventually(lambda: snapshots.ok(*told), lambda seen: seen.startswith(own))
    host.ok("patch", "volumesnapshotcontent", copy, "--type=merge", "-p", bound)

    snapshots.ok("delete", "volumesnapshot", "old", "-n", place)
    eventually(lambda: host.run("get", "volumesnapshot", of, *where).returncode, lambda code: code != 0)
    host.ok("delete", "volumesnapshotcontent", copy)
    eventually(lambda: snapshots.run("get", "volumesnapshotcontent", name).returncode, lambda code: code != 0)


def test_the_tenant_sees_the_drivers_of_its_nodes_and_the_space_that_they_have_left(
    stored: Kubectl, host: Kubectl, place: str
) -> None:
    tag = uuid.uuid4().hex[:6]
    driver = {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": f"{tag}.example.io"}}
    capacity = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIStorageCapacity",
        "metadata": {"name": tag, "namespace": "default"},
        "storageClassName": "local-path",
        "capacity": "5Gi",
        "nodeTopology": {"matchLabels": {"kubernetes.io/hostname": "node-1"}},
    }
    elsewhere = {**capacity, "metadata": {"name": f"{tag}-far", "namespace": "default"}}
    elsewhere["nodeTopology"] = {"matchLabels": {"kubernetes.io/hostname": "nowhere"}}
    host.apply({**driver, "spec": {}}, capacity, elsewhere)
    seen = f"{tag}-x-default"
    try:
        stored.apply(with_namespace(shell_pod("user"), place))
        stored.ok("wait", "-n", place, "pod/user", *READY, deadline=200)
        told = (f"csidriver/{tag}.example.io", "csinode/node-1")
        eventually(lambda: stored.run("get", *told).returncode, lambda code: code == 0)
        left = (
            "get",
            "csistoragecapacity",
            "-n",
            "kube-system",
            seen,
            "--ignore-not-found",
            "-o",
            "jsonpath={.capacity}",
        )
        eventually(lambda: stored.ok(*left), lambda said: said == "5Gi")
        assert stored.run("get", "csistoragecapacity", "-n", "kube-system", f"{tag}-far-x-default").returncode != 0

        stored.ok("delete", "csistoragecapacity", "-n", "kube-system", seen)
        eventually(lambda: stored.ok(*left), lambda said: said == "5Gi")
        host.ok("patch", "csistoragecapacity", tag, "-n", "default", "--type=merge", "-p", '{"capacity":"3Gi"}')
        eventually(lambda: stored.ok(*left), lambda said: said == "3Gi")
    finally:
        host.run("delete", "csidriver", f"{tag}.example.io")
        host.run("delete", "csistoragecapacity", "-n", "default", tag, f"{tag}-far")
    eventually(lambda: stored.ok(*left), lambda said: not said)
    stored.ok("delete", "csinode", "node-1")
    eventually(lambda: stored.run("get", "csinode", "node-1").returncode, lambda code: code == 0)
