"""What may change in a pod that exists: the few fields of its spec that Kubernetes lets change."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from vgateway.kube.names import short_hash
from vgateway.kube.objects import HostObj, Obj, VirtualObj, annotations, get_path, host_key
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kinds.pod.env import pod_variables
from vgateway.syncer.kinds.pod.resize import CONTAINERS, RESOURCES, resize, resources_digest
from vgateway.syncer.kinds.pod.scheduling import host_tolerations
from vgateway.syncer.kinds.pod.security import violations
from vgateway.syncer.kinds.pod.spec import host_container, host_image
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import PatchHost, Step, Tell
from vgateway.syncer.view import View

# The images that were pushed last: where a host's admission changes one, the change stays until the tenant's next.
IMAGES = f"{PREFIX}/last-images"
GATES = f"{PREFIX}/tenant-gates"
# Where a gated pod may run, as the tenant said last: while a pod is held, its directives may be narrowed (KEP-3838).
PLACEMENT = f"{PREFIX}/last-placement"


def first_marks(virtual: VirtualObj) -> dict[str, str]:
    """Return what a new host pod remembers of the tenant's spec, so that only the tenant's own changes are pushed."""
    gates = [gate["name"] for gate in virtual["spec"].get("schedulingGates") or ()]
    spec = virtual["spec"]
    marks = {IMAGES: images_digest(spec), RESOURCES: resources_digest(spec)}
    return marks | ({GATES: "\n".join(gates), PLACEMENT: placement_digest(spec)} if gates else {})


def images_digest(spec: Mapping[str, Any]) -> str:
    """Return what stands for a pod's images."""
    return short_hash(
        "\n".join(f"{one['name']}={one.get('image')}" for name in CONTAINERS for one in spec.get(name) or ())
    )


def placement_digest(spec: Mapping[str, Any]) -> str:
    """Return what stands for the nodes that a pod may run on."""
    return short_hash(orjson.dumps(_placement(spec), option=orjson.OPT_SORT_KEYS).decode())


def _placement(spec: Mapping[str, Any]) -> Obj:
    nodes, affinity = spec.get("nodeSelector"), get_path(spec, "affinity.nodeAffinity")
    return {
        **({"nodeSelector": nodes} if nodes else {}),
        **({"affinity": {"nodeAffinity": affinity}} if affinity else {}),
    }


def spec_changes(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Push what the tenant changed; what the host added or chose differently stays."""
    patch = spec_patch(virtual["spec"], host["spec"], annotations(host), view)
    if patch:
        yield PatchHost(PODS, host_key(host), patch, strategic=True)
    yield from resize(virtual, host, view)
    yield from _ephemeral(virtual, host, view)


def spec_patch(virtual: Mapping[str, Any], host: Mapping[str, Any], marks: Mapping[str, str], view: View) -> Obj:
    """Return the strategic merge patch of a pod: containers and gates merge by name, tolerations do not."""
    spec: Obj = {}
    moved: dict[str, str] = {}
    digest = images_digest(virtual)
    if marks.get(IMAGES, digest) != digest:
        moved[IMAGES] = digest
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
    digest = placement_digest(virtual)
    if host.get("schedulingGates") and marks.get(PLACEMENT, digest) != digest:
        moved[PLACEMENT] = digest
        spec |= _placement(virtual)
    return ({"metadata": {"annotations": moved}} if moved else {}) | ({"spec": spec} if spec else {})


def _images(ours: Any, theirs: Any, view: View) -> list[Obj]:
    now = {container["name"]: container.get("image") for container in theirs}
    wanted = [{"name": one["name"], **host_image(one, view)} for one in ours if one["name"] in now and one.get("image")]
    return [one for one in wanted if now[one["name"]] != one["image"]]


def _lifted_gates(virtual: Mapping[str, Any], host: Mapping[str, Any], own: Iterable[str]) -> list[Obj]:
    """Lift the gates that the tenant set and has lifted; one that the host set is the host's to lift."""
    left = {gate["name"] for gate in virtual.get("schedulingGates") or ()}
    there = {gate["name"] for gate in host.get("schedulingGates") or ()}
    return [{"name": name, "$patch": "delete"} for name in own if name in there and name not in left]


def _ephemeral(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Add the ephemeral containers (``kubectl debug``) that the host pod lacks; they can only be added."""
    there = {container["name"] for container in get_path(host, "spec.ephemeralContainers") or ()}
    new = [one for one in get_path(virtual, "spec.ephemeralContainers") or () if one["name"] not in there]
    added = []
    services = pod_variables(virtual, view) if new else {}
    for one in new:
        if broken := _breaks(one, virtual, view.settings.pod_security_standard):
            yield Tell("PodSecurity", f"the host does not add the container: {'; '.join(broken)}")
        else:
            added.append(host_container(one, virtual, services, view))
    if added:
        change = {"spec": {"ephemeralContainers": added}}
        yield PatchHost(PODS, host_key(host), change, subresource="ephemeralcontainers", strategic=True)


def _breaks(container: Mapping[str, Any], virtual: VirtualObj, standard: str | None) -> list[str]:
    """Say how a container would break the standard; the pod around it has been looked at when it was made."""
    alone = {"containers": [container], "securityContext": virtual["spec"].get("securityContext") or {}}
    return violations(alone, {}, standard)
