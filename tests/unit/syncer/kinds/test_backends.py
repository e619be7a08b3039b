"""Services without selector: who is the author of their addresses, on both sides."""

from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_service, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.backends import ENDPOINTS_AUTHOR, EndpointsKind, EndpointSliceKind
from vgateway.syncer.kinds.service import ServiceKind
from vgateway.syncer.resources import ENDPOINTS, ENDPOINTSLICES, SERVICES
from vgateway.syncer.steps import CreateHost, DeleteHost, PatchHost

KEY = VirtualKey("default", "db")
ADDRESS = {"ip": "10.1.1.1", "nodeName": "n1", "targetRef": {"kind": "Pod", "name": "p", "namespace": "a", "uid": "u"}}
HOST_TARGET = {"kind": "Pod", "name": "p-x-a-x-vc", "namespace": "host-ns"}
LONG = "s" * 60


def endpoints(**fields: Any) -> Obj:
    meta = {"name": "db", "namespace": "default"}
    subsets = [{"addresses": [ADDRESS], "ports": [{"port": 5432}]}]
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": subsets, **fields}


def piece(service: str = "db", **labels: str) -> Obj:
    own = {"kubernetes.io/service-name": service, **labels}
    return {
        "metadata": {"name": "db-1", "namespace": "default", "labels": own},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.1.1"], "targetRef": ADDRESS["targetRef"]}],
        "ports": [{"port": 5432}],
    }


def by_hand(name: str = "db") -> World:
    """Two clusters with a Service without selector on both sides."""
    world = World()
    world.virtual[SERVICES].put(a_service(name, selector=None))
    world.round(ServiceKind(), VirtualKey("default", name))
    return world


def test_endpoints_of_a_service_without_selector_are_copied_with_their_pods_names() -> None:
    world = by_hand()
    world.virtual[ENDPOINTS].put(endpoints())
    (made,) = world.round(EndpointsKind(), KEY)
    assert isinstance(made, CreateHost)
    assert made.body["subsets"] == [{"addresses": [{**ADDRESS, "targetRef": HOST_TARGET}], "ports": [{"port": 5432}]}]
    assert world.plan(EndpointsKind(), KEY) == []


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(None, id="that-come-before-their-service"),
        pytest.param(a_service("db"), id="that-the-hosts-controller-knows-by-a-selector"),
        pytest.param(a_service("db", selector=None, type="ExternalName"), id="of-a-name-elsewhere"),
    ],
)
def test_no_endpoints_are_copied(service: Obj | None) -> None:
    world = World()
    if service:
        world.virtual[SERVICES].put(service)
    world.virtual[ENDPOINTS].put(endpoints())
    assert world.plan(EndpointsKind(), KEY) == []


def test_endpoints_wait_while_a_controllers_are_left_of_a_service_that_is_not_there() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service("db", selector=None))
    derived = {"name": "db-x-default-x-vc", "namespace": "host-ns", "labels": {ENDPOINTS_AUTHOR: "endpoint-controller"}}
    world.host[ENDPOINTS].put({"metadata": derived, "subsets": []})
    world.virtual[ENDPOINTS].put(endpoints())
    assert world.plan(EndpointsKind(), KEY) == []
    world.host[ENDPOINTS].by_key.clear()
    assert [type(step) for step in world.plan(EndpointsKind(), KEY)] == [CreateHost]


def test_a_service_that_gains_a_selector_leaves_its_addresses_to_the_hosts_controller() -> None:
    world = by_hand()
    world.virtual[ENDPOINTS].put(endpoints())
    world.round(EndpointsKind(), KEY)
    world.virtual[SERVICES].put(a_service("db"))
    (gone,) = world.round(EndpointsKind(), KEY)
    assert isinstance(gone, DeleteHost)
    assert world.plan(EndpointsKind(), KEY) == []


def test_a_service_that_loses_its_selector_gets_the_tenants_addresses_in_place_of_derived_ones() -> None:
    world = by_hand()
    derived = {"name": "db-x-default-x-vc", "namespace": "host-ns", "labels": {ENDPOINTS_AUTHOR: "endpoint-controller"}}
    world.host[ENDPOINTS].put({"metadata": derived, "subsets": []})
    world.virtual[ENDPOINTS].put(endpoints())
    (gone,) = world.round(EndpointsKind(), KEY)
    (made,) = world.round(EndpointsKind(), KEY)
    assert isinstance(gone, DeleteHost)
    assert isinstance(made, CreateHost)
    assert writes(world.plan(EndpointsKind(), KEY)) == []


