"""Ingresses and NetworkPolicies of a tenant, as the host's controllers find them."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

NAME = "networking"
HOST_NAMESPACE = f"vgateway-{NAME}"
CONFIGURATION = """
sync:
  toHost:
    ingresses: {enabled: true}
    networkPolicies: {enabled: true}
  fromHost:
    ingressClasses: {enabled: true, selector: {matchLabels: {for: tenants}}}
"""


@pytest.fixture(scope="module")
def networked(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant whose Ingresses and policies reach the host."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    configuration.write_text(CONFIGURATION)
    clusters.local("up", NAME, "--config", str(configuration))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


@pytest.fixture
def place(networked: Kubectl) -> Iterator[str]:
    """A namespace of that tenant's for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    networked.ok("create", "namespace", name)
    yield name
    networked.ok("delete", "namespace", name, "--wait=false")


@pytest.fixture
def shown_class(host: Kubectl) -> Iterator[str]:
    """A class of the host's that its tenants may use."""
    name = f"class-{uuid.uuid4().hex[:6]}"
    meta = {"name": name, "labels": {"for": "tenants"}}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": meta}
    host.apply({**kind, "spec": {"controller": "example.io/none"}})
    yield name
    host.ok("delete", "ingressclass", name)


def copies(host: Kubectl, kind: str, place: str) -> list[dict[str, Any]]:
    labels = ("-l", f"vcluster.loft.sh/namespace={place}")
    found: list[dict[str, Any]] = host.json("get", kind, "-n", HOST_NAMESPACE, *labels)["items"]
    return found


def ingress(ingress_class: str) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": "shop.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    tls = [{"hosts": ["shop.example.com"], "secretName": "cert"}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop"},
        "spec": {"ingressClassName": ingress_class, "rules": [rule], "tls": tls},
    }


def test_an_ingress_reaches_the_host_with_its_certificate_and_gets_its_address_back(
    networked: Kubectl, host: Kubectl, place: str, shown_class: str
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert"}, "stringData": {"tls.crt": "x"}}
    networked.apply(with_namespace(secret, place))
    networked.apply(with_namespace(ingress(shown_class), place))

    (copy,) = eventually(lambda: copies(host, "ingresses", place), lambda found: bool(found))
    (certificate,) = eventually(lambda: copies(host, "secrets", place), lambda found: bool(found))
    assert copy["spec"]["tls"][0]["secretName"] == certificate["metadata"]["name"]
    backend = copy["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
    assert backend == f"web-x-{place}-x-{NAME}"

    status = '{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.7"}]}}}'
    name = copy["metadata"]["name"]
    host.ok("patch", "ingress", name, "-n", HOST_NAMESPACE, "--subresource=status", "--type=merge", "-p", status)
    eventually(
        lambda: networked.ok("get", "ingress", "shop", "-n", place, "--no-headers"), lambda said: "192.0.2.7" in said
    )

    networked.ok("delete", "ingress", "shop", "-n", place)
    eventually(lambda: copies(host, "ingresses,secrets", place), lambda found: not found)


def test_an_ingress_of_a_class_that_the_tenant_is_not_shown_stays_and_says_why(
    networked: Kubectl, host: Kubectl, place: str
) -> None:
    networked.apply(with_namespace(ingress("private"), place))

    about = ("-n", place, "--field-selector", "involvedObject.name=shop")
    events = eventually(lambda: networked.json("get", "events", *about)["items"], lambda found: bool(found))
    assert events[0]["reason"] == "NotSynced"
    assert "there is no IngressClass private" in events[0]["message"]
    assert copies(host, "ingresses", place) == []


def test_a_policy_selects_the_tenants_pods_and_follows_changes_and_edits(
    networked: Kubectl, host: Kubectl, place: str
) -> None:
    everybody = {"namespaceSelector": {"matchLabels": {"env": "prod"}}, "podSelector": {"matchLabels": {"app": "web"}}}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [everybody]}]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db"}, "spec": spec}
    networked.apply(with_namespace(policy, place))

    (copy,) = eventually(lambda: copies(host, "networkpolicies", place), lambda found: bool(found))
    (peer,) = copy["spec"]["ingress"][0]["from"]
    assert "namespaceSelector" not in peer
    for selector in (copy["spec"]["podSelector"], peer["podSelector"]):
        assert selector["matchLabels"] == {"vcluster.loft.sh/managed-by": NAME}

    name, wide = copy["metadata"]["name"], '{"spec":{"podSelector":null}}'
    host.ok("patch", "networkpolicy", name, "-n", HOST_NAMESPACE, "--type=merge", "-p", wide)
    eventually(lambda: copies(host, "networkpolicies", place)[0]["spec"], lambda seen: seen == copy["spec"])
    networked.ok("patch", "networkpolicy", "db", "-n", place, "--type=merge", "-p", '{"spec":{"ingress":[]}}')
    eventually(lambda: copies(host, "networkpolicies", place)[0]["spec"].get("ingress"), lambda seen: not seen)
    networked.ok("delete", "networkpolicy", "db", "-n", place)
    eventually(lambda: copies(host, "networkpolicies", place), lambda found: not found)
