"""kubectl through the gateway must not be told apart from kubectl straight to the virtual API server."""

import re
import subprocess

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import deployment, shell_pod

pytestmark = pytest.mark.cluster

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}


@pytest.mark.parametrize(
    "command",
    [
        "version -o json",
        "api-resources --sort-by=name",
        "api-versions",
        "explain pod.spec.containers --recursive",
        "auth whoami -o json",
        "auth can-i --list",
        "get namespaces -o name",
        "get nodes -o name",
        "get --raw /readyz?verbose",
        "get --raw /api/v1/namespaces/default/configmaps?limit=1",
        "get --raw /openapi/v3",
        "get pods nothing-here",
        "get nonsense",
        "get --raw /apis/nothing/v1",
        "get configmap -n kube-system extension-apiserver-authentication -o yaml",
        "create configmap x --from-literal=a=b --dry-run=server -o yaml",
        "delete namespace default --dry-run=server",
        "get clusterroles --as=nobody",
        "get pods -A --as=someone --as-group=system:masters -o name",
    ],
)
def test_a_command_prints_the_same_with_and_without_the_gateway(tenant: Kubectl, direct: Kubectl, command: str) -> None:
    arguments = command.split()

    # Other tests create and delete meanwhile: what both print must agree at some moment.
    eventually(
        lambda: (outcome(tenant, *arguments), outcome(direct, *arguments)), lambda both: both[0] == both[1], deadline=60
    )


def outcome(kubectl: Kubectl, *arguments: str) -> tuple[int, str, str]:
    done: subprocess.CompletedProcess[bytes] = kubectl.run(*arguments)
    return done.returncode, masked(done.stdout), masked(done.stderr)


def masked(printed: bytes) -> str:
    """Hide what differs between any two calls: times, identifiers, the address asked."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", printed.decode())
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", text)
    return re.sub(r"https://[\d.]+:\d+", "https://SERVER", text)


def test_apply_twice_says_created_then_unchanged_and_a_change_says_configured(tenant: Kubectl, namespace: str) -> None:
    settings = with_namespace(CONFIG_MAP, namespace)

    assert tenant.apply(settings) == "configmap/settings created\n"
    assert tenant.apply(settings) == "configmap/settings unchanged\n"
    assert tenant.apply({**settings, "data": {"a": "2"}}) == "configmap/settings configured\n"


def test_server_side_apply_reports_a_conflict_with_the_other_manager(tenant: Kubectl, namespace: str) -> None:
    settings = with_namespace(CONFIG_MAP, namespace)
    tenant.apply(settings, arguments=("--server-side", "--field-manager=first"))

    with pytest.raises(AssertionError, match='conflict with "first"'):
        tenant.apply({**settings, "data": {"a": "2"}}, arguments=("--server-side", "--field-manager=second"))
    tenant.apply(
        {**settings, "data": {"a": "2"}}, arguments=("--server-side", "--force-conflicts", "--field-manager=second")
    )
    assert tenant.json("get", "configmap", "settings", "-n", namespace)["data"] == {"a": "2"}


def test_a_watch_shows_each_change_at_once(tenant: Kubectl, namespace: str) -> None:
    watch = ("get", "configmaps", "-n", namespace, "-w", "-o", "name", "--field-selector=metadata.name=settings")
    with tenant.started(*watch) as watching:
        assert watching.stdout is not None
        tenant.apply(with_namespace(CONFIG_MAP, namespace))
        assert watching.stdout.readline() == b"configmap/settings\n"
        tenant.ok("label", "configmap", "settings", "-n", namespace, "seen=1")
        assert watching.stdout.readline() == b"configmap/settings\n"


def test_rollout_and_wait_follow_a_deployment_to_its_end(tenant: Kubectl, namespace: str) -> None:
    tenant.apply(with_namespace(deployment("web", 2), namespace))

    assert "successfully rolled out" in tenant.ok("rollout", "status", "-n", namespace, "deployment/web")
    tenant.ok("rollout", "restart", "-n", namespace, "deployment/web")
    assert "successfully rolled out" in tenant.ok("rollout", "status", "-n", namespace, "deployment/web")
    assert "revision" in tenant.ok("rollout", "history", "-n", namespace, "deployment/web").lower()
    tenant.ok("scale", "-n", namespace, "deployment/web", "--replicas=0")
    tenant.ok("wait", "-n", namespace, "pods", "-l", "app=web", "--for=delete", "--timeout=120s")


def test_a_large_object_comes_back_as_it_was_sent(tenant: Kubectl, namespace: str) -> None:
    large = {**CONFIG_MAP, "data": {"noise": "0123456789abcdef" * 50_000}}
    tenant.apply(with_namespace(large, namespace), arguments=("--server-side",))

    assert tenant.json("get", "configmap", "settings", "-n", namespace)["data"] == large["data"]


@pytest.mark.parametrize("what", ["pods", "services"])
def test_the_proxy_subresource_answers_like_the_virtual_api_server(
    tenant: Kubectl, direct: Kubectl, namespace: str, what: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/{what}/http:absent:80/proxy/a%2Fb?x=1"

    assert outcome(tenant, "get", "--raw", path) == outcome(direct, "get", "--raw", path)


def test_a_users_debug_container_joins_a_running_pod(tenant: Kubectl, namespace: str) -> None:
    tenant.apply(with_namespace(shell_pod("main"), namespace))
    tenant.ok("wait", "-n", namespace, "pod/main", "--for=condition=Ready", "--timeout=180s")
    image = "--image=docker.io/library/busybox:1.36"

    tenant.ok("debug", "-n", namespace, "main", image, "-c", "probe", "--", "sh", "-c", "echo probing; sleep 3600")

    logs = ("logs", "-n", namespace, "main", "-c", "probe")
    eventually(lambda: tenant.run(*logs).stdout, lambda text: text == b"probing\n")
