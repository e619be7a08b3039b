"""Policies around a virtual cluster on the host: there from the start, kept, and gone when they are switched off."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

NAME = "isolated"
HOST_NAMESPACE = f"vgateway-{NAME}"
ON = """
policies:
  networkPolicy:
    enabled: true
    labels: {team: net}
    workload:
      ingress:
        - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}]
          ports: [{port: 8080}]
"""
OFF = "policies: {networkPolicy: {enabled: false}}"
PARTS = ["vc-cp-isolated", "vc-kube-dns-isolated", "vc-work-isolated"]


@pytest.fixture(scope="module")
def configuration(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a virtual cluster that is isolated, which is up."""
    path: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    path.write_text(ON)
    clusters.local("up", NAME, "--config", str(path))
    yield path
    clusters.local("down", NAME)


def policies(host: Kubectl) -> dict[str, Any]:
    found = host.json("get", "networkpolicies", "-n", HOST_NAMESPACE)["items"]
    return {one["metadata"]["name"]: one for one in found}


def test_policies_are_there_kept_and_gone_when_they_are_switched_off(
    clusters: Clusters, host: Kubectl, configuration: Path
) -> None:
    found = eventually(lambda: policies(host), lambda found: sorted(found) == PARTS)
    work = found["vc-work-isolated"]
    assert work["metadata"]["labels"]["team"] == "net"
    assert work["metadata"]["ownerReferences"][0]["name"] == NAME
    assert work["spec"]["ingress"][1]["ports"] == [{"port": 8080, "protocol": "TCP"}]

    wide = '{"spec":{"podSelector":{"matchLabels":{"not":"ours"}},"egress":[{}]}}'
    host.ok("patch", "networkpolicy", "vc-work-isolated", "-n", HOST_NAMESPACE, "--type=merge", "-p", wide)
    eventually(lambda: policies(host)["vc-work-isolated"]["spec"], lambda seen: seen == work["spec"])
    host.ok("delete", "networkpolicy", "vc-cp-isolated", "-n", HOST_NAMESPACE)
    eventually(lambda: sorted(policies(host)), lambda seen: seen == PARTS)
    # The tenant's own DNS runs among them, so that the gateway lives.
    user = clusters.tenant(NAME)
    user.ok("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=180s")
    assert all(one["metadata"]["generation"] <= 3 for one in policies(host).values())

    mine = {"name": "mine", "namespace": HOST_NAMESPACE}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    host.apply({**kind, "metadata": mine, "spec": {"podSelector": {"matchLabels": {"app": "mine"}}}})
    configuration.write_text(OFF)
    clusters.local("up", NAME, "--config", str(configuration))
    eventually(lambda: sorted(policies(host)), lambda seen: seen == ["mine"])
