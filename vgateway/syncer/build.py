"""Wires the syncer: caches, which change wakes which key, and the controller over it all.

Builds only; the supervisor starts the groups in order: caches, then the controller.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from vgateway.kube.client import ApiClient
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Resource
from vgateway.supervisor import Runnable
from vgateway.syncer.apply import Applier
from vgateway.syncer.caches import Caches, build_caches
from vgateway.syncer.controller import Controller
from vgateway.syncer.events import Teller
from vgateway.syncer.explain import Explainer
from vgateway.syncer.kind import Kind, Side
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.reconciler import Reconciler
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import NAMESPACES, PODS
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.view import View
from vgateway.syncer.waker import Settling, Waker, every_key, wakes_of
from vgateway.syncer.workqueue import Rank


@dataclass(frozen=True, slots=True)
class Syncer:
    """The wired syncer. The kubelet reads the same ``caches``, of pods above all."""

    virtual_pods: Informer
    host_pods: Informer
    caches: Caches
    controller: Controller
    kinds: Sequence[Kind]
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
    caches = build_caches(kinds, settings, {Side.VIRTUAL: virtual, Side.HOST: host}, chance)
    view = caches.view(settings, clock)
    metrics = SyncerMetrics(registry)
    applier = Applier(settings.names, virtual, host, metrics)
    reconciler = Reconciler(kinds, view, applier, Teller(virtual, metrics), caches.is_listed)
    controller = Controller(reconciler, metrics, chance=chance)
    for side, resource, informer in caches.by_side():
        wakes = wakes_of(kinds, side, resource)
        informer.subscribe(Waker(side, resource, wakes, view, reconciler.memory, controller.wake))
        informer.on_list(partial(_look_again, reconciler, controller, side, resource))
    for (resource, place), informer in caches.places.items():
        wakes = wakes_of(kinds, Side.HOST, resource, place)
        informer.subscribe(Waker(Side.HOST, resource, wakes, view, reconciler.memory, controller.wake))
    if settings.names.spread:
        caches.followed[Side.HOST, NAMESPACES].subscribe(Settling(kinds, view, controller.wake))
    for kind in kinds:
        for informer in caches.lacked_by(kind):
            informer.on_list(partial(_look_at_all, kind, view, controller))
    pods = caches.followed[Side.VIRTUAL, PODS], caches.followed[Side.HOST, PODS]
    explainer = Explainer(kinds, view, reconciler.memory, reconciler.journal)
    runnables = caches.runnables(), (controller,)
    return Syncer(*pods, caches, controller, kinds, view, explainer, runnables)


def _look_again(reconciler: Reconciler, controller: Controller, side: Side, resource: Resource) -> None:
    for work in reconciler.relisted(side, resource):
        controller.wake(work)


def _look_at_all(kind: Kind, view: View, controller: Controller) -> None:
    """Look at what had to wait for a resource that a side lacked."""
    for key in every_key(kind, view):
        controller.wake((kind.name, key), Rank.REPORTED)
