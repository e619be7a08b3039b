"""What a token says: who issued it, and who its holder is to the virtual API server. Pure.

Nothing here verifies a signature; ``issuers`` does before it asks who the holder is.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from vgateway.config.signin import JwtIssuer
from vgateway.kube.user import User, bearer_in
from vgateway.proxy.identity import CREDENTIAL_ID

RESERVED = "system:"


class NotSignedIn(Exception):
    """A token of an issuer of ours that is not good; the message says why, without a word of the token."""


def bearer_of(given: Sequence[str]) -> str | None:
    """Return the token of a request's one Authorization header; of several the API server may make what it will."""
    return bearer_in(given[0]) if len(given) == 1 else None


def issuer_of(token: str) -> str:
    """Return what a token says of its issuer, "" if it is no JSON web token. Unverified."""
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return ""
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


def user_of(claims: Mapping[str, Any], rules: JwtIssuer) -> User:
    """Return who verified claims name. Raises NotSignedIn."""
    for rule in rules.claim_validation_rules:
        if claims.get(rule.claim) != rule.required_value:
            raise NotSignedIn(f"the claim {rule.claim} is not what is required")
    mapped = rules.claim_mappings
    if mapped.username.claim == "email" and claims.get("email_verified", True) is not True:
        raise NotSignedIn("the e-mail address has not been verified")
    name = claims.get(mapped.username.claim)
    if not isinstance(name, str) or not name:
        raise NotSignedIn(f"the claim {mapped.username.claim} names nobody")
    groups = () if mapped.groups is None else _texts(claims.get(mapped.groups.claim), mapped.groups.claim)
    prefix = "" if mapped.groups is None else mapped.groups.prefix
    user = User(mapped.username.prefix + name, tuple(prefix + group for group in groups if group), extra=_extra(claims))
    _check(user)
    return user


def _texts(value: Any, claim: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise NotSignedIn(f"the claim {claim} is no list of texts")
    return tuple(value)


def _extra(claims: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    number = claims.get("jti")
    return {CREDENTIAL_ID: (f"JTI={number}",)} if isinstance(number, str) and number else {}


def _check(user: User) -> None:
    """No issuer names the cluster's own: ``system:masters`` may do anything, whatever its rules say."""
    if any(name.startswith(RESERVED) for name in (user.name, *user.groups)):
        raise NotSignedIn(f"names that begin with {RESERVED} are the cluster's own")
