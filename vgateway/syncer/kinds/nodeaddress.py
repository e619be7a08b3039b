"""Where the tenant finds the kubelet of a virtual node: host name, address, and the host Service behind the address.

The Services are ours: made for the virtual nodes that there are, and removed with them. They lead to the gateway, as
the Service of the virtual cluster does; where that lists its endpoints by hand, ours lead to this process.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from vgateway.kube.nodenames import node_hostname, node_of_service, node_service_marks, node_service_name
from vgateway.kube.objects import HostKey, HostObj, Obj, Resource, VirtualKey, VirtualObj, get_path, labels
from vgateway.kube.ownership import MANAGED_BY, PREFIX
from vgateway.syncer.kind import READ, WRITE, DerivedKind, Hint, Rights, Side, Wake, same_key
from vgateway.syncer.metadata import owner_references
from vgateway.syncer.resources import ENDPOINTSLICES, NODES, SERVICES
from vgateway.syncer.view import View, cluster_ip

FAKE_NODE = f"{PREFIX}/fake-node"
SERVICE_OF_SLICE = "kubernetes.io/service-name"
SLICE_MANAGER = "endpointslice.kubernetes.io/managed-by"


def is_our_node(node: Mapping[str, Any], view: View) -> bool:
    """Say whether a virtual node is one that we made; others are the tenant's own."""
    own = labels(node)
    return own.get(FAKE_NODE) == "true" or own.get(MANAGED_BY) == view.names.virtual_cluster


def service_key(node: str, view: View) -> HostKey:
    """Return where the Service is whose ClusterIP is a node's address."""
    return HostKey(view.names.host_namespace, node_service_name(view.names, node))


def node_addresses(node: str, view: View) -> list[Obj]:
    """Return the addresses of a node's kubelet.

    While its Service has no address yet the gateway's own serves. The virtual API server is beside the gateway: it
    dials the InternalDNS before the InternalIP, because a pod may not reach itself by a Service's address.
    """
    own = view.settings.address
    service = view.host_obj(SERVICES, service_key(node, view)) if view.settings.proxy_kubelets.by_ip else None
    address = cluster_ip(service) if service is not None and node_of_service(view.names, service) == node else ""
    found = [("InternalIP", address or own), *([("InternalDNS", own)] if address else [])]
    hostname = node_hostname(node) if view.settings.proxy_kubelets.by_hostname else node
    return [{"type": kind, "address": value} for kind, value in (*found, ("Hostname", hostname))]


def nodes_of_services(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Wake for the node that a host Service is the address of, and for all when the gateway's own Service is new."""
    if hint.came and hint.key.name == view.settings.service:
        return view.all_virtual_keys(NODES)
    node = node_of_service(view.names, HostObj(hint.some))
    return [VirtualKey("", node)] if node else []


class NodeAddressKind(DerivedKind):
    """A Service on the host for each virtual node of ours; ``makes`` is False where there shall be none any more."""

    resource = SERVICES
    side = Side.HOST

    def __init__(self, *, makes: bool) -> None:
        self._makes = makes

    @property
    def name(self) -> str:
        """Apart from the Services of the tenant."""
        return "node-services"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The nodes, and the Services."""
        return (Wake(Side.VIRTUAL, NODES, same_key), Wake(Side.HOST, SERVICES, nodes_of_services))

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading and writing Services, or at least removing them."""
        return {SERVICES: {"": READ + (WRITE if self._makes else ("delete",))}}

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the Service that has the name for this node."""
        return view.host_obj(SERVICES, service_key(key.name, view))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the Service while there is the node; it selects what the gateway's own Service selects."""
        node = view.virtual_obj(NODES, key)
        if not self._makes or node is None or not is_our_node(node, view):
            return None
        where, marks = service_key(key.name, view), node_service_marks(view.names, key.name)
        owners = owner_references(view, VirtualObj({}))
        port = {"name": "kubelet", "port": view.settings.kubelet_port, "protocol": "TCP"}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": where.name,
                "namespace": where.namespace,
                **marks,
                **({"ownerReferences": owners} if owners else {}),
            },
            "spec": {
                "type": "ClusterIP",
                "ports": [port | {"targetPort": view.settings.kubelet_port}],
                "selector": front_selector(view),
            },
        }

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what names the node that its own name is made of."""
        return bool(node_of_service(view.names, HostObj(obj)))

    def replaces(self, have: Obj, want: Obj) -> bool:
        """A Service that somebody made headless has no address, and gets none any more."""
        return bool(get_path(have, "spec.clusterIP") == "None")


class NodeEndpointsKind(DerivedKind):
    """Where those Services lead if the gateway's own Service selects no pods."""

    resource = ENDPOINTSLICES
    side = Side.HOST

    @property
    def name(self) -> str:
        """Apart from the EndpointSlices of the tenant."""
        return "node-endpoints"

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The Services, and the slices."""
        return (Wake(Side.HOST, SERVICES, nodes_of_services), Wake(Side.HOST, ENDPOINTSLICES, _nodes_of_slices))

    @property
    def host_rights(self) -> Mapping[Resource, Rights]:
        """Reading and writing slices."""
        return {ENDPOINTSLICES: {"": READ + WRITE}}

    def existing(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the slice that has the name for this node's Service."""
        return view.host_obj(ENDPOINTSLICES, service_key(key.name, view))

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the slice while there is the Service; the API takes no endpoint on a loopback address."""
        where = service_key(key.name, view)
        service = view.host_obj(SERVICES, where)
        address = ip_address(view.settings.address)
        if service is None or front_selector(view) or node_of_service(view.names, service) != key.name:
            return None
        if address.is_loopback:
            return None
        marks = node_service_marks(view.names, key.name)
        mine = {SERVICE_OF_SLICE: where.name, SLICE_MANAGER: "vgateway"}
        owner = {"apiVersion": "v1", "kind": "Service", "name": where.name, "uid": service["metadata"]["uid"]}
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": where.name,
                "namespace": where.namespace,
                "labels": {**marks["labels"], **mine},
                "annotations": marks["annotations"],
                "ownerReferences": [owner],
            },
            "addressType": f"IPv{address.version}",
            "ports": [{"name": "kubelet", "port": view.settings.kubelet_port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [str(address)], "conditions": {"ready": True}}],
        }

    def managed(self, obj: Obj, view: View) -> bool:
        """Only what names the node that its own name is made of."""
        return bool(node_of_service(view.names, HostObj(obj)))

    def replaces(self, have: Obj, want: Obj) -> bool:
        """A slice keeps its sort of addresses."""
        return bool(want) and have.get("addressType") != want.get("addressType")


def front_selector(view: View) -> dict[str, str] | None:
    """Return what the gateway's own Service selects; None when its endpoints are listed by hand."""
    return get_path(view.front_service() or {}, "spec.selector") or None


def _nodes_of_slices(hint: Hint, view: View) -> Iterator[VirtualKey]:
    if node := node_of_service(view.names, HostObj(hint.some)):
        yield VirtualKey("", node)
