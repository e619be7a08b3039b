"""The case table: what must change for one key. Pure, and the only place where the cases are told apart.

Guarantees: the same stores give the same steps; once the steps are applied and seen, there are none. A host object
that is not provably the key's own is never written. Caveat: a step may find the world changed; then we look again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from vgateway.kube.objects import (
    HostKey,
    HostObj,
    Obj,
    VirtualKey,
    VirtualObj,
    annotations,
    host_key,
    is_deleting,
    uid,
    virtual_key,
)
from vgateway.kube.ownership import OBJECT_UID, owner_of
from vgateway.syncer.kind import Derived, DerivedKind, Kind, Pair, Seen, Side, SyncedKind, delete_host, look
from vgateway.syncer.metadata import metadata_patch, owners_patch
from vgateway.syncer.rules import apply_rules
from vgateway.syncer.steps import (
    CreateHost,
    CreateVirtual,
    DeleteHost,
    DeleteVirtual,
    PatchHost,
    PatchVirtual,
    Remember,
    Requeue,
    Step,
    Tell,
)
from vgateway.syncer.view import View

# The end of a displacing object of ours wakes the displaced; one of somebody else's may not.
DISPLACED_SECONDS = 30.0


def plan(kind: Kind, key: VirtualKey, view: View, seen: Seen) -> Iterator[Step]:
    """Say what must change for one key. Same input, same steps."""
    if isinstance(kind, SyncedKind):
        pair = look(kind, key, view, seen)
        return (_addressed(step, pair.virtual, pair.host) for step in plan_twins(kind, pair, view))
    assert isinstance(kind, DerivedKind)
    derived = kind.derive(key, view)
    return (_addressed(step, derived.have, derived.have) for step in plan_derived(kind, key, derived, view))


def _addressed(step: Step, virtual: Mapping[str, Any] | None, host: Mapping[str, Any] | None) -> Step:
    """Bind a patch to the very object that it was planned for: another one may have its name by now."""
    match step:
        case PatchHost(uid="") if host is not None:
            return replace(step, uid=uid(host))
        case PatchVirtual() if virtual is not None:
            return replace(step, uid=uid(virtual))
    return step


def plan_twins(kind: SyncedKind, pair: Pair, view: View) -> Iterator[Step]:
    """Say what must change for a pair of twins."""
    match pair:
        case Pair(virtual=None, host=None):
            yield from kind.clean(pair.key, view)
        case Pair(virtual=None, host=dict() as host):
            if not kind.owns(pair.key, HostObj(host), view):
                yield from kind.clean(pair.key, view)
            elif not is_deleting(host):
                yield from kind.retire(pair.key, HostObj(host), view)
        case Pair(virtual=dict() as virtual, host=None):
            yield from _alone(kind, VirtualObj(virtual), view)
        case Pair(virtual=dict() as virtual, host=dict() as host):
            if kind.owns(pair.key, HostObj(host), view):
                yield from _both(kind, VirtualObj(virtual), HostObj(host), pair.seen, view)
            else:
                yield from _displaced(kind, VirtualObj(virtual), HostObj(host), view)


def _alone(kind: SyncedKind, virtual: VirtualObj, view: View) -> Iterator[Step]:
    if is_deleting(virtual):
        yield from kind.bereave(virtual, view)
    elif kind.wanted(virtual, view):
        if why := kind.refusal(virtual, view):
            yield Tell("NotSynced", why)
        else:
            yield from kind.introduce(virtual, view)


def _displaced(kind: SyncedKind, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Go on as if there were no copy, except that none can be made: the name is somebody else's."""
    steps = tuple(_alone(kind, virtual, view))
    if not any(isinstance(step, CreateHost) for step in steps):
        yield from steps
        return
    yield from kind.clean(virtual_key(virtual), view)
    owner = owner_of(view.names, kind.resource, host)
    whose = f"your {kind.resource.kind} {owner}" if owner else "an object that is not yours"
    yield Tell("NameTaken", f"its name on the host cluster belongs to {whose}; give it another name")
    yield Requeue(DISPLACED_SECONDS)


