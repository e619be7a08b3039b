"""HTTP to one API server over aiohttp: bytes in, bytes out; knows no objects and retries nothing.

Every failure to get an answer is ``Unavailable`` with a Status that names the side. aiohttp is used nowhere else in
this package, so that a leaner transport can take its place.
"""

import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from vgateway import __version__
from vgateway.errors import Unavailable, status_body
from vgateway.kube.credentials import Credentials

CONNECT_SECONDS = 10.0
CALL_SECONDS = 60.0
CONNECTIONS = 256
# Below the 90 s after which kube-apiserver closes an idle connection, or a POST may meet the close half-way.
KEEPALIVE_SECONDS = 60.0
# A dead peer is noticed after about 30 + 3 * 10 seconds, on an idle watch as well.
KEEPALIVE_PROBES = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
UNACKNOWLEDGED_MS = 60_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response; ``retry_after`` is the header's text."""

    code: int
    body: bytes
    retry_after: str | None = None


class Transport:
    """Keep-alive connections to one API server; connects on first use, so it can be made outside a loop."""

    def __init__(self, credentials: Credentials, side: str) -> None:
        self._credentials = credentials
        self._side = side
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """Make one call and return its answer, whatever its code."""
        with _reaching(self._side):
            async with self._open(method, target, headers, body) as response:
                return Answer(response.status, await response.read(), response.headers.get("Retry-After"))

    async def stream(
        self, target: str, headers: dict[str, str], *, idle_seconds: float, total_seconds: float | None
    ) -> AsyncGenerator[Answer, None]:
        """GET a body of unknown length: an ``Answer`` per piece that arrives; one alone if the code is no 200.

        ``Unavailable`` when the body breaks off, says nothing for ``idle_seconds`` or outlives ``total_seconds``.
        """
        timeout = aiohttp.ClientTimeout(total=total_seconds, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
        with _reaching(self._side):
            async with self._open("GET", target, headers, None, timeout=timeout) as response:
                if response.status != 200:
                    yield Answer(response.status, await response.read(), response.headers.get("Retry-After"))
                    return
                async for piece in response.content.iter_any():
                    yield Answer(200, piece)

    async def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None, **options: Any
    ) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            self._session = _session(self._credentials)
        token = self._credentials.authorization()
        if token is not None:
            headers["Authorization"] = token
        url = URL(self._credentials.server + target, encoded=True)
        return self._session.request(method, url, data=body, headers=headers, allow_redirects=False, **options)


def _session(credentials: Credentials) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS,
        ssl=credentials.ssl_context or True,
        keepalive_timeout=KEEPALIVE_SECONDS,
        socket_factory=_watched_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS),
        headers={"User-Agent": f"vgateway/{__version__}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
    )


def _watched_socket(address: Any) -> socket.socket:
    """Make a socket on which the kernel notices that the peer is gone."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE_PROBES:
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    return made


@contextmanager
def _reaching(side: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise unreachable(side, "no answer in time", code=504) from error
    except (aiohttp.ClientError, OSError) as error:
        raise unreachable(side, str(error) or type(error).__name__) from error


def unreachable(side: str, why: str, *, code: int = 503) -> Unavailable:
    """Return the error of an API server that could not be reached or understood."""
    message = f"the {side} API server cannot be reached: {why}"
    return Unavailable(code, status_body(code, message, causes=[(f"vgateway:{side}", why)]))
