"""The names of virtual nodes, as a hosts file that CoreDNS reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import get_path

NAMES = ("Hostname", "InternalDNS")


def node_hosts(nodes: Iterable[Mapping[str, Any]], otherwise: str) -> str:
    """Return a line for each address of each virtual node with the node's names, sorted.

    A node without an internal address is found at ``otherwise``, where our kubelet answers for all; if that is "",
    the node has no line.
    """
    return "".join(sorted(line for node in nodes for line in _lines(node, otherwise)))


def _lines(node: Mapping[str, Any], otherwise: str) -> Iterator[str]:
    addresses = get_path(node, "status.addresses") or ()
    names = dict.fromkeys([*(one["address"] for one in addresses if one["type"] in NAMES), node["metadata"]["name"]])
    internal = [one["address"] for one in addresses if one["type"] == "InternalIP" and one["address"]]
    for address in internal or ([otherwise] if otherwise else []):
        yield f"{address} {' '.join(names)}\n"