def _both(kind: SyncedKind, virtual: VirtualObj, host: HostObj, seen: Seen, view: View) -> Iterator[Step]:
    if annotations(host).get(OBJECT_UID) != uid(virtual) and not kind.adopts:
        if not is_deleting(host):
            yield delete_host(kind.resource, host, "it belongs to an earlier object of that name")
    elif is_deleting(virtual):
        yield from kind.dismiss(virtual, host, view)
    elif is_deleting(host):
        yield from kind.leave(virtual, host, view)
    elif not kind.wanted(virtual, view):
        yield delete_host(kind.resource, host, "the tenant no longer needs it on the host")
    elif why := kind.refusal(virtual, view):
        yield Tell("NotSynced", why)
        yield delete_host(kind.resource, host, why)
    else:
        yield from _agree(kind, virtual, host, seen, view)


def _agree(kind: SyncedKind, virtual: VirtualObj, host: HostObj, seen: Seen, view: View) -> Iterator[Step]:
    changes = apply_rules(kind.rules, virtual, host, view, seen)
    meta = metadata_patch(host, kind.labels(virtual, view), kind.annotations(virtual, view)) | owners_patch(view, host)
    if meta:
        changes.host["metadata"] = meta
    key = VirtualKey(virtual["metadata"].get("namespace") or "", virtual["metadata"]["name"])
    yield from kind.agree(virtual, host, view)
    if changes.host:
        yield PatchHost(kind.resource, host_key(host), changes.host)
    if changes.virtual:
        yield PatchVirtual(kind.resource, key, changes.virtual)
    if changes.virtual_status:
        yield PatchVirtual(kind.resource, key, changes.virtual_status, "status")
    if changes.seen and changes.seen != dict(seen):
        yield Remember(changes.seen)


def plan_derived(kind: DerivedKind, key: VirtualKey, derived: Derived, view: View) -> Iterator[Step]:
    """Say what must change so that an object is what the view implies."""
    place, have, want = derived.place, derived.have, derived.want
    if have is None:
        if want is not None:
            yield from _make(kind, want, view)
    elif not kind.managed(have, view):
        if want is not None:
            yield from kind.displaced(key, have, view)
    elif is_deleting(have):
        if want is None:
            yield from kind.let_go(key, have, view)
    elif want is None:
        yield _unmake(kind, place, have, "nothing needs it any more")
    elif kind.replaces(have, want):
        yield _unmake(kind, place, have, "it must be made anew")
        yield from _make(kind, want, view)
    else:
        yield from kind.prepare(want, view)
        yield from _adjust(kind, place, have, want)


def _make(kind: DerivedKind, want: Obj, view: View) -> Iterator[Step]:
    yield from kind.prepare(want, view)
    yield CreateHost(kind.resource, want) if kind.side is Side.HOST else CreateVirtual(kind.resource, want)


def _unmake(kind: DerivedKind, key: VirtualKey, have: Obj, why: str) -> DeleteHost | DeleteVirtual:
    if kind.side is Side.HOST:
        return delete_host(kind.resource, HostObj(have), why)
    return DeleteVirtual(kind.resource, key, uid(have), why)


def _adjust(kind: DerivedKind, key: VirtualKey, have: Obj, want: Obj) -> Iterator[Step]:
    patch = kind.difference(have, want)
    status = patch.pop("status", None)
    if kind.side is Side.HOST:
        if patch:
            meta = have["metadata"]
            yield PatchHost(kind.resource, HostKey(meta.get("namespace") or "", meta["name"]), patch)
        return
    if patch:
        yield PatchVirtual(kind.resource, key, patch)
    if status:
        yield PatchVirtual(kind.resource, key, {"status": status}, "status")
