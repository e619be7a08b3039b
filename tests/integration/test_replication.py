"""Services copied by name from one side to the other, and followed by real packets."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import with_namespace
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

NAME = "replicated"
HOST_NAMESPACE = f"vgateway-{NAME}"
RULES = """
networking:
  replicateServices:
    fromHost:
      - {from: databases/main, to: apps/database}
      - {from: databases/elsewhere, to: apps/elsewhere}
    toHost:
      - {from: shop/web, to: shop-web}
      - {from: shop/by-hand, to: shop-by-hand, deleteOnRemoval: true}
"""
READY = ("--for=condition=Ready", "--timeout=180s")
SERVE = "while :; do echo {} | nc -l -p 8080; done"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration file, which a test may change."""
    file: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    file.write_text(RULES)
    return file


@pytest.fixture(scope="module")
def replicated(clusters: Clusters, host: Kubectl, configuration: Path) -> Iterator[Kubectl]:
    """The kubectl of a tenant with Services of both sides."""
    clusters.local("up", NAME, "--config", str(configuration))
    host.run("create", "namespace", "databases")
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)
    host.ok("delete", "namespace", "databases", "--wait=false")


def server(name: str, says: str) -> dict[str, Any]:
    return shell_pod(name, container(script=SERVE.format(says)))


def service(name: str, **spec: Any) -> dict[str, Any]:
    own = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {**own, **spec}}


def services(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in kubectl.json("get", "services", "-n", namespace)["items"]}


def test_a_service_of_the_host_answers_in_the_tenants_cluster_and_follows_its_endpoints(
    replicated: Kubectl, host: Kubectl
) -> None:
    for obj in (
        server("main", "first"),
        service("main"),
        service("elsewhere", type="ExternalName", externalName="db.example.com"),
    ):
        host.apply(with_namespace(obj, "databases"))
    host.ok("wait", "-n", "databases", "pod/main", *READY)

    copy = eventually(
        lambda: services(replicated, "apps").get("database") if namespaces(replicated, "apps") else None,
        lambda found: found is not None,
    )
    assert copy is not None
    assert copy["spec"]["clusterIP"] not in ("", "None")
    assert "selector" not in copy["spec"]
    elsewhere = eventually(lambda: services(replicated, "apps").get("elsewhere"), lambda found: found is not None)
    assert elsewhere is not None
    assert elsewhere["spec"]["externalName"] == "db.example.com"

    replicated.ok("create", "namespace", "clients")
    replicated.apply(with_namespace(shell_pod("client"), "clients"))
    replicated.ok("wait", "-n", "clients", "pod/client", *READY)
    ask = ("exec", "-n", "clients", "client", "--", "sh", "-c")

    def answer() -> str:
        address = services(replicated, "apps")["database"]["spec"]["clusterIP"]
        return replicated.run(*ask, f"nc -w 3 {address} 80 < /dev/null").stdout.decode()

    eventually(answer, lambda said: "first" in said)
    host.ok("delete", "pod", "main", "-n", "databases", "--wait=true")
    host.apply(with_namespace(server("main", "second"), "databases"))
    eventually(answer, lambda said: "second" in said)


def namespaces(kubectl: Kubectl, name: str) -> bool:
    return kubectl.run("get", "namespace", name).returncode == 0


def test_a_copy_that_the_tenant_bends_is_put_right_and_one_without_a_source_goes(
    replicated: Kubectl, host: Kubectl
) -> None:
    before = eventually(lambda: services(replicated, "apps").get("elsewhere"), lambda found: found is not None)
    assert before is not None
    bent = '{"spec":{"externalName":"evil.example.com"}}'
    replicated.ok("patch", "service", "elsewhere", "-n", "apps", "--type=merge", "-p", bent)
    eventually(
        lambda: services(replicated, "apps")["elsewhere"]["spec"]["externalName"], lambda name: name == "db.example.com"
    )
    host.ok("delete", "service", "elsewhere", "-n", "databases")
    eventually(lambda: services(replicated, "apps"), lambda found: "elsewhere" not in found)


