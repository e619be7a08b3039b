"""Where a pod may run: terms about other pods are confined to the tenant's own, and to the namespaces they mean.

A node that the tenant chose, by hand or by a scheduler of its own, becomes a requirement that the host's
scheduler keeps, so that taints and capacity of the host still count. What the tenant's scheduler has decided by is
not asked a second time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, VirtualObj, labels
from vgateway.kube.ownership import MANAGED_BY, NAMESPACE_LABEL
from vgateway.syncer.metadata import host_label_key, namespace_label_key
from vgateway.syncer.resources import NAMESPACES, NODES
from vgateway.syncer.view import View

Selector = Mapping[str, Any]


def host_scheduling(virtual: VirtualObj, view: View) -> Obj:
    """Return ``affinity``, ``nodeSelector`` and ``topologySpreadConstraints`` of the host pod."""
    spec = virtual["spec"]
    if view.settings.virtual_scheduler:
        return {"affinity": {"nodeAffinity": on_node({}, spec["nodeName"])}} if spec.get("nodeName") else {}
    found: Obj = {}
    if own := {**(spec.get("nodeSelector") or {}), **view.settings.confining_labels}:
        found["nodeSelector"] = own
    affinity = host_affinity(virtual, view)
    if affinity:
        found["affinity"] = affinity
    if spread := spec.get("topologySpreadConstraints"):
        found["topologySpreadConstraints"] = [_spread(constraint, virtual, view.names) for constraint in spread]
    return found


def unplaced(node: str | None, view: View) -> Iterator[str]:
    """Say why a pod has no place on the host yet: it waits for the tenant's scheduler, or means an unknown node."""
    if view.settings.virtual_scheduler and not node:
        yield "the virtual cluster's scheduler has not placed it yet"
    if node and view.settings.sync.from_host.nodes.enabled and ("", node) not in view.virtual[NODES]:
        yield f"the virtual cluster has no node {node}"


def host_tolerations(own: Iterable[Mapping[str, Any]], view: View) -> list[Obj]:
    """Return the tenant's tolerations, and those that every pod of the virtual cluster has to have."""
    found = [dict(one) for one in own]
    return found + [dict(one) for one in view.settings.enforced_tolerations if one not in found]


def host_affinity(virtual: VirtualObj, view: View) -> Obj:
    """Translate the affinities, and turn a node that the tenant chose into one."""
    spec = virtual["spec"]
    affinity: Obj = dict(spec.get("affinity") or {})
    for name in ("podAffinity", "podAntiAffinity"):
        if affinity.get(name):
            affinity[name] = _terms(affinity[name], lambda term: _term(term, virtual, view))
    if node := spec.get("nodeName"):
        affinity["nodeAffinity"] = on_node(affinity.get("nodeAffinity") or {}, node)
    return affinity


def on_node(affinity: Mapping[str, Any], node: str) -> Obj:
    """Require one node on top of what is required already: terms are alternatives, so each must name it."""
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = (affinity.get(field) or {}).get("nodeSelectorTerms") or [{}]
    this = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = [{**term, "matchFields": [*(term.get("matchFields") or ()), this]} for term in terms]
    return {**affinity, field: {"nodeSelectorTerms": required}}


def _terms(affinity: Mapping[str, Any], translate: Callable[[Obj], Obj]) -> Obj:
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution")
    found: Obj = {}
    if required:
        found["requiredDuringSchedulingIgnoredDuringExecution"] = [translate(term) for term in required]
    if preferred:
        found["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {**term, "podAffinityTerm": translate(term["podAffinityTerm"])} for term in preferred
        ]
    return found


