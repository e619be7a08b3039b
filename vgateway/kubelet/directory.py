"""Where a tenant's pod lives: its object, and the host pod that is provably its twin.

Reads the informers' stores. What a store does not know yet (a pod or a debug container made a moment ago) is looked
up once at the API server before it is denied.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from vgateway.errors import ApiError, GatewayError, NotFound
from vgateway.kube.client import ApiClient
from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, HostObj, Obj, VirtualKey, VirtualObj, uid, virtual_key
from vgateway.kube.ownership import is_twin
from vgateway.kube.store import Store
from vgateway.kubelet.calls import PodTarget
from vgateway.kubelet.residents import CONTAINER_LISTS, Census, Residents
from vgateway.kubelet.rewrite import PODS

LOOKUP_SECONDS = 5.0
LOOKUPS = 16


class PodDirectory(Protocol):
    """What the handler asks about pods."""

    async def virtual_pod(self, target: PodTarget) -> VirtualObj | None:
        """Return the tenant's pod as it is known best for this target; None when there is none of that name."""
        ...

    async def host_pod(self, virtual: VirtualObj) -> HostObj | None:
        """Return the twin of this very pod, None when the host has none."""
        ...

    def virtual_pods(self, node: str) -> Iterator[VirtualObj]:
        """Return the tenant's pods on a node; ``node`` "" is every node."""
        ...


def container_names(pod: Obj) -> Iterator[str]:
    """Return the names of the containers a pod's spec has, of every sort."""
    spec = pod.get("spec") or {}
    return (container["name"] for sort in CONTAINER_LISTS for container in spec.get(sort) or ())


def node_of(pod: Obj) -> str:
    """Return the node a pod is bound to, "" before that."""
    return (pod.get("spec") or {}).get("nodeName") or ""


def fits(pod: Obj, target: PodTarget) -> bool:
    """Say whether a pod is the one a path names, and has the container."""
    same = not target.uid or uid(pod) == target.uid
    return same and (not target.container or target.container in container_names(pod))


def check_target(pod: VirtualObj | None, target: PodTarget) -> VirtualObj:
    """Return the pod if it is the one a path names; ``GatewayError`` 404 in a kubelet's words if not."""
    if pod is None or (target.uid and uid(pod) != target.uid):
        raise GatewayError(404, f'pod "{target.pod.name}" does not exist')
    if not fits(pod, target):
        raise GatewayError(404, f'container "{target.container}" not found in pod "{target.pod.name}"')
    return pod


class StoreDirectory:
    """A ``PodDirectory`` over the stores of both sides' pods and, for what they lack, the two API servers."""

    def __init__(
        self, names: Names, virtual_pods: Store, host_pods: Store, virtual_api: ApiClient, host_api: ApiClient
    ) -> None:
        self._names = names
        self._virtual_pods = virtual_pods
        self._host_pods = host_pods
        self._virtual_api = virtual_api
        self._host_api = host_api
        self._lookups = asyncio.Semaphore(LOOKUPS)

    async def virtual_pod(self, target: PodTarget) -> VirtualObj | None:
        """Return the pod from the store if it fits the target, as the API server has it otherwise."""
        key = target.pod
        store, api = self._virtual_pods, self._virtual_api
        found = await self._best(store, api, key.namespace, key.name, lambda pod: fits(pod, target))
        return None if found is None else VirtualObj(found)

    async def host_pod(self, virtual: VirtualObj) -> HostObj | None:
        """Return the pod on the host if its owner marks name this pod and its UID, not a namesake before it."""
        key = self._names.host_key(virtual_key(virtual))

        def ours(pod: Obj) -> bool:
            return is_twin(self._names, PODS, virtual, HostObj(pod))

        found = await self._best(self._host_pods, self._host_api, key.namespace, key.name, ours)
        return HostObj(found) if found is not None and ours(found) else None

    def virtual_pods(self, node: str) -> Iterator[VirtualObj]:
        """Return the pods bound to a node, to any node for ""."""
        return (VirtualObj(pod) for pod in self._virtual_pods if node_of(pod) and node in {"", node_of(pod)})

    def residents(self) -> Residents:
        """Count who lives on the host now, for the time of one answer."""

        def host_pod(key: HostKey) -> HostObj | None:
            found = self._host_pods.get(key.namespace, key.name)
            return None if found is None else HostObj(found)

        def virtual_pod(key: VirtualKey) -> VirtualObj | None:
            found = self._virtual_pods.get(key.namespace, key.name)
            return None if found is None else VirtualObj(found)

        keys = self._host_pods.keys
        return Census(self._names, host_pod, virtual_pod, lambda: [HostKey(*key) for key in keys()])

    async def _best(
        self, store: Store, api: ApiClient, namespace: str, name: str, is_good: Callable[[Obj], bool]
    ) -> Obj | None:
        """Return what the store has if it will do, else what the API server has."""
        known = store.get(namespace, name)
        if known is not None and is_good(known):
            return known
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._lookups:
                return await api.get(PODS, namespace, name)
        except NotFound:
            return None
        except (ApiError, TimeoutError) as error:
            raise GatewayError(
                503, f"the {api.side} API server could not be asked about the pod", hop=f"{api.side} API server"
            ) from error
