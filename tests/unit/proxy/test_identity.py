"""What a verified certificate becomes."""

import hashlib
from typing import Any

import pytest

from vgateway.errors import GatewayError
from vgateway.kube.user import User
from vgateway.proxy.identity import UNKNOWN, identity_headers, identity_of_certificate

DER = b"der"
CREDENTIAL = (
    "X-Remote-Extra-authentication.kubernetes.io%2Fcredential-id",
    f"X509SHA256={hashlib.sha256(DER).hexdigest()}",
)


def certificate(name: str | None, *groups: str) -> dict[str, Any]:
    pairs = [("organizationName", group) for group in groups]
    if name is not None:
        pairs.append(("commonName", name))
    return {"subject": tuple((pair,) for pair in pairs)}


def test_a_certificate_is_a_user_its_groups_and_its_fingerprint() -> None:
    identity = identity_of_certificate(certificate("alice", "devs", "ops"), DER)
    assert identity.vouched
    assert identity.headers == (
        ("X-Remote-User", "alice"),
        ("X-Remote-Group", "devs"),
        ("X-Remote-Group", "ops"),
        CREDENTIAL,
    )


def test_groups_that_the_api_server_adds_are_not_added_here() -> None:
    values = [value for _, value in identity_of_certificate(certificate("alice"), DER).headers]
    assert "system:authenticated" not in values


def test_a_certificate_without_a_name_vouches_for_nobody() -> None:
    assert identity_of_certificate(certificate(None, "system:masters"), DER) is UNKNOWN
    assert identity_of_certificate(certificate("", "system:masters"), DER) is UNKNOWN


@pytest.mark.parametrize(
    "name", [" admin", "admin ", "\tadmin", "ad\r\nX-Remote-Group: system:masters", "a\0b", "a\x7f"]
)
def test_a_name_that_a_header_would_change_is_refused(name: str) -> None:
    with pytest.raises(GatewayError) as refused:
        identity_of_certificate(certificate(name), DER)
    assert refused.value.code == 403
    with pytest.raises(GatewayError):
        identity_of_certificate(certificate("alice", name), DER)


def test_extra_keys_are_escaped_as_api_servers_read_them() -> None:
    user = User("a", (), "7", {"example.com/Scope ü": ("x", "y")})
    assert identity_headers(user) == (
        ("X-Remote-User", "a"),
        ("X-Remote-Uid", "7"),
        ("X-Remote-Extra-example.com%2FScope%20%C3%BC", "x"),
        ("X-Remote-Extra-example.com%2FScope%20%C3%BC", "y"),
    )
