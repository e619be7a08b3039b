"""What the engine remembers between two rounds of a key: what both sides agreed on, and what it wrote itself.

In this process only. After a restart neither side has moved and the tenant's intent wins; a memory that outlives the
process would be another object with these methods.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vgateway.kube.objects import Obj, Resource, VirtualKey
from vgateway.syncer.kind import Seen, Side

Work = tuple[str, VirtualKey]

# The watch shows our own writes within milliseconds; a longer silence means that a write was lost to somebody else's.
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """A write of ours that a store has yet to show."""

    side: Side
    resource: Resource
    namespace: str
    name: str
    shown: Callable[[Obj | None], bool]
    version: str = ""

    def answered_with(self, side: Side, resource: Resource, obj: Obj) -> bool:
        """Say whether this is the very state that the write was answered with."""
        meta = obj["metadata"]
        return (self.side, self.resource, self.namespace, self.name, self.version) == (
            side,
            resource,
            meta.get("namespace") or "",
            meta["name"],
            meta.get("resourceVersion"),
        )


def at_version(uid: str, version: str) -> Callable[[Obj | None], bool]:
    """Return whether an object is at this version or past it; another object of that name is past it."""

    def shown(obj: Obj | None) -> bool:
        if obj is None:
            return False
        meta = obj["metadata"]
        return meta.get("uid") != uid or is_reached(meta.get("resourceVersion", ""), version)

    return shown


def on_its_way_out(uid: str) -> Callable[[Obj | None], bool]:
    """Return whether an object is gone or being deleted."""

    def shown(obj: Obj | None) -> bool:
        return obj is None or obj["metadata"].get("uid") != uid or "deletionTimestamp" in obj["metadata"]

    return shown


def bound(uid: str) -> Callable[[Obj | None], bool]:
    """Return whether a pod has a node."""

    def shown(obj: Obj | None) -> bool:
        return obj is None or obj["metadata"].get("uid") != uid or bool(obj.get("spec", {}).get("nodeName"))

    return shown


def is_reached(have: str, version: str) -> bool:
    """Compare resource versions of one resource; what is no number counts as reached."""
    return not (have.isdecimal() and version.isdecimal()) or int(have) >= int(version)


@dataclass(slots=True)
class Memory:
    """Per key: digests of mirrored fields, and writes that the stores have yet to show."""

    _seen: dict[Work, Mapping[str, int]] = field(default_factory=dict)
    _awaited: dict[Work, tuple[float, list[Awaited]]] = field(default_factory=dict)

    def seen(self, work: Work) -> Seen:
        """Return what both sides last agreed on, empty if that is not known."""
        return self._seen.get(work, {})

    def remember(self, work: Work, seen: Mapping[str, int]) -> None:
        """Keep what both sides agree on."""
        self._seen[work] = seen

    def forget(self, work: Work) -> None:
        """Drop what both sides agreed on: the object is gone."""
        self._seen.pop(work, None)

    def clear(self) -> None:
        """Forget everything: somebody else has written since."""
        self._seen.clear()
        self._awaited.clear()

    def keep(self, kinds: Collection[str]) -> None:
        """Drop what is known of the keys of all other kinds."""
        for work in [one for one in {*self._seen, *self._awaited} if one[0] not in kinds]:
            self.forget(work)
            self.stop_waiting(work)

    def wrote(self, work: Work, now: float, awaited: Awaited) -> None:
        """Keep a write that the stores have yet to show."""
        _, others = self._awaited.get(work, (now, []))
        self._awaited[work] = (now, [*others, awaited])

    def is_echo(self, work: Work, side: Side, resource: Resource, obj: Obj) -> bool:
        """Say whether a change is the very state that a write of this key's own answered with: it is no news."""
        if work not in self._awaited:
            return False
        return any(one.answered_with(side, resource, obj) for one in self._awaited[work][1])

    def saw_echo(self, work: Work, side: Side, resource: Resource, obj: Obj) -> None:
        """Wait no longer for what an echo shows; it wakes nobody, so that no round would find out."""
        since, awaited = self._awaited[work]
        if left := [one for one in awaited if not one.answered_with(side, resource, obj)]:
            self._awaited[work] = (since, left)
        else:
            del self._awaited[work]

    def relisted(self, side: Side, resource: Resource, lookup: Callable[[Awaited], Obj | None]) -> list[Work]:
        """Return the keys with a write that a new list does not show: what came of it may be gone without a word.

        What it does show may hold more than we wrote: between lists, others' changes are not told apart from ours.
        """
        unseen: list[Work] = []
        for work, (since, awaited) in self._awaited.items():
            if any(one.side is side and one.resource == resource for one in awaited):
                self._awaited[work] = (since, [replace(one, version="") for one in awaited])
                if not all(one.shown(lookup(one)) for one in awaited):
                    unseen.append(work)
        return unseen

    def waits(self, work: Work, lookup: Callable[[Awaited], Obj | None]) -> Sequence[Awaited]:
        """Return the writes of ours that the stores still lack, so that planning on them would repeat it.

        We are here because of other news, and cannot plan on them yet: the write is no echo any more.
        """
        if work not in self._awaited:
            return ()
        since, awaited = self._awaited[work]
        left = [replace(one, version="") for one in awaited if not one.shown(lookup(one))]
        if left:
            self._awaited[work] = (since, left)
        else:
            del self._awaited[work]
        return left

    def overdue(self, work: Work, now: float) -> bool:
        """Say whether the stores should have shown our last write by now."""
        return now - self._awaited[work][0] >= PATIENCE_SECONDS

    def stop_waiting(self, work: Work) -> None:
        """Give up on the writes of a key that no store will show."""
        self._awaited.pop(work, None)
