"""What may be asked of ``metrics.k8s.io/v1beta1``, read once from a request.

Lists and single objects, by labels and by names, as objects, as a table or as their metadata. It knows no watch and
no other method: figures are made when somebody asks.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from vgateway.errors import GatewayError
from vgateway.kube.selectors import Selector, parse_fields, parse_selector

GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
ROOT = f"/apis/{GROUP}/{VERSION}"
FIELDS = ("metadata.name", "metadata.namespace")
NOTHING_THERE = "the server could not find the requested resource"
SHAPES = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
VERSIONS = frozenset({"v1", "v1beta1"})
INCLUDED = {"": "Metadata", "Metadata": "Metadata", "Object": "Object", "None": "None"}

_NAME = r"[A-Za-z0-9.%_-]{1,300}"
_PATH = re.compile(
    rf"{re.escape(ROOT)}(?:/namespaces/(?P<namespace>{_NAME}))?/(?P<resource>pods|nodes)(?:/(?P<name>{_NAME}))?"
)
_JSON = frozenset({"application/json", "application/*", "*/*"})


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is wanted: ``shape`` is "", ``Table`` or a PartialObjectMetadata; ``version`` is of meta.k8s.io."""

    shape: str = ""
    version: str = "v1"
    included: str = "Metadata"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. Without a resource it is which resources there are; without a name it is a list."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    labels: Selector = ()
    fields: Selector = ()
    form: Form = Form()


def read_ask(method: str, path: str, query: str, accept: str, served: Collection[str]) -> Ask:
    """Read a request. ``GatewayError`` 404, 405, 400 or 406 for what is not served, in the words of an API server."""
    found = _PATH.fullmatch(path)
    if path.rstrip("/") != ROOT and (found is None or not _is_served(found, served)):
        raise GatewayError(404, NOTHING_THERE)
    if method != "GET":
        raise GatewayError(405, "the server does not allow this method on the requested resource")
    if found is None:
        return Ask()
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if asked.get("watch", "false").lower() not in {"", "0", "false"}:
        raise GatewayError(405, "watch is not supported: figures are made when somebody asks")
    name, namespace = unquote(found["name"] or ""), unquote(found["namespace"] or "")
    form = read_form(accept, asked.get("includeObject", ""))
    try:
        by_labels = parse_selector(asked.get("labelSelector", ""))
        by_fields = parse_fields(asked.get("fieldSelector", ""), FIELDS)
    except ValueError as error:
        raise GatewayError(400, str(error)) from error
    return Ask(found["resource"], namespace, name, by_labels, by_fields, form)


def _is_served(found: "re.Match[str]", served: Collection[str]) -> bool:
    """Say whether there is such a resource; pods are of namespaces and nodes are not."""
    placed = found["namespace"] is not None
    fits = not placed if found["resource"] == "nodes" else placed or found["name"] is None
    return fits and found["resource"] in served


def read_form(accept: str, include: str) -> Form:
    """Read how the answer is wanted. ``GatewayError`` 406 where nothing of it can be written, 400 for includeObject.

    The first that can be written counts; an API server's clients name what they like best first.
    """
    included = INCLUDED.get(include)
    if included is None:
        raise GatewayError(400, f"includeObject: one of None, Metadata and Object is expected, not {include!r}")
    for media, parameters in _ranges(accept or "*/*"):
        shape, version = parameters.get("as", ""), parameters.get("v", "v1")
        known = shape in SHAPES and version in {
            "v1",
            "v1beta1",
        }
        if media in _JSON and (not shape or (known and parameters.get("g") == "meta.k8s.io")):
            return Form(shape, version, included)
    raise GatewayError(406, "only application/json can be answered here", reason="NotAcceptable")


def _ranges(accept: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for item in accept.split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        yield media.lower(), {name.strip(): value.strip() for name, _, value in pairs}
