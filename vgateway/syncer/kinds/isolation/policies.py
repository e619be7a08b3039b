"""What the policies say: three specs, from values.

Workloads reach each other, their API server and the nodes' port, and what is public; nobody else reaches them. The
control plane is reached at its ports by anybody, for it asks who that is; it reaches its workloads, the host's API
server and DNS. CoreDNS asks the name servers that it is told of. NetworkPolicies add up: what one allows, no other
can take back.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from vgateway.config.isolation import Egress, Ingress, NetworkPolicy
from vgateway.dns.manifests import NAMESPACE, SELECTED
from vgateway.dns.values import PORT as DNS_PORT
from vgateway.dns.values import Dns
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj
from vgateway.kube.ownership import MANAGED_BY, NAMESPACE_LABEL

NAMESPACE_NAME = "kubernetes.io/metadata.name"
# How DNS is labelled and where it is asked, on most hosts.
HOST_DNS = {"k8s-app": "kube-dns"}
HOST_DNS_NAMESPACE = "kube-system"
QUESTIONS = 53
# Where API servers are listened to, on most hosts.
API_PORTS = (443, 6443, 8443)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the policies are made from."""

    asked: NetworkPolicy
    names: Names
    dns: Dns
    front_port: int = 8443
    kubelet_port: int = 10250


def workload_policy(around: Surroundings) -> Obj:
    """Return the spec for every pod of the tenant's in a host namespace."""
    ports = (around.front_port, around.kubelet_port, *([] if around.dns.in_pods else [DNS_PORT]))
    control_plane = {"to": [_control_plane(around.names)], "ports": [*_ports("TCP", *ports), *_dns_port(around)]}
    public = around.asked.workload.public_egress
    outside = [{"to": [{"ipBlock": _lean(public.block.model_dump(by_alias=True))}]}] if public.enabled else []
    additions = around.asked.workload
    return _spec(
        pods={"matchLabels": {MANAGED_BY: around.names.marker}},
        ingress=[{"from": [_control_plane(around.names), _siblings(around.names)]}, *_rules(additions.ingress)],
        egress=[control_plane, {"to": [_siblings(around.names)]}, *outside, *_rules(additions.egress)],
    )


def control_plane_policy(around: Surroundings) -> Obj:
    """Return the spec for the gateway's own pods."""
    own, additions = {"podSelector": _own_pods(around.names)}, around.asked.control_plane
    entered = _ports("TCP", around.front_port)
    nodes = _ports("TCP", around.kubelet_port, *([] if around.dns.in_pods else [DNS_PORT]))
    return _spec(
        pods=_own_pods(around.names),
        ingress=[
            {"ports": entered},
            {"from": [_siblings(around.names)], "ports": [*nodes, *_dns_port(around)]},
            {"from": [own]},
            *_rules(additions.ingress),
        ],
        egress=[
            _questions([_host_dns(), *_servers([around.dns.host_dns, *around.dns.fallbacks])]),
            {"ports": _ports("TCP", *API_PORTS)},
            {"to": [own, _siblings(around.names)]},
            *_rules(additions.egress),
        ],
    )


def dns_policy(around: Surroundings) -> Obj:
    """Return the spec for CoreDNS among the tenant's pods: whom it asks, wherever that is.

    Told of no name server it asks those of its node, whose addresses nobody says: any may be one.
    """
    asked = [_host_dns(), *_servers([around.dns.host_dns, *around.dns.fallbacks])]
    own = {MANAGED_BY: around.names.marker, NAMESPACE_LABEL: NAMESPACE, **SELECTED}
    return _spec(pods={"matchLabels": own}, egress=[_questions(asked if around.dns.fallbacks else [])])


def _spec(pods: Obj, egress: list[Obj], ingress: list[Obj] | None = None) -> Obj:
    types = [*(["Ingress"] if ingress is not None else []), "Egress"]
    inward = {"ingress": ingress} if ingress is not None else {}
    return {"podSelector": pods, "policyTypes": types, **inward, "egress": egress}


def _control_plane(names: Names) -> Obj:
    """Return the gateway's pods as a peer, from wherever the tenant's are."""
    elsewhere = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: names.host_namespace}}} if names.spread else {}
    return {"podSelector": _own_pods(names), **elsewhere}


def _own_pods(names: Names) -> Obj:
    return {"matchLabels": {"app": "vcluster", "release": names.virtual_cluster}}


def _siblings(names: Names) -> Obj:
    """Return all pods of the tenant's as a peer."""
    elsewhere = {"namespaceSelector": {"matchLabels": {MANAGED_BY: names.cluster_marker}}} if names.spread else {}
    return {"podSelector": {"matchLabels": {MANAGED_BY: names.marker}}, **elsewhere}


def _host_dns() -> Obj:
    where = {"matchLabels": {NAMESPACE_NAME: HOST_DNS_NAMESPACE}}
    return {"namespaceSelector": where, "podSelector": {"matchLabels": dict(HOST_DNS)}}


def _servers(addresses: Iterable[str]) -> Iterator[Obj]:
    for address in dict.fromkeys(one for one in addresses if one):
        yield {"ipBlock": {"cidr": f"{address}/{ip_address(address).max_prefixlen}"}}


def _questions(peers: list[Obj]) -> Obj:
    ports = [*_ports("UDP", QUESTIONS), *_ports("TCP", QUESTIONS)]
    return {**({"to": peers} if peers else {}), "ports": ports}


def _dns_port(around: Surroundings) -> list[Obj]:
    """Return where a DNS beside the gateway is asked, beside TCP."""
    return [] if around.dns.in_pods else _ports("UDP", DNS_PORT)


def _ports(protocol: str, *numbers: int) -> list[Obj]:
    return [{"protocol": protocol, "port": number} for number in numbers]


def _rules(rules: Iterable[Ingress | Egress]) -> list[Obj]:
    return [_lean(rule.model_dump(mode="json", by_alias=True, exclude_none=True)) for rule in rules]


def _lean(value: Any) -> Any:
    """Leave out what is empty, as an API server does; an empty selector means everybody and stays."""
    if isinstance(value, Mapping):
        kept = ((name, _lean(one)) for name, one in value.items())
        return {name: one for name, one in kept if one not in ([], {}) or name.endswith("Selector")}
    return [_lean(one) for one in value] if isinstance(value, list | tuple) else value
