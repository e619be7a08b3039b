"""What of a configuration speaks of the pod that an installation makes, and so says nothing to a process by itself."""

from vgateway.config.model import Values
from vgateway.config.workload import StatefulSet

OF_CONTROL_PLANE = ("distro", "backing_store", "service", "service_monitor")
OF_WORKLOAD = tuple(name for name in StatefulSet.model_fields if name != "high_availability")


def said_of_pods(values: Values) -> list[str]:
    """Return the paths of those keys that were said, whatever their values are."""
    plane, networking = values.control_plane, values.networking
    parts = (
        ("controlPlane", plane, OF_CONTROL_PLANE),
        ("controlPlane.statefulSet", plane.stateful_set, OF_WORKLOAD),
        ("controlPlane.proxy", plane.proxy, ("extra_sans",)),
        ("controlPlane.advanced", plane.advanced, ("pod_disruption_budget",)),
        ("networking", networking, ("service_cidr",)),
    )
    found = [
        f"{path}.{type(section).model_fields[name].alias}"
        for path, section, names in parts
        for name in names
        if name in section.model_fields_set
    ]
    return found + (["exportKubeConfig"] if "export_kube_config" in values.model_fields_set else [])
