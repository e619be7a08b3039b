from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.kube.objects import Obj
from vgateway.kube.quantity import format_quantity, parse_quantity, pod_requests, room_left


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("2", 2),
        ("1500m", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("2.", 2),
        ("1Ki", 1024),
        ("8Gi", 8 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("2k", 2000),
        ("3M", 3_000_000),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("12E2", 1200),
        ("1e-3", Fraction(1, 1000)),
        ("100n", Fraction(1, 10**7)),
        ("-1", -1),
    ],
)
def test_quantities_are_exact(text: str, amount: Any) -> None:
    assert parse_quantity(text) == amount


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1KI", "0x1", "1..2", "one", "1e", "Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        parse_quantity(text)


@given(st.fractions(min_value=0, max_value=2**60))
def test_written_amounts_are_never_more_than_there_is(amount: Fraction) -> None:
    for resource, unit in (("cpu", Fraction(1, 1000)), ("memory", Fraction(1))):
        written = parse_quantity(format_quantity(resource, amount))
        assert written <= amount < written + unit


def container(cpu: str, **fields: Any) -> Obj:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **fields}


ALWAYS = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, Fraction(3, 2)),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, 3),
        ({"containers": [container("2")], "initContainers": [container("1")]}, 2),
        # Sidecars run on: beside the containers, and beside what starts after them.
        ({"containers": [container("1")], "initContainers": [container("1", **ALWAYS)]}, 2),
        ({"containers": [container("1")], "initContainers": [container("1", **ALWAYS), container("3")]}, 4),
        ({"containers": [container("1")], "initContainers": [container("3"), container("1", **ALWAYS)]}, 3),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, Fraction(5, 4)),
        ({"containers": [container("3")], "resources": {"requests": {"cpu": "2"}}}, 2),
    ],
)
def test_a_pod_is_counted_as_a_scheduler_counts_it(spec: Obj, cpu: Any) -> None:
    assert pod_requests({"spec": spec}) == {"cpu": cpu, "pods": 1}


def test_what_is_left_is_what_there_is_less_what_is_asked_for() -> None:
    capacity = {"cpu": "4", "memory": "1Gi", "pods": "2", "example.com/gpu": "1"}
    taken = [pod_requests({"spec": {"containers": [container("1500m")]}})] * 3
    left = {"cpu": "0m", "memory": "1Gi", "pods": "0", "example.com/gpu": "1"}
    assert room_left(capacity, taken) == left
    assert room_left(capacity, taken[:1]) == left | {"cpu": "2500m", "pods": "1"}
    assert room_left(capacity, []) == capacity
