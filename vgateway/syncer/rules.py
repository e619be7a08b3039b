"""Field rules: which side a field's value comes from. Rules are data; the engine applies them.

Guarantees: a field without a rule is never written after creation, so what others put there survives. A pushed
field that was edited on the host is put right; a mirrored one follows whoever moved, and the tenant on a tie.
Assumption: the value at a rule's path is JSON. Caveat: without a memory (a fresh process) neither side has moved.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from vgateway.kube.objects import HostObj, Obj, VirtualObj, get_path
from vgateway.syncer.patch import put_difference
from vgateway.syncer.view import View

ToHost = Callable[[VirtualObj, HostObj, View], Any]
ToVirtual = Callable[[HostObj, VirtualObj, View], Any]


@dataclass(frozen=True, slots=True)
class Push:
    """The tenant's value goes to the host."""

    path: str
    via: ToHost | None = None

    def value(self, virtual: VirtualObj, host: HostObj, view: View) -> Any:
        """Return what the host should hold."""
        return get_path(virtual, self.path) if self.via is None else self.via(virtual, host, view)


@dataclass(frozen=True, slots=True)
class Pull:
    """The host's value goes to the tenant."""

    path: str
    via: ToVirtual | None = None

    def value(self, host: HostObj, virtual: VirtualObj, view: View) -> Any:
        """Return what the tenant's object should hold."""
        return get_path(host, self.path) if self.via is None else self.via(host, virtual, view)


@dataclass(frozen=True, slots=True)
class Mirror:
    """Whoever moved since both sides agreed decides."""

    path: str


Rule = Push | Pull | Mirror


def push(path: str, via: ToHost | None = None) -> Push:
    """Declare a field that the tenant owns; ``via`` says it in host terms."""
    return Push(path, via)


def pull(path: str, via: ToVirtual | None = None) -> Pull:
    """Declare a field that the host owns; ``via`` says it in the tenant's terms."""
    return Pull(path, via)


def mirror(path: str) -> Mirror:
    """Declare a field that either side may change."""
    return Mirror(path)


@dataclass(frozen=True, slots=True)
class Change:
    """One side's value of a field, and whether it differs from what both sides last agreed on."""

    now: Any
    moved: bool


def settle(virtual: Change, host: Change) -> Any:
    """Pick the value both sides should hold: whoever moved, and virtual on a tie.

    With no memory of the last sync (fresh process) neither side has moved, so the tenant's intent wins.
    """
    return host.now if host.moved and not virtual.moved else virtual.now


def digest(value: Any) -> int:
    """Return a number that stands for a JSON value within this process."""
    return hash(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


@dataclass(slots=True)
class Changes:
    """The patches that a round of rules comes to, and what both sides agree on once they are applied."""

    host: Obj
    virtual: Obj
    virtual_status: Obj
    seen: dict[str, int]

    def put_virtual(self, path: str, have: Any, want: Any) -> None:
        """Note a change of the tenant's object in the patch of the resource that takes it."""
        patch = self.virtual_status if path.startswith("status.") or path == "status" else self.virtual
        put_difference(patch, path, have, want)


def changed(value: Any, path: str, seen: Mapping[str, int]) -> Change:
    """Compare a side's value with the memory."""
    return Change(value, path in seen and digest(value) != seen[path])


def apply_rules(
    rules: tuple[Rule, ...], virtual: VirtualObj, host: HostObj, view: View, seen: Mapping[str, int]
) -> Changes:
    """Say what each side must change so that every rule holds."""
    changes = Changes({}, {}, {}, {})
    for rule in rules:
        match rule:
            case Push():
                put_difference(changes.host, rule.path, get_path(host, rule.path), rule.value(virtual, host, view))
            case Pull():
                changes.put_virtual(rule.path, get_path(virtual, rule.path), rule.value(host, virtual, view))
            case Mirror(path):
                _settle_field(changes, path, virtual, host, seen)
    return changes


def _settle_field(changes: Changes, path: str, virtual: VirtualObj, host: HostObj, seen: Mapping[str, int]) -> None:
    ours, theirs = get_path(virtual, path), get_path(host, path)
    agreed = settle(changed(ours, path, seen), changed(theirs, path, seen))
    put_difference(changes.host, path, theirs, agreed)
    changes.put_virtual(path, ours, agreed)
    changes.seen[path] = digest(agreed)


def pushed_fields(rules: tuple[Rule, ...], virtual: VirtualObj, view: View) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of what a new host object gets from the rules; nothing is pulled before it exists."""
    nothing = HostObj({})
    for rule in rules:
        match rule:
            case Push():
                yield rule.path, rule.value(virtual, nothing, view)
            case Mirror(path):
                yield path, get_path(virtual, path)
            case Pull():
                continue
