"""What the host shows a tenant by name, and fields that the configuration changes on their way to the other side."""

import base64
import uuid
from collections.abc import Iterator
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

NAME = "mapped"
HOST_NAMESPACE = f"vgateway-{NAME}"
SHARED = f"{NAME}-shared"
CONFIGURATION = f"""
sync:
  toHost:
    pods:
      patches:
      - {{path: 'spec.containers[*].env[*].value', expression: '"patched " + value'}}
      - {{path: 'metadata.annotations["example.io/secret"]', reference: {{kind: Secret}}}}
      - {{path: 'metadata.annotations["example.io/broken"]', expression: 'value.no.such'}}
    services:
      patches:
      - {{path: 'metadata.labels["example.io/zone"]', expression: 'context.vcluster.name + "-" + value'}}
  fromHost:
    configMaps:
      enabled: true
      mappings: {{byName: {{"{SHARED}/*": "platform/*"}}}}
      patches: [{{path: data.url, expression: 'value.replace("internal", "public")'}}]
    secrets:
      enabled: true
      mappings: {{byName: {{"{SHARED}/database": "platform/credentials", "/from-own": "platform/own", "": "mine"}}}}
"""
NO_SECRETS = CONFIGURATION.replace('"/from-own": "platform/own", "": "mine"', '"/from-own": "platform/own"')
READY = ("--for=condition=Ready", "--timeout=180s")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "vcluster.yaml"


@pytest.fixture(scope="module")
def user(clusters: Clusters, host: Kubectl, configuration: Path) -> Iterator[Kubectl]:
    """The kubectl of a tenant to whom the host shows some objects by name."""
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)
    host.ok("delete", "namespace", SHARED, "--wait=false")


@pytest.fixture
def place(user: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    user.ok("create", "namespace", name)
    yield name
    user.ok("delete", "namespace", name, "--wait=false")


def secret(name: str, namespace: str, **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def shown(kubectl: Kubectl, kind: str, name: str, namespace: str = "platform") -> Any:
    """Return the data that the tenant sees, None while there is no such object."""
    done = kubectl.run("get", kind, name, "-n", namespace, "-o", "json")
    return orjson.loads(done.stdout)["data"] if done.returncode == 0 else None


def exists(kubectl: Kubectl, kind: str, name: str, namespace: str) -> bool:
    return kubectl.run("get", kind, name, "-n", namespace).returncode == 0


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_namespace_and_single_objects_are_seen_under_their_names_and_nothing_else(
    user: Kubectl, host: Kubectl
) -> None:
    host.apply(config_map("settings", SHARED, color="blue"), config_map("more", SHARED, a="1"))
    host.apply(secret("database", SHARED, password="one"), secret("other", SHARED, password="two"))

    eventually(lambda: shown(user, "configmap", "settings"), lambda data: data == {"color": "blue"})
    eventually(lambda: shown(user, "configmap", "more"), lambda data: data == {"a": "1"})
    eventually(lambda: shown(user, "secret", "credentials"), lambda data: data == {"password": base64_of("one")})
    names = {one["metadata"]["name"] for one in user.json("get", "secrets", "-n", "platform")["items"]}
    assert names <= {"credentials", "own"}
    ca = user.json("get", "configmap", "kube-root-ca.crt", "-n", "platform")
    assert "vcluster.loft.sh/from-host" not in ca["metadata"].get("labels", {})


def test_the_hosts_changes_follow_and_the_tenants_are_put_right(user: Kubectl, host: Kubectl) -> None:
    name = f"c-{uuid.uuid4().hex[:6]}"
    host.apply(config_map(name, SHARED, a="1", b="2"))
    eventually(lambda: shown(user, "configmap", name), lambda data: data == {"a": "1", "b": "2"})
    host.ok("patch", "configmap", name, "-n", SHARED, "--type=merge", "-p", '{"data":{"a":"3","b":null}}')
    eventually(lambda: shown(user, "configmap", name), lambda data: data == {"a": "3"})

    user.ok("patch", "configmap", name, "-n", "platform", "--type=merge", "-p", '{"data":{"a":"mine","c":"4"}}')
    eventually(lambda: shown(user, "configmap", name), lambda data: data == {"a": "3"})
    user.ok("delete", "configmap", name, "-n", "platform")
    eventually(lambda: shown(user, "configmap", name), lambda data: data == {"a": "3"})
    host.ok("delete", "configmap", name, "-n", SHARED)
    eventually(lambda: exists(user, "configmap", name, "platform"), lambda there: not there)


def test_a_pod_of_the_tenants_runs_with_what_the_host_shows(user: Kubectl, host: Kubectl) -> None:
    host.apply(config_map("for-pods", SHARED, color="green"), secret("database", SHARED, password="one"))
    eventually(lambda: exists(user, "secret", "credentials", "platform"))
    eventually(lambda: exists(user, "configmap", "for-pods", "platform"))
    env = [
        {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "for-pods", "key": "color"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "credentials", "key": "password"}}},
    ]
    user.apply(with_namespace(shell_pod("reader", container(env=env)), "platform"))
    user.ok("wait", "-n", "platform", "pod/reader", *READY)
    assert user.ok("exec", "-n", "platform", "reader", "--", "sh", "-c", "echo $COLOR $PASSWORD") == "green one\n"

    copy = f"credentials-x-platform-x-{NAME}"
    host.apply(secret("database", SHARED, password="new"))
    eventually(
        lambda: host.json("get", "secret", copy, "-n", HOST_NAMESPACE)["data"],
        lambda data: data == {"password": base64_of("new")},
    )
    user.ok("delete", "pod", "reader", "-n", "platform")
    # What the tenant's copy brought to our own namespace is not shown as one of the host's.
    assert not exists(user, "secret", copy, "mine")


