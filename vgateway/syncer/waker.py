"""Which keys a change of a store wakes: what the kinds declare, less the echo of our own writes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vgateway.kube.objects import Resource, VirtualKey
from vgateway.kube.store import Change
from vgateway.syncer.kind import Hint, Kind, Side
from vgateway.syncer.memory import Memory, Work
from vgateway.syncer.view import View

KeysOf = Callable[[Hint, View], Iterable[VirtualKey]]


def wakes_of(kinds: Sequence[Kind], side: Side, resource: Resource) -> tuple[tuple[str, KeysOf], ...]:
    """Return what the kinds declare for one store: (kind, which of its keys)."""
    return tuple(
        (kind.name, wake.keys)
        for kind in kinds
        for wake in kind.wakes
        if wake.side is side and wake.resource == resource
    )


@dataclass(frozen=True, slots=True)
class Waker:
    """Subscribed to one store; ``wake`` takes what is to be looked at."""

    side: Side
    resource: Resource
    wakes: tuple[tuple[str, KeysOf], ...]
    view: View
    memory: Memory
    wake: Callable[[Work], None]

    def __call__(self, change: Change) -> None:
        """Wake the keys that this change concerns."""
        hint = Hint(change)
        for name, keys in self.wakes:
            for key in keys(hint, self.view):
                # What we wrote ourselves was planned to the end: seeing it again changes no plan.
                if hint.went or not self.memory.is_echo((name, key), self.side, self.resource, hint.some):
                    self.wake((name, key))
