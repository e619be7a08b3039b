"""Namespaced objects of the host that the tenant sees under names of the operator's choice: declared per resource.

The host's object decides, and only what the rules name is read: a namespace, or a single object of one. What the
tenant changes in a copy is put right, keys that the tenant adds to labels and annotations stay. An object that the
tenant made under such a name is left alone. A copy whose rule is gone goes too, also when the kind was turned off.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vgateway.config.byname import NameRule
from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, Resource, VirtualKey, annotations, get_path, labels
from vgateway.kube.ownership import MANAGED_BY, OBJECT_HOST_NAME, OBJECT_HOST_NAMESPACE, PREFIX
from vgateway.syncer.kind import READ, DerivedKind, Hint, Rights, Side, Source, Wake
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.kinds.namespace import is_ending, missing_namespace
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.kinds.secret import SERVICE_ACCOUNT_TOKEN
from vgateway.syncer.metadata import LAST_APPLIED, MANAGED_ANNOTATIONS, MANAGED_LABELS, bookkeeping, metadata_patch
from vgateway.syncer.patch import content_patch, merge_diff
from vgateway.syncer.resources import CONFIGMAPS, NAMESPACES, SECRETS
from vgateway.syncer.steps import Step, Tell
from vgateway.syncer.view import Place, View

# Says of which virtual cluster, and of which key there, an object is the copy: what somebody copies on is not ours.
IMPORTED = f"{PREFIX}/object-imported"


@dataclass(frozen=True, slots=True)
class Maps:
    """What is particular to one resource.

    ``fixed`` are fields that the API server lets nobody change; ``status`` is shown too; ``copy`` changes the content
    on its way; a resource that ``may_lack`` may be missing on either side.
    """

    resource: Resource
    fixed: tuple[str, ...] = ()
    status: bool = False
    may_lack: bool = False
    copy: Callable[[Obj], Obj] = dict


def _without_token_type(content: Obj) -> Obj:
    """The tenant's own controllers delete a token whose account they do not know."""
    return content | ({"type": "Opaque"} if content.get("type") == SERVICE_ACCOUNT_TOKEN else {})


MAPPED_CONFIGMAPS = Maps(CONFIGMAPS)
MAPPED_SECRETS = Maps(SECRETS, ("type",), copy=_without_token_type)


