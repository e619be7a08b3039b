from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tests.unit.kubelet.peer import SILENCE, Answer, Asked, Peer, http, listening
from vgateway.errors import GatewayError
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials
from vgateway.kube.user import AUTHENTICATED, User
from vgateway.kubelet.authentication import Authenticator
from vgateway.kubelet.reviewer import Reviewer

JANE = {"username": "jane", "groups": ["dev", AUTHENTICATED], "uid": "7"}
KUBE_APISERVER = {
    "subject": ((("organizationName", "system:masters"),), (("commonName", "kube-apiserver-kubelet-client"),))
}


def reviewing(status: Mapping[str, Any]) -> Answer:
    return lambda asked: http(201, asked.json | {"status": status})


@asynccontextmanager
async def authenticator(
    answer: Answer, *, audiences: tuple[str, ...] = (), seconds: float = 10.0, peer: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[Authenticator, Peer]]:
    async with listening(answer) as api:
        client = ApiClient(Credentials(f"http://127.0.0.1:{api.port}", None), "virtual")
        try:
            yield Authenticator(Reviewer(client, seconds=seconds), lambda _: peer, audiences=audiences), api
        finally:
            await client.close()


def request(token: str = "t0ken", **headers: str) -> web.BaseRequest:
    return make_mocked_request("GET", "/pods", headers={"Authorization": f"Bearer {token}", **headers})


async def code_of(asking: Authenticator, asked: web.BaseRequest) -> int:
    with pytest.raises(GatewayError) as refused:
        await asking.user(asked)
    assert "t0ken" not in refused.value.message
    return refused.value.code


async def test_a_certificate_names_the_user_and_nobody_is_asked() -> None:
    async with authenticator(reviewing({}), peer=KUBE_APISERVER) as (asking, api):
        user = await asking.user(request("somebody-else"))

    assert user == User("kube-apiserver-kubelet-client", ("system:masters", AUTHENTICATED))
    assert api.asked == []


async def test_a_token_is_reviewed_once_and_then_remembered() -> None:
    async with authenticator(reviewing({"authenticated": True, "user": JANE})) as (asking, api):
        users = [await asking.user(request()) for _ in range(3)]

    assert users == [User("jane", ("dev", AUTHENTICATED), "7")] * 3
    assert [(asked.method, asked.target, asked.json["spec"]) for asked in api.asked] == [
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"token": "t0ken"})
    ]


async def test_tokens_share_no_verdict() -> None:
    def answer(asked: Asked) -> bytes:
        token = asked.json["spec"]["token"]
        return http(201, {"status": {"authenticated": token != "bad", "user": JANE | {"username": token}}})

    async with authenticator(answer) as (asking, _):
        assert [(await asking.user(request(name))).name for name in ("a", "b", "a")] == ["a", "b", "a"]
        assert await code_of(asking, request("bad")) == 401


@pytest.mark.parametrize(
    "status",
    [
        {"authenticated": False, "user": JANE},
        {"authenticated": True, "error": "cannot say", "user": JANE},
        {"authenticated": True, "user": {"username": ""}},
        {"authenticated": "yes", "user": JANE},
        {"authenticated": True, "audiences": ["other"], "user": JANE},
        {},
    ],
)
async def test_a_review_that_does_not_plainly_say_yes_is_401_and_asked_again_only_after_a_moment(
    status: Mapping[str, Any],
) -> None:
    async with authenticator(reviewing(status), audiences=("nodes",)) as (asking, api):
        assert await code_of(asking, request()) == 401
        assert await code_of(asking, request()) == 401

    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: http(500, b"oops"),
        lambda _: http(503, {"kind": "Status", "code": 503, "message": "t0ken"}),
        lambda _: http(403, {"kind": "Status", "code": 403}),
        lambda _: http(401, {"kind": "Status", "code": 401}),
        lambda _: http(301, b"", "Location: http://127.0.0.1:1/\r\n"),
        lambda _: http(201, b"not json"),
        lambda _: http(201, b"[]"),
        lambda _: b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{",
    ],
)
async def test_an_api_server_that_cannot_say_is_503_and_never_a_pass(answer: Callable[[Asked], bytes]) -> None:
    async with authenticator(answer, seconds=0.5) as (asking, _):
        assert await code_of(asking, request()) == 503


async def test_an_api_server_that_says_nothing_is_503() -> None:
    async with authenticator(lambda _: SILENCE, seconds=0.05) as (asking, _):
        assert await code_of(asking, request()) == 503


async def test_that_nobody_could_be_asked_is_not_remembered() -> None:
    answers = [http(500, b""), http(201, {"status": {"authenticated": True, "user": JANE}})]
    async with authenticator(lambda _: answers.pop(0)) as (asking, _):
        assert await code_of(asking, request()) == 503
        assert (await asking.user(request())).name == "jane"


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic eDp5"}, {"X-Remote-User": "admin"}, {"Cookie": "t0ken"}]
)
async def test_who_brings_neither_certificate_nor_token_is_401_and_nobody_is_asked(headers: Mapping[str, str]) -> None:
    async with authenticator(reviewing({"authenticated": True, "user": JANE})) as (asking, api):
        assert await code_of(asking, make_mocked_request("GET", "/pods", headers=dict(headers))) == 401

    assert api.asked == []


async def test_a_certificate_without_a_name_is_nobody() -> None:
    nameless = {"subject": ((("organizationName", "system:masters"),),)}
    async with authenticator(reviewing({}), peer=nameless) as (asking, _):
        assert await code_of(asking, make_mocked_request("GET", "/pods")) == 401
