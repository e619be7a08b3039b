import orjson
import pytest

from tests.unit.syncer.world import NAMES, World, a_service, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.kube.ownership import MANAGED_BY, NAMESPACE_LABEL
from vgateway.syncer.kinds.service import (
    ASKED_PORTS,
    BLOCK_DELETION,
    REMADE,
    ServiceKind,
    with_node_ports,
    without_addresses,
)
from vgateway.syncer.resources import SERVICES
from vgateway.syncer.steps import CreateHost, CreateVirtual, DeleteHost, DeleteVirtual, PatchHost, PatchVirtual, Requeue

KIND = ServiceKind()
KEY = VirtualKey("default", "web")


@pytest.fixture
def world() -> World:
    found = World()
    found.virtual[SERVICES].put(a_service())
    return found


def the_virtual(world: World) -> Obj:
    found = world.virtual[SERVICES].get("default", "web")
    assert found is not None
    return found


def test_the_host_is_asked_for_the_tenants_address_and_otherwise_chooses(world: World) -> None:
    (step,) = world.plan(KIND, KEY)
    assert isinstance(step, CreateHost)
    assert step.body["spec"]["clusterIP"] == "10.96.1.1"
    assert step.body["spec"]["selector"] == {"app": "web", NAMESPACE_LABEL: "default", MANAGED_BY: "vc"}
    assert step.otherwise is not None
    assert "clusterIP" not in step.otherwise["spec"]


def test_a_service_whose_address_was_taken_is_made_anew_with_the_hosts(world: World) -> None:
    world.round(KIND, KEY)
    host_of(world, SERVICES, "web")["spec"]["clusterIP"] = "10.96.7.7"
    keep, gone, made = writes(world.round(KIND, KEY))
    assert isinstance(keep, PatchHost)
    assert isinstance(gone, DeleteVirtual)
    assert isinstance(made, CreateVirtual)
    assert the_virtual(world)["spec"]["clusterIP"] == "10.96.7.7"
    world.round(KIND, KEY)
    assert REMADE not in host_of(world, SERVICES, "web")["metadata"]["annotations"]
    assert world.plan(KIND, KEY) == []


def test_a_copy_that_an_earlier_service_left_is_made_anew_when_the_new_one_is_headless(world: World) -> None:
    world.round(KIND, KEY)
    left = host_of(world, SERVICES, "web")
    ours = world.virtual[SERVICES].get("default", "web")
    assert ours is not None
    ours["metadata"]["uid"], ours["spec"]["clusterIP"] = "another", "None"
    (gone,) = [step for step in world.plan(KIND, KEY) if isinstance(step, DeleteHost)]
    assert gone.uid == left["metadata"]["uid"]
    assert not any(isinstance(step, DeleteVirtual) for step in world.plan(KIND, KEY))


def test_a_crash_between_deleting_and_making_anew_loses_no_service(world: World) -> None:
    world.round(KIND, KEY)
    host_of(world, SERVICES, "web")["spec"]["clusterIP"] = "10.96.7.7"
    keep, gone, *_ = world.plan(KIND, KEY)
    world.perform(KIND, KEY, keep)
    world.perform(KIND, KEY, gone)
    (made,) = world.round(KIND, KEY)
    assert isinstance(made, CreateVirtual)
    assert the_virtual(world)["spec"]["selector"] == {"app": "web"}


def test_a_host_copy_that_was_made_first_waits_for_its_service_for_a_while() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service())
    world.round(KIND, KEY)
    world.virtual[SERVICES].by_key.clear()
    host = host_of(world, SERVICES, "web")
    host["metadata"]["annotations"][BLOCK_DELETION] = "true"
    host["metadata"]["creationTimestamp"] = "2026-09-21T14:13:00Z"
    (wait,) = world.plan(KIND, KEY)
    assert isinstance(wait, Requeue)
    host["metadata"]["creationTimestamp"] = "2026-09-21T14:00:00Z"
    (gone,) = world.plan(KIND, KEY)
    assert isinstance(gone, DeleteHost)


