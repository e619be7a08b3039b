"""A real admission webhook on loopback, registered with a real API server for as long as a test lasts."""

import base64
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.support.authority import Authority
from vgateway.kube.client import ApiClient
from vgateway.kube.objects import Obj, Resource

ADMISSION = "admissionregistration.k8s.io"
MUTATING = Resource(ADMISSION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", namespaced=False)
# What the webhook makes of an object: JSON patch steps, or why it will not have it.
Judge = Callable[[Obj], "list[Obj] | str"]


@dataclass
class Webhook:
    """``asked`` has the name of every object that the API server asked about, again and again."""

    judge: Judge
    asked: list[str] = field(default_factory=list)

    async def review(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview."""
        review: Any = orjson.loads(await request.read())
        obj = review["request"]["object"]
        self.asked.append(obj["metadata"]["name"])
        verdict = self.judge(obj)
        answer: Obj = {"uid": review["request"]["uid"], "allowed": not isinstance(verdict, str)}
        if isinstance(verdict, str):
            answer["status"] = {"code": 403, "message": verdict}
        elif verdict:
            answer |= {"patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(verdict)).decode()}
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
        return web.Response(body=orjson.dumps(body), content_type="application/json")


@asynccontextmanager
async def admission_webhook(
    client: ApiClient, authority: Authority, namespace: str, judge: Judge, *resources: str, reachable: bool = True
) -> AsyncIterator[Webhook]:
    """Have everything written in a namespace judged while the body runs; nobody answers unless ``reachable``."""
    webhook = Webhook(judge)
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/", webhook.review)
    runner = web.AppRunner(app)
    await runner.setup()
    pair = authority.issue("webhook")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    if not reachable:
        await site.stop()
    name = f"test-{uuid.uuid4().hex[:6]}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": list(resources)}
    hook = {
        "name": "judge.example.io",
        "clientConfig": {
            "url": f"https://127.0.0.1:{port}/",
            "caBundle": base64.b64encode(authority.certificate.read_bytes()).decode(),
        },
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
    }
    try:
        await client.create(MUTATING, "", {"metadata": {"name": name}, "webhooks": [hook]})
        yield webhook
    finally:
        await client.delete(MUTATING, "", name)
        await runner.cleanup()
