"""How to reach an API server and who we are there: server address, TLS context, bearer token.

Read from explicit files, from a kubeconfig or from the pod we run in. Speaks no HTTP. Whatever is unusable is a
``ConfigError`` of one line that names the path.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

Authorization = Callable[[], str | None]


def no_authorization() -> str | None:
    """Send no Authorization header: the client certificate says who we are."""
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """One API server and our identity there.

    ``server`` is ``https://host:port`` without a trailing slash; ``authorization`` gives the header's present value.
    """

    server: str
    ssl_context: ssl.SSLContext | None
    authorization: Authorization = no_authorization
