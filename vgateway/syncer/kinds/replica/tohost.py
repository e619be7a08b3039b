"""A Service of the tenant's on the host, under a name of the operator's choice."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from vgateway.kube.objects import (
    HostKey,
    Obj,
    Resource,
    VirtualKey,
    VirtualObj,
    get_path,
    is_deleting,
)
from vgateway.syncer.kind import READ, WRITE, Hint, Rights, Side, Source, Wake
from vgateway.syncer.kinds.backends import BY_HAND, SERVICE_NAME, SLICE_AUTHOR
from vgateway.syncer.kinds.replica.copies import (
    AUTHOR,
    Replica,
    address_kind,
    host_marks,
    is_of,
    only,
    replica_spec,
    slice_body,
    slice_name,
)
from vgateway.syncer.metadata import host_selector, owner_references
from vgateway.syncer.patch import cover
from vgateway.syncer.resources import ENDPOINTSLICES, SERVICES
from vgateway.syncer.view import View


class ToHostReplica(Replica):
    """The tenant's Service under a name of the operator's choice, in the virtual cluster's own host namespace."""

    resource = SERVICES
    side: ClassVar[Side] = Side.HOST

    @property
    def name(self) -> str:
        """One kind per rule."""
        return f"{self.rule.virtual} to host service {self.rule.host.name}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """Source and copy."""
        target = self.rule.virtual
        return (
            Wake(Side.VIRTUAL, SERVICES, only(target)),
            Wake(Side.HOST, SERVICES, lambda hint, _view: (target,) if hint.key.name == self.rule.host.name else ()),
        )

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return what has the copy's name."""
        return view.host_obj(SERVICES, HostKey(view.names.host_namespace, self.rule.host.name))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy; it finds the tenant's pods by their marks."""
        source = view.virtual_obj(SERVICES, self.rule.virtual)
        if source is None or is_deleting(source) or key != self.rule.virtual:
            return None
        selector = host_selector(view.names, get_path(source, "spec.selector"), key.namespace)
        meta = {
            "name": self.rule.host.name,
            "namespace": view.names.host_namespace,
            "ownerReferences": owner_references(view, VirtualObj(source)),
            **host_marks(self.rule, self.proof(view), {}, view),
        }
        return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": replica_spec(source, selector)}

    def replaces(self, have: Obj, want: Obj) -> bool:
        """The kind of address has changed."""
        return address_kind(have) != address_kind(want)

    def difference(self, have: Obj, want: Obj) -> Obj:
        """Of the selector no key of an earlier one may stay: it would select less."""
        patch = cover(have, want)
        before, after = (get_path(one, "spec.selector") or {} for one in (have, want))
        if gone := {key: None for key in before if key not in after}:
            patch.setdefault("spec", {}).setdefault("selector", {}).update(gone)
        return patch

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Writing the copy."""
        return {SERVICES: {"": READ + WRITE}}


class ToHostSlices(Replica):
    """Where a Service without selector leads, for its copy on the host."""

    resource = ENDPOINTSLICES
    side: ClassVar[Side] = Side.HOST

    @property
    def name(self) -> str:
        """One kind per rule."""
        return f"slices of {self.rule.virtual} to host service {self.rule.host.name}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The tenant's by-hand slices and their copies, and the Service."""
        return (
            Wake(Side.VIRTUAL, ENDPOINTSLICES, self._of_source),
            Wake(Side.HOST, ENDPOINTSLICES, self._of_copy),
            Wake(Side.VIRTUAL, SERVICES, self._of_service),
        )

    @property
    def reads(self) -> tuple[Source, ...]:
        """What no controller made."""
        return tuple(Source(side, ENDPOINTSLICES, labels=BY_HAND) for side in Side)

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy: keys here are those of the tenant's slices."""
        return view.host_obj(ENDPOINTSLICES, HostKey(view.names.host_namespace, self._copy_name(key)))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy of a slice, None where the host's own controller finds the pods."""
        service = view.virtual_obj(SERVICES, self.rule.virtual)
        piece = view.virtual_obj(ENDPOINTSLICES, key)
        if service is None or piece is None or get_path(service, "spec.selector") or not self._is_source(key, piece):
            return None
        own = {SERVICE_NAME: self.rule.host.name, SLICE_AUTHOR: AUTHOR}
        body = slice_body(self._copy_name(key), view.names.host_namespace, {}, "", piece)
        meta = body["metadata"] | host_marks(self.rule, self.proof(view), own, view)
        return body | {"metadata": meta | {"ownerReferences": owner_references(view, service)}}

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Writing the copies."""
        return {ENDPOINTSLICES: {"": READ + WRITE}}

    def _copy_name(self, key: VirtualKey) -> str:
        return slice_name(self.rule.host.name, str(key))

    def _is_source(self, key: VirtualKey, piece: Mapping[str, Any]) -> bool:
        return key.namespace == self.rule.virtual.namespace and is_of(piece, self.rule.virtual.name)

    def _of_source(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        return (hint.key,) if self._is_source(hint.key, hint.some) else ()

    def _of_copy(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        return self._all(view) if is_of(hint.some, self.rule.host.name) else ()

    def _of_service(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        return self._all(view) if hint.key == self.rule.virtual else ()

    def _all(self, view: View) -> Iterable[VirtualKey]:
        keys = view.all_virtual_keys(ENDPOINTSLICES)
        pieces = ((key, view.virtual_obj(ENDPOINTSLICES, key)) for key in keys)
        return [key for key, piece in pieces if piece is not None and self._is_source(key, piece)]
