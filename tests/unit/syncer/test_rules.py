import pytest

from tests.unit.syncer.world import World
from vgateway.kube.objects import HostObj, Obj, VirtualObj
from vgateway.syncer.rules import Change, Rule, apply_rules, digest, mirror, pull, push, settle


@pytest.mark.parametrize(
    ("virtual", "host", "settled"),
    [
        pytest.param(Change("t", moved=False), Change("h", moved=False), "t", id="without a memory the tenant wins"),
        pytest.param(Change("t", moved=True), Change("h", moved=True), "t", id="the tenant wins when both moved"),
        pytest.param(Change("t", moved=False), Change("h", moved=True), "h", id="the host wins when only it moved"),
        pytest.param(Change("t", moved=True), Change("h", moved=False), "t", id="the tenant wins when only it moved"),
    ],
)
def test_whoever_moved_decides(virtual: Change, host: Change, settled: str) -> None:
    assert settle(virtual, host) == settled


@pytest.mark.parametrize(
    ("rule", "seen", "on_host", "on_virtual"),
    [
        pytest.param(push("spec.f"), {}, {"spec": {"f": "tenant"}}, {}, id="a pushed field is put right on the host"),
        pytest.param(pull("spec.f"), {}, {}, {"spec": {"f": "host"}}, id="a pulled field follows the host"),
        pytest.param(
            mirror("spec.f"),
            {"spec.f": digest("tenant")},
            {},
            {"spec": {"f": "host"}},
            id="a mirrored field follows the host when only that moved",
        ),
        pytest.param(
            mirror("spec.f"),
            {"spec.f": digest("host")},
            {"spec": {"f": "tenant"}},
            {},
            id="a mirrored field follows the tenant when only that moved",
        ),
    ],
)
def test_a_rule_changes_the_side_that_does_not_own_the_value(
    rule: Rule, seen: dict[str, int], on_host: Obj, on_virtual: Obj
) -> None:
    virtual, host = VirtualObj({"spec": {"f": "tenant"}}), HostObj({"spec": {"f": "host", "other": 1}})
    changes = apply_rules((rule,), virtual, host, World().view, seen)
    assert (changes.host, changes.virtual, changes.virtual_status) == (on_host, on_virtual, {})


def test_what_is_pulled_into_the_status_goes_to_the_status_resource() -> None:
    host = HostObj({"status": {"x": 1}})
    changes = apply_rules((pull("status.x"),), VirtualObj({}), host, World().view, {})
    assert (changes.virtual, changes.virtual_status) == ({}, {"status": {"x": 1}})
