"""Read-only lookups that a decision may make: stores only, nothing that waits.

A view holds no state of its own; two decisions with equal stores see the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vgateway.kube.names import Names
from vgateway.kube.objects import (
    HostKey,
    HostObj,
    Obj,
    Resource,
    VirtualKey,
    VirtualObj,
    annotations,
    get_path,
    is_deleting,
)
from vgateway.kube.ownership import OBJECT_HOST_NAME, OBJECT_NAME
from vgateway.kube.store import Change
from vgateway.syncer.resources import NAMESPACES, SERVICES
from vgateway.syncer.settings import SyncerSettings

BY_REFERENCE = "reference"
BY_NODE = "node"
BY_HOST_NODE = "host-node"
BY_NAMESPACE = "namespace"
BY_WAITING = "waiting"
BY_SERVICE = "service"
BY_INVOLVED = "involved"
BY_VOLUME = "volume"
BY_HOLDER = "holder"
BY_CLAIM = "claim"


class Lookup(Protocol):
    """The part of a store that decisions use."""

    def get(self, namespace: str, name: str) -> Obj | None:
        """Return a copy of the object, None if there is none."""
        ...

    def keys_by_index(self, name: str, value: str) -> list[tuple[str, str]]:
        """Return the keys of the objects with this value."""
        ...

    def keys(self) -> Iterable[tuple[str, str]]:
        """Return every (namespace, name)."""
        ...

    def as_news(self) -> Iterator[Change]:
        """Go through all objects as if they had just come."""
        ...

    def __iter__(self) -> Iterator[Obj]:
        """Go through copies of all objects."""
        ...

    def __contains__(self, key: object) -> bool:
        """Say whether there is an object of this (namespace, name)."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A part of the host that is not ours: all of a namespace, or the one object of that ``name``.

    The namespace "" is the virtual cluster's own.
    """

    namespace: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Both sides as the stores have them.

    ``front`` holds the host Service of the virtual cluster, ``places`` what is read of the host beside its namespace.
    """

    settings: SyncerSettings
    virtual: Mapping[Resource, Lookup]
    host: Mapping[Resource, Lookup]
    front: Lookup
    now: Callable[[], float]
    places: Mapping[tuple[Resource, Place], Lookup] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        """The translation of names."""
        return self.settings.names

    def virtual_obj(self, resource: Resource, key: VirtualKey) -> VirtualObj | None:
        """Return the tenant's object, None if there is none."""
        found = self.virtual[resource].get(key.namespace, key.name)
        return None if found is None else VirtualObj(found)

    def tenants(self, resource: Resource, key: VirtualKey) -> VirtualObj | None:
        """Return the tenant's object; None also of a resource that is followed on the host alone."""
        return self.virtual_obj(resource, key) if resource in self.virtual else None

    def host_obj(self, resource: Resource, key: HostKey) -> HostObj | None:
        """Return the host object among those labelled as ours, None if there is none."""
        found = self.host[resource].get(key.namespace, key.name)
        return None if found is None else HostObj(found)

    def place_obj(self, resource: Resource, place: Place, name: str) -> HostObj | None:
        """Return the object of a place, whoever made it, None if there is none."""
        namespace = (place.namespace or self.names.host_namespace) if resource.namespaced else ""
        found = self.places[resource, place].get(namespace, name)
        return None if found is None else HostObj(found)

    def is_settled(self, namespace: str) -> bool:
        """Say whether a virtual namespace has its place on the host: a namespace of its own is provably ours and lives.

        What belongs to no namespace always has.
        """
        if self.names.spread is None or not namespace:
            return True
        where = self.names.namespace_of(namespace)
        found = self.host[NAMESPACES].get("", where) if where else None
        marks = annotations(found or {})
        ours = marks.get(OBJECT_NAME) == namespace and marks.get(OBJECT_HOST_NAME) == where
        return found is not None and ours and not is_deleting(found)

    def on_virtual(self, resource: Resource, key: VirtualKey) -> bool:
        """Say whether the tenant has the object."""
        return (key.namespace, key.name) in self.virtual[resource]

    def on_host(self, resource: Resource, key: HostKey) -> bool:
        """Say whether the host has the object among those labelled as ours."""
        return (key.namespace, key.name) in self.host[resource]

    def virtual_keys(self, resource: Resource, index: str, value: str) -> list[VirtualKey]:
        """Return the keys of the tenant's objects that an index has under a value."""
        return [VirtualKey(*key) for key in self.virtual[resource].keys_by_index(index, value)]

    def all_virtual_keys(self, resource: Resource) -> list[VirtualKey]:
        """Return the keys of all the tenant's objects of a resource."""
        return [VirtualKey(*key) for key in sorted(self.virtual[resource].keys())]

    def has_indexed(self, side: Mapping[Resource, Lookup], resource: Resource, index: str, value: str) -> bool:
        """Say whether an index has anything under a value."""
        return bool(side[resource].keys_by_index(index, value))

    def front_service(self) -> HostObj | None:
        """Return the host Service in front of the gateway, None while there is none."""
        found = self.front.get(self.names.host_namespace, self.settings.service)
        return None if found is None else HostObj(found)

    def front_address(self) -> str:
        """Return the ClusterIP that pods reach the tenant's API at, "" while it has none."""
        return cluster_ip(self.front_service())

    def twin_address(self, service: VirtualKey) -> str:
        """Return the ClusterIP of a service's host copy, "" while it has none."""
        return cluster_ip(self.host_obj(SERVICES, self.names.host_key(service)))


def cluster_ip(service: Mapping[str, object] | None) -> str:
    """Return a service's ClusterIP, "" for a headless one or none at all."""
    address = get_path(service, "spec.clusterIP") if service else None
    return "" if address in (None, "None") else str(address)
