"""``gateway``: the wiring of one process, which serves one virtual cluster; the one section vcluster.yaml has not."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vgateway.config.base import DnsLabel, HttpsUrl, Port, Section


class GatewayTls(Section):
    """The certificate that tenants and the virtual API server see; reloaded when the files change."""

    certificate: Path
    """PEM chain, leaf first, signed by the virtual cluster's CA."""
    key: Path
    """PEM private key of the certificate."""
    client_ca: Path = Field(alias="clientCA")
    """PEM bundle: a client certificate that it signed is the identity it names; any other is refused."""


class VirtualCluster(Section):
    """How to reach the virtual API server, and as whom."""

    server: HttpsUrl
    """Address of the virtual kube-apiserver, without a path."""
    certificate_authority: Path
    """PEM bundle that signed the virtual API server's certificate."""
    authority_key: Path | None = None
    """PEM private key of the bundle's first certificate: by it the gateway makes the certificate of the nodes' port,
    which follows nodes as they come and go. Without it that port serves with ``gateway.tls``."""
    client_certificate: Path
    """PEM certificate of the syncer; it needs ``system:masters`` or the same rights by RBAC."""
    client_key: Path
    """PEM private key of the syncer's certificate."""
    front_proxy_certificate: Path
    """PEM certificate that lets the gateway name users (``--requestheader-client-ca-file``)."""
    front_proxy_key: Path
    """PEM private key of the front-proxy certificate."""
    front_proxy_ca: Path | None = Field(default=None, alias="frontProxyCA")
    """PEM bundle that signed the certificates of front proxies (``--requestheader-client-ca-file``): by it the gateway
    knows the virtual API server when that passes a request on. Needed for ``integrations.metricsServer``."""
    root_ca: Path | None = Field(default=None, alias="rootCA")
    """PEM bundle that tenants' pods verify the API server with; the virtual cluster publishes it by itself."""


class HostCluster(Section):
    """How to reach the host API server; without a kubeconfig, the pod's own service account is used."""

    kubeconfig: Path | None = None
    """Kubeconfig whose current context has the rights of the namespaced Role."""
    dns: str = ""
    """IP of the host cluster's DNS, for fallbacks and resolve rules; else this process's own first name server."""
    cluster_domain: str = "cluster.local"
    """DNS domain of the host cluster."""


class EmbeddedDns(Section):
    """What a CoreDNS beside the gateway is told, and how it reads the virtual cluster."""

    directory: Path
    """Directory that both have: the gateway writes ``Corefile`` and ``NodeHosts`` there."""
    kubeconfig: Path
    """Kubeconfig of the user ``system:coredns`` on the virtual cluster, as CoreDNS finds it."""


class Aggregated(Section):
    """Where the virtual API server finds the APIs that the gateway answers for it."""

    bind_address: str = "0.0.0.0"
    """Address to listen on; only front proxies of the virtual cluster are answered."""
    port: Port = 9001
    """TCP port, listened on with ``integrations.metricsServer`` only."""


class Operations(Section):
    """Where probes and Prometheus find this process; plain HTTP, holding no tenant's data."""

    address: str = "0.0.0.0"
    """Address to listen on."""
    port: Port = 9440
    """TCP port of ``/livez``, ``/readyz`` and ``/metrics``."""


class Gateway(Section):
    """The wiring of one process, which serves one virtual cluster."""

    name: DnsLabel
    """The virtual cluster's name; it is part of every host object's name and cannot be changed later."""
    namespace: DnsLabel
    """The host namespace that holds everything of this virtual cluster."""
    service: DnsLabel | None = None
    """The host Service in front of this process; pods reach their API server by it. The name if not given."""
    address: str
    """IP at which the virtual API server dials our kubelet: the address of every virtual node."""
    tls: GatewayTls
    virtual_cluster: VirtualCluster
    host_cluster: HostCluster = HostCluster()
    embedded_dns: EmbeddedDns | None = None
    """Needed for ``controlPlane.coredns.embedded``."""
    operations: Operations = Operations()
    aggregated: Aggregated = Aggregated()
    drain_seconds: Annotated[float, Field(ge=0)] = 20.0
    """Seconds that open exec and port-forward sessions may outlive SIGTERM; keep below the pod's grace period."""

    @property
    def service_name(self) -> str:
        """The host Service's name."""
        return self.service or self.name
