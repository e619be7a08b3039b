"""A real admission webhook that lets a tenant's cluster try a write and holds it back when it is meant."""

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import orjson

from tests.support.authority import Authority
from tests.support.kubectl import Kubectl

PATIENCE_SECONDS = 30
"""As long as an API server may be told to wait for a webhook."""


@dataclass
class Held:
    """``waiting`` has (operation, name) of the writes that are held now; ``hold`` says whether any are."""

    waiting: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def judge(self, request: Any) -> None:
        """Return when the write may go on."""
        if not request.get("dryRun"):
            self.waiting.append((request["operation"], request["name"]))
            self.released.wait(PATIENCE_SECONDS)


@contextmanager
def held_services(kubectl: Kubectl, namespace: str, address: str, directory: Path) -> Iterator[Held]:
    """Hold back what is written to the Services of a namespace; ``address`` is ours as the API server reaches it."""
    authority, held = Authority(directory, "holding-ca"), Held()
    pair = authority.issue("holding", addresses=(IPv4Address(address),))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            held.judge(request)
            response = {"uid": request["uid"], "allowed": True}
            body = orjson.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer((address, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            kubectl.apply(_configuration(namespace, f"https://{address}:{server.server_port}/", authority.certificate))
            yield held
        finally:
            held.released.set()
            kubectl.ok("delete", "validatingwebhookconfiguration", namespace)
            server.shutdown()
            serving.join()


def _configuration(namespace: str, url: str, authority: Path) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["services"]}
    hook = {
        "name": "holding.example.io",
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority.read_bytes()).decode()},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": PATIENCE_SECONDS,
    }
    meta = {"name": namespace}
    kind = "ValidatingWebhookConfiguration"
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": meta, "webhooks": [hook]}
