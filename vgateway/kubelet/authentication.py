"""Who calls a node's port: a client certificate of the virtual cluster, or a bearer token its API server knows.

Nobody is anonymous here. When the virtual API server cannot be asked the answer is 503, never a pass.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from vgateway.kube.user import User, user_from_certificate
from vgateway.kubelet.reviewer import Reviewer
from vgateway.kubelet.reviews import (
    TOKEN_REVIEWS,
    authenticated,
    bearer_token,
    reviewed_user,
    token_review,
    unauthorized,
)
from vgateway.kubelet.verdicts import GRANTED_SECONDS, REFUSED_SECONDS, Verdicts

PeerCertificate = Callable[[web.BaseRequest], Mapping[str, Any] | None]


class Authenticator:
    """Names the caller of a request. ``audiences`` () accepts tokens for the virtual API server itself."""

    def __init__(self, reviewer: Reviewer, peer_certificate: PeerCertificate, *, audiences: Sequence[str] = ()) -> None:
        self._reviewer = reviewer
        self._peer_certificate = peer_certificate
        self._audiences = tuple(audiences)
        self._granted: Verdicts[User] = Verdicts()
        self._refused: Verdicts[bool] = Verdicts()

    async def user(self, request: web.BaseRequest) -> User:
        """Return who calls; ``GatewayError`` 401 when nobody vouches for the caller."""
        peer = self._peer_certificate(request)
        known = user_from_certificate(peer) if peer else None
        if known is not None:
            return authenticated(known)
        token = bearer_token(tuple(request.headers.items()))
        if token is None:
            raise unauthorized()
        return authenticated(await self._owner(token))

    async def _owner(self, token: str) -> User:
        granted, refused = self._granted.key(token), self._refused.key(token)
        user = self._granted.get(granted)
        if user is None and not self._refused.get(refused):
            answer = await self._reviewer.ask(TOKEN_REVIEWS, token_review(token, self._audiences))
            user = reviewed_user(answer, self._audiences)
            if user is None:
                self._refused.put(refused, verdict=True, seconds=REFUSED_SECONDS)
            else:
                self._granted.put(granted, user, GRANTED_SECONDS)
        if user is None:
            raise unauthorized()
        return user
