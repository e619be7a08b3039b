"""Kubeconfigs, complete in themselves: certificates and tokens are inside, so that a file may be copied anywhere."""

import base64
from pathlib import Path
from typing import Any

import yaml

from vgateway.local.files import write_file
from vgateway.local.pki import KeyPair


def client_user(files: KeyPair) -> dict[str, Any]:
    """Return the kubeconfig user that presents a certificate."""
    return {"client-certificate-data": _encoded(files.certificate), "client-key-data": _encoded(files.key)}


def kubeconfig(
    server: str, authority: Path, user: dict[str, Any], name: str, namespace: str | None = None
) -> dict[str, Any]:
    """Build a kubeconfig with one context; ``name`` is what the user sees of it."""
    context: dict[str, Any] = {"cluster": name, "user": name}
    if namespace:
        context["namespace"] = namespace
    cluster = {"server": server, "certificate-authority-data": _encoded(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": context}],
    }


def write_private(path: Path, document: dict[str, Any]) -> Path:
    """Write YAML that only its owner may read."""
    return write_file(path, yaml.safe_dump(document, sort_keys=False), 0o600)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
