"""PodDisruptionBudgets: a drain of the host's nodes respects what the tenant promised.

The selector is confined to the tenant's namespace. A share of replicas, and a number that may be missing, become the
number of healthy pods that the tenant's own controller made of them: on the host nobody knows the replicas.
"""

from typing import Any

from vgateway.kube.objects import HostObj, Obj, VirtualObj, get_path
from vgateway.kube.ownership import NAMESPACE_LABEL
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.kinds.pod.scheduling import confined, host_requirements, requirement
from vgateway.syncer.resources import DISRUPTIONBUDGETS
from vgateway.syncer.rules import push
from vgateway.syncer.view import View


def healthy_pods(virtual: VirtualObj) -> int | None:
    """Return how many pods must stay healthy, None while the tenant's cluster has not counted them."""
    asked = get_path(virtual, "spec.minAvailable")
    if isinstance(asked, int):
        return asked
    counted: int | None = get_path(virtual, "status.desiredHealthy")
    return counted if get_path(virtual, "status.observedGeneration") else None


def _healthy(virtual: VirtualObj, _host: HostObj, _view: View) -> int | None:
    return healthy_pods(virtual)


def _selector(virtual: VirtualObj, _host: HostObj, view: View) -> Any:
    selector = get_path(virtual, "spec.selector")
    if selector is None:
        return None  # selects no pod, on either side
    where: list[Obj] = [requirement(NAMESPACE_LABEL, "In", [virtual["metadata"]["namespace"]])]
    return confined(host_requirements(selector, view.names), where, view.names)


class DisruptionBudgetKind(SyncedKind):
    """Every budget whose number is known; each side counts its own status."""

    resource = DISRUPTIONBUDGETS
    rules = (
        push("spec.minAvailable", via=_healthy),
        push("spec.selector", via=_selector),
        push("spec.unhealthyPodEvictionPolicy"),
    )

    def wanted(self, virtual: VirtualObj, view: View) -> bool:
        """As soon as its number is known."""
        return healthy_pods(virtual) is not None
