"""Which class of runtime and of priority a pod has on the host.

A tenant's priority counts on the host only where the configuration brings the tenant's classes there or the host's
classes to the tenant; the system's own classes never do unless they are the host's to give.
"""

from collections.abc import Mapping
from typing import Any

from vgateway.kube.objects import Obj
from vgateway.syncer.view import View

SYSTEM = "system-"


def host_classes(spec: Mapping[str, Any], view: View) -> Obj:
    """Return ``runtimeClassName`` and ``priorityClassName`` of the host pod, as far as they are decided here."""
    pods, found = view.settings.pods, Obj()
    if pods.runtime_class_name:
        found["runtimeClassName"] = pods.runtime_class_name
    priority = host_priority(spec.get("priorityClassName") or "", view) or pods.priority_class_name
    return found | ({"priorityClassName": priority} if priority else {})


def host_priority(name: str, view: View) -> str:
    """Return what the tenant's priority class is called on the host, "" where it counts for nothing there."""
    sync = view.settings.sync
    if sync.from_host.priority_classes.enabled:
        return name
    if name and sync.to_host.priority_classes.enabled and not name.startswith(SYSTEM):
        return view.names.cluster_name(name)
    return ""
