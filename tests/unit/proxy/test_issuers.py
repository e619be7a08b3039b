"""Tokens judged by the keys of an issuer that is really asked for them."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.authority import Authority
from tests.support.issuer import Issuer, oidc_issuer
from vgateway.config.signin import JwtIssuer
from vgateway.errors import GatewayError
from vgateway.proxy.issuers import AGAIN_SECONDS, Keys, SignIn


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with oidc_issuer(Authority(tmp_path)) as found:
        found.add_key("one")
        yield found


def rules(issuer: Issuer) -> JwtIssuer:
    return JwtIssuer.model_validate(
        {
            "issuer": {"url": issuer.url, "audiences": ["vgateway"], "certificateAuthority": issuer.authority},
            "claimMappings": {
                "username": {"claim": "sub", "prefix": "corp:"},
                "groups": {"claim": "groups", "prefix": "corp:"},
            },
        }
    )


def judged(issuer: Issuer, token: str) -> Any:
    """Return the identity's headers, None for a token of somebody else, or the code of the refusal."""
    try:
        found = asyncio.run(SignIn([rules(issuer)]).identity(token))
    except GatewayError as error:
        return error.code
    return None if found is None else found.headers


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_a_good_tokens_holder_is_vouched_for(issuer: Issuer, kind: str) -> None:
    issuer.add_key("two", kind=kind)
    token = issuer.token("two", groups=["dev"])
    assert judged(issuer, token) == (("X-Remote-User", "corp:ann"), ("X-Remote-Group", "corp:dev"))


def test_tokens_of_others_are_the_api_servers_to_judge(issuer: Issuer) -> None:
    assert judged(issuer, issuer.token("one", iss="https://kubernetes.default.svc")) is None
    assert judged(issuer, "opaque") is None
    assert issuer.asked == 0


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"seconds": -60}, id="expired"),
        pytest.param({"nbf": time.time() + 6000}, id="not good yet"),
        pytest.param({"aud": "somebody else"}, id="for somebody else"),
        pytest.param({"aud": None}, id="for nobody"),
        pytest.param({"exp": None}, id="for ever"),
        pytest.param({"sub": "ann\nsystem:masters", "groups": 5}, id="broken claims"),
    ],
)
def test_a_token_that_is_not_good_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    assert judged(issuer, issuer.token("one", **claims)) == 401


def test_a_signature_by_anybody_else_is_refused(issuer: Issuer) -> None:
    forged = issuer.token("one", signed_by=ec.generate_private_key(ec.SECP256R1()))
    head, body, signature = issuer.token("one").split(".")
    other = issuer.token("one", sub="eve").split(".")[1]
    unsigned = jwt.encode({"iss": issuer.url, "aud": "vgateway", "sub": "ann", "exp": time.time() + 60}, "", "none")
    shared = jwt.encode(
        {"iss": issuer.url, "aud": "vgateway", "sub": "ann", "exp": time.time() + 60},
        "a secret that is the public key of the issuer",
        "HS256",
        headers={"kid": "one"},
    )
    for token in (forged, f"{head}.{other}.{signature}", f"{head}.{body}.", unsigned, shared):
        assert judged(issuer, token) == 401


def test_a_name_that_no_header_can_carry_is_refused(issuer: Issuer) -> None:
    assert judged(issuer, issuer.token("one", sub="ann\r\nX-Remote-Group: system:masters")) == 403


def test_keys_are_asked_for_once_and_again_when_one_is_new_but_not_for_every_forgery(issuer: Issuer) -> None:
    now = [0.0]

    async def walk() -> list[tuple[int, int]]:
        keys = Keys(rules(issuer), lambda: now[0])
        seen = []
        for key_id, passes in (("one", 0), ("one", 1), ("two", 0), ("two", AGAIN_SECONDS), ("x", 0), ("y", 1)):
            now[0] += passes
            seen.append((len(await keys.named(key_id)), issuer.asked))
            issuer.keys.setdefault("two", ec.generate_private_key(ec.SECP256R1()))
        return seen

    assert asyncio.run(walk()) == [(1, 1), (1, 1), (0, 1), (1, 2), (0, 2), (0, 2)]


def test_known_keys_stay_good_while_the_issuer_is_away_and_without_any_the_answer_is_503(tmp_path: Path) -> None:
    now = [0.0]
    with oidc_issuer(Authority(tmp_path)) as issuer:
        issuer.add_key("one")
        keys = Keys(rules(issuer), lambda: now[0])
        assert len(asyncio.run(keys.named("one"))) == 1
    now[0] += 7200
    assert len(asyncio.run(keys.named("one"))) == 1
    assert judged(issuer, issuer.token("one")) == 503


def test_a_discovery_document_of_another_issuer_gives_no_keys(issuer: Issuer) -> None:
    token = issuer.token("one")
    asked = rules(issuer)
    issuer.url = "https://other.example"
    with pytest.raises(GatewayError, match="cannot be asked"):
        asyncio.run(SignIn([asked]).identity(token))
