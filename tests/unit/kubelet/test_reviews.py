from typing import Any

import pytest

from vgateway.errors import GatewayError
from vgateway.kube.user import AUTHENTICATED, User
from vgateway.kubelet.calls import Demand
from vgateway.kubelet.reviews import (
    Access,
    access_review,
    accesses,
    authenticated,
    bearer_token,
    forbidden,
    is_allowed,
    reviewed_user,
    token_review,
)
from vgateway.kubelet.rewrite import Headers

JANE: dict[str, Any] = {"username": "jane", "groups": ["dev"], "uid": "7", "extra": {"scopes": ["a", "b"]}}
BEARER = "base64url.bearer.authorization.k8s.io."


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ((), None),
        ((("Authorization", "Bearer abc.def"),), "abc.def"),
        ((("authorization", "bearer  abc "),), "abc"),
        ((("Authorization", "Basic abc"),), None),
        ((("Authorization", "Bearer"),), None),
        ((("Authorization", "Bearer a b"),), None),
        ((("Authorization", "Bearer a, Bearer b"),), None),
        ((("Sec-WebSocket-Protocol", f"v4.channel.k8s.io, {BEARER}YWJjZA"),), "abcd"),
        ((("Sec-WebSocket-Protocol", "v4.channel.k8s.io"),), None),
    ],
)
def test_a_bearer_token_is_found_where_kubernetes_clients_put_it(headers: Headers, token: str | None) -> None:
    assert bearer_token(headers) == token


@pytest.mark.parametrize(
    "headers",
    [
        (("Authorization", "Bearer a"), ("Authorization", "Bearer b")),
        (("Sec-WebSocket-Protocol", f"{BEARER}YWJjZA"),),
        (("Sec-WebSocket-Protocol", f"x, {BEARER}YWJjZA, {BEARER}YWJjZA"),),
        (("Sec-WebSocket-Protocol", f"x, {BEARER}***"),),
        (("Sec-WebSocket-Protocol", f"x, {BEARER}_____w"),),
    ],
)
def test_a_token_that_could_be_two_or_none_is_refused(headers: Headers) -> None:
    with pytest.raises(GatewayError) as refused:
        bearer_token(headers)
    assert refused.value.code == 401


def test_a_review_that_plainly_says_yes_names_the_user() -> None:
    answer = {"status": {"authenticated": True, "user": JANE}}

    assert reviewed_user(answer, ()) == User("jane", ("dev",), "7", {"scopes": ("a", "b")})


@pytest.mark.parametrize(
    "status",
    [
        None,
        {},
        {"user": JANE},
        {"authenticated": False, "user": JANE},
        {"authenticated": "true", "user": JANE},
        {"authenticated": 1, "user": JANE},
        {"authenticated": True, "error": "token expired", "user": JANE},
        {"authenticated": True},
        {"authenticated": True, "user": None},
        {"authenticated": True, "user": {"username": ""}},
        {"authenticated": True, "user": {"username": None, "groups": ["system:masters"]}},
        {"authenticated": True, "user": {"groups": ["system:masters"]}},
    ],
)
def test_a_review_that_says_anything_else_names_nobody(status: Any) -> None:
    assert reviewed_user({"status": status}, ()) is None


@pytest.mark.parametrize(
    ("told", "known"), [(None, False), ([], False), (["other"], False), (["other", "nodes"], True), (["nodes"], True)]
)
def test_a_token_for_other_audiences_names_nobody(told: list[str] | None, known: bool) -> None:
    answer = {"status": {"authenticated": True, "audiences": told, "user": JANE}}

    assert (reviewed_user(answer, ["nodes"]) is not None) is known
    assert token_review("t", ["nodes"])["spec"] == {"token": "t", "audiences": ["nodes"]}
    assert token_review("t", ())["spec"] == {"token": "t"}


def test_everybody_known_is_in_the_group_of_the_authenticated_once() -> None:
    assert authenticated(User("jane", ("dev",))).groups == ("dev", AUTHENTICATED)
    assert authenticated(User("jane", (AUTHENTICATED,))).groups == (AUTHENTICATED,)


def test_an_access_review_carries_all_that_the_authoriser_may_look_at() -> None:
    user = User("jane", ("dev",), "7", {"scopes": ("a",)})

    assert access_review(Access(user, "get", "metrics", "node-1"))["spec"] == {
        "user": "jane",
        "groups": ["dev"],
        "uid": "7",
        "extra": {"scopes": ["a"]},
        "resourceAttributes": {
            "verb": "get",
            "version": "v1",
            "resource": "nodes",
            "subresource": "metrics",
            "name": "node-1",
        },
    }
    assert "name" not in access_review(Access(user, "get", "metrics"))["spec"]["resourceAttributes"]


def test_a_demand_asks_for_each_subresource_of_which_one_is_enough() -> None:
    asked = accesses(User("jane"), Demand("get", ("pods", "proxy")), "node-1")

    assert [(access.verb, access.subresource, access.node) for access in asked] == [
        ("get", "pods", "node-1"),
        ("get", "proxy", "node-1"),
    ]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ({"allowed": True}, True),
        ({"allowed": False}, False),
        ({"allowed": True, "denied": True}, False),
        ({"allowed": "true"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_only_a_plain_yes_allows(status: Any, allowed: bool) -> None:
    assert is_allowed({"status": status}) is allowed


def test_a_refusal_says_which_right_was_missing_where() -> None:
    demand = Demand("get", ("pods", "proxy"))

    assert (
        forbidden(User("jane"), demand, "n").message == 'user "jane" cannot get nodes/pods or nodes/proxy on node "n"'
    )
    assert forbidden(User("jane"), demand, "").message.endswith("on every node")
