"""Wires one virtual cluster's process; constructs everything and starts nothing."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, CollectorRegistry, Gauge, ProcessCollector

from vgateway.app.dns import CurrentDns, DnsFiles, dns_value, dns_work
from vgateway.app.identities import (
    front_credentials,
    host_credentials,
    logins,
    tls_files,
    upstream_of,
    virtual_credentials,
)
from vgateway.app.nodes import kubelet_parts
from vgateway.app.notices import Notices
from vgateway.app.operations import OperationsServer
from vgateway.app.reload import ConfigWatcher
from vgateway.app.syncing import explainer, look_again, service_addresses, syncer_settings, syncing_of
from vgateway.config.model import Config
from vgateway.kube.client import ApiClient
from vgateway.kube.metrics import KubeMetrics
from vgateway.kube.transport import Transport
from vgateway.kube.version import ServerVersion
from vgateway.proxy.front import Front
from vgateway.proxy.issuers import SignIn
from vgateway.proxy.metrics import FrontMetrics
from vgateway.supervisor import Runnable, Supervisor
from vgateway.syncer.build import Syncer, build_syncer
from vgateway.syncer.kind import Side
from vgateway.syncer.registry import kinds_for, with_replication
from vgateway.syncer.resources import NODES
from vgateway.wire.server import Listener
from vgateway.wire.upstream import Upstream

VIRTUAL_HOP = "virtual API server"
HOST_HOP = "host API server"


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
    kubelet = kubelet_parts(config, syncer, virtual_api, host_api, streams, registry)
    front = Front(plain, front_proxy, services=services, sign_in=sign_in_of(config), metrics=FrontMetrics(registry))
    listeners = [front_listener(config, front), *kubelet.listeners]
    watcher = ConfigWatcher(path, config, partial(apply_live, dns, syncer), registry, notices.say)
    followers: list[Runnable] = [notices, watcher, kubelet.departures]
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


def process_registry() -> CollectorRegistry:
    """Return a registry that holds what the interpreter and the kernel say of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(PLATFORM_COLLECTOR)
    registry.register(GC_COLLECTOR)
    tasks = Gauge("vgateway_tasks", "Tasks of the event loop: what grows without end is lost.", registry=registry)
    tasks.set_function(lambda: len(asyncio.all_tasks()))
    return registry


def sign_in_of(config: Config) -> SignIn | None:
    """Return what verifies tokens of the configured issuers, None if there are none."""
    issuers = config.control_plane.proxy.authentication.jwt
    return SignIn(issuers) if issuers else None


def front_listener(config: Config, front: Front) -> Listener:
    """Return the tenants' port."""
    proxy = config.control_plane.proxy
    files = tls_files(config.gateway.tls)
    drain = config.gateway.drain_seconds
    return Listener("front", front, proxy.bind_address, proxy.port, files, drain_seconds=drain)
