"""The host cluster's control plane: etcd, API server, controller manager, scheduler."""

from collections.abc import Iterable
from pathlib import Path

from vgateway.local.addresses import API_PORT, PEER_PORT, STORE_PORT
from vgateway.local.controlplane import (
    ApiServer,
    ControlPlanePki,
    apiserver_arguments,
    controller_manager_arguments,
    etcd_arguments,
    scheduler_arguments,
)
from vgateway.local.instance import Instance
from vgateway.local.kubeconfigs import client_user, kubeconfig, write_private
from vgateway.local.manifests import KUBELET_CLIENT, kubelet_client_binding
from vgateway.local.pki import Authority, Identity, ensure_signing_key
from vgateway.local.processes import Program

SCOPE = "host"
API_SERVER = f"{SCOPE}/kube-apiserver"
READY_TAKES = 120.0
"""Seconds within which an API server answers, on a machine that is busy with everything else."""

MASTERS = "system:masters"
ADMINISTRATOR = Identity("kubernetes-admin", (MASTERS,))
MANAGER = Identity("system:kube-controller-manager")
SYNCER = Identity("vgateway-syncer", (MASTERS,))
SERVICE_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
)
"""By these every API server is called from within its cluster and its machine."""

USERS = {
    "admin": ADMINISTRATOR,
    "controller-manager": MANAGER,
    "scheduler": Identity("system:kube-scheduler"),
    "kube-proxy": Identity("system:kube-proxy"),
    "kwok": Identity("kwok", (MASTERS,)),
    "local-path-provisioner": Identity("local-path-provisioner", (MASTERS,)),
}


def launch_host(instance: Instance) -> None:
    """Start the store and the API server; they find each other."""
    addresses, place = instance.addresses, instance.place(SCOPE)
    pki = control_plane_pki(instance.host_authority, (addresses.host, addresses.kubernetes_service))
    _write_kubeconfigs(instance)
    store = etcd_arguments(instance.paths.host / "etcd", addresses.store, STORE_PORT, PEER_PORT)
    instance.processes.ensure(
        Program(
            f"{SCOPE}/etcd",
            (str(instance.programs["etcd"]), *store),
            place,
            listens=((addresses.store, STORE_PORT), (addresses.store, PEER_PORT)),
        )
    )
    server = ApiServer(
        store=f"http://{addresses.store}:{STORE_PORT}",
        bind=addresses.host,
        advertise=addresses.host,
        port=API_PORT,
        services=addresses.services,
        own_endpoints=instance.rooted,
        pki=pki,
    )
    instance.processes.ensure(
        Program(
            API_SERVER,
            (str(instance.programs["kube-apiserver"]), *apiserver_arguments(server)),
            place,
            files=(pki.server.certificate,),
            listens=((addresses.host, API_PORT),),
        )
    )


def finish_host(instance: Instance) -> None:
    """Wait for the API server, then start what works through it."""
    instance.processes.refuse_dead([f"{SCOPE}/etcd"])
    instance.processes.await_ready(API_SERVER, instance.host_api.is_ready, READY_TAKES)
    instance.host_api.apply(kubelet_client_binding())
    place = instance.place(SCOPE)
    pki = control_plane_pki(instance.host_authority, (instance.addresses.host, instance.addresses.kubernetes_service))
    manager = controller_manager_arguments(user_kubeconfig(instance, "controller-manager"), pki, off=())
    scheduler = scheduler_arguments(user_kubeconfig(instance, "scheduler"))
    for name, options in (("kube-controller-manager", manager), ("kube-scheduler", scheduler)):
        instance.processes.ensure(Program(f"{SCOPE}/{name}", (str(instance.programs[name]), *options), place))


def await_controllers(instance: Instance) -> None:
    """Wait until the host cluster's controllers work."""
    instance.processes.await_ready(f"{SCOPE}/kube-controller-manager", instance.host_api.takes_pods, READY_TAKES)


def control_plane_pki(authority: Authority, hosts: tuple[str, ...]) -> ControlPlanePki:
    """Make, or find, the certificates of one control plane; ``hosts`` are its API server's own names."""
    authority = authority.ensure("kubernetes")
    front_proxy = Authority(authority.directory, "front-proxy-ca").ensure("front-proxy-ca")
    return ControlPlanePki(
        authority=authority.files,
        front_proxy_authority=front_proxy.files,
        server=authority.issue("apiserver", Identity("kube-apiserver", hosts=(*SERVICE_NAMES, *hosts))),
        kubelet_client=authority.issue("apiserver-kubelet-client", Identity(KUBELET_CLIENT)),
        front_proxy_client=front_proxy.issue("front-proxy-client", Identity("front-proxy-client")),
        service_account=ensure_signing_key(authority.directory),
    )


def issue_gateway(authority: Authority, domain: str, hosts: Iterable[str]) -> None:
    """Make, or find, what a gateway serves with under these names and its cluster's own, and what its syncer shows."""
    names = dict.fromkeys((*SERVICE_NAMES, f"kubernetes.default.svc.{domain}", *hosts))
    authority.issue("gateway", Identity("vgateway", hosts=tuple(names)))
    authority.issue("syncer", SYNCER)


def user_kubeconfig(instance: Instance, user: str) -> Path:
    """Return the kubeconfig of one of the host's own programs."""
    return instance.paths.host / f"{user}.kubeconfig"


def write_user_kubeconfig(instance: Instance, path: Path, file: str, identity: Identity) -> Path:
    """Write the kubeconfig of somebody on the host cluster, making the certificate if there is none."""
    authority = instance.host_authority
    files = authority.issue(file, identity)
    server = instance.host_api.server
    return write_private(path, kubeconfig(server, authority.files.certificate, client_user(files), "vgateway-host"))


def _write_kubeconfigs(instance: Instance) -> None:
    for user, identity in USERS.items():
        write_user_kubeconfig(instance, user_kubeconfig(instance, user), user, identity)
    write_user_kubeconfig(instance, instance.paths.host_kubeconfig, "admin", USERS["admin"])
