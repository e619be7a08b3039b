"""Wires one virtual cluster's process; constructs everything and starts nothing."""

import asyncio
import base64
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, CollectorRegistry, Gauge, ProcessCollector

from vgateway.app.dns import CurrentDns, DnsFiles, dns_value, dns_work
from vgateway.app.leader import Leader
from vgateway.app.notices import Notices
from vgateway.app.operations import Explain, OperationsServer
from vgateway.app.reload import ConfigWatcher
from vgateway.config.gateway import Gateway, GatewayTls, HostCluster, VirtualCluster
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials, from_files, from_pod
from vgateway.kube.election import Election, Terms
from vgateway.kube.kubeconfig import from_kubeconfig
from vgateway.kube.metrics import KubeMetrics
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj
from vgateway.kube.transport import Transport
from vgateway.kube.version import ServerVersion
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
from vgateway.proxy.front import Front
from vgateway.proxy.issuers import SignIn
from vgateway.proxy.metrics import FrontMetrics
from vgateway.proxy.services import ServiceAddresses
from vgateway.supervisor import Runnable, Supervisor
from vgateway.syncer.build import Syncer, build_syncer
from vgateway.syncer.forerunner import Forerunner
from vgateway.syncer.kind import Side
from vgateway.syncer.kinds.metricsapi import SERVER_NAME, reached_at
from vgateway.syncer.kinds.service import ServiceKind
from vgateway.syncer.memory import Work
from vgateway.syncer.registry import kinds_for, with_replication
from vgateway.syncer.resources import NODES, SERVICES
from vgateway.syncer.settings import MetricsApi as Registered
from vgateway.syncer.settings import SyncerSettings, names_of, tolerations_of
from vgateway.wire.issuing import AuthorityFiles, IssuedTls
from vgateway.wire.server import Listener, TlsFiles, peer_certificate, peer_of_request
from vgateway.wire.upstream import Upstream

VIRTUAL_HOP = "virtual API server"
HOST_HOP = "host API server"
WORDS_SECONDS = 2.0
"""How long before the front the nodes' port ends streams: its words reach tenants through the front's tunnels."""


@dataclass(frozen=True, slots=True)
class Process:
    """Everything of one process, wired."""

    supervisor: Supervisor
    clients: tuple[ApiClient | Transport, ...]
    upstreams: tuple[Upstream, ...]

    async def close(self) -> None:
        """Close the connections that nobody runs any more."""
        for upstream in self.upstreams:
            upstream.close()
        async with AsyncExitStack() as closing:
            for client in self.clients:
                closing.push_async_callback(client.close)


