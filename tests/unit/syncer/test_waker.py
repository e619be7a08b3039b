from typing import Any

import orjson
import pytest

from vgateway.kube.objects import Obj
from vgateway.kube.store import Change
from vgateway.syncer.kind import Hint, Side
from vgateway.syncer.waker import rank_of
from vgateway.syncer.workqueue import Rank


def a_pod(**meta: Any) -> Obj:
    return {"metadata": {"name": "a", "namespace": "default", **meta}}


def hint(old: Obj | None, new: Obj | None) -> Hint:
    return Hint(Change(("default", "a"), *(None if one is None else orjson.dumps(one) for one in (old, new))))


@pytest.mark.parametrize(
    ("side", "old", "new", "rank"),
    [
        (Side.VIRTUAL, a_pod(), a_pod(generation=2), Rank.ASKED),
        (Side.VIRTUAL, None, a_pod(), Rank.ASKED),
        (Side.HOST, None, a_pod(), Rank.ASKED),
        (Side.HOST, a_pod(), None, Rank.ASKED),
        (Side.HOST, a_pod(), a_pod(deletionTimestamp="2026-01-01T00:00:00Z"), Rank.ASKED),
        (Side.HOST, a_pod(), a_pod(resourceVersion="2"), Rank.REPORTED),
    ],
)
def test_wishes_beginnings_and_ends_are_more_urgent_than_what_is_reported_in_between(
    side: Side, old: Obj | None, new: Obj | None, rank: Rank
) -> None:
    assert rank_of(side, hint(old, new)) is rank