def _term(term: Obj, virtual: VirtualObj, view: View) -> Obj:
    left = {
        name: value
        for name, value in term.items()
        if name not in ("namespaces", "namespaceSelector", "matchLabelKeys", "mismatchLabelKeys")
    }
    selector = term.get("labelSelector")
    if selector is None:
        return left  # selects no pod, on either side
    keys = (term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ())
    own = host_requirements(_with_label_keys(selector, keys, virtual), view.names)
    where = _namespaces(term, virtual["metadata"]["namespace"], view)
    # Where namespaces are the host's too, all of ours are meant, and the labels say which of them.
    wide = {"namespaceSelector": {"matchLabels": {MANAGED_BY: view.names.marker}}} if view.names.spread else {}
    return left | {"labelSelector": confined(own, where, view.names)} | wide


def _spread(constraint: Obj, virtual: VirtualObj, names: Names) -> Obj:
    left = {name: value for name, value in constraint.items() if name != "matchLabelKeys"}
    selector = constraint.get("labelSelector")
    if selector is None:
        return left
    own = host_requirements(_with_label_keys(selector, (constraint.get("matchLabelKeys") or (), ()), virtual), names)
    where = [requirement(NAMESPACE_LABEL, "In", [virtual["metadata"]["namespace"]])]
    return left | {"labelSelector": confined(own, where, names)}


def requirement(key: str, operator: str, values: Iterable[str] | None = None) -> Obj:
    """Build one expression of a label selector."""
    return {"key": key, "operator": operator, **({"values": list(values)} if values is not None else {})}


def host_requirements(selector: Selector, names: Names) -> list[Obj]:
    """Return a label selector as expressions over host labels."""
    return _requirements(selector, lambda key: host_label_key(names, key))


def namespace_requirements(selector: Selector, names: Names) -> list[Obj]:
    """Return a selector of namespaces as expressions over what their pods carry; none is every one of the tenant's."""
    return _requirements(selector, lambda key: namespace_label_key(names, key))


def confined(own: list[Obj], where: list[Obj], names: Names) -> Obj:
    """Return the selector that holds only for this tenant's pods in the given namespaces."""
    return {"matchLabels": {MANAGED_BY: names.marker}, "matchExpressions": [*own, *where]}


def _requirements(selector: Selector, rename: Callable[[str], str]) -> list[Obj]:
    equal = [requirement(rename(key), "In", [value]) for key, value in (selector.get("matchLabels") or {}).items()]
    return equal + [{**one, "key": rename(one["key"])} for one in selector.get("matchExpressions") or ()]


def _with_label_keys(selector: Selector, keys: tuple[Iterable[str], Iterable[str]], virtual: VirtualObj) -> Selector:
    """Write out matchLabelKeys as the scheduler means them; newer API servers have done so already."""
    own, there = labels(virtual), list(selector.get("matchExpressions") or ())
    for operator, names in zip(("In", "NotIn"), keys, strict=True):
        added = [requirement(key, operator, [own[key]]) for key in names if key in own]
        there.extend(one for one in added if one not in there)
    return {**selector, "matchExpressions": there}


def _namespaces(term: Obj, own: str, view: View) -> list[Obj]:
    """Say which namespaces a term means: those listed, those selected, both together, or the pod's own."""
    listed, selector = term.get("namespaces"), term.get("namespaceSelector")
    if selector is None:
        return [requirement(NAMESPACE_LABEL, "In", listed or [own])]
    if not listed or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        return namespace_requirements(selector, view.names)
    # A union cannot be said in one term, so the selector is resolved as of now.
    selected = [one["metadata"]["name"] for one in view.virtual[NAMESPACES] if matches(selector, labels(one))]
    return [requirement(NAMESPACE_LABEL, "In", sorted({*listed, *selected}))]


def matches(selector: Selector, have: Mapping[str, str]) -> bool:
    """Say whether a label selector holds for these labels."""
    return all(_holds(one, have) for one in _requirements(selector, lambda key: key))


def _holds(one: Obj, have: Mapping[str, str]) -> bool:
    value, values = have.get(one["key"]), one.get("values") or ()
    match one["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
    return value is None
