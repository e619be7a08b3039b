"""How a pod ends, from either side, as pods end in Kubernetes.

The tenant deletes: the host pod gets the same grace, and only when it is gone does the tenant's pod go. The host
deletes (eviction, preemption, drain): the tenant's pod is deleted with the grace that the host left. The host pod
vanished without a word: the tenant's pod becomes Failed and is deleted, as Kubernetes' pod collector does with
pods of a lost node, so that its controller replaces it. A pod that never started is made again instead, and one that
had ended stays as it ended.
"""

from collections.abc import Iterator

from vgateway.kube.objects import HostObj, Obj, VirtualObj, get_path, is_deleting, metadata, uid, virtual_key
from vgateway.syncer.kind import delete_host
from vgateway.syncer.kinds.pod.status import bind, is_terminal, status_news, was_started
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import DeleteVirtual, PatchVirtual, Step
from vgateway.syncer.view import View

VANISHED = "the pod is gone from the host cluster, and nobody here asked for that"


def dismiss(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """End the host pod with the tenant's grace; state keeps flowing meanwhile."""
    yield from status_news(virtual, host, view)
    grace = _grace(virtual)
    if not is_deleting(host):
        yield delete_host(PODS, host, "the tenant is deleting the pod", grace)
        return
    theirs = _grace(host)
    if grace is not None and theirs is not None and grace < theirs:
        yield delete_host(PODS, host, "the tenant shortened the grace", grace)


def _grace(pod: VirtualObj | HostObj) -> int | None:
    """Return the seconds that a pod has left; 0 would be an end without a word to the containers."""
    grace = metadata(pod).get("deletionGracePeriodSeconds")
    return None if grace is None else max(1, int(grace))


def bereave(virtual: VirtualObj) -> Iterator[Step]:
    """Let the tenant's pod go: nothing of it runs any more.

    A pod without grace and finalizers is still there when the deletion broke off between the API server's two writes.
    """
    held = metadata(virtual).get("finalizers")
    if held and not is_terminal(virtual):
        # Whoever holds it waits for an end: jobs count pods by their phase.
        yield PatchVirtual(PODS, virtual_key(virtual), {"status": {"phase": "Failed"}}, "status")
    if metadata(virtual).get("deletionGracePeriodSeconds") != 0 or not held:
        yield DeleteVirtual(PODS, virtual_key(virtual), uid(virtual), "it no longer runs on the host", 0)


def leave(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Follow a deletion that the host began."""
    if is_terminal(virtual) or not (was_started(virtual) or get_path(host, "status.startTime")):
        return
    yield from bind(virtual, host, view)  # a pod without a node would go at once, while this one still runs
    yield from status_news(virtual, host, view)
    yield DeleteVirtual(PODS, virtual_key(virtual), uid(virtual), "the host is deleting it", _grace(host))


def vanish(virtual: VirtualObj, at: str) -> Iterator[Step]:
    """Fail and delete a pod that ran and is gone; ``at`` is the RFC 3339 time."""
    if is_terminal(virtual):
        return
    yield PatchVirtual(PODS, virtual_key(virtual), {"status": lost_status(virtual, at)}, "status")
    yield DeleteVirtual(PODS, virtual_key(virtual), uid(virtual), VANISHED, 0)


def lost_status(virtual: VirtualObj, at: str) -> Obj:
    """Return the status of a pod that was disrupted and will not come back."""
    others = [one for one in get_path(virtual, "status.conditions") or () if one["type"] != "DisruptionTarget"]
    disrupted = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "HostPodGone",
        "message": VANISHED,
        "lastTransitionTime": at,
    }
    return {"phase": "Failed", "reason": "HostPodGone", "message": VANISHED, "conditions": [*others, disrupted]}
