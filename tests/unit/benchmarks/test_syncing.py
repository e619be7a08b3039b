from typing import Any

import pytest

from benchmarks.syncing.objects import Load
from benchmarks.syncing.timeline import Timeline, delays, percentile
from benchmarks.syncing.writes import HOST, TOKENS, VIRTUAL, count, requests

EXPOSITION = """# HELP apiserver_request_total [STABLE] Counter of apiserver requests.
apiserver_request_total{code="201",group="",resource="pods",subresource="",verb="POST"} 7
apiserver_request_total{code="409",group="",resource="pods",subresource="",verb="POST"} 2
apiserver_request_total{code="200",group="",resource="pods",subresource="status",verb="PATCH"} 1.5e+01
apiserver_request_total{code="201",group="",resource="serviceaccounts",subresource="token",verb="POST"} 4
apiserver_request_duration_seconds_count{verb="POST",resource="pods"} 9
"""


def event(kind: str, name: str, phase: str = "Pending", **annotations: str) -> dict[str, Any]:
    meta = {"name": name, "annotations": {f"vcluster.loft.sh/{key}": value for key, value in annotations.items()}}
    return {"type": kind, "object": {"metadata": meta, "status": {"phase": phase}}}


def test_a_pod_counts_from_when_it_was_first_seen_and_first_ran() -> None:
    timeline = Timeline()
    for at, one in enumerate(
        (event("ADDED", "a"), event("MODIFIED", "a", "Running"), event("MODIFIED", "a", "Running"))
    ):
        timeline.note(one, float(at))
    assert (timeline.seen, timeline.running, timeline.there) == ({"a": 0.0}, {"a": 1.0}, {"a"})
    timeline.note(event("DELETED", "a"), 3.0)
    assert not timeline.there


def test_a_copy_goes_by_the_tenants_name_and_a_bookmark_by_none() -> None:
    timeline = Timeline()
    timeline.note(event("ADDED", "a-x-b-x-vc", **{"object-name": "a"}), 1.0)
    timeline.note({"type": "BOOKMARK", "object": {"metadata": {}}}, 2.0)
    assert timeline.seen == {"a": 1.0}


def test_delays_are_sorted_and_what_was_seen_in_the_wrong_order_took_no_time() -> None:
    assert delays({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 4.0, "b": 1.5, "d": 9.0}) == [0.0, 3.0]


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_of_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(one) for one in range(1, 101)], share) == value


def test_only_what_succeeded_counts_as_a_write() -> None:
    found = requests(EXPOSITION)
    assert found["POST", "pods", ""] == 7
    assert (count(requests(""), found, HOST), count(requests(""), found, VIRTUAL)) == (7, 15)
    assert count(requests(""), found, TOKENS) == 4


def test_a_hundred_deployments_share_the_pods() -> None:
    bodies = Load("n", 1000, deployments=True).bodies()
    assert len(bodies) == 100
    assert all(b'"replicas":10,' in body for body in bodies)
    assert len(Load("n", 7).bodies()) == 7
