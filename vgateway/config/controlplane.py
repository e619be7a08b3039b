"""``controlPlane``: the gateway's own listeners, and the virtual cluster's DNS."""

from vgateway.config.base import Port, Section, Switch
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


class Advanced(Section):
    """What most virtual clusters leave alone."""

    virtual_scheduler: Switch = Switch()
    """The tenant's own kube-scheduler places its pods, on ``sync.fromHost.nodes``, in what room others leave there;
    needs to read all pods of the host. Otherwise the host's scheduler does, by the host's own rules."""


class ControlPlane(Section):
    """The gateway's own listeners, and what runs beside the virtual API server."""

    proxy: Proxy = Proxy()
    kubelet: Kubelet = Kubelet()
    coredns: Coredns = Coredns()
    advanced: Advanced = Advanced()
