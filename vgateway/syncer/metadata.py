"""Labels, annotations and owner references across the two sides.

The tenant's labels and annotations go to the host; what somebody adds on the host stays there and stays there only.
Invariant: the marks that prove ownership are always ours, whatever the tenant writes under the same keys.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from vgateway.kube.names import Names, safe_concat, short_hash
from vgateway.kube.objects import HostObj, Obj, Resource, VirtualObj, annotations, get_path, labels, uid, virtual_key
from vgateway.kube.ownership import CONTROLLED_BY, MANAGED_BY, NAMESPACE_LABEL, PREFIX, owner_annotations, owner_labels
from vgateway.syncer.view import View

MANAGED_LABELS = f"{PREFIX}/managed-labels"
MANAGED_ANNOTATIONS = f"{PREFIX}/managed-annotations"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# Keys that mean something else on the host than in the tenant's cluster.
RENAMED = frozenset({"release", NAMESPACE_LABEL, MANAGED_BY, CONTROLLED_BY})


def host_label_key(names: Names, key: str) -> str:
    """Translate a label key; all but four stay as they are."""
    if key not in RENAMED:
        return key
    return safe_concat(f"{PREFIX}/label", names.virtual_cluster, "x", short_hash(key))


def namespace_label_key(names: Names, key: str) -> str:
    """Return the key under which a pod carries a label of its namespace."""
    return safe_concat(f"{PREFIX}/ns-label", names.virtual_cluster, "x", short_hash(key))


def host_labels(names: Names, virtual: VirtualObj) -> dict[str, str]:
    """Return the labels of the twin: the tenant's, and on top the marks that select what is ours.

    Keys of the form that namespace labels have are left out: by them a tenant could pose as another namespace.
    """
    forged = f"{PREFIX}/ns-label-"
    kept = {host_label_key(names, key): value for key, value in labels(virtual).items() if not key.startswith(forged)}
    return kept | owner_labels(names, virtual_key(virtual))


def namespace_labels(names: Names, namespace: Mapping[str, object] | None) -> dict[str, str]:
    """Return a namespace's labels as its pods carry them."""
    own = labels(namespace) if namespace else {}
    return {namespace_label_key(names, key): value for key, value in own.items()}


def host_annotations(names: Names, resource: Resource, virtual: VirtualObj) -> dict[str, str]:
    """Return the annotations of the twin: the tenant's, and on top the proof of whose twin it is."""
    own = {key: value for key, value in annotations(virtual).items() if key != LAST_APPLIED}
    return own | owner_annotations(names, resource, virtual)


def bookkeeping(own_labels: Iterable[str], own_annotations: Iterable[str]) -> dict[str, str]:
    """Return the annotations that name the keys which came from the original, so that their removal can follow."""
    return {
        MANAGED_LABELS: "\n".join(sorted(own_labels)),
        MANAGED_ANNOTATIONS: "\n".join(sorted(own_annotations)),
    }


def owner_references(view: View, virtual: VirtualObj, namespace: str | None = None) -> list[Obj]:
    """Return the reference to the host Service of the virtual cluster, so that the host collects what it leaves.

    It is a controller's reference if the tenant's object has a controller: draining tools look for one.
    """
    service = view.front_service()
    if service is None or namespace not in (None, view.names.host_namespace):
        return []
    controlled = any(ref.get("controller") for ref in get_path(virtual, "metadata.ownerReferences") or ())
    reference: Obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": view.settings.service,
        "uid": uid(service),
    }
    return [reference | ({"controller": True} if controlled else {})]


def host_metadata(
    view: View, resource: Resource, virtual: VirtualObj, host_labels_: Mapping[str, str], marks: Mapping[str, str]
) -> Obj:
    """Return the metadata of a new twin."""
    where = view.names.host_key(virtual_key(virtual))
    found: Obj = {
        "name": where.name,
        **({"namespace": where.namespace} if where.namespace else {}),
        "labels": dict(host_labels_),
        "annotations": {**marks, **bookkeeping(host_labels_, marks)},
    }
    # What belongs to no namespace, or to another one, cannot be owned by what is in ours.
    owners = owner_references(view, virtual, where.namespace)
    return found | ({"ownerReferences": owners} if owners else {})


def owners_patch(view: View, host: HostObj) -> Obj:
    """Return the patch that makes the host Service of the virtual cluster an owner again; empty if it is."""
    own = host["metadata"].get("namespace") == view.names.host_namespace
    service = view.front_service() if own else None
    have = get_path(host, "metadata.ownerReferences") or []
    if service is None or any(ref.get("uid") == uid(service) for ref in have):
        return {}
    others = [ref for ref in have if ref.get("kind") != "Service" or ref.get("name") != view.settings.service]
    reference = {"apiVersion": "v1", "kind": "Service", "name": view.settings.service, "uid": uid(service)}
    return {"ownerReferences": [*others, reference]}


def metadata_patch(copy: Mapping[str, Any], labels_: Mapping[str, str], marks: Mapping[str, str]) -> Obj:
    """Return the merge patch of a copy's metadata; empty if it is right.

    A key that was removed from the original goes, if it came from there; other keys are somebody else's.
    """
    listed = annotations(copy)
    wanted = {**marks, **bookkeeping(labels_, marks)}
    changes = {
        "labels": _map_patch(labels(copy), labels_, listed.get(MANAGED_LABELS, "")),
        "annotations": _map_patch(listed, wanted, listed.get(MANAGED_ANNOTATIONS, "")),
    }
    return {name: patch for name, patch in changes.items() if patch}


def _map_patch(have: Mapping[str, str], want: Mapping[str, str], managed: str) -> dict[str, str | None]:
    patch: dict[str, str | None] = {key: value for key, value in want.items() if have.get(key) != value}
    for key in managed.split("\n"):
        if key in have and key not in want:
            patch[key] = None
    return patch


def host_selector(names: Names, selector: Mapping[str, str] | None, namespace: str) -> dict[str, str] | None:
    """Translate a plain selector and confine it to one namespace of this tenant; None and empty stay as they are."""
    if not selector:
        return None if selector is None else {}
    own = {host_label_key(names, key): value for key, value in selector.items()}
    return own | {NAMESPACE_LABEL: namespace, MANAGED_BY: names.marker}
