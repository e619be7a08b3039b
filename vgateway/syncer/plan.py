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
from vgateway.syncer.patches import PatchFailed, through
from vgateway.syncer.rules import apply_rules
from vgateway.syncer.steps import (
    Bind,
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
# The host namespace's coming wakes what waits for it.
SETTLING_SECONDS = 30.0
# A patch that failed may have taken too long; what the object itself is wakes its key.
PATCH_SECONDS = 60.0


def plan(kind: Kind, key: VirtualKey, view: View, seen: Seen) -> Iterator[Step]:
    """Say what must change for one key. Same input, same steps."""
    if isinstance(kind, SyncedKind):
        pair = look(kind, key, view, seen)
        steps = plan_patched(kind, pair, view) if kind.patches else plan_twins(kind, pair, view)
        return (_addressed(step, pair.virtual, pair.host) for step in steps)
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


def plan_patched(kind: SyncedKind, pair: Pair, view: View) -> Iterator[Step]:
    """Say the same for twins of which the host's has other values: see ``patches``."""
    virtual, host = pair.virtual, pair.host
    if virtual is None or is_deleting(virtual) or (host is None and not kind.wanted(virtual, view)):
        yield from plan_twins(kind, pair, view)
        return
    plain = kind.body(virtual, view)
    try:
        patched = kind.patches.forward(plain, view, virtual, host)
        seen = None if host is None else HostObj(kind.patches.backward(host, plain, patched, view, virtual))
    except PatchFailed as error:
        # What only brings state up does not depend on it.
        yield from (step for step in plan_twins(kind, pair, view) if _brings_up(step))
        yield from _failed(error)
        return
    for step in plan_twins(kind, replace(pair, host=seen), view):
        yield _patched(step, kind, host_key(HostObj(plain)), plain, patched)


def _brings_up(step: Step) -> bool:
    return isinstance(step, Bind | DeleteVirtual) or (isinstance(step, PatchVirtual) and step.subresource == "status")


def _failed(error: PatchFailed) -> Iterator[Step]:
    yield Tell("PatchFailed", str(error))
    yield Requeue(PATCH_SECONDS)


def _patched(step: Step, kind: SyncedKind, key: HostKey, plain: Obj, patched: Obj) -> Step:
    """Let what goes to the host go through the patches."""
    match step:
        case CreateHost(resource, body, otherwise) if resource == kind.resource and host_key(HostObj(body)) == key:
            modest = None if otherwise is None else through(otherwise, plain, patched, whole=True)
            return replace(step, body=through(body, plain, patched, whole=True), otherwise=modest)
        case PatchHost(resource, where, patch, otherwise=otherwise) if resource == kind.resource and where == key:
            modest = None if otherwise is None else through(otherwise, plain, patched)
            return replace(step, patch=through(patch, plain, patched), otherwise=modest)
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
        if not view.is_settled(virtual_key(virtual).namespace):
            yield from _unsettled(virtual_key(virtual).namespace, view)
        elif why := kind.refusal(virtual, view):
            yield Tell("NotSynced", why)
        else:
            yield from kind.introduce(virtual, view)


def _unsettled(namespace: str, view: View) -> Iterator[Step]:
    """Wait for the namespace on the host, if there is to be one."""
    if view.names.namespace_of(namespace):
        yield Requeue(SETTLING_SECONDS)
    else:
        yield Tell("NotSynced", f"no line of sync.toHost.namespaces.mappings gives {namespace} a namespace on the host")


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
    want = derived.want
    try:
        want = kind.patches.forward(want, view, None, want) if want and kind.patches else want
    except PatchFailed as error:
        yield from _failed(error)
    else:
        yield from _follow(kind, key, replace(derived, want=want), view)


def _follow(kind: DerivedKind, key: VirtualKey, derived: Derived, view: View) -> Iterator[Step]:
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
        yield from kind.beside(key, have, view)
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
