"""Who leads: one at a time, whatever the order in which replicas look, and soon again when it is lost."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.kube.election import Claim, Election, Terms

DATE = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
STAMP = "2026-01-02T03:04:05.000678Z"
TERMS = Terms(lease=15, renew=10, retry=2)


def election(identity: str = "us") -> Election:
    return Election("host", "vgateway-demo", identity, TERMS)


def held_by(holder: str, **spec: Any) -> dict[str, Any]:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "some time", **spec}
    return {"metadata": {"name": "vgateway-demo", "resourceVersion": "7"}, "spec": spec}


def test_where_there_is_no_lease_it_is_made_and_ours() -> None:
    claim = election().look(None, 0, DATE)
    assert claim is not None
    assert claim.new
    assert claim.body["metadata"] == {"name": "vgateway-demo", "namespace": "host"}
    assert claim.body["spec"] == {
        "holderIdentity": "us",
        "leaseDurationSeconds": 15,
        "acquireTime": STAMP,
        "renewTime": STAMP,
        "leaseTransitions": 0,
    }


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(held_by(""), id="given back"),
        pytest.param(held_by("us"), id="our own"),
        pytest.param({"metadata": {"name": "vgateway-demo", "resourceVersion": "7"}}, id="empty"),
    ],
)
def test_a_lease_that_nobody_else_holds_is_claimed_at_the_version_that_was_seen(lease: dict[str, Any]) -> None:
    claim = election().look(lease, 0, DATE)
    assert claim is not None
    assert not claim.new
    assert (claim.body["metadata"], claim.body["spec"]["holderIdentity"]) == (lease["metadata"], "us")


def test_renewing_changes_neither_when_we_began_nor_how_often_the_lease_changed_hands() -> None:
    claim = election().look(held_by("us", acquireTime="then", leaseTransitions=4), 0, DATE)
    assert claim is not None
    assert claim.body["spec"] == {
        "holderIdentity": "us",
        "leaseDurationSeconds": 15,
        "acquireTime": "then",
        "renewTime": STAMP,
        "leaseTransitions": 4,
    }


def test_anothers_lease_is_claimed_once_it_has_not_changed_for_as_long_as_it_says() -> None:
    ours, lease = election(), held_by("them", leaseDurationSeconds=30, leaseTransitions=4)
    assert ours.look(lease, 100, DATE) is None
    assert ours.look(lease, 129, DATE) is None
    claim = ours.look(lease, 130, DATE)
    assert claim is not None
    assert claim.body["spec"]["leaseTransitions"] == 5


def test_a_renewal_seen_starts_the_wait_anew_whatever_its_date_says() -> None:
    ours = election()
    assert ours.look(held_by("them"), 0, DATE) is None
    assert ours.look(held_by("them", renewTime="later"), 14, DATE) is None
    assert ours.look(held_by("them", renewTime="later"), 28, DATE) is None
    assert ours.look(held_by("them", renewTime="later"), 29, DATE) is not None


def test_a_lease_is_given_back_by_who_holds_it_alone() -> None:
    claim = election().release(held_by("us"), DATE)
    assert claim is not None
    assert (claim.body["spec"]["holderIdentity"], claim.body["spec"]["leaseDurationSeconds"]) == ("", 1)
    assert election().release(held_by("them"), DATE) is None


@dataclass
class Shared:
    """A Lease that takes a claim only at the version that the claimant saw."""

    lease: dict[str, Any] | None = None
    version: int = 0

    def take(self, claim: Claim) -> bool:
        seen = claim.body["metadata"].get("resourceVersion", "")
        if seen != (self.lease or {"metadata": {}})["metadata"].get("resourceVersion", ""):
            return False
        self.version += 1
        self.lease = {**claim.body, "metadata": {**claim.body["metadata"], "resourceVersion": str(self.version)}}
        return True


@dataclass
class Replica:
    """Looks, and claims later what it decided then; its clock has nothing to do with anybody else's."""

    election: Election
    skew: float
    held_since: float = float("-inf")
    claim: tuple[float, Claim] | None = field(default=None)

    def leads(self, now: float) -> bool:
        return now < self.held_since + TERMS.renew

    def act(self, what: str, shared: Shared, now: float) -> None:
        if what == "look":
            claim = self.election.look(shared.lease, now + self.skew, DATE.replace(microsecond=shared.version))
            self.claim = None if claim is None else (now, claim)
        elif self.claim is not None:
            began, claim = self.claim
            self.claim = None
            if shared.take(claim):
                self.held_since = began


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["look", "write"]), st.floats(0, 12)), max_size=60),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
)
def test_no_two_ever_lead_at_once_however_late_claims_arrive(
    acts: list[tuple[int, str, float]], skews: list[float]
) -> None:
    shared, now = Shared(), 0.0
    replicas = [Replica(election(f"replica-{number}"), skew) for number, skew in enumerate(skews)]
    for number, what, passes in acts:
        now += passes
        replicas[number].act(what, shared, now)
        assert sum(replica.leads(now) for replica in replicas) <= 1
