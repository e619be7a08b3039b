"""A new host pod: the tenant's spec, whatever is in it, except for what means something else on the host."""

from collections.abc import Mapping
from typing import Any

from vgateway.kube.objects import Obj, VirtualObj
from vgateway.syncer.kinds.pod.classes import host_classes
from vgateway.syncer.kinds.pod.devices import host_claims, host_devices
from vgateway.syncer.kinds.pod.dns import host_dns, host_names
from vgateway.syncer.kinds.pod.env import host_environment, pod_variables
from vgateway.syncer.kinds.pod.scheduling import host_scheduling, host_tolerations
from vgateway.syncer.kinds.pod.volumes import host_volumes
from vgateway.syncer.view import View

# Decided by the host anew, or without a meaning there.
CLEARED = frozenset(
    {
        "affinity",
        "ephemeralContainers",  # added afterwards, through their own subresource
        "nodeName",
        "nodeSelector",
        "overhead",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "resources",  # of the pod as a whole; below, where the host knows them
        "schedulingGroup",  # the group that it names is an object of the tenant's cluster
        "serviceAccount",
        "subdomain",
        "topologySpreadConstraints",
        "volumes",
    }
)

# The minor version of Kubernetes 1 that knows resources of a pod as a whole without being asked to.
POD_RESOURCES_SINCE = 34


def host_spec(virtual: VirtualObj, view: View) -> Obj:
    """Return the spec of the host pod."""
    own = virtual["spec"]
    services = pod_variables(virtual, view)
    spec: Obj = {name: value for name, value in own.items() if name not in CLEARED}
    spec["serviceAccountName"] = _account(virtual, view)
    spec["automountServiceAccountToken"] = False
    spec["enableServiceLinks"] = False
    for name in ("containers", "initContainers"):
        if name in own:
            spec[name] = [host_container(container, virtual, services, view) for container in own[name]]
    if volumes := host_volumes(virtual, view):
        spec["volumes"] = volumes
    if secrets := own.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [_pull_secret(secret, virtual, view) for secret in secrets]
    if own.get("resourceClaims"):
        spec["resourceClaims"] = host_claims(virtual, view)
    if tolerations := host_tolerations(own.get("tolerations") or (), view):
        spec["tolerations"] = tolerations
    if (resources := own.get("resources")) and view.settings.host_is_at_least(POD_RESOURCES_SINCE):
        spec["resources"] = resources
    spec |= host_classes(own, view)
    return spec | host_dns(virtual, view) | host_names(virtual, view) | host_scheduling(virtual, view)


def host_container(container: Mapping[str, Any], virtual: VirtualObj, services: Mapping[str, str], view: View) -> Obj:
    """Translate one container."""
    environment = host_environment(container, virtual, services, view)
    return {**container, **host_image(container, view), **environment, **host_devices(container, virtual)}


def host_image(container: Mapping[str, Any], view: View) -> Obj:
    """Return the image of a container on the host; nothing where it has none of its own."""
    image = container.get("image")
    return {"image": view.settings.pods.translate_image.get(image, image)} if image else {}


def _account(virtual: VirtualObj, view: View) -> str:
    """Return the host's account: one without rights for all pods, or the copy of the pod's own."""
    if not view.settings.sync.to_host.service_accounts.enabled:
        return view.names.workload_service_account
    own = virtual["spec"].get("serviceAccountName") or "default"
    return view.names.host_name(own, virtual["metadata"]["namespace"])


def _pull_secret(secret: Mapping[str, Any], virtual: VirtualObj, view: View) -> Obj:
    return {"name": view.names.host_name(secret["name"], virtual["metadata"]["namespace"])} if secret else {}
