"""A tenant's pods and NetworkPolicies, as the tenant sees them and as the kinds write them to the host."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tests.support.cyclonus import End
from tests.unit.syncer.world import SETTINGS, Objects, World, a_pod
from vgateway.config.isolation import NetworkPolicy
from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, VirtualKey, VirtualObj
from vgateway.kube.ownership import OBJECT_HOST_NAME, OBJECT_NAME
from vgateway.syncer.kinds.hostnamespace import HostNamespaceKind
from vgateway.syncer.kinds.isolation import IsolationKind
from vgateway.syncer.kinds.isolation.kind import keys
from vgateway.syncer.kinds.networkpolicy import NetworkPolicyKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.resources import NAMESPACES
from vgateway.syncer.settings import SyncerSettings
from vgateway.syncer.view import Place

NAME_LABEL = "kubernetes.io/metadata.name"
PODS, POLICIES = PodKind(), NetworkPolicyKind()


@dataclass(frozen=True)
class Pod:
    """A pod of a tenant's."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    ip: str

    @property
    def outside(self) -> End:
        """The pod as somebody sees it who knows its address only."""
        return End(self.ip)


@dataclass(frozen=True)
class Tenant:
    """One virtual cluster: namespaces with their labels, pods, and (namespace, spec) of policies.

    ``world`` is a word that no other tenant's has: apart from that, namespaces of two are told apart by nobody.
    """

    names: Names
    world: str
    namespaces: Mapping[str, Mapping[str, str]]
    pods: tuple[Pod, ...]
    policies: tuple[tuple[str, Obj], ...]

    def virtual_policies(self) -> list[Obj]:
        """Return the policies where the tenant has them."""
        return [_policy(self._virtual(namespace), number, spec) for number, (namespace, spec) in self._numbered()]

    def virtual_end(self, pod: Pod) -> End:
        """Return the pod as the tenant's own cluster knows it."""
        own = {NAME_LABEL: pod.namespace, **self.namespaces[pod.namespace]}
        return End(pod.ip, self._virtual(pod.namespace), own, pod.labels)

    def host_policies(self) -> list[Obj]:
        """Return what is written to the host."""
        world = self._both_sides
        found = (_policy(namespace, number, spec) for number, (namespace, spec) in self._numbered())
        return [POLICIES.body(VirtualObj(policy), world.view) for policy in found]

    def host_end(self, pod: Pod) -> End:
        """Return the pod as the host knows it."""
        world, virtual = self._both_sides, a_pod(pod.name, pod.namespace)
        virtual["metadata"]["labels"] = dict(pod.labels)
        where = self.names.namespace_of(pod.namespace)
        namespace = world.host[NAMESPACES].get("", where) or {"metadata": {}}
        labels = {NAME_LABEL: where, **(namespace["metadata"].get("labels") or {})}
        return End(pod.ip, where, labels, PODS.labels(VirtualObj(virtual), world.view))

    def isolation(self, asked: NetworkPolicy) -> list[Obj]:
        """Return the policies around the virtual cluster."""
        world, kind = self._both_sides, IsolationKind(asked, spread=self.names.spread is not None)
        wanted = (key for namespace in ("", *self.namespaces) for key in keys(namespace, world.view))
        return [found for key in wanted if (found := kind.desired(key, world.view)) is not None]

    def _numbered(self) -> Iterable[tuple[int, tuple[str, Obj]]]:
        return enumerate(self.policies)

    def _virtual(self, namespace: str) -> str:
        return f"{self.world}-{namespace}"

    @cached_property
    def _both_sides(self) -> World:
        """Return both clusters with what decisions look at: namespaces."""
        world, own = World(), Objects()
        world.virtual[NAMESPACES].by_key.clear()
        own.put({"metadata": {"name": self.names.host_namespace}})
        settings: SyncerSettings = replace(SETTINGS, names=self.names, service=self.names.virtual_cluster)
        places = {(NAMESPACES, Place("", self.names.host_namespace)): own}
        world.view = replace(world.view, settings=settings, places=places)
        for name, labels in self.namespaces.items():
            meta: dict[str, Any] = {"name": name, "labels": {NAME_LABEL: name, **labels}}
            world.virtual[NAMESPACES].put({"metadata": meta})
            if self.names.spread:
                made = HostNamespaceKind(self.names.host_namespace, {}).desired(VirtualKey("", name), world.view)
                assert made is not None
                assert {OBJECT_NAME, OBJECT_HOST_NAME} <= made["metadata"]["annotations"].keys()
                world.host[NAMESPACES].put(made)
        return world


def _policy(namespace: str, number: int, spec: Obj) -> Obj:
    meta = {"name": f"policy-{number}", "namespace": namespace, "uid": f"u-{namespace}-{number}"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}
