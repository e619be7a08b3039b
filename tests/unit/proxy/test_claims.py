"""Who a token names, as a table."""

import base64
from typing import Any

import orjson
import pytest

from vgateway.config.signin import JwtIssuer
from vgateway.kube.user import User
from vgateway.proxy.claims import NotSignedIn, bearer_of, issuer_of, user_of


def rules(username: str = "sub", groups: str | None = "groups", **required: str) -> JwtIssuer:
    mappings: dict[str, Any] = {"username": {"claim": username, "prefix": "corp:"}}
    if groups is not None:
        mappings["groups"] = {"claim": groups, "prefix": "corp/"}
    checked = [{"claim": claim, "requiredValue": value} for claim, value in required.items()]
    issuer = {"url": "https://issuer.example", "audiences": ["us"]}
    return JwtIssuer.model_validate({"issuer": issuer, "claimMappings": mappings, "claimValidationRules": checked})


@pytest.mark.parametrize(
    ("claims", "rule", "user"),
    [
        pytest.param({"sub": "ann"}, rules(), User("corp:ann"), id="no groups"),
        pytest.param({"sub": "ann", "groups": "dev"}, rules(), User("corp:ann", ("corp/dev",)), id="one group"),
        pytest.param(
            {"sub": "ann", "groups": ["dev", "", "ops"]}, rules(), User("corp:ann", ("corp/dev", "corp/ops")), id="more"
        ),
        pytest.param(
            {"sub": "ann", "groups": ["dev"]}, rules(groups=None), User("corp:ann"), id="groups not asked for"
        ),
        pytest.param(
            {"email": "a@b", "email_verified": True}, rules("email"), User("corp:a@b"), id="verified e-mail address"
        ),
        pytest.param({"email": "a@b"}, rules("email"), User("corp:a@b"), id="e-mail address of which nothing is said"),
        pytest.param({"sub": "ann", "hd": "corp"}, rules(hd="corp"), User("corp:ann"), id="what is required is there"),
        pytest.param(
            {"sub": "ann", "jti": "7"},
            rules(),
            User("corp:ann", extra={"authentication.kubernetes.io/credential-id": ("JTI=7",)}),
            id="the token's number goes into audit logs",
        ),
    ],
)
def test_claims_name_a_user(claims: dict[str, Any], rule: JwtIssuer, user: User) -> None:
    assert user_of(claims, rule) == user


@pytest.mark.parametrize(
    ("claims", "rule"),
    [
        pytest.param({}, rules(), id="nobody"),
        pytest.param({"sub": ""}, rules(), id="an empty name"),
        pytest.param({"sub": 7}, rules(), id="a name that is no text"),
        pytest.param({"sub": "ann", "groups": {"dev": True}}, rules(), id="groups that are no list"),
        pytest.param({"sub": "ann", "groups": ["dev", 7]}, rules(), id="a group that is no text"),
        pytest.param({"email": "a@b", "email_verified": False}, rules("email"), id="unverified e-mail address"),
        pytest.param({"email": "a@b", "email_verified": "true"}, rules("email"), id="verified, but as a text"),
        pytest.param({"sub": "ann", "hd": "other"}, rules(hd="corp"), id="another value than the required one"),
        pytest.param({"sub": "ann"}, rules(hd="corp"), id="without what is required"),
    ],
)
def test_claims_that_break_a_rule_name_nobody(claims: dict[str, Any], rule: JwtIssuer) -> None:
    with pytest.raises(NotSignedIn):
        user_of(claims, rule)


@pytest.mark.parametrize("claims", [{"sub": "system:admin"}, {"sub": "ann", "groups": ["system:masters"]}])
def test_no_issuer_names_the_clusters_own_users_and_groups(claims: dict[str, Any]) -> None:
    bare = rules().model_copy(deep=True)
    mapped = bare.claim_mappings
    assert mapped.groups is not None
    open_ = mapped.model_copy(
        update={
            "username": mapped.username.model_copy(update={"prefix": ""}),
            "groups": mapped.groups.model_copy(update={"prefix": ""}),
        }
    )
    with pytest.raises(NotSignedIn):
        user_of(claims, bare.model_copy(update={"claim_mappings": open_}))


def encoded(claims: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(claims)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "issuer"),
    [
        (f"h.{encoded({'iss': 'https://issuer.example'})}.s", "https://issuer.example"),
        (f"h.{encoded({'sub': 'ann'})}.s", ""),
        (f"h.{encoded({'iss': ['https://issuer.example']})}.s", ""),
        (f"h.{encoded(['iss'])}.s", ""),
        ("h.ü.s", ""),
        ("h.a.s", ""),
        ("opaque", ""),
        ("a.b.c.d.e", ""),
    ],
)
def test_a_token_says_who_issued_it_or_is_none_of_ours(token: str, issuer: str) -> None:
    assert issuer_of(token) == issuer


@pytest.mark.parametrize(
    ("given", "token"),
    [
        ((), None),
        (("Bearer abc",), "abc"),
        (("bearer  abc ",), "abc"),
        (("Basic abc",), None),
        (("Bearer ",), None),
        (("Bearer a", "Bearer b"), None),
    ],
)
def test_only_a_single_header_carries_a_token(given: tuple[str, ...], token: str | None) -> None:
    assert bearer_of(given) == token
