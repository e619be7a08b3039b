"""Delays grow, are capped, and leave their last part to chance."""

import pytest

from vgateway.kube.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [
        pytest.param(0, 1.0, 0.0, id="no-failure-no-wait"),
        pytest.param(1, 1.0, 1.0, id="the-first-waits-the-base"),
        pytest.param(3, 1.0, 4.0, id="each-further-one-doubles-it"),
        pytest.param(9, 1.0, 20.0, id="never-above-the-cap"),
        pytest.param(10_000, 1.0, 20.0, id="weeks-of-failures-do-not-overflow"),
        pytest.param(3, 0.0, 2.0, id="chance-takes-off-up-to-the-spread"),
        pytest.param(3, 0.5, 3.0, id="and-anything-between"),
    ],
)
def test_a_delay_follows_from_failures_and_chance(failures: int, chance: float, seconds: float) -> None:
    assert Backoff(base=1, cap=20, factor=2, spread=0.5).delay(failures, chance) == seconds
