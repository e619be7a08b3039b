"""Where a tenant's Services lead when the tenant says so by hand: Endpoints and EndpointSlices.

What controllers derive from a selector, or from Endpoints, is not copied: the host's own controllers derive the same
there. So each side has one author for every address, also when a Service gains or loses its selector.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj, annotations, get_path, labels
from vgateway.kube.ownership import OBJECT_NAME, owner_of
from vgateway.syncer.kind import Hint, Index, Side, Source, SyncedKind, Wake, same_key
from vgateway.syncer.kinds.kubernetes import KUBERNETES
from vgateway.syncer.resources import ENDPOINTS, ENDPOINTSLICES, SERVICES
from vgateway.syncer.rules import push
from vgateway.syncer.steps import Step
from vgateway.syncer.view import BY_SERVICE, View

SERVICE_NAME = "kubernetes.io/service-name"
SLICE_AUTHOR = "endpointslice.kubernetes.io/managed-by"
CONTROLLERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")
BY_HAND = f"{SLICE_AUTHOR} notin ({','.join(CONTROLLERS)})"
ENDPOINTS_AUTHOR = "endpoints.kubernetes.io/managed-by"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


def host_target(one: Mapping[str, Any], view: View) -> Obj:
    """Return an address with its pod under the host's name."""
    target = one.get("targetRef")
    if not target or target.get("kind") != "Pod":
        return dict(one)
    where = view.names.host_key(VirtualKey(target.get("namespace") or "", target["name"]))
    return {**one, "targetRef": {"kind": "Pod", "name": where.name, "namespace": where.namespace}}


def _subsets(virtual: VirtualObj, _host: HostObj, view: View) -> list[Obj] | None:
    lists = ("addresses", "notReadyAddresses")
    found = [
        subset | {name: [host_target(one, view) for one in subset[name]] for name in lists if subset.get(name)}
        for subset in virtual.get("subsets") or ()
    ]
    return found or None


def _endpoints(virtual: VirtualObj, _host: HostObj, view: View) -> list[Obj]:
    return [host_target(one, view) for one in virtual.get("endpoints") or ()]


def _service_twin(hint: Hint, view: View) -> Iterable[VirtualKey]:
    owner = owner_of(view.names, SERVICES, HostObj(hint.some))
    return () if owner is None else (owner,)


def service_of(piece: Mapping[str, Any]) -> VirtualKey | None:
    """Return the Service that a slice belongs to."""
    name = labels(piece).get(SERVICE_NAME)
    return VirtualKey(piece["metadata"].get("namespace") or "", name) if name else None


def service_values(piece: Obj) -> Iterable[str]:
    """Index slices by their Service."""
    service = service_of(piece)
    return () if service is None else (str(service),)


def _slices_of_service(hint: Hint, view: View) -> Iterable[VirtualKey]:
    return view.virtual_keys(ENDPOINTSLICES, BY_SERVICE, str(hint.key)) if hint.came or hint.went else ()


def _own_service(key: VirtualKey, view: View) -> HostObj | None:
    """Return the host's copy of a Service, None if it is not provably that."""
    service = view.host_obj(SERVICES, view.names.host_key(key))
    return service if service is not None and owner_of(view.names, SERVICES, service) == key else None


def _is_derived(endpoints: HostObj) -> bool:
    """Say whether a controller of the host made them."""
    written = ENDPOINTS_AUTHOR in labels(endpoints) or TRIGGER_TIME in annotations(endpoints)
    return written and OBJECT_NAME not in annotations(endpoints)


class EndpointsKind(SyncedKind):
    """Endpoints of Services without selector."""

    resource = ENDPOINTS
    rules = (push("subsets", via=_subsets),)
    also_wakes = (Wake(Side.VIRTUAL, SERVICES, same_key), Wake(Side.HOST, SERVICES, _service_twin))

    def owns(self, key: VirtualKey, host: HostObj, view: View) -> bool:
        """Own also what the host's controller left behind under our Service when that lost its selector."""
        if super().owns(key, host, view):
            return True
        if not _is_derived(host):
            return False
        service = _own_service(key, view)
        return service is not None and not get_path(service, "spec.selector")

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Only where no controller of the host knows the addresses."""
        key = VirtualKey(virtual["metadata"]["namespace"], virtual["metadata"]["name"])
        service = view.virtual_obj(SERVICES, key)
        if service is None or key == KUBERNETES:
            return False
        return not get_path(service, "spec.selector") and get_path(service, "spec.type") != "ExternalName"

    def introduce(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Make the copy once no controller of the host writes there: for our Service as it was, or one that is gone."""
        key = VirtualKey(virtual["metadata"]["namespace"], virtual["metadata"]["name"])
        service = _own_service(key, view)
        there = view.host_obj(ENDPOINTS, view.names.host_key(key))
        left_behind = service is None and there is not None and _is_derived(there)
        if not left_behind and not get_path(service or {}, "spec.selector"):
            yield from super().introduce(virtual, view)

    def labels(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """All but the mark of the tenant's controller: the host's does not maintain the copy."""
        return {key: value for key, value in super().labels(virtual, view).items() if key != ENDPOINTS_AUTHOR}


class EndpointSliceKind(SyncedKind):
    """EndpointSlices that no controller of Kubernetes made."""

    resource = ENDPOINTSLICES
    rules = (push("addressType"), push("endpoints", via=_endpoints), push("ports"))
    also_wakes = (Wake(Side.VIRTUAL, SERVICES, _slices_of_service),)

    @property
    def reads(self) -> tuple[Source, ...]:
        """Leave out the slices of controllers, which move with every pod."""
        return tuple(Source(side, ENDPOINTSLICES, labels=BY_HAND) for side in Side)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Slices by their Service."""
        return (Index(Side.VIRTUAL, ENDPOINTSLICES, BY_SERVICE, service_values),)

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Slices of a Service that is there, made by hand."""
        service = service_of(virtual)
        if service is None or service == KUBERNETES or labels(virtual).get(SLICE_AUTHOR) in CONTROLLERS:
            return False
        return view.on_virtual(SERVICES, service)

    def labels(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """Name the host's Service."""
        service = service_of(virtual)
        named = {} if service is None else {SERVICE_NAME: view.names.host_key(service).name}
        return super().labels(virtual, view) | named
