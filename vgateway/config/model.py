"""The configuration as values: vcluster.yaml's vocabulary, plus ``gateway:``, the wiring of one process.

Every model is frozen and refuses keys it does not know: a typing error must not silently change what tenants get.
Each field says the consequence of its value, and the unit.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def _https(url: str) -> str:
    if not url.startswith("https://"):
        raise ValueError("an https:// address is expected")
    return url


HttpsUrl = Annotated[str, AfterValidator(_https)]
Port = Annotated[int, Field(ge=0, le=65535)]
DnsLabel = Annotated[str, Field(pattern=DNS_LABEL, max_length=63)]


class Section(BaseModel):
    """A part of the file: camelCase keys, frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


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
    client_certificate: Path
    """PEM certificate of the syncer; it needs ``system:masters`` or the same rights by RBAC."""
    client_key: Path
    """PEM private key of the syncer's certificate."""
    front_proxy_certificate: Path
    """PEM certificate that lets the gateway name users (``--requestheader-client-ca-file``)."""
    front_proxy_key: Path
    """PEM private key of the front-proxy certificate."""
    root_ca: Path | None = Field(default=None, alias="rootCA")
    """PEM bundle that tenants' pods verify the API server with; the virtual cluster publishes it by itself."""


class HostCluster(Section):
    """How to reach the host API server; without a kubeconfig, the pod's own service account is used."""

    kubeconfig: Path | None = None
    """Kubeconfig whose current context has the rights of the namespaced Role."""


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
    operations: Operations = Operations()
    drain_seconds: Annotated[float, Field(ge=0)] = 20.0
    """Seconds that open exec and port-forward sessions may outlive SIGTERM; keep below the pod's grace period."""

    @property
    def service_name(self) -> str:
        """The host Service's name."""
        return self.service or self.name


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


class ControlPlane(Section):
    """The gateway's own listeners."""

    proxy: Proxy = Proxy()
    kubelet: Kubelet = Kubelet()


class AdvancedNetworking(Section):
    """Settings that most tenants leave alone."""

    cluster_domain: str = "cluster.local"
    """DNS domain of the virtual cluster, as its pods see it."""


class Networking(Section):
    """How names and addresses cross between the clusters."""

    advanced: AdvancedNetworking = AdvancedNetworking()


class Logging(Section):
    """What the process writes on standard error."""

    encoding: Literal["console", "json"] = "console"
    """``json`` for one object per line."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """``debug`` adds a line per request."""


class Config(Section):
    """One virtual cluster's configuration."""

    gateway: Gateway
    control_plane: ControlPlane = ControlPlane()
    networking: Networking = Networking()
    logging: Logging = Logging()
