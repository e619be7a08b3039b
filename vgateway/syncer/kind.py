"""What a kind declares to the engine: a resource, field rules and small pure functions, nothing that acts.

Two shapes: ``SyncedKind`` has twins on both sides; ``DerivedKind`` is made on one side from what the view shows.
A kind is one shared instance without state.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from vgateway.kube.objects import HostKey, HostObj, Obj, Resource, VirtualKey, VirtualObj, is_deleting, set_path
from vgateway.kube.ownership import owner_of
from vgateway.kube.store import Change
from vgateway.syncer.metadata import host_annotations, host_labels, host_metadata
from vgateway.syncer.patch import cover
from vgateway.syncer.patches import NO_PATCHES, Patches
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.rules import Rule, pushed_fields
from vgateway.syncer.steps import CreateHost, DeleteHost, Step
from vgateway.syncer.view import Place, View
from vgateway.syncer.workqueue import Rank

Seen = Mapping[str, int]
Rights = Mapping[str, tuple[str, ...]]

READ = ("get", "list", "watch")
WRITE = ("create", "patch", "delete")


class Side(Enum):
    """Which of the two clusters."""

    VIRTUAL = "virtual"
    HOST = "host"


class Hint:
    """Something changed."""

    __slots__ = ("_change",)

    def __init__(self, change: Change) -> None:
        self._change = change

    @property
    def key(self) -> VirtualKey:
        """Namespace and name; of a host object they are the host's."""
        return VirtualKey(self._change.namespace, self._change.name)

    @property
    def came(self) -> bool:
        """Whether the object is new to the store."""
        return self._change.came

    @property
    def went(self) -> bool:
        """Whether the object is gone."""
        return self._change.went

    @property
    def some(self) -> Obj:
        """The object now, or the last that was known of it."""
        found = self._change.old if self._change.went else self._change.new
        assert found is not None
        return found

    @property
    def before(self) -> Obj | None:
        """The object before the change, None if there was none."""
        return self._change.old

    @property
    def spec_may_have_moved(self) -> bool:
        """Whether more than the status may have changed: the API server counts generations of a spec."""
        return self.came or self.went or self.some["metadata"].get("generation", 2) > 1


@dataclass(frozen=True, slots=True)
class Wake:
    """Which keys of a kind to look at when an object of ``resource`` on ``side``, or in a place, changed."""

    side: Side
    resource: Resource
    keys: Callable[[Hint, View], Iterable[VirtualKey]]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a collection that a kind reads: by default all of the tenant's, and what is labelled ours on the host.

    ``everything`` takes the host's objects of others too, ``labels`` is a selector on top, ``only`` is one object, and
    ``may_lack`` says that the resource may come and go, as custom ones do. With a ``place`` it is a part of the host
    that is followed by itself and looked up there, whatever else is read of the resource. ``trim`` leaves out of each
    object what nobody who reads it asks for.
    """

    side: Side
    resource: Resource
    everything: bool = False
    labels: str = ""
    only: VirtualKey | None = None
    may_lack: bool = False
    place: Place | None = None
    trim: Callable[[Obj], Obj] | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """A look-up that a kind needs in a store: ``by`` gives the values under which an object is found.

    ``ours`` leaves out what is not provably ours, whatever its labels say.
    """

    side: Side
    resource: Resource
    name: str
    by: Callable[[Obj], Iterable[str]]
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """The twins as the stores have them, and what both last agreed on."""

    key: VirtualKey
    virtual: VirtualObj | None
    host: HostObj | None
    seen: Seen


class Kind:
    """What every kind declares. ``patches`` are the configuration's; no kind looks at its own."""

    resource: Resource
    patches: Patches = NO_PATCHES
    # How urgent a key of this kind can be at most.
    rank: ClassVar[Rank] = Rank.ASKED

    @property
    def name(self) -> str:
        """The kind's name in queues, logs and metrics."""
        return self.resource.plural

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """What makes the engine look at a key again."""
        raise NotImplementedError

    @property
    def reads(self) -> tuple[Source, ...]:
        """What the kind reads beside that which wakes it, or narrower or wider than usual."""
        return ()

    @property
    def indexes(self) -> tuple[Index, ...]:
        """The look-ups that the kind makes by other things than keys."""
        return ()

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """What the kind needs to do on the host: verbs by subresource ("" is the object itself).

        Rights to cluster-scoped resources are apart: they need more than the one namespaced Role.
        """
        return {}

    @property
    def place_rights(self) -> Mapping[Place, Mapping[Resource, Rights]]:
        """What the kind needs to do in places of the host beside its one namespace."""
        return {}

    def rests_on(self, key: VirtualKey, source: Source) -> bool:
        """Say whether nothing can be decided about a key before a source has been listed that may be missing."""
        return source.may_lack

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Return host names that may occur in the host's messages about a key, and what the tenant calls them."""
        return {view.names.host_name(key.name, key.namespace): key.name}


