"""Who sent a request, in the API server's terms (``authentication.k8s.io`` UserInfo)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    """A name, its groups and what else the authenticator knows."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def bearer_in(authorization: str) -> str | None:
    """Return the token of an Authorization header, None where another scheme or no single token is said."""
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and not set(token) & set(" ,\t") else None


def user_from_certificate(peer: Mapping[str, Any]) -> User | None:
    """Read a *verified* peer certificate (``SSLObject.getpeercert()``): CN is the name, each O a group.

    None when the certificate has no common name: Kubernetes names nobody by such a one.
    """
    pairs = [pair for rdn in peer.get("subject", ()) for pair in rdn]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = tuple(value for key, value in pairs if key == "organizationName")
    return User(name, groups) if name else None
