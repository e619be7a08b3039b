"""What the engine remembers between two rounds of a key: what both sides agreed on, and what it wrote itself.

In this process only. After a restart neither side has moved and the tenant's intent wins; a memory that outlives the
process would be another object with these methods.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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

    def wrote(self, work: Work, now: float, awaited: Awaited) -> None:
        """Keep a write that the stores have yet to show."""
        _, others = self._awaited.get(work, (now, []))
        self._awaited[work] = (now, [*others, awaited])

    def is_echo(self, work: Work, side: Side, resource: Resource, obj: Obj) -> bool:
        """Say whether a change is the very state that a write of this key's own answered with: it is no news."""
        if work not in self._awaited:
            return False
        meta = obj["metadata"]
        where = (side, resource, meta.get("namespace") or "", meta["name"], meta.get("resourceVersion"))
        return any(
            (one.side, one.resource, one.namespace, one.name, one.version) == where for one in self._awaited[work][1]
        )

    def waits(self, work: Work, now: float, lookup: Callable[[Awaited], Obj | None]) -> bool:
        """Say whether the stores still lack a write of ours, so that planning on them would repeat it."""
        if work not in self._awaited:
            return False
        since, awaited = self._awaited[work]
        left = [one for one in awaited if not one.shown(lookup(one))]
        if left and now - since < PATIENCE_SECONDS:
            self._awaited[work] = (since, left)
            return True
        del self._awaited[work]
        return False
