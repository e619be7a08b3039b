"""Which host objects are ours: a label *and* matching annotations, never one of them alone.

Anything that is not provably ours is never touched, also when its name is the one that we would have chosen.
"""

from vgateway.kube.names import Names
from vgateway.kube.objects import (
    HostObj,
    Resource,
    VirtualKey,
    VirtualObj,
    annotations,
    host_key,
    labels,
    uid,
    virtual_key,
)

PREFIX = "vcluster.loft.sh"
MANAGED_BY = f"{PREFIX}/managed-by"
NAMESPACE_LABEL = f"{PREFIX}/namespace"
CONTROLLED_BY = f"{PREFIX}/controlled-by"
OBJECT_NAME = f"{PREFIX}/object-name"
OBJECT_NAMESPACE = f"{PREFIX}/object-namespace"
OBJECT_UID = f"{PREFIX}/object-uid"
OBJECT_KIND = f"{PREFIX}/object-kind"
OBJECT_HOST_NAME = f"{PREFIX}/object-host-name"
OBJECT_HOST_NAMESPACE = f"{PREFIX}/object-host-namespace"


def kind_annotation(resource: Resource) -> str:
    """Return the kind in the form the owner annotation holds: ``/v1, Kind=Pod``."""
    return f"{resource.group}/{resource.version}, Kind={resource.kind}"


def owner_labels(names: Names, virtual: VirtualKey) -> dict[str, str]:
    """Return the labels that select what is ours."""
    if not virtual.namespace:
        return {MANAGED_BY: names.cluster_marker}
    return {MANAGED_BY: names.marker, NAMESPACE_LABEL: virtual.namespace}


def is_labelled(names: Names, host: HostObj) -> bool:
    """Say whether a host object carries our label; beyond our namespace that names the namespace too."""
    mark = names.marker if host_key(host).namespace else names.cluster_marker
    return labels(host).get(MANAGED_BY) == mark


def owner_annotations(names: Names, resource: Resource, virtual: VirtualObj) -> dict[str, str]:
    """Return the annotations that say whose twin a host object is, and where it was meant to live."""
    key = virtual_key(virtual)
    host = names.host_key(key)
    return {
        OBJECT_NAME: key.name,
        OBJECT_NAMESPACE: key.namespace,
        OBJECT_UID: uid(virtual),
        OBJECT_KIND: kind_annotation(resource),
        OBJECT_HOST_NAME: host.name,
        OBJECT_HOST_NAMESPACE: host.namespace,
    }


def owner_of(names: Names, resource: Resource, host: HostObj) -> VirtualKey | None:
    """Return the virtual object whose twin this is; None unless the host object is provably ours.

    The name annotations must translate to the very name the object has, so that a copy made by another tool, or
    an object of another virtual cluster, is not ours.
    """
    marks = annotations(host)
    if not is_labelled(names, host) or OBJECT_NAME not in marks:
        return None
    virtual = VirtualKey(marks.get(OBJECT_NAMESPACE, ""), marks[OBJECT_NAME])
    where = host_key(host)
    if names.host_key(virtual) != where or marks.get(OBJECT_KIND) != kind_annotation(resource):
        return None
    meant = (marks.get(OBJECT_HOST_NAMESPACE, where.namespace), marks.get(OBJECT_HOST_NAME, where.name))
    return virtual if meant == (where.namespace, where.name) else None


def is_twin(names: Names, resource: Resource, virtual: VirtualObj, host: HostObj) -> bool:
    """Say whether the host object is the twin of this very virtual object, not of a namesake before it."""
    same = owner_of(names, resource, host) == virtual_key(virtual)
    return same and annotations(host).get(OBJECT_UID) == uid(virtual)
