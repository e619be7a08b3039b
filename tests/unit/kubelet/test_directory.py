from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from tests.unit.kubelet.peer import Asked, Peer, http, listening
from tests.unit.kubelet.pods import NAMES, host_pod, stored, virtual_pod
from vgateway.errors import GatewayError
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import Credentials
from vgateway.kube.objects import HostObj, Obj, VirtualKey, uid
from vgateway.kubelet.calls import PodTarget
from vgateway.kubelet.directory import StoreDirectory, check_target

WEB = VirtualKey("default", "web")
VIRTUAL_PATH = "/api/v1/namespaces/default/pods/web"
HOST_PATH = "/api/v1/namespaces/tenant-a/pods/web-x-default-x-vc"
TWIN = host_pod(virtual_pod())


@asynccontextmanager
async def directory(
    virtual: Sequence[Obj] = (), host: Sequence[Obj] = (), fresh: Mapping[str, Obj | int] | None = None
) -> AsyncIterator[tuple[StoreDirectory, Peer]]:
    """Give a directory over stores with these pods, and API servers that have ``fresh`` by path."""

    def answer(asked: Asked) -> bytes:
        found = (fresh or {}).get(asked.target, 404)
        if isinstance(found, int):
            return http(found, {"kind": "Status", "code": found, "reason": "NotFound"})
        return http(200, found)

    async with listening(answer) as api:
        sides = [ApiClient(Credentials(f"http://127.0.0.1:{api.port}", None), side) for side in ("virtual", "host")]
        try:
            yield StoreDirectory(NAMES, stored(*virtual), stored(*host), sides[0], sides[1]), api
        finally:
            for side in sides:
                await side.close()


def marked(pod: HostObj, **changes: Mapping[str, str]) -> HostObj:
    """Return the pod with labels or annotations changed."""
    meta = pod["metadata"]
    return HostObj(pod | {"metadata": meta | {kind: meta[kind] | dict(new) for kind, new in changes.items()}})


@pytest.mark.parametrize("container", ["", "app", "init", "debug"])
async def test_a_pod_that_the_stores_know_costs_no_request(container: str) -> None:
    async with directory([virtual_pod()], [TWIN]) as (pods, api):
        virtual = await pods.virtual_pod(PodTarget(WEB, "u-1", container))
        assert virtual is not None
        host = await pods.host_pod(virtual)

    assert host is not None
    assert (uid(virtual), uid(host), api.asked) == ("u-1", "host-uid", [])


async def test_a_pod_made_a_moment_ago_is_looked_up_on_both_sides() -> None:
    async with directory(fresh={VIRTUAL_PATH: virtual_pod(), HOST_PATH: TWIN}) as (pods, api):
        virtual = await pods.virtual_pod(PodTarget(WEB))
        assert virtual is not None
        assert await pods.host_pod(virtual) is not None

    assert [asked.target for asked in api.asked] == [VIRTUAL_PATH, HOST_PATH]


async def test_a_debug_container_added_a_moment_ago_is_seen() -> None:
    old = virtual_pod()
    old["spec"].pop("ephemeralContainers")
    async with directory([old], fresh={VIRTUAL_PATH: virtual_pod()}) as (pods, _):
        target = PodTarget(WEB, container="debug")
        assert check_target(await pods.virtual_pod(target), target)


async def test_a_pod_remade_under_its_name_is_the_new_one() -> None:
    async with directory([virtual_pod(uid="u-0")], fresh={VIRTUAL_PATH: virtual_pod()}) as (pods, _):
        virtual = await pods.virtual_pod(PodTarget(WEB, "u-1"))

    assert virtual is not None
    assert uid(virtual) == "u-1"


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(host_pod(virtual_pod(), of_uid="u-0"), id="twin of a namesake before it"),
        pytest.param(marked(TWIN, labels={"vcluster.loft.sh/managed-by": "other"}), id="another virtual cluster's"),
        pytest.param(marked(TWIN, annotations={"vcluster.loft.sh/object-name": "other"}), id="another pod's"),
        pytest.param(
            marked(TWIN, annotations={"vcluster.loft.sh/object-namespace": "kube-system"}), id="another namespace's"
        ),
        pytest.param(
            marked(TWIN, annotations={"vcluster.loft.sh/object-kind": "/v1, Kind=Service"}), id="another kind's"
        ),
        pytest.param(
            HostObj(TWIN | {"metadata": {"namespace": "tenant-a", "name": "web-x-default-x-vc"}}), id="unmarked"
        ),
    ],
)
async def test_a_host_pod_that_is_not_provably_the_twin_is_none(host: HostObj) -> None:
    async with directory([virtual_pod()], [host], {HOST_PATH: host}) as (pods, _):
        assert await pods.host_pod(virtual_pod()) is None


async def test_a_host_pod_remade_a_moment_ago_is_the_twin() -> None:
    before = host_pod(virtual_pod(), of_uid="u-0")
    async with directory(host=[before], fresh={HOST_PATH: TWIN}) as (pods, _):
        assert await pods.host_pod(virtual_pod()) == TWIN


async def test_what_no_side_has_is_none() -> None:
    async with directory() as (pods, _):
        assert await pods.virtual_pod(PodTarget(WEB)) is None
        assert await pods.host_pod(virtual_pod()) is None


@pytest.mark.parametrize("code", [500, 503, 403])
async def test_an_api_server_that_cannot_say_is_503_and_not_a_404(code: int) -> None:
    async with directory(fresh={VIRTUAL_PATH: code}) as (pods, _):
        with pytest.raises(GatewayError) as refused:
            await pods.virtual_pod(PodTarget(WEB))
    assert (refused.value.code, refused.value.hop) == (503, "virtual API server")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (PodTarget(WEB, container="sidecar"), 'container "sidecar" not found in pod "web"'),
        (PodTarget(WEB, "u-0", "app"), 'pod "web" does not exist'),
        (PodTarget(WEB, "u-0"), 'pod "web" does not exist'),
    ],
)
def test_a_target_that_the_tenants_pod_does_not_have_is_not_found(target: PodTarget, message: str) -> None:
    with pytest.raises(GatewayError, match=message) as refused:
        check_target(virtual_pod(), target)
    assert refused.value.code == 404


async def test_the_pods_of_a_node_are_those_bound_to_it() -> None:
    pods = [virtual_pod("a"), virtual_pod("b", node="node-2"), virtual_pod("waiting", node="")]
    async with directory(pods) as (directory_, _):
        names = {
            node: [pod["metadata"]["name"] for pod in directory_.virtual_pods(node)] for node in ("", "node-2", "no")
        }

    assert names == {"": ["a", "b"], "node-2": ["b"], "no": []}
