"""Services in the encoding that client-go prefers: Kubernetes' envelope around a protobuf message (k8s.io/api, v1).

Only what a Service of a test has; the numbers are those of the published ``generated.proto``.
"""

from collections.abc import Iterable
from typing import Any

PROTOBUF = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"


def encoded_service(service: dict[str, Any]) -> bytes:
    """Return a Service as client-go would send it."""
    meta, spec = service["metadata"], service["spec"]
    message = _message(1, _metadata(meta)) + _message(2, _spec(spec))
    kind = _text(1, "v1") + _text(2, "Service")
    return MAGIC + _message(1, kind) + _message(2, message)


def _metadata(meta: dict[str, Any]) -> bytes:
    named = {1: "name", 2: "generateName", 3: "namespace"}
    return b"".join(_text(number, meta[name]) for number, name in named.items() if name in meta)


def _spec(spec: dict[str, Any]) -> bytes:
    parts = [_message(1, _port(port)) for port in spec.get("ports", ())]
    parts += [_message(2, _text(1, key) + _text(2, value)) for key, value in spec.get("selector", {}).items()]
    parts += [_text(number, spec[name]) for number, name in {3: "clusterIP", 4: "type"}.items() if name in spec]
    return b"".join(parts)


def _port(port: dict[str, Any]) -> bytes:
    target = _number(1, 0) + _number(2, port["targetPort"])
    node_port = _number(5, port["nodePort"]) if "nodePort" in port else b""
    return _number(3, port["port"]) + _message(4, target) + node_port


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    return bytes(_septets(value))


def _septets(value: int) -> Iterable[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
