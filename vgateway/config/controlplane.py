"""``controlPlane``: the gateway's own listeners, and the virtual cluster's DNS."""

from vgateway.config.availability import StatefulSet
from vgateway.config.base import Port, Section
from vgateway.config.coredns import Coredns


class Proxy(Section):
    """The front that tenants' kubeconfigs point at."""

    bind_address: str = "0.0.0.0"
    """Address to listen on."""
    port: Port = 8443
    """TCP port of the front."""


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


class ControlPlane(Section):
    """The gateway's own listeners, and what runs beside the virtual API server."""

    proxy: Proxy = Proxy()
    kubelet: Kubelet = Kubelet()
    coredns: Coredns = Coredns()
    stateful_set: StatefulSet = StatefulSet()
    advanced: Advanced = Advanced()
