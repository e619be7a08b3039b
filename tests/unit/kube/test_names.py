"""Host names: vCluster's formulas, their limits, and what they cannot tell apart."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vgateway.kube.names import Names, safe_concat, short_hash
from vgateway.kube.objects import HostKey, HostObj, Resource, VirtualKey, VirtualObj
from vgateway.kube.ownership import is_twin, owner_annotations, owner_labels, owner_of

NAMES = Names("vc", "host-ns")
PODS = Resource("", "v1", "pods", "Pod")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")

labels = st.from_regex(LABEL, fullmatch=True).filter(lambda text: len(text) <= 63)
subdomains = st.lists(labels, min_size=1, max_size=5).map(".".join).filter(lambda text: len(text) <= 253)
keys = st.builds(VirtualKey, labels, subdomains)


def twin(key: VirtualKey, uid: str = "u1") -> HostObj:
    """The host object that is made for a virtual one."""
    virtual = VirtualObj({"metadata": {"name": key.name, "namespace": key.namespace, "uid": uid}})
    host = NAMES.host_key(key)
    return HostObj(
        {
            "metadata": {
                "name": host.name,
                "namespace": host.namespace,
                "labels": owner_labels(NAMES, key),
                "annotations": owner_annotations(NAMES, PODS, virtual),
            }
        }
    )


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param(("web", "x", "team-a", "x", "vc"), "web-x-team-a-x-vc", id="short-ones-are-joined"),
        pytest.param(("a" * 63,), "a" * 63, id="sixty-three-fit"),
        pytest.param(("a" * 64,), "a" * 52 + "-ffe054fe7a", id="one-more-keeps-52-and-a-digest-of-the-whole"),
        pytest.param(
            ("a" * 51 + ".b", "c" * 20),
            "a" * 51 + "-" + short_hash("a" * 51 + ".b-" + "c" * 20),
            id="no-dot-before-the-digest",
        ),
    ],
)
def test_parts_are_joined_as_vcluster_joins_them(parts: tuple[str, ...], expected: str) -> None:
    assert safe_concat(*parts) == expected


def test_the_names_that_are_not_of_one_object() -> None:
    assert NAMES.root_ca == "vcluster-kube-root-ca.crt-x-vc"
    assert NAMES.workload_service_account == "vc-workload-vc"
    assert NAMES.cluster_marker == "host-ns-x-vc"
    assert NAMES.cluster_name("fast") == "vcluster-fast-x-host-ns-x-vc"


@given(keys)
def test_a_host_name_is_a_legal_name_of_at_most_63_characters(key: VirtualKey) -> None:
    name = NAMES.host_key(key).name

    assert len(name) <= 63
    assert SUBDOMAIN.fullmatch(name)


@given(st.builds(VirtualKey, labels, labels))
def test_a_name_without_dots_stays_without_dots(key: VirtualKey) -> None:
    assert LABEL.fullmatch(NAMES.host_key(key).name)


@given(keys, keys)
def test_names_that_hold_no_separator_never_collide(one: VirtualKey, other: VirtualKey) -> None:
    assume(one != other)
    assume(not any("-x-" in f"-{part}-" for key in (one, other) for part in (key.name, key.namespace)))

    assert NAMES.host_key(one) != NAMES.host_key(other)


@given(keys, keys)
def test_whatever_the_names_a_host_object_has_one_owner_and_it_can_be_read_back(
    one: VirtualKey, other: VirtualKey
) -> None:
    assert owner_of(NAMES, PODS, twin(one)) == one
    assert (owner_of(NAMES, PODS, twin(one)) == other) is (one == other)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (VirtualKey("c", "a-x-b"), VirtualKey("b-x-c", "a")),
        (VirtualKey("x-x-b", "a"), VirtualKey("b", "a-x-x")),
    ],
)
def test_two_objects_that_share_a_host_name_are_told_apart_by_the_owner_annotations(
    first: VirtualKey, second: VirtualKey
) -> None:
    """vCluster's formula is ambiguous where a name holds ``-x-``; the second object must be refused, not merged."""
    assert NAMES.host_key(first) == NAMES.host_key(second)

    taken = twin(first)
    latecomer = VirtualObj({"metadata": {"name": second.name, "namespace": second.namespace, "uid": "u2"}})
    assert owner_of(NAMES, PODS, taken) == first
    assert not is_twin(NAMES, PODS, latecomer, taken)


def test_another_virtual_cluster_in_the_same_namespace_gets_other_names() -> None:
    other = Names("vc2", "host-ns")

    assert other.host_key(VirtualKey("ns", "a")) == HostKey("host-ns", "a-x-ns-x-vc2")
    assert owner_of(other, PODS, twin(VirtualKey("ns", "a"))) is None
