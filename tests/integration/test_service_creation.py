"""A Service that is created through the front has the host's address from its first moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import TENANT, with_namespace
from tests.integration.test_restart import kill_gateway
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

MANY = 30


def service(name: str, **spec: Any) -> dict[str, Any]:
    own = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {**own, **spec}}


@pytest.fixture
def create(tenant: Kubectl, namespace: str) -> Callable[..., Any]:
    """Create an object in the test's namespace and return it as the API server answered."""

    def created(obj: dict[str, Any]) -> Any:
        document = orjson.dumps(with_namespace(obj, namespace))
        return orjson.loads(tenant.ok("create", "-f", "-", "-o", "json", stdin=document))

    return created


@pytest.fixture
def copies(host: Kubectl, host_namespace: str, namespace: str) -> Callable[[], list[dict[str, Any]]]:
    """Look at the host's copies of the Services of the test's namespace."""

    def found() -> list[dict[str, Any]]:
        mine = ("-l", f"vcluster.loft.sh/namespace={namespace}")
        services: list[dict[str, Any]] = host.json("get", "services", "-n", host_namespace, *mine)["items"]
        return services

    return found


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(service("web"), id="a-cluster-ip"),
        pytest.param(service("web", type="NodePort"), id="node-ports"),
        pytest.param(service("web", type="LoadBalancer", externalTrafficPolicy="Local"), id="a-load-balancer"),
        pytest.param({**service("x"), "metadata": {"generateName": "web-"}}, id="a-name-that-is-drawn"),
    ],
)
def test_its_addresses_and_node_ports_are_the_hosts_when_the_creation_is_answered(
    create: Callable[..., Any], copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, given: dict[str, Any]
) -> None:
    made = create(given)

    (copy,) = copies()
    for field in ("clusterIP", "clusterIPs", "ipFamilies", "healthCheckNodePort"):
        assert made["spec"].get(field) == copy["spec"].get(field)
    assert [port.get("nodePort") for port in made["spec"]["ports"]] == [
        port.get("nodePort") for port in copy["spec"]["ports"]
    ]
    name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
    # The syncer takes the copy over as it is: neither twin is made anew.
    eventually(
        lambda: copies()[0]["metadata"]["annotations"],
        lambda marks: (
            "vcluster.loft.sh/block-deletion" not in marks
            and marks["vcluster.loft.sh/object-uid"] == made["metadata"]["uid"]
        ),
    )
    assert tenant.json("get", "service", "-n", namespace, name)["metadata"]["uid"] == made["metadata"]["uid"]
    tenant.ok("delete", "service", "-n", namespace, name)
    eventually(copies, lambda found: not found)


def test_an_address_that_the_host_has_given_away_is_refused_at_creation_and_nothing_stays(
    create: Callable[..., Any],
    copies: Callable[[], list[dict[str, Any]]],
    tenant: Kubectl,
    host: Kubectl,
    namespace: str,
) -> None:
    taken = host.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    document = orjson.dumps(with_namespace(service("web", clusterIP=taken), namespace))

    refused = tenant.run("create", "-f", "-", stdin=document)

    assert refused.returncode != 0
    assert b"already allocated" in refused.stderr
    assert b"-x-" not in refused.stderr
    assert copies() == []
    assert tenant.json("get", "services", "-n", namespace)["items"] == []
    assert create(service("web"))["spec"]["clusterIP"] != taken


def test_who_may_not_create_services_and_who_only_tries_never_reaches_the_host(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, namespace: str
) -> None:
    document = orjson.dumps(with_namespace(service("web"), namespace))

    refused = tenant.run("create", "-f", "-", "--as=nobody", stdin=document)
    tenant.ok("create", "-f", "-", "--dry-run=server", stdin=document)

    assert b'User "nobody" cannot create resource "services"' in refused.stderr
    assert copies() == []


def test_a_service_that_the_tenants_cluster_refuses_is_refused_in_its_words(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, namespace: str
) -> None:
    wrong = with_namespace(service("web", ports=[{"port": 99999}]), namespace)

    through = tenant.run("create", "-f", "-", stdin=orjson.dumps(wrong))

    assert through.returncode != 0
    assert b"spec.ports[0].port: Invalid value: 99999" in through.stderr
    assert copies() == []


def test_killed_while_services_are_created_each_has_one_copy_with_its_address_and_none_is_left_over(
    clusters: Clusters,
    tenant: Kubectl,
    copies: Callable[[], list[dict[str, Any]]],
    namespace: str,
    tmp_path: Path,
) -> None:
    many = [with_namespace(service(f"web-{number}"), namespace) for number in range(MANY)]
    file = tmp_path / "services.json"
    file.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": many}))
    with tenant.started("create", "-f", str(file)):
        eventually(lambda: len(copies()) >= MANY // 3)
        kill_gateway(clusters)
    clusters.local("up", TENANT)
    tenant.run("create", "-f", str(file))

    def addresses(services: list[dict[str, Any]]) -> set[str]:
        return {one["spec"]["clusterIP"] for one in services}

    mine = eventually(lambda: tenant.json("get", "services", "-n", namespace)["items"], lambda got: len(got) == MANY)
    assert len(addresses(mine)) == MANY
    eventually(lambda: addresses(copies()), lambda found: found == addresses(mine))
    tenant.ok("delete", "services", "-n", namespace, "--all")
    # A copy for which nothing came would go after two minutes.
    eventually(copies, lambda found: not found, deadline=300.0)
