"""The requests that the front reads: those by which a Service gets an address, which has to be the host's.

That is its creation, and its change from a name elsewhere (``ExternalName``). The tenant's cluster judges first, by a
dry run as the user: who may not, or asks for nonsense, never reaches the host. Then the host gives its copy an address,
and the request goes on with that. What else there is, a JSON patch or what goes past the front, is left to the syncer,
which ends at the same addresses.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import orjson
from aiohttp import web

from vgateway.errors import ApiError, GatewayError
from vgateway.kube.objects import HostObj, Obj, VirtualKey
from vgateway.kube.transport import Answer, Transport
from vgateway.proxy.servicebodies import (
    JSON,
    PROTOBUF,
    Reading,
    Way,
    asked_by,
    asked_in,
    dry_run,
    needs_address,
)
from vgateway.proxy.target import Target

Headers = Sequence[tuple[str, str]]

# As much as an API server reads of a request.
LIMIT = 3 * 1024 * 1024
JUDGED_WELL = (200, 201)
# Of the answer, headers about this connection alone; the listener writes its own.
OWN_HEADERS = frozenset({"connection", "content-length", "content-type", "date", "transfer-encoding", "keep-alive"})


class HostServices(Protocol):
    """What the front asks about the host: see ``syncer.forerunner``."""

    @property
    def allocated(self) -> Sequence[str]:
        """The fields of a Service's spec that a cluster fills in."""
        ...

    def lacks_address(self, key: VirtualKey, *, unknown: bool) -> bool:
        """Say whether a Service has no address for being a name elsewhere, or, with ``unknown``, not being there."""
        ...

    def instead_of_syncer(self, key: VirtualKey) -> AbstractContextManager[Callable[[Obj], None] | None]:
        """Keep the syncer off a key meanwhile; gives what tells it of the change, or None if it is at it just now."""
        ...

    async def run_ahead(self, asked: Obj, draft: Obj) -> tuple[Obj, HostObj | None] | None:
        """Have the host's copy; return what to ask the tenant's cluster for, and the copy if it is new."""
        ...

    async def turn_back(self, made: HostObj) -> None:
        """Remove a copy that was made for nothing."""
        ...


class ServiceAddresses:
    """Gives Services the host's addresses; ``plain`` and ``vouched`` are the front's ways to the tenant's cluster."""

    def __init__(self, host: HostServices, plain: Transport, vouched: Transport) -> None:
        self._host = host
        self._plain = plain
        self._vouched = vouched

    def concerns(self, reading: Reading) -> bool:
        """Say whether a request is worth reading: a change only of what has no address yet, as far as is known."""
        return reading.way is Way.CREATE or self._host.lacks_address(reading.key, unknown=reading.way is Way.APPLY)

    async def serve(
        self, request: web.BaseRequest, target: Target, headers: Headers, reading: Reading, *, vouched: bool
    ) -> web.StreamResponse:
        """Answer one request that this ``concerns``. Raises ``GatewayError``."""
        call = _Call(self._vouched if vouched else self._plain, request.method, target, _unencoded(headers))
        body = await _read(request)
        try:
            if reading.way is Way.CREATE:
                return _response(await self._perform(call, reading, body))
            with self._host.instead_of_syncer(reading.key) as tell:
                answer = await (call.send(body) if tell is None else self._perform(call, reading, body))
                if tell is not None and answer.code in JUDGED_WELL and (made := _object_in(answer)) is not None:
                    tell(made)
                return _response(answer)
        except ApiError as error:
            raise GatewayError(
                502 if error.code == 503 else error.code, str(error), hop="virtual API server"
            ) from error

    async def _perform(self, call: "_Call", reading: Reading, body: bytes) -> Answer:
        ahead = await self._run_ahead(call, reading, body)
        if ahead is None:
            return await call.send(body)
        wanted, made = ahead
        answer = await call.send(orjson.dumps(wanted), encoding=JSON if reading.encoding == PROTOBUF else "")
        # After a failure of the server itself the object may be there: then the copy is the syncer's.
        if made is not None and 400 <= answer.code < 500:
            await self._host.turn_back(made)
        return answer

    async def _run_ahead(self, call: "_Call", reading: Reading, body: bytes) -> tuple[Obj, HostObj | None] | None:
        """Have the host's copy, if the tenant's cluster would make of the request what needs one."""
        binary = reading.encoding == PROTOBUF
        asked = None if binary else asked_in(reading, body)
        if asked is None and not binary:
            return None
        judged = await call.judged(body)
        draft = orjson.loads(judged.body) if judged.code in JUDGED_WELL else None
        if draft is None or not needs_address(draft):
            return None
        asked = asked_by(draft, self._host.allocated) if binary else asked
        return None if asked is None else await self._host.run_ahead(asked, draft)


class _Call:
    """One request to the tenant's cluster, as the user."""

    def __init__(self, transport: Transport, method: str, target: Target, headers: Headers) -> None:
        self._transport = transport
        self._method = method
        self._target = target
        self._headers = headers

    async def send(self, body: bytes, *, encoding: str = "") -> Answer:
        """Make the request itself, with a body in its own encoding or in another."""
        headers = _with(self._headers, "Content-Type", encoding) if encoding else self._headers
        return await self._transport.send_as(self._method, self._target.raw, headers, body)

    async def judged(self, body: bytes) -> Answer:
        """Return what would come of it, in JSON."""
        headers = _with(self._headers, "Accept", JSON)
        return await self._transport.send_as(self._method, dry_run(self._target), headers, body)


async def _read(request: web.BaseRequest) -> bytes:
    pieces, size = [], 0
    async for piece in request.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LIMIT:
            raise GatewayError(413, f"the request body is larger than {LIMIT} bytes")
    return b"".join(pieces)


def _unencoded(headers: Headers) -> Headers:
    return _with(headers, "Accept-Encoding", "identity")


def _with(headers: Headers, name: str, value: str) -> Headers:
    return [*((one, given) for one, given in headers if one.lower() != name.lower()), (name, value)]


def _object_in(answer: Answer) -> Obj | None:
    """Return the object of an answer, None if it is in an encoding that is not read here."""
    encoded = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    return orjson.loads(answer.body) if encoded.partition(";")[0].strip() == JSON else None


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.code, body=answer.body)
    for name, value in answer.headers:
        if name.lower() == "content-type":
            response.headers["Content-Type"] = value
        elif name.lower() not in OWN_HEADERS:
            response.headers.add(name, value)
    return response
