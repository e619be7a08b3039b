"""Wide worlds: claims, budgets, accounts, classes, Endpoints and slices by hand, and the host's Events, on top.

Each side's controllers are here too, as far as they write what the engine must tell from its own.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.simulation.cluster import Cluster, Key
from tests.simulation.hostside import ADMIN, KUBELET, STRANGER
from tests.simulation.tenant import NAMESPACES, PLACES, PLANE, TENANT
from tests.simulation.watchful import DERIVED, Watchful, is_derived, is_marked
from vgateway.config.policies import Policies
from vgateway.config.sync import Sync
from vgateway.errors import ApiError
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, VirtualKey, annotations, get_path, labels, uid
from vgateway.kube.ownership import MANAGED_BY, OBJECT_KIND, OBJECT_NAME, OBJECT_NAMESPACE, OBJECT_UID
from vgateway.syncer.kind import Kind
from vgateway.syncer.kinds.event import FROM_HOST
from vgateway.syncer.registry import select

# Seeds from here on are of wide worlds; a world's seed says all about it.
WIDE_FROM = 10_000
SYNC = Sync.model_validate(
    {
        "toHost": {
            "podDisruptionBudgets": {"enabled": True},
            "serviceAccounts": {"enabled": True},
            "storageClasses": {"enabled": True},
        }
    }
)
# The kinds of twins, and what must be the same in both.
COPIED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "persistentvolumeclaims": ("/v1, Kind=PersistentVolumeClaim", ("spec.resources", "spec.volumeName", "status")),
    "poddisruptionbudgets": ("policy/v1, Kind=PodDisruptionBudget", ("spec.minAvailable",)),
    "serviceaccounts": ("/v1, Kind=ServiceAccount", ()),
    "endpoints": ("/v1, Kind=Endpoints", ("subsets",)),
    "endpointslices": ("discovery.k8s.io/v1, Kind=EndpointSlice", ("endpoints",)),
    "storageclasses": ("storage.k8s.io/v1, Kind=StorageClass", ("provisioner",)),
}
TAKEN_OVER = ("persistentvolumeclaims",)
SERVICE_NAME = "kubernetes.io/service-name"
CLASSES = ("fast", "slow")


def wide_kinds() -> tuple[Kind, ...]:
    """Return the kinds of a wide world."""
    return select(SYNC, Policies())


@dataclass(slots=True)
class Others:
    """What else happens on both sides, and what must have come of it in the end."""

    virtual: Cluster
    host: Cluster
    names: Names
    chance: Random
    rude: bool
    seen: Watchful
    wanted: dict[tuple[str, Key], str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Have the accounts that a control plane makes."""
        for namespace in NAMESPACES:
            self.virtual.create(PLANE, "serviceaccounts", {"metadata": {"name": "default", "namespace": namespace}})

    def act(self) -> None:
        """Do one thing, on either side."""
        host = (self.bind_claim, self.say_something, *(self.meddle, self.occupy) * self.rude)
        tenant = (self.claim, self.promise, self.name_account, self.open_by_hand, self.point, self.slice, self.classify)
        with suppress(ApiError):
            self.chance.choice((*tenant, *tenant, self.drop, self.lose_selector, *host, self.carry_on))()

    def place(self) -> Key:
        return self.chance.choice(PLACES)

    def put(self, plural: str, key: Key, body: Obj) -> None:
        """Make an object, or change the one there is."""
        if key in self.virtual.of(plural):
            self.virtual.patch(TENANT, plural, key, {k: v for k, v in body.items() if k != "metadata"})
            return
        meta = {"name": key[1], **({"namespace": key[0]} if key[0] else {}), **body.pop("metadata", {})}
        made = self.virtual.create(TENANT, plural, {"metadata": meta, **body})
        self.wanted[plural, key] = made["metadata"]["uid"]

    def drop(self) -> None:
        """Delete something of the tenant's."""
        plural = self.chance.choice(list(COPIED))
        keys = [key for key in self.virtual.of(plural) if (plural, key) in self.wanted]
        if keys:
            key = self.chance.choice(keys)
            del self.wanted[plural, key]
            self.virtual.delete(TENANT, plural, key)

    def claim(self) -> None:
        size = f"{1 + self.chance.randrange(3)}Gi"
        self.put("persistentvolumeclaims", self.place(), {"spec": {"resources": {"requests": {"storage": size}}}})

    def promise(self) -> None:
        spec = {"minAvailable": 1 + self.chance.randrange(3), "selector": {"matchLabels": {"app": "web"}}}
        self.put("poddisruptionbudgets", self.place(), {"spec": spec})

    def name_account(self) -> None:
        namespace, name = self.place()
        self.put("serviceaccounts", (namespace, name), {"automountServiceAccountToken": True})

    def classify(self) -> None:
        self.put("storageclasses", ("", self.chance.choice(CLASSES)), {"provisioner": "example.io/disk"})

    def open_by_hand(self) -> None:
        """Make a Service that leads where the tenant says."""
        key = (self.place()[0], "hand")
        if key not in self.virtual.of("services"):
            spec = {"ports": [{"name": "a", "port": 80, "protocol": "TCP"}], "selector": None, "type": "ClusterIP"}
            self.virtual.create(TENANT, "services", {"metadata": {"name": key[1], "namespace": key[0]}, "spec": spec})

    def lose_selector(self) -> None:
        """Take a Service's selector away, or give it one: another author writes its addresses from then on."""
        keys = [key for key in self.virtual.of("services") if key[1] != "kubernetes"]
        if keys:
            selector = self.chance.choice([None, {"app": "web"}])
            self.virtual.patch(TENANT, "services", self.chance.choice(keys), {"spec": {"selector": selector}})

    def point(self) -> None:
        """Write addresses by hand, where no controller does."""
        keys = [key for key, one in self.virtual.of("services").items() if not one["spec"].get("selector")]
        keys = [key for key in keys if key[1] != "kubernetes"]
        if keys:
            address = {"ip": f"10.9.0.{self.chance.randrange(9)}"}
            self.put("endpoints", self.chance.choice(keys), {"subsets": [{"addresses": [address]}]})

    def slice(self) -> None:
        service = self.chance.choice(list(self.virtual.of("services")) or [("default", "hand")])
        if service[1] != "kubernetes":
            key = (service[0], f"{service[1]}-by-hand")
            ends = [{"addresses": [f"10.8.0.{self.chance.randrange(9)}"]}]
            body = {"metadata": {"labels": {SERVICE_NAME: service[1]}}, "addressType": "IPv4", "endpoints": ends}
            self.put("endpointslices", key, body)

    def bind_claim(self) -> None:
        """Bind a claim to a volume, as the host's controllers do."""
        for key, one in list(self.host.of("persistentvolumeclaims").items()):
            if is_marked(one) and not get_path(one, "spec.volumeName"):
                done = {"pv.kubernetes.io/bind-completed": "yes"}
                bound = {"metadata": {"annotations": done}, "spec": {"volumeName": f"pv-{uid(one)}"}}
                self.host.patch(KUBELET, "persistentvolumeclaims", key, bound)
                status = {"status": {"phase": "Bound"}}
                self.host.patch(KUBELET, "persistentvolumeclaims", key, status, subresource="status")
                return

    def say_something(self) -> None:
        """Write an Event about a host pod."""
        pods = list(self.host.of("pods").items())
        if pods:
            key, pod = self.chance.choice(pods)
            involved = {"apiVersion": "v1", "kind": "Pod", "namespace": key[0], "name": key[1], "uid": uid(pod)}
            meta = {"name": f"{key[1]}.{self.host.version:x}", "namespace": key[0]}
            body = {"metadata": meta, "involvedObject": involved, "reason": "Said", "message": f"of {key[1]}"}
            self.host.create(KUBELET, "events", body)

    def meddle(self) -> None:
        """Edit or delete a copy by hand."""
        plural = self.chance.choice([one for one in COPIED if one not in TAKEN_OVER])
        keys = list(self.host.of(plural))
        if keys:
            key = self.chance.choice(keys)
            if self.chance.random() < 0.5:
                self.host.delete(ADMIN, plural, key)
            else:
                self.host.patch(ADMIN, plural, key, {"metadata": {"labels": {"audited": "yes"}}})

    def occupy(self) -> None:
        """Put a stranger's object where a copy of ours would be."""
        plural = self.chance.choice(["persistentvolumeclaims", "poddisruptionbudgets", "serviceaccounts"])
        where = self.names.host_key(VirtualKey(*self.place()))
        marks = {"labels": {MANAGED_BY: "vc"}} if self.chance.random() < 0.5 else {}
        self.host.create(STRANGER, plural, {"metadata": {"name": where.name, "namespace": where.namespace, **marks}})

    def carry_on(self) -> None:
        """Have both sides' controllers write the addresses of Services with a selector."""
        for cluster, actor in ((self.virtual, PLANE), (self.host, KUBELET)):
            for key, service in list(cluster.of("services").items()):
                there = cluster.of("endpoints").get(key)
                if there is None and service["spec"].get("selector"):
                    meta = {"name": key[1], "namespace": key[0], "labels": dict(labels(service)) | {DERIVED: "yes"}}
                    cluster.create(
                        actor, "endpoints", {"metadata": meta, "subsets": [{"addresses": [{"ip": "10.1.0.1"}]}]}
                    )
            for key, one in list(cluster.of("endpoints").items()):
                if key not in cluster.of("services") and DERIVED in labels(one):
                    cluster.delete(actor, "endpoints", key)

    def settle(self) -> None:
        """Bind what waits for it, and let controllers finish."""
        self.bind_claim()
        self.carry_on()

    def faults(self) -> Iterator[str]:
        """Say everything that is not as it should be."""
        for plural in COPIED:
            for key, obj in self.virtual.of(plural).items():
                yield from self._twin(plural, key, obj)
            for key, there in self.host.of(plural).items():
                yield from self._owner(plural, key, there)
        for (plural, key), was in self.wanted.items():
            if uid(self.virtual.of(plural).get(key) or {}) != was:
                yield f"the tenant's {plural} {key} is gone"
        yield from self._told()
        for event in self.virtual.of("events").values():
            about = get_path(event, "involvedObject.kind")
            # No stranger makes Endpoints here: whatever has the name is ours, or its controller's.
            if about == "Endpoints" and event["reason"] == "NameTaken" and "not yours" in event["message"]:
                yield f"the tenant was told of a stranger's Endpoints: {event['message']}"

    def _is_wanted(self, plural: str, key: Key, obj: Obj) -> bool:
        if key == ("default", "kubernetes"):
            return False
        if plural == "endpoints":
            service = self.virtual.of("services").get(key)
            return service is not None and not service["spec"].get("selector")
        if plural == "endpointslices":
            return (key[0], labels(obj).get(SERVICE_NAME)) in self.virtual.of("services")
        return True

    def _twin(self, plural: str, key: Key, obj: Obj) -> Iterator[str]:
        where = self.names.host_key(VirtualKey(*key))
        there = self.host.of(plural).get((where.namespace, where.name))
        at = f"{plural} {'/'.join(key)}"
        mine = there is not None and annotations(there).get(OBJECT_UID) == uid(obj)
        if not self._is_wanted(plural, key, obj):
            if mine:
                yield f"{at} has a copy that nothing needs"
        elif there is None:
            yield f"{at} has no copy"
        elif not mine:
            heard = any(get_path(one, "involvedObject.uid") == uid(obj) for one in self.virtual.of("events").values())
            marks = annotations(there)
            if (marks.get(OBJECT_NAMESPACE), marks.get(OBJECT_NAME)) == key and uid(there) not in self.seen.foreign:
                yield f"{at}: an earlier object's copy is left"
            elif not heard and not is_derived(there):
                yield f"{at}: its name on the host is taken, and nobody told"
        else:
            for path in COPIED[plural][1]:
                if get_path(obj, path) != get_path(there, path):
                    yield f"{at}: {path} is {get_path(obj, path)}, and on the host {get_path(there, path)}"

    def _owner(self, plural: str, key: Key, there: Obj) -> Iterator[str]:
        marks = annotations(there)
        if OBJECT_NAME not in marks or (uid(there) in self.seen.foreign and not is_derived(there)):
            return
        if marks.get(OBJECT_KIND) != COPIED[plural][0]:
            yield f"{plural} {key[1]} on the host says that it is {marks.get(OBJECT_KIND)}"
        owner = self.virtual.of(plural).get((marks.get(OBJECT_NAMESPACE, ""), marks[OBJECT_NAME]))
        if owner is None:
            yield f"{plural} {key[1]} on the host is left over"

    def _told(self) -> Iterator[str]:
        heard = {
            (get_path(one, "involvedObject.uid"), one.get("reason"))
            for one in self.virtual.of("events").values()
            if labels(one).get(FROM_HOST) == "true"
        }
        pods = {uid(pod): pod for pod in self.host.of("pods").values() if is_marked(pod)}
        for event in self.host.of("events").values():
            pod = pods.get(get_path(event, "involvedObject.uid"))
            owner = annotations(pod).get(OBJECT_UID, "") if pod and uid(pod) not in self.seen.foreign else ""
            alive = any(uid(one) == owner for one in self.virtual.of("pods").values())
            if owner and alive and (owner, event["reason"]) not in heard:
                yield f"nobody told the tenant of the Event {event['metadata']['name']}"
