"""What the syncer has to know about its virtual cluster; decided once, at start."""

from collections.abc import Callable
from dataclasses import dataclass

from vgateway.kube.names import Names


@dataclass(frozen=True, slots=True)
class SyncerSettings:
    """One virtual cluster as the syncer sees it.

    ``service`` is the host Service in front of the gateway: pods reach the tenant's API at its ClusterIP, and it
    owns every host object. ``address`` is the gateway's own IP: what virtual nodes and the endpoints of
    ``default/kubernetes`` advertise. ``virtual_version`` is known once the virtual API server has been asked.
    """

    names: Names
    service: str
    address: str
    kubelet_port: int = 10250
    front_port: int = 8443
    cluster_domain: str = "cluster.local"
    virtual_version: Callable[[], str] = str
