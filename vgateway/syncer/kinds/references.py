"""Which ConfigMaps, Secrets and claims for devices a tenant's objects refer to, and so which the host needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vgateway.kube.objects import Obj, Resource, VirtualKey, VirtualObj, annotations, get_path
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kind import Hint, Index, Side, Wake
from vgateway.syncer.resources import CONFIGMAPS, PODS, RESOURCECLAIMS, SECRETS
from vgateway.syncer.view import BY_REFERENCE, View

FORCE_SYNC = f"{PREFIX}/force-sync"
UNASKED = f"nothing that runs on the host refers to it; the annotation {FORCE_SYNC}=true would ask for a copy"

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
    """Return every ConfigMap, Secret and claim that a pod names, optional ones too."""
    spec = pod.get("spec") or {}
    found = {(SECRETS, ref["name"]) for ref in spec.get("imagePullSecrets") or () if ref.get("name")}
    found.update((RESOURCECLAIMS, claim) for _, claim in claims_of(pod) if claim)
    for volume in spec.get("volumes") or ():
        found.update(_of_volume(volume))
    for name in CONTAINER_LISTS:
        for container in spec.get(name) or ():
            found.update(_of_container(container))
    return found


def claims_of(pod: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield (entry, claim) of a pod; a claim is None until it is made of its template, and "" where none is needed."""
    made = {one["name"]: one for one in get_path(pod, "status.resourceClaimStatuses") or ()}
    for entry in get_path(pod, "spec.resourceClaims") or ():
        if entry.get("resourceClaimName"):
            yield entry["name"], entry["resourceClaimName"]
        else:
            status = made.get(entry["name"])
            yield entry["name"], None if status is None else status.get("resourceClaimName") or ""


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


@dataclass(frozen=True, slots=True)
class Referrer:
    """A kind of the tenant's whose objects refer to ConfigMaps and Secrets."""

    resource: Resource
    refers: Callable[[Obj], Iterable[tuple[Resource, VirtualKey]]]

    @property
    def index(self) -> Index:
        """The look-up of its objects by what they refer to."""
        return Index(Side.VIRTUAL, self.resource, BY_REFERENCE, self.values)

    def values(self, obj: Obj) -> Iterable[str]:
        """Return what the index holds for an object."""
        return [index_value(resource, key) for resource, key in self.refers(obj)]


def _of_pod(pod: Obj) -> Iterable[tuple[Resource, VirtualKey]]:
    namespace = pod["metadata"].get("namespace") or ""
    return [(resource, VirtualKey(namespace, name)) for resource, name in references(pod)]


PODS_REFER = Referrer(PODS, _of_pod)


def index_value(resource: Resource, key: VirtualKey) -> str:
    """Return what the index holds for an object that is referred to."""
    return f"{resource.plural}/{key.namespace}/{key.name}"


def is_referenced(resource: Resource, virtual: VirtualObj, view: View, referrers: Sequence[Referrer]) -> bool:
    """Say whether something refers to the object, or an annotation asks for a copy anyway."""
    if annotations(virtual).get(FORCE_SYNC) == "true":
        return True
    value = index_value(resource, VirtualKey(virtual["metadata"]["namespace"], virtual["metadata"]["name"]))
    return any(view.has_indexed(view.virtual, one.resource, BY_REFERENCE, value) for one in referrers)


def referenced_wakes(resource: Resource, referrers: Iterable[Referrer]) -> tuple[Wake, ...]:
    """Return what looks at objects of a resource again when those change that refer to them."""
    return tuple(Wake(Side.VIRTUAL, one.resource, _referenced_keys(resource, one)) for one in referrers)


def _referenced_keys(resource: Resource, referrer: Referrer) -> Callable[[Hint, View], Iterable[VirtualKey]]:
    """References change with the spec only; what an object referred to before may not be needed any more."""

    def keys(hint: Hint, _view: View) -> Iterable[VirtualKey]:
        if not hint.spec_may_have_moved:
            return ()
        found = {*referrer.refers(hint.some), *(referrer.refers(hint.before) if hint.before else ())}
        return sorted(key for kind, key in found if kind is resource)

    return keys
