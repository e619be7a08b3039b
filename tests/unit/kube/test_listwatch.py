"""Transcripts of following a collection."""

from typing import Any

import pytest

from vgateway.kube.listwatch import (
    DENIALS,
    DOUBTS,
    INITIAL_EVENTS_END,
    BackOff,
    Input,
    List,
    Listed,
    ListFailed,
    ListWatch,
    Observed,
    Put,
    Remove,
    Stage,
    Started,
    Swap,
    Unstage,
    Vanish,
    Waited,
    Watch,
    WatchEnded,
    WatchFailed,
)
from vgateway.kube.objects import Obj


def pod(name: str, version: str = "1", **meta: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": version, **meta}}


def bookmark(version: str, **annotations: str) -> Observed:
    return Observed("BOOKMARK", {"metadata": {"resourceVersion": version, "annotations": annotations}})


def watching(version: str = "7") -> ListWatch:
    machine = ListWatch()
    machine.on(Started())
    machine.on(Listed([], version))
    return machine


def test_it_lists_and_then_watches_from_the_lists_version() -> None:
    machine = ListWatch()

    assert machine.on(Started()) == [List(500)]
    assert machine.on(Listed([pod("a")], "7")) == [Stage([pod("a")]), Swap(), Watch("7")]


def test_pages_are_collected_and_become_visible_together() -> None:
    machine = ListWatch(page=1)

    assert machine.on(Started()) == [List(1)]
    assert machine.on(Listed([pod("a")], "7", "next")) == [Stage([pod("a")]), List(1, "next")]
    assert machine.on(Listed([pod("b")], "7")) == [Stage([pod("b")]), Swap(), Watch("7")]


def test_events_change_the_store_one_by_one() -> None:
    machine = watching()

    assert machine.on(Observed("ADDED", pod("a", "8"))) == [Put(pod("a", "8"))]
    assert machine.on(Observed("MODIFIED", pod("a", "9"))) == [Put(pod("a", "9"))]
    assert machine.on(Observed("DELETED", pod("a", "10"))) == [Remove(pod("a", "10"))]
    assert machine.on(WatchEnded()) == [Watch("10")]


def test_a_bookmark_moves_the_version_only() -> None:
    machine = watching()

    assert machine.on(bookmark("20")) == []
    assert machine.on(WatchEnded()) == [Watch("20")]


def test_an_event_of_a_later_kind_of_server_is_no_change() -> None:
    machine = watching()

    assert machine.on(Observed("SHIMMERED", pod("a", "8"))) == []
    assert machine.on(Observed("SHIMMERED", {})) == []
    assert machine.on(WatchEnded()) == [Watch("8")]


def test_an_expired_version_lists_again_while_readers_keep_the_old_store() -> None:
    machine = watching()

    assert machine.on(WatchFailed(410)) == [BackOff(1)]
    assert machine.on(Waited()) == [List(500)]
    assert machine.on(Listed([pod("b")], "9")) == [Stage([pod("b")]), Swap(), Watch("9")]


def test_a_lost_connection_goes_on_from_the_last_version() -> None:
    machine = watching()
    machine.on(Observed("ADDED", pod("a", "8")))

    assert machine.on(WatchFailed(503)) == [BackOff(1)]
    assert machine.on(Waited()) == [Watch("8")]
    assert machine.on(WatchFailed(503)) == [BackOff(2)]


def test_an_event_ends_a_row_of_failures() -> None:
    machine = watching()
    play(machine, WatchFailed(503), Waited(), WatchFailed(503), Waited(), bookmark("9"))

    assert machine.on(WatchFailed(503)) == [BackOff(1)]


def test_after_many_failures_the_version_itself_is_doubted() -> None:
    machine = watching()
    for _ in range(DOUBTS - 1):
        play(machine, WatchFailed(504))
        assert machine.on(Waited()) == [Watch("7")]

    assert machine.on(WatchFailed(504)) == [BackOff(DOUBTS)]
    assert machine.on(Waited()) == [List(500)]


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_is_down_or_busy_for_long_is_not_made_to_list_everything(code: int) -> None:
    machine = watching()
    for _ in range(DOUBTS * 3):
        play(machine, WatchFailed(code))
        assert machine.on(Waited()) == [Watch("7")]


def test_a_watch_that_ends_without_a_word_is_not_asked_for_in_a_loop() -> None:
    machine = watching()

    assert machine.on(WatchEnded()) == [BackOff(1)]
    assert machine.on(Waited()) == [Watch("7")]
    assert machine.on(WatchEnded()) == [BackOff(2)]


def test_a_watch_that_lasted_may_have_had_nothing_to_say() -> None:
    machine = watching()
    for _ in range(DOUBTS * 2):
        assert machine.on(WatchEnded(brief=False)) == [Watch("7")]


def test_a_resource_that_was_there_and_is_denied_again_and_again_is_gone_with_its_objects() -> None:
    machine = watching()
    play(machine, WatchFailed(410), Waited())
    for turn in range(1, DENIALS + 3):
        gone = [Vanish()] if turn == DENIALS else []
        assert machine.on(ListFailed(404)) == [Unstage(), *gone, BackOff(1 + turn)]
        assert machine.on(Waited()) == [List(500)]
    assert machine.on(Listed([pod("a")], "9")) == [Stage([pod("a")]), Swap(), Watch("9")]


def test_what_never_was_there_is_waited_for_and_other_failures_in_between_prove_nothing() -> None:
    lacking = ListWatch()
    lacking.on(Started())
    for turn in range(1, DENIALS * 2):
        assert lacking.on(ListFailed(404)) == [Unstage(), BackOff(turn)]
    unsure = watching()
    play(unsure, WatchFailed(410), Waited())
    for _ in range(DENIALS):
        assert Vanish() not in unsure.on(ListFailed(404))
        assert Vanish() not in unsure.on(ListFailed(503))


@pytest.mark.parametrize("code", [403, 404, 429, 500, 503, 504])
def test_a_list_that_fails_is_tried_again_with_growing_patience(code: int) -> None:
    machine = ListWatch()
    machine.on(Started())

    assert machine.on(ListFailed(code)) == [Unstage(), BackOff(1)]
    assert machine.on(Waited()) == [List(500)]
    assert machine.on(ListFailed(code)) == [Unstage(), BackOff(2)]


def test_a_list_that_breaks_off_between_pages_begins_anew() -> None:
    machine = ListWatch(page=1)
    play(machine, Started(), Listed([pod("a")], "7", "next"))

    assert machine.on(ListFailed(503)) == [Unstage(), BackOff(1)]
    assert machine.on(Waited()) == [List(1)]


def test_after_an_expired_page_token_the_list_comes_in_one_piece_and_later_ones_in_pages_again() -> None:
    machine = ListWatch(page=1)
    play(machine, Started(), Listed([pod("a")], "7", "next"))

    assert machine.on(ListFailed(410)) == [Unstage(), BackOff(1)]
    assert machine.on(Waited()) == [List(0)]
    assert machine.on(Listed([pod("a"), pod("b")], "9"))[1:] == [Swap(), Watch("9")]
    assert play(machine, WatchFailed(410), Waited()) == [List(1)]


def test_the_servers_wish_to_wait_is_passed_on() -> None:
    machine = watching()

    assert machine.on(WatchFailed(429, retry_after=7)) == [BackOff(1, at_least=7)]
    assert machine.on(Waited()) == [Watch("7")]


def test_a_streamed_list_becomes_visible_at_its_end_mark() -> None:
    machine = ListWatch(streaming=True)

    assert machine.on(Started()) == [Watch("", initial=True)]
    assert machine.on(Observed("ADDED", pod("a", "3"))) == [Stage((pod("a", "3"),))]
    assert machine.on(bookmark("5")) == []
    assert machine.on(bookmark("7", **{INITIAL_EVENTS_END: "true"})) == [Swap()]
    assert machine.on(Observed("ADDED", pod("b", "8"))) == [Put(pod("b", "8"))]
    assert machine.on(WatchEnded()) == [Watch("8")]


@pytest.mark.parametrize("code", [400, 422])
def test_a_server_that_knows_no_streamed_lists_is_asked_for_pages_from_then_on(code: int) -> None:
    machine = ListWatch(streaming=True)
    machine.on(Started())

    assert machine.on(WatchFailed(code)) == [Unstage(), List(500)]
    assert play(machine, Listed([], "7"), WatchFailed(410), Waited()) == [List(500)]


@pytest.mark.parametrize("end", [WatchFailed(503), WatchEnded()], ids=["broken", "clean"])
def test_a_streamed_list_that_ends_early_is_dropped_and_streamed_again(end: Input) -> None:
    machine = ListWatch(streaming=True)
    play(machine, Started(), Observed("ADDED", pod("a", "3")))

    assert machine.on(end) == [Unstage(), BackOff(1)]
    assert machine.on(Waited()) == [Watch("", initial=True)]


def play(machine: ListWatch, *inputs: Input) -> list[Any]:
    """Feed several inputs and return the actions of the last."""
    actions: list[Any] = []
    for event in inputs:
        actions = list(machine.on(event))
    return actions
