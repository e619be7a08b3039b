"""The names of virtual nodes, as a hosts file that CoreDNS reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.names import Names
from vgateway.kube.nodenames import node_hostname, node_hostnames
from vgateway.kube.objects import get_path

NAMES = ("Hostname", "InternalDNS")


def node_hosts(nodes: Iterable[Mapping[str, Any]], names: Names, otherwise: str) -> str:
    """Return a line for each address of each virtual node with all the names that it has or had, sorted.

    A node without an internal address is found at ``otherwise``, where our kubelet answers for all; if that is "",
    the node has no line.
    """
    return "".join(sorted(line for node in nodes for line in _lines(node, names, otherwise)))


def _lines(node: Mapping[str, Any], names: Names, otherwise: str) -> Iterator[str]:
    addresses, name = get_path(node, "status.addresses") or (), node["metadata"]["name"]
    advertised = [one["address"] for one in addresses if one["type"] in NAMES]
    ours = node_hostnames(names, name) if node_hostname(name) in advertised else ()
    called = dict.fromkeys([*advertised, *ours, name])
    internal = [one["address"] for one in addresses if one["type"] == "InternalIP" and one["address"]]
    for address in internal or ([otherwise] if otherwise else []):
        yield f"{address} {' '.join(called)}\n"
