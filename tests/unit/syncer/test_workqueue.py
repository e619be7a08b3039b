import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.kube.backoff import Backoff
from vgateway.syncer.workqueue import Rank, WorkQueue

KEYS = st.sampled_from("abc")
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "take", "done", "back_off"]), KEYS, st.floats(0, 5)), min_size=5, max_size=80
)


def test_a_key_waits_once_however_often_it_is_added() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0)
    queue.add("a", 0)
    assert [queue.take(1), queue.take(1)] == ["a", None]


def test_a_taken_key_is_not_handed_out_again_until_it_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0)
    assert queue.take(0) == "a"
    queue.add("a", 1)
    assert queue.take(2) is None
    queue.done("a")
    assert queue.take(2) == "a"


@pytest.mark.parametrize("delay", [None, 0, 5])
def test_a_key_that_is_held_is_not_handed_out_until_it_is_done(delay: float | None) -> None:
    queue: WorkQueue[str] = WorkQueue()
    if delay is not None:
        queue.add("a", 0, delay)
    assert queue.hold("a")
    assert not queue.hold("a")
    queue.add("a", 1)
    assert queue.take(9) is None
    queue.done("a")
    assert [queue.take(9), queue.take(9)] == ["a", None]
    assert not queue.hold("a")


def test_the_earlier_of_two_due_times_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", 0, delay=10)
    queue.add("a", 0, delay=2)
    queue.add("a", 0, delay=5)
    assert (queue.next_due(), queue.take(1), queue.take(2), queue.take(20)) == (2, None, "a", None)


def test_keys_come_in_the_order_in_which_they_are_due() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key, delay in (("late", 3), ("first", 1), ("second", 1)):
        queue.add(key, 0, delay)
    assert [queue.take(5) for _ in range(4)] == ["first", "second", "late", None]


def by_namespace() -> WorkQueue[tuple[str, int]]:
    return WorkQueue(group_of=lambda key: key[0])


def taken(queue: WorkQueue[tuple[str, int]], how_many: int, now: float = 0.0) -> list[str]:
    found = [queue.take(now) for _ in range(how_many)]
    return [f"{key[0]}{key[1]}" for key in found if key is not None]


def test_a_key_of_a_quiet_group_waits_for_one_turn_of_each_other_group() -> None:
    queue = by_namespace()
    for number in range(5000):
        queue.add(("busy", number), 0)
    assert taken(queue, 3) == ["busy0", "busy1", "busy2"]
    queue.add(("quiet", 0), 0)
    queue.add(("other", 0), 0)
    assert taken(queue, 4) == ["busy3", "quiet0", "other0", "busy4"]


def test_a_quiet_groups_key_that_comes_due_later_takes_its_turn_then() -> None:
    queue = by_namespace()
    queue.add(("quiet", 0), 0, delay=5)
    for number in range(10):
        queue.add(("busy", number), 0)
    assert taken(queue, 2, now=4.9) == ["busy0", "busy1"]
    assert taken(queue, 2, now=5.0) == ["busy2", "quiet0"]


def test_groups_take_turns_until_all_is_done() -> None:
    queue = by_namespace()
    for name, size in (("a", 3), ("b", 1), ("c", 2)):
        for number in range(size):
            queue.add((name, number), 0)
    assert taken(queue, 9) == ["a0", "b0", "c0", "a1", "c1", "a2"]
    assert (len(queue), queue.next_due()) == (0, None)


def test_a_group_that_has_its_share_under_way_is_passed_over_until_one_is_done() -> None:
    queue: WorkQueue[tuple[str, int]] = WorkQueue(group_of=lambda key: key[0])
    for number in range(3):
        queue.add(("hanging", number), 0)
    assert [queue.take(0, 2), queue.take(0, 2)] == [("hanging", 0), ("hanging", 1)]
    assert (queue.take(0, 2), queue.next_due(2), queue.next_due()) == (None, None, 0)
    queue.add(("quiet", 0), 1)
    assert (queue.next_due(2), queue.take(1, 2), queue.take(1, 2)) == (1, ("quiet", 0), None)
    queue.done(("hanging", 0))
    assert (queue.next_due(2), queue.take(1, 2)) == (0, ("hanging", 2))


def test_what_is_asked_for_comes_before_what_is_reported_and_told_and_none_of_them_starves() -> None:
    queue = by_namespace()
    for rank in (Rank.TOLD, Rank.REPORTED, Rank.ASKED):
        for number in range(20):
            queue.add((rank.name[0], number), 0, rank=rank)
    assert "".join(name[0] for name in taken(queue, 14)) == "AARAART" * 2
    left = "".join(name[0] for name in taken(queue, 46))
    assert (left.count("A"), left.count("R"), left.count("T")) == (12, 16, 18)


@pytest.mark.parametrize(
    ("first", "second", "comes"),
    [
        (Rank.REPORTED, Rank.ASKED, ["a0", "b0"]),
        (Rank.ASKED, Rank.REPORTED, ["a0", "b0"]),
        (Rank.TOLD, Rank.REPORTED, ["b0", "a0"]),
        (Rank.TOLD, Rank.TOLD, ["b0", "a0"]),
    ],
)
def test_of_two_ranks_of_a_key_the_more_urgent_counts(first: Rank, second: Rank, comes: list[str]) -> None:
    queue = by_namespace()
    queue.add(("a", 0), 0, rank=first)
    queue.add(("b", 0), 0, rank=Rank.REPORTED)
    queue.add(("a", 0), 0, rank=second)
    assert taken(queue, 2) == comes


def test_a_key_that_waits_for_later_may_become_more_urgent_meanwhile() -> None:
    queue = by_namespace()
    queue.add(("a", 0), 0, delay=1, rank=Rank.TOLD)
    queue.add(("b", 0), 0, delay=1, rank=Rank.REPORTED)
    queue.add(("a", 0), 0, delay=9, rank=Rank.ASKED)
    assert taken(queue, 2, now=1) == ["a0", "b0"]


def test_failures_in_a_row_back_off_and_a_success_forgets_them() -> None:
    queue: WorkQueue[str] = WorkQueue(Backoff(base=1, cap=4, spread=0))
    assert [queue.back_off("a", 0, 1.0) for _ in range(4)] == [1, 2, 4, 4]
    queue.forget("a")
    assert queue.back_off("a", 0, 1.0) == 1


def test_outdated_entries_do_not_pile_up() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for turn in range(5000):
        queue.add("a", turn, delay=3600)
        queue.add("a", turn)
        assert queue.take(turn) == "a"
        queue.done("a")
    assert len(queue._heap) < 1000


@given(ACTIONS)
def test_no_key_is_lost_and_none_is_worked_on_twice_at_once(actions: list[tuple[str, str, float]]) -> None:
    queue: WorkQueue[str] = WorkQueue(group_of=lambda key: key == "a")
    now, wanted, taken = 0.0, set[str](), set[str]()
    for action, key, delay in actions:
        now += delay / 10
        if action == "add":
            queue.add(key, now, delay, Rank(int(delay) % 3))
            wanted.add(key)
        elif action == "back_off":
            queue.back_off(key, now, 0.5)
            wanted.add(key)
        elif action == "take" and (got := queue.take(now)) is not None:
            assert got not in taken
            taken.add(got)
            wanted.discard(got)
        elif action == "done" and key in taken:
            queue.done(key)
            taken.discard(key)
    for key in list(taken):
        queue.done(key)
    left = set()
    assert len(queue) == len(wanted)
    while (got := queue.take(now + 1000)) is not None:
        left.add(got)
    assert (left, queue.next_due()) == (wanted, None)
