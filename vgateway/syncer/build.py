"""Wires the syncer: informers, their indexes, which change wakes which key, and the controller over it all.

Builds only; the supervisor starts the groups in order: caches, then the controller.
"""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry

from vgateway.kube.client import ApiClient
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Obj, Resource
from vgateway.kube.ownership import MANAGED_BY
from vgateway.supervisor import Runnable
from vgateway.syncer.apply import Applier
from vgateway.syncer.controller import Controller
from vgateway.syncer.decoded import Decoded
from vgateway.syncer.events import Teller
from vgateway.syncer.kind import Kind, Side
from vgateway.syncer.kinds.kubernetes import KUBERNETES
from vgateway.syncer.kinds.node import node_values
from vgateway.syncer.kinds.pod.needs import waiting_values
from vgateway.syncer.kinds.references import reference_values
from vgateway.syncer.metrics import SyncerMetrics
from vgateway.syncer.reconciler import Reconciler
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import (
    CONFIGMAPS,
    ENDPOINTS,
    ENDPOINTSLICES,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    SERVICES,
)
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.view import BY_NAMESPACE, BY_NODE, BY_REFERENCE, BY_WAITING, Lookup, View
from vgateway.syncer.waker import Waker, wakes_of

VIRTUAL_EVERYWHERE = (PODS, SERVICES, CONFIGMAPS, SECRETS, NAMESPACES, NODES)
VIRTUAL_KUBERNETES = (ENDPOINTS, ENDPOINTSLICES)
# Few objects that every pod asks for: decoded once per change.
FEW_AND_HOT = (NAMESPACES, NODES)
HOST_MANAGED = (PODS, SERVICES, CONFIGMAPS, SECRETS)


@dataclass(frozen=True, slots=True)
class Syncer:
    """The wired syncer. The kubelet reads the same pods: ``virtual_pods`` and ``host_pods``."""

    virtual_pods: Informer
    host_pods: Informer
    controller: Controller
    view: View
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
    virtuals = _virtual_informers(virtual, chance)
    hosts = _host_informers(settings, host, chance)
    only = f"metadata.name={settings.service}"
    front = Informer(host, SERVICES, settings.names.host_namespace, field_selector=only, chance=chance)
    front.name = "host service of the virtual cluster"
    decoded: dict[Resource, Lookup] = {resource: Decoded.of(virtuals[resource]) for resource in FEW_AND_HOT}
    view = View(
        settings,
        {resource: decoded.get(resource, informer.store) for resource, informer in virtuals.items()},
        {resource: informer.store for resource, informer in hosts.items()},
        Decoded.of(front),
        clock,
    )
    metrics = SyncerMetrics(registry)
    applier = Applier(settings.names, virtual, host, metrics)
    reconciler = Reconciler(kinds, view, applier, Teller(virtual, metrics))
    controller = Controller(reconciler, metrics, chance=chance)
    for side, informers in ((Side.VIRTUAL, virtuals.items()), (Side.HOST, [*hosts.items(), (SERVICES, front)])):
        for resource, informer in informers:
            wakes = wakes_of(kinds, side, resource)
            informer.subscribe(Waker(side, resource, wakes, view, reconciler.memory, controller.wake))
            informer.on_list(partial(_look_again, reconciler, controller, side, resource))
    caches = (*virtuals.values(), *hosts.values(), front)
    return Syncer(virtuals[PODS], hosts[PODS], controller, view, (caches, (controller,)))


def _look_again(reconciler: Reconciler, controller: Controller, side: Side, resource: Resource) -> None:
    for work in reconciler.relisted(side, resource):
        controller.wake(work)


def _virtual_informers(client: ApiClient, chance: Callable[[], float]) -> dict[Resource, Informer]:
    found = {resource: Informer(client, resource, chance=chance) for resource in VIRTUAL_EVERYWHERE}
    only = f"metadata.name={KUBERNETES.name}"
    for resource in VIRTUAL_KUBERNETES:
        found[resource] = Informer(client, resource, KUBERNETES.namespace, field_selector=only, chance=chance)
    pods = found[PODS].store
    pods.add_index(BY_REFERENCE, reference_values)
    pods.add_index(BY_NAMESPACE, _namespace)
    pods.add_index(BY_WAITING, waiting_values)
    found[SERVICES].store.add_index(BY_NAMESPACE, _namespace)
    return found


def _host_informers(
    settings: SyncerSettings, client: ApiClient, chance: Callable[[], float]
) -> dict[Resource, Informer]:
    ours = f"{MANAGED_BY}={settings.names.virtual_cluster}"
    namespace = settings.names.host_namespace
    found = {
        resource: Informer(client, resource, namespace, label_selector=ours, chance=chance) for resource in HOST_MANAGED
    }
    found[PODS].store.add_index(BY_NODE, partial(node_values, settings.names))
    return found


def _namespace(obj: Obj) -> Iterable[str]:
    return (obj["metadata"].get("namespace") or "",)
