"""Sign-in with tokens of OpenID Connect issuers: verified here, vouched for to the virtual API server.

An issuer's keys are fetched when a token first needs them, again when one is signed by a key that we do not know, and
once an hour; while the issuer cannot be asked, the keys that are known stay good.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import jwt
import orjson
import structlog

from vgateway.config.signin import JwtIssuer
from vgateway.errors import GatewayError
from vgateway.kube.credentials import tls_context
from vgateway.proxy.claims import NotSignedIn, issuer_of, user_of
from vgateway.proxy.identity import Identity, identity_headers

log = structlog.get_logger(__name__)

# Only signatures by a key that nobody else has: a shared secret would let every reader of it sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REFRESH_SECONDS = 3600.0
# An unknown key is asked about no more often than this, however many tokens claim one.
AGAIN_SECONDS = 10.0
FETCH_SECONDS = 10.0
MOST_BYTES = 1 << 20
# Clocks differ by a little.
LEEWAY_SECONDS = 10.0


class KeysUnavailable(Exception):
    """The issuer cannot be asked for its keys."""


class Keys:
    """The present keys of one issuer."""

    def __init__(self, rules: JwtIssuer, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = rules.issuer.url
        self._context = tls_context(ca_data=rules.issuer.certificate_authority)
        self._clock = clock
        self._keys: Sequence[jwt.PyJWK] = ()
        self._fetched = self._tried = float("-inf")
        self._turn = asyncio.Lock()

    async def named(self, key_id: str | None) -> Sequence[jwt.PyJWK]:
        """Return the keys that a token may be signed by. Raises KeysUnavailable when none has ever been known."""
        if self._is_wanting(key_id):
            async with self._turn:
                if self._is_wanting(key_id):  # whoever had the turn before may have fetched it
                    await self._refresh()
        return self._matching(key_id)

    def _is_wanting(self, key_id: str | None) -> bool:
        return not self._matching(key_id) or self._clock() - self._fetched > REFRESH_SECONDS

    def _matching(self, key_id: str | None) -> Sequence[jwt.PyJWK]:
        return [key for key in self._keys if key_id is None or key.key_id == key_id]

    async def _refresh(self) -> None:
        if self._clock() - self._tried < AGAIN_SECONDS:
            return
        self._tried = self._clock()
        try:
            self._keys = await self._fetch()
            self._fetched = self._clock()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, jwt.PyJWTError) as error:
            log.warning("an issuer's keys cannot be had", issuer=self._url, error=str(error) or type(error).__name__)
            if not self._keys:
                raise KeysUnavailable(self._url) from error

    async def _fetch(self) -> Sequence[jwt.PyJWK]:
        connector = aiohttp.TCPConnector(ssl=self._context)
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            found = await _document(session, f"{self._url.rstrip('/')}/.well-known/openid-configuration")
            where = found.get("jwks_uri")
            if found.get("issuer") != self._url or not str(where).startswith("https://"):
                raise ValueError("the discovery document is another issuer's, or names no keys by https")
            return jwt.PyJWKSet.from_dict(await _document(session, str(where))).keys


async def _document(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError(f"{url} answered {answer.status}")
        body = bytearray()
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > MOST_BYTES:
                raise ValueError(f"{url} answered more than {MOST_BYTES} bytes")
    found = orjson.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"{url} is no JSON object")  # noqa: TRY004 - it is what was sent that is wrong
    return found


class SignIn:
    """Knows the holders of tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[JwtIssuer]) -> None:
        self._issuers = {rules.issuer.url: (rules, Keys(rules)) for rules in issuers}

    async def identity(self, token: str) -> Identity | None:
        """Return who holds a token, None when it is of no issuer of ours and so the API server's to judge.

        Raises ``GatewayError``: 401 for one that is not good, 503 while its issuer's keys cannot be had.
        """
        url = issuer_of(token)
        found = self._issuers.get(url)
        if found is None:
            return None
        try:
            claims = await _verified(token, *found)
            return Identity(identity_headers(user_of(claims, found[0])), vouched=True)
        except (NotSignedIn, jwt.PyJWTError) as error:
            log.info("a token is refused", issuer=url, why=str(error))
            raise GatewayError(401, "Unauthorized") from error
        except KeysUnavailable as error:
            raise GatewayError(503, "the issuer of this token cannot be asked for its keys", hop="issuer") from error


async def _verified(token: str, rules: JwtIssuer, keys: Keys) -> dict[str, Any]:
    """Return the claims of a token with a good signature, in its time and for us. Raises PyJWTError, NotSignedIn."""
    head = jwt.get_unverified_header(token)
    algorithm = head.get("alg")
    if algorithm not in ALGORITHMS:
        raise NotSignedIn("it is signed in a way that is not accepted")
    for key in await keys.named(head.get("kid")):
        if key.public_key_use not in (None, "sig") or _is_for_another(key, algorithm):
            continue
        try:
            return _claims(token, key, algorithm, rules)
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            continue  # without a key's name in the token, each may be the one
    raise NotSignedIn("no key of the issuer has signed it")


def _is_for_another(key: jwt.PyJWK, algorithm: str) -> bool:
    """Say whether a key is of another kind than the token's signature, or says that it is for another one."""
    said = key._jwk_data.get("alg")  # noqa: SLF001 - the library guesses where the key says nothing
    if said is not None:
        return bool(said != algorithm)
    family = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}.get(key.key_type or "", ())
    return not algorithm.startswith(family) if family else True


def _claims(token: str, key: jwt.PyJWK, algorithm: str, rules: JwtIssuer) -> dict[str, Any]:
    return jwt.decode(
        token,
        key.key,
        algorithms=[algorithm],
        audience=rules.issuer.audiences,
        issuer=rules.issuer.url,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iss", "aud"]},
    )
