"""The smallest pods of both sides that are twins, for tests."""

from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj, virtual_key
from vgateway.kube.ownership import owner_annotations, owner_labels
from vgateway.kube.store import Store
from vgateway.kubelet.rewrite import PODS

NAMES = Names("vc", "tenant-a")


def virtual_pod(name: str = "web", *, uid: str = "u-1", node: str = "node-1") -> VirtualObj:
    """Return a tenant's pod with a container of each sort."""
    spec = {
        "nodeName": node,
        "containers": [{"name": "app"}],
        "initContainers": [{"name": "init"}],
        "ephemeralContainers": [{"name": "debug"}],
    }
    return VirtualObj({"kind": "Pod", "metadata": {"namespace": "default", "name": name, "uid": uid}, "spec": spec})


def host_pod(virtual: VirtualObj, *, of_uid: str | None = None) -> HostObj:
    """Return a pod's twin, or that of a namesake with another UID, with a sidecar the tenant knows nothing of."""
    key = virtual_key(virtual)
    marked = VirtualObj({"metadata": virtual["metadata"] | ({"uid": of_uid} if of_uid else {})})
    host = NAMES.host_key(key)
    meta = {
        "namespace": host.namespace,
        "name": host.name,
        "uid": "host-uid",
        "labels": owner_labels(NAMES, VirtualKey(key.namespace, key.name)),
        "annotations": owner_annotations(NAMES, PODS, marked),
    }
    return HostObj({"kind": "Pod", "metadata": meta, "spec": {"containers": [{"name": "app"}, {"name": "sidecar"}]}})


def stored(*pods: Obj) -> Store:
    """Return a store that holds these pods."""
    store = Store(PODS)
    for pod in pods:
        store.put(pod)
    return store
