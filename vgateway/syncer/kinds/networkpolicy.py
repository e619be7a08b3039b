"""NetworkPolicies: the host's network enforces on the tenant's pods what the tenant says of them.

All pods of a tenant share one host namespace. So a policy selects pods of its own namespace by their marks, and
what a peer says of namespaces is said of the labels that pods carry of theirs. No policy reaches another tenant's
pods, neither to allow nor to deny.
"""

from collections.abc import Mapping
from typing import Any

from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, VirtualObj
from vgateway.kube.ownership import NAMESPACE_LABEL
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.kinds.pod.scheduling import confined, host_requirements, namespace_requirements, requirement
from vgateway.syncer.resources import NETWORKPOLICIES
from vgateway.syncer.rules import push
from vgateway.syncer.view import View

# The direction's list of rules, and what a rule calls its peers.
DIRECTIONS = {"ingress": "from", "egress": "to"}


def host_policy(spec: Mapping[str, Any], namespace: str, names: Names) -> Obj:
    """Return a policy's spec on the host. Ports, address blocks and fields that are not known stay as they are."""
    found = {**spec, "podSelector": _within(spec.get("podSelector") or {}, namespace, names)}
    for direction, peers in DIRECTIONS.items():
        if spec.get(direction):
            found[direction] = [_rule(rule, peers, namespace, names) for rule in spec[direction]]
    return found


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
    return left | {"podSelector": confined(host_requirements(pods, names), where, names)}


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
