"""What stands behind a namespaced object: a volume behind a claim, a content behind a snapshot. Both sides make them.

One that the host made, for a copy of ours, is shown to the tenant under its own name; one that the tenant made has a
copy under a translated name. Each names the object that it stands behind, and that reference is translated both ways.
That a host object stands behind the tenant's is proved by the copy while that lives, and by a mark afterwards.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from vgateway.config.sync import Sync
from vgateway.kube.names import Names
from vgateway.kube.objects import (
    HostKey,
    HostObj,
    Obj,
    Resource,
    VirtualKey,
    VirtualObj,
    annotations,
    get_path,
    is_deleting,
    labels,
    uid,
)
from vgateway.kube.ownership import OBJECT_UID, PREFIX, owner_of
from vgateway.syncer.kind import Hint, Side, Source
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.resources import CLAIMS, SNAPSHOTCONTENTS, SNAPSHOTS, VOLUMES
from vgateway.syncer.view import View

HOST_UID = f"{PREFIX}/host-uid"
"""On what is shown to the tenant: which object of the host's it is."""
HELD_BY = f"{PREFIX}/held-by"
"""On a host object: whose virtual cluster, which object of the tenant's with which UID, and its copy's UID."""


@dataclass(frozen=True, slots=True)
class Backing:
    """A cluster-scoped ``resource`` behind objects of the resource ``of``.

    ``reference`` is where it names the object, ``named_in`` where that names it, ``policy`` what becomes of it when
    the object is gone, ``class_name`` the path of the class in both. ``crosses`` says whether the tenant makes and
    sees real ones, ``was_bound`` whether a tenant's object has been told that the host had bound it. ``sign`` is an
    annotation that tells tools the host's name of what is shown.
    """

    resource: Resource
    of: Resource
    reference: str
    named_in: str
    policy: str
    class_name: str
    crosses: Callable[[Sync], bool]
    was_bound: Callable[[VirtualObj], bool]
    may_lack: bool = False
    sign: str = ""

    def sources(self, side: Side) -> tuple[Source, Source]:
        """Return what must be followed of one side: of the host all of what may stand behind something."""
        whole = Source(side, self.resource, everything=True, may_lack=self.may_lack)
        return whole, Source(side, self.of, may_lack=self.may_lack)

    def behind(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        """Return what stands behind an object, under the name by which the object's own side knows it."""
        name = get_path(hint.some, self.named_in)
        return (VirtualKey("", name),) if name else ()

    def holder(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        """Return the tenant's object whose copy a host object stands behind."""
        twin = twin_held(self, HostObj(hint.some), view)
        owner = None if twin is None else owner_of(view.names, self.of, twin)
        return () if owner is None else (owner,)

    def holder_values(self, obj: Obj) -> Iterable[str]:
        """Index objects by what they stand behind."""
        reference = get_path(obj, self.reference) or {}
        key = VirtualKey(reference.get("namespace") or "", reference.get("name") or "")
        return (str(key),) if reference else ()


@dataclass(frozen=True, slots=True)
class Held:
    """What a host object stands behind: the tenant's object with its UID, and its copy's."""

    key: VirtualKey
    uid: str
    twin_uid: str

    def mark(self, names: Names) -> str:
        """Return what the host object is marked with, so that this is known when the copy is gone."""
        return f"{names.cluster_marker} {self.key} {self.uid} {self.twin_uid}"


def twin_held(backing: Backing, host: HostObj, view: View) -> HostObj | None:
    """Return the host object that is referred to, if it is in our namespace and this very one lives."""
    reference = get_path(host, backing.reference) or {}
    if reference.get("namespace") != view.names.host_namespace:
        return None
    twin = view.host_obj(backing.of, HostKey(reference["namespace"], reference.get("name") or ""))
    return twin if twin is not None and uid(twin) == reference.get("uid") else None


def held(backing: Backing, host: HostObj, view: View) -> Held | None:
    """Return what a host object provably stands behind, None if it is nothing of this tenant's."""
    twin = twin_held(backing, host, view)
    owner = None if twin is None else owner_of(view.names, backing.of, twin)
    if twin is not None and owner is not None:
        return Held(owner, annotations(twin).get(OBJECT_UID, ""), uid(twin))
    return _marked(host, get_path(host, backing.reference) or {}, view.names)


def _marked(host: HostObj, reference: dict[str, Any], names: Names) -> Held | None:
    match annotations(host).get(HELD_BY, "").split(" "):
        case [marker, owner, virtual_uid, twin_uid] if marker == names.cluster_marker:
            namespace, _, name = owner.partition("/")
            key = VirtualKey(namespace, name)
            where = HostKey(reference.get("namespace") or "", reference.get("name") or "")
            same = names.host_key(key) == where and reference.get("uid") == twin_uid
            return Held(key, virtual_uid, twin_uid) if same else None
    return None


def virtual_reference(backing: Backing, found: Held) -> Obj:
    """Return the reference in the tenant's terms."""
    return {
        "apiVersion": backing.of.api_version,
        "kind": backing.of.kind,
        "namespace": found.key.namespace,
        "name": found.key.name,
        "uid": found.uid,
    }


def host_reference(backing: Backing, own: dict[str, Any], view: View) -> Obj:
    """Return a tenant's reference in the host's terms; the UID is the copy's, as long as there is one."""
    key = VirtualKey(own.get("namespace") or "", own.get("name") or "")
    where = view.names.host_key(key)
    found: Obj = {
        "apiVersion": backing.of.api_version,
        "kind": backing.of.kind,
        "namespace": where.namespace,
        "name": where.name,
    }
    asked = own.get("uid")
    return found | ({"uid": held_uid} if asked and (held_uid := _twin_uid(backing, key, asked, view)) else {})


def _twin_uid(backing: Backing, key: VirtualKey, asked: str, view: View) -> str:
    """Return the UID of the copy of the object that is meant, "" before it is there; what is gone keeps its own."""
    virtual = view.virtual_obj(backing.of, key)
    if virtual is None or uid(virtual) != asked:
        return asked
    twin = view.host_obj(backing.of, view.names.host_key(key))
    ours = twin is not None and owner_of(view.names, backing.of, twin) == key
    return uid(twin) if twin is not None and ours and annotations(twin).get(OBJECT_UID) == asked else ""


def host_name(backing: Backing, name: str, view: View) -> str:
    """Return what the host calls something that the tenant names; what came from there has one name."""
    if not backing.crosses(view.settings.sync):
        return name
    shown = view.virtual_obj(backing.resource, VirtualKey("", name))
    return name if shown is not None and is_shown(shown) else view.names.cluster_name(name)


def virtual_name(backing: Backing, name: str | None, view: View) -> str | None:
    """Return what the tenant calls something that the host names, None as long as that cannot be told."""
    if not name or not backing.crosses(view.settings.sync):
        return name
    there = view.host_obj(backing.resource, HostKey("", name))
    owner = None if there is None else owner_of(view.names, backing.resource, there)
    return None if there is None else (name if owner is None else owner.name)


def is_shown(virtual: VirtualObj) -> bool:
    """Say whether a tenant's object was made by the host and is only shown here."""
    return labels(virtual).get(FROM_HOST) == "true"


def is_reclaimed(backing: Backing, virtual: VirtualObj, view: View) -> bool:
    """Say whether the host has reclaimed a tenant's object: what it stood behind is gone, and its policy is to go too.

    Only then is it not made again when its copy vanishes.
    """
    reference = get_path(virtual, backing.reference) or {}
    if get_path(virtual, backing.policy) != "Delete" or not backing.was_bound(virtual) or not reference.get("uid"):
        return False
    key = VirtualKey(reference.get("namespace") or "", reference.get("name") or "")
    of = view.virtual_obj(backing.of, key)
    return of is None or is_deleting(of) or uid(of) != reference["uid"]


BOUND = ("Bound", "Released", "Failed")

VOLUME = Backing(
    VOLUMES,
    CLAIMS,
    reference="spec.claimRef",
    named_in="spec.volumeName",
    policy="spec.persistentVolumeReclaimPolicy",
    class_name="spec.storageClassName",
    crosses=lambda sync: sync.to_host.persistent_volumes.enabled,
    was_bound=lambda virtual: get_path(virtual, "status.phase") in BOUND,
    sign=f"{PREFIX}/host-pv",
)
CONTENT = Backing(
    SNAPSHOTCONTENTS,
    SNAPSHOTS,
    reference="spec.volumeSnapshotRef",
    named_in="status.boundVolumeSnapshotContentName",
    policy="spec.deletionPolicy",
    class_name="spec.volumeSnapshotClassName",
    crosses=lambda sync: sync.to_host.volume_snapshot_contents.enabled,
    # With a UID in its reference it has been: Kubernetes' own controller thinks so too.
    was_bound=lambda _virtual: True,
    may_lack=True,
)
