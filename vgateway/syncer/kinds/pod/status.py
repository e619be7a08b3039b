"""The pod's state as the tenant sees it: the host's, for the tenant's own containers, with addresses as they are.

Two things flow the other way: conditions that the pod's readiness gates name, and the binding, which tells the
tenant's cluster the node. Everything else that is the tenant's in a status stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.kube.objects import HostObj, Obj, VirtualObj, get_path, host_key, uid, virtual_key
from vgateway.syncer.kinds.namespace import is_ending
from vgateway.syncer.kinds.pod.messages import told_status
from vgateway.syncer.kinds.syncednode import new_node
from vgateway.syncer.patch import merge_diff
from vgateway.syncer.resources import NODES, PODS
from vgateway.syncer.steps import Bind, CreateVirtual, PatchHost, PatchVirtual, Requeue, Step
from vgateway.syncer.view import View

STATUS_LISTS = (
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
    ("ephemeralContainerStatuses", "ephemeralContainers"),
)
# Conditions that only the host's kubelet and scheduler set: what they drop is gone. A disruption stays on record.
HOST_CONDITIONS = frozenset(
    {
        "PodScheduled",
        "PodReadyToStartContainers",
        "Initialized",
        "ContainersReady",
        "Ready",
        "PodResizePending",
        "PodResizeInProgress",
    }
)
TERMINAL = ("Succeeded", "Failed")
# A host node is seen a moment later than the pod that runs on it.
NODE_SECONDS = 1.0
# Fields of the tenant's status that the host's must not replace or drop.
VIRTUAL_FIELDS = (
    "qosClass",
    "observedGeneration",
    "nominatedNodeName",
    "resourceClaimStatuses",
    "extendedResourceClaimStatus",
)


def report(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Bind the pod to its node and bring its status, both as far as they are news.

    A pod that cannot be bound any more goes with its namespace in a moment: its state would be one without a node.
    """
    if _is_unbindable(virtual, view):
        return
    binding = bind(virtual, host, view)
    yield from binding
    if not (binding and _only_scheduled(host)):
        yield from status_news(virtual, host, view)


def bind(virtual: VirtualObj, host: HostObj, view: View) -> list[Step]:
    """Tell the tenant's cluster the node, which must exist there first."""
    node = get_path(host, "spec.nodeName")
    if not node or _is_unbindable(virtual, view):
        return []
    made: list[Step] = []
    if ("", node) not in view.virtual[NODES]:
        body = new_node(node, view)
        if body is None:
            return [Requeue(NODE_SECONDS)]
        made.append(CreateVirtual(NODES, body))
    return made if get_path(virtual, "spec.nodeName") else [*made, Bind(virtual_key(virtual), uid(virtual), node)]


def _is_unbindable(virtual: VirtualObj, view: View) -> bool:
    """Say whether the API server would refuse a binding: it takes nothing new into a namespace that is ending."""
    return not get_path(virtual, "spec.nodeName") and is_ending(virtual["metadata"]["namespace"], view)


def _only_scheduled(host: HostObj) -> bool:
    """Say whether the host's status tells nothing that the binding does not: it saves a write per pod."""
    status = host.get("status") or {}
    return status.get("phase") == "Pending" and not status.get("startTime")


def status_news(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Patch what differs in the tenant's status; a pod that has ended stays as it ended."""
    if is_terminal(virtual) and get_path(virtual, "status.phase") != get_path(host, "status.phase"):
        return
    have = virtual.get("status") or {}
    patch = merge_diff(have, virtual_status(virtual, host, view))
    if patch:
        body: Obj = {"status": patch}
        if "conditions" in patch and readiness_gates(virtual):
            # The tenant's controllers write conditions too, and a list is replaced whole: look again on a conflict.
            body["metadata"] = {"resourceVersion": virtual["metadata"].get("resourceVersion")}
        yield PatchVirtual(PODS, virtual_key(virtual), body, "status")


def virtual_status(virtual: VirtualObj, host: HostObj, view: View) -> Obj:
    """Return the status that the tenant's pod should have."""
    have, theirs = virtual.get("status") or {}, told_status(virtual, host, view)
    status: Obj = {name: value for name, value in theirs.items() if name not in VIRTUAL_FIELDS}
    status |= {name: have[name] for name in VIRTUAL_FIELDS if name in have}
    generation = virtual["metadata"].get("generation")
    if "observedGeneration" in theirs and theirs["observedGeneration"] == host["metadata"].get("generation"):
        status["observedGeneration"] = generation
    for statuses, containers in STATUS_LISTS:
        if statuses in status:
            status[statuses] = _own(status[statuses], get_path(virtual, f"spec.{containers}") or ())
            if not status[statuses]:
                del status[statuses]
    conditions = virtual_conditions(virtual, theirs.get("conditions") or (), generation)
    if conditions or "conditions" in have:
        status["conditions"] = conditions
    return status


def _own(statuses: Any, containers: Any) -> list[Obj]:
    """Leave out containers that the host injected."""
    names = {container["name"] for container in containers}
    return [status for status in statuses if status.get("name") in names]


def readiness_gates(virtual: VirtualObj) -> set[str]:
    """Return the types of conditions that the tenant sets for its pod's readiness."""
    return {gate["conditionType"] for gate in get_path(virtual, "spec.readinessGates") or ()}


def virtual_conditions(virtual: VirtualObj, theirs: Any, generation: int | None) -> list[Obj]:
    """Return the host's conditions, then those that only the tenant's side knows."""
    gates = readiness_gates(virtual)
    own: Mapping[str, Obj] = {one["type"]: one for one in get_path(virtual, "status.conditions") or ()}
    found = [
        _condition(one, own.get(one["type"]), generation)
        for one in theirs
        if one["type"] not in gates or one["type"] not in own
    ]
    there = {one["type"] for one in found}
    return found + [one for kind, one in own.items() if kind not in there and kind not in HOST_CONDITIONS]


def _condition(theirs: Obj, own: Obj | None, generation: int | None) -> Obj:
    if own is not None and theirs["type"] == "PodScheduled" and own["status"] == theirs["status"] == "True":
        return own  # the binding has written it, a moment later than on the host
    if "observedGeneration" not in theirs:
        return theirs
    return {**theirs, "observedGeneration": generation}


def gate_news(virtual: VirtualObj, host: HostObj) -> Iterator[Step]:
    """Push the conditions that readiness gates name; conditions merge by their type."""
    gates = readiness_gates(virtual)
    if not gates:
        return
    there = {one["type"]: one for one in get_path(host, "status.conditions") or ()}
    own = [one for one in get_path(virtual, "status.conditions") or () if one["type"] in gates]
    moved = [one for one in own if _told(there.get(one["type"])) != _told(one)]
    if moved:
        patch = {"status": {"conditions": moved}}
        yield PatchHost(PODS, host_key(host), patch, subresource="status", strategic=True)


def _told(condition: Mapping[str, Any] | None) -> tuple[Any, ...]:
    found = condition or {}
    return tuple(found.get(name) for name in ("status", "reason", "message"))


def was_started(virtual: VirtualObj) -> bool:
    """Say whether a kubelet has taken the pod up: from then on it is never made a second time."""
    return bool(get_path(virtual, "status.startTime"))


def is_terminal(virtual: Mapping[str, Any]) -> bool:
    """Say whether the pod has ended for good."""
    return get_path(virtual, "status.phase") in TERMINAL
