"""``integrations``: what else runs on the host that tenants may use by their own names."""

from typing import Self

from pydantic import model_validator

from vgateway.config.base import DnsLabel, NotYet, Port, Section


class ApiServiceTarget(Section):
    """A Service of the host's."""

    name: DnsLabel = "metrics-server"
    """Its name."""
    namespace: DnsLabel = "kube-system"
    """Its namespace."""
    port: Port = 443
    """Its TCP port."""


class ApiService(Section):
    """Which Service of the host's answers its ``metrics.k8s.io``."""

    service: ApiServiceTarget = ApiServiceTarget()
    """Nothing but vcluster.yaml's default may be said: the host's API server is asked, and knows its Service."""


class MetricsServer(Section):
    """The host's ``metrics.k8s.io`` for the tenant: ``kubectl top`` and autoscaling without one of its own.

    The host needs a metrics-server; needs ``gateway.virtualCluster.authorityKey`` and ``frontProxyCA``.
    """

    enabled: bool = False
    """``true`` registers the API in the virtual cluster, unless the tenant has registered one; ``false`` takes ours
    back."""
    pods: bool = True
    """CPU and memory of the tenant's pods, in its own names; ``false``: there is no such resource."""
    nodes: bool = True
    """CPU and memory of the nodes that the tenant sees: of the host's own (``sync.fromHost.nodes``, or with
    ``controlPlane.kubelet.nodeMetrics``) everybody's load together, which needs to read ``metrics.k8s.io`` nodes
    there; of a make-believe one the sum of the tenant's pods. ``false``: there is no such resource."""
    api_service: ApiService = ApiService()

    @model_validator(mode="after")
    def _host_knows_its_service(self) -> Self:
        if self.api_service != ApiService():
            raise ValueError("apiService.service: leave it out: the host's API server is asked, and knows it")
        return self


class Integrations(Section):
    """What else runs on the host that tenants may use by their own names."""

    metrics_server: MetricsServer = MetricsServer()
    cert_manager: NotYet = NotYet()
    """Not supported yet."""
    external_secrets: NotYet = NotYet()
    """Not supported yet."""
    istio: NotYet = NotYet()
    """Not supported yet."""
    kube_virt: NotYet = NotYet()
    """Not supported yet."""
    netris: NotYet = NotYet()
    """Not supported yet."""
