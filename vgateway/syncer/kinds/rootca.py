"""The tenant cluster's CA on the host: one ConfigMap for all pods, in place of every namespace's ``kube-root-ca.crt``.

Its content is what the tenant's controller manager publishes; the host's own CA never reaches the tenant's pods.
"""

from collections.abc import Iterable, Mapping

from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey, VirtualObj, annotations, labels, virtual_key
from vgateway.kube.ownership import (
    MANAGED_BY,
    OBJECT_HOST_NAME,
    OBJECT_HOST_NAMESPACE,
    OBJECT_KIND,
    OBJECT_NAME,
    OBJECT_NAMESPACE,
    kind_annotation,
)
from vgateway.syncer.kind import READ, WRITE, DerivedKind, Hint, Rights, Side, Wake
from vgateway.syncer.metadata import owner_references
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, SERVICES
from vgateway.syncer.view import View

ROOT_CA = "kube-root-ca.crt"
KEY = VirtualKey("default", ROOT_CA)


def _virtual_keys(hint: Hint, view: View) -> Iterable[VirtualKey]:
    return (hint.key,) if hint.key == KEY or (view.names.spread and hint.key.name == ROOT_CA) else ()


def _host_keys(hint: Hint, view: View) -> Iterable[VirtualKey]:
    if hint.key.name != view.names.root_ca:
        return ()
    return (VirtualKey(annotations(hint.some).get(OBJECT_NAMESPACE) or KEY.namespace, ROOT_CA),)


def _settled(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    name = annotations(hint.some).get(OBJECT_NAME)
    return (VirtualKey(name, ROOT_CA),) if hint.came and name else ()


def _owner_keys(hint: Hint, view: View) -> Iterable[VirtualKey]:
    return (KEY,) if hint.key.name == view.settings.service else ()


class RootCaKind(DerivedKind):
    """Made as soon as the tenant's CA is published; stays until the virtual cluster goes.

    ``each`` says that each virtual namespace has one of the host's, and so needs a copy of its own.
    """

    resource = CONFIGMAPS
    side = Side.HOST

    def __init__(self, *, each: bool = False) -> None:
        self._each = each

    @property
    def name(self) -> str:
        """Apart from the ConfigMaps of the tenant."""
        return "root-ca"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The published ConfigMap, our copy of it, and the copy's owner."""
        return (
            Wake(Side.VIRTUAL, CONFIGMAPS, _virtual_keys),
            Wake(Side.HOST, CONFIGMAPS, _host_keys),
            Wake(Side.HOST, SERVICES, _owner_keys),
            *([Wake(Side.HOST, NAMESPACES, _settled)] if self._each else []),
        )

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading and writing the copy."""
        return {CONFIGMAPS: {"": READ + WRITE}}

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return our copy."""
        return view.host_obj(CONFIGMAPS, _where(key, view))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy; while nothing is published, what is there may stay as it is."""
        published = view.virtual_obj(CONFIGMAPS, key)
        if published is None or not view.is_settled(key.namespace):
            return {} if view.on_host(CONFIGMAPS, _where(key, view)) else None
        return _copy(published, view)

    def managed(self, obj: Obj, view: View) -> bool:
        """Label and annotation, as for everything of ours."""
        mine = labels(obj).get(MANAGED_BY) == view.names.marker
        return mine and annotations(obj).get(OBJECT_HOST_NAME) == view.names.root_ca


def _where(key: VirtualKey, view: View) -> HostKey:
    return HostKey(view.names.namespace_of(key.namespace), view.names.root_ca)


def _copy(published: VirtualObj, view: View) -> Obj:
    where = _where(virtual_key(published), view)
    owners = owner_references(view, VirtualObj({}), where.namespace)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": view.names.root_ca,
            "namespace": where.namespace,
            "labels": {MANAGED_BY: view.names.marker},
            "annotations": {
                OBJECT_NAME: ROOT_CA,
                OBJECT_NAMESPACE: virtual_key(published).namespace if view.names.spread else "",
                OBJECT_KIND: kind_annotation(CONFIGMAPS),
                OBJECT_HOST_NAME: view.names.root_ca,
                OBJECT_HOST_NAMESPACE: where.namespace,
            },
            **({"ownerReferences": owners} if owners else {}),
        },
        "data": published.get("data") or {},
    }
