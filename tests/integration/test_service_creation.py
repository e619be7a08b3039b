"""A Service that gets an address through the front has the host's from that moment; any other ends at the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.conftest import TENANT, with_namespace
from tests.integration.test_restart import kill_gateway
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.holding import held_services
from tests.support.kubectl import Kubectl
from tests.support.protobuf import PROTOBUF, encoded_service
from tests.support.rest import rest

pytestmark = pytest.mark.cluster

MANY = 30
BLOCKED = "vcluster.loft.sh/block-deletion"


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
        lambda marks: BLOCKED not in marks and marks["vcluster.loft.sh/object-uid"] == made["metadata"]["uid"],
    )
    assert tenant.json("get", "service", "-n", namespace, name)["metadata"]["uid"] == made["metadata"]["uid"]
    tenant.ok("delete", "service", "-n", namespace, name)
    eventually(copies, lambda found: not found)


Make = Callable[[Kubectl, dict[str, Any]], Any]


def by_server_side_apply(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    document = orjson.dumps(obj)
    first = orjson.loads(tenant.ok("apply", "--server-side", "-f", "-", "-o", "json", stdin=document))
    # To say the same again, without the address, takes nothing away.
    again = orjson.loads(tenant.ok("apply", "--server-side", "-f", "-", "-o", "json", stdin=document))
    assert again["spec"] == first["spec"]
    return first


def by_apply(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    return orjson.loads(tenant.ok("apply", "-f", "-", "-o", "json", stdin=orjson.dumps(obj)))


def in_protobuf(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    path = f"/api/v1/namespaces/{obj['metadata']['namespace']}/services"
    code, encoding, body = rest(tenant, "POST", path, encoded_service(obj), PROTOBUF, accept=PROTOBUF)
    assert (code, encoding, body[:4]) == (201, PROTOBUF, b"k8s\x00")
    return tenant.json("get", "service", "-n", obj["metadata"]["namespace"], obj["metadata"]["name"])


@pytest.mark.parametrize("make", [by_apply, by_server_side_apply, in_protobuf])
@pytest.mark.parametrize("given", [service("web"), service("web", type="NodePort")], ids=["cluster-ip", "node-port"])
def test_however_it_is_created_through_the_front_both_sides_have_one_address(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, namespace: str, make: Make, given: dict[str, Any]
) -> None:
    made = make(tenant, with_namespace(given, namespace))

    (copy,) = copies()
    assert allocated(made) == allocated(copy)
    eventually(lambda: copies()[0]["metadata"]["annotations"], lambda marks: BLOCKED not in marks)
    settled = tenant.json("get", "service", "-n", namespace, "web")
    assert (settled["metadata"]["uid"], allocated(settled)) == (made["metadata"]["uid"], allocated(made))


def allocated(one: dict[str, Any]) -> list[Any]:
    spec = one["spec"]
    return [spec["clusterIP"], spec["clusterIPs"], [port.get("nodePort") for port in spec["ports"]]]


def test_what_comes_past_the_front_ends_at_one_address_too(
    copies: Callable[[], list[dict[str, Any]]], direct: Kubectl, namespace: str
) -> None:
    direct.apply(*(with_namespace(service(f"web-{number}"), namespace) for number in range(3)))

    def settled() -> bool:
        theirs = {one["spec"]["clusterIP"] for one in direct.json("get", "services", "-n", namespace)["items"]}
        return theirs == {copy["spec"]["clusterIP"] for copy in copies()} and len(theirs) == 3

    eventually(settled)


def test_a_node_port_or_an_address_that_was_asked_for_in_protobuf_is_what_the_host_gives(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, host: Kubectl, namespace: str
) -> None:
    network = host.json("get", "service", "kubernetes", "-n", "default")["spec"]["clusterIP"].rpartition(".")[0]
    ports = [{"port": 80, "targetPort": 8080, "nodePort": 31987}]
    asked = service("web", type="NodePort", ports=ports, clusterIP=f"{network}.231")
    made = in_protobuf(tenant, with_namespace(asked, namespace))
    assert allocated(made) == allocated(copies()[0]) == [f"{network}.231", [f"{network}.231"], [31987]]


def by_replace(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    return orjson.loads(tenant.ok("replace", "-f", "-", "-o", "json", stdin=orjson.dumps(obj)))


def by_patch(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    return patched(tenant, obj, "strategic", orjson.dumps({"spec": {"externalName": None, **obj["spec"]}}))


def by_merge_patch(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    return patched(tenant, obj, "merge", orjson.dumps({"spec": {"externalName": None, **obj["spec"]}}))


def by_list_of_steps(tenant: Kubectl, obj: dict[str, Any]) -> Any:
    steps = [
        {"op": "add", "path": f"/spec/{name}", "value": value}
        for name, value in {**obj["spec"], "type": "ClusterIP"}.items()
    ]
    return patched(tenant, obj, "json", orjson.dumps([*steps, {"op": "remove", "path": "/spec/externalName"}]))


def patched(tenant: Kubectl, obj: dict[str, Any], kind: str, patch: bytes) -> Any:
    where = ("-n", obj["metadata"]["namespace"], obj["metadata"]["name"])
    return orjson.loads(tenant.ok("patch", "service", *where, f"--type={kind}", "-p", patch.decode(), "-o", "json"))


ELSEWHERE = {"type": "ExternalName", "externalName": "db.example.com"}


def elsewhere(name: str, namespace: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": ELSEWHERE}


@pytest.mark.parametrize("change", [by_replace, by_apply, by_patch, by_merge_patch, by_server_side_apply])
def test_a_name_elsewhere_that_becomes_a_service_has_the_hosts_address_at_once_and_stays_the_same_object(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, namespace: str, change: Make
) -> None:
    if change is by_server_side_apply:
        tenant.ok("apply", "--server-side", "-f", "-", stdin=orjson.dumps(elsewhere("web", namespace)))
    else:
        tenant.apply(elsewhere("web", namespace))
    eventually(lambda: [copy["spec"]["type"] for copy in copies()], lambda types: types == ["ExternalName"])
    before = tenant.json("get", "service", "-n", namespace, "web")

    made = change(tenant, with_namespace(service("web", type="NodePort"), namespace))

    assert allocated(made) == allocated(copies()[0])
    assert made["metadata"]["uid"] == before["metadata"]["uid"]
    # And it stays so when the syncer looks at it again.
    tenant.ok("label", "service", "-n", namespace, "web", "seen=yes")
    eventually(lambda: copies()[0]["metadata"]["labels"], lambda labels: labels.get("seen") == "yes")
    after = tenant.json("get", "service", "-n", namespace, "web")
    assert (after["metadata"]["uid"], allocated(after)) == (made["metadata"]["uid"], allocated(made))
    assert allocated(copies()[0]) == allocated(made)


def test_a_name_elsewhere_that_becomes_a_service_by_a_list_of_steps_ends_at_one_address_too(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, namespace: str
) -> None:
    tenant.apply(elsewhere("web", namespace))
    eventually(lambda: [copy["spec"]["type"] for copy in copies()], lambda types: types == ["ExternalName"])
    by_list_of_steps(tenant, with_namespace(service("web"), namespace))

    def settled() -> bool:
        made = tenant.run("get", "service", "-n", namespace, "web", "-o", "jsonpath={.spec.clusterIP}").stdout.decode()
        return made != "" and [copy["spec"].get("clusterIP") for copy in copies()] == [made]

    eventually(settled)


def test_who_may_not_change_a_service_does_not_change_the_hosts(
    copies: Callable[[], list[dict[str, Any]]], tenant: Kubectl, namespace: str
) -> None:
    tenant.apply(elsewhere("web", namespace))
    (before,) = eventually(copies, lambda found: len(found) == 1)
    document = orjson.dumps(with_namespace(service("web"), namespace))

    refused = tenant.run("replace", "-f", "-", "--as=nobody", stdin=document)
    tried = tenant.run("replace", "-f", "-", "--dry-run=server", stdin=document)

    assert b'User "nobody" cannot' in refused.stderr
    assert tried.returncode == 0
    assert copies() == [before]


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


def test_killed_between_the_hosts_part_and_the_tenants_the_next_start_repairs_it(
    clusters: Clusters,
    tenant: Kubectl,
    direct: Kubectl,
    copies: Callable[[], list[dict[str, Any]]],
    namespace: str,
    tmp_path: Path,
) -> None:
    tenant.apply(elsewhere("changed", namespace))
    eventually(lambda: len(copies()) == 1)
    ours = f"10.{clusters.status()['number']}.0.1"
    files = {name: tmp_path / f"{name}.json" for name in ("again", "given-up", "changed")}
    for name, file in files.items():
        file.write_bytes(orjson.dumps(with_namespace(service(name), namespace)))

    def by_name() -> dict[str, str]:
        return {
            copy["metadata"]["annotations"]["vcluster.loft.sh/object-name"]: copy["spec"].get("clusterIP", "")
            for copy in copies()
        }

    with held_services(direct, namespace, ours, tmp_path) as held:
        creating = [tenant.started("create", "-f", str(files[name])) for name in ("again", "given-up")]
        with creating[0], creating[1], tenant.started("replace", "-f", str(files["changed"])):
            wanted = {("CREATE", "again"), ("CREATE", "given-up"), ("UPDATE", "changed")}
            eventually(lambda: wanted <= set(held.waiting))
            # The host has given all three an address; the tenant's cluster knows of none.
            given = by_name()
            assert all(given[name] for name in files), given
            kill_gateway(clusters)
    assert [one["spec"]["type"] for one in direct.json("get", "services", "-n", namespace)["items"]] == ["ExternalName"]
    clusters.local("up", TENANT)

    # What is asked for again gets what was given.
    made = orjson.loads(tenant.ok("create", "-f", str(files["again"]), "-o", "json"))
    assert made["spec"]["clusterIP"] == given["again"]
    # What stayed a name elsewhere is one on the host, too.
    eventually(lambda: by_name()["changed"] == "")
    # Killed as soon as the tenant's object is there: the copy is not left with its mark, and both stay as they are.
    tenant.ok("delete", "service", "-n", namespace, "again")
    made = orjson.loads(tenant.ok("create", "-f", str(files["again"]), "-o", "json"))
    kill_gateway(clusters)
    clusters.local("up", TENANT)
    eventually(
        lambda: [
            BLOCKED in copy["metadata"]["annotations"]
            for copy in copies()
            if copy["spec"].get("clusterIP") == made["spec"]["clusterIP"]
        ],
        lambda marked: marked == [False],
    )
    assert tenant.json("get", "service", "-n", namespace, "again")["metadata"]["uid"] == made["metadata"]["uid"]
    # For what nobody asks again the copy goes two minutes after it was made.
    eventually(lambda: set(by_name()) == {"again", "changed"}, deadline=300.0)
