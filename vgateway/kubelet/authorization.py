"""May the caller do this to the node: the virtual API server's own authorisers answer.

Verdicts are remembered for seconds under everything they rest on, the node's name included.
"""

from vgateway.kube.user import User
from vgateway.kubelet.calls import Demand, KubeletCall
from vgateway.kubelet.reviewer import Reviewer
from vgateway.kubelet.reviews import ACCESS_REVIEWS, Access, access_review, accesses, forbidden, is_allowed
from vgateway.kubelet.verdicts import GRANTED_SECONDS, REFUSED_SECONDS, Verdicts


class Authorizer:
    """Judges calls by SubjectAccessReview."""

    def __init__(self, reviewer: Reviewer) -> None:
        self._reviewer = reviewer
        self._verdicts: Verdicts[bool] = Verdicts()

    async def authorise(self, user: User, call: KubeletCall, node: str) -> None:
        """Pass if the user has every right the call demands; ``GatewayError`` 403 if not, 503 if nobody can say."""
        for demand in call.demands:
            if not await self._has(user, demand, node):
                raise forbidden(user, demand, node)

    async def _has(self, user: User, demand: Demand, node: str) -> bool:
        for access in accesses(user, demand, node):
            if await self._allows(access):
                return True
        return False

    async def _allows(self, access: Access) -> bool:
        key = self._verdicts.key(access.basis())
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = is_allowed(await self._reviewer.ask(ACCESS_REVIEWS, access_review(access)))
            self._verdicts.put(key, verdict, GRANTED_SECONDS if verdict else REFUSED_SECONDS)
        return verdict