def test_an_object_that_the_tenant_made_by_that_name_stays_and_the_tenant_hears_why(
    user: Kubectl, host: Kubectl
) -> None:
    name = f"taken-{uuid.uuid4().hex[:6]}"
    eventually(lambda: exists(user, "namespace", "platform", "default"))
    user.apply(config_map(name, "platform", mine="yes"))
    host.apply(config_map(name, SHARED, mine="no"))
    selector = f"involvedObject.name={name},reason=NameTaken"
    (event,) = eventually(
        lambda: user.json("get", "events", "-n", "platform", "--field-selector", selector)["items"], bool
    )
    assert event["type"] == "Warning"
    assert shown(user, "configmap", name) == {"mine": "yes"}
    user.ok("delete", "configmap", name, "-n", "platform")
    eventually(lambda: shown(user, "configmap", name), lambda data: data == {"mine": "no"})
    host.ok("delete", "configmap", name, "-n", SHARED)


def test_the_gateway_may_read_what_is_named_and_no_more(user: Kubectl, host: Kubectl) -> None:
    eventually(lambda: exists(user, "namespace", "default", "default"))
    account = f"--as=system:serviceaccount:{HOST_NAMESPACE}:vgateway"

    def may(*what: str) -> bool:
        return host.run("auth", "can-i", *what, account).returncode == 0

    assert may("list", "configmaps", "-n", SHARED)
    assert may("watch", "secrets/database", "-n", SHARED)
    assert not may("get", "secrets/other", "-n", SHARED)
    assert not may("list", "secrets", "-n", SHARED)
    assert not may("update", "configmaps", "-n", SHARED)
    assert not may("list", "configmaps", "-A")
    assert not may("list", "secrets", "-n", "default")


