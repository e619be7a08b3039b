"""Brings local clusters up, as they are asked for: what runs is left alone, what is missing or dead is made again."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vgateway.local import hostcluster, storage, virtualcluster
from vgateway.local.addresses import node_name
from vgateway.local.debian import NODE_PACKAGES, ensure_packages
from vgateway.local.dns import launch_dns
from vgateway.local.errors import LocalError
from vgateway.local.gateway import await_gateway, config_of, ensure_dns, ensure_gateway, read_choices
from vgateway.local.hostcluster import finish_host, launch_host
from vgateway.local.images import ensure_images
from vgateway.local.inotify import raise_limit
from vgateway.local.instance import Instance
from vgateway.local.instances import reclaim, reserve
from vgateway.local.kubeapi import NODES
from vgateway.local.kubeconfigs import write_private
from vgateway.local.kwoknodes import await_kwok, launch_kwok, remove_kwok
from vgateway.local.manifests import Rights
from vgateway.local.network import ensure_bridge
from vgateway.local.nodes import await_node, end_node, finish_node, launch_runtime
from vgateway.local.paths import Paths, run_root
from vgateway.local.processes import Processes
from vgateway.local.progress import Progress
from vgateway.local.state import State, VirtualCluster, load_state, refuse_strangers, save_state
from vgateway.local.tenancy import publish, settle
from vgateway.local.toolchain import ensure_programs
from vgateway.local.virtualcluster import Virtual, finish_control_plane, launch_control_plane, take_place
from vgateway.local.watchdog import watch_owner

HOST_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
NODE_PROGRAMS = ("kubelet", "kube-proxy", "coredns")
KWOK_WITHOUT_ROOT = 1
"""How many kwok nodes there are without root, when nobody says."""


@dataclass(frozen=True)
class Wish:
    """What ``up`` is asked for; None leaves what is there, or takes the default.

    ``rights`` says what a gateway of a configuration may do on the host; ``chosen`` is the user's configuration, if
    one was given.
    """

    names: tuple[str, ...]
    rights: Callable[[Mapping[str, Any]], Rights]
    nodes: int | None = None
    kwok_nodes: int | None = None
    storage: bool | None = None
    store: str | None = None
    chosen: Mapping[str, Any] | None = None
    owner: int | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


def bring_up(paths: Paths, cache: Path, wish: Wish, progress: Progress) -> State:
    """Make everything that is wished for, and say it in the returned state; the caller holds the lock.

    Raises LocalError with what failed; what was made until then stays, for the next ``up`` or ``down``.
    """
    before = _found(paths, wish) or _reserve(paths, wish)
    state = wanted(before, wish)
    programs = ensure_programs(needed_programs(state), cache, progress)
    archives = _prepare_machine(state, wish, cache, programs, progress)
    save_state(paths.state, _until_done(before, state))
    instance = open_instance(paths, state, programs, wish.environ, progress)
    if wish.owner is not None:
        watch_owner(instance, wish.owner)
    _link_programs(paths, programs)
    _remove_surplus(instance, before, state)
    _bring_up_host(instance, state, archives)
    for name in wish.names:
        state = _bring_up_virtual(instance, state, name, wish)
    instance.processes.refuse_dead(_programs_of(instance, state, wish.names))
    save_state(paths.state, state)
    return state


def open_instance(
    paths: Paths, state: State, programs: Mapping[str, Path], environ: Mapping[str, str], progress: Progress
) -> Instance:
    """Return the instance that the state describes."""
    run = run_root(environ, rooted=state.rooted) / str(state.number)
    processes = Processes(paths.processes, paths.logs)
    return Instance(paths, run, state.addresses, processes, programs, progress)


def wanted(state: State, wish: Wish) -> State:
    """Decide what there should be. Raises LocalError when it cannot be on this machine."""
    if not state.rooted and wish.nodes:
        raise LocalError("real nodes need root: leave --nodes out, or run as root")
    fresh = not state.nodes and not state.kwok_nodes
    nodes = wish.nodes if wish.nodes is not None else (1 if fresh and state.rooted else state.nodes)
    kwok = wish.kwok_nodes
    if kwok is None:
        kwok = KWOK_WITHOUT_ROOT if fresh and not state.rooted else state.kwok_nodes
    if state.virtual and not fresh and bool(nodes) != bool(state.nodes):
        raise LocalError("virtual clusters stand on the first node: take them down before the nodes change so")
    for name in wish.names:
        known = state.virtual.get(name)
        store = wish.store or (known.store if known else "sqlite")
        if known and known.store != store:
            raise LocalError(f"{name} keeps its objects in {known.store}: `vgateway local down {name}` first")
        cluster = known or VirtualCluster(state.next_index(), store)
        state = replace(state, virtual={**state.virtual, name: cluster})
    volumes = state.storage if wish.storage is None else wish.storage
    if volumes and not nodes:
        raise LocalError("volumes are on the disks of real nodes, and there is none: leave --storage out")
    return replace(state, nodes=nodes, kwok_nodes=kwok, storage=volumes)


def needed_programs(state: State) -> list[str]:
    """Return the programs that the state is made of."""
    stores = {cluster.store for cluster in state.virtual.values()}
    return [
        *HOST_PROGRAMS,
        *(NODE_PROGRAMS if state.nodes else ()),
        *(["kwok"] if state.kwok_nodes else []),
        *([storage.PROGRAM] if state.storage else []),
        *(["kine"] if "sqlite" in stores else []),
    ]


def _found(paths: Paths, wish: Wish) -> State | None:
    """Return what is recorded, made sure of: nobody else has its number, and we may change it."""
    state = load_state(paths.state)
    if state is not None:
        refuse_strangers(state, rooted=os.geteuid() == 0)
        reclaim(run_root(wish.environ, rooted=state.rooted), paths.home, state.number)
    return state


def _reserve(paths: Paths, wish: Wish) -> State:
    """Reserve a number and record it before anything is made under it."""
    rooted = os.geteuid() == 0
    state = State(reserve(run_root(wish.environ, rooted=rooted), paths.home, rooted=rooted), rooted)
    save_state(paths.state, state)
    return state


def _until_done(before: State, after: State) -> State:
    """Return the record while it changes: what was and what will be."""
    nodes, kwok_nodes = max(before.nodes, after.nodes), max(before.kwok_nodes, after.kwok_nodes)
    return replace(after, nodes=nodes, kwok_nodes=kwok_nodes, storage=before.storage or after.storage)


def _prepare_machine(
    state: State, wish: Wish, cache: Path, programs: Mapping[str, Path], progress: Progress
) -> list[Path]:
    """Install what real nodes need of this machine; return the archives of the images that they carry."""
    if not state.rooted:
        progress.say("not root: the nodes are make-believe (kwok) and everything listens on loopback")
        return []
    ensure_packages(NODE_PACKAGES, progress)
    raise_limit(run_root(wish.environ, rooted=True))
    return list(ensure_images(cache, programs, progress).values()) if state.nodes else []


def _link_programs(paths: Paths, programs: Mapping[str, Path]) -> None:
    """Link the programs in use from one directory, for a shell's PATH."""
    paths.programs.mkdir(parents=True, exist_ok=True)
    for name, path in programs.items():
        link = paths.programs / name
        if not (link.is_symlink() and link.readlink() == path):
            link.unlink(missing_ok=True)
            link.symlink_to(path)


