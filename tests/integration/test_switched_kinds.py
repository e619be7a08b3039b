"""Kinds that are off until a configuration asks for them, in a virtual cluster that asks for them all."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import deployment, shell_pod

pytestmark = pytest.mark.cluster

NAME = "switched"
HOST_NAMESPACE = f"vgateway-{NAME}"
CONFIGURATION = """
sync:
  toHost:
    podDisruptionBudgets: {enabled: true}
    serviceAccounts: {enabled: true}
    storageClasses: {enabled: true}
    volumeSnapshots: {enabled: true}
    customResources:
      widgets.example.io: {enabled: true, version: v1, kind: Widget, references: ["spec.parts[].configMap"]}
  fromHost:
    priorityClasses: {enabled: true, selector: {matchLabels: {for: tenants}}}
    runtimeClasses: {enabled: true}
    ingressClasses: {enabled: true}
"""
READY = ("--for=condition=Ready", "--timeout=180s")


@pytest.fixture(scope="module")
def all_on(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant whose virtual cluster has every kind switched on."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture
def place(all_on: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    all_on.ok("create", "namespace", name)
    yield name
    all_on.ok("delete", "namespace", name, "--wait=false")


def mine(host: Kubectl, kind: str, namespace: str) -> list[dict[str, Any]]:
    labels = ("-l", f"vcluster.loft.sh/namespace={namespace}")
    found: list[dict[str, Any]] = host.json("get", kind, "-n", HOST_NAMESPACE, *labels)["items"]
    return found


def test_a_drain_of_the_host_respects_the_tenants_budget_and_nobody_elses_pods(
    all_on: Kubectl, host: Kubectl, place: str
) -> None:
    all_on.apply(with_namespace(deployment("web", 2), place))
    all_on.ok("rollout", "status", "-n", place, "deployment/web", "--timeout=180s")
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    all_on.apply(with_namespace(budget, place))

    (copy,) = eventually(lambda: mine(host, "pdb", place), lambda found: bool(found))
    assert copy["spec"]["minAvailable"] == 1
    status = eventually(
        lambda: mine(host, "pdb", place)[0].get("status", {}), lambda seen: seen.get("expectedPods") == 2
    )
    assert status["disruptionsAllowed"] == 1
    all_on.ok("delete", "pdb", "web", "-n", place)
    eventually(lambda: mine(host, "pdb", place), lambda found: not found)


def test_pods_run_under_the_copy_of_their_own_account(all_on: Kubectl, host: Kubectl, place: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "annotations": {"role": "r"}}}
    all_on.apply(with_namespace(account, place))
    all_on.apply(with_namespace(shell_pod("user", serviceAccountName="app"), place))
    all_on.ok("wait", "-n", place, "pod/user", *READY)

    (pod,) = mine(host, "pods", place)
    copies = {one["metadata"]["name"]: one for one in mine(host, "serviceaccounts", place)}
    assert copies[pod["spec"]["serviceAccountName"]]["metadata"]["annotations"]["role"] == "r"
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert all_on.ok("exec", "-n", place, "user", "--", "wc", "-c", token)


def test_a_class_of_the_tenants_is_a_copy_of_its_own_on_the_host(all_on: Kubectl, host: Kubectl) -> None:
    name = f"fast-{uuid.uuid4().hex[:6]}"
    kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    all_on.apply({**kind, "provisioner": "example.io/none"})
    copy = f"vcluster-{name}-x-{HOST_NAMESPACE}-x-{NAME}"
    eventually(lambda: host.run("get", "storageclass", copy).returncode, lambda code: code == 0)

    host.ok("delete", "storageclass", copy)
    eventually(lambda: host.run("get", "storageclass", copy).returncode, lambda code: code == 0)
    all_on.ok("delete", "storageclass", name)
    eventually(lambda: host.run("get", "storageclass", copy).returncode, lambda code: code != 0)


def test_the_tenant_sees_the_hosts_classes_that_are_meant_for_it_and_cannot_bend_them(
    all_on: Kubectl, host: Kubectl
) -> None:
    tag = uuid.uuid4().hex[:6]
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
    shown, hidden = f"shown-{tag}", f"hidden-{tag}"
    host.apply({**kind, "metadata": {"name": shown, "labels": {"for": "tenants"}}})
    host.apply({**kind, "metadata": {"name": hidden}})
    try:
        eventually(lambda: all_on.run("get", "priorityclass", shown).returncode, lambda code: code == 0)
        assert all_on.run("get", "priorityclass", hidden).returncode != 0
        all_on.ok("label", "priorityclass", shown, "for=me", "--overwrite")
        eventually(
            lambda: all_on.json("get", "priorityclass", shown)["metadata"]["labels"]["for"],
            lambda value: value == "tenants",
        )
    finally:
        host.ok("delete", "priorityclass", shown, hidden)
    eventually(lambda: all_on.run("get", "priorityclass", shown).returncode, lambda code: code != 0)


def test_a_class_that_the_host_keeps_to_itself_is_not_had_by_making_one_of_its_name(
    all_on: Kubectl, host: Kubectl, place: str
) -> None:
    name = f"hidden-{uuid.uuid4().hex[:6]}"
    rank = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 5}
    for side in (host, all_on):
        side.apply(rank)
    try:
        all_on.apply(with_namespace(shell_pod("climber", priorityClassName=name), place))
        words = f"the host cluster offers no PriorityClass {name}"
        eventually(lambda: all_on.ok("describe", "pod", "climber", "-n", place), lambda text: words in text)
        assert not mine(host, "pods", place)
        host.ok("label", "priorityclass", name, "for=tenants")
        all_on.ok("wait", "-n", place, "pod/climber", *READY)
    finally:
        for side in (host, all_on):
            side.ok("delete", "priorityclass", name)


def test_a_pod_runs_under_a_runtime_class_that_the_host_offers(all_on: Kubectl, host: Kubectl, place: str) -> None:
    name = f"plain-{uuid.uuid4().hex[:6]}"
    host.apply({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "runc"})
    try:
        eventually(lambda: all_on.run("get", "runtimeclass", name).returncode, lambda code: code == 0)
        all_on.apply(with_namespace(shell_pod("plain", runtimeClassName=name), place))
        all_on.ok("wait", "-n", place, "pod/plain", *READY)
        (copy,) = mine(host, "pods", place)
        assert copy["spec"]["runtimeClassName"] == name
    finally:
        host.ok("delete", "runtimeclass", name)


def definition_of(plural: str, group: str, kind: str) -> dict[str, Any]:
    """Return the definition of a namespaced resource that takes any content."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }


