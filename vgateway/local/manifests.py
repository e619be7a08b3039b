"""The objects that setting clusters up puts into them: pure builders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vgateway.kube.names import Names
from vgateway.kube.objects import Obj
from vgateway.local.addresses import FRONT_PORT, KUBELET_PORT, KWOK_PORT

GATEWAY_ACCOUNT = "vgateway"
"""The ServiceAccount that the gateway is to the host."""

KUBELET_CLIENT = "kube-apiserver-kubelet-client"
RBAC = "rbac.authorization.k8s.io/v1"

GRANTED_TO = "vgateway.local/granted-to"
"""The label of rights in other namespaces; its value is the gateway's own namespace."""

KWOK = "kwok.x-k8s.io/node"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a gateway may do on the host: in its namespace, and (as a rule: nothing) in the cluster and other ones."""

    role: Sequence[dict[str, Any]] = ()
    cluster: Sequence[dict[str, Any]] = ()
    elsewhere: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)


def host_namespace(name: str) -> str:
    """Return the host namespace of the virtual cluster ``name``."""
    return f"vgateway-{name}"


def kubelet_client_binding() -> Obj:
    """Let the API server speak to kubelets as more than an administrator's certificate would have to."""
    return {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": KUBELET_CLIENT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:kubelet-api-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": KUBELET_CLIENT}],
    }


def tenant_objects(name: str, rules: Sequence[dict[str, Any]]) -> list[Obj]:
    """Return what a virtual cluster has on the host before its gateway runs; ``rules`` are its whole rights there."""
    namespace = host_namespace(name)
    workload = Names(name, namespace).workload_service_account
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        _account(namespace, GATEWAY_ACCOUNT),
        _account(namespace, workload),
        *_granted(name, "Role", {"name": GATEWAY_ACCOUNT, "namespace": namespace}, rules),
        gateway_service(name),
    ]


def cluster_objects(name: str, rules: Sequence[dict[str, Any]]) -> list[Obj]:
    """Return the rights of a gateway in the whole cluster, for configurations that cannot do without."""
    return _granted(name, "ClusterRole", {"name": host_namespace(name)}, rules)


def place_objects(name: str, namespace: str, rules: Sequence[dict[str, Any]]) -> list[Obj]:
    """Return the rights of a gateway in another namespace, and that namespace."""
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    meta = {"name": host_namespace(name), "namespace": namespace, "labels": granted_to(name)}
    return [place, *_granted(name, "Role", meta, rules)]


def granted_to(name: str) -> dict[str, str]:
    """Return the label by which a gateway's rights in other namespaces are found."""
    return {GRANTED_TO: host_namespace(name)}


def _granted(name: str, kind: str, meta: Obj, rules: Sequence[dict[str, Any]]) -> list[Obj]:
    """Return rules and what gives them to the gateway."""
    subject = {"kind": "ServiceAccount", "name": GATEWAY_ACCOUNT, "namespace": host_namespace(name)}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": meta["name"]}
    binding = {"apiVersion": RBAC, "kind": f"{kind}Binding", "metadata": meta}
    return [
        {"apiVersion": RBAC, "kind": kind, "metadata": meta, "rules": list(rules)},
        binding | {"roleRef": reference, "subjects": [subject]},
    ]


def gateway_service(name: str) -> Obj:
    """Return the Service by which pods reach their API server; what is behind it is listed by hand."""
    ports = [
        {"name": "https", "port": 443, "targetPort": FRONT_PORT, "protocol": "TCP"},
        {"name": "kubelet", "port": KUBELET_PORT, "targetPort": KUBELET_PORT, "protocol": "TCP"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": host_namespace(name)},
        "spec": {"ports": ports},
    }


def gateway_endpoints(name: str, address: str) -> Obj:
    """Return where the gateway's Service leads: to the virtual cluster's place on the pod network."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": host_namespace(name),
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "vgateway-local"},
        },
        "addressType": "IPv4",
        "ports": [
            {"name": "https", "port": FRONT_PORT, "protocol": "TCP"},
            {"name": "kubelet", "port": KUBELET_PORT, "protocol": "TCP"},
        ],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


def kwok_node(name: str, address: str, *, tainted: bool) -> Obj:
    """Return a make-believe node; ``tainted`` keeps away the pods that do not ask for one."""
    spec = {"taints": [{"key": KWOK, "value": "fake", "effect": "NoSchedule"}]} if tainted else {}
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {KWOK: "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": spec,
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KWOK_PORT}},
            "allocatable": capacity,
            "capacity": capacity,
        },
    }


def token_request(seconds: int) -> Obj:
    """Return what is asked for a service account's token."""
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }


def _account(namespace: str, name: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
        "automountServiceAccountToken": False,
    }
