"""Which keys a change of a store wakes: what the kinds declare, less the echo of our own writes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vgateway.kube.objects import Resource, VirtualKey, annotations, is_deleting
from vgateway.kube.ownership import OBJECT_NAME
from vgateway.kube.store import Change
from vgateway.syncer.kind import Hint, Kind, Side, SyncedKind, Wake
from vgateway.syncer.memory import Memory, Work
from vgateway.syncer.view import Lookup, Place, View
from vgateway.syncer.workqueue import Rank

KeysOf = Callable[[Hint, View], Iterable[VirtualKey]]


def wakes_of(
    kinds: Sequence[Kind], side: Side, resource: Resource, place: Place | None = None
) -> tuple[tuple[str, Rank, KeysOf], ...]:
    """Return what the kinds declare for one store: (kind, how urgent it can be, which of its keys)."""
    return tuple(
        (kind.name, kind.rank, wake.keys)
        for kind in kinds
        for wake in kind.wakes
        if wake.side is side and wake.resource == resource and wake.place == place
    )


def every_key(kind: Kind, view: View) -> set[VirtualKey]:
    """Return all keys of a kind that the objects of its own resource stand for, wherever they are."""
    found: set[VirtualKey] = set()
    for wake in kind.wakes:
        if wake.resource == kind.resource:
            for change in _store_of(wake, view).as_news():
                found.update(wake.keys(Hint(change), view))
    return found


def _store_of(wake: Wake, view: View) -> Lookup:
    if wake.place is not None:
        return view.places[wake.resource, wake.place]
    return (view.virtual if wake.side is Side.VIRTUAL else view.host)[wake.resource]


def rank_of(side: Side, hint: Hint) -> Rank:
    """Say how urgent a change is: the tenant's wishes, beginnings and ends before what is reported in between."""
    asked = side is Side.VIRTUAL or hint.came or hint.went or is_deleting(hint.some)
    return Rank.ASKED if asked else Rank.REPORTED


@dataclass(frozen=True, slots=True)
class Settling:
    """Subscribed to the host namespaces that virtual ones have of their own: what is in one waits for it to come."""

    kinds: Sequence[Kind]
    view: View
    wake: Callable[[Work, Rank], None]

    def __call__(self, change: Change) -> None:
        """Wake every key of the namespace that has come."""
        name = annotations(change.new or {}).get(OBJECT_NAME) if change.came else None
        for kind in self.kinds if name else ():
            if isinstance(kind, SyncedKind) and kind.resource.namespaced:
                for key in self.view.all_virtual_keys(kind.resource):
                    if key.namespace == name:
                        self.wake((kind.name, key), kind.rank)


@dataclass(slots=True)
class Waker:
    """Subscribed to one store; ``wake`` takes what is to be looked at. ``wakes`` follows the kinds: see ``Wiring``."""

    side: Side
    resource: Resource
    wakes: tuple[tuple[str, Rank, KeysOf], ...]
    view: View
    memory: Memory
    wake: Callable[[Work, Rank], None]
    place: Place | None = None

    def __call__(self, change: Change) -> None:
        """Wake the keys that this change concerns."""
        hint = Hint(change)
        rank = rank_of(self.side, hint)
        echoes: set[Work] = set()
        for name, at_most, keys in self.wakes:
            for key in keys(hint, self.view):
                # What we wrote ourselves was planned to the end: seeing it again changes no plan.
                if not hint.went and self.memory.is_echo((name, key), self.side, self.resource, hint.some):
                    echoes.add((name, key))
                else:
                    self.wake((name, key), max(rank, at_most))
        for work in echoes:
            self.memory.saw_echo(work, self.side, self.resource, hint.some)
