"""What may change in a pod that exists: the few fields of its spec that Kubernetes lets change."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.names import short_hash
from vgateway.kube.objects import HostObj, Obj, VirtualObj, annotations, get_path, host_key
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.kinds.pod.env import pod_variables
from vgateway.syncer.kinds.pod.spec import host_container
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import PatchHost, Step
from vgateway.syncer.view import View

# The images that were pushed last: where a host's admission changes one, the change stays until the tenant's next.
IMAGES = f"{PREFIX}/last-images"
GATES = f"{PREFIX}/tenant-gates"
CONTAINERS = ("containers", "initContainers")


def first_marks(virtual: VirtualObj) -> dict[str, str]:
    """Return what a new host pod remembers of the tenant's spec, so that only the tenant's own changes are pushed."""
    gates = [gate["name"] for gate in virtual["spec"].get("schedulingGates") or ()]
    return {IMAGES: images_digest(virtual["spec"])} | ({GATES: "\n".join(gates)} if gates else {})


def images_digest(spec: Mapping[str, Any]) -> str:
    """Return what stands for a pod's images."""
    return short_hash(
        "\n".join(f"{one['name']}={one.get('image')}" for name in CONTAINERS for one in spec.get(name) or ())
    )


def spec_changes(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Push what the tenant changed; what the host added or chose differently stays."""
    patch = spec_patch(virtual["spec"], host["spec"], annotations(host))
    if patch:
        yield PatchHost(PODS, host_key(host), patch, strategic=True)
    if added := _ephemeral(virtual, host, view):
        change = {"spec": {"ephemeralContainers": added}}
        yield PatchHost(PODS, host_key(host), change, subresource="ephemeralcontainers", strategic=True)


def spec_patch(virtual: Mapping[str, Any], host: Mapping[str, Any], marks: Mapping[str, str]) -> Obj:
    """Return the strategic merge patch of a pod: containers and gates merge by name, tolerations do not."""
    spec: Obj = {}
    patch: Obj = {}
    digest = images_digest(virtual)
    if marks.get(IMAGES, digest) != digest:
        patch["metadata"] = {"annotations": {IMAGES: digest}}
        for name in CONTAINERS:
            if images := _images(virtual.get(name) or (), host.get(name) or ()):
                spec[name] = images
    deadline = virtual.get("activeDeadlineSeconds")
    if deadline is not None and deadline != host.get("activeDeadlineSeconds"):
        spec["activeDeadlineSeconds"] = deadline
    if missing := [one for one in virtual.get("tolerations") or () if one not in (host.get("tolerations") or ())]:
        spec["tolerations"] = [*(host.get("tolerations") or ()), *missing]
    if lifted := _lifted_gates(virtual, host, marks.get(GATES, "").split("\n")):
        spec["schedulingGates"] = lifted
    return patch | ({"spec": spec} if spec else {})


def _images(ours: Any, theirs: Any) -> list[Obj]:
    now = {container["name"]: container.get("image") for container in theirs}
    return [
        {"name": one["name"], "image": one["image"]}
        for one in ours
        if one.get("image") and one["name"] in now and now[one["name"]] != one["image"]
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
    services = pod_variables(virtual, view)
    return [host_container(one, virtual, services, view) for one in ours if one["name"] not in there]
