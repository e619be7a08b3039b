"""What a tenant creates: pods as ``kubectl run`` makes them, or Deployments of such pods. Pure."""

from dataclasses import dataclass

import orjson

from vgateway.kube.objects import Obj, Resource

PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
DEPLOYED = 100
"""So many Deployments share the pods of a load."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many pods in one namespace, created one by one or by Deployments."""

    namespace: str
    pods: int
    deployments: bool = False

    @property
    def resource(self) -> Resource:
        """What is created."""
        return DEPLOYMENTS if self.deployments else PODS

    @property
    def path(self) -> str:
        """Where it is created."""
        return self.resource.path(self.namespace)

    def bodies(self) -> list[bytes]:
        """Return the objects as they go on the wire."""
        if self.deployments:
            each = self.pods // DEPLOYED
            return [orjson.dumps(deployment(f"web-{number}", each)) for number in range(DEPLOYED)]
        return [orjson.dumps(pod(f"pod-{number}")) for number in range(self.pods)]


def pod(name: str) -> Obj:
    """Return a pod; like most it mounts the token of its service account."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "bench"}}, "spec": spec()}


def deployment(name: str, replicas: int) -> Obj:
    """Return a Deployment of such pods."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def spec() -> Obj:
    """Return one container with a variable, a port and requests."""
    return {
        "containers": [
            {
                "name": "main",
                "image": "registry.example/bench:1",
                "env": [{"name": "MODE", "value": "bench"}],
                "ports": [{"containerPort": 8080}],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            }
        ]
    }
