"""What the syncer is told of the configuration, and who runs it: this process, or the one of several that leads."""

import base64
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from vgateway.app.dns import CurrentDns
from vgateway.app.leader import Leader
from vgateway.app.operations import Explain
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.kube.client import ApiClient
from vgateway.kube.election import Election, Terms
from vgateway.kube.objects import Obj
from vgateway.kube.transport import Transport
from vgateway.kube.version import ServerVersion
from vgateway.proxy.services import ServiceAddresses
from vgateway.supervisor import Runnable
from vgateway.syncer.build import Syncer
from vgateway.syncer.forerunner import Forerunner
from vgateway.syncer.kinds.metricsapi import reached_at
from vgateway.syncer.kinds.service import ServiceKind
from vgateway.syncer.memory import Work
from vgateway.syncer.settings import MetricsApi as Registered
from vgateway.syncer.settings import SyncerSettings, names_of, tolerations_of


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


def service_addresses(syncer: Syncer, host: ApiClient, transports: Sequence[Transport]) -> ServiceAddresses | None:
    """Return what gives Services the host's addresses, None where Services stay in the tenant's cluster."""
    kind = next((kind for kind in syncer.kinds if isinstance(kind, ServiceKind)), None)
    if kind is None:
        return None
    return ServiceAddresses(Forerunner(kind, syncer.view, host, syncer.controller), *transports)
