"""The two questions a kubelet puts to its API server: whose token is this, and may this user do that to the node.

Builds questions and reads answers; asks nothing itself. An answer that does not plainly say yes is a no.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vgateway.errors import GatewayError
from vgateway.kube.objects import Obj, Resource
from vgateway.kube.user import AUTHENTICATED, User, bearer_in
from vgateway.kubelet.calls import Demand
from vgateway.kubelet.rewrite import BEARER_PROTOCOL, Headers

TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", kind="TokenReview", namespaced=False)
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", kind="SubjectAccessReview", namespaced=False
)


@dataclass(frozen=True, slots=True)
class Access:
    """Everything an authorisation rests on; ``node`` "" asks for a right on every node."""

    user: User
    verb: str
    subresource: str
    node: str = ""

    def basis(self) -> list[Any]:
        """All of it as plain values, for the key under which a verdict is remembered."""
        user = self.user
        extra = sorted((name, list(values)) for name, values in user.extra.items())
        return [user.name, user.uid, list(user.groups), extra, self.verb, self.subresource, self.node]


def accesses(user: User, demand: Demand, node: str) -> list[Access]:
    """Return the questions of which one yes is enough."""
    return [Access(user, demand.verb, subresource, node) for subresource in demand.subresources]


def bearer_token(headers: Headers) -> str | None:
    """Return the caller's token, from Authorization or from the subprotocol a browser uses; None when it has none.

    ``GatewayError`` 401 where two readings are possible.
    """
    given = [value for name, value in headers if name.lower() == "authorization"]
    if len(given) > 1:
        raise unauthorized()
    if given:
        return bearer_in(given[0])
    return _protocol_token(headers)


def _protocol_token(headers: Headers) -> str | None:
    offered = [value for name, value in headers if name.lower() == "sec-websocket-protocol"]
    protocols = [protocol.strip() for value in offered for protocol in value.split(",")]
    tokens = [protocol for protocol in protocols if protocol.startswith(BEARER_PROTOCOL)]
    if not tokens:
        return None
    if len(tokens) > 1 or len(protocols) == 1:
        raise unauthorized()
    encoded = tokens[0].removeprefix(BEARER_PROTOCOL)
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise unauthorized() from error


def unauthorized() -> GatewayError:
    """Return the refusal of a caller nobody vouches for; it says no more than that."""
    return GatewayError(401, "Unauthorized")


def authenticated(user: User) -> User:
    """Add the group that everybody known is in."""
    return user if AUTHENTICATED in user.groups else replace(user, groups=(*user.groups, AUTHENTICATED))


def token_review(token: str, audiences: Sequence[str]) -> Obj:
    """Ask whose token this is; without audiences, those of the API server itself are meant."""
    spec: Obj = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
    return {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": spec}


def reviewed_user(answer: Obj, audiences: Sequence[str]) -> User | None:
    """Read a TokenReview: None unless it says ``authenticated``, names a user, and is for one of our audiences."""
    status = answer.get("status")
    if not isinstance(status, Mapping) or status.get("authenticated") is not True or status.get("error"):
        return None
    if audiences and not set(audiences) & set(status.get("audiences") or ()):
        return None
    user = status.get("user")
    if not isinstance(user, Mapping) or not isinstance(user.get("username"), str) or not user["username"]:
        return None
    extra = {name: tuple(values) for name, values in (user.get("extra") or {}).items()}
    return User(user["username"], tuple(user.get("groups") or ()), user.get("uid") or "", extra)


def access_review(access: Access) -> Obj:
    """Ask whether a user may do something to a node."""
    user = access.user
    attributes = {"verb": access.verb, "version": "v1", "resource": "nodes", "subresource": access.subresource}
    spec: Obj = {
        "user": user.name,
        "groups": list(user.groups),
        "resourceAttributes": attributes | ({"name": access.node} if access.node else {}),
    }
    if user.uid:
        spec["uid"] = user.uid
    if user.extra:
        spec["extra"] = {name: list(values) for name, values in user.extra.items()}
    return {"apiVersion": ACCESS_REVIEWS.api_version, "kind": ACCESS_REVIEWS.kind, "spec": spec}


def is_allowed(answer: Obj) -> bool:
    """Read a SubjectAccessReview."""
    status = answer.get("status")
    return isinstance(status, Mapping) and status.get("allowed") is True and not status.get("denied")


def forbidden(user: User, demand: Demand, node: str) -> GatewayError:
    """Return the refusal of a user without the right."""
    wanted = " or ".join(f"nodes/{subresource}" for subresource in demand.subresources)
    where = f'node "{node}"' if node else "every node"
    return GatewayError(403, f'user "{user.name}" cannot {demand.verb} {wanted} on {where}')
