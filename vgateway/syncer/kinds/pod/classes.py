"""Which class of runtime and of priority a pod has on the host.

A tenant's priority counts on the host only where the configuration brings the tenant's classes there or the host's
classes to the tenant; the system's own classes never do unless they are the host's to give.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vgateway.config.fromhost import Classes
from vgateway.kube.objects import HostKey, Obj, Resource, labels
from vgateway.syncer.kinds.pod.scheduling import matches
from vgateway.syncer.resources import PRIORITYCLASSES, RUNTIMECLASSES
from vgateway.syncer.view import View

SYSTEM = "system-"


def host_classes(spec: Mapping[str, Any], view: View) -> Obj:
    """Return ``runtimeClassName`` and ``priorityClassName`` of the host pod, as far as they are decided here."""
    pods, found = view.settings.pods, Obj()
    if pods.runtime_class_name:
        found["runtimeClassName"] = pods.runtime_class_name
    priority = host_priority(spec.get("priorityClassName") or "", view) or pods.priority_class_name
    return found | ({"priorityClassName": priority} if priority else {})


def class_limits(spec: Mapping[str, Any], view: View) -> Iterator[str]:
    """Yield a sentence for each class that a pod names and the host does not offer to this virtual cluster.

    The tenant's API server admits a pod whose class the tenant made itself; a host class of that name is another one.
    """
    from_host = view.settings.sync.from_host
    wanted = spec.get("runtimeClassName")
    if wanted and from_host.runtime_classes.enabled and not view.settings.pods.runtime_class_name:
        yield from _not_offered(RUNTIMECLASSES, wanted, from_host.runtime_classes, view)
    priority = spec.get("priorityClassName") or ""
    if priority and from_host.priority_classes.enabled and not priority.startswith(SYSTEM):
        yield from _not_offered(PRIORITYCLASSES, priority, from_host.priority_classes, view)


def _not_offered(resource: Resource, name: str, classes: Classes, view: View) -> Iterator[str]:
    if not _is_offered(resource, name, classes, view):
        yield f"the host cluster offers no {resource.kind} {name}: see `kubectl get {resource.plural}`"


def _is_offered(resource: Resource, name: str, classes: Classes, view: View) -> bool:
    found = view.host_obj(resource, HostKey("", name))
    selector = classes.selector.model_dump(by_alias=True, exclude_defaults=True)
    return found is not None and matches(selector, labels(found))


def host_priority(name: str, view: View) -> str:
    """Return what the tenant's priority class is called on the host, "" where it counts for nothing there."""
    sync = view.settings.sync
    if (offered := sync.from_host.priority_classes).enabled:
        # The system's own need not be offered to be named: then they count for nothing.
        return name if _is_offered(PRIORITYCLASSES, name, offered, view) else ""
    if name and sync.to_host.priority_classes.enabled and not name.startswith(SYSTEM):
        return view.names.cluster_name(name)
    return ""
