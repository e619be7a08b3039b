"""HTTP to one API server: bytes in, bytes out, over a pool of keep-alive connections; retries nothing.

A general client library takes 0.2 ms of CPU for a small call, more than the call itself is worth; five calls make a
pod. Every failure to get an answer is ``Unavailable`` with a Status that names the side.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from vgateway import __version__
from vgateway.errors import Unavailable, status_body
from vgateway.kube.connection import Connection, connect
from vgateway.kube.credentials import Credentials
from vgateway.kube.http1 import Response
from vgateway.wire.heads import MalformedMessage

CONNECT_SECONDS = 10.0
# As long as kube-apiserver itself gives a request, its webhooks included.
CALL_SECONDS = 60.0
# Calls at a time; watches have connections of their own beside these.
CALLS = 256
# Credentials look at their files when they are asked; a call costs little more than such a look.
CREDENTIALS_SECONDS = 0.5
# Below the 90 s after which kube-apiserver closes an idle connection, or a POST may meet the close half-way.
KEEPALIVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response, or a piece of its body; ``retry_after`` is the header's text."""

    code: int
    body: bytes
    retry_after: str | None = None
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Accept:
    """What a caller takes, as the two headers say it; each must be one line of ASCII."""

    media: str = "application/json"
    coding: str = "identity"

    def __post_init__(self) -> None:
        for value in (self.media, self.coding):
            if not value.isascii() or not value.isprintable():
                raise ValueError("not a header's value")


JSON_AS_IT_IS = Accept()


