"""What may change in a pod that exists: the few fields of its spec that Kubernetes lets change.

Resources change in place, through a subresource of their own, where the host has it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from vgateway.kube.names import short_hash
from vgateway.kube.objects import HostObj, Obj, VirtualObj, annotations, get_path, host_key
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kinds.pod.env import pod_variables
from vgateway.syncer.kinds.pod.scheduling import host_tolerations
from vgateway.syncer.kinds.pod.security import violations
from vgateway.syncer.kinds.pod.spec import host_container, host_image
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import PatchHost, Step, Tell
from vgateway.syncer.view import View

# The images that were pushed last: where a host's admission changes one, the change stays until the tenant's next.
IMAGES = f"{PREFIX}/last-images"
RESOURCES = f"{PREFIX}/last-resources"
GATES = f"{PREFIX}/tenant-gates"
CONTAINERS = ("containers", "initContainers")
# The minor version of Kubernetes 1 that resizes pods in place without being asked to.
RESIZE_SINCE = 33
NO_RESIZE = "the host cluster cannot resize pods in place: delete the pod, so that it starts with its new resources"


def first_marks(virtual: VirtualObj) -> dict[str, str]:
    """Return what a new host pod remembers of the tenant's spec, so that only the tenant's own changes are pushed."""
    gates = [gate["name"] for gate in virtual["spec"].get("schedulingGates") or ()]
    spec = virtual["spec"]
    marks = {IMAGES: images_digest(spec), RESOURCES: resources_digest(spec)}
    return marks | ({GATES: "\n".join(gates)} if gates else {})


def images_digest(spec: Mapping[str, Any]) -> str:
    """Return what stands for a pod's images."""
    return short_hash(
        "\n".join(f"{one['name']}={one.get('image')}" for name in CONTAINERS for one in spec.get(name) or ())
    )


def resources_digest(spec: Mapping[str, Any]) -> str:
    """Return what stands for the resources of a pod's containers."""
    wants = {one["name"]: one.get("resources") or {} for name in CONTAINERS for one in spec.get(name) or ()}
    return short_hash(orjson.dumps(wants, option=orjson.OPT_SORT_KEYS).decode())


def spec_changes(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Push what the tenant changed; what the host added or chose differently stays."""
    patch = spec_patch(virtual["spec"], host["spec"], annotations(host), view)
    if patch:
        yield PatchHost(PODS, host_key(host), patch, strategic=True)
    yield from _resize(virtual, host, view)
    if added := _ephemeral(virtual, host, view):
        change = {"spec": {"ephemeralContainers": added}}
        yield PatchHost(PODS, host_key(host), change, subresource="ephemeralcontainers", strategic=True)


def spec_patch(virtual: Mapping[str, Any], host: Mapping[str, Any], marks: Mapping[str, str], view: View) -> Obj:
    """Return the strategic merge patch of a pod: containers and gates merge by name, tolerations do not."""
    spec: Obj = {}
    patch: Obj = {}
    digest = images_digest(virtual)
    if marks.get(IMAGES, digest) != digest:
        patch["metadata"] = {"annotations": {IMAGES: digest}}
        for name in CONTAINERS:
            if images := _images(virtual.get(name) or (), host.get(name) or (), view):
                spec[name] = images
    deadline = virtual.get("activeDeadlineSeconds")
    if deadline is not None and deadline != host.get("activeDeadlineSeconds"):
        spec["activeDeadlineSeconds"] = deadline
    there = host.get("tolerations") or ()
    if missing := [one for one in host_tolerations(virtual.get("tolerations") or (), view) if one not in there]:
        spec["tolerations"] = [*there, *missing]
    if lifted := _lifted_gates(virtual, host, marks.get(GATES, "").split("\n")):
        spec["schedulingGates"] = lifted
    return patch | ({"spec": spec} if spec else {})


def _images(ours: Any, theirs: Any, view: View) -> list[Obj]:
    now = {container["name"]: container.get("image") for container in theirs}
    wanted = [{"name": one["name"], **host_image(one, view)} for one in ours if one["name"] in now and one.get("image")]
    return [one for one in wanted if now[one["name"]] != one["image"]]


def _resize(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Push resources that the tenant changed; the mark comes last, so that a crash in between resizes again."""
    digest = resources_digest(virtual["spec"])
    if annotations(host).get(RESOURCES, digest) == digest:
        return
    if not view.settings.host_is_at_least(RESIZE_SINCE):
        yield Tell("ResizeNotPossible", NO_RESIZE)
        return
    spec = {
        name: found for name in CONTAINERS if (found := _resources(virtual["spec"].get(name), host["spec"].get(name)))
    }
    if spec:
        yield PatchHost(PODS, host_key(host), {"spec": spec}, subresource="resize", strategic=True)
    yield PatchHost(PODS, host_key(host), {"metadata": {"annotations": {RESOURCES: digest}}})


def _resources(ours: Any, theirs: Any) -> list[Obj]:
    now = {container["name"]: container.get("resources") or {} for container in theirs or ()}
    return [
        {"name": one["name"], "resources": one["resources"]}
        for one in ours or ()
        if one["name"] in now and one.get("resources") and one["resources"] != now[one["name"]]
    ]


def _lifted_gates(virtual: Mapping[str, Any], host: Mapping[str, Any], own: Iterable[str]) -> list[Obj]:
    """Lift the gates that the tenant set and has lifted; one that the host set is the host's to lift."""
    left = {gate["name"] for gate in virtual.get("schedulingGates") or ()}
    there = {gate["name"] for gate in host.get("schedulingGates") or ()}
    return [{"name": name, "$patch": "delete"} for name in own if name in there and name not in left]


def _ephemeral(virtual: VirtualObj, host: HostObj, view: View) -> list[Obj]:
    """Return the ephemeral containers (``kubectl debug``) that the host pod lacks; they can only be added."""
    ours = get_path(virtual, "spec.ephemeralContainers") or ()
    there = {container["name"] for container in get_path(host, "spec.ephemeralContainers") or ()}
    if all(container["name"] in there for container in ours):
        return []
    services, standard = pod_variables(virtual, view), view.settings.pod_security_standard
    added = [one for one in ours if one["name"] not in there and not _is_forbidden(one, virtual, standard)]
    return [host_container(one, virtual, services, view) for one in added]


def _is_forbidden(container: Mapping[str, Any], virtual: VirtualObj, standard: str | None) -> bool:
    """Say whether a container would break the standard; the pod around it has been looked at when it was made."""
    alone = {"containers": [container], "securityContext": virtual["spec"].get("securityContext") or {}}
    return bool(violations(alone, {}, standard))
