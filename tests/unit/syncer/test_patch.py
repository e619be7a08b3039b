import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.kube.objects import Obj
from vgateway.syncer.patch import cover, merge, merge_diff, put_difference

KEYS = st.sampled_from("abcd")
LEAVES = st.integers(0, 3) | st.text("xy", max_size=2) | st.lists(st.integers(0, 2), max_size=2)
OBJECTS = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3), lambda inner: st.dictionaries(KEYS, LEAVES | inner, max_size=3)
)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="equal objects need no patch"),
        pytest.param({"a": 1, "b": 2}, {"b": 2}, {"a": None}, id="what is gone is removed"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, {"a": {"y": 3}}, id="maps differ by key"),
        pytest.param({"a": [1, 2]}, {"a": [2]}, {"a": [2]}, id="lists are replaced whole"),
        pytest.param({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a value becomes a map"),
    ],
)
def test_a_difference_names_only_what_differs(before: Obj, after: Obj, patch: Obj) -> None:
    assert merge_diff(before, after) == patch


@given(OBJECTS, OBJECTS)
def test_applying_a_difference_gives_the_other_object(before: Obj, after: Obj) -> None:
    assert merge(before, merge_diff(before, after)) == after


@given(OBJECTS)
def test_an_object_does_not_differ_from_itself(obj: Obj) -> None:
    assert merge_diff(obj, obj) == {}
    assert cover(obj, obj) == {}


@given(OBJECTS, OBJECTS)
def test_covering_gives_every_wanted_field_and_is_then_satisfied(have: Obj, want: Obj) -> None:
    after = merge(have, cover(have, want))
    assert cover(after, want) == {}
    assert all(name in after for name in have)


def test_a_difference_at_a_path_makes_its_parents() -> None:
    patch: Obj = {"spec": {"type": "NodePort"}}
    put_difference(patch, "spec.selector", {"a": "1", "b": "2"}, {"a": "1"})
    put_difference(patch, "data", None, None)
    assert patch == {"spec": {"type": "NodePort", "selector": {"b": None}}}