def test_a_resource_that_neither_side_has_stops_nothing_and_is_synced_from_when_both_have_it(
    all_on: Kubectl, host: Kubectl, place: str
) -> None:
    definition = definition_of("volumesnapshots", "snapshot.storage.k8s.io", "VolumeSnapshot")
    snapshot = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "snap"},
        "spec": {"source": {"persistentVolumeClaimName": "data"}},
    }
    established = ("--for=condition=Established", "--timeout=60s")
    crd = "crd/volumesnapshots.snapshot.storage.k8s.io"
    try:
        for side in (host, all_on):
            side.apply(definition)
            side.ok("wait", crd, *established)
        eventually(lambda: all_on.run("get", "volumesnapshots", "-n", place).returncode, lambda code: code == 0)
        all_on.apply(with_namespace(snapshot, place))
        (copy,) = eventually(lambda: mine(host, "volumesnapshots", place), lambda found: bool(found))
        assert copy["spec"]["source"]["persistentVolumeClaimName"] == f"data-x-{place}-x-{NAME}"

        status = '{"status":{"readyToUse":true}}'
        where = ("-n", HOST_NAMESPACE, copy["metadata"]["name"])
        host.ok("patch", "volumesnapshots", *where, "--subresource=status", "--type=merge", "-p", status)
        eventually(
            lambda: all_on.json("get", "volumesnapshot", "snap", "-n", place).get("status"),
            lambda seen: seen == {"readyToUse": True},
        )
        all_on.ok("delete", crd)
        eventually(lambda: mine(host, "volumesnapshots", place), lambda found: not found)
    finally:
        host.run("delete", crd)


def test_a_declared_custom_resource_is_served_by_the_hosts_operator(all_on: Kubectl, host: Kubectl, place: str) -> None:
    crd = "crd/widgets.example.io"
    host.apply(definition_of("widgets", "example.io", "Widget"))
    try:
        # The tenant gets the definition from the host.
        eventually(lambda: all_on.run("get", "widgets", "-n", place).returncode, lambda code: code == 0)
        widget = {
            "apiVersion": "example.io/v1",
            "kind": "Widget",
            "metadata": {"name": "w"},
            "spec": {"size": 3, "parts": [{"configMap": "part"}]},
        }
        all_on.apply(with_namespace(widget, place))
        (copy,) = eventually(lambda: mine(host, "widgets", place), lambda found: bool(found))
        assert copy["spec"] == {"size": 3, "parts": [{"configMap": f"part-x-{place}-x-{NAME}"}]}

        patch = ("-n", HOST_NAMESPACE, copy["metadata"]["name"], "--subresource=status", "--type=merge")
        host.ok("patch", "widgets", *patch, "-p", '{"status":{"made":3}}')
        eventually(
            lambda: all_on.json("get", "widget", "w", "-n", place).get("status"), lambda seen: seen == {"made": 3}
        )
        host.ok("delete", "widgets", "-n", HOST_NAMESPACE, copy["metadata"]["name"])
        eventually(lambda: mine(host, "widgets", place), lambda found: bool(found))
        all_on.ok("delete", "widget", "w", "-n", place)
        eventually(lambda: mine(host, "widgets", place), lambda found: not found)
    finally:
        host.run("delete", crd)
