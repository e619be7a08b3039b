"""The rights on the host that follow from the kinds: what each declares, put together as rules of RBAC. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vgateway.kube.objects import Resource
from vgateway.syncer.kind import Kind, Rights
from vgateway.syncer.kinds.hostnamespace import HostNamespaceKind


def host_role_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the one namespaced Role that the kinds need on the host."""
    return [*_rules(_rights(kinds, namespaced=True)), *_place_rules(kinds, "")]


def host_cluster_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the ClusterRole that the kinds need on the host; empty as long as a Role is enough."""
    wide = _rights(kinds, namespaced=True) if is_spread(kinds) else ()
    return _rules([*_rights(kinds, namespaced=False), *wide])


def is_spread(kinds: Iterable[Kind]) -> bool:
    """Say whether the tenant's namespaces have host namespaces of their own."""
    return any(isinstance(kind, HostNamespaceKind) for kind in kinds)


def host_place_rules(kinds: Sequence[Kind]) -> dict[str, list[dict[str, Any]]]:
    """Return the rules of the Roles that the kinds need in other namespaces of the host, by namespace."""
    elsewhere = {place.namespace for kind in kinds for place in kind.place_rights if place.namespace}
    return {namespace: _place_rules(kinds, namespace) for namespace in sorted(elsewhere)}


def _rights(kinds: Iterable[Kind], *, namespaced: bool) -> Iterator[tuple[Resource, Rights]]:
    for kind in kinds:
        for resource, rights in kind.host_rights.items():
            if resource.namespaced is namespaced:
                yield resource, rights


def _place_rules(kinds: Iterable[Kind], namespace: str) -> list[dict[str, Any]]:
    """Return what is needed in one namespace: of all objects, and of single ones by their names."""
    rights: dict[str, list[tuple[Resource, Rights]]] = {}
    for kind in kinds:
        for place, needed in kind.place_rights.items():
            if place.namespace == namespace:
                rights.setdefault(place.name, []).extend(needed.items())
    return [
        rule | ({"resourceNames": [name]} if name else {})
        for name, needed in sorted(rights.items())
        for rule in _rules(needed)
    ]


def _rules(needed: Iterable[tuple[Resource, Rights]]) -> list[dict[str, Any]]:
    verbs: dict[tuple[str, str], set[str]] = {}
    for resource, rights in needed:
        for subresource, allowed in rights.items():
            name = f"{resource.plural}/{subresource}" if subresource else resource.plural
            verbs.setdefault((resource.group, name), set()).update(allowed)
    return [
        {"apiGroups": [group], "resources": [name], "verbs": sorted(allowed)}
        for (group, name), allowed in sorted(verbs.items())
    ]
