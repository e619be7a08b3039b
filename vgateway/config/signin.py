"""``controlPlane.proxy.authentication``: sign-in with tokens of OpenID Connect issuers, in the words of Kubernetes.

The field names and rules are those of kube-apiserver's structured authentication configuration (KEP-3331).
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from vgateway.config.base import HttpsUrl, Section

Claim = Annotated[str, Field(min_length=1)]


class Issuer(Section):
    """Who signs the tokens, and for whom they must be meant."""

    url: HttpsUrl
    """Must be what tokens say in ``iss``, to the letter; keys are found below ``/.well-known/openid-configuration``."""
    audiences: Annotated[tuple[str, ...], Field(min_length=1)]
    """A token is good when its ``aud`` has one of these."""
    certificate_authority: Annotated[str, Field(pattern=r"^-----BEGIN CERTIFICATE-----\n")] | None = None
    """PEM text, not a file, of who signed the issuer's certificate; without it the system's authorities are trusted."""


class MappedClaim(Section):
    """From which claim a name comes, and what is put before it."""

    claim: Claim
    """Name of the claim."""
    prefix: str
    """Put before every value, so that no issuer can name another's users; must be given, and may be empty."""


class ClaimMappings(Section):
    """Who the holder of a token is to the virtual API server."""

    username: MappedClaim
    """The claim must be a text; where it is ``email``, the address must not be unverified."""
    groups: MappedClaim | None = None
    """The claim is a text or a list of texts; without it users have no groups."""


class ClaimRule(Section):
    """What a token must say beside that."""

    claim: Claim
    """Name of the claim; a token without it is refused."""
    required_value: str
    """The claim must be exactly this text."""


class JwtIssuer(Section):
    """One issuer, and what its tokens mean."""

    issuer: Issuer
    claim_mappings: ClaimMappings
    claim_validation_rules: tuple[ClaimRule, ...] = ()
    """A token that breaks one of these is refused, whoever signed it."""


class Authentication(Section):
    """Whose tokens are good at the front beside those that the virtual API server knows."""

    jwt: tuple[JwtIssuer, ...] = ()
    """Tokens of these issuers are verified by the gateway, all others by the virtual API server."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        urls = [one.issuer.url for one in self.jwt]
        if len(set(urls)) < len(urls):
            raise ValueError("jwt: an issuer is named twice")
        return self
