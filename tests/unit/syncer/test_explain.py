from dataclasses import replace
from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, NOW, World, a_config_map, a_pod, a_service, host_of
from vgateway.errors import GatewayError
from vgateway.kube.objects import HostKey, Obj, VirtualKey
from vgateway.syncer.explain import Explainer, kinds_called
from vgateway.syncer.journal import Decision, Journal, changed_paths, in_words
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.kubernetes import KUBERNETES
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.references import UNASKED
from vgateway.syncer.memory import Memory
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import CONFIGMAPS, PODS, SERVICES
from vgateway.syncer.steps import CreateHost, DeleteHost, PatchHost, PatchVirtual, Tell

KEY = VirtualKey("default", "web")
WORK = ("pods", KEY)


def ask(world: World, word: str, name: str, *, journal: Journal | None = None, host: bool = False) -> Obj:
    namespace, _, own = name.rpartition("/")
    return Explainer(KINDS, world.view, Memory(), journal or Journal()).explain(word, namespace, own, host=host)


def running() -> World:
    world = World()
    world.virtual[PODS].put(a_pod())
    world.round(PodKind(), KEY)
    return world


@pytest.mark.parametrize("word", ["pod", "pods", "Pod", "po"])
def test_a_kind_has_many_words(word: str) -> None:
    assert [kind.name for kind in kinds_called(KINDS, word)] == ["pods"]


def test_a_kind_that_does_not_cross_is_said_with_those_that_do() -> None:
    with pytest.raises(GatewayError, match=r"deployments: not a kind that crosses .* pods") as caught:
        ask(World(), "deployments", "web")
    assert caught.value.code == 404


def test_the_twin_is_named_from_either_side() -> None:
    world = running()
    answer = ask(world, "pod", "web")
    assert answer["virtual"] == {"name": "default/web", "exists": True}
    assert answer["host"] == {"name": "host-ns/web-x-default-x-vc", "exists": True}
    assert ask(world, "pod", "web-x-default-x-vc", host=True) == answer


def test_somebody_elses_host_object_is_nobodys_copy() -> None:
    world = World()
    world.host[PODS].put({"metadata": {"name": "other", "namespace": "host-ns"}})
    with pytest.raises(GatewayError, match="is no copy"):
        ask(world, "pod", "other", host=True)


def test_owners_follow_from_the_rules() -> None:
    fields = ask(running(), "cm", "conf")["fields"]
    assert fields["data"].startswith("the tenant")
    assert ask(running(), "pod", "web")["fields"]["status"].startswith("the host")


def test_what_a_pod_waits_for_on_its_way_is_what_blocks_it() -> None:
    world = World()
    world.virtual[PODS].put(a_pod(volumes=[{"name": "c", "configMap": {"name": "conf"}}]))
    world.virtual[CONFIGMAPS].put(a_config_map())
    answer = ask(world, "pod", "web")
    assert answer["blockedBy"] == ["the ConfigMap conf has no copy on the host yet"]
    world.round(ConfigMapKind(), VirtualKey("default", "conf"))
    answer = ask(world, "pod", "web")
    assert answer["blockedBy"] == []
    assert answer["next"] == ["create host pods web-x-default-x-vc"]


def test_what_the_host_says_of_a_pod_that_does_not_start_is_said_in_the_tenants_names() -> None:
    world = running()
    host_of(world, PODS, "web")["status"] = {
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "web-x-default-x-vc: no node"}],
        "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "no x"}}}],
    }
    assert ask(world, "pod", "web")["blockedBy"] == [
        "the host's scheduler: web: no node",
        "the host's node: container main waits: ErrImagePull no x",
    ]


def test_an_object_that_nothing_refers_to_has_no_copy_and_that_is_why() -> None:
    world = World()
    world.virtual[CONFIGMAPS].put(a_config_map())
    assert ask(world, "cm", "conf")["blockedBy"] == [UNASKED]
    assert ask(world, "cm", "absent")["blockedBy"] == ["there is no such object in the virtual cluster"]


def test_a_copy_that_is_not_ours_is_said_to_be_left_alone() -> None:
    world = World()
    world.virtual[PODS].put(a_pod())
    world.host[PODS].put({"metadata": {"name": "web-x-default-x-vc", "namespace": "host-ns"}})
    assert ask(world, "pod", "web")["blockedBy"][0].endswith("is not a copy of it and is left alone")


def test_the_kind_that_makes_an_object_answers_for_it() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service(KUBERNETES.name))
    assert ask(world, "svc", "kubernetes")["host"] is None
    world.virtual[SERVICES].put(a_service("web"))
    assert ask(world, "svc", "web")["host"]["name"] == "host-ns/web-x-default-x-vc"


def test_the_last_decision_lasts_until_the_next_and_a_failure_until_it_is_overcome() -> None:
    journal = Journal()
    create = CreateHost(PODS, {"metadata": {"name": "a"}})
    journal.takes(WORK, NOW, create)
    journal.takes(WORK, NOW, Tell("Reason", "words"))
    journal.failed(WORK, NOW + 1, "refused", "quota", 2.0)
    last = ask(running(), "pod", "web", journal=journal)
    assert last["lastDecision"]["steps"] == ["create host pods a", "tell the tenant (Reason): words"]
    assert last["lastDecision"]["againInSeconds"] == 2.0
    assert last["blockedBy"] == ["refused: quota"]
    journal.went_well(WORK)
    assert journal.last(WORK) == Decision(NOW, ("create host pods a", "tell the tenant (Reason): words"))
    journal.takes(WORK, NOW + 5, create)
    assert journal.last(WORK) == Decision(NOW + 5, ("create host pods a",))


def test_the_journal_forgets_what_was_decided_longest_ago() -> None:
    journal = Journal(kept=2)
    for name in "abc":
        journal.takes(("pods", VirtualKey("default", name)), NOW, Tell("R", name))
    assert journal.last(("pods", VirtualKey("default", "a"))) is None
    assert journal.last(("pods", VirtualKey("default", "c"))) is not None


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (DeleteHost(PODS, HostKey("h", "a"), "u", "it must go"), "delete host pods h/a: it must go"),
        (
            PatchHost(PODS, HostKey("h", "a"), {"spec": {"containers": []}}, subresource="resize"),
            "change host pods/resize h/a: spec.containers",
        ),
        (
            PatchVirtual(PODS, KEY, {"status": {"phase": "x", "podIP": "y"}}, "status"),
            "change virtual pods/status default/web: status.phase, status.podIP",
        ),
    ],
)
def test_steps_in_words_name_paths_and_no_values(step: Any, words: str) -> None:
    assert in_words(step) == words


def test_a_whole_part_that_goes_is_one_path() -> None:
    assert list(changed_paths({"data": None, "metadata": {"labels": {"a": "b"}}})) == ["data", "metadata.labels"]


def test_asking_changes_nothing() -> None:
    world = running()
    before = repr([(dict(side), world.seen) for side in (world.virtual, world.host)])
    ask(world, "pod", "web")
    assert repr([(dict(side), world.seen) for side in (world.virtual, world.host)]) == before
    assert replace(world.view) == world.view
    assert NAMES.host_key(KEY) == HostKey("host-ns", "web-x-default-x-vc")
