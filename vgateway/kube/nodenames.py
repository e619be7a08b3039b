"""Names of virtual nodes: host names, and the Service on the host that is a node's address. vCluster's formulas.

A host name has one label for the node, so that one wildcard in a certificate holds all of them. Dots of a node's name
become dashes; two nodes that then share a host name have none.
"""

from collections.abc import Iterable

from vgateway.kube.names import Names, safe_concat, short_hash
from vgateway.kube.objects import HostObj, annotations, labels
from vgateway.kube.ownership import MANAGED_BY, OBJECT_KIND, OBJECT_NAME, PREFIX

NODE_DOMAIN = "nodes.vcluster.com"
NODE_LABEL = f"{PREFIX}/node"
BELONGS_TO = f"{PREFIX}/belongs-to"
NODE_KIND = "/v1, Kind=Node"


def node_hostname(node: str) -> str:
    """Return the host name of a node in the tenant's DNS."""
    return f"{_flat(node)}.{NODE_DOMAIN}"


def older_hostname(names: Names, node: str) -> str:
    """Return the spelling of before, which clients may still have."""
    return f"{node}.{names.virtual_cluster}.{names.host_namespace}.{NODE_DOMAIN}"


def node_hostnames(names: Names, node: str) -> tuple[str, str]:
    """Return every host name of a node, the one that it advertises first."""
    return node_hostname(node), older_hostname(names, node)


def certified_hostnames(names: Names, nodes: Iterable[str]) -> list[str]:
    """Return what a certificate needs for the host names of all nodes; a wildcard stands for one label only."""
    wild = [f"*.{NODE_DOMAIN}", f"*.{names.virtual_cluster}.{names.host_namespace}.{NODE_DOMAIN}"]
    return wild + sorted(older_hostname(names, node) for node in nodes if "." in node)


def node_service_name(names: Names, node: str) -> str:
    """Return the host Service whose ClusterIP is a node's address; Services, unlike nodes, have no dots in names."""
    flat = _flat(node)
    return safe_concat(names.virtual_cluster, flat, flat, *([short_hash(node)] if "." in node else []))


def node_of_service(names: Names, service: HostObj) -> str:
    """Return the node that a host Service is the address of, "" unless it is provably one that we made."""
    node, marks = annotations(service).get(OBJECT_NAME, ""), labels(service)
    ours = marks.get(MANAGED_BY) == names.marker and marks.get(BELONGS_TO) == names.virtual_cluster
    meta = service["metadata"]
    place = (meta.get("namespace"), meta["name"]) == (names.host_namespace, node_service_name(names, node))
    return node if node and ours and place and annotations(service).get(OBJECT_KIND) == NODE_KIND else ""


def node_service_marks(names: Names, node: str) -> dict[str, dict[str, str]]:
    """Return the labels and annotations that prove whose a node's Service is; a label holds 63 characters only."""
    return {
        "labels": {
            MANAGED_BY: names.marker,
            BELONGS_TO: names.virtual_cluster,
            NODE_LABEL: safe_concat(node),
        },
        "annotations": {OBJECT_NAME: node, OBJECT_KIND: NODE_KIND},
    }


def _flat(node: str) -> str:
    return safe_concat(node.replace(".", "-"))
