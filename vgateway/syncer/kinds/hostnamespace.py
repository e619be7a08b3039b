"""Host namespaces of the tenant's own: one for each virtual one, made, labelled and removed here, where so configured.

They are owned by the virtual cluster's own namespace, so that with it everything goes. A host namespace that is not
provably ours is never used, whatever a mapping says. Labels of Kubernetes' own domains stay behind: by them a tenant
could give its namespace rights on the host.
"""

from collections.abc import Iterable, Mapping

from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey, annotations, get_path, labels, uid
from vgateway.kube.ownership import (
    MANAGED_BY,
    NAMESPACE_LABEL,
    OBJECT_HOST_NAME,
    OBJECT_HOST_NAMESPACE,
    OBJECT_KIND,
    OBJECT_NAME,
    OBJECT_NAMESPACE,
    OBJECT_UID,
    PREFIX,
    kind_annotation,
)
from vgateway.syncer.kind import READ, WRITE, DerivedKind, Hint, Rights, Side, Source, Wake, same_key
from vgateway.syncer.metadata import MANAGED_ANNOTATIONS, MANAGED_LABELS, bookkeeping, metadata_patch
from vgateway.syncer.resources import NAMESPACES, SERVICEACCOUNTS
from vgateway.syncer.view import Place, View

CLUSTER_NAME = f"{PREFIX}/vcluster-name"
CLUSTER_NAMESPACE = f"{PREFIX}/vcluster-namespace"
KUBERNETES_DOMAINS = ("kubernetes.io", "k8s.io")


class HostNamespaceKind(DerivedKind):
    """The host namespace of each virtual one; keys are the virtual ones'. ``own`` is the virtual cluster's."""

    resource = NAMESPACES
    side = Side.HOST

    def __init__(self, own: str, extra: Mapping[str, str]) -> None:
        self._own = Place("", own)
        self._extra = extra

    @property
    def name(self) -> str:
        """Apart from what is done to the virtual ones."""
        return "host namespaces"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The namespace on either side, and the one that owns those of the host."""
        return (
            Wake(Side.VIRTUAL, NAMESPACES, same_key),
            Wake(Side.HOST, NAMESPACES, _virtual_one),
            Wake(Side.HOST, NAMESPACES, _all, self._own),
        )

    @property
    def reads(self) -> tuple[Source, ...]:
        """Those that are ours, and the virtual cluster's own."""
        return (Source(Side.HOST, NAMESPACES, everything=True, may_lack=True, place=self._own),)

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Making and removing namespaces."""
        return {NAMESPACES: {"": READ + WRITE}}

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the host's, if it is labelled as ours."""
        return view.host_obj(NAMESPACES, HostKey("", view.names.namespace_of(key.name)))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the namespace for a virtual one, as long as that is there, be it on its way out."""
        virtual, name = view.virtual[NAMESPACES].get("", key.name), view.names.namespace_of(key.name)
        own = view.place_obj(NAMESPACES, self._own, self._own.name)
        if virtual is None or own is None or not name:
            return None
        carried = {k: v for k, v in labels(virtual).items() if not is_reserved(k)}
        found = {**carried, **self._extra, **_marks(key.name, view.names)}
        proof = {
            OBJECT_NAME: key.name,
            OBJECT_NAMESPACE: "",
            OBJECT_UID: uid(virtual),
            OBJECT_KIND: kind_annotation(NAMESPACES),
            OBJECT_HOST_NAME: name,
            OBJECT_HOST_NAMESPACE: "",
        }
        owner = {"apiVersion": "v1", "kind": "Namespace", "name": self._own.name, "uid": uid(own)}
        meta = {"name": name, "labels": found, "annotations": proof | bookkeeping(found, proof)}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta | {"ownerReferences": [owner]}}

    def managed(self, obj: Obj, view: View) -> bool:
        """Label and annotations, for this very name."""
        return is_host_namespace(obj, annotations(obj).get(OBJECT_NAME, ""), view.names)

    def difference(self, have: Obj, want: Obj) -> Obj:
        """Set labels, proof and owner; what others put there stays."""
        books = (MANAGED_LABELS, MANAGED_ANNOTATIONS)
        marks = {key: value for key, value in annotations(want).items() if key not in books}
        meta = metadata_patch(have, labels(want), marks)
        owners = want["metadata"]["ownerReferences"]
        if get_path(have, "metadata.ownerReferences") != owners:
            meta["ownerReferences"] = owners
        return {"metadata": meta} if meta else {}

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """What the host calls the namespace."""
        return {view.names.namespace_of(key.name): key.name}


class WorkloadAccountKind(DerivedKind):
    """The account without rights that pods run under, in each of those host namespaces; keys are virtual namespaces."""

    resource = SERVICEACCOUNTS
    side = Side.HOST

    @property
    def name(self) -> str:
        """Apart from the tenant's accounts."""
        return "workload accounts"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The namespace, and the account itself."""
        return (Wake(Side.HOST, NAMESPACES, _virtual_one), Wake(Side.HOST, SERVICEACCOUNTS, _account_of))

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Making accounts."""
        return {SERVICEACCOUNTS: {"": READ + WRITE}}

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the account of the namespace."""
        return view.host_obj(SERVICEACCOUNTS, workload_account(key.name, view.names))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the account, as soon as there is the namespace; it goes with that."""
        if not view.is_settled(key.name):
            return self.existing(key, view)
        where = workload_account(key.name, view.names)
        marks = {OBJECT_HOST_NAME: where.name, OBJECT_HOST_NAMESPACE: where.namespace}
        own = {MANAGED_BY: view.names.marker, NAMESPACE_LABEL: key.name}
        meta = {"name": where.name, "namespace": where.namespace, "labels": own, "annotations": marks}
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "automountServiceAccountToken": False}

    def managed(self, obj: Obj, view: View) -> bool:
        """Label and annotation, as for everything of ours."""
        return annotations(obj).get(OBJECT_HOST_NAME) == view.names.workload_service_account

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """The tenant does not know of it."""
        return {}


