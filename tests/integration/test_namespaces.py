"""A virtual cluster whose namespaces have host namespaces of their own: everything works, and nothing is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, deployment, shell_pod

pytestmark = pytest.mark.cluster

NAME = "spread"
CONFIGURATION = """
sync:
  toHost:
    networkPolicies: {enabled: true}
    namespaces:
      enabled: true
      mappings: {byName: {"team-*": "${name}-team-*", "seat": "kube-public"}}
      extraLabels: {tenant: spread}
"""
OURS = ("-l", f"vcluster.loft.sh/vcluster-name={NAME}")
SERVER = "echo $WORD; mkdir /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w"


@pytest.fixture(scope="module")
def user(clusters: Clusters, host: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant whose namespaces are spread over the host; with the virtual cluster they go."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)
    assert host.json("get", "namespaces", *OURS)["items"] == []


def there(kubectl: Kubectl, kind: str, name: str, namespace: str = "default") -> bool:
    return kubectl.run("get", kind, name, "-n", namespace).returncode == 0


def test_a_deployment_with_all_it_needs_runs_in_a_namespace_of_its_own(user: Kubectl, host: Kubectl) -> None:
    user.ok("create", "namespace", "team-a")
    user.ok("label", "namespace", "team-a", "stage=test", "pod-security.kubernetes.io/warn=baseline")
    env = [{"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "word"}}}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"word": "hello"}}
    web = deployment("web", 2, container(script=SERVER, env=env))
    user.apply(*(with_namespace(one, "team-a") for one in (conf, service, web)))
    user.ok("rollout", "status", "-n", "team-a", "deployment/web", "--timeout=180s")

    assert user.ok("logs", "-n", "team-a", "deployment/web") == "hello\n"
    name = user.ok("exec", "-n", "team-a", "deployment/web", "--", "hostname").strip()
    where = ("-n", f"{NAME}-team-a")
    assert name in {pod["metadata"]["name"] for pod in host.json("get", "pods", *where)["items"]}
    assert there(host, "configmap", "conf", f"{NAME}-team-a")
    ours, theirs = (
        one.json("get", "service", "web", "-n", namespace)["spec"]["clusterIP"]
        for one, namespace in ((user, "team-a"), (host, f"{NAME}-team-a"))
    )
    assert ours == theirs
    fetch = f"wget -q -O - http://{ours}/"
    served = eventually(lambda: user.run("exec", "-n", "team-a", "deployment/web", "--", "sh", "-c", fetch).stdout)
    assert served.startswith(b"web-")
    labels = eventually(
        lambda: host.json("get", "namespace", f"{NAME}-team-a")["metadata"]["labels"], lambda found: "stage" in found
    )
    assert (labels["stage"], labels["tenant"]) == ("test", "spread")
    assert "pod-security.kubernetes.io/warn" not in labels


def test_a_policy_selects_pods_of_the_tenants_other_namespaces_by_what_only_we_label(
    user: Kubectl, host: Kubectl
) -> None:
    user.ok("create", "namespace", "team-p")
    spec = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"stage": "test"}}}]}]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "own"}, "spec": spec}
    user.apply(with_namespace(policy, "team-p"))
    where = ("networkpolicy", "own", "-n", f"{NAME}-team-p")
    eventually(lambda: there(host, "networkpolicy", "own", f"{NAME}-team-p"))
    (peer,) = host.json("get", *where)["spec"]["ingress"][0]["from"]
    ours = host.json("get", "namespace", f"{NAME}-team-p")["metadata"]["labels"]
    assert peer["namespaceSelector"]["matchLabels"].items() <= ours.items()
    assert peer["podSelector"]["matchLabels"] == peer["namespaceSelector"]["matchLabels"]
    user.ok("delete", "namespace", "team-p", "--wait=false")


def test_a_namespace_goes_with_the_virtual_one_and_one_made_by_hand_is_made_again(user: Kubectl, host: Kubectl) -> None:
    user.ok("create", "namespace", "team-b")
    user.apply(with_namespace(shell_pod("stay"), "team-b"))
    user.ok("wait", "-n", "team-b", "pod/stay", "--for=condition=Ready", "--timeout=180s")
    host.ok("delete", "namespace", f"{NAME}-team-b", "--timeout=120s")
    eventually(lambda: there(host, "namespace", f"{NAME}-team-b"))
    user.apply(with_namespace(shell_pod("again"), "team-b"))
    user.ok("wait", "-n", "team-b", "pod/again", "--for=condition=Ready", "--timeout=180s")

    user.ok("delete", "namespace", "team-b", "--timeout=120s")
    eventually(lambda: there(host, "namespace", f"{NAME}-team-b"), lambda found: not found)


def test_a_namespace_of_somebody_elses_is_never_used(user: Kubectl, host: Kubectl) -> None:
    before = host.json("get", "namespace", "kube-public")["metadata"]
    user.ok("create", "namespace", "seat")
    user.apply(with_namespace(shell_pod("lodger"), "seat"))
    selector = "involvedObject.name=seat,reason=NameTaken"
    eventually(lambda: user.json("get", "events", "-A", "--field-selector", selector)["items"], bool)
    assert host.json("get", "pods", "-n", "kube-public")["items"] == []
    after = host.json("get", "namespace", "kube-public")["metadata"]
    assert (before["resourceVersion"], before["uid"]) == (after["resourceVersion"], after["uid"])
    user.ok("delete", "namespace", "seat", "--timeout=120s")
    assert there(host, "namespace", "kube-public")


def test_other_virtual_clusters_keep_to_their_one_namespace(host: Kubectl, tenant: Kubectl, namespace: str) -> None:
    tenant.apply(with_namespace(shell_pod("single"), namespace))
    tenant.ok("wait", "-n", namespace, "pod/single", "--for=condition=Ready", "--timeout=180s")
    assert not there(host, "namespace", namespace)