def _remove_surplus(instance: Instance, before: State, after: State) -> None:
    for index in range(after.nodes + 1, before.nodes + 1):
        with instance.progress.step(f"removing {node_name(index)}"):
            end_node(instance, index)
            instance.host_api.call("DELETE", NODES.path(name=node_name(index)))
    if before.storage and not after.storage:
        storage.end_storage(instance)
    if after.kwok_nodes < before.kwok_nodes:
        remove_kwok(instance, range(after.kwok_nodes + 1, before.kwok_nodes + 1))


def _bring_up_host(instance: Instance, state: State, archives: list[Path]) -> None:
    """Bring up the host cluster; its parts start side by side as far as they can."""
    nodes = range(1, state.nodes + 1)
    with instance.progress.step("host control plane"):
        if state.rooted:
            ensure_bridge(instance.addresses)
        launch_host(instance)
        for index in nodes:
            launch_runtime(instance, index, state.nodes)
        finish_host(instance)
    if state.kwok_nodes:
        with instance.progress.step(f"kwok nodes: {state.kwok_nodes}"):
            launch_kwok(instance, state.kwok_nodes, tainted=bool(state.nodes))
            await_kwok(instance, state.kwok_nodes)
    if state.nodes:
        with instance.progress.step(f"real nodes: {state.nodes}"):
            launch_dns(instance)
            for index in nodes:
                finish_node(instance, index, archives)
            for index in nodes:
                await_node(instance, index)
    if state.storage:
        storage.ensure_storage(instance, state.nodes)
    hostcluster.await_controllers(instance)


def _bring_up_virtual(instance: Instance, state: State, name: str, wish: Wish) -> State:
    """Bring up one virtual cluster and its gateway; return the state with its address."""
    with instance.progress.step(f"virtual cluster {name}"):
        cluster = state.virtual[name]
        cluster = replace(cluster, address=take_place(instance, name, cluster, state.nodes))
        state = replace(state, virtual={**state.virtual, name: cluster})
        save_state(instance.paths.state, state)
        choices = _choices(Virtual(instance, name, cluster, "").directory, wish)
        virtual = Virtual(instance, name, cluster, settle(instance, name, wish.rights(choices)))
        launch_control_plane(virtual)
        publish(instance, name, cluster.address)
        finish_control_plane(virtual)
        scheduling = config_of(choices).control_plane.advanced.virtual_scheduler.enabled
        virtualcluster.settle_scheduler(virtual, wanted=scheduling)
    with instance.progress.step(f"gateway of {name}"):
        ensure_gateway(virtual, choices)
        await_gateway(virtual)
        ensure_dns(virtual, choices)
        virtualcluster.await_controllers(virtual)
    return state


def _programs_of(instance: Instance, state: State, names: Sequence[str]) -> list[str]:
    """Return every program that must run now."""
    nodes = [node_name(index) for index in range(1, state.nodes + 1)]
    scopes = ["host", *nodes, *(f"virtual-{name}" for name in names)]
    return [name for scope in scopes for name in instance.processes.names(scope)]


def _choices(directory: Path, wish: Wish) -> dict[str, Any]:
    """Return the user's configuration: the one given now, else the one given before."""
    kept = directory / "choices.yaml"
    if wish.chosen is not None:
        write_private(kept, dict(wish.chosen))
    return read_choices(kept) if kept.exists() else {}