def test_patches_change_what_goes_to_the_host_and_the_tenant_sees_its_own(
    user: Kubectl, host: Kubectl, place: str
) -> None:
    user.apply(secret("key", place, a="1"))
    env = [{"name": "WORD", "value": "word"}]
    pod = with_namespace(shell_pod("web", container(env=env)), place)
    pod["metadata"]["annotations"] = {"example.io/secret": "key"}
    user.apply(pod)
    user.ok("wait", "-n", place, "pod/web", *READY)
    assert user.ok("exec", "-n", place, "web", "--", "sh", "-c", "echo $WORD") == "patched word\n"
    assert user.json("get", "pod", "web", "-n", place)["spec"]["containers"][0]["env"] == env

    twin, copy = f"web-x-{place}-x-{NAME}", f"key-x-{place}-x-{NAME}"
    marks = host.json("get", "pod", twin, "-n", HOST_NAMESPACE)["metadata"]["annotations"]
    assert marks["example.io/secret"] == copy
    # What a reference names is needed on the host, though no field of Kubernetes' own speaks of it.
    eventually(lambda: exists(host, "secret", copy, HOST_NAMESPACE))


def test_a_patched_field_is_kept_so_on_the_host_and_nothing_is_written_at_rest(
    user: Kubectl, host: Kubectl, place: str
) -> None:
    meta = {"name": "web", "namespace": place, "labels": {"example.io/zone": "a"}}
    user.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}})
    twin = ("service", f"web-x-{place}-x-{NAME}", "-n", HOST_NAMESPACE)

    def zone() -> Any:
        done = host.run("get", *twin, "-o", "json")
        return orjson.loads(done.stdout)["metadata"]["labels"]["example.io/zone"] if done.returncode == 0 else None

    eventually(zone, lambda found: found == f"{NAME}-a")
    user.ok("label", "service", "web", "-n", place, "example.io/zone=b", "--overwrite")
    eventually(zone, lambda found: found == f"{NAME}-b")
    host.ok("label", *twin, "example.io/zone=mine", "--overwrite")
    eventually(zone, lambda found: found == f"{NAME}-b")
    # Each round that finds a difference writes: after the next one the version stays.
    user.ok("annotate", "service", "web", "-n", place, "note=last")
    eventually(lambda: host.json("get", *twin)["metadata"]["annotations"].get("note"), lambda note: note == "last")
    version = host.json("get", *twin)["metadata"]["resourceVersion"]
    user.apply(config_map("later", place, a="1"))
    user.apply(with_namespace(shell_pod("later", container(envFrom=[{"configMapRef": {"name": "later"}}])), place))
    user.ok("wait", "-n", place, "pod/later", *READY)
    assert host.json("get", *twin)["metadata"]["resourceVersion"] == version


def test_a_patch_that_fails_keeps_the_object_here_and_says_which(user: Kubectl, host: Kubectl, place: str) -> None:
    pod = with_namespace(shell_pod("bad"), place)
    pod["metadata"]["annotations"] = {"example.io/broken": "x"}
    user.apply(pod)
    selector = "involvedObject.name=bad,reason=PatchFailed"
    (event,) = eventually(lambda: user.json("get", "events", "-n", place, "--field-selector", selector)["items"], bool)
    assert event["message"].startswith("sync.toHost.pods.patches.2.expression fails: TypeError")
    user.ok("annotate", "pod", "bad", "-n", place, "example.io/broken-")
    user.ok("wait", "-n", place, "pod/bad", *READY)


def test_what_the_host_shows_is_patched_too(user: Kubectl, host: Kubectl) -> None:
    host.apply(config_map("addresses", SHARED, url="https://internal.example.org"))
    eventually(
        lambda: shown(user, "configmap", "addresses"), lambda data: data == {"url": "https://public.example.org"}
    )


def test_what_no_line_asks_for_any_more_is_gone_after_a_restart(
    clusters: Clusters, user: Kubectl, host: Kubectl, configuration: Path
) -> None:
    host.apply(secret("from-own", HOST_NAMESPACE, a="1"))
    eventually(lambda: exists(user, "secret", "from-own", "mine"))
    eventually(lambda: exists(user, "secret", "own", "platform"))
    configuration.write_text(NO_SECRETS)
    clusters.local("up", NAME, "--config", str(configuration))
    eventually(lambda: exists(user, "secret", "from-own", "mine"), lambda there: not there)
    assert exists(user, "secret", "own", "platform")
