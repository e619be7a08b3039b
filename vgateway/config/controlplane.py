"""``controlPlane``: the gateway's own listeners, and the virtual cluster's DNS."""

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


class ControlPlane(Section):
    """The gateway's own listeners, and the virtual cluster's DNS."""

    proxy: Proxy = Proxy()
    kubelet: Kubelet = Kubelet()
    coredns: Coredns = Coredns()
