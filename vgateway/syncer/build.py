"""Wires the syncer: informers, their indexes, which change wakes which key, and the controller over it all.

Builds only; the supervisor starts the groups in order: caches, then the controller.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from vgateway.kube.client import ApiClient
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Resource
from vgateway.supervisor import Runnable
from vgateway.syncer.apply import Applier
from vgateway.syncer.controller import Controller
from vgateway.syncer.decoded import Decoded
from vgateway.syncer.events import Teller
from vgateway.syncer.explain import Explainer
from vgateway.syncer.kind import Kind, Side, Source
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.reconciler import Reconciler
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import NAMESPACES, NODES, PODS, SERVICES
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.sources import all_indexes, all_sources, index_of, label_selector, sources_of
from vgateway.syncer.view import Lookup, View
from vgateway.syncer.waker import Waker, wakes_of

# Few objects that every pod asks for: decoded once per change.
FEW_AND_HOT = (NAMESPACES, NODES)


@dataclass(frozen=True, slots=True)
class Syncer:
    """The wired syncer. The kubelet reads the same pods: ``virtual_pods`` and ``host_pods``."""

    virtual_pods: Informer
    host_pods: Informer
    controller: Controller
    view: View
    explainer: Explainer
    runnables: tuple[tuple[Runnable, ...], ...]


def build_syncer(
    settings: SyncerSettings,
    virtual: ApiClient,
    host: ApiClient,
    registry: CollectorRegistry,
    kinds: Sequence[Kind] = KINDS,
    *,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> Syncer:
    """Wire everything; nothing runs yet. ``clock`` gives the seconds since the epoch, ``chance`` spreads back-offs."""
    clients = {Side.VIRTUAL: virtual, Side.HOST: host}
    sources = all_sources(kinds)
    informers = {at: _informer(clients[at[0]], source, settings, chance) for at, source in sources.items()}
    for index in all_indexes(kinds):
        informers[index.side, index.resource].store.add_index(index.name, index_of(index, settings.names))
    only = f"metadata.name={settings.service}"
    front = Informer(host, SERVICES, settings.names.host_namespace, field_selector=only, chance=chance)
    front.name = "host service of the virtual cluster"
    view = View(settings, _lookups(informers, Side.VIRTUAL), _lookups(informers, Side.HOST), Decoded.of(front), clock)
    metrics = SyncerMetrics(registry)
    applier = Applier(settings.names, virtual, host, metrics)

    lacking = {
        kind.name: [informers[one.side, one.resource].ready for one in sources_of(kind) if one.may_lack]
        for kind in kinds
    }

    def is_listed(kind: Kind) -> bool:
        return all(ready.is_set() for ready in lacking[kind.name])

    reconciler = Reconciler(kinds, view, applier, Teller(virtual, metrics), is_listed)
    controller = Controller(reconciler, metrics, chance=chance)
    for (side, resource), informer in (*informers.items(), ((Side.HOST, SERVICES), front)):
        wakes = wakes_of(kinds, side, resource)
        informer.subscribe(Waker(side, resource, wakes, view, reconciler.memory, controller.wake))
        informer.on_list(partial(_look_again, reconciler, controller, side, resource))
    virtual_pods, host_pods = informers[Side.VIRTUAL, PODS], informers[Side.HOST, PODS]
    caches = (*(Lacking(one) if sources[at].may_lack else one for at, one in informers.items()), front)
    explainer = Explainer(kinds, view, reconciler.memory, reconciler.journal)
    return Syncer(virtual_pods, host_pods, controller, view, explainer, (caches, (controller,)))


def _look_again(reconciler: Reconciler, controller: Controller, side: Side, resource: Resource) -> None:
    for work in reconciler.relisted(side, resource):
        controller.wake(work)


class Lacking:
    """An informer of a resource that its side may lack: nobody waits for its first list."""

    def __init__(self, informer: Informer) -> None:
        self.name = informer.name
        self.ready = asyncio.Event()
        self._informer = informer

    async def run(self) -> None:
        """Follow the resource from when it appears."""
        self.ready.set()
        await self._informer.run()


def _informer(client: ApiClient, source: Source, settings: SyncerSettings, chance: Callable[[], float]) -> Informer:
    """Follow what a source says; of the host only what is in its one namespace, or belongs to none."""
    host = source.side is Side.HOST and source.resource.namespaced
    namespace = settings.names.host_namespace if host else ""
    only = ""
    if source.only is not None:
        namespace, only = source.only.namespace, f"metadata.name={source.only.name}"
    labels = label_selector(source, settings.names)
    return Informer(client, source.resource, namespace, label_selector=labels, field_selector=only, chance=chance)


def _lookups(informers: Mapping[tuple[Side, Resource], Informer], side: Side) -> dict[Resource, Lookup]:
    return {
        resource: Decoded.of(informer) if resource in FEW_AND_HOT else informer.store
        for (of, resource), informer in informers.items()
        if of is side
    }