def test_node_ports_are_the_hosts(world: World) -> None:
    the_virtual(world)["spec"] |= {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}]}
    world.round(KIND, KEY)
    host_of(world, SERVICES, "web")["spec"]["ports"][0]["nodePort"] = 31234
    (step,) = writes(world.round(KIND, KEY))
    assert isinstance(step, PatchVirtual)
    assert the_virtual(world)["spec"]["ports"][0]["nodePort"] == 31234
    world.round(KIND, KEY)  # what the tenant has now is noted as what it asks for
    assert world.plan(KIND, KEY) == []


def test_a_change_of_the_ports_goes_to_the_host_and_keeps_its_node_ports() -> None:
    ours = [{"port": 80, "protocol": "TCP", "nodePort": 1}, {"port": 443, "protocol": "TCP", "nodePort": 5}]
    theirs = [{"port": 80, "protocol": "TCP", "nodePort": 31234}]
    assert [port["nodePort"] for port in with_node_ports(ours, theirs)] == [31234, 5]


def test_the_load_balancers_address_comes_back(world: World) -> None:
    the_virtual(world)["spec"]["type"] = "LoadBalancer"
    world.round(KIND, KEY)
    host_of(world, SERVICES, "web")["status"] = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}
    (step,) = writes(world.round(KIND, KEY))
    assert isinstance(step, PatchVirtual)
    assert (step.subresource, the_virtual(world)["status"]["loadBalancer"]) == (
        "status",
        {"ingress": [{"ip": "1.2.3.4"}]},
    )


def test_a_new_type_is_pushed_with_all_that_hangs_on_it(world: World) -> None:
    world.round(KIND, KEY)
    spec = the_virtual(world)["spec"]
    for name in ("clusterIP", "ports", "selector"):
        del spec[name]
    spec |= {"type": "ExternalName", "externalName": "example.com"}
    steps = writes(world.round(KIND, KEY))
    assert all(isinstance(step, PatchHost) for step in steps)
    host = host_of(world, SERVICES, "web")["spec"]
    assert (host["type"], host["externalName"], host.get("clusterIP")) == ("ExternalName", "example.com", None)
    assert writes(world.plan(KIND, KEY)) == []


