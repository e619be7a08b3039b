"""``controlPlane``: the gateway's own listeners, the virtual cluster's DNS, and the pod that an installation makes."""

from pydantic import Field

from vgateway.config.base import Port, Section
from vgateway.config.coredns import Coredns
from vgateway.config.signin import Authentication
from vgateway.config.workload import (
    BackingStore,
    Distro,
    PodDisruptionBudget,
    Service,
    ServiceMonitor,
    StatefulSet,
)


class Proxy(Section):
    """The front that tenants' kubeconfigs point at."""

    bind_address: str = "0.0.0.0"
    """Address to listen on."""
    port: Port = 8443
    """TCP port of the front."""
    extra_sans: tuple[str, ...] = Field(default=(), alias="extraSANs")
    """More names and addresses that an installation's certificate says: those by which tenants reach it."""
    authentication: Authentication = Authentication()


class Kubelet(Section):
    """The listener that is the kubelet of every virtual node."""

    bind_address: str = "0.0.0.0"
    """Address to listen on."""
    port: Port = 10250
    """TCP port, advertised by every virtual node."""
    node_metrics: bool = False
    """``true`` shows the tenant how busy the host's nodes are, all tenants' load together; ``false`` only its pods."""


class VirtualScheduler(Section):
    """Who places the tenant's pods."""

    enabled: bool = False
    """``true``: the tenant's own kube-scheduler, on ``sync.fromHost.nodes``, in what room others leave there; needs to
    read all pods of the host. ``false``: the host's scheduler, by the host's own rules."""


class Advanced(Section):
    """What most virtual clusters leave alone."""

    virtual_scheduler: VirtualScheduler = VirtualScheduler()
    pod_disruption_budget: PodDisruptionBudget = PodDisruptionBudget()


class ControlPlane(Section):
    """The gateway's own listeners, and what runs beside them."""

    proxy: Proxy = Proxy()
    kubelet: Kubelet = Kubelet()
    coredns: Coredns = Coredns()
    distro: Distro = Distro()
    backing_store: BackingStore = BackingStore()
    stateful_set: StatefulSet = StatefulSet()
    service: Service = Service()
    service_monitor: ServiceMonitor = ServiceMonitor()
    advanced: Advanced = Advanced()
