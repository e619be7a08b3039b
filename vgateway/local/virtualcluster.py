"""A virtual cluster's control plane, at one address on the pod network, as its pod would be.

The gateway beside it is ``gateway``'s, what it has on the host cluster ``tenancy``'s.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.addresses import API_PORT, FRONT_PORT, PEER_PORT, STORE_PORT
from vgateway.local.controlplane import (
    ApiServer,
    ControlPlanePki,
    apiserver_arguments,
    etcd_arguments,
    kine_arguments,
    scheduler_arguments,
    tenant_manager_arguments,
)
from vgateway.local.hostcluster import ADMINISTRATOR, MANAGER, READY_TAKES, control_plane_pki
from vgateway.local.instance import Instance
from vgateway.local.kubeapi import KubeApi
from vgateway.local.kubeconfigs import client_user, kubeconfig, write_private
from vgateway.local.manifests import host_namespace, kubelet_client_binding
from vgateway.local.pki import Authority, Identity
from vgateway.local.podnetwork import directory_name, join, leases_of, leave, place_of_virtual_clusters
from vgateway.local.processes import Place, Program
from vgateway.local.state import VirtualCluster

STOPPING_TAKES = 5.0
"""Seconds that a gateway gets to end its streams."""


@dataclass(frozen=True)
class Virtual:
    """A virtual cluster while a command works on it; ``cluster_ip`` is that of its Service on the host."""

    instance: Instance
    name: str
    cluster: VirtualCluster
    cluster_ip: str = ""

    @property
    def scope(self) -> str:
        """The scope of its programs."""
        return f"virtual-{self.name}"

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return self.instance.paths.virtual(self.name)

    @property
    def authority(self) -> Authority:
        """Its own certificate authority."""
        return Authority(self.directory / "pki")

    @property
    def own(self) -> str:
        """The address by which its programs reach each other."""
        return "127.0.0.1" if self.instance.rooted else self.cluster.address

    @property
    def api(self) -> KubeApi:
        """Its API server, as its administrator."""
        admin = self.authority.issue("admin", ADMINISTRATOR)
        return KubeApi(f"https://{self.cluster.address}:{API_PORT}", self.authority.files.certificate, admin)

    @property
    def place(self) -> Place:
        """Where its programs run."""
        return self.instance.place(self.scope, self.instance.addresses.virtual_namespace(self.name))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names and addresses by which it may be called, beside those of every API server."""
        namespace = host_namespace(self.name)
        services = (self.name, f"{self.name}.{namespace}", f"{self.name}.{namespace}.svc")
        addresses = (self.cluster.address, self.cluster_ip, self.instance.addresses.kubernetes_service)
        return (*services, f"{self.name}.{namespace}.svc.cluster.local", *addresses)

    def pki(self) -> ControlPlanePki:
        """Make, or find, its certificates."""
        return control_plane_pki(self.authority, self.hosts)


def take_place(instance: Instance, name: str, cluster: VirtualCluster, nodes: int) -> str:
    """Give the virtual cluster its address: a pod IP, or one of loopback's without root."""
    if not instance.rooted:
        return instance.addresses.loopback(cluster.index)
    index = place_of_virtual_clusters(nodes)
    return join(instance.addresses, name, index, _leases(instance, index), cluster.address)


def launch_control_plane(virtual: Virtual) -> None:
    """Start the store and the API server."""
    virtual.directory.mkdir(parents=True, exist_ok=True)
    pki = virtual.pki()
    virtual.instance.processes.ensure(_store(virtual))
    server = ApiServer(
        store=f"http://{virtual.own}:{STORE_PORT}",
        bind="0.0.0.0" if virtual.instance.rooted else virtual.cluster.address,
        advertise="127.0.0.1",
        port=API_PORT,
        services=virtual.instance.addresses.services,
        own_endpoints=False,
        pki=pki,
    )
    virtual.instance.processes.ensure(
        _program(virtual, "kube-apiserver", apiserver_arguments(server), files=(pki.server.certificate,))
    )


