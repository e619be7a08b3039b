"""Which collections must be followed so that the kinds can decide: the union of what they declare. Pure.

Where two kinds read different parts of a collection, the part that holds both is followed, once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, Resource
from vgateway.kube.ownership import MANAGED_BY, owner_of
from vgateway.syncer.kind import Index, Kind, Side, Source
from vgateway.syncer.view import Place


def sources_of(kind: Kind) -> tuple[Source, ...]:
    """Return what one kind reads; of what wakes it the usual part, unless it says otherwise."""
    said = {(source.side, source.resource, source.place) for source in kind.reads}
    waking = dict.fromkeys(Source(wake.side, wake.resource, place=wake.place) for wake in kind.wakes)
    return (*kind.reads, *(one for one in waking if (one.side, one.resource, one.place) not in said))


def all_sources(kinds: Sequence[Kind]) -> dict[tuple[Side, Resource], Source]:
    """Return what to follow for all kinds together, one part of each collection; places are apart."""
    found: dict[tuple[Side, Resource], Source] = {}
    for kind in kinds:
        for source in sources_of(kind):
            if source.place is None:
                at = (source.side, source.resource)
                found[at] = union(found[at], source) if at in found else source
    return found


def place_sources(kinds: Sequence[Kind]) -> dict[tuple[Resource, Place], Source]:
    """Return what to follow of the host beside that, by place."""
    found: dict[tuple[Resource, Place], Source] = {}
    for kind in kinds:
        for source in sources_of(kind):
            if source.place is not None:
                at = (source.resource, source.place)
                found[at] = union(found[at], source) if at in found else source
    return found


def union(one: Source, other: Source) -> Source:
    """Return the part of a collection that holds both."""
    if one.only != other.only and (one.only is None or other.only is None):
        # One object is in whatever else is read of its collection: no kind excludes it by a label.
        one = other = other if one.only else one
    return replace(
        one,
        everything=one.everything or other.everything,
        labels=one.labels if one.labels == other.labels else "",
        only=one.only if one.only == other.only else None,
        # It is the resource that may be missing, whoever reads it.
        may_lack=one.may_lack or other.may_lack,
        trim=one.trim if one.trim == other.trim else None,
    )


def label_selector(source: Source, names: Names) -> str:
    """Return the label selector of a source's list and watch."""
    mark = names.marker if source.resource.namespaced else names.cluster_marker
    ours = [f"{MANAGED_BY}={mark}"] if source.side is Side.HOST and not source.everything else []
    return ",".join([*ours, *([source.labels] if source.labels else [])])


def where_of(source: Source, names: Names) -> tuple[str, str]:
    """Return the namespace of a source's list and watch, "" for all, and the one object's name, "" for many."""
    if source.place is not None:
        return source.place.namespace or names.host_namespace, source.place.name
    if source.only is not None:
        return source.only.namespace, source.only.name
    one = source.side is Side.HOST and source.resource.namespaced and names.spread is None
    return (names.host_namespace if one else ""), ""


def all_indexes(kinds: Sequence[Kind]) -> tuple[Index, ...]:
    """Return the indexes that the kinds need, each once."""
    return tuple({(one.side, one.resource, one.name): one for kind in kinds for one in kind.indexes}.values())


def index_of(index: Index, names: Names) -> Callable[[Obj], Iterable[str]]:
    """Return the values under which a store finds an object."""
    if not index.ours:
        return index.by

    def values(obj: Obj) -> Iterable[str]:
        return index.by(obj) if owner_of(names, index.resource, HostObj(obj)) else ()

    return values


def namespace_values(obj: Obj) -> Iterable[str]:
    """Index objects by their namespace."""
    return (obj["metadata"].get("namespace") or "",)
