"""How a control plane's programs are run, host's and virtual alike: pure values, so that a test can read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path, PurePath
from typing import Any

from vgateway.local.pki import KeyPair

ISSUER = "https://kubernetes.default.svc.cluster.local"

TENANT_CONTROLLERS_OFF = (
    "node-ipam-controller",
    "node-lifecycle-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-expander-controller",
    "cloud-node-lifecycle-controller",
    "ttl-controller",
)
"""What acts on nodes and disks has nothing to act on in a virtual cluster."""


CLIENT_RATE = {"kube-api-qps": 200, "kube-api-burst": 400}
"""What controllers and scheduler of busy clusters are given; their own 20 to 50 calls a second slow every burst."""


@dataclass(frozen=True, slots=True)
class ControlPlanePki:
    """The files that a control plane is made with."""

    authority: KeyPair
    front_proxy_authority: KeyPair
    server: KeyPair
    kubelet_client: KeyPair
    front_proxy_client: KeyPair
    service_account: KeyPair


@dataclass(frozen=True, slots=True)
class ApiServer:
    """What is special about one API server; ``own_endpoints`` lets it publish its own address."""

    store: str
    bind: str
    advertise: str
    port: int
    services: IPv4Network | str
    own_endpoints: bool
    pki: ControlPlanePki


def arguments(options: Mapping[str, object]) -> tuple[str, ...]:
    """Write options as ``--name=value``; True is true."""
    return tuple(
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in options.items()
    )


def apiserver_arguments(server: ApiServer) -> tuple[str, ...]:
    """Return the arguments of a kube-apiserver."""
    pki = server.pki
    return arguments(
        {
            "etcd-servers": server.store,
            "bind-address": server.bind,
            "advertise-address": server.advertise,
            "secure-port": server.port,
            "service-cluster-ip-range": server.services,
            "endpoint-reconciler-type": "lease" if server.own_endpoints else "none",
            "allow-privileged": True,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "profiling": False,
            "client-ca-file": pki.authority.certificate,
            "tls-cert-file": pki.server.certificate,
            "tls-private-key-file": pki.server.key,
            "requestheader-client-ca-file": pki.front_proxy_authority.certificate,
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-uid-headers": "X-Remote-Uid",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": pki.front_proxy_client.certificate,
            "proxy-client-key-file": pki.front_proxy_client.key,
            "kubelet-certificate-authority": pki.authority.certificate,
            "kubelet-client-certificate": pki.kubelet_client.certificate,
            "kubelet-client-key": pki.kubelet_client.key,
            # A node of ours whose InternalIP is a Service's says here where its kubelet is for whoever is beside it.
            "kubelet-preferred-address-types": "InternalDNS,InternalIP,Hostname",
            "service-account-issuer": ISSUER,
            "service-account-key-file": pki.service_account.certificate,
            "service-account-signing-key-file": pki.service_account.key,
        }
    )


def controller_manager_arguments(kubeconfig: Path, pki: ControlPlanePki, off: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments of a kube-controller-manager that runs all controllers but those in ``off``."""
    return arguments(
        {
            "kubeconfig": kubeconfig,
            "leader-elect": False,
            "secure-port": 0,
            "profiling": False,
            "use-service-account-credentials": True,
            "root-ca-file": pki.authority.certificate,
            "cluster-signing-cert-file": pki.authority.certificate,
            "cluster-signing-key-file": pki.authority.key,
            "service-account-private-key-file": pki.service_account.key,
            "controllers": ",".join(["*", *(f"-{controller}" for controller in off)]),
            **CLIENT_RATE,
        }
    )


def tenant_manager_arguments(kubeconfig: Path, pki: ControlPlanePki) -> tuple[str, ...]:
    """Return the arguments of a virtual cluster's kube-controller-manager."""
    options = controller_manager_arguments(kubeconfig, pki, TENANT_CONTROLLERS_OFF)
    return (*options, "--horizontal-pod-autoscaler-sync-period=60s")


def certified(pki: PurePath, server: str) -> dict[str, Any]:
    """Return ``tls`` and ``virtualCluster`` of a gateway's section: which files in ``pki`` it is known and knows by."""
    authority = str(pki / "ca.crt")
    return {
        "tls": {"certificate": str(pki / "gateway.crt"), "key": str(pki / "gateway.key"), "clientCA": authority},
        "virtualCluster": {
            "server": server,
            "certificateAuthority": authority,
            "authorityKey": str(pki / "ca.key"),
            "clientCertificate": str(pki / "syncer.crt"),
            "clientKey": str(pki / "syncer.key"),
            "frontProxyCertificate": str(pki / "front-proxy-client.crt"),
            "frontProxyKey": str(pki / "front-proxy-client.key"),
            "frontProxyCA": str(pki / "front-proxy-ca.crt"),
            "rootCA": authority,
        },
    }


def scheduler_arguments(kubeconfig: Path) -> tuple[str, ...]:
    """Return the arguments of a kube-scheduler."""
    own = {"kubeconfig": kubeconfig, "leader-elect": False, "secure-port": 0, "profiling": False}
    return arguments({**own, **CLIENT_RATE})


def etcd_arguments(data: Path, address: str, port: int, peer_port: int) -> tuple[str, ...]:
    """Return the arguments of an etcd that may lose its last writes with the machine: it is for tests."""
    client, peer = f"http://{address}:{port}", f"http://{address}:{peer_port}"
    return arguments(
        {
            "data-dir": data,
            "name": "default",
            "unsafe-no-fsync": True,
            "log-level": "warn",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": "30m",
        }
    )


def kine_arguments(database: Path, address: str, port: int) -> tuple[str, ...]:
    """Return the arguments of a kine over sqlite."""
    return arguments(
        {
            "endpoint": f"sqlite://{database}?_journal=WAL&cache=shared&_busy_timeout=30000",
            "listen-address": f"{address}:{port}",
            "metrics-bind-address": 0,
        }
    )
