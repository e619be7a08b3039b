"""The pod network: what the nodes' container runtime is told of it, and how a virtual cluster joins it like a pod.

Each pod has a link of its own to its node, which routes (no bridge between pods), so that services work between pods
of one node whatever the kernel is set to.
"""

from pathlib import Path
from typing import Any

import orjson

from vgateway.local.addresses import Addresses, node_name
from vgateway.local.network import NAMESPACES, address_of, ensure_namespace, inside, remove_namespace
from vgateway.local.processes import run

PLUGINS = Path("/usr/lib/cni")


def pod_plugin(addresses: Addresses, index: int, leases: Path) -> dict[str, Any]:
    """Return the plugin configuration of the node ``index``; ``leases`` is where it remembers given addresses."""
    return {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(addresses.node_pods(index))}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(leases),
        },
    }


def network_list(addresses: Addresses, index: int, leases: Path) -> dict[str, Any]:
    """Return the network configuration that the node's containerd reads."""
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [pod_plugin(addresses, index, leases), ports]}


def join(addresses: Addresses, name: str, index: int, leases: Path, wanted: str) -> str:
    """Put the virtual cluster ``name`` on the pod network of the node ``index`` (0: this machine itself).

    Returns its pod IP: ``wanted`` if it had one before. Joined already, nothing changes.
    """
    namespace = addresses.virtual_namespace(name)
    ensure_namespace(namespace)
    present = address_of(namespace, "eth0")
    if present:
        return present
    call = _Call(addresses, name, index, leases)
    # What a lost namespace had is given back first: the plugin refuses a second address for the same name.
    call.run("DEL")
    return parse_result(call.run("ADD", IP=wanted) if wanted else call.run("ADD"))


def leave(addresses: Addresses, name: str, index: int, leases: Path) -> None:
    """Give the address back and remove the namespace."""
    if (NAMESPACES / addresses.virtual_namespace(name)).exists():
        _Call(addresses, name, index, leases).run("DEL")
    remove_namespace(addresses.virtual_namespace(name))


def parse_result(output: str) -> str:
    """Read the address from a plugin's answer."""
    return str(orjson.loads(output)["ips"][0]["address"]).partition("/")[0]


class _Call:
    """A call of the plugin by hand, as a container runtime would make it."""

    def __init__(self, addresses: Addresses, name: str, index: int, leases: Path) -> None:
        self._addresses = addresses
        self._name = name
        self._index = index
        self._leases = leases

    def run(self, command: str, **arguments: str) -> str:
        plugin = pod_plugin(self._addresses, self._index, self._leases)
        namespace = self._addresses.virtual_namespace(self._name)
        variables = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": namespace,
            "CNI_NETNS": str(NAMESPACES / namespace),
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(PLUGINS),
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in {"IgnoreUnknown": "true", **arguments}.items()),
        }
        enter = inside(self._addresses.node_namespace(self._index)) if self._index else ()
        configuration = orjson.dumps({"cniVersion": "1.0.0", "name": "pods", **plugin})
        return run([*enter, str(PLUGINS / plugin["type"])], stdin=configuration, variables=variables)


def leases_of(node_directory: Path) -> Path:
    """Return where a node's plugin remembers the addresses that it gave."""
    return node_directory / "leases"


def place_of_virtual_clusters(nodes: int) -> int:
    """Return the node that virtual clusters join: the first, or this machine (0) where no node is real."""
    return 1 if nodes else 0


def directory_name(index: int) -> str:
    """Return the name of the directory of a place."""
    return node_name(index) if index else "this-machine"