def finish_control_plane(virtual: Virtual) -> None:
    """Wait for the API server, start the controller manager and write the tenant's kubeconfigs."""
    processes, authority, api = virtual.instance.processes, virtual.authority, virtual.api
    processes.await_ready(f"{virtual.scope}/kube-apiserver", api.is_ready, READY_TAKES)
    api.apply(kubelet_client_binding())
    _write_tenant_kubeconfigs(virtual)
    manager = authority.issue("controller-manager", MANAGER)
    server = f"https://{virtual.own}:{API_PORT}"
    own = kubeconfig(server, authority.files.certificate, client_user(manager), virtual.name)
    path = write_private(virtual.directory / "controller-manager.kubeconfig", own)
    options = tenant_manager_arguments(path, virtual.pki())
    processes.ensure(_program(virtual, "kube-controller-manager", options))


def settle_scheduler(virtual: Virtual, *, wanted: bool) -> None:
    """Start the tenant's own scheduler, or end it where the host's is to place pods."""
    if not wanted:
        virtual.instance.processes.stop([f"{virtual.scope}/kube-scheduler"])
        return
    user = virtual.authority.issue("scheduler", Identity("system:kube-scheduler"))
    server = f"https://{virtual.own}:{API_PORT}"
    own = kubeconfig(server, virtual.authority.files.certificate, client_user(user), virtual.name)
    path = write_private(virtual.directory / "scheduler.kubeconfig", own)
    virtual.instance.processes.ensure(_program(virtual, "kube-scheduler", scheduler_arguments(path)))


def await_controllers(virtual: Virtual) -> None:
    """Wait until the virtual cluster's controllers work."""
    manager = f"{virtual.scope}/kube-controller-manager"
    virtual.instance.processes.await_ready(manager, virtual.api.takes_pods, READY_TAKES)


def end_virtual(virtual: Virtual, nodes: int) -> None:
    """Take a virtual cluster away from this machine; what it had on the host cluster is not touched."""
    instance = virtual.instance
    instance.processes.stop([f"{virtual.scope}/gateway"], grace=STOPPING_TAKES)
    instance.processes.stop(instance.processes.names(virtual.scope))
    if instance.rooted:
        index = place_of_virtual_clusters(nodes)
        leave(instance.addresses, virtual.name, index, _leases(instance, index))
    shutil.rmtree(virtual.directory, ignore_errors=True)
    shutil.rmtree(instance.paths.logs / virtual.scope, ignore_errors=True)
    for direct in (False, True):
        instance.paths.tenant_kubeconfig(virtual.name, direct=direct).unlink(missing_ok=True)


def _write_tenant_kubeconfigs(virtual: Virtual) -> None:
    """The same user, by two doors."""
    admin = virtual.authority.issue("admin", ADMINISTRATOR)
    for direct, port in ((False, FRONT_PORT), (True, API_PORT)):
        server = f"https://{virtual.cluster.address}:{port}"
        document = kubeconfig(server, virtual.authority.files.certificate, client_user(admin), virtual.name)
        write_private(virtual.instance.paths.tenant_kubeconfig(virtual.name, direct=direct), document)


def _store(virtual: Virtual) -> Program:
    if virtual.cluster.store == "etcd":
        return _program(virtual, "etcd", etcd_arguments(virtual.directory / "etcd", virtual.own, STORE_PORT, PEER_PORT))
    return _program(virtual, "kine", kine_arguments(virtual.directory / "kine.db", virtual.own, STORE_PORT))


def _program(virtual: Virtual, name: str, arguments: tuple[str, ...], files: tuple[Path, ...] = ()) -> Program:
    path = str(virtual.instance.programs[name])
    return Program(f"{virtual.scope}/{name}", (path, *arguments), virtual.place, files=files)


def _leases(instance: Instance, index: int) -> Path:
    return leases_of(instance.paths.node(directory_name(index)))
