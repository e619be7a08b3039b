import pytest

from tests.unit.syncer.world import NAMES, NOW, World, a_pod
from vgateway.kube.objects import HostObj, VirtualKey, VirtualObj
from vgateway.kube.ownership import MANAGED_BY, OBJECT_KIND
from vgateway.syncer.steps import TokenWant
from vgateway.syncer.tokens import (
    filled,
    renewal_due,
    secret_without_tokens,
    token_owner,
    token_request,
    token_secret_key,
    token_wants,
)

POD = VirtualKey("default", "web")


def pod_with(*sources: dict[str, object]) -> VirtualObj:
    projected = [{"serviceAccountToken": source} for source in sources]
    return VirtualObj(a_pod(volumes=[{"name": "v", "projected": {"sources": projected}}]))


@pytest.fixture
def secret() -> HostObj:
    virtual = pod_with({"path": "token"})
    draft = secret_without_tokens(virtual, POD, World().view)
    return HostObj(filled(draft, token_wants(virtual), {"v-0": ("dG9rZW4=", NOW + 3600)}))


@pytest.mark.parametrize(
    ("source", "want"),
    [
        pytest.param({"path": "t"}, TokenWant("v-0", "", 3600), id="an hour for the API server by default"),
        pytest.param({"path": "t", "expirationSeconds": 7200}, TokenWant("v-0", "", 7200), id="the lifetime asked for"),
        pytest.param({"path": "t", "expirationSeconds": 1}, TokenWant("v-0", "", 600), id="ten minutes at least"),
        pytest.param({"path": "t", "audience": "vault"}, TokenWant("v-0", "vault", 3600), id="the audience asked for"),
    ],
)
def test_a_volume_says_which_token_it_wants(source: dict[str, object], want: TokenWant) -> None:
    assert token_wants(pod_with(source)) == (want,)


def test_a_request_is_bound_to_this_very_pod() -> None:
    body = token_request(TokenWant("v-0", "vault", 700), POD, "uid-1")
    assert body["spec"] == {
        "audiences": ["vault"],
        "expirationSeconds": 700,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "uid-1"},
    }


def test_tokens_are_renewed_when_four_fifths_of_their_life_are_over(secret: HostObj) -> None:
    virtual = pod_with({"path": "token"})
    assert renewal_due(secret, virtual, token_wants(virtual)) == int(NOW + 3600 * 0.8)


def test_tokens_of_an_earlier_pod_or_of_other_volumes_are_due_at_once(secret: HostObj) -> None:
    another = pod_with({"path": "token"})
    another["metadata"]["uid"] = "another"
    assert renewal_due(secret, another, token_wants(another)) == 0
    more = pod_with({"path": "token"}, {"path": "second"})
    assert renewal_due(secret, more, token_wants(more)) == 0


def test_the_secret_names_its_pod_and_no_forged_one_does(secret: HostObj) -> None:
    assert token_owner(NAMES, secret) == POD
    for place, key in (("labels", MANAGED_BY), ("annotations", OBJECT_KIND)):
        forged = {**secret["metadata"], place: {**secret["metadata"][place], key: "other"}}
        assert token_owner(NAMES, HostObj({**secret, "metadata": forged})) is None


def test_no_secret_of_the_tenant_has_the_name_of_a_pods_tokens() -> None:
    tokens = token_secret_key(NAMES, POD).name
    assert tokens not in {
        NAMES.host_name(name, "default") for name in ("web", "web-sa-token", "web-x-default-x-vc-sa-token")
    }
