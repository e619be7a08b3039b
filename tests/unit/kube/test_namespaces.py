import pytest

from vgateway.kube.names import Names
from vgateway.kube.namespaces import Namespaces, captured
from vgateway.kube.objects import HostKey, VirtualKey

LINES = (("team-*", "${name}-team-*"), ("team-a", "first"), ("team-long-*", "long-*"), ("*-x", "x-*"))
SPREAD = Names("vc", "host-ns", Namespaces(LINES))


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("a", "a", ""),
        ("a", "b", None),
        ("a-*", "a-b", "b"),
        ("a-*", "a-", None),
        ("*-a", "b-a", "b"),
        ("a-*-b", "a-x-b", "x"),
        ("a-*-b", "a-b", None),
        ("*", "x", "x"),
    ],
)
def test_what_the_star_of_a_pattern_stands_for(pattern: str, name: str, found: str | None) -> None:
    assert captured(pattern, name) == found


@pytest.mark.parametrize(
    ("namespace", "host"),
    [
        ("team-b", "vc-team-b"),
        ("team-a", "first"),
        ("team-long-b", "long-b"),
        ("y-x", "x-y"),
        ("default", "vcluster-default-x-host-ns-x-vc"),
    ],
)
def test_each_namespace_has_one_of_the_hosts_and_objects_keep_their_names(namespace: str, host: str) -> None:
    assert SPREAD.host_key(VirtualKey(namespace, "web")) == HostKey(host, "web")


def test_a_long_name_of_a_namespace_is_shortened_as_others_are() -> None:
    assert len(SPREAD.namespace_of("n" * 63)) == 63
    assert SPREAD.namespace_of("n" * 63) != SPREAD.namespace_of("n" * 62)


def test_where_only_lines_count_the_others_stay_where_they_are() -> None:
    names = Names("vc", "host-ns", Namespaces(LINES, only=True))
    assert names.namespace_of("default") == ""
    assert names.namespace_of("team-b") == "vc-team-b"


def test_both_strategies_call_what_belongs_to_no_namespace_the_same() -> None:
    single = Names("vc", "host-ns")
    assert single.host_key(VirtualKey("", "fast")) == SPREAD.host_key(VirtualKey("", "fast"))
    assert single.host_key(VirtualKey("a", "web")) == HostKey("host-ns", "web-x-a-x-vc")
    assert (single.marker, SPREAD.marker) == ("vc", "host-ns-x-vc")
