"""The engine's transport to a cluster in memory: calls and watches as an API server answers them, and their faults.

A call that was sent is done even if the process that sent it dies meanwhile: crashes leave writes behind.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from tests.simulation.cluster import Cluster, Happening, Key, copied, refuse
from tests.simulation.faults import Faults
from vgateway.errors import ApiError, status_body
from vgateway.kube.client import PatchKind
from vgateway.kube.objects import Obj, get_path
from vgateway.kube.transport import Answer, Transport, unreachable

ENGINE = "engine"
# The two forms that selectors of ours have: ``name=value`` and ``name notin (one,other)``.
TERM = re.compile(r"([\w./-]+)(?: notin \(([^)]*)\)|=([^,]*))")
# Seconds for which a watch may fall silent, though there is news.
HANGS = 40.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a request line asks for."""

    method: str
    plural: str
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]

    @classmethod
    def of(cls, method: str, target: str) -> "Request":
        parts = urlsplit(target)
        steps = [unquote(step) for step in parts.path.split("/")[1:]]
        steps = steps[2:] if steps[0] == "api" else steps[3:]
        namespace = ""
        if steps[0] == "namespaces" and len(steps) > 2:
            namespace, steps = steps[1], steps[2:]
        plural, name, subresource = (*steps, "", "")[:3]
        return cls(method, plural, namespace, name, subresource, dict(parse_qsl(parts.query)))

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    def selects(self, key: Key, obj: Obj | None) -> bool:
        """Say whether an object is in the collection that is listed or watched."""
        if obj is None or (self.namespace and key[0] != self.namespace):
            return False
        labels = obj["metadata"].get("labels") or {}
        for name, among, value in TERM.findall(self.query.get("labelSelector", "")):
            if labels.get(name) in among.split(",") if among else labels.get(name) != value:
                return False
        field = self.query.get("fieldSelector", "")
        return not field or field == f"metadata.name={key[1]}"