def workload_account(namespace: str, names: Names) -> HostKey:
    """Return the account that pods of a virtual namespace run under."""
    return HostKey(names.namespace_of(namespace), names.workload_service_account)


def is_host_namespace(obj: Mapping[str, object], namespace: str, names: Names) -> bool:
    """Say whether a host namespace is provably that of a virtual one."""
    meta, marks = obj["metadata"], annotations(obj)
    named = isinstance(meta, dict) and marks.get(OBJECT_HOST_NAME) == meta["name"] == names.namespace_of(namespace)
    return named and marks.get(OBJECT_NAME) == namespace and labels(obj).get(MANAGED_BY) == names.cluster_marker


def is_reserved(key: str) -> bool:
    """Say whether a label means something to a cluster, or to us, and so is not the tenant's to set on the host."""
    domain = key.rpartition("/")[0]
    return domain == PREFIX or any(domain == one or domain.endswith(f".{one}") for one in KUBERNETES_DOMAINS)


def _marks(namespace: str, names: Names) -> dict[str, str]:
    return {
        MANAGED_BY: names.cluster_marker,
        NAMESPACE_LABEL: namespace,
        CLUSTER_NAME: names.virtual_cluster,
        CLUSTER_NAMESPACE: names.host_namespace,
    }


def _virtual_one(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    name = annotations(hint.some).get(OBJECT_NAME)
    return (VirtualKey("", name),) if name else ()


def _account_of(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    name = labels(hint.some).get(NAMESPACE_LABEL)
    return (VirtualKey("", name),) if name else ()


def _all(_hint: Hint, view: View) -> Iterable[VirtualKey]:
    return view.all_virtual_keys(NAMESPACES)