class Incoming:
    """An answer whose head is there and whose body is being read; the server waits while nobody does."""

    def __init__(self, connection: Connection, response: Response, side: str, idle_seconds: float) -> None:
        assert response.head is not None
        self.code = response.head.status
        self._connection = connection
        self._response = response
        self._side = side
        self._idle_seconds = idle_seconds

    def header(self, name: bytes) -> str:
        """Return a header's value, "" without one; ``name`` is in small letters."""
        return self._response.header(name) or ""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes; ``Unavailable`` when it breaks off or says nothing for too long."""
        while True:
            with _reaching(self._side):
                async with asyncio.timeout(self._idle_seconds):
                    piece = await self._connection.more(self._response)
            if not piece:
                return
            yield piece


class Transport:
    """Connections to one API server, opened when they are needed."""

    def __init__(self, credentials: Credentials, side: str, *, call_seconds: float = CALL_SECONDS) -> None:
        self._credentials = credentials
        self._side = side
        self._call_seconds = call_seconds
        place = urlsplit(credentials.server)
        self._host = place.hostname or ""
        self._port = place.port or (443 if credentials.ssl_context else 80)
        self._prefix = place.path
        self._common = f" HTTP/1.1\r\nHost: {place.netloc}\r\nUser-Agent: vgateway/{__version__}\r\n"
        self._slots = asyncio.Semaphore(CALLS)
        self._idle: deque[Connection] = deque()  # the longest idle first
        self._open: set[Connection] = set()
        self._authorization: str | None = None
        self._ask_again_at = 0.0

    async def send(self, method: str, target: str, content_type: str = "", body: bytes | None = None) -> Answer:
        """Make one call and return its answer, whatever its code."""
        response, content = await self._whole(self._request(method, target, content_type, body))
        assert response.head is not None
        return Answer(response.head.status, content, response.header(b"retry-after"))

    async def send_as(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Answer:
        """Make one call with the headers of somebody else's request; the answer's headers are kept."""
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        head = f"{method} {self._where(target)} HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
        response, content = await self._whole(head.encode("utf-8", "surrogateescape") + body)
        assert response.head is not None
        return Answer(response.head.status, content, headers=response.headers())

    async def _whole(self, request: bytes) -> tuple[Response, bytes]:
        with _reaching(self._side):
            try:
                async with self._slots, asyncio.timeout(self._call_seconds):
                    connection = await self._take()
                    try:
                        return await connection.call(request)
                    finally:
                        self._give_back(connection)
            except TimeoutError:
                self._distrust_idle()
                raise

    async def stream(self, target: str, *, idle_seconds: float, total_seconds: float) -> AsyncGenerator[Answer, None]:
        """GET a body of unknown length: an ``Answer`` per piece that arrives; a single one if the code is no 200.

        ``Unavailable`` when the body breaks off, says nothing for ``idle_seconds`` or outlives ``total_seconds``.
        """
        request = self._request("GET", target, "", None)
        deadline = asyncio.get_running_loop().time() + total_seconds
        with _reaching(self._side):
            connection = await self._connect()
            try:
                async with asyncio.timeout(self._call_seconds):
                    response = await connection.begin(request)
                assert response.head is not None
                code, retry_after = response.head.status, response.header(b"retry-after")
                refusal = b""
                while True:
                    async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + idle_seconds)):
                        piece = await connection.more(response)
                    if not piece:
                        break
                    if code == 200:
                        yield Answer(code, piece)
                    else:
                        refusal += piece
                if code != 200:
                    yield Answer(code, refusal, retry_after)
            finally:
                self._give_back(connection)

    @asynccontextmanager
    async def fetch(self, target: str, accept: Accept, *, idle_seconds: float) -> AsyncIterator["Incoming"]:
        """GET for a caller who reads the body as it comes; within the body of ``with`` it is the caller who fails.

        ``Unavailable`` when there is no answer in time, and by ``Incoming.pieces``.
        """
        request = self._request("GET", target, "", None, accept)
        with _reaching(self._side):
            connection = await self._take()
        try:
            with _reaching(self._side):
                async with asyncio.timeout(self._call_seconds):
                    response = await connection.begin(request)
            yield Incoming(connection, response, self._side, idle_seconds)
        finally:
            self._give_back(connection)

    async def close(self) -> None:
        """Cut every connection; a later call opens new ones."""
        for connection in list(self._open):
            connection.abort()
            await connection.closed.wait()
        self._open.clear()
        self._idle.clear()

    def _request(
        self, method: str, target: str, content_type: str, body: bytes | None, accept: Accept = JSON_AS_IT_IS
    ) -> bytes:
        where, now = self._where(target), asyncio.get_running_loop().time()
        if now >= self._ask_again_at:
            self._authorization = self._credentials.authorization()
            self._ask_again_at = now + CREDENTIALS_SECONDS
        token = self._authorization
        head = f"{method} {where}{self._common}Accept: {accept.media}\r\nAccept-Encoding: {accept.coding}\r\n"
        if token is not None:
            head += f"Authorization: {token}\r\n"
        if body is None:
            return f"{head}\r\n".encode("ascii")
        return f"{head}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode("ascii") + body

    def _where(self, target: str) -> str:
        where = f"{self._prefix}{target}"
        if not where.isascii() or not where.isprintable() or " " in where:
            raise ValueError(f"not a request target: {where!r}")
        return where

    async def _take(self) -> Connection:
        """Return a connection that is idle, the latest used first, or a new one."""
        self._drop_stale()
        while self._idle:
            connection = self._idle.pop()
            if connection.idle:
                return connection
            self._drop(connection)
        return await self._connect()

    def _drop_stale(self) -> None:
        """Close what a burst has left over; the server would, and we would not notice."""
        oldest = asyncio.get_running_loop().time() - KEEPALIVE_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._drop(self._idle.popleft())

    def _distrust_idle(self) -> None:
        """Drop what has been idle: where one peer fell silent, the others have too, and each would cost a time-out."""
        while self._idle:
            self._drop(self._idle.popleft())

    async def _connect(self) -> Connection:
        async with asyncio.timeout(CONNECT_SECONDS):
            wanted = self._credentials
            connection = await connect(self._host, self._port, wanted.ssl_context, wanted.server_name)
        self._open.add(connection)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if connection.idle:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        connection.abort()
        self._open.discard(connection)


@contextmanager
def _reaching(side: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise unreachable(side, "no answer in time", code=504) from error
    except (OSError, MalformedMessage) as error:
        raise unreachable(side, str(error) or type(error).__name__) from error


def unreachable(side: str, why: str, *, code: int = 503) -> Unavailable:
    """Return the error of an API server that could not be reached or understood."""
    message = f"the {side} API server cannot be reached: {why}"
    return Unavailable(code, status_body(code, message, causes=[(f"vgateway:{side}", why)]))