class SyncedKind(Kind):
    """A kind with twins: the tenant's object, and its copy on the host under a translated name."""

    rules: tuple[Rule, ...] = ()
    also_wakes: tuple[Wake, ...] = ()
    # Who decides the fields that no rule is about, in words, for those who ask.
    owners: ClassVar[Mapping[str, str]] = {}
    # What to say to those who ask of an object that has no copy because none is wanted.
    unasked: ClassVar[str] = "nothing asks for a copy on the host"
    # A host object may outlive its virtual object and be taken over by the next one of that name.
    adopts: ClassVar[bool] = False

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The twins themselves, their owner on the host, and what the kind adds."""
        return (
            Wake(Side.VIRTUAL, self.resource, same_key),
            Wake(Side.HOST, self.resource, self.owner_key),
            Wake(Side.HOST, SERVICES, self.orphaned_keys),
            *self.also_wakes,
        )

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading and writing the copies."""
        return {self.resource: {"": READ + WRITE}}

    def owner_key(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        """Return the key whose twin a host object is; of one that is gone also the keys that it displaced."""
        owner = owner_of(view.names, self.resource, HostObj(hint.some))
        if owner is not None and not hint.went:
            return (owner,)
        return [key for key in namesakes(view, hint.key.name, owner) if view.on_virtual(self.resource, key)] + (
            [] if owner is None else [owner]
        )

    def orphaned_keys(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        """Return every key when the host Service that owns all copies comes: it is another one than before."""
        if hint.key.name != view.settings.service or not hint.came:
            return ()
        return view.all_virtual_keys(self.resource)

    def owns(self, key: VirtualKey, host: HostObj, view: View) -> bool:
        """Say whether a host object is provably the twin of this key (of any object that ever had it)."""
        return owner_of(view.names, self.resource, host) == key

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """Say whether the host should have a copy at all."""
        return True

    def refusal(self, virtual: VirtualObj, view: View) -> str:
        """Say why the host may not have a copy that the tenant asks for, in words for the tenant; "" if it may."""
        return ""

    def labels(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """Return the labels of the copy."""
        return host_labels(view.names, virtual)

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """Return the annotations of the copy."""
        return host_annotations(view.names, self.resource, virtual)

    def to_host(self, virtual: VirtualObj, view: View) -> Obj:
        """Return the copy's content besides metadata; by default what the rules push."""
        body: Obj = {}
        for path, value in pushed_fields(self.rules, virtual, view):
            if value is not None:
                set_path(body, path, value)
        return body

    def body(self, virtual: VirtualObj, view: View) -> Obj:
        """Return the whole new host object."""
        labels, marks = self.labels(virtual, view), self.annotations(virtual, view)
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": host_metadata(view, self.resource, virtual, labels, marks),
            **self.to_host(virtual, view),
        }

    def waits_for(self, virtual: VirtualObj, host: HostObj | None, view: View) -> Iterator[str]:
        """Say in words what an object waits for, on its way to the host or there."""
        return iter(())

    def introduce(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Make the copy, of which there is none."""
        yield CreateHost(self.resource, self.body(virtual, view))

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Say what the rules cannot, for twins that both live."""
        return iter(())

    def retire(self, key: VirtualKey, host: HostObj, view: View) -> Iterator[Step]:
        """Remove the copy of an object that is gone."""
        yield delete_host(self.resource, host, "the tenant's object is gone")

    def dismiss(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Remove the copy of an object that is being deleted."""
        if not is_deleting(host):
            yield delete_host(self.resource, host, "the tenant is deleting the object")

    def bereave(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Act when the tenant's object is being deleted and no copy is left."""
        return iter(())

    def leave(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Act when the host deletes a copy that the tenant did not ask to delete; by default it is made again."""
        return iter(())

    def clean(self, key: VirtualKey, view: View) -> Iterator[Step]:
        """Remove what belongs to a key of which neither twin is left."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Derived:
    """Where an object is in the tenant's cluster that is made on one side only, as it is and as it should be."""

    place: VirtualKey
    have: Obj | None
    want: Obj | None


class DerivedKind(Kind):
    """A kind that is made on one side only, from what the view shows."""

    side: ClassVar[Side] = Side.VIRTUAL

    def place(self, key: VirtualKey, view: View) -> VirtualKey:
        """Return where in the tenant's cluster the object is that a key stands for."""
        return key

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the object as it is."""
        return view.virtual_obj(self.resource, self.place(key, view))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the fields that the object should have, None if there should be none."""
        raise NotImplementedError

    def derive(self, key: VirtualKey, view: View) -> Derived:
        """Gather what there is to compare; a kind whose three answers rest on the same look-ups makes them once."""
        return Derived(self.place(key, view), self.existing(key, view), self.desired(key, view))

    def managed(self, obj: Obj, view: View) -> bool:
        """Say whether an object is ours to change and delete."""
        raise NotImplementedError

    def replaces(self, have: Obj, want: Obj) -> bool:
        """Say whether they differ in what cannot be changed, so that the object must be made anew."""
        return False

    def difference(self, have: Obj, want: Obj) -> Obj:
        """Return the merge patch that makes the object right; by default what others added to it stays."""
        return cover(have, want)

    def prepare(self, want: Obj, view: View) -> Iterator[Step]:
        """Make what must be there before the object, or act on what it is made from; also when it is put right."""
        return iter(())

    def displaced(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Act on an object that is not ours and has the key of one that should be there."""
        return iter(())

    def beside(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Change what else follows from an object that stays; it comes before the object's own change."""
        return iter(())

    def let_go(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Act on an object that is being deleted and that nothing needs any more."""
        return iter(())


def same_key(hint: Hint, _view: View) -> Iterable[VirtualKey]:
    """Return the object's own key."""
    return (hint.key,)


def namesakes(view: View, host_name: str, owner: VirtualKey | None) -> Iterator[VirtualKey]:
    """Yield the keys, besides the owner's, that translate to a host name; of a shortened name only by its owner."""
    joined = (
        f"{owner.name}-x-{owner.namespace}" if owner else host_name.removesuffix(f"-x-{view.names.virtual_cluster}")
    )
    at = joined.find("-x-")
    while at >= 0:
        key = VirtualKey(joined[at + 3 :], joined[:at])
        if key != owner:
            yield key
        at = joined.find("-x-", at + 1)


def look(kind: SyncedKind, key: VirtualKey, view: View, seen: Seen) -> Pair:
    """Gather a pair of twins from the stores."""
    host = view.host_obj(kind.resource, view.names.host_key(key))
    return Pair(key, view.virtual_obj(kind.resource, key), host, seen)


def delete_host(resource: Resource, host: HostObj, why: str, grace: int | None = None) -> DeleteHost:
    """Return the step that deletes this very host object."""
    meta = host["metadata"]
    return DeleteHost(resource, HostKey(meta.get("namespace") or "", meta["name"]), meta.get("uid", ""), why, grace)
