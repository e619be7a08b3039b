"""Virtual nodes: what the tenant sees of the host nodes that its pods run on. They exist while a pod does.

They claim nothing that we do not know: their kubelet is this gateway, so its address, its port and the tenant
cluster's own version are theirs. Nothing sends heartbeats; no controller of the tenant waits for them.
"""

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from vgateway import __version__
from vgateway.kube.objects import HostObj, Obj, VirtualKey, annotations, get_path, labels
from vgateway.kube.ownership import PREFIX, owner_of
from vgateway.syncer.kind import DerivedKind, Hint, Index, Side, Wake, same_key
from vgateway.syncer.kinds.nodeaddress import FAKE_NODE, is_our_node, node_addresses, nodes_of_services
from vgateway.syncer.resources import NODES, PODS, SERVICES
from vgateway.syncer.view import BY_NODE, View

OWNER_SET = f"{PREFIX}/owner-set-kind"
NOT_READY = "node.kubernetes.io/not-ready"
# The names that Kubernetes has for machines.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CAPACITY = {"cpu": "16", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}
HEALTHY = (
    ("MemoryPressure", "False", "SufficientMemory"),
    ("DiskPressure", "False", "NoDiskPressure"),
    ("PIDPressure", "False", "SufficientPIDs"),
    ("Ready", "True", "GatewayServes"),
)


def node_values(pod: Obj) -> Iterable[str]:
    """Index host pods by the node they run on; a DaemonSet's pod is there because the node is, not otherwise."""
    node = get_path(pod, "spec.nodeName")
    return (node,) if node and annotations(pod).get(OWNER_SET) != "DaemonSet" else ()


def nodes_of_pods(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Wake for the node of a pod that came or went."""
    # A pod's node is made when the pod is bound; here it is about restarts and about the last pod that goes.
    if not (hint.came or hint.went or not owner_of(view.names, PODS, HostObj(hint.some))):
        return ()
    return [VirtualKey("", node) for node in node_values(hint.some)]


class NodeKind(DerivedKind):
    """One virtual node for each host node that runs a pod of the tenant."""

    resource = NODES

    @property
    def wakes(self) -> tuple[Wake, ...]:
        """The nodes themselves, and pods that come to and go from a host node."""
        return (
            Wake(Side.VIRTUAL, NODES, same_key),
            Wake(Side.HOST, PODS, nodes_of_pods),
            Wake(Side.HOST, SERVICES, nodes_of_services),
        )

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Host pods by node."""
        return (Index(Side.HOST, PODS, BY_NODE, node_values, ours=True),)

    def desired(self, key: VirtualKey, view: View) -> Obj | None:
        """Return the node if a pod runs there."""
        if not view.has_indexed(view.host, PODS, BY_NODE, key.name):
            return None
        return virtual_node(key.name, self.existing(key, view), view)

    def managed(self, obj: Obj, view: View) -> bool:
        """Nodes that the tenant made are the tenant's."""
        return is_our_node(obj, view)

    def replaces(self, have: Obj, want: Obj) -> bool:
        """What was copied from the host's node, before the configuration changed, does not stay in it."""
        return labels(have).get(FAKE_NODE) != "true"

    def host_words(self, key: VirtualKey, view: View) -> Mapping[str, str]:
        """Nodes are called the same on both sides."""
        return {}


def virtual_node(name: str, have: Mapping[str, Any] | None, view: View) -> Obj:
    """Return the node as the tenant should see it; ``have`` is what it sees now."""
    machine = platform.machine()
    architecture = ARCHITECTURES.get(machine, machine)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                FAKE_NODE: "true",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture,
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"taints": _taints(have)},
        "status": {
            "capacity": CAPACITY,
            "allocatable": CAPACITY,
            "conditions": _conditions(have, view),
            "addresses": node_addresses(name, view),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": view.settings.kubelet_port}},
            "nodeInfo": {
                "architecture": architecture,
                "operatingSystem": "linux",
                "kubeletVersion": view.settings.virtual_version(),
                "containerRuntimeVersion": f"vgateway://{__version__}",
                "osImage": "vgateway virtual node",
                "kernelVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        },
    }


def _taints(have: Mapping[str, Any] | None) -> list[Obj] | None:
    """Keep the tenant's taints; the one that admission puts on new nodes would stay for ever."""
    taints = [taint for taint in get_path(have or {}, "spec.taints") or () if taint.get("key") != NOT_READY]
    return taints or None


def _conditions(have: Mapping[str, Any] | None, view: View) -> list[Obj]:
    """Keep the conditions that say the right thing, with their times."""
    now: list[Obj] = get_path(have or {}, "status.conditions") or []
    if {(one["type"], one["status"]) for one in now} >= {(kind, status) for kind, status, _ in HEALTHY}:
        return now
    at = datetime.fromtimestamp(view.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "",
            "lastHeartbeatTime": at,
            "lastTransitionTime": at,
        }
        for kind, status, reason in HEALTHY
    ]