def test_a_service_of_the_tenants_answers_under_its_name_on_the_host(replicated: Kubectl, host: Kubectl) -> None:
    replicated.ok("create", "namespace", "shop")
    for obj in (server("web", "hello"), service("web")):
        replicated.apply(with_namespace(obj, "shop"))
    replicated.ok("wait", "-n", "shop", "pod/web", *READY)

    eventually(lambda: services(host, HOST_NAMESPACE), lambda found: "shop-web" in found)
    of_copy = ("get", "endpointslices", "-n", HOST_NAMESPACE, "-l", "kubernetes.io/service-name=shop-web")
    address = replicated.json("get", "pod", "web", "-n", "shop")["status"]["podIP"]
    eventually(
        lambda: [
            one["addresses"] for piece in host.json(*of_copy)["items"] for one in piece.get("endpoints") or () if one
        ],
        lambda found: found == [[address]],
    )


def test_a_service_without_a_selector_brings_its_slices(replicated: Kubectl, host: Kubectl) -> None:
    replicated.run("create", "namespace", "shop")
    bare = service("by-hand")
    del bare["spec"]["selector"]
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "by-hand-1", "labels": {"kubernetes.io/service-name": "by-hand"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["192.0.2.5"], "conditions": {"ready": True}}],
    }
    replicated.apply(with_namespace(bare, "shop"), with_namespace(piece, "shop"))

    of_copy = ("get", "endpointslices", "-n", HOST_NAMESPACE, "-l", "kubernetes.io/service-name=shop-by-hand")
    (found,) = eventually(lambda: host.json(*of_copy)["items"], lambda pieces: len(pieces) == 1)
    assert found["endpoints"][0]["addresses"] == ["192.0.2.5"]


def test_a_service_that_somebody_else_made_is_left_alone_and_told_of(replicated: Kubectl, host: Kubectl) -> None:
    theirs = f"theirs-{uuid.uuid4().hex[:6]}"
    host.run("create", "namespace", "databases")
    replicated.run("create", "namespace", "apps")
    own = service("elsewhere", ports=[{"port": 1234}])
    own["metadata"]["labels"] = {"made-by": theirs}
    replicated.apply(with_namespace(own, "apps"))
    outside = service("elsewhere", type="ExternalName", externalName="db.example.com")
    host.apply(with_namespace(outside, "databases"))

    about = ("-n", "apps", "--field-selector", "involvedObject.name=elsewhere,reason=NameTaken")
    eventually(lambda: replicated.json("get", "events", *about)["items"], lambda found: bool(found))
    kept = services(replicated, "apps")["elsewhere"]
    assert kept["metadata"]["labels"]["made-by"] == theirs
    assert kept["spec"]["ports"][0]["port"] == 1234
    replicated.ok("delete", "service", "elsewhere", "-n", "apps")


def set_rules(clusters: Clusters, **rules: list[dict[str, Any]]) -> None:
    """Change the rules of the running gateway."""
    clusters.edit(NAME, lambda document: document["networking"].update(replicateServices=rules))


def told(host: Kubectl, reason: str) -> list[str]:
    """Return what operators were told on the host."""
    about = ("-n", HOST_NAMESPACE, "--field-selector", f"involvedObject.name={NAME},reason={reason}")
    return [event["message"] for event in host.json("get", "events", *about)["items"]]


def counted(clusters: Clusters, metric: str) -> float:
    """Return the sum of a gateway's metric over its labels."""
    return sum(
        float(line.rpartition(" ")[2]) for line in clusters.metrics(NAME).splitlines() if line.startswith(metric)
    )


