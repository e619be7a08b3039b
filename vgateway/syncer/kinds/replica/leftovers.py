"""Copies whose rule is gone."""

from collections.abc import Iterable
from typing import ClassVar

from vgateway.kube.objects import (
    HostKey,
    Obj,
    Resource,
    VirtualKey,
    annotations,
)
from vgateway.syncer.kind import DerivedKind, Hint, Side, Source, Wake
from vgateway.syncer.kinds.backends import BY_HAND
from vgateway.syncer.kinds.replica.copies import DELETE_ON_REMOVAL, REPLICA, Replica, Replication, is_replica
from vgateway.syncer.resources import ENDPOINTSLICES, SERVICES
from vgateway.syncer.view import View


class Leftovers(DerivedKind):
    """Copies in the virtual cluster whose rule is gone: they go too."""

    def __init__(self, resource: Resource, rules: Iterable[Replication]) -> None:
        self.resource = resource
        self._rules = tuple(rules)

    @property
    def name(self) -> str:
        """By resource and side."""
        return f"replicated {self.resource.plural} left over on the {self.side.value}"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """Whatever says that it is a copy."""
        return (Wake(self.side, self.resource, _of_replica),)

    @property
    def reads(self) -> tuple[Source, ...]:
        """Of slices those that no controller made."""
        by_hand = BY_HAND if self.resource is ENDPOINTSLICES else ""
        return (Source(self.side, self.resource, labels=by_hand),)

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return a copy that no rule asks for."""
        found = self._found(key, view)
        if found is None or not is_replica(found, view):
            return None
        proof = annotations(found)[REPLICA]
        kept = any(Replica(rule).proof(view) == proof or self._leads(rule, key) for rule in self._rules)
        return None if kept else found

    def _leads(self, rule: Replication, key: VirtualKey) -> bool:
        """Say whether a Service is where a present rule leads, which then makes it its own."""
        return self.resource is SERVICES and key == rule.virtual

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Nothing."""
        return None

    def managed(self, obj: Obj, view: View) -> bool:
        """Every copy."""
        return True

    def _found(self, key: VirtualKey, view: View) -> Obj | None:
        return view.virtual_obj(self.resource, key)


class HostLeftovers(Leftovers):
    """Copies on the host whose rule is gone: those go of which the rule said so."""

    side: ClassVar[Side] = Side.HOST

    def managed(self, obj: Obj, view: View) -> bool:
        """What was made to go with its rule."""
        return annotations(obj).get(DELETE_ON_REMOVAL) == "true"

    def _leads(self, rule: Replication, key: VirtualKey) -> bool:
        return self.resource is SERVICES and key.name == rule.host.name

    def _found(self, key: VirtualKey, view: View) -> Obj | None:
        return view.host_obj(self.resource, HostKey(key.namespace, key.name))


def _of_replica(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    return (hint.key,) if REPLICA in annotations(hint.some) else ()
