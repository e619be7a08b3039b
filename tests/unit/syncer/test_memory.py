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
    assert memory.waits(WORK, lambda _: None)
    assert memory.waits(WORK, lambda _: pod("6"))
    assert not memory.waits(WORK, lambda _: pod("7"))
    assert not memory.waits(WORK, lambda _: None)


def test_waiting_ends_when_another_object_has_the_name_or_somebody_says_so() -> None:
    memory = Memory()
    memory.wrote(WORK, 0.0, awaited())
    assert memory.waits(WORK, lambda _: None)
    assert [memory.overdue(WORK, at) for at in (1.0, PATIENCE_SECONDS)] == [False, True]
    memory.stop_waiting(WORK)
    assert not memory.waits(WORK, lambda _: None)
    memory.wrote(WORK, 0.0, awaited())
    assert not memory.waits(WORK, lambda _: pod("1", uid="another"))


def test_what_comes_while_a_key_waits_makes_the_end_of_waiting_news() -> None:
    memory = Memory()
    memory.wrote(WORK, 0.0, awaited())
    memory.waits(WORK, lambda _: pod("6"))
    assert not memory.is_echo(WORK, Side.HOST, PODS, pod("7"))


def test_a_new_list_says_which_writes_it_lacks_and_has_no_echoes() -> None:
    memory = Memory()
    memory.wrote(WORK, 0.0, awaited())
    assert memory.relisted(Side.VIRTUAL, PODS, lambda _: None) == []
    assert memory.is_echo(WORK, Side.HOST, PODS, pod("7"))
    assert memory.relisted(Side.HOST, PODS, lambda _: None) == [WORK]
    assert memory.relisted(Side.HOST, PODS, lambda _: pod("7")) == []
    assert not memory.is_echo(WORK, Side.HOST, PODS, pod("7"))


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


def test_an_echo_that_was_seen_is_waited_for_no_longer_and_other_writes_still_are() -> None:
    memory = Memory()
    memory.wrote(WORK, 0.0, awaited())
    memory.wrote(WORK, 0.0, awaited("9"))
    memory.saw_echo(WORK, Side.HOST, PODS, pod("7"))
    assert not memory.is_echo(WORK, Side.HOST, PODS, pod("7"))
    assert memory.is_echo(WORK, Side.HOST, PODS, pod("9"))
    memory.saw_echo(WORK, Side.HOST, PODS, pod("9"))
    assert not memory.waits(WORK, lambda _: None)
