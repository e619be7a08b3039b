from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kind import Side
from vgateway.syncer.memory import PATIENCE_SECONDS, Awaited, Memory, at_version, bound, on_its_way_out
from vgateway.syncer.resources import PODS

WORK = ("pods", VirtualKey("default", "web"))


def pod(version: str = "5", uid: str = "u", **meta: str) -> Obj:
    return {"metadata": {"name": "web", "namespace": "ns", "uid": uid, "resourceVersion": version, **meta}}


def awaited(version: str = "7") -> Awaited:
    return Awaited(Side.HOST, PODS, "ns", "web", at_version("u", version), version)


def test_a_key_waits_until_the_store_shows_what_was_written() -> None:
    memory = Memory()
    memory.wrote(WORK, 0.0, awaited())
    assert memory.waits(WORK, 1.0, lambda _: None)
    assert memory.waits(WORK, 1.0, lambda _: pod("6"))
    assert not memory.waits(WORK, 1.0, lambda _: pod("7"))
    assert not memory.waits(WORK, 1.0, lambda _: None)


def test_waiting_ends_when_patience_does_or_another_object_has_the_name() -> None:
    memory = Memory()
    memory.wrote(WORK, 0.0, awaited())
    assert not memory.waits(WORK, PATIENCE_SECONDS, lambda _: None)
    memory.wrote(WORK, 0.0, awaited())
    assert not memory.waits(WORK, 1.0, lambda _: pod("1", uid="another"))


def test_only_the_very_state_that_a_write_answered_with_is_an_echo() -> None:
    memory = Memory()
    assert not memory.is_echo(WORK, Side.HOST, PODS, pod("7"))
    memory.wrote(WORK, 0.0, awaited())
    assert memory.is_echo(WORK, Side.HOST, PODS, pod("7"))
    assert not memory.is_echo(WORK, Side.HOST, PODS, pod("8"))
    assert not memory.is_echo(WORK, Side.VIRTUAL, PODS, pod("7"))


def test_a_deletion_shows_as_gone_or_on_the_way_out() -> None:
    shown = on_its_way_out("u")
    assert [shown(None), shown(pod(deletionTimestamp="t")), shown(pod(uid="x")), shown(pod())] == [
        True,
        True,
        True,
        False,
    ]


def test_a_binding_shows_as_a_node() -> None:
    shown = bound("u")
    assert not shown(pod())
    assert shown({**pod(), "spec": {"nodeName": "n1"}})