class SimulatedTransport(Transport):
    """One process' way to one side."""

    def __init__(
        self,
        cluster: Cluster,
        faults: Faults,
        chance: Random,
        loop: asyncio.AbstractEventLoop,
        wrote: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._side = cluster.side
        self._faults = faults
        self._chance = chance
        self._loop = loop
        self._wrote = wrote

    async def send(self, method: str, target: str, content_type: str = "", body: bytes | None = None) -> Answer:
        fate = self._faults.of_call(self._side)
        if fate.code in (429, 409, 500, 503):
            await asyncio.sleep(fate.there + fate.back)
            return Answer(fate.code, orjson.dumps(status_body(fate.code, "as the seed has it")), fate.retry_after)
        if not fate.done:
            await asyncio.sleep(fate.there + fate.back)
            raise unreachable(self._side, "as the seed has it")
        answer: asyncio.Future[Answer] = self._loop.create_future()
        request = Request.of(method, target)
        self._loop.call_later(fate.there, self._arrive, request, content_type, body, answer)
        found = await answer
        await asyncio.sleep(fate.back)
        if fate.code == 504 or not fate.answered:
            raise unreachable(self._side, "no answer in time", code=504)
        return found

    def _arrive(self, request: Request, kind: str, body: bytes | None, answer: asyncio.Future[Answer]) -> None:
        before = self._cluster.version
        try:
            found = Answer(200, orjson.dumps(self._perform(request, kind, orjson.loads(body) if body else None)))
        except ApiError as error:
            found = Answer(error.code, orjson.dumps(error.status))
        if not answer.done():
            answer.set_result(found)
        if self._cluster.version != before:
            self._wrote()

    def _perform(self, request: Request, kind: str, body: Any) -> Any:
        cluster, plural = self._cluster, request.plural
        match request.method:
            case "GET":
                return cluster.get(plural, request.key) if request.name else self._list(request)
            case "POST" if request.subresource == "binding":
                return cluster.bind(ENGINE, request.key, body)
            case "POST" if request.subresource == "token":
                return self._token(request, body)
            case "POST":
                return cluster.create(ENGINE, plural, body)
            case "PATCH":
                by_keys = kind == PatchKind.STRATEGIC.value
                return cluster.patch(
                    ENGINE, plural, request.key, body, subresource=request.subresource, by_keys=by_keys
                )
            case "DELETE":
                uid = get_path(body or {}, "preconditions.uid")
                cluster.delete(ENGINE, plural, request.key, uid=uid, grace=(body or {}).get("gracePeriodSeconds"))
                return {}
        raise refuse(405, "no such call")

    def _token(self, request: Request, body: Obj) -> Obj:
        reference = body["spec"]["boundObjectRef"]
        pod = self._cluster.get("pods", (request.namespace, reference["name"]))
        if pod["metadata"]["uid"] != reference["uid"]:
            raise refuse(409, "the UID of the pod differs")
        expiry = self._cluster.stamp(body["spec"]["expirationSeconds"])
        return {"status": {"token": f"token-of-{reference['uid']}", "expirationTimestamp": expiry}}

    def _list(self, request: Request) -> Obj:
        token = request.query.get("continue", "")
        version, _, last = token.partition(":")
        if token and (int(version) != self._cluster.version or not self._chance.randrange(20)):
            raise refuse(410, "the continue token has expired")
        every = sorted(self._cluster.of(request.plural).items())
        items = [obj for key, obj in every if request.selects(key, obj) and "/".join(key) > last]
        limit = int(request.query.get("limit", "0")) or len(items)
        more = ""
        if len(items) > limit:
            meta = items[limit - 1]["metadata"]
            more = f"{self._cluster.version}:{meta.get('namespace') or ''}/{meta['name']}"
        found = [{name: value for name, value in obj.items() if name not in ("apiVersion", "kind")} for obj in items]
        meta = {"resourceVersion": str(self._cluster.version)} | ({"continue": more} if more else {})
        return {"metadata": meta, "items": copied(found[:limit])}

    async def stream(self, target: str, *, idle_seconds: float, total_seconds: float) -> AsyncGenerator[Answer, None]:
        request = Request.of("GET", target)
        await asyncio.sleep(self._faults.of_call(self._side).there)
        if self._faults.is_down(self._side):
            raise unreachable(self._side, "as the seed has it")
        news = asyncio.Event()
        self._cluster.watchers.append(news.set)
        try:
            async for line in self._follow(request, int(request.query["resourceVersion"]), news):
                yield Answer(200, line)
        finally:
            self._cluster.watchers.remove(news.set)

    async def _follow(self, request: Request, since: int, news: asyncio.Event) -> AsyncGenerator[bytes, None]:
        last = b""
        while since >= self._cluster.compacted:
            waiting = [one for one in self._cluster.history if one.version > since and one.plural == request.plural]
            if not waiting:
                news.clear()
                since = self._cluster.version
                await news.wait()
            await asyncio.sleep(self._chance.random() * self._faults.lag)
            fate = self._faults.of_watch(self._side)
            if fate == "expires":
                break
            if fate == "ends":
                return
            for line in await self._befall(fate, last, since):
                yield line
            for one in waiting[: 1 + self._chance.randrange(4)]:
                since = one.version
                if line := shown(request, one):
                    last = line
                    yield line
        yield expired()

    async def _befall(self, fate: str, last: bytes, since: int) -> list[bytes]:
        """Suffer what the seed has for a watch, and return what it delivers beside the news."""
        match fate:
            case "breaks":
                raise unreachable(self._side, "the watch broke off")
            case "hangs":
                await asyncio.sleep(self._chance.random() * HANGS)
            case "repeats":
                return [last] if last else []
            case "bookmark":
                return [bookmark(since)]
        return []


def shown(request: Request, one: Happening) -> bytes:
    """Return the line that a watch gets; a change may bring an object into what is selected, or out of it."""
    was, now = request.selects(one.key, one.old), request.selects(one.key, one.new)
    kind = b"MODIFIED" if was and now else b"ADDED" if now else b"DELETED" if was else b""
    return b'{"type":"%s","object":%s}\n' % (kind, one.raw) if kind else b""


def expired() -> bytes:
    """Return the ERROR event of a version that is no longer known."""
    return orjson.dumps({"type": "ERROR", "object": status_body(410, "too old resource version")}) + b"\n"


def bookmark(version: int) -> bytes:
    """Return the event that says how far the watch has come."""
    return orjson.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}) + b"\n"
