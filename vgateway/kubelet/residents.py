"""Which pods of the host are the tenant's, and by which names the tenant knows them and their volumes.

Pure: both sides' pods are looked up by functions that are given. What is not provably a twin is nobody's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from vgateway.kube.names import Names
from vgateway.kube.objects import HostKey, HostObj, VirtualKey, VirtualObj, get_path, host_key, uid, virtual_key
from vgateway.kube.ownership import is_twin, owner_of
from vgateway.kubelet.rewrite import PODS

CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
HostPod = Callable[[HostKey], HostObj | None]
VirtualPod = Callable[[VirtualKey], VirtualObj | None]


@dataclass(frozen=True, slots=True)
class Resident:
    """A tenant's pod on the host, by both sides' names.

    ``images`` are those of the tenant's own spec, by container: what is not in it is no container of the tenant's.
    ``claims`` are the claims' names, host to virtual; ``volumes`` are those of the tenant's spec.
    """

    host: HostKey
    host_uid: str
    virtual: VirtualKey
    uid: str
    images: Mapping[str, str]
    claims: Mapping[str, str]
    volumes: frozenset[str] = frozenset()


class Residents(Protocol):
    """What a filter asks about names of the host."""

    def pod(self, key: HostKey) -> Resident | None:
        """Return the tenant's pod of that host name, None when it is not the tenant's."""
        ...

    def claim(self, key: HostKey) -> VirtualKey | None:
        """Return the tenant's claim of that host name, None when no pod of the tenant uses such a one."""
        ...


class Census:
    """``Residents`` for the time of one answer: each pod is looked at once. ``candidates`` may be ours."""

    def __init__(
        self, names: Names, host_pod: HostPod, virtual_pod: VirtualPod, candidates: Callable[[], Iterable[HostKey]]
    ) -> None:
        self._names = names
        self._host_pod = host_pod
        self._virtual_pod = virtual_pod
        self._candidates = candidates
        self._known: dict[HostKey, Resident | None] = {}
        self._claims: dict[HostKey, VirtualKey] | None = None

    def pod(self, key: HostKey) -> Resident | None:
        """Return the tenant's pod of that host name."""
        if key not in self._known:
            host = self._host_pod(key)
            self._known[key] = None if host is None else resident(self._names, host, self._virtual_pod)
        return self._known[key]

    def claim(self, key: HostKey) -> VirtualKey | None:
        """Return the tenant's claim of that host name, as a pod of the tenant's names it."""
        if self._claims is None:
            self._claims = dict(self._used_claims())
        return self._claims.get(key)

    def _used_claims(self) -> Iterator[tuple[HostKey, VirtualKey]]:
        for key in self._candidates():
            found = self.pod(key)
            if found is not None:
                for host, virtual in found.claims.items():
                    yield HostKey(key.namespace, host), VirtualKey(found.virtual.namespace, virtual)


def resident(names: Names, host: HostObj, virtual_pod: VirtualPod) -> Resident | None:
    """Return what a host pod is to the tenant; None unless it is the twin of a pod that the tenant has now."""
    owner = owner_of(names, PODS, host)
    virtual = None if owner is None else virtual_pod(owner)
    if virtual is None or not is_twin(names, PODS, virtual, host):
        return None
    volumes = frozenset(volume["name"] for volume in get_path(virtual, "spec.volumes") or ())
    seen = images(virtual), claims(virtual, host), volumes
    return Resident(host_key(host), uid(host), virtual_key(virtual), uid(virtual), *seen)


def images(virtual: VirtualObj) -> dict[str, str]:
    """Return the image of each container as the tenant's spec has it."""
    spec = virtual.get("spec") or {}
    sorts = (spec.get(sort) or () for sort in CONTAINER_LISTS)
    return {container["name"]: container.get("image") or "" for sort in sorts for container in sort}


def claims(virtual: VirtualObj, host: HostObj) -> dict[str, str]:
    """Return host and virtual name of each claim that both twins mount under the same volume."""
    ours = {volume["name"]: _claim_of(volume, virtual) for volume in get_path(virtual, "spec.volumes") or ()}
    found = ((volume["name"], _claim_of(volume, host)) for volume in get_path(host, "spec.volumes") or ())
    return {claim: ours[name] for name, claim in found if claim and ours.get(name)}


def _claim_of(volume: Mapping[str, Any], pod: Mapping[str, Any]) -> str:
    if volume.get("ephemeral") is not None:
        return f"{pod['metadata']['name']}-{volume['name']}"
    return str(get_path(volume, "persistentVolumeClaim.claimName") or "")
