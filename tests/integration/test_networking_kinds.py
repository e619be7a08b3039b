"""Ingresses and NetworkPolicies of a tenant, as the host's controllers find them."""

import socket
import ssl
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import TENANT, with_namespace
from tests.support.clusters import Clusters
from tests.support.contour import ADDRESS, LISTENS_ABOVE, contour, gateway_definitions
from tests.support.eventually import eventually
from tests.support.gateway import free_ports
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, deployment
from vgateway.local.pki import Authority, Identity

pytestmark = pytest.mark.cluster

NAME = "networking"
HOST_NAMESPACE = f"vgateway-{NAME}"
GUIDE = Path(__file__).parents[2] / "docs" / "gateway-api.md"


def configuration() -> dict[str, Any]:
    """Return the configuration, with what the guide to the Gateway API says."""
    guide: dict[str, Any] = yaml.safe_load(GUIDE.read_text().split("```yaml\n")[1].split("```")[0])
    guide["sync"]["toHost"] |= {"ingresses": {"enabled": True}, "networkPolicies": {"enabled": True}}
    shown = {"enabled": True, "selector": {"matchLabels": {"for": "tenants"}}}
    guide["sync"]["fromHost"] = {"ingressClasses": shown}
    return guide


@pytest.fixture(scope="module")
def networked(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The kubectl of a tenant whose Ingresses and policies reach the host."""
    path: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    path.write_text(yaml.safe_dump(configuration()))
    clusters.local("up", NAME, "--config", str(path))
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


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


def serving(name: str) -> dict[str, Any]:
    """Return a web server that answers with its pod's name."""
    script = "mkdir /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w"
    return deployment(name, 1, container(script=script))


def certificate(pki: Path, host_name: str) -> tuple[dict[str, Any], ssl.SSLContext]:
    """Return a Secret with a certificate for a host, and what a client needs to find it good."""
    authority = Authority(pki).ensure("shop-ca")
    pair = authority.issue(host_name, Identity(host_name, hosts=(host_name,)))
    data = {"tls.crt": pair.certificate.read_text(), "tls.key": pair.key.read_text()}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": "cert"}}
    return {**secret, "stringData": data}, ssl.create_default_context(cafile=str(authority.files.certificate))


def fetched(port: int, host_name: str, trust: ssl.SSLContext | None = None) -> tuple[int, str]:
    """Return the status and body of ``/`` of a host that is served at a port of loopback; (0, why) without one."""
    client = HTTPConnection(host_name, timeout=20)
    try:
        with closing(client), socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            client.sock = trust.wrap_socket(plain, server_hostname=host_name) if trust else plain
            client.request("GET", "/")
            answer = client.getresponse()
            return answer.status, answer.read().decode().strip()
    except (OSError, HTTPException) as error:
        return 0, repr(error)


def test_a_real_controller_of_the_hosts_serves_a_tenants_ingress_with_its_certificate(
    networked: Kubectl, host: Kubectl, place: str, shown_class: str, tmp_path: Path
) -> None:
    secret, trust = certificate(tmp_path, "shop.example.com")
    with contour(host, shown_class, tmp_path) as controller:
        shop = ingress(shown_class)
        shop["metadata"]["annotations"] = {"ingress.kubernetes.io/force-ssl-redirect": "true"}
        for one in (secret, SERVICE, serving("web"), shop):
            networked.apply(with_namespace(one, place))
        networked.ok("rollout", "status", "-n", place, "deployment/web", "--timeout=180s")
        pod = networked.json("get", "pods", "-n", place)["items"][0]["metadata"]["name"]

        eventually(lambda: fetched(controller.https, "shop.example.com", trust), lambda got: got == (200, pod))
        assert fetched(controller.http, "shop.example.com")[0] == 301
        eventually(
            lambda: networked.ok("get", "ingress", "shop", "-n", place, "--no-headers"), lambda said: ADDRESS in said
        )

        renewed, trust = certificate(tmp_path / "renewed", "shop.example.com")
        networked.apply(with_namespace(renewed, place))
        eventually(lambda: fetched(controller.https, "shop.example.com", trust), lambda got: got == (200, pod))
        networked.ok("delete", "ingress", "shop", "-n", place)
        eventually(lambda: fetched(controller.http, "shop.example.com")[0], lambda status: status in (0, 404))


def gateway(port: int, gateway_class: str) -> dict[str, Any]:
    tls = {"mode": "Terminate", "certificateRefs": [{"name": "cert"}]}
    listener = {"name": "https", "protocol": "HTTPS", "port": port, "tls": tls, "hostname": "shop.example.com"}
    kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gate"}}
    return {**kind, "spec": {"gatewayClassName": gateway_class, "listeners": [listener]}}


def route() -> dict[str, Any]:
    kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"}}
    rules = [{"backendRefs": [{"name": "web", "port": 80}]}]
    return {**kind, "spec": {"parentRefs": [{"name": "gate"}], "hostnames": ["shop.example.com"], "rules": rules}}


def accepted(user: Kubectl, place: str) -> list[tuple[str, bool]]:
    """Return who has accepted the route, by name, as the tenant reads it."""
    parents = user.json("get", "httproute", "shop", "-n", place).get("status", {}).get("parents", [])
    return [
        (one["parentRef"]["name"], any(c["type"] == "Accepted" and c["status"] == "True" for c in one["conditions"]))
        for one in parents
    ]


def test_a_gateway_and_a_route_of_the_tenants_are_served_by_a_real_controller_of_the_hosts(
    networked: Kubectl, host: Kubectl, place: str, shown_class: str, tmp_path: Path
) -> None:
    secret, trust = certificate(tmp_path, "shop.example.com")
    port, gate = free_ports().front, f"{HOST_NAMESPACE}/gate-x-{place}-x-{NAME}"
    with gateway_definitions(host), contour(host, shown_class, tmp_path, gate):
        kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass"}
        host.apply({**kind, "metadata": {"name": shown_class}, "spec": {"controllerName": "example.io/contour"}})
        eventually(lambda: networked.run("get", "gateways,httproutes", "-n", place).returncode, lambda code: code == 0)
        for one in (secret, SERVICE, serving("web"), gateway(port - LISTENS_ABOVE, shown_class), route()):
            networked.apply(with_namespace(one, place))
        networked.ok("rollout", "status", "-n", place, "deployment/web", "--timeout=180s")
        pod = networked.json("get", "pods", "-n", place)["items"][0]["metadata"]["name"]

        eventually(lambda: fetched(port, "shop.example.com", trust), lambda got: got == (200, pod))
        eventually(lambda: accepted(networked, place), lambda seen: seen == [("gate", True)])
        networked.ok("delete", "httproute", "shop", "-n", place)
        eventually(lambda: fetched(port, "shop.example.com", trust)[0], lambda status: status != 200)
        networked.ok("delete", "gateway", "gate", "-n", place)
        eventually(lambda: copies(host, "gateways", place), lambda found: not found)


def test_a_controller_of_the_tenants_own_serves_what_does_not_cross(
    tenant: Kubectl, host: Kubectl, namespace: str, tmp_path: Path
) -> None:
    own, (secret, trust) = f"own-{uuid.uuid4().hex[:6]}", certificate(tmp_path, "shop.example.com")
    with contour(tenant, own, tmp_path) as controller:
        for one in (secret, SERVICE, serving("web"), ingress(own)):
            tenant.apply(with_namespace(one, namespace))
        tenant.ok("rollout", "status", "-n", namespace, "deployment/web", "--timeout=180s")
        pod = tenant.json("get", "pods", "-n", namespace)["items"][0]["metadata"]["name"]
        eventually(lambda: fetched(controller.https, "shop.example.com", trust), lambda got: got == (200, pod))
        status = tenant.ok("get", "ingress", "shop", "-n", namespace, "--no-headers")
    assert ADDRESS in status
    assert host.json("get", "ingresses", "-n", f"vgateway-{TENANT}")["items"] == []


def test_an_ingress_of_a_class_that_the_tenant_is_not_shown_stays_and_says_why(
    networked: Kubectl, host: Kubectl, place: str
) -> None:
    networked.apply(with_namespace(ingress("private"), place))

    about = ("-n", place, "--field-selector", "involvedObject.name=shop")
    events = eventually(lambda: networked.json("get", "events", *about)["items"], lambda found: bool(found))
    assert events[0]["reason"] == "NotSynced"
    assert "there is no IngressClass private" in events[0]["message"]
    assert copies(host, "ingresses", place) == []


def test_a_host_name_that_somebody_else_claims_of_the_same_controller_is_told(
    networked: Kubectl, host: Kubectl, place: str, shown_class: str
) -> None:
    theirs = ingress(shown_class)
    theirs["metadata"]["name"] = "theirs"
    host.apply(with_namespace(theirs, HOST_NAMESPACE))
    networked.apply(with_namespace(ingress(shown_class), place))

    about = ("-n", place, "--field-selector", "involvedObject.name=shop,reason=HostNameShared")
    events = eventually(lambda: networked.json("get", "events", *about)["items"], lambda found: bool(found))
    assert "shop.example.com" in events[0]["message"]
    assert len(copies(host, "ingresses", place)) == 1
    host.ok("delete", "ingress", "theirs", "-n", HOST_NAMESPACE)


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
