"""What the syncer follows, as the kinds declare it: informers, their indexes, and the view that decisions have of them.

Builds only. Nobody waits for the first list of what a side may lack, or of places of the host that are not ours.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vgateway.kube.client import ApiClient
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Resource, VirtualKey
from vgateway.kube.store import drop_managed_fields
from vgateway.supervisor import Runnable
from vgateway.syncer.decoded import Decoded
from vgateway.syncer.kind import Kind, Side, Source
from vgateway.syncer.places import At, Complain, Places
from vgateway.syncer.resources import NAMESPACES, NODES, SERVICES
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.sources import (
    all_indexes,
    all_sources,
    index_of,
    label_selector,
    place_sources,
    sources_of,
    where_of,
)
from vgateway.syncer.view import Lookup, View

# How many decoded objects are at hand: what the rounds under way at once look at, several times each.
KEPT = 64
# Every pod asks for some of these.
FEW_AND_HOT = (NAMESPACES, NODES)
KEPT_OF_HOT = 1024


class Lacking:
    """An informer of what may be missing: nobody waits for its first list."""

    def __init__(self, informer: Informer) -> None:
        self.name = informer.name
        self.ready = asyncio.Event()
        self._informer = informer

    async def run(self) -> None:
        """Follow the resource from when it appears."""
        self.ready.set()
        await self._informer.run()


@dataclass(frozen=True, slots=True)
class Caches:
    """The informers by what they follow; ``front`` is that of the host Service of the virtual cluster."""

    followed: Mapping[tuple[Side, Resource], Informer]
    places: Places
    front: Informer
    lacking: dict[str, Sequence[Source]] = field(default_factory=dict)

    def view(self, settings: SyncerSettings, clock: Callable[[], float]) -> View:
        """Return the look-ups that decisions make."""
        virtual, host = (_lookups(self.followed, side) for side in (Side.VIRTUAL, Side.HOST))
        return View(settings, virtual, host, Decoded(self.front.store, KEPT), clock, self.places.lookups)

    def take(self, kinds: Sequence[Kind]) -> list[At]:
        """Follow what these kinds read of places, and know what each may lack; return the places followed anew."""
        self.lacking.clear()
        self.lacking.update({kind.name: tuple(one for one in sources_of(kind) if one.may_lack) for kind in kinds})
        return self.places.follow(place_sources(kinds))

    def by_side(self) -> Iterator[tuple[Side, Resource, Informer]]:
        """Go through everything that kinds have a side of; places are not among it."""
        for (side, resource), informer in self.followed.items():
            yield side, resource, informer
        yield Side.HOST, SERVICES, self.front

    def is_listed(self, kind: Kind, key: VirtualKey) -> bool:
        """Say whether everything has been listed that a decision about a key rests on."""
        return all(_is_known(one, self._of(one)) for one in self.lacking[kind.name] if kind.rests_on(key, one))

    def lacked_by(self, kind: Kind) -> Iterator[Informer]:
        """Go through the informers that a kind may have to wait for."""
        return (self._of(one) for one in self.lacking[kind.name])

    def runnables(self) -> tuple[Runnable, ...]:
        """Return what must run."""
        lacked = {(one.side, one.resource) for sources in self.lacking.values() for one in sources if not one.place}
        waited = [Lacking(one) if at in lacked else one for at, one in self.followed.items()]
        return (*waited, self.places, self.front)

    def _of(self, source: Source) -> Informer:
        if source.place is not None:
            return self.places.informers[source.resource, source.place]
        return self.followed[source.side, source.resource]


def build_caches(
    kinds: Sequence[Kind],
    settings: SyncerSettings,
    clients: Mapping[Side, ApiClient],
    chance: Callable[[], float],
    complain: Complain,
) -> Caches:
    """Build the informers that the kinds need together but those of places; none runs yet."""
    host = clients[Side.HOST]
    followed = {at: _informer(clients[at[0]], one, settings, chance) for at, one in all_sources(kinds).items()}
    for index in all_indexes(kinds):
        followed[index.side, index.resource].store.add_index(index.name, index_of(index, settings.names))
    only = f"metadata.name={settings.service}"
    front = Informer(host, SERVICES, settings.names.host_namespace, field_selector=only, chance=chance)
    front.name = "host service of the virtual cluster"
    places = Places(
        lambda source: _informer(host, source, settings, chance), lambda found: Decoded(found.store, KEPT), complain
    )
    return Caches(followed, places, front)


def _informer(client: ApiClient, source: Source, settings: SyncerSettings, chance: Callable[[], float]) -> Informer:
    """Follow what a source says; of the host only what is in its one namespace or in a place, or belongs to none."""
    namespace, name = where_of(source, settings.names)
    only = f"metadata.name={name}" if name else ""
    labels = label_selector(source, settings.names)
    found = Informer(
        client,
        source.resource,
        namespace,
        label_selector=labels,
        field_selector=only,
        transform=source.trim or drop_managed_fields,
        chance=chance,
    )
    if source.place is not None:
        found.name = f"host {source.resource.plural} {namespace}/{name or '*'}"
    return found


def _is_known(source: Source, informer: Informer) -> bool:
    """What the tenant's cluster does not serve any more it has none of; a host that does not can be given none."""
    return informer.ready.is_set() and (informer.present or source.side is Side.VIRTUAL)


def _lookups(informers: Mapping[tuple[Side, Resource], Informer], side: Side) -> dict[Resource, Lookup]:
    return {
        resource: Decoded(informer.store, KEPT_OF_HOT if resource in FEW_AND_HOT else KEPT)
        for (of, resource), informer in informers.items()
        if of is side
    }
