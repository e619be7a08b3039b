"""Which node a request means: read from what the client dialled. Pure.

What a client says here is its own claim, and it may be: it only selects among the tenant's own nodes, and the caller
is authorised for the node that was found. A request that came through ``nodes/NAME/proxy`` carries the Host of the
API server's client and not of the node; there the API server itself says the node, in ``X-Forwarded-Uri``, which it
sets over whatever its client sent. With an upgrade it does not; there the front says it. Who comes past the front with
an upgrade, and without the header, has any node's pods, as the pod that the path names decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from vgateway.errors import GatewayError

Headers = Sequence[tuple[str, str]]

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_PORT = re.compile(r"[0-9]{1,5}")
_PROXIED = re.compile(r"/api/v1/nodes/([^/?]+)/proxy(?:[/?].*)?")


@dataclass(frozen=True, slots=True)
class Authority:
    """``host`` is a name in lower case or an address as it is usually written; ``port`` None when it was left out."""

    host: str
    port: int | None = None
    is_address: bool = False


def parse_authority(text: str) -> Authority:
    """Read ``name[:port]``, ``v4[:port]`` or ``[v6][:port]``; ``GatewayError`` 400 for anything else."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::(.*))?", text)
    if bracketed is not None:
        host, port = bracketed[1], bracketed[2]
    else:
        host, colon, after = text.partition(":")
        port = after if colon else None
    address = _address(host)
    # Six hextets without brackets could be an address or an address with a port.
    if isinstance(address, IPv6Address) is not (bracketed is not None):
        raise _unreadable()
    number = None if port is None else _port(port)
    if address is not None:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return Authority(str(mapped or address), number, is_address=True)
    if len(host) > 254 or not _NAME.fullmatch(host.lower()):
        raise _unreadable()
    return Authority(host.lower().removesuffix("."), number)


def dialled(headers: Headers) -> Authority | None:
    """Return what the Host header says; None without one, ``GatewayError`` 400 for two."""
    hosts = [value.strip() for name, value in headers if name.lower() == "host"]
    if len(hosts) > 1:
        raise _unreadable()
    return parse_authority(hosts[0]) if hosts and hosts[0] else None


def proxied_node(headers: Headers) -> str:
    """Return the node that the API server was asked for in ``nodes/[scheme:]NAME[:port]/proxy``, "" if none.

    What another proxy on the way says of itself names no node. ``GatewayError`` 400 for two such headers.
    """
    said = [value for name, value in headers if name.lower() == "x-forwarded-uri"]
    if len(said) > 1:
        raise GatewayError(400, "X-Forwarded-Uri was sent twice")
    found = _PROXIED.fullmatch(said[0]) if said else None
    parts = found[1].split(":") if found else [""]
    # As the API server reads it: two parts are a name and a port.
    return parts[1] if len(parts) == 3 else parts[0]


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or not 0 < int(text) < 65536:
        raise _unreadable()
    return int(text)


def _unreadable() -> GatewayError:
    return GatewayError(400, "the Host header names no address or host name")