class MappedKind(DerivedKind):
    """Copies of the host's objects of one resource, by the rules of the configuration."""

    def __init__(self, maps: Maps, rules: Sequence[NameRule] = ()) -> None:
        self.resource = maps.resource
        self._maps = maps
        self._rules = {(rule.virtual_namespace, rule.virtual_name): rule for rule in rules}

    @property
    def name(self) -> str:
        """With its group, and apart from what goes the other way."""
        return f"mapped {self.resource.plural}" + (f".{self.resource.group}" if self.resource.group else "")

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The objects that the rules name, what has the names of their copies, and the copies' namespaces."""
        rules = tuple(self._rules.values())
        return (
            *(Wake(Side.HOST, self.resource, self._target_of(rule), place_of(rule)) for rule in rules),
            Wake(Side.VIRTUAL, self.resource, self._copies),
            Wake(Side.VIRTUAL, NAMESPACES, self._of_namespace),
        )

    @property
    def reads(self) -> tuple[Source, ...]:
        """Of the host only what the rules name; what virtual clusters put there is nobody else's to see."""
        strangers = f"!{MANAGED_BY}"
        places = {place_of(rule) for rule in self._rules.values()}
        return (
            Source(Side.VIRTUAL, self.resource, may_lack=self._maps.may_lack),
            *(
                Source(Side.HOST, self.resource, True, "" if place.name else strangers, may_lack=True, place=place)
                for place in sorted(places)
            ),
        )

    @property
    def place_rights(self) -> Mapping[Place, Mapping[Resource, Rights]]:
        """Reading what the rules name."""
        return {place_of(rule): {self.resource: {"": READ}} for rule in self._rules.values()}

    def rests_on(self, key: VirtualKey, source: Source) -> bool:
        """A namespace that cannot be read keeps only its own objects waiting."""
        if source.place is None:
            return source.may_lack
        rule = self._rule(key)
        return rule is not None and place_of(rule) == source.place

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the copy, None if no rule asks for one, the host has no such object or the namespace is ending."""
        rule = self._rule(key)
        if rule is None or is_ending(key.namespace, view):
            return None
        host = view.place_obj(self.resource, place_of(rule), rule.host_name or key.name)
        if host is None or is_kept_back(self.resource, rule, host, view.names):
            return None
        return self._copy(host, key, view)

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what carries label and proof, the proof for this very key."""
        meta = obj["metadata"]
        key = VirtualKey(meta.get("namespace") or "", meta["name"])
        return labels(obj).get(FROM_HOST) == "true" and annotations(obj).get(IMPORTED) == proof(key, view.names)

    def replaces(self, have: Obj, want: Obj) -> bool:
        """The host changed what cannot be changed, or the copy is frozen."""
        frozen = have.get("immutable") is True and bool(content_patch(have, want))
        return frozen or any(get_path(have, path) != get_path(want, path) for path in self._maps.fixed)

    def difference(self, have: Obj, want: Obj) -> Obj:
        """Return what makes the content the host's, whole; of labels and annotations those of others stay."""
        books = (MANAGED_LABELS, MANAGED_ANNOTATIONS)
        marks = {key: value for key, value in annotations(want).items() if key not in books}
        meta = metadata_patch(have, labels(want), marks)
        patch = content_patch(have, want) | ({"metadata": meta} if meta else {})
        if self._maps.status and (status := merge_diff(have.get("status") or {}, want.get("status") or {})):
            patch["status"] = status
        return patch

    def prepare(self, want: Obj, view: View) -> Iterator[Step]:
        """Make the namespace that a rule names."""
        return missing_namespace(want["metadata"]["namespace"], view)

    def displaced(self, key: VirtualKey, have: Obj, view: View) -> Iterator[Step]:
        """Say why the host's object is not seen."""
        rule = self._rule(key)
        assert rule is not None, "without a rule nothing is displaced"
        kind = self.resource.kind
        yield Tell("NameTaken", f"the host has a {kind} to be shown by this name; this one is yours and is left alone")

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """What the host calls it is the operator's to tell."""
        return {}

    def _rule(self, key: VirtualKey) -> NameRule | None:
        """Return the rule that a key comes from; an object that is named by itself goes before its namespace."""
        return self._rules.get((key.namespace, key.name)) or self._rules.get((key.namespace, ""))

    def _target_of(self, rule: NameRule) -> Callable[[Hint, View], Iterable[VirtualKey]]:
        def keys(hint: Hint, _view: View) -> Iterable[VirtualKey]:
            return (VirtualKey(rule.virtual_namespace, rule.virtual_name or hint.key.name),)

        return keys

    def _copies(self, hint: Hint, _view: View) -> Iterable[VirtualKey]:
        asked_for = self._rule(hint.key) is not None
        return (hint.key,) if asked_for or labels(hint.some).get(FROM_HOST) == "true" else ()

    def _of_namespace(self, hint: Hint, view: View) -> Iterable[VirtualKey]:
        """Make anew what went with its namespace."""
        if not hint.went:
            return
        for rule in self._rules.values():
            if rule.virtual_namespace == hint.key.name:
                known = view.places[self.resource, place_of(rule)].keys()
                for _, name in known:
                    yield VirtualKey(rule.virtual_namespace, rule.virtual_name or name)

    def _copy(self, host: HostObj, key: VirtualKey, view: View) -> Obj:
        theirs = ({k: v for k, v in found.items() if _is_theirs(k)} for found in (labels(host), annotations(host)))
        own_labels, own_marks = theirs
        own_labels[FROM_HOST] = "true"
        own_marks |= {
            IMPORTED: proof(key, view.names),
            OBJECT_HOST_NAME: host["metadata"]["name"],
            OBJECT_HOST_NAMESPACE: host["metadata"]["namespace"],
        }
        meta: Obj = {
            "name": key.name,
            "namespace": key.namespace,
            "labels": own_labels,
            "annotations": own_marks | bookkeeping(own_labels, own_marks),
        }
        content = {name: value for name, value in host.items() if name not in ("metadata", "status")}
        status = {"status": host["status"]} if self._maps.status and host.get("status") else {}
        return {**self._maps.copy(content), "metadata": meta, **status}


def place_of(rule: NameRule) -> Place:
    """Return what of the host a rule reads."""
    return Place(rule.host_namespace, rule.host_name)


def proof(key: VirtualKey, names: Names) -> str:
    """Return what only the copy for this key of this virtual cluster says of itself."""
    return f"{names.cluster_marker} {key}"


def is_kept_back(resource: Resource, rule: NameRule, host: HostObj, names: Names) -> bool:
    """Say whether an object of a whole namespace is none for tenants: the host's CA, the virtual cluster's own keys."""
    if rule.host_name:
        return False
    name, own = host["metadata"]["name"], host["metadata"]["namespace"] == names.host_namespace
    if resource == CONFIGMAPS:
        return bool(name == ROOT_CA)
    keys = (f"vc-{names.virtual_cluster}", f"vc-config-{names.virtual_cluster}", f"{names.virtual_cluster}-certs")
    return own and resource == SECRETS and name in keys


def _is_theirs(key: str) -> bool:
    return key != LAST_APPLIED and not key.startswith(f"{PREFIX}/")
