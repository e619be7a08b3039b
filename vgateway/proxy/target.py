"""Read a request target exactly once, and refuse what the API server could read differently.

The target itself travels byte for byte. In the API's part of a path an encoded slash, a dot segment, an empty segment,
a backslash or a parameter has no honest use and several readings, so it is refused. What lies behind a ``proxy``
subresource belongs to an application: encoded slashes and empty segments are its own business there, dot segments
stay refused. Service and pod names such as ``https:web:8080`` may be percent-encoded as clients like.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from vgateway.errors import GatewayError
from vgateway.wire.headers import fit_for_target

# /api/v1/… or /apis/group/version/…, maybe a namespace, a resource, a name: then `proxy`.
_PROXY = re.compile(r"/(?:api/[^/]+|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/[^/]+/[^/]+/proxy(?=/|$)")
# A request that the API server passes on to a node. It says which one itself, except with an upgrade.
_NODE_PROXY = re.compile(r"/api/v1/nodes/([^/]+)/proxy(?=/|$)")
_NODE = re.compile(r"[A-Za-z0-9.:_-]+")
_WATCH = re.compile(r"(?:^|&)watch=(?:1|true)(?:&|$)")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Anything that needs a closer look; ordinary paths have none of it.
_UNUSUAL = ("%", "\\", ";", "//", "/.")
_FORBIDDEN_IN_SEGMENT = re.compile(rb"[\x00-\x1f\x7f/\\;]")


class Target(NamedTuple):
    """A request target that has one reading. ``application``: its end belongs to a proxied pod, service or node.

    ``node_proxy`` is ``/api/v1/nodes/NAME/proxy`` where that is a node, "" elsewhere.
    """

    raw: str
    path: str
    application: bool
    watch: bool
    node_proxy: str = ""


def read_target(raw: str) -> Target:
    """Read a raw request target. Raises ``GatewayError`` 400 when it has no reading, or more than one."""
    if not raw.startswith("/") or "#" in raw or not fit_for_target(raw):
        raise GatewayError(400, "the request target must be a path")
    path, _, query = raw.partition("?")
    proxy = _PROXY.match(path) if "/proxy" in path else None
    if any(map(path.__contains__, _UNUSUAL)):
        _inspect(path, proxy.end() if proxy else len(path))
    watch = proxy is None and bool(query) and _WATCH.search(query) is not None
    return Target(raw, path, proxy is not None, watch, "" if proxy is None else _node_proxy(path))


def _node_proxy(path: str) -> str:
    """Return the path of a node's proxy as the API server writes it: the node without escapes."""
    found = _NODE_PROXY.match(path)
    if found is None:
        return ""
    name = unquote(found[1])
    return f"/api/v1/nodes/{name if _NODE.fullmatch(name) else found[1]}/proxy"


def _inspect(path: str, end_of_api: int) -> None:
    """Look at a path with escapes or odd segments. Raises ``GatewayError`` 400."""
    if _BAD_ESCAPE.search(path):
        raise GatewayError(400, "the path has a broken percent escape")
    *segments, last = path[1:end_of_api].split("/")
    if last:
        segments.append(last)
    decoded = [unquote_to_bytes(segment) for segment in segments]
    if not all(decoded) and path != "/":
        raise GatewayError(400, "the path has an empty segment")
    if any(_FORBIDDEN_IN_SEGMENT.search(segment) for segment in decoded):
        raise GatewayError(400, "the path has an encoded slash, backslash, semicolon or control character")
    behind = unquote_to_bytes(path[end_of_api:]).split(b"/")
    if any(segment in (b".", b"..") for segment in [*decoded, *behind]):
        raise GatewayError(400, "the path has a dot segment")
