"""Which of a client's headers go up: for the API an allow-list, for proxied applications all but what is named here.

``kubectl`` through the gateway and direct must not be told apart, so the list holds what Kubernetes clients send and
API servers read. Behind ``pods|services|nodes/…/proxy`` sit applications with headers and cookies of their own: there
everything end-to-end passes. Never, anywhere: the identity namespace (``X-Remote-*`` in any spelling), hop-by-hop
headers, and a ``Connection`` that would make a proxy drop a header of ours.
"""

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from vgateway.errors import GatewayError
from vgateway.proxy.identity import Headers, Identity

API_HEADERS = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        # CORS, which the API server can be configured to answer.
        "access-control-request-headers",
        "access-control-request-method",
        "origin",
        # One per request; the API server takes the client's for its audit log.
        "audit-id",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-type",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "kubectl-command",
        "kubectl-session",
        "pragma",
        "range",
        "user-agent",
        # Tracing.
        "baggage",
        "traceparent",
        "tracestate",
        "x-request-id",
        "x-stream-protocol-version",
        # Authorised by the API server against the identity it finds.
        "impersonate-group",
        "impersonate-uid",
        "impersonate-user",
    }
)
API_PREFIXES = ("impersonate-extra-", "sec-websocket-")

# The relay writes these for its own hop, from the request as it was parsed.
HOP_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
FORWARDED_URI = "x-forwarded-uri"
CONNECTION_TOKENS = frozenset({"", "close", "keep-alive", "upgrade", "te", "http2-settings"})
IDENTITY_PREFIXES = ("x-remote-", "impersonate-")


class Fate(Enum):
    """What becomes of a header of the client."""

    PASS = 0
    APPLICATION_ONLY = 1
    DROP = 2
    REFUSE = 3
    AUTHORIZATION = 4
    CONNECTION = 5
    FORWARDED_FOR = 6


# Looking a member up in its enum costs as much as the rest of a header.
_PASS, _APPLICATION_ONLY, _AUTHORIZATION = Fate.PASS, Fate.APPLICATION_ONLY, Fate.AUTHORIZATION
_FORWARDED_FOR, _CONNECTION, _REFUSE = Fate.FORWARDED_FOR, Fate.CONNECTION, Fate.REFUSE

_SPECIAL = {
    "authorization": Fate.AUTHORIZATION,
    "connection": Fate.CONNECTION,
    "x-forwarded-for": Fate.FORWARDED_FOR,
}


@lru_cache(maxsize=4096)
def fate_of(name: str) -> Fate:
    """Say what becomes of a header of that name, in any case."""
    lower = name.lower()
    plain = lower.replace("_", "-")
    if not name.isascii() or plain.startswith("x-remote-") or (plain != lower and plain.startswith(IDENTITY_PREFIXES)):
        return Fate.REFUSE
    if lower in _SPECIAL:
        return _SPECIAL[lower]
    if lower in HOP_HEADERS:
        return Fate.DROP
    if lower in API_HEADERS or lower.startswith(API_PREFIXES):
        return Fate.PASS
    return Fate.APPLICATION_ONLY


def outgoing_headers(
    headers: Iterable[tuple[str, str]], identity: Identity, client_address: str, *, application: bool
) -> Headers:
    """Build the end-to-end headers of a request for the virtual API server.

    Identity comes last and from us alone; with it the client's Authorization goes, as a certificate also wins on a
    direct connection. Raises ``GatewayError``: 403 for a header of the identity namespace, 400 for a ``Connection``
    that names an end-to-end header.
    """
    result = []
    forwarded = []
    for name, value in headers:
        fate = fate_of(name)
        if fate is _PASS or (fate is _APPLICATION_ONLY and application):
            result.append((name, value))
        elif fate is _AUTHORIZATION:
            if not identity.vouched:
                result.append((name, value))
        elif fate is _FORWARDED_FOR:
            forwarded.append(value)
        elif fate is _CONNECTION:
            _check_connection(value)
        elif fate is _REFUSE:
            raise GatewayError(403, "the request carries a header that only a front proxy may set")
    if client_address:
        forwarded.append(client_address)
    if forwarded:
        result.append(("X-Forwarded-For", ", ".join(forwarded)))
    result += identity.headers
    return tuple(result)


def naming_node(headers: Headers, node_proxy: str) -> Headers:
    """Say to a node's kubelet which node was asked for; what the client says of that is left out.

    The API server sets the same header over ours, except on a request that asks for an upgrade: there nothing else
    tells nodes of one address apart.
    """
    kept = (header for header in headers if header[0].lower() != FORWARDED_URI)
    return (*kept, ("X-Forwarded-Uri", node_proxy))


def _check_connection(value: str) -> None:
    if any(token.strip().lower() not in CONNECTION_TOKENS for token in value.split(",")):
        raise GatewayError(400, "Connection may not name end-to-end headers")


@lru_cache(maxsize=1024)
def address_of(host: str) -> str:
    """Write a peer's address as audit logs want it: without a zone, IPv4 as IPv4. "" when it is none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
