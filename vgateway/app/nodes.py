"""Wires the kubelet of the virtual nodes, and the metrics that are told of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from vgateway.app.identities import front_proxies, tls_files
from vgateway.config.model import Config
from vgateway.kube.client import ApiClient
from vgateway.kube.names import Names
from vgateway.kubelet.authentication import Authenticator
from vgateway.kubelet.authorization import Authorizer
from vgateway.kubelet.departures import Departures
from vgateway.kubelet.directory import StoreDirectory
from vgateway.kubelet.figures import HostFigures
from vgateway.kubelet.handler import KubeletHandler
from vgateway.kubelet.hostusage import HostNodeUsage, HostUsage
from vgateway.kubelet.metrics import KubeletMetrics
from vgateway.kubelet.nodefigures import NodeFigures
from vgateway.kubelet.nodes import Port, StoreNodes, shared_names
from vgateway.kubelet.reviewer import Reviewer
from vgateway.metricsapi.handler import MetricsApi, Tenants
from vgateway.syncer.build import Syncer
from vgateway.syncer.kind import Side
from vgateway.syncer.kinds.metricsapi import SERVER_NAME
from vgateway.syncer.resources import NODES, SERVICES
from vgateway.wire.issuing import AuthorityFiles, IssuedTls
from vgateway.wire.server import Listener, TlsFiles, peer_certificate, peer_of_request
from vgateway.wire.upstream import Upstream

WORDS_SECONDS = 2.0
"""How long before the front the nodes' port ends streams: its words reach tenants through the front's tunnels."""


@dataclass(frozen=True, slots=True)
class KubeletParts:
    """What serves at nodes' ports, and what ends the streams of nodes that leave."""

    listeners: Sequence[Listener]
    departures: Departures


def kubelet_parts(
    config: Config, syncer: Syncer, virtual: ApiClient, host: ApiClient, streams: Upstream, registry: CollectorRegistry
) -> KubeletParts:
    """Wire the nodes' port, and the port of ``metrics.k8s.io`` if the tenant is to have that from the host."""
    names = syncer.view.names
    directory = StoreDirectory(names, syncer.virtual_pods.store, syncer.host_pods.store, virtual, host)
    nodes = node_directory(config, names, syncer)
    usage = HostUsage(host, names)
    figures = node_figures(config, names, directory, usage, host)
    departures = Departures(nodes)
    syncer.caches.followed[Side.VIRTUAL, NODES].subscribe(departures.changed)
    handler = kubelet_handler(directory, nodes, virtual, streams, figures, KubeletMetrics(registry), departures)
    listeners = [kubelet_listener(config, handler, nodes)]
    if config.integrations.metrics_server.enabled:
        listeners.append(metrics_listener(config, syncer, directory, usage, host))
    return KubeletParts(listeners, departures)


def node_directory(config: Config, names: Names, syncer: Syncer) -> StoreNodes:
    """Return what knows nodes by their addresses."""
    gateway, networking = config.gateway, config.networking.advanced
    shared = shared_names(names, gateway.service_name, gateway.address, networking.cluster_domain)
    port = Port(names, shared, by_hostname=networking.proxy_kubelets.by_hostname)
    caches = syncer.caches
    nodes, services = caches.followed[Side.VIRTUAL, NODES], caches.followed[Side.HOST, SERVICES]
    return StoreNodes(port, nodes.store, services.store, caches.front.store)


def node_figures(
    config: Config, names: Names, directory: StoreDirectory, usage: HostUsage, host: ApiClient
) -> NodeFigures:
    """Return what knows what pods use."""
    shows_nodes = config.control_plane.kubelet.node_metrics
    where = "" if names.spread else names.host_namespace
    first_hand = HostFigures(host, where, directory.residents, node_metrics=shows_nodes)
    return NodeFigures(names, first_hand, usage, directory.virtual_pods, directory.residents)


def kubelet_handler(
    directory: StoreDirectory,
    nodes: StoreNodes,
    virtual_api: ApiClient,
    host: Upstream,
    figures: NodeFigures,
    metrics: KubeletMetrics,
    departures: Departures,
) -> KubeletHandler:
    """Wire the kubelet: the virtual cluster says who calls and what they may."""
    reviewer = Reviewer(virtual_api)
    judges = Authenticator(reviewer, peer_certificate), Authorizer(reviewer)
    return KubeletHandler(directory, nodes, *judges, host, figures, metrics, departures)


def kubelet_listener(config: Config, handler: KubeletHandler, nodes: StoreNodes) -> Listener:
    """Return the nodes' port; its certificate follows the nodes if we can make one."""
    kubelet, gateway = config.control_plane.kubelet, config.gateway
    tls: TlsFiles | IssuedTls = tls_files(gateway.tls)
    if (key := gateway.virtual_cluster.authority_key) is not None:
        authority = AuthorityFiles(gateway.virtual_cluster.certificate_authority, key, gateway.tls.client_ca)
        tls = IssuedTls("kubelet", "vgateway-kubelet", authority, nodes.certified)
    return Listener(
        "kubelet",
        handler,
        kubelet.bind_address,
        kubelet.port,
        tls,
        drain_seconds=max(gateway.drain_seconds - WORDS_SECONDS, 0),
    )


def metrics_listener(
    config: Config, syncer: Syncer, directory: StoreDirectory, usage: HostUsage, host: ApiClient
) -> Listener:
    """Return the port where the virtual API server finds ``metrics.k8s.io``."""
    place, wanted = config.gateway.aggregated, config.integrations.metrics_server
    served = [name for name, on in (("pods", wanted.pods), ("nodes", wanted.nodes)) if on]
    nodes = syncer.caches.followed[Side.VIRTUAL, NODES].store
    tenants = Tenants(syncer.virtual_pods.store, nodes, directory.residents)
    load = HostNodeUsage(host) if config.shows_host_load else None
    handler = MetricsApi(peer_of_request, served, tenants, usage, load)
    trusted = front_proxies(config.gateway.virtual_cluster)
    tls = IssuedTls("metrics", "vgateway-metrics", trusted, lambda: (SERVER_NAME,))
    return Listener("metrics", handler, place.bind_address, place.port, tls, drain_seconds=0.0)
