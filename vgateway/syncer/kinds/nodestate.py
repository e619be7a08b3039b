"""What of a node either side may change, and who decides: entries by name, each settled by itself.

The memory of what both sides last agreed on is an annotation of the virtual node, so that it outlives this process:
what the host changed meanwhile is not taken for a change of the tenant's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from vgateway.kube.objects import Obj, annotations, get_path, labels
from vgateway.kube.ownership import PREFIX
from vgateway.syncer.metadata import LAST_APPLIED

AGREED = f"{PREFIX}/host-node-state"
# Taints that controllers of the host put on and take off: the host's alone.
HOST_TAINTS = "node.kubernetes.io/"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
# What Rancher writes by the minute.
FLEETING = ("management.cattle.io/pod-requests", "management.cattle.io/pod-limits")
LABEL, MARK, TAINT, SPEC, CAPACITY = "labels", "annotations", "taints", "spec", "capacity"

Entry = tuple[str, str]
State = dict[Entry, Any]
Tolerations = Iterable[Mapping[str, Any]]


def host_state(host: Mapping[str, Any], hidden: Tolerations = ()) -> State:
    """Return what a host's node shows; taints that every pod tolerates anyway are not shown."""
    tolerated = list(hidden)
    shown = [one for one in get_path(host, "spec.taints") or () if not any(tolerates(by, one) for by in tolerated)]
    return _state(host) | {(TAINT, _name(one)): _plain(one) for one in shown}


def virtual_state(virtual: Mapping[str, Any]) -> State:
    """Return what the tenant sees and may have changed."""
    taints = get_path(virtual, "spec.taints") or ()
    return _state(virtual) | {(TAINT, _name(one)): _plain(one) for one in taints}


def _state(node: Mapping[str, Any]) -> State:
    found: State = {(LABEL, key): value for key, value in labels(node).items() if not key.startswith(f"{PREFIX}/")}
    for key, value in annotations(node).items():
        if not key.startswith(f"{PREFIX}/") and key != LAST_APPLIED and key not in FLEETING:
            found[MARK, key] = value
    if get_path(node, "spec.unschedulable"):
        found[SPEC, "unschedulable"] = True
    for key, value in (get_path(node, "status.capacity") or {}).items():
        if is_extended(key):
            found[CAPACITY, key] = value
    return found


def is_extended(resource: str) -> bool:
    """Say whether a resource is one that nodes are given by hand or by plugins, not one that a kubelet measures."""
    domain, slash, _ = resource.partition("/")
    return bool(slash) and domain != "kubernetes.io" and not domain.endswith(".kubernetes.io")


def remembered(virtual: Mapping[str, Any]) -> State | None:
    """Return what both sides last agreed on, None if that is not known."""
    try:
        kept = orjson.loads(annotations(virtual).get(AGREED, ""))
        return {(part, name): value for part, entries in kept.items() for name, value in entries.items()}
    except (orjson.JSONDecodeError, AttributeError):
        return None


def memory(state: State) -> str:
    """Return the annotation that remembers a state."""
    kept: dict[str, Obj] = {}
    for (part, name), value in state.items():
        kept.setdefault(part, {})[name] = value
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()


def settled(agreed: State | None, virtual: State, host: State, *, back: bool) -> State:
    """Return what the tenant should see; with ``back`` also what the host should hold.

    Without it the host decides whatever it has, and what the tenant added beside that stays the tenant's. With it
    whoever moved decides, and the tenant if both did. Without a memory nobody of the tenant has moved.
    """
    known = agreed if agreed is not None else (virtual if back else {})
    found: State = {}
    for entry in {**host, **virtual}:
        ours, theirs, before = virtual.get(entry), host.get(entry), known.get(entry)
        if is_hosts_own(entry):
            value = theirs
        elif back and entry[0] != MARK:
            value = theirs if ours == before else ours
        else:
            value = theirs if theirs is not None else (None if ours == before else ours)
        if value is not None:
            found[entry] = value
    return found


def is_hosts_own(entry: Entry) -> bool:
    """Say whether an entry is never the tenant's to change."""
    part, name = entry
    key = name.partition(":")[0]
    return part == TAINT and key.startswith(HOST_TAINTS) and key != OUT_OF_SERVICE


def entries(state: State, part: str) -> dict[str, Any]:
    """Return one part of a state by name."""
    return {name: value for (of, name), value in sorted(state.items()) if of == part}


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Say whether a toleration is for a taint, as a scheduler does."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def _name(taint: Mapping[str, Any]) -> str:
    return f"{taint['key']}:{taint['effect']}"


def _plain(taint: Mapping[str, Any]) -> Obj:
    """Leave out when the taint was put on: that is no difference."""
    return {name: taint[name] for name in ("key", "value", "effect") if taint.get(name)}
