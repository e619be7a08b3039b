"""A few calls to an API server with a client certificate, for setting clusters up; no client library, no retries."""

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from vgateway.kube.objects import Obj, Resource, metadata
from vgateway.local.errors import LocalError
from vgateway.local.pki import KeyPair

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")

KNOWN = {
    resource.kind: resource
    for resource in (
        NAMESPACES,
        NODES,
        SERVICES,
        SERVICE_ACCOUNTS,
        ROLES,
        ROLE_BINDINGS,
        CLUSTER_ROLES,
        CLUSTER_ROLE_BINDINGS,
        ENDPOINT_SLICES,
        CONFIG_MAPS,
        STORAGE_CLASSES,
    )
}

TAKES = 30.0
"""Seconds that one call may take."""


@dataclass(frozen=True, slots=True)
class KubeApi:
    """An API server, and the client that we are to it."""

    server: str
    authority: Path
    client: KeyPair

    def call(self, method: str, path: str, body: Any = None, *, content: str = "application/json") -> tuple[int, Any]:
        """Make one call; return the status code and the decoded answer. Raises OSError when nobody answers."""
        url = urlsplit(self.server)
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.client.certificate, self.client.key)
        connection = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=TAKES, context=context)
        try:
            sent = None if body is None else orjson.dumps(body)
            connection.request(method, path, body=sent, headers={"Content-Type": content, "Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, _decoded(answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None, *, content: str = "application/json") -> Any:
        """Make a call that must succeed. Raises LocalError with the server's words when it does not."""
        try:
            code, answer = self.call(method, path, body, content=content)
        except OSError as error:
            raise LocalError(f"{self.server}: {error}") from error
        if code >= 300:
            words = answer.get("message", code) if isinstance(answer, dict) else answer
            raise LocalError(f"{self.server}: {method} {path}: {words}")
        return answer

    def apply(self, manifest: Obj) -> Any:
        """Make the object as the manifest says, whether or not it is there; return what the server made of it."""
        meta = metadata(manifest)
        path = KNOWN[manifest["kind"]].path(meta.get("namespace", ""), meta["name"])
        query = urlencode({"fieldManager": "vgateway-local", "force": "true"})
        return self.ask("PATCH", f"{path}?{query}", manifest, content="application/apply-patch+yaml")

    def get(self, resource: Resource, name: str, namespace: str = "") -> Obj | None:
        """Return an object, None when it is not there or the server does not answer."""
        try:
            code, answer = self.call("GET", resource.path(namespace, name))
        except OSError:
            return None
        return answer if code == 200 else None

    def takes_pods(self) -> bool:
        """Say whether pods can be made: the controllers work and have given the first namespace its account."""
        return self.get(SERVICE_ACCOUNTS, "default", "default") is not None

    def is_ready(self) -> bool:
        """Say whether the server says that it is ready."""
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False


def _decoded(body: bytes) -> Any:
    """Decode JSON; plain text, as of ``/readyz``, stays text."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