def test_endpoints_that_somebody_on_the_host_made_by_hand_are_left_alone() -> None:
    world = by_hand()
    world.host[ENDPOINTS].put({"metadata": {"name": "db-x-default-x-vc", "namespace": "host-ns"}})
    world.virtual[ENDPOINTS].put(endpoints())
    assert writes(world.plan(EndpointsKind(), KEY)) == []


def test_the_mark_of_the_tenants_controller_stays_with_the_tenant() -> None:
    world = by_hand()
    meta = {"name": "db", "namespace": "default", "labels": {ENDPOINTS_AUTHOR: "endpoint-controller", "a": "b"}}
    world.virtual[ENDPOINTS].put(endpoints(metadata=meta))
    world.round(EndpointsKind(), KEY)
    found = host_of(world, ENDPOINTS, "db")["metadata"]["labels"]
    assert found["a"] == "b"
    assert ENDPOINTS_AUTHOR not in found


def test_a_slice_names_the_hosts_service_however_long_the_name() -> None:
    world = by_hand(LONG)
    world.virtual[ENDPOINTSLICES].put(piece(LONG))
    world.round(EndpointSliceKind(), VirtualKey("default", "db-1"))
    copy = host_of(world, ENDPOINTSLICES, "db-1")
    name = copy["metadata"]["labels"]["kubernetes.io/service-name"]
    assert name == NAMES.host_name(LONG, "default")
    assert len(name) <= 63
    assert copy["endpoints"][0]["targetRef"] == HOST_TARGET
    assert world.plan(EndpointSliceKind(), VirtualKey("default", "db-1")) == []


def test_ports_and_endpoints_of_a_slice_both_follow() -> None:
    world = by_hand()
    mine = world.virtual[ENDPOINTSLICES].put(piece())
    world.round(EndpointSliceKind(), VirtualKey("default", "db-1"))
    mine["ports"], mine["endpoints"] = [{"port": 1}], [{"addresses": ["10.1.1.2"]}]
    (patch,) = world.round(EndpointSliceKind(), VirtualKey("default", "db-1"))
    assert isinstance(patch, PatchHost)
    assert patch.patch == {"ports": [{"port": 1}], "endpoints": [{"addresses": ["10.1.1.2"]}]}


@pytest.mark.parametrize("author", ["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"])
def test_slices_that_a_controller_makes_are_made_by_the_hosts_own(author: str) -> None:
    world = by_hand()
    world.virtual[ENDPOINTSLICES].put(piece(**{"endpointslice.kubernetes.io/managed-by": author}))
    assert world.plan(EndpointSliceKind(), VirtualKey("default", "db-1")) == []


def test_slices_wait_for_their_service_and_go_with_it() -> None:
    world = World()
    world.virtual[ENDPOINTSLICES].put(piece())
    key = VirtualKey("default", "db-1")
    assert world.plan(EndpointSliceKind(), key) == []
    world.virtual[SERVICES].put(a_service("db", selector=None))
    world.round(EndpointSliceKind(), key)
    world.virtual[SERVICES].by_key.clear()
    (gone,) = world.round(EndpointSliceKind(), key)
    assert isinstance(gone, DeleteHost)


def test_while_the_hosts_service_still_has_its_selector_nothing_is_said_of_what_its_controller_writes() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service("db"))
    world.round(ServiceKind(), KEY)
    world.host[ENDPOINTS].put(
        {
            "metadata": {
                "name": NAMES.host_name("db", "default"),
                "namespace": "host-ns",
                "labels": {ENDPOINTS_AUTHOR: "x"},
            }
        }
    )
    found = world.virtual[SERVICES].get("default", "db")
    assert found is not None
    del found["spec"]["selector"]
    world.virtual[ENDPOINTS].put(endpoints())
    assert world.plan(EndpointsKind(), KEY) == []
    world.round(ServiceKind(), KEY)
    (step,) = writes(world.plan(EndpointsKind(), KEY))[:1]
    assert isinstance(step, PatchHost | DeleteHost)
