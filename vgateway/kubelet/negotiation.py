"""What the client of a metrics page may be given, as one reading of its Accept headers; protobuf is negotiated down.

A page is text: Prometheus' 0.0.4 (or 1.0.0) or OpenMetrics. The host is asked for what the client would take of these.
"""

import re
from collections.abc import Sequence

Headers = Sequence[tuple[str, str]]
TEXT = "text/plain;version=0.0.4"
_TEXT_RANGES = frozenset({"text/plain", "application/openmetrics-text"})
_WILDCARDS = frozenset({"text/*", "*/*"})
_PARAMETER = re.compile(r"(?:version=[0-9.]{1,10}|escaping=[a-z0-9-]{1,20}|charset=[A-Za-z0-9-]{1,20}|q=[0-9.]{1,6})")
_LIMIT = 16


def accepted(headers: Headers) -> str:
    """Return the Accept header for the host: the text formats that the client takes, in its order."""
    asked = [kept for kept in map(_text_range, _items(headers, "accept")[:_LIMIT]) if kept]
    return ",".join(dict.fromkeys(asked)) or TEXT


def takes_gzip(headers: Headers) -> bool:
    """Say whether the client reads gzip."""
    for item in _items(headers, "accept-encoding"):
        coding, *parameters = (part.strip().lower() for part in item.split(";"))
        if coding in {"gzip", "x-gzip", "*"}:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def is_text_page(content_type: str) -> bool:
    """Say whether a Content-Type is that of a page of metrics in text."""
    media = content_type.partition(";")[0].strip().lower()
    return media in _TEXT_RANGES and content_type.isascii() and content_type.isprintable()


def is_openmetrics(content_type: str) -> bool:
    """Say whether a page ends with ``# EOF``."""
    return content_type.partition(";")[0].strip().lower() == "application/openmetrics-text"


def _items(headers: Headers, wanted: str) -> list[str]:
    return [item for name, value in headers if name.lower() == wanted for item in value.split(",")]


def _text_range(item: str) -> str:
    media, *parameters = (part.strip() for part in item.split(";"))
    media = media.lower()
    if media in _WILDCARDS:
        quality = [
            parameter for parameter in parameters if parameter.startswith("q=") and _PARAMETER.fullmatch(parameter)
        ]
        return ";".join([TEXT, *quality])
    if media not in _TEXT_RANGES:
        return ""
    return ";".join([media, *(parameter for parameter in parameters if _PARAMETER.fullmatch(parameter))])
