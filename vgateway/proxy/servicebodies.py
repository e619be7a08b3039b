"""Which requests may give a Service an address, and what is in them. Pure.

Of a body in protobuf nothing is decoded: what the tenant's cluster would make of it is asked for in JSON, and whose
wish a field was is told by ``managedFields``, which know what a client sent and not what was allocated.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from vgateway.kube.objects import Obj, VirtualKey
from vgateway.proxy.target import Target

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
_SERVICES = re.compile(r"/api/v1/namespaces/([a-z0-9-]+)/services(?:/([a-z0-9-]+))?")
_DRY_RUN = re.compile(r"(?:^|&)dryRun=")
# What only the API server says of an object, so that nobody asks for it.
_OF_THE_SERVER = frozenset({"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"})


class Way(Enum):
    """How a request says what a Service shall be."""

    CREATE = "create"
    REPLACE = "replace"
    MERGE = "merge"
    APPLY = "apply"


_WAYS: Mapping[tuple[str, str], Way] = {
    ("POST", JSON): Way.CREATE,
    ("POST", PROTOBUF): Way.CREATE,
    ("PUT", JSON): Way.REPLACE,
    ("PATCH", "application/merge-patch+json"): Way.MERGE,
    ("PATCH", "application/strategic-merge-patch+json"): Way.MERGE,
    ("PATCH", "application/apply-patch+yaml"): Way.APPLY,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A request that is read: ``key`` has no name yet in a creation."""

    way: Way
    encoding: str
    key: VirtualKey


def reading_of(method: str, target: Target, headers: Mapping[str, str]) -> Reading | None:
    """Return how to read a request, None for all that cannot give a Service an address or only try it."""
    found = _SERVICES.fullmatch(target.path) if "/services" in target.path else None
    if found is None or "Content-Encoding" in headers or "Expect" in headers:
        return None
    encoding = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    way = _WAYS.get((method, encoding))
    if way is None or (way is Way.CREATE) != (found[2] is None) or _DRY_RUN.search(target.raw.partition("?")[2]):
        return None
    return Reading(way, encoding, VirtualKey(found[1], found[2] or ""))


def asked_in(reading: Reading, body: bytes) -> Obj | None:
    """Return what a body asks for; None if it is no Service, or clearly one without an address."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None  # also what is applied as YAML proper
    if not isinstance(given, dict) or not isinstance(given.get("metadata", {}), dict):
        return None
    spec = given.get("spec")
    named = reading.way is Way.MERGE or "metadata" in given
    return given if named and isinstance(spec, dict) and needs_address(given) else None


def needs_address(service: Obj) -> bool:
    """Say whether a Service, or a patch of one, may have an address."""
    spec = service.get("spec") or {}
    elsewhere = spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None"
    return not elsewhere and _is_list_of_objects(spec.get("ports"))


def _is_list_of_objects(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value))


def asked_by(draft: Obj, allocated: Iterable[str]) -> Obj | None:
    """Return what was asked for to have come to ``draft``; None if its ``managedFields`` do not tell.

    Of the fields of the spec that a cluster allocates, and of node ports, only what the client itself has set is left.
    """
    meta, spec = draft["metadata"], draft["spec"]
    entries = [entry.get("fieldsV1") for entry in meta.get("managedFields") or () if not entry.get("subresource")]
    own = [fields.get("f:spec") or {} for fields in entries if isinstance(fields, dict)]
    if not own:
        return None
    chosen = {name for name in allocated if any(f"f:{name}" in fields for fields in own)}
    left = {name: value for name, value in spec.items() if name not in set(allocated) - chosen}
    if "ports" in spec:
        left["ports"] = [_asked_port(port, own) for port in spec["ports"]]
    kept = {name: value for name, value in meta.items() if name not in _OF_THE_SERVER}
    return {"apiVersion": "v1", "kind": "Service", "metadata": kept, "spec": left}


def _asked_port(port: Obj, own: Iterable[Mapping[str, Any]]) -> Obj:
    found = ((fields.get("f:ports") or {}).items() for fields in own)
    asked = any("f:nodePort" in of for each in found for key, of in each if _is_key_of(key, port))
    return port if asked else {name: value for name, value in port.items() if name != "nodePort"}


def _is_key_of(key: str, port: Obj) -> bool:
    if not key.startswith("k:"):
        return False
    named = orjson.loads(key[2:])
    return bool(named.get("port") == port["port"] and named.get("protocol", "TCP") == port.get("protocol", "TCP"))


def dry_run(target: Target) -> str:
    """Return the target of the same request without its effect."""
    return f"{target.raw}{'&' if '?' in target.raw else '?'}dryRun=All"
