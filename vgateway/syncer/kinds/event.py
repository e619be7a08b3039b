"""What the host says of our copies, told to the tenant in the tenant's names.

Only Events about objects that are provably ours are told, each once: what repeats on the host repeats as a count.
Events expire by themselves on both sides, so none is ever deleted here, and one that the tenant deleted stays away.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vgateway.kube.names import short_hash
from vgateway.kube.objects import HostKey, HostObj, Obj, Resource, VirtualKey, VirtualObj, is_deleting, labels, uid
from vgateway.kube.ownership import PREFIX, owner_of
from vgateway.syncer.kind import READ, Derived, DerivedKind, Hint, Index, Rights, Side, Source, Wake, same_key
from vgateway.syncer.kinds.wording import words_about
from vgateway.syncer.resources import EVENTS, NAMESPACES
from vgateway.syncer.view import BY_INVOLVED, View
from vgateway.syncer.words import in_virtual_words
from vgateway.syncer.workqueue import Rank

FROM_HOST = f"{PREFIX}/from-host"
# An Event's name is its object's name and a suffix; together they must be a valid name.
KEPT_NAME = 230
COPIED = (
    "reason",
    "type",
    "count",
    "action",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "series",
    "source",
    "reportingComponent",
    "reportingInstance",
)


def involved_value(resource: Resource, name: str) -> str:
    """Return what the index holds for an object that Events are about."""
    return f"{resource.kind}/{name}"


def involved_values(event: Obj) -> Iterable[str]:
    """Index Events by what they are about."""
    involved = event.get("involvedObject") or {}
    return (f"{involved.get('kind')}/{involved.get('name')}",)


def _events_of(resource: Resource) -> Callable[[Hint, View], Iterable[VirtualKey]]:
    def keys(hint: Hint, view: View) -> Iterable[VirtualKey]:
        # Events may be seen before the object that they are about.
        if not hint.came:
            return ()
        found = view.host[EVENTS].keys_by_index(BY_INVOLVED, involved_value(resource, hint.key.name))
        return [VirtualKey(*key) for key in found]

    return keys


@dataclass(frozen=True, slots=True)
class Subject:
    """The tenant's object that a host Event is about, and its copy."""

    resource: Resource
    virtual: VirtualObj
    host: HostObj

    def words(self, view: View) -> Mapping[str, str]:
        """Return what the host may call things in the message, and what they are to the tenant."""
        return words_about(self.resource, self.virtual, self.host, view)

    def reference(self, involved: Mapping[str, Any]) -> Obj:
        """Return the reference to the tenant's object; the field that it points at stays."""
        meta = self.virtual["metadata"]
        found = {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": uid(self.virtual),
        }
        return found | ({"fieldPath": involved["fieldPath"]} if involved.get("fieldPath") else {})


class EventKind(DerivedKind):
    """Events of the host's namespace about copies of ``involved`` resources; keys are the host's."""

    resource = EVENTS
    rank = Rank.TOLD

    def __init__(self, involved: Iterable[Resource]) -> None:
        self._involved = {(resource.group, resource.kind): resource for resource in involved}

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The host's Events, and the copies that they are about."""
        copies = [Wake(Side.HOST, resource, _events_of(resource)) for resource in self._involved.values()]
        return (Wake(Side.HOST, EVENTS, same_key), *copies)

    @property
    def reads(self) -> tuple[Source, ...]:
        """All Events in the host namespace, those of the tenant that came from there, and what they are about."""
        told = Source(Side.VIRTUAL, EVENTS, labels=f"{FROM_HOST}=true")
        about = [Source(Side.VIRTUAL, resource) for resource in (*self._involved.values(), NAMESPACES)]
        return (Source(Side.HOST, EVENTS, everything=True), told, *about)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Host Events by what they are about."""
        return (Index(Side.HOST, EVENTS, BY_INVOLVED, involved_values),)

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading Events."""
        return {EVENTS: {"": READ}}

    def place(self, key: VirtualKey, view: View) -> VirtualKey:
        """Return where the tenant finds the Event; a key without a subject stands for itself."""
        return self.derive(key, view).place

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the Event in the tenant's names, None if it is about nothing of the tenant's."""
        return self.derive(key, view).want

    def derive(self, key: VirtualKey, view: View) -> Derived:
        """Find the subject, on which all the rest depends."""
        event = view.host_obj(EVENTS, HostKey(key.namespace, key.name))
        subject = None if event is None else self._subject(event, view)
        if event is None or subject is None:
            return Derived(key, view.virtual_obj(EVENTS, key), None)
        place = place_of(event, subject)
        return Derived(place, view.virtual_obj(EVENTS, place), virtual_event(event, place, subject, view))

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what came from the host."""
        return labels(obj).get(FROM_HOST) == "true"

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Keys are the host's own."""
        return {}

    def _subject(self, event: HostObj, view: View) -> Subject | None:
        involved = event.get("involvedObject") or {}
        group = str(involved.get("apiVersion") or "v1").rpartition("/")[0]
        resource = self._involved.get((group, str(involved.get("kind"))))
        if resource is None:
            return None
        host = view.host_obj(resource, HostKey(involved.get("namespace") or "", involved.get("name") or ""))
        if host is None or involved.get("uid") not in (None, "", uid(host)):
            return None
        key = owner_of(view.names, resource, host)
        virtual = None if key is None else view.virtual_obj(resource, key)
        if virtual is None or _is_ending(virtual["metadata"]["namespace"], view):
            return None
        return Subject(resource, virtual, host)


def _is_ending(namespace: str, view: View) -> bool:
    found = view.virtual[NAMESPACES].get("", namespace)
    return found is None or is_deleting(found)


def place_of(event: HostObj, subject: Subject) -> VirtualKey:
    """Return the tenant's name of an Event: the object's name, and the suffix that the Event has on the host."""
    name, own = event["metadata"]["name"], subject.host["metadata"]["name"]
    suffix = name.removeprefix(f"{own}.") if name.startswith(f"{own}.") else short_hash(name)
    meta = subject.virtual["metadata"]
    return VirtualKey(meta["namespace"], f"{meta['name'][:KEPT_NAME].rstrip('.-')}.{suffix}")


def virtual_event(event: HostObj, place: VirtualKey, subject: Subject, view: View) -> Obj:
    """Return an Event as the tenant should see it."""
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": place.name, "namespace": place.namespace, "labels": {FROM_HOST: "true"}},
        "involvedObject": subject.reference(event["involvedObject"]),
        "message": in_virtual_words(str(event.get("message") or ""), view.names, subject.words(view)),
        **{name: event[name] for name in COPIED if event.get(name) is not None},
    }
