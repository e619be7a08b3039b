"""A real operator runs in the tenant's cluster: its in-cluster credentials, its watches and what it makes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.samplecontroller import IMAGE, operator_definition, write_operator_image
from vgateway.local.images import PAUSE

pytestmark = pytest.mark.cluster

GROUP = "samplecontroller.k8s.io"
RULES = [
    {"apiGroups": [GROUP], "resources": ["foos", "foos/status"], "verbs": ["get", "list", "watch", "update"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "create", "update"]},
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
]


def foo(name: str, replicas: int) -> dict[str, Any]:
    spec = {"deploymentName": name, "replicas": replicas}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Foo", "metadata": {"name": name}, "spec": spec}


def stand_in(namespace: str) -> list[dict[str, Any]]:
    """Let the namespace's pods run what the nodes have: the operator asks for an image of the internet."""
    name = f"stand-in-{namespace}"
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    changed = f'Object.spec.containers{{name: c.name, image: "{PAUSE}", imagePullPolicy: "IfNotPresent"}}'
    each = f'object.spec.containers.filter(c, c.image.startsWith("nginx")).map(c, {changed})'
    mutation = {"expression": f"Object{{spec: Object.spec{{containers: {each}}}}}"}
    match = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    kinds = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    policy = {
        "matchConstraints": {"resourceRules": match, "namespaceSelector": here},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": mutation}],
    }
    return [
        {**kinds, "kind": "MutatingAdmissionPolicy", "spec": policy},
        {**kinds, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": name}},
    ]


def operator(namespace: str) -> list[dict[str, Any]]:
    """Return the operator as its author would install it: an account, its rights, and a Deployment."""
    account = {"kind": "ServiceAccount", "name": "operator", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"operator-{namespace}"}
    rights = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": role["name"]}}
    labels = {"app": "operator"}
    program = {"name": "main", "image": IMAGE, "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "operator", "containers": [program]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return [
        with_namespace({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}}, namespace),
        {**rights, "kind": "ClusterRole", "rules": RULES},
        {**rights, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [account]},
        with_namespace(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator"}, "spec": spec}, namespace
        ),
    ]


@pytest.fixture
def place(clusters: Clusters, tenant: Kubectl, namespace: str, tmp_path: Path) -> Iterator[str]:
    """A namespace in which the operator runs."""
    clusters.local("load", str(write_operator_image(tmp_path)), deadline=1800)
    definition = operator_definition()
    tenant.ok("apply", "-f", str(definition))
    made = [*stand_in(namespace), *operator(namespace)]
    tenant.ok("wait", "--for=condition=Established", f"crd/foos.{GROUP}", "--timeout=60s")
    tenant.apply(*made)
    yield namespace
    for one in made:
        tenant.ok("delete", one["kind"], one["metadata"]["name"], "-n", namespace, "--wait=false")
    tenant.ok("delete", "-f", str(definition), "--wait=false")


def test_an_operator_in_the_tenants_cluster_turns_a_custom_resource_into_running_pods(
    tenant: Kubectl, place: str
) -> None:
    tenant.ok("rollout", "status", "-n", place, "deployment/operator", "--timeout=180s")
    tenant.apply(with_namespace(foo("web", 1), place))
    eventually(lambda: tenant.run("get", "deployment", "web", "-n", place).returncode == 0)
    tenant.ok("rollout", "status", "-n", place, "deployment/web", "--timeout=180s")

    def available() -> int:
        status = tenant.json("get", "foo", "web", "-n", place).get("status") or {}
        return int(status.get("availableReplicas", 0))

    eventually(available, lambda count: count == 1)
    tenant.ok("patch", "foo", "web", "-n", place, "--type=merge", "-p", '{"spec":{"replicas":2}}')
    eventually(available, lambda count: count == 2)
    (owner,) = tenant.json("get", "deployment", "web", "-n", place)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Foo", "web")
