"""Where everything of an installation is: names of host objects, files in the pod, ports. Pure."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from vgateway.kube.names import Names

CONFIG = PurePosixPath("/etc/vgateway/config.yaml")
"""The values of the installation, from its Secret."""
RUN = PurePosixPath("/run/vgateway")
"""Memory that the containers of the pod share: keys, kubeconfigs and the gateway's own configuration."""
PKI = RUN / "pki"
GATEWAY_CONFIG = RUN / "gateway.yaml"
MANAGER_KUBECONFIG = RUN / "controller-manager.kubeconfig"
DATA = PurePosixPath("/data")
"""The store's disk."""
TOKEN = PurePosixPath("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the gateway, and no other container, finds its identity on the host."""

API_PORT = 6443
STORE_PORT = 2379
SERVICE_PORT = 443

SERVICE_CIDR = "service-cidr"
"""Key of the range of ClusterIPs in the Secret of the certificates."""


@dataclass(frozen=True, slots=True)
class Release:
    """One installation: the virtual cluster's name and its host namespace."""

    name: str
    namespace: str

    @property
    def account(self) -> str:
        """The ServiceAccount of the gateway, its Role and its binding."""
        return f"vc-{self.name}"

    @property
    def workload_account(self) -> str:
        """The ServiceAccount of the tenant's pods, which has no rights."""
        return Names(self.name, self.namespace).workload_service_account

    @property
    def config_secret(self) -> str:
        """The Secret with the values."""
        return f"vc-config-{self.name}"

    @property
    def certificates_secret(self) -> str:
        """The Secret with the authorities of the virtual cluster: whoever reads it is its administrator."""
        return f"{self.name}-certs"

    @property
    def kubeconfig_secret(self) -> str:
        """The Secret with the tenant administrator's kubeconfig."""
        return f"vc-{self.name}"

    @property
    def headless_service(self) -> str:
        """The Service that gives the pod its name."""
        return f"{self.name}-headless"

    @property
    def claim(self) -> str:
        """The PersistentVolumeClaim of the store."""
        return f"data-{self.name}-0"

    @property
    def selector(self) -> dict[str, str]:
        """The labels of the gateway's pod: no tenant's pod can carry the second, it is renamed on the host."""
        return {"app": "vcluster", "release": self.name}

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that is installed."""
        own = {"app.kubernetes.io/name": "vgateway", "app.kubernetes.io/instance": self.name}
        return self.selector | own | {"app.kubernetes.io/part-of": "vgateway"}

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which the host's Service is called."""
        local = f"{self.name}.{self.namespace}"
        return (self.name, local, f"{local}.svc", f"{local}.svc.cluster.local")
