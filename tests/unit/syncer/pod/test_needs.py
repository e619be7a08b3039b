from tests.unit.syncer.world import NOW, World, a_config_map, a_pod, writes
from vgateway.kube.objects import VirtualKey
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.resources import CONFIGMAPS, PODS, SECRETS
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
