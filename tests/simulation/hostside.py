"""What happens on the host: kubelets and scheduler, disruptions, administrators who edit, and strangers' objects."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from tests.simulation.cluster import Cluster, Key, copied
from tests.simulation.tenant import PLACES
from vgateway.errors import ApiError
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, VirtualKey, get_path

KUBELET = "kubelet"
DISRUPTION = "host disruption"
ADMIN = "host admin"
STRANGER = "stranger"
NODES = ("n1", "n2")


@dataclass(slots=True)
class HostSide:
    """Acts on the host namespace."""

    cluster: Cluster
    chance: Random
    names: Names
    front: str
    rude: bool

    def prepare(self) -> None:
        """Make the Service in front of the gateway."""
        meta = {"name": self.front, "namespace": self.names.host_namespace}
        spec = {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}], "clusterIP": "10.96.0.5"}
        self.cluster.create(ADMIN, "services", {"metadata": meta, "spec": spec})

    def act(self) -> None:
        """Do one thing."""
        rude = (self.edit_ours, self.delete_ours, self.unmark_ours, self.disguise, self.occupy, self.leave)
        actions = (*(self.run_a_pod,) * 12, *(self.disrupt,) * 2, *(rude if self.rude else ()))
        with suppress(ApiError):  # the host refuses now and then
            self.chance.choice(actions)()

    def run_a_pod(self) -> None:
        """Take one pod one step on."""
        pods = list(self.cluster.of("pods"))
        if pods:
            key = self.chance.choice(pods)
            self.step(key, self.cluster.of("pods")[key], may_finish=self.chance.random() < 0.15)

    def step(self, key: Key, pod: Obj, *, may_finish: bool = False) -> bool:
        """Schedule, start, finish or end a pod; say whether there was something to do."""
        if pod["metadata"].get("deletionTimestamp"):
            self.cluster.delete(KUBELET, "pods", key, grace=0)
        elif get_path(pod, "status.phase") in ("Succeeded", "Failed") or pod["spec"].get("schedulingGates"):
            return False
        elif not pod["spec"].get("nodeName"):
            self.cluster.bind(KUBELET, key, {"target": {"name": self._node(pod)}})
        elif get_path(pod, "status.phase") == "Pending":
            self._report(key, self._started(pod))
        elif may_finish:
            self._report(key, {"phase": self.chance.choice(["Succeeded", "Failed"]), "podIP": None})
        else:
            return False
        return True

    def _node(self, pod: Obj) -> str:
        terms = get_path(
            pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        )
        fields = [one for term in terms or () for one in term.get("matchFields") or ()]
        return str(fields[0]["values"][0]) if fields else self.chance.choice(NODES)

    def _started(self, pod: Obj) -> Obj:
        at = self.cluster.stamp()
        if get_path(pod, "status.startTime") is None and self.chance.random() < 0.5:
            return {"startTime": at, "hostIP": "192.0.2.1"}
        statuses = [{"name": one["name"], "ready": True} for one in pod["spec"]["containers"]]
        start = {"startTime": get_path(pod, "status.startTime") or at}
        return {"phase": "Running", "podIP": "10.1.0.1", "containerStatuses": statuses} | start

    def _report(self, key: Key, status: Obj) -> None:
        self.cluster.patch(KUBELET, "pods", key, {"status": status}, subresource="status", by_keys=True)

    def disrupt(self) -> None:
        """Evict, drain, or lose a pod with its node."""
        pods = list(self.cluster.of("pods"))
        if not pods:
            return
        key = self.chance.choice(pods)
        match self.chance.randrange(3):
            case 0 if get_path(self.cluster.of("pods")[key], "status.phase") == "Running":
                self._report(key, {"phase": "Failed", "reason": "Evicted"})
            case 1:
                self.cluster.delete(DISRUPTION, "pods", key, grace=self.chance.choice([None, 5]))
            case _:
                self.cluster.delete(DISRUPTION, "pods", key, grace=0)

    def ours(self, *plurals: str) -> Iterable[tuple[str, Key]]:
        return [(plural, key) for plural in plurals for key in self.cluster.of(plural) if key[1] != self.front]

    def _one_of_ours(self, *plurals: str) -> tuple[str, Key] | None:
        found = list(self.ours(*plurals))
        return self.chance.choice(found) if found else None

    def edit_ours(self) -> None:
        """Edit what the tenant owns, and what nobody owns."""
        found = self._one_of_ours("configmaps", "secrets", "services", "pods")
        if found is None:
            return
        plural, key = found
        patch: Obj = {"metadata": {"labels": {"app": "edited", "added": "by-admin"}}}
        if plural in ("configmaps", "secrets") and self.chance.random() < 0.7:
            patch = {"data": {"key": "ZWRpdGVk", "more": "eA=="}}
        elif plural == "services" and self.chance.random() < 0.7:
            patch = {"spec": {"selector": {"app": "edited"}, "externalIPs": ["203.0.113.1"]}}
        self.cluster.patch(ADMIN, plural, key, patch)

    def delete_ours(self) -> None:
        found = self._one_of_ours("configmaps", "secrets", "services")
        if found:
            self.cluster.delete(ADMIN, *found)

    def unmark_ours(self) -> None:
        """Take our label or an annotation of ours away: the object is not provably ours any more."""
        found = self._one_of_ours("configmaps", "secrets", "services", "pods")
        if found is None:
            return
        field, name = self.chance.choice(
            [
                ("labels", "vcluster.loft.sh/managed-by"),
                ("annotations", "vcluster.loft.sh/object-name"),
                ("annotations", "vcluster.loft.sh/object-uid"),
            ]
        )
        self.cluster.patch(ADMIN, *found, {"metadata": {field: {name: None}}})

    def disguise(self) -> None:
        """Put a stranger's object in our way: of the very name we need, or a copy of ours under another name."""
        plural = self.chance.choice(["configmaps", "secrets", "services", "pods"])
        others = self.cluster.of(plural)
        if others and self.chance.random() < 0.5:
            body = copied(self.chance.choice(list(others.values())))
            body["metadata"] |= {"name": f"copy-{self.cluster.version}"}
        else:
            key = self.names.host_key(VirtualKey(*self.chance.choice(PLACES)))
            tokens = plural == "secrets" and self.chance.random() < 0.5
            meta: Obj = {"name": f"{key.name}-sa-token" if tokens else key.name, "namespace": key.namespace}
            if self.chance.random() < 0.5:
                meta |= {"labels": {"vcluster.loft.sh/managed-by": "vc"}}
            body = {"metadata": meta, "data": {"foreign": "eA=="}}
        if plural == "pods":
            body["spec"] = body.get("spec") or {"containers": [{"name": "main", "image": "foreign"}]}
            body["spec"].pop("nodeName", None)
        elif plural == "services":
            body["spec"] = {"ports": [{"port": 80, "protocol": "TCP"}]}
        self.cluster.create(STRANGER, plural, body)

    def occupy(self) -> None:
        """Take an address that a tenant's Service may have."""
        meta = {"name": f"foreign-{self.cluster.version}", "namespace": self.names.host_namespace}
        spec = {"ports": [{"port": 80, "protocol": "TCP"}], "type": self.chance.choice(["NodePort", "ClusterIP"])}
        self.cluster.create(STRANGER, "services", {"metadata": meta, "spec": spec})

    def leave(self) -> None:
        """A stranger takes an object away again."""
        foreign = [(plural, key) for plural, key in self.ours("configmaps", "services") if "foreign" in key[1]]
        if foreign:
            self.cluster.delete(STRANGER, *self.chance.choice(foreign))

    def carry_on(self) -> bool:
        """Take every pod one step on; say whether there was something to do."""
        return any([self.step(key, pod) for key, pod in list(self.cluster.of("pods").items())])  # noqa: C419 - all of them
