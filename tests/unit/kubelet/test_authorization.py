from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.unit.kubelet.peer import Answer, Asked, Peer, http, listening
from vgateway.errors import GatewayError
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials
from vgateway.kube.user import User
from vgateway.kubelet.authorization import Authorizer
from vgateway.kubelet.calls import KubeletCall, parse_call
from vgateway.kubelet.reviewer import Reviewer

JANE = User("jane", ("dev",))
PODS = parse_call("GET", "/pods", "", is_upgrade=False)
EXEC = parse_call("GET", "/exec/default/web/app", "", is_upgrade=True)


def granting(*rights: str) -> Answer:
    """Allow what is listed as ``verb subresource node``."""

    def answer(asked: Asked) -> bytes:
        attributes = asked.json["spec"]["resourceAttributes"]
        asked_for = f"{attributes['verb']} {attributes['subresource']} {attributes.get('name', '*')}"
        return http(201, {"status": {"allowed": asked_for in rights}})

    return answer


@asynccontextmanager
async def authorizer(answer: Answer) -> AsyncIterator[tuple[Authorizer, Peer]]:
    async with listening(answer) as api:
        client = ApiClient(Credentials(f"http://127.0.0.1:{api.port}", None), "virtual")
        try:
            yield Authorizer(Reviewer(client, seconds=0.5)), api
        finally:
            await client.close()


async def is_allowed(asking: Authorizer, call: KubeletCall, node: str = "n", user: User = JANE) -> bool:
    try:
        await asking.authorise(user, call, node)
    except GatewayError as error:
        if error.code == 403:
            return False
        raise
    return True


@pytest.mark.parametrize("right", ["get pods n", "get proxy n"])
async def test_the_fine_grained_right_or_the_old_one_is_enough(right: str) -> None:
    async with authorizer(granting(right)) as (asking, _):
        assert await is_allowed(asking, PODS)


@pytest.mark.parametrize("right", ["get pods m", "get proxy *", "create pods n", "get metrics n", "list pods n"])
async def test_another_right_is_not(right: str) -> None:
    async with authorizer(granting(right)) as (asking, _):
        assert not await is_allowed(asking, PODS)


async def test_get_alone_opens_no_stream() -> None:
    async with authorizer(granting("get proxy n")) as (asking, _):
        assert not await is_allowed(asking, EXEC)
    async with authorizer(granting("create proxy n", "get proxy n")) as (asking, _):
        assert await is_allowed(asking, EXEC)


async def test_a_verdict_is_remembered_for_its_node_and_user_only() -> None:
    async with authorizer(granting("get pods n")) as (asking, api):
        assert await is_allowed(asking, PODS)
        assert await is_allowed(asking, PODS)
        assert len(api.asked) == 1
        assert not await is_allowed(asking, PODS, node="m")
        assert await is_allowed(asking, PODS, user=User("jane", ("ops",)))
        assert len(api.asked) == 4


async def test_an_api_server_that_cannot_say_is_503() -> None:
    async with authorizer(lambda _: http(500, b"")) as (asking, _):
        with pytest.raises(GatewayError) as refused:
            await asking.authorise(JANE, PODS, "n")
    assert (refused.value.code, refused.value.hop) == (503, "virtual API server")
