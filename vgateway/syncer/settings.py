"""What the syncer has to know about its virtual cluster; decided once, at start."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vgateway.config.model import Config
from vgateway.config.networking import ProxyKubelets
from vgateway.config.pods import Pods
from vgateway.config.sync import Sync
from vgateway.config.tolerations import parse_toleration
from vgateway.dns.values import OFF, Dns
from vgateway.kube.names import Names
from vgateway.kube.namespaces import Namespaces

_MINOR = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class MetricsApi:
    """Where the gateway answers ``metrics.k8s.io``; ``authority`` is the CA's certificates, PEM in base64.

    ``host`` is the name or IPv4 address at which the virtual API server finds it.
    """

    host: str
    port: int
    authority: str


@dataclass(frozen=True, slots=True)
class SyncerSettings:
    """One virtual cluster as the syncer sees it.

    ``service`` is the host Service in front of the gateway: pods reach the tenant's API at its ClusterIP, and it
    owns every host object. ``address`` is the gateway's own IP: what virtual nodes and the endpoints of
    ``default/kubernetes`` advertise. The versions are known once the API servers have been asked; ``dns`` may be
    another while the process runs.
    """

    names: Names
    service: str
    address: str
    kubelet_port: int = 10250
    front_port: int = 8443
    cluster_domain: str = "cluster.local"
    proxy_kubelets: ProxyKubelets = field(default_factory=ProxyKubelets)
    virtual_version: Callable[[], str] = str
    host_version: Callable[[], str] = str
    dns: Callable[[], Dns] = lambda: OFF
    sync: Sync = field(default_factory=Sync)
    virtual_scheduler: bool = False
    pod_security_standard: str | None = None
    enforced_tolerations: tuple[Mapping[str, str], ...] = ()
    metrics_api: MetricsApi | None = None

    @property
    def pods(self) -> Pods:
        """How pods run on the host."""
        return self.sync.to_host.pods

    @property
    def confining_labels(self) -> Mapping[str, str]:
        """Return the labels of the only host nodes that pods may run on; a scheduler of the tenant sees no others."""
        nodes = self.sync.from_host.nodes
        confined = nodes.enabled and not nodes.selector.all and not self.virtual_scheduler
        return nodes.selector.labels if confined else {}

    def host_is_at_least(self, minor: int) -> bool:
        """Say whether the host runs Kubernetes 1.``minor`` or newer; no while that is not known."""
        found = _MINOR.match(self.host_version())
        return found is not None and (int(found[1]), int(found[2])) >= (1, minor)


def names_of(config: Config) -> Names:
    """Return the translation of names that a configuration asks for."""
    gateway, namespaces = config.gateway, config.sync.to_host.namespaces
    lines = tuple(namespaces.mappings.by_name.items())
    spread = Namespaces(lines, namespaces.mappings_only) if namespaces.enabled else None
    return Names(gateway.name, gateway.namespace, spread)


def tolerations_of(pods: Pods) -> tuple[Mapping[str, str], ...]:
    """Return what every pod has to tolerate."""
    return tuple(parse_toleration(entry) for entry in pods.enforce_tolerations)
