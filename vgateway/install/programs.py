"""How the virtual control plane's programs run in the pod: pure argument lists."""

from pathlib import Path

from vgateway.config.model import Config
from vgateway.install.layout import API_PORT, DATA, MANAGER_KUBECONFIG, PKI, STORE_PORT
from vgateway.local.controlplane import (
    ApiServer,
    ControlPlanePki,
    apiserver_arguments,
    kine_arguments,
    tenant_manager_arguments,
)
from vgateway.local.pki import KeyPair

SERVICE_CIDR_VARIABLE = "SERVICE_CIDR"


def apiserver(config: Config) -> list[str]:
    """Return the arguments of the virtual kube-apiserver; its range of ClusterIPs comes from the environment."""
    server = ApiServer(
        store=f"http://127.0.0.1:{STORE_PORT}",
        bind="0.0.0.0",
        advertise="127.0.0.1",
        port=API_PORT,
        services=f"$({SERVICE_CIDR_VARIABLE})",
        own_endpoints=False,
        pki=pki(),
    )
    return [*apiserver_arguments(server), *config.control_plane.distro.k8s.api_server.extra_args]


def controller_manager(config: Config) -> list[str]:
    """Return the arguments of the virtual kube-controller-manager."""
    extra = config.control_plane.distro.k8s.controller_manager.extra_args
    return [*tenant_manager_arguments(Path(MANAGER_KUBECONFIG), pki()), *extra]


def kine(config: Config) -> list[str]:
    """Return the arguments of kine, which asks nobody for a certificate and so listens inside the pod only."""
    extra = config.control_plane.backing_store.database.embedded.extra_args
    return [*kine_arguments(Path(DATA / "kine.db"), "127.0.0.1", STORE_PORT), *extra]


def pki() -> ControlPlanePki:
    """Return where the pod's certificates are."""
    return ControlPlanePki(
        authority=_pair("ca"),
        front_proxy_authority=_pair("front-proxy-ca"),
        server=_pair("apiserver"),
        kubelet_client=_pair("apiserver-kubelet-client"),
        front_proxy_client=_pair("front-proxy-client"),
        service_account=KeyPair(Path(PKI / "service-account.pub"), Path(PKI / "service-account.key")),
    )


def _pair(name: str) -> KeyPair:
    return KeyPair(Path(PKI / f"{name}.crt"), Path(PKI / f"{name}.key"))
