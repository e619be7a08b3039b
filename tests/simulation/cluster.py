"""The state of one API server in memory, with the rules that the engine relies on; pure but for the time it is given.

Knows versions, UIDs and their preconditions, graceful deletion of pods, finalizers, immutable fields, addresses and
ports of Services, subresources, and a history that can be compacted. Knows no admission but what ``mutate`` adds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.simulation.fields import check_update, strategic
from tests.simulation.services import allocate, keep_allocated
from vgateway.errors import api_error, status_body
from vgateway.kube.objects import Obj, get_path
from vgateway.syncer.patch import merge

Key = tuple[str, str]
EPOCH = 1_790_000_000.0
WITH_STATUS = ("pods", "services", "nodes", "persistentvolumeclaims", "poddisruptionbudgets", "persistentvolumes")


@dataclass(frozen=True, slots=True)
class Happening:
    """One change: who made it, and the object before and after; ``raw`` is what a watch shows."""

    version: int
    actor: str
    plural: str
    key: Key
    old: Obj | None
    new: Obj | None
    raw: bytes

    def __str__(self) -> str:
        verb = "creates" if self.old is None else "removes" if self.new is None else "changes"
        # An Event's name is chance that no seed governs.
        name = "/".join(self.key).rpartition(".")[0] if self.plural == "events" else "/".join(self.key)
        return f"{self.actor} {verb} {self.plural} {name} @{self.version}{self._state()}"

    def _state(self) -> str:
        obj = self.old if self.new is None else self.new
        if obj is None or self.plural != "pods":
            return ""
        ending = " ending" if obj["metadata"].get("deletionTimestamp") else ""
        return f" ({get_path(obj, 'status.phase')} on {get_path(obj, 'spec.nodeName')}{ending})"


def refuse(code: int, message: str, reason: str | None = None, field_path: str = "") -> Exception:
    """Return the error that an API server would answer with."""
    status = status_body(code, message, reason=reason)
    if field_path:
        status["details"] = {"causes": [{"field": field_path, "message": message}]}
    return api_error(code, status)


def copied(obj: Any) -> Any:
    """Return a deep copy: what goes over a wire shares nothing."""
    return orjson.loads(orjson.dumps(obj))


@dataclass(slots=True)
class Cluster:
    """All objects of one side. ``now`` is in seconds of the simulated loop."""

    side: str
    now: Callable[[], float]
    pick: Callable[[int], int]
    mutate: Callable[[str, Obj], None] = lambda _plural, _obj: None
    version: int = 100
    compacted: int = 0
    objects: dict[str, dict[Key, Obj]] = field(default_factory=dict)
    history: list[Happening] = field(default_factory=list)
    observers: list[Callable[[Happening], None]] = field(default_factory=list)
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def of(self, plural: str) -> dict[Key, Obj]:
        """Return the objects of a resource; read only."""
        return self.objects.setdefault(plural, {})

    def get(self, plural: str, key: Key) -> Obj:
        """Read one object."""
        found = self.of(plural).get(key)
        if found is None:
            raise refuse(404, f'{plural} "{key[1]}" not found')
        return found

    def compact(self) -> None:
        """Forget the history: a watch that has not seen it must list."""
        self.compacted = self.version
        self.history.clear()

    def create(self, actor: str, plural: str, body: Obj) -> Obj:
        """Take a new object in."""
        obj = copied(body)
        meta = obj["metadata"]
        if "generateName" in meta and not meta.get("name"):
            meta["name"] = f"{meta['generateName']}{self.version:x}"
        key = (meta.get("namespace") or "", meta["name"])
        if key[0] and plural != "events" and self.side == "virtual" and ("", key[0]) not in self.of("namespaces"):
            raise refuse(404, f'namespaces "{key[0]}" not found')
        if key in self.of(plural):
            raise refuse(409, f'{plural} "{key[1]}" already exists', "AlreadyExists")
        meta |= {"uid": f"{self.side[0]}{self.version + 1}", "creationTimestamp": self.stamp()}
        meta.pop("resourceVersion", None)
        self._default(plural, obj)
        self.mutate(plural, obj)
        return self._commit(actor, plural, key, None, obj)

    def _default(self, plural: str, obj: Obj) -> None:
        if plural in WITH_STATUS and plural != "nodes":
            obj.pop("status", None)
        if plural == "pods":
            obj["metadata"]["generation"] = 1
            obj["spec"].setdefault("terminationGracePeriodSeconds", 30)
            obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
        elif plural == "services":
            allocate(obj["spec"], [one["spec"] for one in self.of("services").values()], self.pick, refuse)
            obj["status"] = {"loadBalancer": {}}
        elif plural == "persistentvolumeclaims":
            obj["status"] = {"phase": "Pending"}
        elif plural == "nodes":
            taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
            obj["spec"] = obj.get("spec") or {}
            obj["spec"]["taints"] = [*(obj["spec"].get("taints") or ()), taint]

    def patch(
        self, actor: str, plural: str, key: Key, patch: Obj, *, subresource: str = "", by_keys: bool = False
    ) -> Obj:
        """Apply a merge patch, or a strategic one (``by_keys``), to the part that the subresource stands for."""
        old = self.get(plural, key)
        wanted = get_path(patch, "metadata.resourceVersion")
        if wanted is not None and wanted != old["metadata"]["resourceVersion"]:
            raise refuse(409, f"{plural} {key[1]} has been modified")
        identity = get_path(patch, "metadata.uid")
        if identity is not None and identity != old["metadata"]["uid"]:
            raise refuse(422, "metadata.uid: field is immutable", field_path="metadata.uid")
        merged = copied(strategic(old, patch) if by_keys else merge(old, patch))
        new = self._allowed(plural, old, merged, subresource)
        return self._update(actor, plural, key, old, new)

    def _allowed(self, plural: str, old: Obj, merged: Obj, subresource: str) -> Obj:
        new: Obj = copied(old)
        if subresource == "status":
            new["status"] = merged.get("status") or {}
            return new
        if subresource == "ephemeralcontainers":
            new["spec"]["ephemeralContainers"] = get_path(merged, "spec.ephemeralContainers") or []
            new["metadata"]["generation"] += 1
            return new
        new = merged
        if plural in WITH_STATUS:
            new["status"] = old.get("status")
        for name in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            if name in old["metadata"]:
                new["metadata"][name] = old["metadata"][name]
        self._check(plural, old, new)
        return new

    def _check(self, plural: str, old: Obj, new: Obj) -> None:
        if plural == "services":
            others = [one["spec"] for one in self.of("services").values() if one is not old]
            keep_allocated(old["spec"], new["spec"], refuse)
            allocate(new["spec"], others, self.pick, refuse)
        elif plural == "pods" and old["spec"] != new["spec"]:
            check_update(old["spec"], new["spec"], refuse)
            new["metadata"]["generation"] += 1

    def _update(self, actor: str, plural: str, key: Key, old: Obj, new: Obj) -> Obj:
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old:
            return old
        meta = new["metadata"]
        held = meta.get("finalizers") or meta.get("deletionGracePeriodSeconds")
        if meta.get("deletionTimestamp") and not held:
            return self._commit(actor, plural, key, new, None)
        return self._commit(actor, plural, key, old, new)

    def bind(self, actor: str, key: Key, binding: Mapping[str, Any]) -> Obj:
        """Put a pod on a node."""
        old = self.get("pods", key)
        if get_path(dict(binding), "metadata.uid") not in (None, old["metadata"]["uid"]):
            raise refuse(409, "the UID in the precondition differs")
        if old["metadata"].get("deletionTimestamp") or old["spec"].get("nodeName"):
            raise refuse(409, "the pod is being deleted, or has a node")
        new = copied(old)
        new["spec"]["nodeName"] = binding["target"]["name"]
        self._scheduled(new)
        return self._update(actor, "pods", key, old, new)

    def _scheduled(self, pod: Obj) -> None:
        others = [one for one in pod["status"].get("conditions") or () if one["type"] != "PodScheduled"]
        now = {"type": "PodScheduled", "status": "True", "lastTransitionTime": self.stamp()}
        pod["status"]["conditions"] = [*others, now]

    def delete(self, actor: str, plural: str, key: Key, *, uid: str | None = None, grace: int | None = None) -> None:
        """Delete as the object's kind is deleted: pods with grace, others at once, none past its finalizers."""
        old = self.get(plural, key)
        if uid is not None and uid != old["metadata"]["uid"]:
            raise refuse(409, "the UID in the precondition differs")
        new = copied(old)
        meta = new["metadata"]
        seconds = self._grace(old, grace) if plural == "pods" else 0
        if meta.get("deletionTimestamp"):
            left = meta.get("deletionGracePeriodSeconds") or 0
            if plural != "pods" or grace is None or seconds >= left:
                return
        meta |= {"deletionTimestamp": self.stamp(seconds)}
        if plural == "pods":
            meta["deletionGracePeriodSeconds"] = seconds
            meta["generation"] += 1
        if seconds or meta.get("finalizers"):
            self._commit(actor, plural, key, old, new)
        else:
            self._commit(actor, plural, key, old, None)

    def _grace(self, pod: Obj, grace: int | None) -> int:
        ended = get_path(pod, "status.phase") in ("Succeeded", "Failed")
        if not pod["spec"].get("nodeName") or ended:
            return 0
        return int(pod["spec"]["terminationGracePeriodSeconds"]) if grace is None else grace

    def stamp(self, later: float = 0.0) -> str:
        """Return the time as objects carry it."""
        return datetime.fromtimestamp(EPOCH + int(self.now()) + later, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _commit(self, actor: str, plural: str, key: Key, old: Obj | None, new: Obj | None) -> Obj:
        self.version += 1
        shown = new if new is not None else copied(old)
        shown["metadata"]["resourceVersion"] = str(self.version)
        if new is None:
            self.of(plural).pop(key, None)
        else:
            self.of(plural)[key] = new
        happening = Happening(self.version, actor, plural, key, old, new, orjson.dumps(shown))
        self.history.append(happening)
        for observe in self.observers:
            observe(happening)
        for wake in list(self.watchers):
            wake()
        return shown
