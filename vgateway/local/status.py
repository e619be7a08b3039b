"""What local clusters run, as a plain document; for people, the command line makes a table of it."""

from typing import Any

from vgateway.local.addresses import API_PORT, FRONT_PORT, kwok_name, node_name
from vgateway.local.manifests import host_namespace
from vgateway.local.paths import Paths
from vgateway.local.processes import Processes
from vgateway.local.state import State


def status(paths: Paths, state: State | None) -> dict[str, Any]:
    """Return the instance, its clusters and the programs of each; ``pid`` is None for one that does not run."""
    if state is None:
        return {"home": str(paths.home), "host": None, "nodes": {}, "kwokNodes": [], "virtualClusters": {}}
    processes = Processes(paths.processes, paths.logs)
    nodes = [node_name(index) for index in range(1, state.nodes + 1)]
    return {
        "home": str(paths.home),
        "number": state.number,
        "rooted": state.rooted,
        "host": {
            "server": f"https://{state.addresses.host}:{API_PORT}",
            "kubeconfig": str(paths.host_kubeconfig),
            "programs": _programs(processes, "host"),
        },
        "nodes": {name: {"programs": _programs(processes, name)} for name in nodes},
        "kwokNodes": [kwok_name(index) for index in range(1, state.kwok_nodes + 1)],
        "virtualClusters": {name: _virtual(paths, processes, state, name) for name in state.virtual},
    }


def _virtual(paths: Paths, processes: Processes, state: State, name: str) -> dict[str, Any]:
    cluster = state.virtual[name]
    return {
        "namespace": host_namespace(name),
        "address": cluster.address,
        "server": f"https://{cluster.address}:{FRONT_PORT}",
        "store": cluster.store,
        "kubeconfig": str(paths.tenant_kubeconfig(name)),
        "programs": _programs(processes, f"virtual-{name}"),
    }


def _programs(processes: Processes, scope: str) -> dict[str, Any]:
    found = {}
    for name in processes.names(scope):
        process = processes.running(name)
        found[name.rpartition("/")[2]] = {"pid": process.pid if process else None, "log": str(processes.log(name))}
    return found