def build(config: Config, path: Path) -> Process:
    """Wire the front, the kubelet and the syncer; ``ConfigError`` for a file that is missing or unusable.

    ``path`` is where the configuration came from, and where a changed one will be.
    """
    gateway = config.gateway
    virtual, host = virtual_credentials(gateway), host_credentials(gateway.host_cluster)
    registry = process_registry()
    counted = KubeMetrics(registry)
    virtual_api, host_api = ApiClient(virtual, "virtual", metrics=counted), ApiClient(host, "host", metrics=counted)
    versions = ServerVersion(virtual_api), ServerVersion(host_api)
    dns = CurrentDns(config)
    settings = syncer_settings(config, *versions, dns)
    notices = Notices(host_api, lambda: syncer.view.front_service(), registry)
    syncer = build_syncer(settings, virtual_api, host_api, registry, kinds_for(config), complain=notices.complain)
    outward = front_credentials(gateway)
    plain, front_proxy = (upstream_of(one, VIRTUAL_HOP) for one in outward)
    transports = [Transport(one, "virtual") for one in outward]
    services = service_addresses(syncer, host_api, transports)
    streams = upstream_of(host, HOST_HOP)
    names = settings.names
    directory = StoreDirectory(names, syncer.virtual_pods.store, syncer.host_pods.store, virtual_api, host_api)
    nodes = node_directory(config, names, syncer)
    usage = HostUsage(host_api, names)
    figures = node_figures(config, names, directory, usage, host_api)
    departures = Departures(nodes)
    syncer.caches.followed[Side.VIRTUAL, NODES].subscribe(departures.changed)
    kubelet = kubelet_handler(directory, nodes, virtual_api, streams, figures, KubeletMetrics(registry), departures)
    front = Front(plain, front_proxy, services=services, sign_in=sign_in_of(config), metrics=FrontMetrics(registry))
    listeners = [
        front_listener(config, front),
        kubelet_listener(config, kubelet, nodes),
    ]
    if config.integrations.metrics_server.enabled:
        listeners.append(metrics_listener(config, syncer, directory, usage, host_api))
    watcher = ConfigWatcher(path, config, partial(apply_live, dns, syncer), registry, notices.say)
    followers: list[Runnable] = [notices, watcher, departures]
    dns.subscribe(partial(look_again, syncer, dns_work(syncer.kinds)))
    if config.control_plane.coredns.embedded and gateway.embedded_dns is not None:
        followed = syncer.caches.followed[Side.VIRTUAL, NODES]
        followers.append(DnsFiles(gateway.embedded_dns, gateway.address, dns, followed, syncer.view))
    syncing = syncing_of(config, syncer, host_api, registry)
    parts = Parts(logins(virtual, host), listeners, syncer, syncing, [*versions, *followers])
    supervisor = supervise(config, registry, parts)
    return Process(supervisor, (virtual_api, host_api, *transports), (plain, front_proxy, streams))


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs; ``followers`` need nothing but the caches, and nothing of the rest goes before them."""

    logged_in: Sequence[Runnable]
    listeners: Sequence[Runnable]
    syncer: Syncer
    syncing: Runnable
    followers: Sequence[Runnable]


def supervise(config: Config, registry: CollectorRegistry, parts: Parts) -> Supervisor:
    """Put the parts in order: tenants reach their API server even while the host's is down."""
    front, *others = parts.listeners
    groups: list[Sequence[Runnable]] = [
        [*parts.logged_in, front],
        parts.syncer.caches.runnables(),
        parts.followers,
        [*others, parts.syncing],
    ]
    place = config.gateway.operations
    asked = (explainer(parts.syncer), config.gateway.tls.key)
    operations = OperationsServer(place.address, place.port, registry, lambda: supervisor.not_ready(), asked)
    supervisor = Supervisor(groups, [operations])
    return supervisor


def apply_live(dns: CurrentDns, syncer: Syncer, config: Config) -> None:
    """Go on with the parts of a configuration that may change. Raises ConfigError before anything has changed."""
    value = dns_value(config)
    syncer.wiring.change(with_replication(syncer.kinds, config))
    dns.change(value)


def syncing_of(config: Config, syncer: Syncer, host: ApiClient, registry: CollectorRegistry) -> Runnable:
    """Return what syncs: the controller itself, or with several replicas whoever of them leads."""
    chosen = config.control_plane.stateful_set.high_availability
    if chosen.replicas == 1:
        return syncer.controller
    terms = Terms(chosen.lease_duration, chosen.renew_deadline, chosen.retry_period)
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    election = Election(config.gateway.namespace, f"vgateway-{config.gateway.name}", identity, terms)
    syncer.wiring.stand_by()
    return Leader(election, host, Led(syncer), registry)


@dataclass(frozen=True, slots=True)
class Led:
    """Syncing as what only a leader does."""

    syncer: Syncer

    async def run(self) -> None:
        """Look at everything, then at what changes, until cancelled."""
        self.syncer.wiring.start_over()
        try:
            await self.syncer.controller.run()
        finally:
            self.syncer.wiring.stand_by()


def look_again(syncer: Syncer, works: Sequence[Work]) -> None:
    """Have keys looked at whose wishes do not come from any cluster."""
    for work in works:
        syncer.controller.wake(work)


def explainer(syncer: Syncer) -> Explain:
    """Return what answers questions about objects."""

    def explain(query: Mapping[str, str]) -> Obj:
        words = [query.get(name, "") for name in ("kind", "namespace", "name")]
        return syncer.explainer.explain(*words, host=query.get("host") == "true")

    return explain


def process_registry() -> CollectorRegistry:
    """Return a registry that holds what the interpreter and the kernel say of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(PLATFORM_COLLECTOR)
    registry.register(GC_COLLECTOR)
    tasks = Gauge("vgateway_tasks", "Tasks of the event loop: what grows without end is lost.", registry=registry)
    tasks.set_function(lambda: len(asyncio.all_tasks()))
    return registry


def virtual_credentials(gateway: Gateway) -> Credentials:
    """Read the syncer's identity in the virtual cluster."""
    virtual = gateway.virtual_cluster
    return from_files(
        virtual.server,
        ca_file=virtual.certificate_authority,
        client_certificate=virtual.client_certificate,
        client_key=virtual.client_key,
    )


