import orjson

from tests.unit.syncer.world import NOW, World, a_config_map, a_pod, host_of, writes
from vgateway.kube.objects import VirtualKey
from vgateway.kube.store import Change
from vgateway.syncer.kind import Hint
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.serviceaccount import ServiceAccountKind
from vgateway.syncer.resources import CONFIGMAPS, PODS, SECRETS, SERVICEACCOUNTS
from vgateway.syncer.steps import CreateHost, IssueTokens, Requeue
from vgateway.syncer.tokens import RENEW_AT

KEY = VirtualKey("default", "web")
TOKEN = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


def test_a_pod_waits_until_what_it_refers_to_is_on_the_host() -> None:
    world = World()
    world.virtual[PODS].put(a_pod(volumes=[{"name": "v", "configMap": {"name": "conf"}}]))
    world.virtual[CONFIGMAPS].put(a_config_map())
    assert writes(world.plan(PodKind(), KEY)) == []
    world.round(ConfigMapKind(), VirtualKey("default", "conf"))
    (made,) = world.plan(PodKind(), KEY)
    assert isinstance(made, CreateHost)


def test_no_pod_starts_with_what_belongs_to_another_namespace_though_the_names_meet_on_the_host() -> None:
    world = World()
    world.virtual[CONFIGMAPS].put(a_config_map("a", "b-x-c"))
    world.virtual[PODS].put(a_pod("owner", "b-x-c", volumes=[{"name": "v", "configMap": {"name": "a"}}]))
    world.round(ConfigMapKind(), VirtualKey("b-x-c", "a"))
    world.virtual[PODS].put(a_pod("thief", "c", volumes=[{"name": "v", "configMap": {"name": "a-x-b"}}]))
    assert writes(world.plan(PodKind(), VirtualKey("c", "thief"))) == []


def test_a_pod_does_not_wait_for_what_the_tenant_does_not_have_either() -> None:
    world = World()
    world.virtual[PODS].put(a_pod(volumes=[{"name": "v", "configMap": {"name": "missing"}}]))
    (made,) = world.plan(PodKind(), KEY)
    assert isinstance(made, CreateHost)


def test_no_pod_starts_before_the_tenants_api_has_an_address() -> None:
    world = World()
    world.front.by_key.clear()
    world.virtual[PODS].put(a_pod())
    assert writes(world.plan(PodKind(), KEY)) == []


def test_tokens_come_before_their_pod_and_are_renewed_in_time() -> None:
    world = World()
    world.virtual[PODS].put(a_pod(volumes=[TOKEN]))
    tokens, made = world.round(PodKind(), KEY)
    assert isinstance(tokens, IssueTokens)
    assert isinstance(made, CreateHost)
    (later,) = world.round(PodKind(), KEY)
    assert later == Requeue(3600 * 0.8)
    (secret,) = world.host[SECRETS]
    secret["metadata"]["annotations"][RENEW_AT] = str(int(NOW) - 1)
    again, *_ = world.round(PodKind(), KEY)
    assert isinstance(again, IssueTokens)
    assert again.secret_uid == secret["metadata"]["uid"]


def test_a_pod_that_ended_gets_no_more_tokens() -> None:
    world = World()
    pod = world.virtual[PODS].put(a_pod(volumes=[TOKEN]))
    world.round(PodKind(), KEY)
    world.host[SECRETS].by_key.clear()
    pod["status"]["phase"] = "Succeeded"
    assert not any(isinstance(step, IssueTokens) for step in world.plan(PodKind(), KEY))


def test_tokens_come_last_so_that_what_cannot_be_renewed_keeps_no_state_from_the_tenant() -> None:
    world = World()
    world.virtual[PODS].put(a_pod(volumes=[TOKEN]))
    world.round(PodKind(), KEY)
    (secret,) = world.host[SECRETS]
    secret["metadata"]["annotations"][RENEW_AT] = str(int(NOW) - 1)
    pod = host_of(world, PODS, "web")
    pod["spec"]["nodeName"], pod["status"] = "n1", {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}
    steps = writes(world.plan(PodKind(), KEY))
    assert isinstance(steps[-1], IssueTokens)
    assert len(steps) > 1


def test_a_pod_that_waits_for_its_account_is_woken_when_the_copy_of_it_comes() -> None:
    world = World()
    account = {"metadata": {"name": "app", "namespace": "default", "uid": "u-app"}}
    world.virtual[SERVICEACCOUNTS].put(account)
    world.round(ServiceAccountKind(), VirtualKey("default", "app"))
    copy = host_of(world, SERVICEACCOUNTS, "app")
    world.virtual[PODS].put(a_pod())
    world.virtual[PODS].put(a_pod("bound", nodeName="n1"))
    world.virtual[PODS].put(a_pod("other", "kube-system"))

    def woken(change: Change) -> set[VirtualKey]:
        wakes = [one for one in PodKind(accounts=True).wakes if one.resource is SERVICEACCOUNTS]
        return {key for wake in wakes for key in wake.keys(Hint(change), world.view)}

    where = ("host-ns", copy["metadata"]["name"])
    assert woken(Change(where, None, orjson.dumps(copy))) == {KEY}
    assert woken(Change(where, orjson.dumps(copy), orjson.dumps(copy))) == set()