def test_a_headless_service_stays_headless() -> None:
    left = without_addresses({"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 1, "nodePort": 2}]})
    assert left == {"clusterIP": "None", "ports": [{"port": 1}]}


def test_a_recreated_service_takes_its_host_copy_over(world: World) -> None:
    world.round(KIND, KEY)
    world.virtual[SERVICES].put({**a_service(), "metadata": {"name": "web", "namespace": "default", "uid": "new"}})
    (step,) = writes(world.round(KIND, KEY))
    assert isinstance(step, PatchHost)
    assert list(step.patch) == ["metadata"]


def test_the_tenants_api_itself_has_no_copy() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service("kubernetes"))
    assert world.plan(KIND, VirtualKey("default", "kubernetes")) == []


def test_what_is_kept_on_the_host_copy_is_the_whole_service(world: World) -> None:
    world.round(KIND, KEY)
    host_of(world, SERVICES, "web")["spec"]["clusterIP"] = "10.96.7.7"
    keep = world.plan(KIND, KEY)[0]
    assert isinstance(keep, PatchHost)
    kept = orjson.loads(keep.patch["metadata"]["annotations"][REMADE])
    assert (kept["metadata"]["name"], kept["spec"]["clusterIP"]) == ("web", "10.96.7.7")
    assert NAMES.host_name("web", "default") not in orjson.dumps(kept).decode()


def test_a_type_and_what_it_requires_change_in_one_write_before_anything_else(world: World) -> None:
    spec = the_virtual(world)["spec"]
    spec |= {"type": "ExternalName", "externalName": "example.com"}
    world.round(KIND, KEY)
    del spec["externalName"]
    spec["type"] = "ClusterIP"
    first = writes(world.plan(KIND, KEY))[0]
    assert isinstance(first, PatchHost)
    assert first.patch["spec"]["type"] == "ClusterIP"
    assert first.patch["spec"]["externalName"] is None


def test_where_the_tenants_cluster_keeps_the_hosts_address_for_another_both_take_a_new_one(world: World) -> None:
    world.round(KIND, KEY)
    host_of(world, SERVICES, "web")["spec"]["clusterIP"] = "10.96.7.7"
    keep, gone, made = writes(world.plan(KIND, KEY))
    assert isinstance(made, CreateVirtual)
    assert made.otherwise is not None
    assert "clusterIP" not in made.otherwise["spec"]
    for step in (keep, gone):
        world.perform(KIND, KEY, step)
    # As the tenant's cluster answers: the address is another one's there.
    spec = {**made.otherwise["spec"], "clusterIP": "10.96.1.8"}
    world.virtual[SERVICES].put(made.otherwise | {"spec": spec, "status": {"loadBalancer": {}}})
    (step, *_) = writes(world.plan(KIND, KEY))
    assert isinstance(step, DeleteHost)
    world.perform(KIND, KEY, step)
    world.round(KIND, KEY)
    assert host_of(world, SERVICES, "web")["spec"]["clusterIP"] == "10.96.1.8"
    assert writes(world.round(KIND, KEY)) == []


def node_port(number: int, at: int = 80) -> list[Obj]:
    return [{"port": at, "protocol": "TCP", "targetPort": 8080, "nodePort": number}]


@pytest.fixture
def exposed(world: World) -> World:
    """A Service with a node port, the same on both sides."""
    the_virtual(world)["spec"] |= {"type": "NodePort", "ports": node_port(30001)}
    world.round(KIND, KEY)
    assert writes(world.round(KIND, KEY)) == []
    return world


def test_another_node_port_that_the_tenant_asks_for_goes_to_the_host(exposed: World) -> None:
    the_virtual(exposed)["spec"]["ports"] = node_port(30002)
    first = exposed.round(KIND, KEY)[0]
    assert isinstance(first, PatchHost)
    assert first.otherwise == {"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}]}}
    assert host_of(exposed, SERVICES, "web")["spec"]["ports"] == node_port(30002)
    assert exposed.plan(KIND, KEY) == []


def test_a_node_port_that_the_host_refuses_is_the_hosts_on_both_sides_and_is_asked_for_once(exposed: World) -> None:
    the_virtual(exposed)["spec"]["ports"] = node_port(30002)
    for step in exposed.plan(KIND, KEY):
        # As the host answers: the port is taken, and what is sent instead changes nothing.
        if not (isinstance(step, PatchHost) and step.otherwise):
            exposed.perform(KIND, KEY, step)
    exposed.round(KIND, KEY)
    assert the_virtual(exposed)["spec"]["ports"] == node_port(30001)
    exposed.round(KIND, KEY)
    assert exposed.plan(KIND, KEY) == []


def test_a_node_port_that_changes_on_the_host_is_shown_to_the_tenant(exposed: World) -> None:
    host_of(exposed, SERVICES, "web")["spec"]["ports"] = node_port(30003)
    exposed.round(KIND, KEY)
    assert the_virtual(exposed)["spec"]["ports"] == node_port(30003)
    exposed.round(KIND, KEY)
    assert exposed.plan(KIND, KEY) == []


def test_a_copy_of_before_node_ports_were_noted_keeps_the_hosts(exposed: World) -> None:
    del host_of(exposed, SERVICES, "web")["metadata"]["annotations"][ASKED_PORTS]
    the_virtual(exposed)["spec"]["ports"] = node_port(30004)
    for _ in range(3):
        exposed.round(KIND, KEY)
    assert the_virtual(exposed)["spec"]["ports"] == node_port(30001)
    assert exposed.plan(KIND, KEY) == []
