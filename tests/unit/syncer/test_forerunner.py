"""The host's copy of a Service that the tenant's cluster does not have yet."""

from typing import Any

import pytest

from tests.unit.syncer.world import World, a_service, writes
from vgateway.kube.objects import HostObj, Obj, VirtualKey, VirtualObj, annotations
from vgateway.syncer.forerunner import host_draft, with_host_addresses
from vgateway.syncer.kinds.service import BLOCK_DELETION, ServiceKind
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.steps import DeleteHost, PatchHost, Requeue

KIND = ServiceKind()
KEY = VirtualKey("default", "web")


def asked(**spec: Any) -> Obj:
    return {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80, "targetPort": 8080}], **spec}}


def draft(**spec: Any) -> VirtualObj:
    made = a_service(**spec)
    made["spec"]["ports"] = [{"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 31111}]
    return VirtualObj(made)


@pytest.mark.parametrize(
    ("wish", "kept"),
    [
        pytest.param({}, {}, id="nothing-in-particular"),
        pytest.param({"clusterIP": "10.96.7.7"}, {"clusterIP": "10.96.7.7"}, id="an-address"),
        pytest.param({"ipFamilyPolicy": "PreferDualStack"}, {"ipFamilyPolicy": "PreferDualStack"}, id="two-families"),
    ],
)
def test_the_host_is_asked_for_the_addresses_that_the_tenant_chose_itself(wish: Obj, kept: Obj) -> None:
    spec = host_draft(KIND, asked(**wish), draft(), World().view)["spec"]
    found = {name: spec[name] for name in ("clusterIP", "clusterIPs", "ipFamilyPolicy") if name in spec}
    assert found == kept
    assert "nodePort" not in spec["ports"][0]


def test_a_node_port_that_the_tenant_chose_is_asked_for() -> None:
    ports = [{"port": 80, "targetPort": 8080, "nodePort": 30123}]
    spec = host_draft(KIND, asked(type="NodePort", ports=ports), draft(type="NodePort"), World().view)["spec"]
    assert spec["ports"][0]["nodePort"] == 30123


def test_the_tenants_cluster_is_asked_for_what_the_host_gave_under_the_name_that_was_drawn() -> None:
    wish = {"metadata": {"generateName": "web-"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    given = {
        "clusterIP": "10.96.9.9",
        "clusterIPs": ["10.96.9.9"],
        "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30500}],
    }
    wanted = with_host_addresses(wish, {"metadata": {"name": "web-x7k2p"}}, HostObj({"spec": given}))
    assert wanted["metadata"] == {"generateName": "web-", "name": "web-x7k2p"}
    assert wanted["spec"]["clusterIP"] == "10.96.9.9"
    assert wanted["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "nodePort": 30500}]


def test_the_copy_is_taken_over_by_the_service_that_comes_and_loses_its_mark() -> None:
    world = World()
    copy = world.host[SERVICES].put(host_draft(KIND, asked(), draft(), world.view))
    copy["spec"]["clusterIP"] = "10.96.1.1"
    copy["metadata"]["creationTimestamp"] = "2026-09-21T14:13:00Z"
    service = world.virtual[SERVICES].put(a_service())
    steps = world.round(KIND, KEY)
    assert [type(step) for step in writes(steps)] == [PatchHost]
    (copy,) = world.host[SERVICES]
    assert BLOCK_DELETION not in annotations(copy)
    assert annotations(copy)["vcluster.loft.sh/object-uid"] == service["metadata"]["uid"]
    assert writes(world.plan(KIND, KEY)) == []


def test_a_copy_for_which_nothing_comes_waits_and_goes() -> None:
    world = World()
    copy = world.host[SERVICES].put(host_draft(KIND, asked(), draft(), world.view))
    copy["metadata"]["creationTimestamp"] = "2026-09-21T14:13:00Z"
    assert [type(step) for step in world.plan(KIND, KEY)] == [Requeue]
    copy["metadata"]["creationTimestamp"] = "2026-09-21T14:00:00Z"
    assert [type(step) for step in world.plan(KIND, KEY)] == [DeleteHost]


def test_a_patch_that_says_nothing_of_ports_gets_the_hosts_node_ports() -> None:
    given = {"clusterIP": "10.96.9.9", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30500}]}
    wanted = with_host_addresses({"spec": {"type": "NodePort"}}, draft(type="NodePort"), HostObj({"spec": given}))
    assert wanted["metadata"] == {"name": "web"}
    assert wanted["spec"]["clusterIP"] == "10.96.9.9"
    assert [port["nodePort"] for port in wanted["spec"]["ports"]] == [30500]
    assert (
        "ports" not in with_host_addresses({"spec": {}}, draft(), HostObj({"spec": {"ports": [{"port": 80}]}}))["spec"]
    )
