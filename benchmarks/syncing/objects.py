"""What a tenant creates: pods as ``kubectl run`` makes them, or Deployments of ten. Pure."""

from dataclasses import dataclass

import orjson

from vgateway.kube.objects import Obj, Resource

PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
REPLICAS = 10
"""Pods of a Deployment: 1,000 pods are 100 Deployments."""


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

    def bodies(self, first: int = 0) -> list[bytes]:
        """Return the objects, numbered from ``first``, as they go on the wire."""
        if self.deployments:
            return [orjson.dumps(deployment(f"web-{first + number}")) for number in range(self.pods // REPLICAS)]
        return [orjson.dumps(pod(f"pod-{first + number}")) for number in range(self.pods)]


def pod(name: str) -> Obj:
    """Return a pod; like most it mounts the token of its service account."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "bench"}}, "spec": spec()}


def deployment(name: str) -> Obj:
    """Return a Deployment of ten such pods."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template},
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
