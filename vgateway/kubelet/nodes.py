"""The virtual nodes by their addresses: which one a request means, and what the port's certificate has to say.

Reads the informers' stores; a node that has left is not found any more with the next request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vgateway.errors import GatewayError
from vgateway.kube.names import Names
from vgateway.kube.nodenames import NODE_DOMAIN, certified_hostnames, node_hostnames, node_of_service
from vgateway.kube.objects import HostObj, Obj, get_path
from vgateway.kube.store import Store
from vgateway.kubelet.authority import Authority, Headers, dialled, proxied_node
from vgateway.kubelet.calls import KubeletCall

BY_NAME = "kubelet name"
BY_ADDRESS = "kubelet address"


class NodeDirectory(Protocol):
    """Which node a request means."""

    def node_of(self, headers: Headers, call: KubeletCall) -> str:
        """Return the node, "" when any may be meant; ``GatewayError`` 404 for an address that is no node's."""
        ...

    def exists(self, node: str) -> bool:
        """Say whether the tenant has a node of that name now."""
        ...


@dataclass(frozen=True, slots=True)
class Port:
    """The nodes' port itself. ``shared`` are the names and addresses that are every node's."""

    names: Names
    shared: tuple[str, ...]
    by_hostname: bool = True


class StoreNodes:
    """A ``NodeDirectory`` over the stores of virtual nodes and of the host's Services."""

    def __init__(self, port: Port, virtual_nodes: Store, host_services: Store, front: Store) -> None:
        """``front`` holds the host Service in front of the gateway, whose address is every node's too."""
        self._port = port
        self._nodes = virtual_nodes
        self._services = host_services
        self._front = front
        self._nodes.add_index(BY_NAME, lambda node: _names_of(node, port.names))
        self._services.add_index(BY_ADDRESS, lambda service: _addresses_of(service, port.names))
        self._front.add_index(BY_ADDRESS, cluster_ips)

    def node_of(self, headers: Headers, call: KubeletCall) -> str:
        """Return the node, "" when any may be meant; ``GatewayError`` 404 for an address that is no node's."""
        asked = proxied_node(headers)
        if asked:
            if not self.exists(asked):
                raise no_such_node(asked)
            return asked
        authority = dialled(headers)
        if authority is None:
            raise GatewayError(400, "the Host header is missing")
        found = self._nodes_at(authority)
        if len(found) == 1:
            return found[0]
        # A stream comes with the Host of the API server's client; the pod that it names has a node.
        is_free = call.target is not None and not authority.host.endswith(f".{NODE_DOMAIN}")
        if not found and (is_free or authority.host in self._shared()):
            return ""
        raise no_such_node(authority.host)

    def exists(self, node: str) -> bool:
        """Say whether the tenant has a node of that name now."""
        return ("", node) in self._nodes

    def certified(self) -> tuple[str, ...]:
        """Return the names and addresses that the port may be called by now."""
        names: list[str] = []
        if self._port.by_hostname:
            nodes = [name for _, name in list(self._nodes.keys())]
            names = certified_hostnames(self._port.names, nodes)
        return tuple(dict.fromkeys([*self._shared(), *names, *self._services.index_values(BY_ADDRESS)]))

    def _shared(self) -> tuple[str, ...]:
        return (*self._port.shared, *self._front.index_values(BY_ADDRESS))

    def _nodes_at(self, authority: Authority) -> Sequence[str]:
        if not authority.is_address:
            return [name for _, name in self._nodes.keys_by_index(BY_NAME, authority.host)]
        services = self._services.by_index(BY_ADDRESS, authority.host)
        meant = [node_of_service(self._port.names, HostObj(service)) for service in services]
        return [node for node in meant if self.exists(node)]


def no_such_node(said: str) -> GatewayError:
    """Return the refusal of a node that there is not, or not any more."""
    return GatewayError(404, f'node "{said}" not found')


def _names_of(node: Obj, names: Names) -> Iterable[str]:
    name = node["metadata"]["name"]
    return (name, *node_hostnames(names, name))


def _addresses_of(service: Obj, names: Names) -> Iterable[str]:
    return cluster_ips(service) if node_of_service(names, HostObj(service)) else ()


def cluster_ips(service: Obj) -> list[str]:
    """Return the ClusterIPs of a Service, none for a headless one."""
    given = get_path(service, "spec.clusterIPs") or [get_path(service, "spec.clusterIP")]
    return [address for address in given if address and address != "None"]


def shared_names(names: Names, service: str, address: str, cluster_domain: str) -> tuple[str, ...]:
    """Return the names and addresses of the port that are no single node's."""
    front = f"{service}.{names.host_namespace}"
    own = "kubernetes.default"
    return (
        address,
        "localhost",
        "127.0.0.1",
        service,
        front,
        f"{front}.svc",
        f"{front}.svc.cluster.local",
        "kubernetes",
        own,
        f"{own}.svc",
        f"{own}.svc.{cluster_domain}",
    )
