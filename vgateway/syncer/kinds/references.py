"""Which ConfigMaps and Secrets a pod refers to, and so which of them the host needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import Obj, Resource, VirtualKey, VirtualObj, annotations, get_path
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import Hint, Index, Side
from vgateway.syncer.resources import CONFIGMAPS, PODS, SECRETS
from vgateway.syncer.view import BY_REFERENCE, View

FORCE_SYNC = f"{PREFIX}/force-sync"

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
# Where in a volume the name of a Secret is, beside the ``secret`` and ``projected`` kinds.
VOLUME_SECRETS = (
    "secret.secretName",
    "azureFile.secretName",
    *(
        f"{source}.secretRef.name"
        for source in ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")
    ),
    "csi.nodePublishSecretRef.name",
)

Reference = tuple[Resource, str]


def references(pod: Mapping[str, Any]) -> set[Reference]:
    """Return every ConfigMap and Secret that a pod names, optional ones too."""
    spec = pod.get("spec") or {}
    found = {(SECRETS, ref["name"]) for ref in spec.get("imagePullSecrets") or () if ref.get("name")}
    for volume in spec.get("volumes") or ():
        found.update(_of_volume(volume))
    for name in CONTAINER_LISTS:
        for container in spec.get(name) or ():
            found.update(_of_container(container))
    return found


def _of_volume(volume: Mapping[str, Any]) -> Iterator[Reference]:
    if name := get_path(volume, "configMap.name"):
        yield CONFIGMAPS, name
    for path in VOLUME_SECRETS:
        if name := get_path(volume, path):
            yield SECRETS, name
    for source in get_path(volume, "projected.sources") or ():
        yield from _named(source, "configMap", "secret")


def _of_container(container: Mapping[str, Any]) -> Iterator[Reference]:
    for source in container.get("envFrom") or ():
        yield from _named(source, "configMapRef", "secretRef")
    for variable in container.get("env") or ():
        yield from _named(variable.get("valueFrom") or {}, "configMapKeyRef", "secretKeyRef")


def _named(source: Mapping[str, Any], config_map: str, secret: str) -> Iterator[Reference]:
    for field, resource in ((config_map, CONFIGMAPS), (secret, SECRETS)):
        if name := get_path(source, f"{field}.name"):
            yield resource, name


def reference_values(pod: Obj) -> Iterable[str]:
    """Index the tenant's pods by what they refer to."""
    namespace = pod["metadata"].get("namespace") or ""
    return [index_value(resource, VirtualKey(namespace, name)) for resource, name in references(pod)]


BY_REFERENCE_INDEX = Index(Side.VIRTUAL, PODS, BY_REFERENCE, reference_values)


def index_value(resource: Resource, key: VirtualKey) -> str:
    """Return what the index holds for an object that is referred to."""
    return f"{resource.plural}/{key.namespace}/{key.name}"


def is_referenced(resource: Resource, virtual: VirtualObj, view: View) -> bool:
    """Say whether a pod refers to the object, or an annotation asks for a copy anyway."""
    if annotations(virtual).get(FORCE_SYNC) == "true":
        return True
    key = VirtualKey(virtual["metadata"]["namespace"], virtual["metadata"]["name"])
    return view.has_indexed(view.virtual, PODS, BY_REFERENCE, index_value(resource, key))


def referenced_keys(resource: Resource) -> Callable[[Hint, View], Iterable[VirtualKey]]:
    """Return what a change of a pod wakes among the objects it refers to; its references change with its spec only."""

    def keys(hint: Hint, _view: View) -> Iterable[VirtualKey]:
        if not hint.spec_may_have_moved:
            return ()
        namespace = hint.key.namespace
        return sorted(VirtualKey(namespace, name) for kind, name in references(hint.some) if kind is resource)

    return keys
