from vgateway.syncer.pace import Pace


def test_successes_raise_the_limit_up_to_the_most() -> None:
    pace = Pace(most=20, limit=16)
    for _ in range(1000):
        pace.went_well()
    assert pace.limit == 20
    assert pace.allows(19, 0.0)
    assert not pace.allows(20, 0.0)


def test_a_429_halves_the_limit_and_nothing_starts_for_as_long_as_the_host_asked() -> None:
    pace = Pace(limit=16)
    pace.slow_down(100.0, 3.0)
    assert (pace.limit, pace.opens()) == (8, 103.0)
    assert not pace.allows(0, 102.9)
    assert pace.allows(7, 103.0)


def test_answers_that_fail_in_a_row_make_pauses_that_grow_up_to_a_few_seconds_and_a_good_one_ends_the_row() -> None:
    pace, now, pauses = Pace(limit=16), 100.0, []
    for _ in range(8):
        assert pace.slow_down(now, None)
        assert not pace.slow_down(now, None), "those that were under way say nothing new"
        pauses.append(round(pace.opens() - now, 3))
        now = pace.opens()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert pace.limit == 2
    pace.went_well()
    pace.slow_down(now, None)
    assert round(pace.opens() - now, 3) == 0.2


def test_what_the_server_asks_for_counts_when_it_is_longer_than_the_pause() -> None:
    pace = Pace()
    pace.slow_down(100.0, 30.0)
    assert pace.opens() == 130.0


def test_further_429s_of_the_same_pause_count_once_and_the_least_stays() -> None:
    pace = Pace(least=2, limit=16)
    for _ in range(5):
        pace.slow_down(100.0, 1.0)
    assert pace.limit == 8
    for turn in range(10):
        pace.slow_down(200.0 + turn * 10, None)
    assert pace.limit == 2
