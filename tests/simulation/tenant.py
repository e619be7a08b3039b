"""What the tenant and the tenant's control plane do: few names, so that things collide, come back and depend."""

from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.cluster import Cluster, Key
from vgateway.errors import ApiError
from vgateway.kube.objects import Obj, get_path

TENANT = "tenant"
PLANE = "tenant's control plane"
# The last two namespaces make the names of different objects meet: a in b-x-c, and a-x-b in c.
NAMESPACES = ("default", "team", "b-x-c", "c")
PLACES: tuple[Key, ...] = (
    ("default", "a"),
    ("default", "b"),
    ("team", "a"),
    ("b-x-c", "a"),
    ("c", "a-x-b"),
)
SHARED_LABELS: tuple[dict[str, str], ...] = (
    {},
    {"app": "web"},
    {"app": "web", "release": "r1"},
    {"vcluster.loft.sh/managed-by": "vc"},
)
ROOT_CA = "kube-root-ca.crt"
SET = "set"


@dataclass(slots=True)
class Tenant:
    """Acts on the virtual cluster; ``wanted`` is what must be there at the end, ``unwanted`` what must not."""

    cluster: Cluster
    chance: Random
    replicas: int = 0
    wanted: dict[tuple[str, Key], str] = field(default_factory=dict)
    unwanted: set[tuple[str, Key]] = field(default_factory=set)

    def prepare(self) -> None:
        """Make what every virtual cluster has."""
        for name in (*NAMESPACES, "kube-system"):
            self.cluster.create(PLANE, "namespaces", {"metadata": {"name": name, "labels": {"team": name}}})
            meta = {"name": ROOT_CA, "namespace": name}
            self.cluster.create(PLANE, "configmaps", {"metadata": meta, "data": {"ca.crt": "PEM"}})
        self.keep_kubernetes()

    def keep_kubernetes(self) -> None:
        """Make ``default/kubernetes`` when it is missing, at the control plane's own address."""
        key = ("default", "kubernetes")
        if key not in self.cluster.of("services"):
            spec = {"ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]}
            meta = {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver"}}
            self.cluster.create(PLANE, "services", {"metadata": meta, "spec": spec})

    def act(self) -> None:
        """Do one thing."""
        actions = (
            *(self.create_pod,) * 6,
            *(self.delete_pod,) * 4,
            self.replace_pod,
            self.edit_pod,
            self.debug_pod,
            self.hold_pod,
            self.release_pods,
            *(self.write_config,) * 4,
            *(self.delete_config,) * 2,
            *(self.write_service,) * 3,
            self.delete_service,
            self.edit_namespace,
            self.scale,
            self.meddle_with_nodes,
            self.delete_kubernetes,
        )
        with suppress(ApiError):  # a tenant is refused now and then
            self.chance.choice(actions)()

    def place(self) -> Key:
        return self.chance.choice(PLACES)

    def pod(self, key: Key) -> Obj | None:
        return self.cluster.of("pods").get(key)

    def create_pod(self) -> None:
        self.make("pods", self.new_pod(self.place()))

    def make(self, plural: str, body: Obj) -> None:
        made = self.cluster.create(TENANT, plural, body)
        meta = made["metadata"]
        self.wanted[plural, (meta["namespace"], meta["name"])] = meta["uid"]
        self.unwanted.discard((plural, (meta["namespace"], meta["name"])))

    def remove(self, plural: str, key: Key, grace: int | None = None) -> None:
        self.wanted.pop((plural, key), None)
        self.unwanted.add((plural, key))
        self.cluster.delete(TENANT, plural, key, grace=grace)

    def new_pod(self, key: Key, **meta: Any) -> Obj:
        """Return a pod that may refer to ConfigMaps, Secrets and tokens."""
        chance = self.chance
        container: Obj = {"name": "main", "image": f"busybox:{chance.randrange(2)}"}
        volumes: list[Obj] = []
        if chance.random() < 0.5:
            volumes.append({"name": "conf", "configMap": {"name": chance.choice(PLACES)[1]}})
        if chance.random() < 0.4:
            container["envFrom"] = [{"secretRef": {"name": chance.choice(PLACES)[1]}}]
        if chance.random() < 0.5:
            token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
            volumes.append({"name": "token", "projected": {"sources": [token, {"configMap": {"name": ROOT_CA}}]}})
        spec: Obj = {"containers": [container], "volumes": volumes, "serviceAccountName": "default"}
        if chance.random() < 0.2:
            spec["schedulingGates"] = [{"name": "hold"}]
        if chance.random() < 0.2:
            spec["readinessGates"] = [{"conditionType": "ready.io/gate"}]
        labels = dict(chance.choice(SHARED_LABELS))
        return {"metadata": {"name": key[1], "namespace": key[0], "labels": labels} | meta, "spec": spec}

    def delete_pod(self) -> None:
        """Delete gracefully, quickly or by force."""
        pods = [key for key in self.cluster.of("pods") if not key[1].startswith(SET)]
        if pods:
            self.remove("pods", self.chance.choice(pods), self.chance.choice([None, None, 1, 0]))

    def replace_pod(self) -> None:
        """Have another pod of the same name, at once."""
        key = self.place()
        if self.pod(key):
            self.remove("pods", key, 0)
        self.make("pods", self.new_pod(key))

    def edit_pod(self) -> None:
        patches: tuple[Obj, ...] = (
            {"metadata": {"labels": {"tier": str(self.chance.randrange(3)), "app": None}}},
            {"metadata": {"annotations": {"note": str(self.chance.randrange(3))}}},
            {"spec": {"schedulingGates": None}},
            {"spec": {"activeDeadlineSeconds": 600 + self.chance.randrange(5)}},
            {"spec": {"tolerations": [{"key": "a", "operator": "Exists"}]}},
        )
        self.cluster.patch(TENANT, "pods", self.place(), self.chance.choice(patches))
        new_image = {"spec": {"containers": [{"name": "main", "image": f"busybox:{self.chance.randrange(4)}"}]}}
        self.cluster.patch(TENANT, "pods", self.place(), new_image, by_keys=True)

    def debug_pod(self) -> None:
        """Add an ephemeral container that refers to a ConfigMap; set a readiness gate."""
        key = self.place()
        source = [{"configMapRef": {"name": self.chance.choice(PLACES)[1]}}]
        added = {"spec": {"ephemeralContainers": [{"name": f"d{self.chance.randrange(3)}", "envFrom": source}]}}
        self.cluster.patch(TENANT, "pods", key, added, subresource="ephemeralcontainers", by_keys=True)
        status = self.chance.choice(["True", "False"])
        gate = {"status": {"conditions": [{"type": "ready.io/gate", "status": status}]}}
        self.cluster.patch(TENANT, "pods", key, gate, subresource="status", by_keys=True)

    def hold_pod(self) -> None:
        self.cluster.patch(TENANT, "pods", self.place(), {"metadata": {"finalizers": ["tenant.io/hold"]}})

    def release_pods(self) -> None:
        for key in list(self.cluster.of("pods")):
            self.cluster.patch(TENANT, "pods", key, {"metadata": {"finalizers": None}})

    def write_config(self) -> None:
        plural = self.chance.choice(["configmaps", "secrets"])
        key = self.place()
        data = {"key": f"dmFsdWU{self.chance.randrange(4)}"}
        if key in self.cluster.of(plural):
            force = {"annotations": {"vcluster.loft.sh/force-sync": self.chance.choice(["true", None])}}
            self.cluster.patch(TENANT, plural, key, {"data": {**data, "old": None}, "metadata": force})
        else:
            body = {"metadata": {"name": key[1], "namespace": key[0]}, "data": data | {"old": "eA=="}}
            self.make(plural, body | ({"type": "Opaque"} if plural == "secrets" else {}))

    def delete_config(self) -> None:
        plural = self.chance.choice(["configmaps", "secrets"])
        self.remove(plural, self.place())

    def write_service(self) -> None:
        key = self.place()
        number = 80 + self.chance.randrange(3)
        ports = [{"name": "main", "port": number, "protocol": "TCP", "targetPort": 8080}]
        selector = self.chance.choice(SHARED_LABELS)
        if key in self.cluster.of("services"):
            kind = self.chance.choice(["ClusterIP", "NodePort", self.cluster.of("services")[key]["spec"]["type"]])
            spec = {"ports": ports, "type": kind, "publishNotReadyAddresses": self.chance.choice([True, None])}
            self.cluster.patch(TENANT, "services", key, {"spec": spec})
        else:
            spec = {"ports": ports, "selector": selector, "type": self.chance.choice(["ClusterIP", "NodePort"])}
            if self.chance.random() < 0.2:
                spec |= {"clusterIP": "None", "type": "ClusterIP"}
            self.make("services", {"metadata": {"name": key[1], "namespace": key[0]}, "spec": spec})

    def delete_service(self) -> None:
        self.remove("services", self.place())

    def edit_namespace(self) -> None:
        name = self.chance.choice(NAMESPACES)
        team = self.chance.choice(["red", "blue", None])
        self.cluster.patch(TENANT, "namespaces", ("", name), {"metadata": {"labels": {"team": team}}})

    def scale(self) -> None:
        self.replicas = self.chance.randrange(4)

    def meddle_with_nodes(self) -> None:
        nodes = list(self.cluster.of("nodes"))
        if nodes:
            node = self.chance.choice(nodes)
            if self.chance.random() < 0.5:
                self.cluster.delete(TENANT, "nodes", node)
            else:
                taint = {"key": "tenant", "effect": "NoSchedule"}
                self.cluster.patch(TENANT, "nodes", node, {"spec": {"taints": [taint]}})

    def delete_kubernetes(self) -> None:
        """The tenant deletes its API's Service; the control plane drops what carries its name."""
        for plural in ("services", "endpoints", "endpointslices"):
            if self.chance.random() < 0.8:
                self.cluster.delete(PLANE, plural, ("default", "kubernetes"))

    def control(self) -> None:
        """What the tenant's controllers would do now: keep a set's size, and the API's Service."""
        self.keep_kubernetes()
        every = self.cluster.of("pods").items()
        owned = [(key, pod) for key, pod in every if key[1].startswith(SET)]
        for key, pod in owned:
            if get_path(pod, "status.phase") in ("Succeeded", "Failed"):
                self.cluster.delete(PLANE, "pods", key)
        left = [key for key, pod in owned if self.pod(key) and not pod["metadata"].get("deletionTimestamp")]
        for key in left[self.replicas :]:
            self.cluster.delete(PLANE, "pods", key)
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": SET, "uid": "set", "controller": True}
        for _ in range(self.replicas - len(left)):
            body = self.new_pod(("default", ""), generateName=f"{SET}-", ownerReferences=[owner])
            del body["metadata"]["name"]
            body["spec"].pop("schedulingGates", None)
            self.cluster.create(PLANE, "pods", body)
