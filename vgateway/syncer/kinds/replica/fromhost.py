"""A Service of the host in the virtual cluster, with where it leads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import (
    Obj,
    Resource,
    VirtualKey,
    annotations,
)
from vgateway.syncer.kind import READ, Hint, Rights, Side, Source, Wake
from vgateway.syncer.kinds.backends import BY_HAND, SERVICE_NAME, SLICE_AUTHOR
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.namespace import is_ending, missing_namespace
from vgateway.syncer.kinds.replica.copies import (
    AUTHOR,
    REPLICA,
    Replica,
    address_kind,
    is_of,
    marks,
    only,
    replica_spec,
    slice_body,
    slice_name,
)
from vgateway.syncer.resources import ENDPOINTSLICES, NAMESPACES, SERVICES
from vgateway.syncer.steps import Step
from vgateway.syncer.view import Place, View


class FromHostReplica(Replica):
    """The host's Service in the virtual cluster."""

    resource = SERVICES

    @property
    def name(self) -> str:
        """One kind per rule."""
        return f"host service to {self.rule.virtual}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """Source and copy, and the copy's namespace."""
        target = self.rule.virtual
        return (
            Wake(Side.HOST, SERVICES, lambda _hint, _view: (target,), self.rule.host),
            Wake(Side.VIRTUAL, SERVICES, only(target)),
            Wake(Side.VIRTUAL, NAMESPACES, lambda hint, _view: (target,) if hint.key.name == target.namespace else ()),
        )

    @property
    def reads(self) -> tuple[Source, ...]:
        """One Service of the host."""
        return (Source(Side.HOST, SERVICES, everything=True, may_lack=True, place=self.rule.host),)

    @property
    def place_rights(self) -> Mapping[Place, Mapping[Resource, Rights]]:
        """Reading it."""
        return {self.rule.host: {SERVICES: {"": READ}}}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy, None without a source or where its namespace is ending."""
        source = view.place_obj(SERVICES, self.rule.host, self.rule.host.name)
        if source is None or key != self.rule.virtual or is_ending(key.namespace, view):
            return None
        meta = {"name": key.name, "namespace": key.namespace, **marks({FROM_HOST: "true"}, self.proof(view))}
        return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": replica_spec(source)}

    def replaces(self, have: Obj, want: Obj) -> bool:
        """The kind of address has changed."""
        return address_kind(have) != address_kind(want)

    def prepare(self, want: Obj, view: View) -> Iterator[Step]:
        """Make the namespace that the rule names."""
        return missing_namespace(want["metadata"]["namespace"], view)


class FromHostSlices(Replica):
    """Where the host's Service leads, in the virtual cluster; from there it reaches the copy's own host Service."""

    resource = ENDPOINTSLICES

    @property
    def name(self) -> str:
        """One kind per rule."""
        return f"slices of host service to {self.rule.virtual}"

    @property
    def _place(self) -> Place:
        return Place(self.rule.host.namespace)

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """Slices of both, and both Services: a slice comes after the copy that it belongs to."""
        return (
            Wake(Side.HOST, ENDPOINTSLICES, self._of_source, self._place),
            Wake(Side.VIRTUAL, ENDPOINTSLICES, self._of_copy),
            Wake(Side.HOST, SERVICES, lambda _hint, view: self._all(view), self.rule.host),
            Wake(Side.VIRTUAL, SERVICES, lambda hint, view: self._all(view) if hint.key == self.rule.virtual else ()),
        )

    @property
    def reads(self) -> tuple[Source, ...]:
        """The slices of one Service of the host, and by-hand slices of the tenant's."""
        own = f"{SERVICE_NAME}={self.rule.host.name}"
        return (
            Source(Side.HOST, ENDPOINTSLICES, everything=True, labels=own, may_lack=True, place=self._place),
            Source(Side.HOST, SERVICES, everything=True, may_lack=True, place=self.rule.host),
            Source(Side.VIRTUAL, ENDPOINTSLICES, labels=BY_HAND),
        )

    @property
    def place_rights(self) -> Mapping[Place, Mapping[Resource, Rights]]:
        """Reading them."""
        return {self._place: {ENDPOINTSLICES: {"": READ}}}

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy of the slice that a key stands for."""
        source = view.place_obj(SERVICES, self.rule.host, self.rule.host.name)
        if source is None or not view.on_virtual(SERVICES, self.rule.virtual):
            return None
        piece = next((one for one in self._sources(view) if self._key(one) == key), None)
        if piece is None:
            return None
        own = {SERVICE_NAME: self.rule.virtual.name, SLICE_AUTHOR: AUTHOR, FROM_HOST: "true"}
        return slice_body(key.name, key.namespace, own, self.proof(view), piece)

    def _sources(self, view: View) -> Iterator[Obj]:
        found = view.places[ENDPOINTSLICES, self._place]
        return (one for one in found if is_of(one, self.rule.host.name))

    def _key(self, piece: Mapping[str, Any]) -> VirtualKey:
        name = slice_name(self.rule.virtual.name, piece["metadata"]["name"])
        return VirtualKey(self.rule.virtual.namespace, name)

    def _of_source(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        return (self._key(hint.some),) if is_of(hint.some, self.rule.host.name) else ()

    def _of_copy(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        same_place = hint.key.namespace == self.rule.virtual.namespace
        ours = is_of(hint.some, self.rule.virtual.name) and REPLICA in annotations(hint.some)
        return (hint.key,) if same_place and ours else ()

    def _all(self, view: View) -> Iterable[VirtualKey]:
        return [self._key(one) for one in self._sources(view)]
