"""NetworkPolicies: the host's network enforces on the tenant's pods what the tenant says of them.

All pods of a tenant share one host namespace. So a policy selects pods of its own namespace by their marks, and
what a peer says of namespaces is said of the labels that pods carry of theirs. No policy selects another tenant's
pods, neither to restrict them nor as peers; a rule without peers is about everybody, also of other tenants. Where
namespaces have host ones of their own, the same is said of pods in all that are the tenant's.

Policies that let a pod ask the cluster's DNS name port 53 and mostly pods labelled ``kube-dns``. The tenant's DNS
listens on another port behind its Service, and policies are about pods: so such a rule is also one for those.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.dns.manifests import APP, NAMESPACE, SELECTED
from vgateway.dns.values import PORT
from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, VirtualObj
from vgateway.kube.ownership import MANAGED_BY, NAMESPACE_LABEL
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.kinds.pod.scheduling import (
    confined,
    host_requirements,
    matches,
    namespace_requirements,
    requirement,
)
from vgateway.syncer.resources import NETWORKPOLICIES
from vgateway.syncer.rules import push
from vgateway.syncer.view import View

# The direction's list of rules, and what a rule calls its peers.
DIRECTIONS = {"ingress": "from", "egress": "to"}
# Where elsewhere the cluster's DNS listens, and how its pods are labelled.
QUESTIONS = 53
USUAL_LABELS = {APP: "kube-dns"}
NAME_LABEL = "kubernetes.io/metadata.name"


def host_policy(spec: Mapping[str, Any], namespace: str, names: Names) -> Obj:
    """Return a policy's spec on the host. Ports, address blocks and fields that are not known stay as they are."""
    found = {**spec, "podSelector": _within(spec.get("podSelector") or {}, namespace, names)}
    for direction, peers in DIRECTIONS.items():
        if spec.get(direction):
            found[direction] = [_rule(rule, peers, namespace, names) for rule in spec[direction]]
    protocols = sorted({one for rule in spec.get("egress") or () for one in _dns_protocols(rule, namespace)})
    if protocols:
        found["egress"] = [*found["egress"], _dns_rule(protocols, names)]
    return found


def _dns_protocols(rule: Mapping[str, Any], namespace: str) -> Iterator[str]:
    """Yield the protocols in which a rule means to allow questions to the cluster's DNS."""
    peers = rule.get("to")
    if not peers or any(_means_dns(peer, namespace) for peer in peers):
        for port in rule.get("ports") or ():
            first = port.get("port")
            if isinstance(first, int) and first <= QUESTIONS <= port.get("endPort", first):
                yield port.get("protocol") or "TCP"


def _means_dns(peer: Mapping[str, Any], namespace: str) -> bool:
    """Say whether a peer takes in the pods that are the cluster's DNS elsewhere, or here."""
    if "ipBlock" in peer:
        return False
    where = peer.get("namespaceSelector")
    in_place = namespace == NAMESPACE if where is None else matches(where, {NAME_LABEL: NAMESPACE})
    return in_place and matches(peer.get("podSelector") or {}, USUAL_LABELS)


def _dns_rule(protocols: Iterable[str], names: Names) -> Obj:
    pods = {"podSelector": _within({"matchLabels": SELECTED}, NAMESPACE, names), **_anywhere(names)}
    return {"to": [pods], "ports": [{"protocol": one, "port": PORT} for one in protocols]}


def _rule(rule: Mapping[str, Any], peers: str, namespace: str, names: Names) -> Obj:
    """Translate the peers; a rule without any is about everybody, on the host too."""
    if not rule.get(peers):
        return dict(rule)
    return {**rule, peers: [_peer(peer, namespace, names) for peer in rule[peers]]}


def _peer(peer: Mapping[str, Any], namespace: str, names: Names) -> Obj:
    if "ipBlock" in peer:
        return dict(peer)
    left = {name: value for name, value in peer.items() if name != "namespaceSelector"}
    pods, namespaces = peer.get("podSelector") or {}, peer.get("namespaceSelector")
    if namespaces is None:
        return left | {"podSelector": _within(pods, namespace, names)}
    where = namespace_requirements(namespaces, names)
    return left | {"podSelector": confined(host_requirements(pods, names), where, names), **_anywhere(names)}


def _anywhere(names: Names) -> Obj:
    """Return what a peer says of the host's namespaces when it is about more than the policy's own."""
    return {"namespaceSelector": {"matchLabels": {MANAGED_BY: names.cluster_marker}}} if names.spread else {}


def _within(selector: Mapping[str, Any], namespace: str, names: Names) -> Obj:
    """Return a selector of the tenant's pods in one namespace."""
    here = [requirement(NAMESPACE_LABEL, "In", [namespace])]
    return confined(host_requirements(selector, names), here, names)


def _spec(virtual: VirtualObj, _host: HostObj, view: View) -> Obj:
    return host_policy(virtual["spec"], virtual["metadata"]["namespace"], view.names)


class NetworkPolicyKind(SyncedKind):
    """Every policy of the tenant."""

    resource = NETWORKPOLICIES
    rules = (push("spec", via=_spec),)
