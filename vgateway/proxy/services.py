"""The one request that the front reads: the creation of a Service, which the host has to give an address.

The tenant's cluster judges first, by a dry run as the user: who may not create, or creates nonsense, never reaches
the host. Then the host makes its copy, and the tenant's object is created with the addresses that it got. What
comes in another encoding than JSON, by patch or through no front at all is left to the syncer, which ends at the
same addresses.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from aiohttp import web

from vgateway.errors import ApiError, GatewayError
from vgateway.kube.objects import HostObj, Obj
from vgateway.kube.transport import Answer, Transport
from vgateway.proxy.target import Target

Headers = Sequence[tuple[str, str]]

_CREATION = re.compile(r"/api/v1/namespaces/[a-z0-9-]+/services")
_DRY_RUN = re.compile(r"(?:^|&)dryRun=")
JSON = "application/json"
# As much as an API server reads of a request.
LIMIT = 3 * 1024 * 1024
CREATED = 201
# Of the answer, headers about this connection alone; the listener writes its own.
OWN_HEADERS = frozenset({"connection", "content-length", "content-type", "date", "transfer-encoding", "keep-alive"})


class HostServices(Protocol):
    """What the front asks about the host: see ``syncer.forerunner``."""

    async def run_ahead(self, asked: Obj, draft: Obj) -> tuple[Obj, HostObj | None] | None:
        """Make the host's copy; return what to ask the tenant's cluster for, and the copy if it is new."""
        ...

    async def turn_back(self, made: HostObj) -> None:
        """Remove a copy that was made for nothing."""
        ...


def creates_service(method: str, target: Target, headers: Mapping[str, str]) -> bool:
    """Say whether a request creates a Service in an encoding that is read here, and means it."""
    if method != "POST" or _CREATION.fullmatch(target.path) is None:
        return False
    readable = headers.get("Content-Type", "").partition(";")[0].strip().lower() == JSON
    plain = "Content-Encoding" not in headers and "Expect" not in headers
    return readable and plain and _DRY_RUN.search(target.raw.partition("?")[2]) is None


def service_of(body: bytes) -> Obj | None:
    """Return a body's Service if it needs an address of the host, None for anything else."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("metadata"), dict):
        return None
    spec = given.get("spec")
    if not isinstance(spec, dict) or not _is_list_of_objects(spec.get("ports")):
        return None
    return None if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" else given


def _is_list_of_objects(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value))


def dry_run(target: Target) -> str:
    """Return the target of the same request without its effect."""
    return f"{target.raw}{'&' if '?' in target.raw else '?'}dryRun=All"


class ServiceCreation:
    """Creates Services on both sides; ``plain`` and ``vouched`` are the front's two ways to the tenant's cluster."""

    def __init__(self, host: HostServices, plain: Transport, vouched: Transport) -> None:
        self._host = host
        self._plain = plain
        self._vouched = vouched

    async def serve(
        self, request: web.BaseRequest, target: Target, headers: Headers, *, vouched: bool
    ) -> web.StreamResponse:
        """Answer one request that ``creates_service``. Raises ``GatewayError``."""
        transport = self._vouched if vouched else self._plain
        try:
            return _response(await self._create(transport, target, _unencoded(headers), await _read(request)))
        except ApiError as error:
            raise GatewayError(
                502 if error.code == 503 else error.code, str(error), hop="virtual API server"
            ) from error

    async def _create(self, transport: Transport, target: Target, headers: Headers, body: bytes) -> Answer:
        asked = service_of(body)
        ahead = None
        if asked is not None:
            judged = await transport.send_as("POST", dry_run(target), _accepting(headers, JSON), body)
            if judged.code == CREATED:
                ahead = await self._host.run_ahead(asked, orjson.loads(judged.body))
        if ahead is None:
            return await transport.send_as("POST", target.raw, headers, body)
        wanted, made = ahead
        answer = await transport.send_as("POST", target.raw, headers, orjson.dumps(wanted))
        # After a failure of the server itself the object may be there: then the copy is the syncer's.
        if made is not None and 400 <= answer.code < 500:
            await self._host.turn_back(made)
        return answer


async def _read(request: web.BaseRequest) -> bytes:
    pieces, size = [], 0
    async for piece in request.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LIMIT:
            raise GatewayError(413, f"the request body is larger than {LIMIT} bytes")
    return b"".join(pieces)


def _unencoded(headers: Headers) -> Headers:
    return [
        *((name, value) for name, value in headers if name.lower() != "accept-encoding"),
        ("Accept-Encoding", "identity"),
    ]


def _accepting(headers: Headers, content_type: str) -> Headers:
    return [*((name, value) for name, value in headers if name.lower() != "accept"), ("Accept", content_type)]


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.code, body=answer.body)
    for name, value in answer.headers:
        if name.lower() == "content-type":
            response.headers["Content-Type"] = value
        elif name.lower() not in OWN_HEADERS:
            response.headers.add(name, value)
    return response
