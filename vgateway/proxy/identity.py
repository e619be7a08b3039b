"""What the gateway vouches for: a verified client certificate, in the front-proxy headers that API servers read.

Identity is built here and never taken from a request. A bearer token is nothing of ours: the API server judges it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from vgateway.errors import GatewayError
from vgateway.kube.user import User, user_from_certificate

Headers = tuple[tuple[str, str], ...]

# The API server gives certificates and tokens (KEP-3331) this extra itself; `kubectl auth whoami` shows it.
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request is from, as headers. ``vouched``: the gateway says so, over its front-proxy certificate."""

    headers: Headers
    vouched: bool


UNKNOWN = Identity(headers=(), vouched=False)


def identity_of_certificate(certificate: Mapping[str, Any], der: bytes) -> Identity:
    """Return the identity of a *verified* certificate; unknown (so a bearer token counts) when it names nobody.

    Raises ``GatewayError`` 403 when a name could not be told from another one in a header.
    """
    user = user_from_certificate(certificate)
    if user is None:
        return UNKNOWN
    fingerprint = hashlib.sha256(der).hexdigest()
    extra = {CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)}
    return Identity(headers=identity_headers(User(user.name, user.groups, user.uid, extra)), vouched=True)


def identity_headers(user: User) -> Headers:
    """Write a user as X-Remote headers; the API server adds ``system:authenticated``. Raises ``GatewayError``."""
    headers = [("X-Remote-User", _value(user.name))]
    headers += [("X-Remote-Group", _value(group)) for group in user.groups if group]
    if user.uid:
        headers.append(("X-Remote-Uid", _value(user.uid)))
    for key, values in user.extra.items():
        name = "X-Remote-Extra-" + quote(key, safe="!#$&'*+-.^_`|~")
        headers += [(name, _value(value)) for value in values]
    return tuple(headers)


def _value(text: str) -> str:
    """Return ``text`` if a header carries it unchanged: readers trim blanks, and control characters end lines."""
    if text != text.strip(" \t") or not text.isprintable():
        raise GatewayError(403, "the user or a group has a name with characters that no header can carry")
    return text
