import pytest

from vgateway.syncer.pace import CEILING_SECONDS, Pace


def test_successes_raise_the_limit_up_to_the_most() -> None:
    pace = Pace(most=20, limit=16)
    for _ in range(1000):
        pace.went_well(0.0)
    assert pace.limit == 20
    assert pace.allows(19, 0.0)
    assert not pace.allows(20, 0.0)


@pytest.mark.parametrize("too_many", [True, False])
def test_a_failure_to_answer_halves_the_limit_and_nothing_starts_for_as_long_as_was_asked(too_many: bool) -> None:
    pace = Pace(limit=16)
    pace.slow_down(100.0, 3.0, too_many=too_many)
    assert (pace.limit, pace.opens()) == (8, 103.0)
    assert not pace.allows(0, 102.9)
    assert pace.allows(7, 103.0)


def test_answers_that_fail_in_a_row_make_pauses_that_grow_up_to_a_few_seconds_and_a_good_one_ends_the_row() -> None:
    pace, now, pauses = Pace(limit=16), 100.0, []
    for _ in range(8):
        assert pace.slow_down(now, None, too_many=False)
        assert not pace.slow_down(now, None, too_many=False), "those that were under way say nothing new"
        pauses.append(round(pace.opens() - now, 3))
        now = pace.opens()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert pace.limit == 2
    pace.went_well(now)
    pace.slow_down(now, None, too_many=False)
    assert round(pace.opens() - now, 3) == 0.2


def test_what_the_server_asks_for_counts_when_it_is_longer_than_the_pause() -> None:
    pace = Pace()
    pace.slow_down(100.0, 30.0, too_many=True)
    assert pace.opens() == 130.0


def test_what_was_too_many_is_not_tried_again_at_once_but_in_time() -> None:
    pace = Pace(limit=9)
    pace.slow_down(100.0, 1.0, too_many=True)
    for _ in range(500):
        pace.went_well(101.0)
    assert pace.limit == 8, "one less than was too many"
    raised = []
    for turn in range(1, 9):
        for _ in range(500):
            pace.went_well(101.0 + turn * CEILING_SECONDS)
        raised.append(int(pace.limit))
    assert raised == [10, 12, 15, 19, 24, 30, 32, 32]


def test_a_server_that_was_away_has_no_less_room_than_before() -> None:
    pace = Pace(limit=16)
    pace.slow_down(100.0, None, too_many=False)
    for _ in range(1000):
        pace.went_well(101.0)
    assert pace.limit == 32


def test_of_the_least_there_is_always_room() -> None:
    pace = Pace(least=2, limit=16)
    for turn in range(10):
        pace.slow_down(200.0 + turn * 10, None, too_many=True)
    assert (pace.limit, pace.ceiling) == (2, 2)
    for _ in range(100):
        pace.went_well(290.5)
    assert pace.limit == 2


@pytest.mark.parametrize(("limit", "share"), [(1, 1), (2, 2), (4, 3), (16, 12), (32, 24)])
def test_one_namespace_never_has_the_last_places_of_many(limit: int, share: int) -> None:
    assert Pace(limit=float(limit)).share() == share
