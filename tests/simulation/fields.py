"""What an API server lets change in a pod, and how a strategic merge patch merges its lists."""

from collections.abc import Callable
from typing import Any

from vgateway.kube.objects import Obj
from vgateway.syncer.patch import merge

CHANGEABLE = ("activeDeadlineSeconds", "tolerations", "schedulingGates", "terminationGracePeriodSeconds")
MERGED_BY = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "schedulingGates": "name",
    "conditions": "type",
}
Refuse = Callable[..., Exception]


def check_update(old: Obj, new: Obj, refuse: Refuse) -> None:
    """Refuse a change of a pod's spec that Kubernetes refuses."""
    if _fixed(old) != _fixed(new):
        raise refuse(422, "pod updates may not change fields other than a few", field_path="spec")
    gates = [gate["name"] for gate in old.get("schedulingGates") or ()]
    if any(gate["name"] not in gates for gate in new.get("schedulingGates") or ()):
        raise refuse(422, "only deletion of scheduling gates is allowed", field_path="spec.schedulingGates")
    tolerations = new.get("tolerations") or ()
    if any(one not in tolerations for one in old.get("tolerations") or ()):
        raise refuse(422, "tolerations can only be added", field_path="spec.tolerations")


def _fixed(spec: Obj) -> Obj:
    left = {name: value for name, value in spec.items() if name not in CHANGEABLE}
    for name in ("containers", "initContainers"):
        left[name] = [merge(one, {"image": None}) for one in spec.get(name) or ()]
    return left


def strategic(before: Obj, patch: Obj) -> Obj:
    """Apply a strategic merge patch: the lists that plans use merge by key."""
    after = dict(before)
    for name, value in patch.items():
        if isinstance(value, dict):
            after[name] = strategic(after.get(name) or {}, value)
        elif isinstance(value, list) and name in MERGED_BY:
            after[name] = _by_key(after.get(name) or [], value, MERGED_BY[name])
        elif value is None:
            after.pop(name, None)
        else:
            after[name] = value
    return after


def _by_key(before: list[Any], patch: list[Any], key: str) -> list[Any]:
    merged = {one[key]: one for one in before}
    for one in patch:
        if one.get("$patch") == "delete":
            merged.pop(one[key], None)
        else:
            merged[one[key]] = {**merged.get(one[key], {}), **one}
    return list(merged.values())
