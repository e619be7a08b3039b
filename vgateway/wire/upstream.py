"""One origin and its pool of keep-alive HTTP/1.1 connections."""

import ssl
from collections.abc import Callable


class Upstream:
    """One origin: where it is, how it is trusted, and the idle connections to it.

    ``tls`` None means plain TCP. ``authorization`` returns the value of the Authorization header (or None) at the time
    of each request. ``hop`` is what errors call this leg.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        server_hostname: str | None = None,
        authorization: Callable[[], str | None] | None = None,
        hop: str = "upstream",
        connect_seconds: float = 10.0,
    ) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.server_hostname = server_hostname or host
        self.authorization = authorization
        self.hop = hop
        self.connect_seconds = connect_seconds

    def close(self) -> None:
        """Close the idle connections; busy ones close when their exchange ends."""
