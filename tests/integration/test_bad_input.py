"""Pods that cannot run as they are: the tenant reads why, in its own names, and once."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

LONG = "n" + uuid.uuid4().hex + "m" * 190


@pytest.fixture(scope="module")
def place(tenant: Kubectl) -> Iterator[str]:
    """A namespace for all of them."""
    name = f"bad-{uuid.uuid4().hex[:8]}"
    tenant.ok("create", "namespace", name)
    yield name
    tenant.ok("delete", "namespace", name, "--wait=false")


def said_of(tenant: Kubectl, place: str, name: str) -> str:
    """Return what ``kubectl describe`` prints below a pod's own fields: its events."""
    return tenant.ok("describe", "pod", name, "-n", place).partition("\nEvents:")[2]


def volume(**source: Any) -> dict[str, Any]:
    """Return a container and a volume that it mounts, as fields of a pod."""
    mounted = container(volumeMounts=[{"name": "it", "mountPath": "/it"}])
    return {"containers": [mounted], "volumes": [{"name": "it", **source}]}


def annotated(pod: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}


NO_MAP = container(envFrom=[{"configMapRef": {"name": "settings"}}])
SHOWN = {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.annotations"}}]}}
CASES: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "a ConfigMap that is missing": (lambda: shell_pod("no-map", NO_MAP), 'configmap "settings" not found'),
    "a Secret that is missing": (
        lambda: shell_pod("no-secret", **volume(secret={"secretName": "hidden"})),
        'secret "hidden" not found',
    ),
    "a claim that is missing": (
        lambda: shell_pod("no-claim", **volume(persistentVolumeClaim={"claimName": "data"})),
        'persistentvolumeclaim "data" not found',
    ),
    "a long name that refers to another": (
        lambda: {**shell_pod("", container(envFrom=[{"secretRef": {"name": LONG}}])), "metadata": {"name": LONG}},
        f'secret "{LONG}" not found',
    ),
    "a selector that no node of the host has": (
        lambda: shell_pod("nowhere", nodeSelector={"no": "where"}),
        "didn't match Pod's node affinity/selector",
    ),
    "a node that the host does not have": (
        lambda: shell_pod("lost", nodeName="lost"),
        "nodes are available",
    ),
    "annotations that are too many with their copy": (
        lambda: annotated(shell_pod("fat", **volume(**SHOWN)), a="x" * 200_000),
        'Pod "fat" is invalid: metadata.annotations: Too long',
    ),
    "a container that fails again and again": (
        lambda: shell_pod("failing", container("main", "exit 1")),
        "Back-off restarting failed container main in pod failing_",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_with_a_pod_is_read_where_kubectl_shows_it(
    tenant: Kubectl, place: str, host_namespace: str, case: str
) -> None:
    make, words = CASES[case]
    pod = with_namespace(make(), place)
    name = pod["metadata"]["name"]
    tenant.ok("create", "-f", "-", stdin=orjson.dumps(pod))
    events = eventually(lambda: said_of(tenant, place, name), lambda text: words in text)
    # Once: what comes back counts up in the Event that is there.
    assert len([line for line in events.splitlines() if words in line and "HostRefused" in line]) <= 1
    shown = tenant.ok("get", "pod", name, "-n", place, "-o", "json")
    for text in (events, shown):
        assert "-x-" not in text
        assert host_namespace not in text


def test_a_class_of_the_tenants_own_making_is_refused_by_the_host_in_words(tenant: Kubectl, place: str) -> None:
    name = f"mine-{uuid.uuid4().hex[:6]}"
    tenant.apply({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "x"})
    try:
        tenant.apply(with_namespace(shell_pod("odd", runtimeClassName=name), place))
        eventually(lambda: said_of(tenant, place, "odd"), lambda text: f'RuntimeClass "{name}" not found' in text)
    finally:
        tenant.ok("delete", "runtimeclass", name)


def test_a_pod_that_waits_for_what_the_host_does_not_take_says_so(
    tenant: Kubectl, host: Kubectl, place: str, host_namespace: str
) -> None:
    host.ok("create", "quota", "no-maps", "-n", host_namespace, "--hard=count/configmaps=0")
    try:
        tenant.ok("create", "configmap", "held-up", "-n", place, "--from-literal=a=1")
        pod = shell_pod("patient", container(envFrom=[{"configMapRef": {"name": "held-up"}}]))
        tenant.apply(with_namespace(pod, place))
        words = "the ConfigMap held-up has no copy on the host yet"
        eventually(lambda: said_of(tenant, place, "patient"), lambda text: words in text)
        selector = "--field-selector=involvedObject.name=held-up"
        refused = tenant.json("get", "events", "-n", place, selector)["items"]
        assert any("exceeded quota" in one["message"] for one in refused)
    finally:
        host.ok("delete", "quota", "no-maps", "-n", host_namespace)
    tenant.ok("wait", "-n", place, "pod/patient", "--for=condition=Ready", "--timeout=180s")
