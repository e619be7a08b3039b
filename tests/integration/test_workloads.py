"""A tenant's ordinary workloads: what they bring runs on the host, and what happens there is seen by the tenant."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, deployment, shell_pod

pytestmark = pytest.mark.cluster

READY = ("--for=condition=Ready", "--timeout=180s")


def test_a_deployment_runs_on_the_host_under_translated_names(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(deployment("web", 2), namespace))
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")

    names = {pod["metadata"]["name"] for pod in tenant.json("get", "pods", "-n", namespace)["items"]}
    mine = ("-l", f"vcluster.loft.sh/namespace={namespace}")
    twins = host.json("get", "pods", "-n", host_namespace, *mine)["items"]
    assert len(names) == 2
    assert {pod["metadata"]["annotations"]["vcluster.loft.sh/object-name"] for pod in twins} == names

    tenant.ok("delete", "deployment", "web", "-n", namespace)
    tenant.ok("wait", "-n", namespace, "pods", "-l", "app=web", "--for=delete", "--timeout=120s")
    eventually(lambda: not host.json("get", "pods", "-n", host_namespace, *mine)["items"])


def test_the_tenant_sees_the_pods_true_state(tenant: Kubectl, namespace: str) -> None:
    tenant.apply(with_namespace(shell_pod("main"), namespace))
    tenant.ok("wait", "-n", namespace, "pod/main", *READY)

    pod = tenant.json("get", "pod", "main", "-n", namespace)
    node = tenant.json("get", "node", pod["spec"]["nodeName"])
    inside = tenant.ok("exec", "-n", namespace, "main", "--", "hostname", "-i").strip()
    assert pod["status"]["podIP"] == inside
    assert pod["status"]["containerStatuses"][0]["state"]["running"]
    assert [each["status"] for each in node["status"]["conditions"] if each["type"] == "Ready"] == ["True"]


def test_configuration_that_a_pod_refers_to_follows_it_and_its_changes(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"key": "one"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": {"word": "sesame"}}
    unused = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "unused"}, "stringData": {"word": "nobody"}}
    reader = container(
        env=[{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "word"}}}],
        envFrom=[{"configMapRef": {"name": "settings"}}],
        volumeMounts=[{"name": "settings", "mountPath": "/settings"}],
    )
    volumes = [{"name": "settings", "configMap": {"name": "settings"}}]
    tenant.apply(*(with_namespace(each, namespace) for each in (settings, secret, unused)))
    tenant.apply(with_namespace(shell_pod("reader", reader, volumes=volumes), namespace))
    tenant.ok("wait", "-n", namespace, "pod/reader", *READY)

    printed = tenant.ok("exec", "-n", namespace, "reader", "--", "sh", "-c", "echo $WORD $key $(cat /settings/key)")
    assert printed == "sesame one one\n"

    tenant.apply(with_namespace({**settings, "data": {"key": "two"}}, namespace))
    mine = ("-l", f"vcluster.loft.sh/namespace={namespace}")
    eventually(
        lambda: host.json("get", "configmaps", "-n", host_namespace, *mine)["items"],
        lambda found: [each["data"] for each in found] == [{"key": "two"}],
    )
    names = [each["metadata"]["annotations"].get("vcluster.loft.sh/object-name")
             for each in host.json("get", "secrets", "-n", host_namespace, *mine)["items"]]  # fmt: skip
    assert "unused" not in names

    tenant.ok("delete", "pod", "reader", "-n", namespace)
    eventually(lambda: not host.json("get", "configmaps,secrets", "-n", host_namespace, *mine)["items"])


def test_a_pod_reaches_its_own_api_server_with_its_own_token(tenant: Kubectl, namespace: str, tmp_path: Path) -> None:
    tenant.apply(with_namespace(shell_pod("client"), namespace))
    tenant.ok("wait", "-n", namespace, "pod/client", *READY)
    script = """
        mount=/var/run/secrets/kubernetes.io/serviceaccount
        test "$(cat $mount/namespace)" = "$1" && test -s $mount/ca.crt && cat $mount/token
        printf "\\n$KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT\\n"
        nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT < /dev/null && echo reached
    """
    token, address, reached = tenant.ok(
        "exec", "-n", namespace, "client", "--", "sh", "-c", script, "x", namespace
    ).splitlines()

    who = with_token(tenant, token, tmp_path).json("auth", "whoami")["status"]["userInfo"]
    assert who["username"] == f"system:serviceaccount:{namespace}:default"
    assert who["extra"]["authentication.kubernetes.io/pod-name"] == ["client"]
    assert address.endswith(" 443")
    assert reached == "reached"


def with_token(kubectl: Kubectl, token: str, place: Path) -> Kubectl:
    """Return a kubectl that shows nothing but a bearer token."""
    config = kubectl.json("config", "view", "--raw", "--minify")
    config["users"][0]["user"] = {"token": token}
    path = place / "kubeconfig"
    path.write_bytes(orjson.dumps(config))
    return Kubectl(kubectl.program, path)


def test_a_service_answers_at_the_address_the_tenant_sees(tenant: Kubectl, namespace: str) -> None:
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    script = "mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www"
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    tenant.apply(
        with_namespace(service, namespace),
        with_namespace(deployment("web", 1, container("main", script, readinessProbe=probe)), namespace),
        with_namespace(shell_pod("client"), namespace),
    )
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    tenant.ok("wait", "-n", namespace, "pod/client", *READY)

    address = tenant.json("get", "service", "web", "-n", namespace)["spec"]["clusterIP"]
    fetch = ("exec", "-n", namespace, "client", "--", "wget", "-q", "-O", "-", f"http://{address}/index.html")
    eventually(lambda: tenant.run(*fetch).stdout, lambda text: text == b"served\n")


def test_a_pod_that_the_host_refuses_says_so_in_an_event_in_virtual_names(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": host_namespace},
        "spec": {"hard": {"requests.cpu": "0"}},
    }
    greedy = container(resources={"requests": {"cpu": "100m"}, "limits": {"cpu": "100m"}})
    host.apply(quota)
    try:
        eventually(lambda: host.json("get", "resourcequota", "tight", "-n", host_namespace).get("status"))
        tenant.apply(with_namespace(shell_pod("greedy", greedy), namespace))
        messages = eventually(lambda: warnings_on(tenant, namespace, "greedy"))
    finally:
        host.ok("delete", "resourcequota", "tight", "-n", host_namespace)

    assert any("exceeded quota" in message for message in messages)
    assert not any("-x-" in message for message in messages)
    tenant.ok("wait", "-n", namespace, "pod/greedy", *READY)


def warnings_on(kubectl: Kubectl, namespace: str, name: str) -> list[str]:
    selector = f"--field-selector=type=Warning,involvedObject.name={name}"
    return [event["message"] for event in kubectl.json("get", "events", "-n", namespace, selector)["items"]]


def test_deletion_waits_for_the_grace_the_tenant_gave(tenant: Kubectl, namespace: str) -> None:
    script = "trap 'echo leaving; sleep 2; exit 0' TERM; while :; do sleep 1 & wait $!; done"
    pod = shell_pod("slow", container("main", script), terminationGracePeriodSeconds=60)
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/slow", *READY)

    with tenant.started("logs", "-f", "-n", namespace, "slow") as logs:
        tenant.ok("delete", "pod", "slow", "-n", namespace)
        assert logs.stdout is not None
        assert logs.stdout.read() == b"leaving\n"


def test_a_pod_that_vanishes_on_the_host_is_replaced_by_its_controller(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    tenant.apply(with_namespace(deployment("web", 1), namespace))
    tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
    before = identities(tenant, namespace)
    mine = ("-l", f"vcluster.loft.sh/namespace={namespace}")

    host.ok("delete", "pods", "-n", host_namespace, *mine, "--grace-period=0", "--force")

    after = eventually(
        lambda: identities(tenant, namespace, phase="Running"), lambda found: len(found) == 1 and found != before
    )
    assert before.isdisjoint(after)


def identities(kubectl: Kubectl, namespace: str, phase: str | None = None) -> set[str]:
    pods: list[dict[str, Any]] = kubectl.json("get", "pods", "-n", namespace)["items"]
    wanted = [pod for pod in pods if phase in (None, pod["status"].get("phase"))]
    return {pod["metadata"]["uid"] for pod in wanted if "deletionTimestamp" not in pod["metadata"]}


def test_a_host_object_that_only_looks_like_ours_is_left_alone(
    tenant: Kubectl, host: Kubectl, namespace: str, host_namespace: str
) -> None:
    name = f"taken-x-{namespace}-x-{host_namespace.removeprefix('vgateway-')}"
    foreign = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": host_namespace},
        "stringData": {"word": "theirs"},
    }
    host.apply(foreign)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "taken"}, "stringData": {"word": "mine"}}
    volumes = [{"name": "secret", "secret": {"secretName": "taken"}}]
    tenant.apply(with_namespace(secret, namespace), with_namespace(shell_pod("reader", volumes=volumes), namespace))

    eventually(lambda: warnings_on(tenant, namespace, "taken"))
    kept = host.json("get", "secret", name, "-n", host_namespace)
    host.ok("delete", "secret", name, "-n", host_namespace)
    assert base64.b64decode(kept["data"]["word"]) == b"theirs"
    assert "labels" not in kept["metadata"]
