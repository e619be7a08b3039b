"""A kubelet's request becomes the host API server's, and the host's refusals become words the tenant knows.

Decides only; nothing is sent here. Outgoing headers and query items come from lists, never from what came in: no
identity of the caller reaches the host.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote_plus

import orjson

from vgateway.errors import GatewayError
from vgateway.kube.objects import HostKey, Resource, VirtualKey
from vgateway.kubelet.calls import Call, KubeletCall
from vgateway.wire.outgoing import Outgoing

PODS = Resource("", "v1", "pods", kind="Pod")
HOST_HOP = "host API server"
Headers = Sequence[tuple[str, str]]

SUBRESOURCES: Mapping[Call, str] = {
    Call.LOGS: "log",
    Call.EXEC: "exec",
    Call.ATTACH: "attach",
    Call.PORT_FORWARD: "portforward",
}
LOG_OPTIONS = (
    "follow",
    "previous",
    "tailLines",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "limitBytes",
    "stream",
)
# A kubelet's words on the left, the API's on the right.
STREAM_OPTIONS = {"input": "stdin", "output": "stdout", "error": "stderr", "tty": "tty"}
UPGRADES = frozenset({"spdy/3.1", "websocket"})
UPGRADE_HEADERS = frozenset(
    {
        "x-stream-protocol-version",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    }
)
# A kubelet's refusal is a sentence; what is longer is a page that somebody else made.
WORDS_LIMIT = 1024
BEARER_PROTOCOL = "base64url.bearer.authorization.k8s.io."


@dataclass(frozen=True, slots=True)
class Twins:
    """One pod on both sides; ``node`` is the virtual node it is bound to."""

    virtual: VirtualKey
    host: HostKey
    node: str = ""


def host_request(call: KubeletCall, twins: Twins, headers: Headers) -> Outgoing:
    """Translate a call on a pod; ``GatewayError`` 400 for a query that a kubelet would not take either."""
    path = PODS.path(twins.host.namespace, twins.host.name, SUBRESOURCES[call.call])
    query = host_query(call)
    return Outgoing(
        call.method,
        f"{path}?{query}" if query else path,
        host_headers(headers),
        quiet=True,
        refusal=partial(host_refusal, twins),
    )


def host_query(call: KubeletCall) -> str:
    """Translate the query; values keep their encoding, and the words of a command their order."""
    assert call.target is not None
    items = query_items(call.query)
    container = [f"container={call.target.container}"] if call.target.container else []
    match call.call:
        case Call.LOGS:
            return "&".join([*container, *_log_options(items)])
        case Call.PORT_FORWARD:
            return "&".join(f"ports={value}" for name, value in items if name in {"port", "ports"})
        case Call.EXEC:
            command = [f"command={value}" for name, value in items if name == "command"]
            return "&".join([*container, *_stream_options(items), *command])
        case _:
            return "&".join([*container, *_stream_options(items)])


def query_items(query: str) -> list[tuple[str, str]]:
    """Return decoded names with values as they came; what Go and we could read differently is refused."""
    if ";" in query or "#" in query or re.search(r"%(?![0-9A-Fa-f]{2})", query):
        raise GatewayError(400, "the query is malformed")
    pairs = (item.partition("=") for item in query.split("&") if item)
    return [(unquote_plus(name), value) for name, _, value in pairs]


def _log_options(items: Iterable[tuple[str, str]]) -> list[str]:
    """Keep the first of each known option; ``tail`` is the older kubelets' tailLines, "all" of it is none."""
    first: dict[str, str] = {}
    for name, value in items:
        first.setdefault(name, value)
    if "tail" in first:
        first["tailLines"] = first["tail"]
    if first.get("tail") == "all":
        del first["tailLines"]
    return [f"{name}={first[name]}" for name in LOG_OPTIONS if name in first]


def _stream_options(items: Iterable[tuple[str, str]]) -> list[str]:
    first: dict[str, str] = {}
    for name, value in items:
        first.setdefault(name, value)
    # A kubelet takes "1" for yes and everything else for no; the API would take most words for yes.
    asked = [name for kubelet, name in STREAM_OPTIONS.items() if first.get(kubelet) == "1"]
    if not set(asked) - {"tty"}:
        raise GatewayError(400, "you must specify at least 1 of stdin, stdout, stderr")
    return [f"{name}=true" for name in asked]


def wants_upgrade(headers: Headers) -> bool:
    """Say whether an upgrade is asked for; ``GatewayError`` 400 for one that is none of Kubernetes' streams."""
    upgrades = [value.strip().lower() for name, value in headers if name.lower() == "upgrade"]
    options = [
        option.strip().lower() for name, value in headers if name.lower() == "connection" for option in value.split(",")
    ]
    if not upgrades and "upgrade" not in options:
        return False
    if len(upgrades) != 1 or upgrades[0] not in UPGRADES or "upgrade" not in options:
        raise GatewayError(400, "only an upgrade to SPDY/3.1 or websocket can be asked for")
    return True


def host_headers(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Build the end-to-end headers that the host sees; its connection adds the upgrade and our own credentials."""
    ours = [("Accept", "application/json, */*"), ("User-Agent", "vgateway-kubelet")]
    for name, value in headers:
        kept = without_bearer(value) if name.lower() == "sec-websocket-protocol" else value
        if name.lower() in UPGRADE_HEADERS and kept:
            ours.append((name, kept))
    return tuple(ours)


def without_bearer(protocols: str) -> str:
    """Drop the subprotocol in which a browser carries the caller's token."""
    kept = (protocol.strip() for protocol in protocols.split(","))
    return ", ".join(protocol for protocol in kept if not protocol.startswith(BEARER_PROTOCOL))


class PlainWords(GatewayError):
    """What a kubelet answered in plain text: its client expects no Status."""


def host_refusal(twins: Twins, code: int, body: bytes) -> GatewayError:
    """Turn the host's answer that is no success into the tenant's: its words, in virtual names.

    A redirect is not followed and not shown. That the host does not know the gateway is no fault of the caller, who
    must not be told to log in.
    """
    if code < 400 or code == 401:
        return GatewayError(502, f"the host cluster answered {code}", hop=HOST_HOP)
    status = _status(body)
    message = status.get("message")
    if isinstance(message, str) and message:
        reason = status.get("reason")
        known = reason if isinstance(reason, str) and reason.isalpha() else None
        return GatewayError(code, virtual_words(message, twins), reason=known)
    if words := _plain_text(body):
        return PlainWords(code, virtual_words(words, twins))
    return GatewayError(code, f"the host cluster answered {code}", hop=HOST_HOP)


def virtual_words(text: str, twins: Twins) -> str:
    """Say a host's message in the tenant's names, on one line."""
    words = {twins.host.name: twins.virtual.name, twins.host.namespace: twins.virtual.namespace}
    host_names = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in words))
    return host_names.sub(lambda found: words[found[0]], " ".join(text.split()))


def _status(body: bytes) -> Mapping[str, object]:
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {}


def _plain_text(body: bytes) -> str:
    """Return a kubelet's own words, which the host API server passes on as they are; "" for anything else."""
    try:
        text = body.decode().strip()
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= WORDS_LIMIT and text[:1] not in {"<", "{", "["} else ""
