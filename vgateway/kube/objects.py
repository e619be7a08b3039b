"""Kubernetes objects as plain data, and the two sides as different types.

Objects are the dicts that JSON gives; ``VirtualObj`` and ``HostObj`` are the same dict at run time and different
types to the checker, so that a tenant's object cannot be sent to the host by mistake. Objects from a store are
shared: copy before changing. Keys are tuples, because every step of a round looks something up by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NewType
from urllib.parse import quote

Obj = dict[str, Any]
VirtualObj = NewType("VirtualObj", dict[str, Any])
HostObj = NewType("HostObj", dict[str, Any])


class VirtualKey(NamedTuple):
    """Namespace and name in the tenant's cluster; the namespace of a cluster-scoped object is ""."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class HostKey(NamedTuple):
    """Namespace and name in the host cluster; the namespace of a cluster-scoped object is ""."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API: what its URLs are made of."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """``v1`` for the core group, ``group/version`` otherwise."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path; without a name, that of the collection ("" = all namespaces)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        item = f"/{quote(name, safe='')}" if name else ""
        return f"{root}{scope}/{self.plural}{item}" + (f"/{subresource}" if subresource else "")


def metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object's metadata, empty if it has none."""
    return obj.get("metadata") or {}


def virtual_key(virtual: VirtualObj) -> VirtualKey:
    """Return where the object lives in the tenant's cluster."""
    meta = metadata(virtual)
    return VirtualKey(meta.get("namespace") or "", meta["name"])


def host_key(host: HostObj) -> HostKey:
    """Return where the object lives in the host cluster."""
    meta = metadata(host)
    return HostKey(meta.get("namespace") or "", meta["name"])


def uid(obj: Mapping[str, Any]) -> str:
    """Return the object's UID, "" before the API server gave it one."""
    return str(metadata(obj).get("uid") or "")


def labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels, empty if there are none."""
    return metadata(obj).get("labels") or {}


def annotations(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the annotations, empty if there are none."""
    return metadata(obj).get("annotations") or {}


def is_deleting(obj: Mapping[str, Any]) -> bool:
    """Say whether deletion has been asked for."""
    return bool(metadata(obj).get("deletionTimestamp"))


def get_path(obj: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where any step is missing."""
    value: Any = obj
    for step in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def set_path(obj: Obj, path: str, value: Any) -> None:
    """Put a value at a dotted path, making the steps that are missing; None removes the last step."""
    *parents, last = path.split(".")
    for step in parents:
        obj = obj.setdefault(step, {})
    if value is None:
        obj.pop(last, None)
    else:
        obj[last] = value
