"""DNS on real packets: what pods resolve, over UDP and TCP, and what becomes of it when clusters and rules change."""

import copy
import os
import uuid
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import TENANT, with_namespace
from tests.support.clusters import Clusters
from tests.support.dnsquery import Reply, Resolver
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

NAMES = "names"
DOMAIN = "tenant.test"
SERVE = "mkdir /tmp/w && hostname > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w"
PORTS = [{"name": "http", "port": 80, "targetPort": 8080}]
SETTINGS: dict[str, Any] = {
    "controlPlane": {"coredns": {"embedded": True}},
    "networking": {"advanced": {"clusterDomain": DOMAIN}},
}
SOON = 10.0
"""Seconds within which a resolver sees what has changed: the time to live of an answer, and what it takes to spread."""


def resolver_of(clusters: Clusters, kubectl: Kubectl) -> Resolver:
    """Return a resolver on the pod network that asks a virtual cluster's DNS at the address that its pods ask."""
    address = eventually(lambda: kubectl.json("get", "service", "kube-dns", "-n", "kube-system"))["spec"]["clusterIP"]
    return Resolver(f"vgw{clusters.status()['number']}-vc-{TENANT}", address)


def eventually_answers(resolver: Resolver, name: str, data: list[str], kind: str = "A") -> Reply:
    """Wait until a name is answered with this and nothing else."""
    return eventually(lambda: resolver.ask(name, kind), lambda reply: reply.data == sorted(data))


def add_outside(clusters: Clusters, line: str) -> None:
    """Let the world outside the clusters have a name."""
    hosts = clusters.home / "host" / "beyond.hosts"
    lines = dict.fromkeys([*hosts.read_text().splitlines(), line])
    hosts.write_text("".join(f"{one}\n" for one in lines))


def service(name: str, app: str, **spec: Any) -> dict[str, Any]:
    """Return a Service in front of the pods of an app."""
    body = {"selector": {"app": app}, "ports": PORTS, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}


def stateful_set(name: str, replicas: int) -> dict[str, Any]:
    """Return a StatefulSet of small web servers that say who they are."""
    template = shell_pod(name, container(script=SERVE), terminationGracePeriodSeconds=0)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]},
        },
    }


