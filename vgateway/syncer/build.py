"""Wires the syncer: caches, what decides over them, and the controller over it all.

Builds only; the supervisor starts the groups in order: caches, then the controller.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from vgateway.kube.client import ApiClient
from vgateway.kube.informer import Informer
from vgateway.supervisor import Runnable
from vgateway.syncer.apply import Applier
from vgateway.syncer.caches import Caches, build_caches
from vgateway.syncer.controller import Controller
from vgateway.syncer.events import Teller
from vgateway.syncer.explain import Explainer
from vgateway.syncer.kind import Kind, Side
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.places import Complain, silent
from vgateway.syncer.reconciler import Reconciler
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import PODS
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.view import View
from vgateway.syncer.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Syncer:
    """The wired syncer. The kubelet reads the same ``caches``, of pods above all."""

    virtual_pods: Informer
    host_pods: Informer
    caches: Caches
    controller: Controller
    wiring: Wiring
    view: View
    explainer: Explainer
    runnables: tuple[tuple[Runnable, ...], ...]

    @property
    def kinds(self) -> Sequence[Kind]:
        """The present kinds."""
        return self.wiring.kinds


def build_syncer(
    settings: SyncerSettings,
    virtual: ApiClient,
    host: ApiClient,
    registry: CollectorRegistry,
    kinds: Sequence[Kind] = KINDS,
    *,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
    complain: Complain = silent,
) -> Syncer:
    """Wire everything; nothing runs yet. ``clock`` gives the seconds since the epoch, ``chance`` spreads back-offs.

    ``complain`` hears of places of the host that cannot be read.
    """
    caches = build_caches(kinds, settings, {Side.VIRTUAL: virtual, Side.HOST: host}, chance, complain)
    view = caches.view(settings, clock)
    metrics = SyncerMetrics(registry)
    applier = Applier(settings.names, virtual, host, metrics)
    reconciler = Reconciler(kinds, view, applier, Teller(virtual, metrics), caches.is_listed)
    controller = Controller(reconciler, metrics, chance=chance)
    pods = caches.followed[Side.VIRTUAL, PODS], caches.followed[Side.HOST, PODS]
    explainer = Explainer(kinds, view, reconciler.memory, reconciler.journal)
    wiring = Wiring(kinds, caches, view, reconciler, controller, explainer)
    return Syncer(*pods, caches, controller, wiring, view, explainer, (caches.runnables(), (controller,)))
