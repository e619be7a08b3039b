"""Calls to one API server: objects in, objects out, failures as the ``ApiError`` family.

Retries nothing: that is the list-watch's and the work queue's. Network failures and time-outs are ``Unavailable``.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import orjson
from prometheus_client import CollectorRegistry

from vgateway.errors import Status, api_error, status_body
from vgateway.kube.credentials import Credentials
from vgateway.kube.metrics import KubeMetrics
from vgateway.kube.objects import Obj, Resource
from vgateway.kube.transport import CALL_SECONDS, Accept, Answer, Incoming, Transport, unreachable

JSON = "application/json"
# How long the server is asked to keep a watch; it ends cleanly then, and the next one goes on from there.
WATCH_SECONDS = 150
# Bookmarks come every one or two minutes, except of Events, whose watch just ends: one that is silent for longer
# than this hangs. A peer that vanished altogether is noticed sooner, by its kernel's silence (``connection``).
WATCH_IDLE_SECONDS = 180.0
WATCH_GRACE_SECONDS = 30.0
# The longest that a server's Retry-After is heeded: a mistaken one must not stop us for days.
MOST_PATIENCE_SECONDS = 120.0


class PatchKind(StrEnum):
    """What a patch's body is; the value is its content type."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"  # JSON is YAML; needs ?fieldManager=


class ApiClient:
    """One side's API server. ``side`` is "host" or "virtual": messages name it."""

    def __init__(
        self,
        credentials: Credentials,
        side: str,
        *,
        watch_seconds: int = WATCH_SECONDS,
        idle_seconds: float = WATCH_IDLE_SECONDS,
        call_seconds: float = CALL_SECONDS,
        metrics: KubeMetrics | None = None,
    ) -> None:
        self.side = side
        self._watch_seconds = watch_seconds
        self._idle_seconds = idle_seconds
        self.metrics = metrics or KubeMetrics(CollectorRegistry())
        self._transport = Transport(credentials, side, call_seconds=call_seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def get(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Obj:
        """Read one object."""
        return self._object(await self.raw("GET", resource.path(namespace, name, subresource)))

    async def list(self, resource: Resource, namespace: str = "", **query: str) -> Obj:
        """Read a collection and return the List object as it came; ``namespace`` "" is all of them."""
        return self._object(await self.raw("GET", resource.path(namespace), query=query))

    async def create(
        self, resource: Resource, namespace: str, body: Obj, *, name: str = "", subresource: str = ""
    ) -> Obj:
        """POST to the collection, or to a subresource of ``name`` (``pods/NAME/binding``); return what came of it."""
        return self._object(await self.raw("POST", resource.path(namespace, name, subresource), body=body))

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Any,
        *,
        subresource: str = "",
        kind: PatchKind = PatchKind.MERGE,
        **query: str,
    ) -> Obj:
        """Change one object and return it as it is then."""
        path = resource.path(namespace, name, subresource)
        return self._object(await self.raw("PATCH", path, query=query, body=body, content_type=kind.value))

    async def update(self, resource: Resource, namespace: str, body: Obj, *, subresource: str = "") -> Obj:
        """Replace the object that ``body`` names; its resourceVersion makes it conditional."""
        path = resource.path(namespace, body["metadata"]["name"], subresource)
        return self._object(await self.raw("PUT", path, body=body))

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        propagation: str | None = None,
    ) -> None:
        """Ask for deletion; ``NotFound`` if it is gone already, ``Conflict`` if a precondition does not hold."""
        options = delete_options(uid, resource_version, grace_seconds, propagation)
        await self.raw("DELETE", resource.path(namespace, name), body=options)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
    ) -> Any:
        """Make any call; return the decoded JSON, or the text of an answer that is none (``/readyz``)."""
        data = None if body is None else orjson.dumps(body)
        code = 0
        try:
            answer = await self._transport.send(method, target(path, query), content_type, data)
            code = answer.code
        finally:
            self.metrics.called(self.side, method, code)
        if answer.code >= 300:
            raise failure(answer, self.side)
        return _decode(answer.body)

    @asynccontextmanager
    async def fetch(self, path: str, accept: Accept, *, idle_seconds: float) -> AsyncIterator[Incoming]:
        """GET something long for a caller who reads it as it comes, whatever its code; see ``Transport.fetch``."""
        code = 0
        try:
            async with self._transport.fetch(path, accept, idle_seconds=idle_seconds) as incoming:
                code = incoming.code
                yield incoming
        finally:
            self.metrics.called(self.side, "GET", code)

    async def watch(self, resource: Resource, namespace: str = "", **query: str) -> AsyncGenerator[Obj, None]:
        """Yield the events ``{"type", "object"}`` until the server ends the watch cleanly.

        An ERROR event is raised as the error it carries (``Gone`` for an expired version); a watch that breaks off
        or falls silent is ``Unavailable``. Bookmarks are asked for and yielded.
        """
        asked = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(self._watch_seconds)} | query
        total = int(asked["timeoutSeconds"]) + WATCH_GRACE_SECONDS
        lines = Lines()
        pieces = self._transport.stream(
            target(resource.path(namespace), asked),
            idle_seconds=self._idle_seconds,
            total_seconds=total,
        )
        async with aclosing(pieces):
            async for piece in pieces:
                if piece.code != 200:
                    raise failure(piece, self.side)
                for line in lines.feed(piece.body):
                    yield _event(line, self.side)

    def _object(self, value: Any) -> Obj:
        if not isinstance(value, dict):
            raise unreachable(self.side, "the answer is no JSON object", code=502)
        return value


class Lines:
    """Cuts pieces of any size into whole lines; keeps the unfinished one."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that this piece completes, without their ends."""
        *whole, rest = piece.split(b"\n")
        if whole:
            self._begun.append(whole[0])
            whole[0] = b"".join(self._begun)
            self._begun = []
        if rest:
            self._begun.append(rest)
        return [line for line in whole if line]


def target(path: str, query: Mapping[str, str] | None) -> str:
    """Join path and query as they go on the wire."""
    return f"{path}?{urlencode(query)}" if query else path


def delete_options(
    uid: str | None, resource_version: str | None, grace_seconds: int | None, propagation: str | None
) -> Obj | None:
    """Build the body of a DELETE; None when nothing is asked for."""
    preconditions = {"uid": uid, "resourceVersion": resource_version}
    options = {
        "preconditions": {name: value for name, value in preconditions.items() if value is not None} or None,
        "gracePeriodSeconds": grace_seconds,
        "propagationPolicy": propagation,
    }
    asked = {name: value for name, value in options.items() if value is not None}
    return {"kind": "DeleteOptions", "apiVersion": "v1", **asked} if asked else None


def failure(answer: Answer, side: str) -> Exception:
    """Return the error that an answer means; an answer that is no Status is given one."""
    return api_error(answer.code, _status(answer, side), retry_after=patience(answer.retry_after or ""))


def patience(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header asks for, None if it is a date or nothing."""
    return (
        min(float(retry_after[:9]), MOST_PATIENCE_SECONDS)
        if retry_after.isascii() and retry_after.isdecimal()
        else None
    )


def _status(answer: Answer, side: str) -> Status:
    try:
        status = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return status
    words = answer.body[:200].decode(errors="replace").strip()
    return status_body(answer.code, f"the {side} API server answered {answer.code}: {words}")


def _decode(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _event(line: bytes, side: str) -> Obj:
    try:
        event: Obj = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise unreachable(side, "the watch sent a line that is no JSON", code=502) from error
    if event.get("type") == "ERROR":
        status = event.get("object") or {}
        raise api_error(int(status.get("code") or 500), status)
    return event