def pod_addresses(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """Return the addresses of a namespace's pods by their names."""
    return {
        pod["metadata"]["name"]: pod["status"]["podIP"] for pod in kubectl.json("get", "pods", "-n", namespace)["items"]
    }


def served(kubectl: Kubectl, name: str) -> str:
    """Put two web servers with a ClusterIP and a headless Service into a new namespace; return the namespace."""
    namespace = f"{name}-{uuid.uuid4().hex[:6]}"
    kubectl.ok("create", "namespace", namespace)
    for one in (stateful_set("web", 2), service("web", "web", clusterIP="None"), service("front", "web")):
        kubectl.apply(with_namespace(one, namespace))
    kubectl.ok("rollout", "status", "-n", namespace, "statefulset/web", "--timeout=180s")
    return namespace


@pytest.fixture(scope="module")
def asked(clusters: Clusters, tenant: Kubectl) -> Resolver:
    """A resolver that asks the DNS of the session's virtual cluster."""
    tenant.ok("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=180s")
    return resolver_of(clusters, tenant)


@pytest.fixture(scope="module")
def shop(tenant: Kubectl) -> Iterator[str]:
    """A namespace of the session's tenant with web servers."""
    namespace = served(tenant, "shop")
    yield namespace
    tenant.ok("delete", "namespace", namespace, "--wait=false")


Row = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def answers() -> Iterator[list[Row]]:
    """What was asked and answered; VGATEWAY_ANSWERS names a file that the table goes to."""
    rows: list[Row] = []
    yield rows
    if file := os.environ.get("VGATEWAY_ANSWERS"):
        Path(file).write_text(table_of(rows))


def table_of(rows: list[Row]) -> str:
    """Write what was answered down as Markdown."""
    lines = [
        "# What was answered",
        "",
        "By the DNS of two virtual clusters, `tenant` and `names`, in one run of `tests/integration/test_dns.py` on",
        "real clusters, which writes this file where VGATEWAY_ANSWERS says; UDP and TCP alike. *source* and *target*",
        "are the rule's; without one a name is answered from the tenant's own Services.",
        "",
        "| source | target | asked | answered |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def in_words(rule: dict[str, Any]) -> str:
    """Write a part of a rule as in the file, in one line."""
    return f"`{yaml.safe_dump(rule, default_flow_style=True, width=1000).strip()[1:-1]}`"


def note(answers: list[Row], source: str, target: str, name: str, kind: str, reply: Reply) -> None:
    """Keep an answer for the table."""
    said = ", ".join(reply.data) or ("no such name" if reply.code == "NXDOMAIN" else "nothing")
    answers.append((source, target, f"`{name}`{'' if kind == 'A' else f' {kind}'}", said))


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_every_form_of_name_is_answered(
    asked: Resolver, tenant: Kubectl, shop: str, answers: list[Row], tcp: bool
) -> None:
    pods = pod_addresses(tenant, shop)
    front = tenant.json("get", "service", "front", "-n", shop)["spec"]["clusterIP"]
    zone = f"{shop}.svc.cluster.local"
    dashed = pods["web-0"].replace(".", "-")
    expected: dict[tuple[str, str], list[str]] = {
        (f"front.{zone}", "A"): [front],
        (f"front.{zone}", "AAAA"): [],
        (f"web.{zone}", "A"): sorted(pods.values()),
        (f"web-0.web.{zone}", "A"): [pods["web-0"]],
        (f"{dashed}.{shop}.pod.cluster.local", "A"): [pods["web-0"]],
        (f"_http._tcp.front.{zone}", "SRV"): [f"0 100 80 front.{zone}"],
        (f"_http._tcp.web.{zone}", "SRV"): [f"0 50 8080 web-0.web.{zone}", f"0 50 8080 web-1.web.{zone}"],
        (ip_address(front).reverse_pointer, "PTR"): [f"front.{zone}"],
    }
    for (name, kind), data in expected.items():
        assert eventually(lambda n=name, k=kind: asked.ask(n, k, tcp=tcp), lambda r, d=data: r.data == d).code == (  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
            "NOERROR"
        )
        if not tcp:
            note(answers, "", "", name, kind, asked.ask(name, kind))
    assert f"web-1.web.{zone}" in asked.ask(ip_address(pods["web-1"]).reverse_pointer, "PTR", tcp=tcp).data
    for absent in (f"gone.{zone}", f"web-9.web.{zone}", "front.cluster.local"):
        assert asked.ask(absent, tcp=tcp).code == "NXDOMAIN"
        if not tcp:
            note(answers, "", "", absent, "A", asked.ask(absent))


def test_pods_use_the_short_forms(tenant: Kubectl, shop: str) -> None:
    # By the C library of the container, as applications do.
    for name, answers in {
        "front": {"web-0", "web-1"},
        f"front.{shop}": {"web-0", "web-1"},
        f"front.{shop}.svc": {"web-0", "web-1"},
        "web-1.web:8080": {"web-1"},
        f"web-1.web.{shop}.svc.cluster.local:8080": {"web-1"},
    }.items():
        said = tenant.ok("exec", "-n", shop, "web-0", "--", "wget", "-q", "-O-", f"http://{name}/")
        assert said.strip() in answers, name


def test_a_pod_keeps_its_own_options_and_asks_its_own_cluster(tenant: Kubectl, asked: Resolver, namespace: str) -> None:
    own = {"searches": ["corp.test"], "options": [{"name": "ndots", "value": "2"}, {"name": "attempts", "value": "3"}]}
    pod = shell_pod("careful", dnsConfig=own, hostname="named", subdomain="group")
    tenant.apply(with_namespace(service("group", "careful", clusterIP="None"), namespace))
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/careful", "--for=condition=Ready", "--timeout=180s")
    text = tenant.ok("exec", "-n", namespace, "careful", "--", "cat", "/etc/resolv.conf")
    assert text.splitlines() == [
        f"search {namespace}.svc.cluster.local svc.cluster.local cluster.local corp.test",
        f"nameserver {asked.server}",
        "options ndots:2 attempts:3",
    ]
    # Its record comes from the tenant's EndpointSlices: nothing in the pod had to be changed for it.
    address = tenant.json("get", "pod", "careful", "-n", namespace)["status"]["podIP"]
    eventually_answers(asked, f"named.group.{namespace}.svc.cluster.local", [address])
    assert "initContainers" not in tenant.json("get", "pod", "careful", "-n", namespace)["spec"]


def test_nodes_are_found_by_name(tenant: Kubectl, asked: Resolver, shop: str, answers: list[Row]) -> None:
    for node in tenant.json("get", "nodes")["items"]:
        addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
        for name in (node["metadata"]["name"], addresses["Hostname"]):
            note(answers, "", "", name, "A", eventually_answers(asked, name, [addresses["InternalIP"]]))


def test_names_of_the_world_outside_are_asked_where_the_node_asks(
    asked: Resolver, clusters: Clusters, answers: list[Row]
) -> None:
    assert asked.ask("www.outside.test").code == "NXDOMAIN"
    add_outside(clusters, "192.0.2.80 www.outside.test")
    reply = eventually_answers(asked, "www.outside.test", ["192.0.2.80"])
    note(answers, "the world outside", "", "www.outside.test", "A", reply)


def test_what_moves_is_seen_soon(tenant: Kubectl, asked: Resolver, shop: str) -> None:
    name = f"web-0.web.{shop}.svc.cluster.local"
    before = asked.ask(name)
    assert all(record.ttl <= SOON for record in before.records)
    tenant.ok("delete", "pod", "web-0", "-n", shop)
    tenant.ok("rollout", "status", "-n", shop, "statefulset/web", "--timeout=180s")
    after = pod_addresses(tenant, shop)["web-0"]
    assert before.data != [after]
    eventually_answers(asked, name, [after])


def test_the_tenants_own_server_blocks_are_served(tenant: Kubectl, asked: Resolver) -> None:
    block = 'own.test:1053 {\n    template IN A {\n        answer "{{ .Name }} 5 IN A 192.0.2.99"\n    }\n}\n'
    meta = {"name": "coredns-custom", "namespace": "kube-system"}
    tenant.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"own.server": block}})
    try:
        eventually_answers(asked, "a.own.test", ["192.0.2.99"])
    finally:
        tenant.ok("delete", "configmap", "coredns-custom", "-n", "kube-system")
    eventually(lambda: asked.ask("a.own.test").code, lambda code: code == "NXDOMAIN")


