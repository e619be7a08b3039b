from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.kube.user import User
from vgateway.kubelet.reviews import Access
from vgateway.kubelet.verdicts import Verdicts


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_verdict_lives_as_long_as_it_was_put_for() -> None:
    clock = Clock()
    verdicts: Verdicts[bool] = Verdicts(clock=clock)
    key = verdicts.key(["a"])
    verdicts.put(key, verdict=False, seconds=2)

    clock.now = 1.9
    assert verdicts.get(key) is False
    clock.now = 2.0
    assert verdicts.get(key) is None
    assert len(verdicts) == 0


def test_the_memory_is_bounded_and_what_was_not_used_longest_goes() -> None:
    verdicts: Verdicts[int] = Verdicts(size=2, clock=Clock())
    keys = [verdicts.key(number) for number in range(3)]
    verdicts.put(keys[0], 0, 10)
    verdicts.put(keys[1], 1, 10)
    verdicts.get(keys[0])
    verdicts.put(keys[2], 2, 10)

    assert [verdicts.get(key) for key in keys] == [0, None, 2]


def test_keys_tell_nothing_about_the_secret_and_differ_from_process_to_process() -> None:
    first: Verdicts[bool] = Verdicts()
    second: Verdicts[bool] = Verdicts()

    assert first.key("token") == first.key("token") != second.key("token")
    assert b"token" not in first.key("token")


JANE = Access(User("jane", ("dev", "ops"), "7", {"scopes": ("a", "b")}), "get", "proxy", "node-1")


@pytest.mark.parametrize(
    "other",
    [
        replace(JANE, node="node-2"),
        replace(JANE, node=""),
        replace(JANE, verb="create"),
        replace(JANE, subresource="metrics"),
        replace(JANE, user=replace(JANE.user, name="joe")),
        replace(JANE, user=replace(JANE.user, uid="8")),
        replace(JANE, user=replace(JANE.user, uid="")),
        replace(JANE, user=replace(JANE.user, groups=("dev",))),
        replace(JANE, user=replace(JANE.user, groups=("devops",))),
        replace(JANE, user=replace(JANE.user, extra={})),
        replace(JANE, user=replace(JANE.user, extra={"scopes": ("a",)})),
        replace(JANE, user=replace(JANE.user, extra={"scopes": ("ab",)})),
        replace(JANE, user=replace(JANE.user, extra={"scope": ("a", "b")})),
    ],
)
def test_accesses_that_differ_in_anything_share_no_verdict(other: Access) -> None:
    verdicts: Verdicts[bool] = Verdicts()

    assert verdicts.key(other.basis()) != verdicts.key(JANE.basis())


TEXT = st.text(alphabet='ab,:"[]', max_size=3)
USERS = st.builds(
    User,
    TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
    TEXT,
    st.dictionaries(TEXT, st.lists(TEXT, max_size=2).map(tuple), max_size=2),
)
ACCESSES = st.builds(Access, USERS, TEXT, TEXT, TEXT)


def fields(access: Access) -> Any:
    user = access.user
    return user.name, user.groups, user.uid, dict(user.extra), access.verb, access.subresource, access.node


@given(ACCESSES, ACCESSES)
def test_two_accesses_share_a_verdict_exactly_when_all_of_them_is_equal(first: Access, second: Access) -> None:
    verdicts: Verdicts[bool] = Verdicts()

    assert (verdicts.key(first.basis()) == verdicts.key(second.basis())) is (fields(first) == fields(second))
