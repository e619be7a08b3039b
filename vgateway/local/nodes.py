"""Real nodes: a network and a mount namespace each, with containerd, kubelet and kube-proxy inside."""

import shutil
from pathlib import Path

import orjson

from vgateway.local.addresses import PROXY_HEALTH_PORT, Addresses, node_name
from vgateway.local.cgroups import end_group
from vgateway.local.errors import LocalError
from vgateway.local.files import write_file
from vgateway.local.hostcluster import user_kubeconfig, write_user_kubeconfig
from vgateway.local.images import import_image
from vgateway.local.instance import Instance
from vgateway.local.kubeapi import NODES, KubeApi
from vgateway.local.mounts import ensure_mounts, unmount_below
from vgateway.local.network import ensure_node, remove_node
from vgateway.local.nodeconfig import (
    NodeFiles,
    containerd_config,
    kube_proxy_config,
    kubelet_arguments,
    kubelet_config,
)
from vgateway.local.pki import Identity
from vgateway.local.podnetwork import leases_of, network_list
from vgateway.local.processes import Place, Program, find_program, run
from vgateway.local.waiting import says_yes

CONTAINERD_TAKES = 60.0
READY_TAKES = 180.0
"""Seconds within which a node is Ready, on a machine that is busy with everything else."""


def launch_runtime(instance: Instance, index: int, nodes: int) -> None:
    """Make the node's namespaces and start its containerd; that needs no API server."""
    name = node_name(index)
    files = instance.node_files(name)
    ensure_node(instance.addresses, index, nodes)
    write_file(files.plugins / "pods.conflist", orjson.dumps(_pod_network(instance.addresses, index, files)).decode())
    write_file(files.resolver, f"nameserver {instance.addresses.host}\n")
    config = write_file(files.directory / "containerd.toml", containerd_config(files))
    arguments = (find_program("containerd"), f"--config={config}", "--log-level=warn")
    instance.processes.ensure(Program(f"{name}/containerd", arguments, _place(instance, index), files=(config,)))


def finish_node(instance: Instance, index: int, archives: list[Path]) -> None:
    """Give the node its images and start what works through the host's API server."""
    name = node_name(index)
    files = instance.node_files(name)
    instance.processes.await_ready(f"{name}/containerd", lambda: _answers(files.socket), CONTAINERD_TAKES)
    for archive in archives:
        _import_once(files, archive)
    place = _place(instance, index)
    for program, arguments, config in (_kubelet(instance, index), _kube_proxy(instance, index)):
        path = str(instance.programs[program])
        instance.processes.ensure(Program(f"{name}/{program}", (path, *arguments), place, files=(config,)))


def await_node(instance: Instance, index: int) -> None:
    """Wait until the host cluster counts on the node and services lead somewhere on it."""
    name = node_name(index)
    processes, proxy = instance.processes, f"http://{instance.addresses.node(index)}:{PROXY_HEALTH_PORT}/healthz"
    processes.await_ready(f"{name}/kubelet", lambda: is_ready(instance.host_api, name), READY_TAKES)
    processes.await_ready(f"{name}/kube-proxy", lambda: says_yes(proxy), READY_TAKES)


def end_node(instance: Instance, index: int) -> None:
    """Take a node away with all that it ran."""
    name = node_name(index)
    files = instance.node_files(name)
    instance.processes.stop(instance.processes.names(name))
    if not end_group(instance.group(name)):
        raise LocalError(f"{name}: some of its processes cannot be ended")
    unmount_below(files.run, files.directory)
    remove_node(instance.addresses, index)
    shutil.rmtree(files.directory, ignore_errors=True)
    shutil.rmtree(files.run, ignore_errors=True)


def is_ready(api: KubeApi, name: str) -> bool:
    """Say whether the cluster reports the node as Ready."""
    node = api.get(NODES, name)
    conditions = ((node or {}).get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def load_archive(files: NodeFiles, archive: Path) -> None:
    """Put an image archive on a node."""
    import_image(files.socket, archive)


def _pod_network(addresses: Addresses, index: int, files: NodeFiles) -> dict[str, object]:
    return network_list(addresses, index, leases_of(files.directory))


def _place(instance: Instance, index: int) -> Place:
    name = node_name(index)
    mounts = ensure_mounts(instance.run / name, instance.paths.node(name) / "kubelet")
    place = instance.place(name, instance.addresses.node_namespace(index))
    return Place((*place.enter, f"--mount={mounts}"), place.groups)


def _kubelet(instance: Instance, index: int) -> tuple[str, tuple[str, ...], Path]:
    name, address = node_name(index), instance.addresses.node(index)
    files, authority = instance.node_files(name), instance.host_authority
    server = authority.issue(f"{name}-server", Identity(f"system:node:{name}", ("system:nodes",), (name, address)))
    config = kubelet_config(
        files,
        instance.addresses,
        authority=authority.files.certificate,
        certificate=server.certificate,
        key=server.key,
        group=instance.group(name),
    )
    credentials = write_user_kubeconfig(
        instance, files.directory / "kubelet.kubeconfig", name, Identity(f"system:node:{name}", ("system:nodes",))
    )
    path = write_file(files.directory / "kubelet.json", orjson.dumps(config).decode())
    return "kubelet", kubelet_arguments(path, credentials, files, name, address), path


def _kube_proxy(instance: Instance, index: int) -> tuple[str, tuple[str, ...], Path]:
    directory = instance.paths.node(node_name(index))
    config = kube_proxy_config(instance.addresses, index, user_kubeconfig(instance, "kube-proxy"))
    path = write_file(directory / "kube-proxy.json", orjson.dumps(config).decode())
    return "kube-proxy", (f"--config={path}",), path


def _import_once(files: NodeFiles, archive: Path) -> None:
    """Import an archive unless this very one was imported; its place in the cache names its contents."""
    done = files.directory / "imported" / f"{archive.parent.name}-{archive.name}"
    if not done.exists():
        import_image(files.socket, archive)
        write_file(done, "")


def _answers(socket: Path) -> bool:
    if not socket.exists():
        return False
    try:
        run([find_program("ctr"), "--address", str(socket), "--timeout", "2s", "version"])
    except LocalError:
        return False
    return True