def test_settings_changed_by_hand_are_changed_back_and_what_is_deleted_is_made_again(
    tenant: Kubectl, asked: Resolver
) -> None:
    where = ("-n", "kube-system")
    corefile = tenant.json("get", "configmap", "coredns", *where)["data"]["Corefile"]
    tenant.ok("patch", "configmap", "coredns", *where, "--type=merge", "-p", '{"data":{"Corefile":"."}}')
    eventually(lambda: tenant.json("get", "configmap", "coredns", *where)["data"]["Corefile"], lambda t: t == corefile)
    # The address that pods know outlives the Service.
    tenant.ok("delete", "service", "kube-dns", *where)
    eventually(lambda: tenant.run("get", "service", "kube-dns", *where).returncode, lambda code: code == 0)
    eventually(
        lambda: tenant.json("get", "service", "kube-dns", *where)["spec"]["clusterIP"], lambda ip: ip == asked.server
    )
    eventually(lambda: asked.ask("kubernetes.default.svc.cluster.local").code, lambda code: code == "NOERROR")


def test_no_question_is_lost_while_the_dns_pods_are_replaced(tenant: Kubectl, asked: Resolver, shop: str) -> None:
    name = f"front.{shop}.svc.cluster.local"
    front = asked.ask(name).data
    replies: list[Reply] = []
    with asked.load([(name, "A", False), (name, "A", True)], replies):
        tenant.ok("rollout", "restart", "-n", "kube-system", "deployment/coredns")
        tenant.ok("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=180s")
        pods = ("get", "pods", "-n", "kube-system", "-l", "k8s-app=vcluster-kube-dns")
        eventually(lambda: len(tenant.json(*pods)["items"]), lambda count: count == 1)
    assert len(replies) > 100
    assert {reply.code for reply in replies} == {"NOERROR"}
    assert all(reply.data == front for reply in replies)


