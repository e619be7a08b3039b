import pytest

from benchmarks.figures import FIGURES, Figure, Samples, Spread, at_least, at_most, matching, verdict


def figure(name: str) -> Figure:
    return next(one for one in FIGURES if one.name == name)


@pytest.mark.parametrize(
    ("ours", "nginx", "reached"),
    [
        (0.12, 0.07, True),
        (0.12, None, None),
        (0.14, None, False),
        (0.14, 0.10, False),
        (0.12, 0.05, False),
        (None, 0.05, None),
    ],
)
def test_a_limit_with_a_ratio_asks_for_both(ours: float | None, nginx: float | None, reached: bool | None) -> None:
    cpu = Figure("cpu", "ms", "", 3, at_most(0.13, times_nginx=1.8))
    assert verdict(cpu, {"direct": None, "nginx": nginx, "vgateway": ours}) is reached


def test_a_lower_limit_is_reached_from_above() -> None:
    share = Figure("share", "", "", 2, at_least(0.75))
    assert verdict(share, {"direct": 1.0, "nginx": 0.8, "vgateway": 0.75}) is True
    assert verdict(share, {"direct": 1.0, "nginx": 0.8, "vgateway": 0.74}) is False


def test_the_document_holds_medians_and_null_for_what_was_not_measured() -> None:
    samples = Samples()
    for value in (3.0, 1.0, 2.0):
        samples.add("relay.get.small.cpu_ms", "vgateway", value)
    assert samples.spread("relay.get.small.cpu_ms", "vgateway") == Spread(2.0, 1.0, 3.0)
    assert samples.document() == {"relay.get.small.cpu_ms": {"direct": None, "nginx": None, "vgateway": 2.0}}


def test_a_figure_is_asked_for_by_name_or_by_the_start_of_it() -> None:
    assert matching([]) == {one.name for one in FIGURES if not one.asked}
    assert matching(["sync.churn"]) == {one.name for one in FIGURES if one.name.startswith("sync.churn.")}
    assert matching(["watch"]) == {"watch.idle.kib"}
    assert matching(["relay.get.small.rps"]) == {"relay.get.small.rps"}
    assert "relay.get.100k.cpu_ms" not in matching(["relay.get.small"])


def test_a_figure_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"no such figure: relay\.got"):
        matching(["watch", "relay.got"])
