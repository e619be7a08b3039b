"""What must never happen, looked at with every write: the part of the oracle that does not wait for the end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.cluster import Cluster, Happening
from tests.simulation.hostside import ADMIN, DISRUPTION, STRANGER
from tests.simulation.wire import ENGINE
from vgateway.kube.objects import Obj, annotations, get_path, is_deleting, labels, uid
from vgateway.kube.ownership import MANAGED_BY, OBJECT_NAME, OBJECT_UID
from vgateway.syncer.kinds.nodeaddress import FAKE_NODE
from vgateway.syncer.kinds.service import REMADE
from vgateway.syncer.kinds.volume import FAKE_VOLUME

DERIVED = "endpoints.kubernetes.io/managed-by"
TERMINAL = ("Succeeded", "Failed")
# While news do not reach the engine it cannot know that somebody took our mark off an object; then it must.
ON_ITS_WAY = 60.0


@dataclass(slots=True)
class Watchful:
    """Sees every change of both sides and notes what should not have been."""

    virtual: Cluster
    host: Cluster
    twin_name: Callable[[Obj], str]
    wrong: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)
    unmarked: dict[str, float] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    writes: int = 0
    calm_since: float = 1e9

    def on_host(self, one: Happening) -> None:
        """Look at a change of the host."""
        if one.actor == ENGINE:
            self.writes += 1
            self._engine_on_host(one)
            return
        obj = one.new if one.new is not None else one.old
        assert obj is not None
        if one.plural == "pods" and get_path(obj, "status.startTime"):
            self.started.add(annotations(obj).get(OBJECT_UID, ""))
        if one.old is None:
            self.foreign.add(uid(obj))
        elif one.actor in (ADMIN, DISRUPTION, STRANGER) and uid(obj) not in self.foreign:
            self.excused.add(annotations(one.old).get(OBJECT_UID, ""))
            if not is_marked(obj):
                self.unmarked.setdefault(uid(obj), self.host.now())

    def _engine_on_host(self, one: Happening) -> None:
        old = one.old
        if one.key[0] != "host-ns" and one.plural != "storageclasses":
            self._note(one, "writes outside its namespace")
        if old is None:
            self._made_on_host(one)
            return
        if uid(old) in self.foreign and not is_derived(old):
            self._note(one, "touches a stranger's object")
        if uid(old) in self.unmarked and self.host.now() - self.calm_since > ON_ITS_WAY:
            self._note(one, "touches an object that is not provably ours any more")
        if one.plural == "pods" and (one.new is None or is_deleting(one.new)) and not is_deleting(old):
            self._ends_on_host(one, old)

    def _made_on_host(self, one: Happening) -> None:
        assert one.new is not None
        owner = annotations(one.new).get(OBJECT_UID, "")
        if one.plural != "pods" or owner not in self.started:
            return
        pods = [pod for pod in self.virtual.of("pods").values() if uid(pod) == owner]
        if pods and get_path(pods[0], "status.startTime"):
            self._note(one, "starts a pod a second time")

    def _ends_on_host(self, one: Happening, old: Obj) -> None:
        owner = annotations(old).get(OBJECT_UID, "")
        for pod in self.virtual.of("pods").values():
            if uid(pod) == owner and owner not in self.excused and not is_deleting(pod):
                self._note(one, "ends a pod that the tenant wants")

    def on_virtual(self, one: Happening) -> None:
        """Look at a change of the tenant's cluster."""
        if one.actor != ENGINE:
            return
        self.writes += 1
        if one.old is not None and (one.new is None or (is_deleting(one.new) and not is_deleting(one.old))):
            self._deletes(one, one.old)
        elif one.plural == "pods" and one.old is not None and one.new is not None:
            self._reports(one, one.old, one.new)

    def _deletes(self, one: Happening, old: Obj) -> None:
        if one.plural == "pods":
            self._deletes_pod(one, old)
        elif one.plural == "services":
            twin = self.host.of("services").get(("host-ns", self.twin_name(old)))
            if one.key[1] != "kubernetes" and (twin is None or REMADE not in annotations(twin)):
                self._note(one, "deletes a service that is kept nowhere")
        elif one.plural == "nodes":
            if labels(old).get(FAKE_NODE) != "true":
                self._note(one, "deletes a node of the tenant's own")
        elif one.plural == "persistentvolumes":
            if labels(old).get(FAKE_VOLUME) != "true":
                self._note(one, "deletes a volume of the tenant's own")
        elif one.plural not in ("endpoints", "endpointslices") or one.key[1] != "kubernetes":
            self._note(one, "deletes an object of the tenant")

    def _deletes_pod(self, one: Happening, old: Obj) -> None:
        if not is_deleting(old) and uid(old) not in self.excused:
            self._note(one, "deletes a pod that nobody asked to delete")
        twin = self.host.of("pods").get(("host-ns", self.twin_name(old)))
        if one.new is None and twin is not None and is_marked(twin) and annotations(twin).get(OBJECT_UID) == uid(old):
            self._note(one, "lets a pod go that still runs")

    def _reports(self, one: Happening, old: Obj, new: Obj) -> None:
        phases = get_path(old, "status.phase"), get_path(new, "status.phase")
        if phases[0] in TERMINAL and phases[1] != phases[0]:
            self._note(one, f"brings a pod back from {phases[0]} to {phases[1]}")
        if get_path(new, "status.startTime") and not get_path(old, "status.startTime") and uid(new) not in self.started:
            self._note(one, "reports another pod's state")

    def _note(self, one: Happening, what: str) -> None:
        self.wrong.append(f"{self.host.now():.3f} {one}: {what}")


def is_marked(obj: Obj) -> bool:
    """Say whether an object still carries our marks."""
    return labels(obj).get(MANAGED_BY) == "vc" and OBJECT_NAME in annotations(obj)


def is_derived(obj: Obj) -> bool:
    """Say whether a controller of Kubernetes made an object: in the books of this oracle that is a stranger."""
    return DERIVED in labels(obj)
