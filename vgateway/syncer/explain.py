"""Why an object is as it is: its twin, who owns which field, what was decided last and what blocks it now.

Reads what the engine reads and changes nothing; the answer holds names and reasons, no field's value.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from vgateway.errors import GatewayError
from vgateway.kube.objects import HostKey, HostObj, Obj, VirtualKey, VirtualObj, annotations, is_deleting, uid
from vgateway.kube.ownership import OBJECT_UID, owner_of
from vgateway.syncer.journal import Journal, in_words
from vgateway.syncer.kind import DerivedKind, Kind, SyncedKind
from vgateway.syncer.memory import Memory, Work
from vgateway.syncer.plan import plan
from vgateway.syncer.rules import Mirror, Pull, Push, Rule
from vgateway.syncer.steps import Remember, Requeue, Step
from vgateway.syncer.view import View

SHORT = {
    "cm": "configmaps",
    "ep": "endpoints",
    "ev": "events",
    "ing": "ingresses",
    "netpol": "networkpolicies",
    "no": "nodes",
    "ns": "namespaces",
    "pc": "priorityclasses",
    "pdb": "poddisruptionbudgets",
    "po": "pods",
    "pv": "persistentvolumes",
    "pvc": "persistentvolumeclaims",
    "sa": "serviceaccounts",
    "sc": "storageclasses",
    "svc": "services",
}
METADATA = {
    "metadata.labels": "the tenant owns the keys that came from there; keys that somebody adds on the host stay",
    "metadata.annotations": "the tenant owns the keys that came from there; keys that somebody adds on the host stay",
}


class Explainer:
    """Answers for one virtual cluster."""

    def __init__(self, kinds: Iterable[Kind], view: View, memory: Memory, journal: Journal) -> None:
        self._kinds: tuple[Kind, ...] = ()
        self._view = view
        self._memory = memory
        self._journal = journal
        self.take(kinds)

    def take(self, kinds: Iterable[Kind]) -> None:
        """Answer about these kinds from now on."""
        self._kinds = tuple(kinds)

    def explain(self, word: str, namespace: str, name: str, *, host: bool = False) -> Obj:
        """Return what is known of an object; ``host`` says that the name is the host's.

        Raises GatewayError (404) for a kind that does not cross and for a host object that is nobody's copy.
        """
        kinds = kinds_called(self._kinds, word)
        if not kinds:
            known = ", ".join(sorted({kind.resource.plural for kind in self._kinds}))
            raise GatewayError(404, f"{word}: not a kind that crosses between the clusters here; these do: {known}")
        if host:
            kind, key = self._owner(kinds, namespace, name)
        else:
            key = VirtualKey(namespace or "default", name) if kinds[0].resource.namespaced else VirtualKey("", name)
            kind = self._chosen(kinds, key)
        return self._answer(kind, key)

    def _owner(self, kinds: tuple[Kind, ...], place: str, name: str) -> tuple[Kind, VirtualKey]:
        spread, own = self._view.names.spread, self._view.names.host_namespace
        namespace = place or own if spread else own
        for kind in kinds:
            where = HostKey(namespace if kind.resource.namespaced else "", name)
            found = self._view.host_obj(kind.resource, where) if kind.resource in self._view.host else None
            owner = owner_of(self._view.names, kind.resource, found) if found is not None else None
            if owner is not None:
                return self._chosen(kinds, owner), owner
        raise GatewayError(404, f"{kinds[0].resource.plural} {name} on the host is no copy of this virtual cluster's")

    def _chosen(self, kinds: tuple[Kind, ...], key: VirtualKey) -> Kind:
        """Pick the kind that decides about a key, where several share a resource."""
        twins = [kind for kind in kinds if isinstance(kind, SyncedKind) and self._wants(kind, key)]
        derived = [kind for kind in kinds if isinstance(kind, DerivedKind) and self._makes(kind, key)]
        return (*twins, *derived, *kinds)[0]

    def _makes(self, kind: DerivedKind, key: VirtualKey) -> bool:
        wanted = kind.desired(key, self._view) or {}
        return bool((wanted.get("metadata") or {}).get("name") == key.name)

    def _wants(self, kind: SyncedKind, key: VirtualKey) -> bool:
        virtual = self._view.virtual_obj(kind.resource, key)
        return virtual is not None and kind.wanted(virtual, self._view)

    def _answer(self, kind: Kind, key: VirtualKey) -> Obj:
        virtual = self._view.tenants(kind.resource, key)
        where = self._view.names.host_key(key) if isinstance(kind, SyncedKind) else None
        host = self._view.host_obj(kind.resource, where) if where is not None else None
        work = (kind.name, key)
        return {
            "kind": kind.resource.kind,
            "virtual": {"name": str(key), "exists": virtual is not None, **_ending(virtual)},
            "host": None if where is None else {"name": str(where), "exists": host is not None, **_ending(host)},
            "fields": owners(kind),
            "lastDecision": self._last(work),
            "next": [in_words(step) for step in self._planned(kind, key)],
            "blockedBy": list(self._blocks(kind, key, virtual, host)),
        }

    def _planned(self, kind: Kind, key: VirtualKey) -> Iterator[Step]:
        for step in plan(kind, key, self._view, self._memory.seen((kind.name, key))):
            if not isinstance(step, Requeue | Remember):
                yield step

    def _last(self, work: Work) -> Obj | None:
        last = self._journal.last(work)
        if last is None:
            return None
        found: Obj = {"at": timestamp(last.at) if last.at else None, "steps": list(last.steps), "outcome": last.outcome}
        if last.error:
            found |= {"failedAt": timestamp(last.failed_at), "error": last.error, "againInSeconds": last.again}
        return found

    def _blocks(self, kind: Kind, key: VirtualKey, virtual: VirtualObj | None, host: HostObj | None) -> Iterator[str]:
        last = self._journal.last((kind.name, key))
        if last is not None and last.error:
            yield f"{last.outcome}: {last.error}"
        if isinstance(kind, SyncedKind):
            yield from twin_blocks(kind, key, virtual, host, self._view)


def kinds_called(kinds: Iterable[Kind], word: str) -> tuple[Kind, ...]:
    """Return the kinds that a word means: singular, plural, kind or short name; those with twins come first."""
    low = SHORT.get(word.lower(), word.lower())
    found = [kind for kind in kinds if low in (kind.name, kind.resource.plural, kind.resource.kind.lower())]
    return tuple(sorted(found, key=lambda kind: not isinstance(kind, SyncedKind)))


def owners(kind: Kind) -> Mapping[str, str]:
    """Say who decides each field that is kept in step; whatever is not listed is set at creation or not at all."""
    if isinstance(kind, DerivedKind):
        made = {"everything that is set": f"the gateway makes this object on the {kind.side.value} side"}
        return made | patched_fields(kind)
    assert isinstance(kind, SyncedKind)
    return {rule.path: owner_by(rule) for rule in kind.rules} | dict(kind.owners) | METADATA | patched_fields(kind)


def patched_fields(kind: Kind) -> dict[str, str]:
    """Say which fields have another value on the other side because the configuration says so."""
    return {patch.text: f"changed on its way to the other cluster by {patch.name}" for patch in kind.patches.each}


def owner_by(rule: Rule) -> str:
    """Say who decides a field, by its rule."""
    match rule:
        case Push():
            return "the tenant; an edit on the host is put right"
        case Pull():
            return "the host; an edit of the tenant's is put right"
        case Mirror():
            return "whoever changed it last; the tenant on a tie"


def twin_blocks(
    kind: SyncedKind, key: VirtualKey, virtual: VirtualObj | None, host: HostObj | None, view: View
) -> Iterator[str]:
    """Say what keeps a tenant's object and its copy apart."""
    if host is not None and not kind.owns(key, host, view):
        yield f"the host's {host['metadata']['name']} is not a copy of it and is left alone"
    if virtual is None:
        yield "there is no such object in the virtual cluster"
        return
    if host is not None and annotations(host).get(OBJECT_UID) not in (None, uid(virtual)):
        yield "the copy belongs to an earlier object of that name and has to go first"
    if host is None and not is_deleting(virtual) and not kind.wanted(virtual, view):
        yield kind.unasked
    elif why := kind.refusal(virtual, view):
        yield why
    else:
        yield from kind.waits_for(virtual, host, view)


def timestamp(at: float) -> str:
    """Write a time as Kubernetes does."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ending(obj: VirtualObj | HostObj | None) -> Obj:
    return {"deleting": True} if obj is not None and is_deleting(obj) else {}
