"""Resources that change in place: through a subresource of their own, where the host has it."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from vgateway.kube.names import short_hash
from vgateway.kube.objects import HostObj, Obj, VirtualObj, annotations, host_key
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import PatchHost, Step, Tell
from vgateway.syncer.view import View

# The resources that were pushed last: what a host's admission chose differently stays until the tenant's next.
RESOURCES = f"{PREFIX}/last-resources"
CONTAINERS = ("containers", "initContainers")
# The minor versions of Kubernetes 1 that resize containers, and pods as a whole, without being asked to.
RESIZE_SINCE = 33
POD_RESIZE_SINCE = 36
NO_RESIZE = "the host cluster cannot resize {} in place: delete the pod, so that it starts with its new resources"


def resources_digest(spec: Mapping[str, Any]) -> str:
    """Return what stands for the resources of a pod and its containers."""
    wants = {one["name"]: one.get("resources") or {} for name in CONTAINERS for one in spec.get(name) or ()}
    if whole := spec.get("resources"):
        wants[""] = whole
    return short_hash(orjson.dumps(wants, option=orjson.OPT_SORT_KEYS).decode())


def resize(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
    """Push resources that the tenant changed; the mark comes last, so that a crash in between resizes again."""
    digest = resources_digest(virtual["spec"])
    if annotations(host).get(RESOURCES, digest) == digest:
        return
    spec = resources_patch(virtual["spec"], host["spec"])
    if not view.settings.host_is_at_least(RESIZE_SINCE):
        yield Tell("ResizeNotPossible", NO_RESIZE.format("pods"))
        return
    if "resources" in spec and not view.settings.host_is_at_least(POD_RESIZE_SINCE):
        yield Tell("ResizeNotPossible", NO_RESIZE.format("resources of a pod as a whole"))
        return
    if spec:
        yield PatchHost(PODS, host_key(host), {"spec": spec}, subresource="resize", strategic=True)
    yield PatchHost(PODS, host_key(host), {"metadata": {"annotations": {RESOURCES: digest}}})


def resources_patch(virtual: Mapping[str, Any], host: Mapping[str, Any]) -> Obj:
    """Return the part of a spec that changes the host's resources into the tenant's; empty if they are equal."""
    spec: Obj = {name: found for name in CONTAINERS if (found := _of_containers(virtual.get(name), host.get(name)))}
    whole = virtual.get("resources")
    return spec | ({"resources": whole} if whole and whole != host.get("resources") else {})


def _of_containers(ours: Any, theirs: Any) -> list[Obj]:
    now = {container["name"]: container.get("resources") or {} for container in theirs or ()}
    return [
        {"name": one["name"], "resources": one["resources"]}
        for one in ours or ()
        if one["name"] in now and one.get("resources") and one["resources"] != now[one["name"]]
    ]