def test_rules_change_while_the_gateway_runs(clusters: Clusters, replicated: Kubectl, host: Kubectl) -> None:
    pid = clusters.gateway_pid(NAME)
    host.apply(with_namespace(service("main"), "databases"))
    before = eventually(lambda: services(replicated, "apps").get("database"), lambda found: found is not None)
    assert before is not None
    main, web = {"from": "databases/main", "to": "apps/database"}, {"from": "shop/web", "to": "shop-web"}
    by_hand = {"from": "shop/by-hand", "to": "shop-by-hand", "deleteOnRemoval": True}

    set_rules(clusters, fromHost=[main, {"from": "databases/main", "to": "apps/twice"}], toHost=[by_hand])

    eventually(lambda: set(services(replicated, "apps")), lambda found: found == {"database", "twice"})
    pieces = ("get", "endpointslices", "-n", "apps", "-o", "jsonpath={.items[*].metadata.labels}")
    eventually(lambda: replicated.ok(*pieces), lambda text: '"twice"' in text and '"database"' in text)
    # What no rule changed is as it was.
    assert services(replicated, "apps")["database"]["metadata"]["uid"] == before["metadata"]["uid"]
    set_rules(clusters, fromHost=[main], toHost=[by_hand, web | {"to": "shop-front"}])
    eventually(lambda: set(services(replicated, "apps")), lambda found: found == {"database"})
    eventually(lambda: services(host, HOST_NAMESPACE), lambda found: "shop-front" in found)
    # Of the rule that is gone the host's copy stays.
    assert "shop-web" in services(host, HOST_NAMESPACE)
    set_rules(clusters, fromHost=[main], toHost=[by_hand, web])
    assert clusters.gateway_pid(NAME) == pid


def test_a_rule_about_what_may_not_be_read_is_told_of_and_takes_effect_with_the_right(
    clusters: Clusters, replicated: Kubectl, host: Kubectl
) -> None:
    host.run("create", "namespace", "elsewhere")
    try:
        host.apply(with_namespace(service("other"), "elsewhere"))
        before = counted(clusters, 'vgateway_notices_total{reason="RightMissing"}')
        rule = {"from": "elsewhere/other", "to": "apps/other"}
        set_rules(clusters, fromHost=[{"from": "databases/main", "to": "apps/database"}, rule])

        (words, *_) = eventually(lambda: told(host, "RightMissing"), bool)
        assert "elsewhere" in words
        assert "vgateway config rbac" in words
        assert counted(clusters, 'vgateway_notices_total{reason="RightMissing"}') > before
        eventually(lambda: told(host, "ConfigurationApplied"), bool)
        # Meanwhile the other rules hold.
        assert "database" in services(replicated, "apps")
        host.ok("apply", "-f", "-", stdin=clusters.rights(NAME))
        eventually(lambda: services(replicated, "apps"), lambda found: "other" in found)
    finally:
        host.ok("delete", "namespace", "elsewhere", "--wait=false")


def test_rules_that_cannot_be_are_refused_with_their_path_and_change_nothing(
    clusters: Clusters, replicated: Kubectl, host: Kubectl
) -> None:
    rule = {"from": "databases/main", "to": "apps/database"}
    set_rules(clusters, fromHost=[rule, rule])

    (words, *_) = eventually(lambda: told(host, "ConfigurationRefused"), bool)
    assert "networking.replicateServices" in words
    assert "two rules lead to apps/database" in words
    # By itself each could be; together they would copy a copy of a copy.
    circle = {"from": f"{HOST_NAMESPACE}/round", "to": "apps/round"}
    set_rules(clusters, fromHost=[rule, circle], toHost=[{"from": "apps/round", "to": "round"}])
    eventually(
        lambda: told(host, "ConfigurationRefused"),
        lambda found: any("networking.replicateServices.fromHost.1: it leads back" in words for words in found),
    )
    assert counted(clusters, 'vgateway_configuration_loads_total{outcome="refused"}') == 2
    assert "database" in services(replicated, "apps")


def test_when_rules_go_the_tenants_copies_go_and_the_hosts_stay_unless_they_were_to_go(
    clusters: Clusters, replicated: Kubectl, host: Kubectl
) -> None:
    by_hand = {"from": "shop/by-hand", "to": "shop-by-hand", "deleteOnRemoval": True}
    set_rules(
        clusters,
        fromHost=[{"from": "databases/main", "to": "apps/database"}],
        toHost=[by_hand, {"from": "shop/web", "to": "shop-web"}],
    )
    eventually(lambda: services(replicated, "apps"), lambda found: "database" in found)
    eventually(lambda: services(host, HOST_NAMESPACE), lambda found: {"shop-web", "shop-by-hand"} <= set(found))
    set_rules(clusters)

    eventually(lambda: services(replicated, "apps"), lambda found: not found)
    eventually(lambda: services(host, HOST_NAMESPACE), lambda found: "shop-by-hand" not in found)
    assert "shop-web" in services(host, HOST_NAMESPACE)
