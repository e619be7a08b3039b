"""The labels of one series: read strictly, and said in the tenant's names.

A series stays only if it is about a pod, or the volume of a pod, that is provably the tenant's. Formats: Prometheus'
text 0.0.4 and OpenMetrics 1.0, with names of any characters in quotes (``{"metric.name", "a.b"="c"}``).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from vgateway.kube.objects import HostKey, VirtualKey
from vgateway.kubelet.residents import Resident, Residents

_QUOTED = rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_ELEMENT = re.compile(
    rb"[ \t]*(?:(?P<quoted>" + _QUOTED + rb")|(?P<bare>[a-zA-Z_][a-zA-Z0-9_]*))"
    rb"(?:[ \t]*=[ \t]*(?P<value>" + _QUOTED + rb"))?[ \t]*(?P<end>[,}])"
)
_CLOSED = re.compile(rb"[ \t]*\}")
_ESCAPE = re.compile(rb'\\([\\"n])')
_UNESCAPED = {b"n": b"\n"}
_RUNTIME_ID = re.compile(r"[0-9a-f]{32,}")

POD_LABELS = ("pod", "pod_name")
NAMESPACE_LABELS = ("namespace", "pod_namespace")
UID_LABELS = ("uid", "pod_uid")
CONTAINER_LABELS = ("container", "container_name")
CLAIM_LABEL = "persistentvolumeclaim"
# The sandbox of a pod, as kubelets have called its container.
SANDBOX = "POD"
SANDBOX_IMAGE = "pause"


class MalformedExposition(Exception):
    """A line that two readers could read differently, or none at all."""


class LabelSet(NamedTuple):
    """What stands between braces: ``name`` is the metric's, where it stands there; ``end`` is behind the brace."""

    name: bytes
    labels: tuple[tuple[bytes, str], ...]
    end: int

    def values(self) -> dict[str, str]:
        """Return the values by decoded label names. Raises ``MalformedExposition`` for a name that comes twice."""
        found: dict[str, str] = {}
        for raw, value in self.labels:
            name = unquoted(raw)
            if name in found:
                raise MalformedExposition("a label comes twice")
            found[name] = value
        return found


def read_labels(line: bytes, at: int) -> LabelSet:
    """Read the label set whose brace stands at ``at``. Raises ``MalformedExposition``."""
    name, labels = b"", list[tuple[bytes, str]]()
    at += 1
    while True:
        if closed := _CLOSED.match(line, at):
            return LabelSet(name, tuple(labels), closed.end())
        found = _ELEMENT.match(line, at)
        if found is None:
            raise MalformedExposition("a label set is broken")
        at = found.end()
        if found["value"] is not None:
            labels.append((found["quoted"] or found["bare"], unquoted(found["value"])))
        elif found["quoted"] and not name and not labels:
            name = found["quoted"]
        else:
            raise MalformedExposition("a label has no value")
        if found["end"] == b"}":
            return LabelSet(name, tuple(labels), at)


def write_labels(name: bytes, labels: Mapping[bytes, str]) -> bytes:
    """Write a label set."""
    pairs = [raw + b"=" + quoted(value) for raw, value in labels.items()]
    return b"{" + b",".join([name, *pairs] if name else pairs) + b"}"


def unquoted(raw: bytes) -> str:
    """Decode a name or value; one without quotes is itself."""
    inner = raw[1:-1] if raw[:1] == b'"' else raw
    if b"\\" in inner:
        inner = _ESCAPE.sub(lambda found: _UNESCAPED.get(found[1], found[1]), inner)
    return inner.decode("utf-8", "surrogateescape")


def quoted(value: str) -> bytes:
    """Encode a value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"' + escaped.encode("utf-8", "surrogateescape") + b'"'


def translated(found: LabelSet, residents: Residents) -> bytes | None:
    """Return the label set in the tenant's names, None for a series that is not the tenant's."""
    values = found.values()
    namespace, pod = _one(values, NAMESPACE_LABELS), _one(values, POD_LABELS)
    if not namespace or pod is None:
        return None
    if not pod:
        names = _of_claim(values, residents.claim(HostKey(namespace, values.get(CLAIM_LABEL, ""))))
    else:
        names = _of_pod(values, residents.pod(HostKey(namespace, pod)))
    if names is None:
        return None
    return write_labels(found.name, {raw: names[unquoted(raw)] for raw, _ in found.labels})


def _one(values: Mapping[str, str], labels: tuple[str, ...]) -> str | None:
    """Return the value that these labels agree on, "" if there is none; None if they disagree."""
    said = {values[label] for label in labels if values.get(label)}
    return None if len(said) > 1 else said.pop() if said else ""


def _of_claim(values: Mapping[str, str], claim: VirtualKey | None) -> dict[str, str] | None:
    if claim is None:
        return None
    names = dict.fromkeys(NAMESPACE_LABELS, claim.namespace) | {CLAIM_LABEL: claim.name}
    return {label: names.get(label, value) for label, value in values.items()}


def _of_pod(values: Mapping[str, str], pod: Resident | None) -> dict[str, str] | None:
    """Say every label in the tenant's words; None for another pod's, and for a container the tenant did not ask for."""
    container, uid = _one(values, CONTAINER_LABELS), _one(values, UID_LABELS)
    if pod is None or container is None or uid not in {"", pod.host_uid}:
        return None
    if container and container != SANDBOX and container not in pod.images:
        return None
    claim = values.get(CLAIM_LABEL)
    if claim and claim not in pod.claims:
        return None
    return {label: _said(label, value, container, pod) if value else "" for label, value in values.items()}


def _said(label: str, value: str, container: str, pod: Resident) -> str:
    match label:
        case "pod" | "pod_name":
            return pod.virtual.name
        case "namespace" | "pod_namespace":
            return pod.virtual.namespace
        case "uid" | "pod_uid":
            return pod.uid
        case "image":
            return pod.images.get(container) or SANDBOX_IMAGE
        case "name":
            return value if _RUNTIME_ID.fullmatch(value) else digest(value)
        case "id":
            return control_group(value, pod)
        case "persistentvolumeclaim":
            return pod.claims[value]
        case _:
            return in_virtual_words(value, pod)


def control_group(path: str, pod: Resident) -> str:
    """Name a control group by the virtual pod: what is above the pod's own is the host's, what is below is kept."""
    for spelled in (pod.host_uid, pod.host_uid.replace("-", "_")):
        _, found, below = path.partition(spelled)
        if found and spelled:
            _, slash, rest = below.partition("/")
            return f"/kubepods/pod{pod.uid}{slash}{in_virtual_words(rest, pod)}"
    last = path.rpartition("/")[2]
    return f"/kubepods/pod{pod.uid}/{last if _RUNTIME_ID.fullmatch(last) else digest(path)}"


def in_virtual_words(value: str, pod: Resident) -> str:
    """Put the tenant's UID and name where a value (a device, a path) holds the host's."""
    words = {pod.host_uid: pod.uid, pod.host_uid.replace("-", "_"): pod.uid, pod.host.name: pod.virtual.name}
    for host, virtual in words.items():
        if host:
            value = value.replace(host, virtual)
    return value


def digest(value: str) -> str:
    """Return an opaque name: the same for the same value, different for a different one."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:16]
