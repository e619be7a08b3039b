from hypothesis import given
from hypothesis import strategies as st

from vgateway.kube.backoff import Backoff
from vgateway.syncer.workqueue import WorkQueue

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
    queue: WorkQueue[str] = WorkQueue()
    now, wanted, taken = 0.0, set[str](), set[str]()
    for action, key, delay in actions:
        now += delay / 10
        if action == "add":
            queue.add(key, now, delay)
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
    while (got := queue.take(now + 1000)) is not None:
        left.add(got)
    assert left == wanted