@pytest.fixture(scope="module")
def other(clusters: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Another virtual cluster, with CoreDNS beside its gateway, a domain of its own and the host as its fallback."""
    configuration: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    settings = copy.deepcopy(SETTINGS)
    # First who knows only the world outside, then who knows the host.
    servers = [{"ip": f"10.{clusters.status()['number']}.0.1"}, {"hostCluster": True}]
    settings["networking"]["advanced"]["fallback"] = servers
    configuration.write_text(yaml.safe_dump(settings))
    clusters.local("up", NAMES, "--config", str(configuration))
    yield clusters.tenant(NAMES)
    clusters.local("down", NAMES)


@pytest.fixture(scope="module")
def others(clusters: Clusters, other: Kubectl) -> Resolver:
    """A resolver that asks the other virtual cluster's DNS."""
    found = resolver_of(clusters, other)
    eventually(lambda: found.ask(f"kubernetes.default.svc.{DOMAIN}").code, lambda code: code == "NOERROR")
    return found


@pytest.fixture(scope="module")
def client(other: Kubectl) -> Kubectl:
    """The other tenant's kubectl, with a pod ``client`` in its default namespace."""
    other.apply(shell_pod("client"))
    other.ok("wait", "pod/client", "--for=condition=Ready", "--timeout=180s")
    return other


def set_rules(clusters: Clusters, *rules: dict[str, Any]) -> None:
    """Change the rules of the running gateway."""
    clusters.edit(NAMES, lambda document: document["networking"].update(resolveServices=list(rules)))


def test_a_domain_of_its_own_holds_the_tenants_names_and_what_it_lacks_is_the_hosts(
    clusters: Clusters,
    client: Kubectl,
    others: Resolver,
    host: Kubectl,
    host_namespace: str,
    shop: str,
    answers: list[Row],
) -> None:
    address = client.json("get", "service", "kubernetes")["spec"]["clusterIP"]
    eventually_answers(others, f"kubernetes.default.svc.{DOMAIN}", [address])
    gateway = host.json("get", "service", TENANT, "-n", host_namespace)["spec"]["clusterIP"]
    for domain in (DOMAIN, "cluster.local"):
        name = f"{TENANT}.{host_namespace}.svc.{domain}"
        note(answers, "`fallback`", "`hostCluster: true`", name, "A", eventually_answers(others, name, [gateway]))
    said = client.ok("exec", "client", "--", "cat", "/etc/resolv.conf")
    assert f"search default.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}" in said
    # As an application of the tenant's would: by the short form of a host Service.
    twin = f"front-x-{shop}-x-{TENANT}.{host_namespace}"
    assert client.ok("exec", "client", "--", "wget", "-q", "-O-", f"http://{twin}/").strip() in {"web-0", "web-1"}
    add_outside(clusters, "192.0.2.82 else.outside.test")
    eventually_answers(others, "else.outside.test", ["192.0.2.82"])


def test_a_pod_reaches_a_service_of_another_virtual_cluster_by_name_as_long_as_there_is_a_rule(
    clusters: Clusters, client: Kubectl, others: Resolver, tenant: Kubectl, host_namespace: str, shop: str
) -> None:
    front = tenant.json("get", "service", "front", "-n", shop)["spec"]["clusterIP"]
    name = f"api.default.svc.{DOMAIN}"
    assert others.ask(name).code == "NXDOMAIN"
    steady = f"kubernetes.default.svc.{DOMAIN}"
    replies: list[Reply] = []
    with others.load([(steady, "A", False), (steady, "A", True)], replies):
        set_rules(
            clusters,
            {"service": "default/api", "target": {"vcluster": {"service": f"{host_namespace}/{TENANT}/{shop}/front"}}},
        )
        assert eventually_answers(others, name, [front]).records[0].name == name
        assert client.ok("exec", "client", "--", "wget", "-q", "-O-", "http://api/").strip() in {"web-0", "web-1"}
        set_rules(clusters)
        eventually(lambda: others.ask(name).code, lambda code: code == "NXDOMAIN")
        assert client.run("exec", "client", "--", "wget", "-q", "-O-", "http://api/").returncode != 0
    # Neither change dropped a question, nor asked anybody to ask again.
    assert len(replies) > 50
    assert {reply.code for reply in replies} == {"NOERROR"}


def test_every_source_may_have_every_target_that_fits(
    clusters: Clusters,
    others: Resolver,
    other: Kubectl,
    host: Kubectl,
    tenant: Kubectl,
    host_namespace: str,
    shop: str,
    answers: list[Row],
) -> None:
    gateway = host.json("get", "service", TENANT, "-n", host_namespace)["spec"]["clusterIP"]
    front = tenant.json("get", "service", "front", "-n", shop)["spec"]["clusterIP"]
    api = other.json("get", "service", "kubernetes")["spec"]["clusterIP"]
    pods = sorted(pod_addresses(tenant, shop).values())
    virtual = f"{host_namespace}/{TENANT}/{shop}"
    add_outside(clusters, "192.0.2.81 real.outside.test")
    table: list[tuple[dict[str, str], dict[str, Any], str, list[str]]] = [
        ({"service": "a/s1"}, {"hostService": f"{host_namespace}/{TENANT}"}, f"s1.a.svc.{DOMAIN}", [gateway]),
        ({"service": "a/s2"}, {"vClusterService": f"{virtual}/web"}, f"s2.a.svc.{DOMAIN}", pods),
        ({"service": "a/s3"}, {"external": {"hostname": "real.outside.test"}}, f"s3.a.svc.{DOMAIN}", ["192.0.2.81"]),
        ({"service": "a/s4"}, {"ip": "192.0.2.4"}, f"s4.a.svc.{DOMAIN}", ["192.0.2.4"]),
        ({"namespace": "theirs"}, {"host": {"namespace": host_namespace}}, f"{TENANT}.theirs.svc.{DOMAIN}", [gateway]),
        ({"hostname": "h1.test"}, {"host": {"service": f"{host_namespace}/{TENANT}"}}, "h1.test", [gateway]),
        ({"hostname": "h2.test"}, {"vcluster": {"service": f"{virtual}/front"}}, "h2.test", [front]),
        ({"hostname": "h3.test"}, {"hostname": f"kubernetes.default.svc.{DOMAIN}"}, "h3.test", [api]),
        ({"hostname": "h4.test"}, {"external": {"ip": "192.0.2.5"}}, "h4.test", ["192.0.2.5"]),
        ({"hostname": "*.w1.test"}, {"hostname": "*.outside.test"}, "real.w1.test", ["192.0.2.81"]),
        ({"hostname": "*.w2.test"}, {"hostname": "real.outside.test"}, "any.thing.w2.test", ["192.0.2.81"]),
        ({"hostname": "*.w3.test"}, {"ip": "192.0.2.6"}, "any.w3.test", ["192.0.2.6"]),
        ({"hostname": "*.w4.test"}, {"hostService": f"{host_namespace}/{TENANT}"}, "any.w4.test", [gateway]),
    ]
    set_rules(clusters, *({**source, "target": target} for source, target, _, _ in table))
    for source, target, name, data in table:
        note(answers, in_words(source), in_words(target), name, "A", eventually_answers(others, name, data))
        for tcp in (False, True):
            reply = others.ask(name, tcp=tcp)
            assert (reply.data, {record.name for record in reply.records}) == (data, {name})
    srv = eventually(lambda: others.ask(f"_http._tcp.s2.a.svc.{DOMAIN}", "SRV"), lambda reply: bool(reply.records))
    assert all(record.data.endswith(f".s2.a.svc.{DOMAIN}") for record in srv.records)
    # What only looks alike is nobody's business.
    for name in ("w1.test", "x.h4.test", f"s9.a.svc.{DOMAIN}"):
        assert others.ask(name).code == "NXDOMAIN"
        note(answers, "no rule is about it", "", name, "A", others.ask(name))
    assert others.ask("any.w3.test", "AAAA") == Reply("NOERROR")

    # A suffix would meet every other wildcard, so it has a rule list of its own.
    set_rules(clusters, {"hostname": "real.*", "target": {"hostname": "kubernetes.*"}})
    name = f"real.default.svc.{DOMAIN}"
    reply = eventually_answers(others, name, [api])
    note(answers, in_words({"hostname": "real.*"}), in_words({"hostname": "kubernetes.*"}), name, "A", reply)
    set_rules(clusters)
    eventually(lambda: others.ask("h4.test").code, lambda code: code == "NXDOMAIN")


def test_rules_that_contradict_each_other_leave_the_running_ones_alone(clusters: Clusters, others: Resolver) -> None:
    rule = {"hostname": "kept.test", "target": {"ip": "192.0.2.20"}}
    set_rules(clusters, rule)
    eventually_answers(others, "kept.test", ["192.0.2.20"])
    set_rules(clusters, rule, {"hostname": "*.test", "target": {"ip": "192.0.2.21"}})
    log = clusters.home / "logs" / f"virtual-{NAMES}" / "gateway.log"
    eventually(log.read_text, lambda text: "networking.resolveServices.1" in text)
    assert others.ask("kept.test").data == ["192.0.2.20"]
    set_rules(clusters)