def host_credentials(host: HostCluster) -> Credentials:
    """Read the gateway's identity on the host: a kubeconfig, or the service account of the pod we run in."""
    return from_kubeconfig(host.kubeconfig) if host.kubeconfig else from_pod(os.environ)


def front_credentials(gateway: Gateway) -> tuple[Credentials, Credentials]:
    """Return the way on which a token speaks for itself, and the one on which we vouch for a name."""
    virtual = gateway.virtual_cluster
    plain = from_files(virtual.server, ca_file=virtual.certificate_authority)
    vouching = from_files(
        virtual.server,
        ca_file=virtual.certificate_authority,
        client_certificate=virtual.front_proxy_certificate,
        client_key=virtual.front_proxy_key,
    )
    return plain, vouching


def service_addresses(syncer: Syncer, host: ApiClient, transports: Sequence[Transport]) -> ServiceAddresses | None:
    """Return what gives Services the host's addresses, None where Services stay in the tenant's cluster."""
    kind = next((kind for kind in syncer.kinds if isinstance(kind, ServiceKind)), None)
    if kind is None:
        return None
    return ServiceAddresses(Forerunner(kind, syncer.view, host, syncer.controller), *transports)


def sign_in_of(config: Config) -> SignIn | None:
    """Return what verifies tokens of the configured issuers, None if there are none."""
    issuers = config.control_plane.proxy.authentication.jwt
    return SignIn(issuers) if issuers else None


def upstream_of(credentials: Credentials, hop: str) -> Upstream:
    """Return the pool of one API server's address."""
    address = urlsplit(credentials.server)
    return Upstream(
        address.hostname or "",
        address.port or 443,
        credentials.ssl_context,
        server_hostname=credentials.server_name,
        authorization=credentials.authorization,
        hop=hop,
    )


def syncer_settings(config: Config, virtual: ServerVersion, host: ServerVersion, dns: CurrentDns) -> SyncerSettings:
    """Say what the syncer has to know."""
    gateway = config.gateway
    return SyncerSettings(
        names=names_of(config),
        service=gateway.service_name,
        address=gateway.address,
        kubelet_port=config.control_plane.kubelet.port,
        front_port=config.control_plane.proxy.port,
        cluster_domain=config.networking.advanced.cluster_domain,
        proxy_kubelets=config.networking.advanced.proxy_kubelets,
        virtual_version=lambda: virtual.text,
        host_version=lambda: host.text,
        sync=config.settled_sync,
        virtual_scheduler=config.control_plane.advanced.virtual_scheduler.enabled,
        pod_security_standard=config.policies.pod_security_standard,
        enforced_tolerations=tolerations_of(config.sync.to_host.pods),
        dns=dns,
        metrics_api=registered(config),
    )


def registered(config: Config) -> Registered | None:
    """Say where the virtual API server finds ``metrics.k8s.io``, None where that is not ours to answer."""
    if not config.integrations.metrics_server.enabled:
        return None
    authority = config.gateway.virtual_cluster.certificate_authority
    try:
        trusted = base64.b64encode(authority.read_bytes()).decode()
    except OSError as error:
        raise ConfigError(f"cannot use {error.filename}: {error.strerror}") from error
    replicas = config.control_plane.stateful_set.high_availability.replicas
    return Registered(reached_at(config.gateway.address, replicas), config.gateway.aggregated.port, trusted)


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


def front_listener(config: Config, front: Front) -> Listener:
    """Return the tenants' port."""
    proxy = config.control_plane.proxy
    files = tls_files(config.gateway.tls)
    drain = config.gateway.drain_seconds
    return Listener("front", front, proxy.bind_address, proxy.port, files, drain_seconds=drain)


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


def front_proxies(virtual: VirtualCluster) -> AuthorityFiles:
    """Return who signs our certificate, and who has signed those of the virtual cluster's front proxies."""
    assert virtual.authority_key is not None
    assert virtual.front_proxy_ca is not None
    return AuthorityFiles(virtual.certificate_authority, virtual.authority_key, virtual.front_proxy_ca)


def tls_files(tls: GatewayTls) -> TlsFiles:
    """Name the files of a listener."""
    return TlsFiles(tls.certificate, tls.key, tls.client_ca)


def logins(*credentials: Credentials) -> list[Runnable]:
    """Return what must run so that the credentials stay good."""
    return [each.login for each in credentials if each.login is not None]
