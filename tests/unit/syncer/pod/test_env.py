from tests.unit.syncer.world import NAMES, World, a_config_map, a_pod, a_service
from vgateway.kube.objects import Obj, VirtualObj
from vgateway.syncer.kinds.pod.env import host_environment, pod_variables, service_variables
from vgateway.syncer.resources import CONFIGMAPS, SERVICES


def environment(world: World, container: Obj) -> Obj:
    virtual = VirtualObj(a_pod())
    return host_environment(container, virtual, pod_variables(virtual, world.view), world.view)


def named(found: Obj) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in found["env"]}


def test_a_service_is_announced_as_a_kubelet_does() -> None:
    ports = [{"name": "http-x", "port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    assert dict(service_variables("my-db", "10.0.0.1", ports)) == {
        "MY_DB_SERVICE_HOST": "10.0.0.1",
        "MY_DB_SERVICE_PORT": "80",
        "MY_DB_SERVICE_PORT_HTTP_X": "80",
        "MY_DB_PORT": "tcp://10.0.0.1:80",
        "MY_DB_PORT_80_TCP": "tcp://10.0.0.1:80",
        "MY_DB_PORT_80_TCP_PROTO": "tcp",
        "MY_DB_PORT_80_TCP_PORT": "80",
        "MY_DB_PORT_80_TCP_ADDR": "10.0.0.1",
        "MY_DB_PORT_53_UDP": "udp://10.0.0.1:53",
        "MY_DB_PORT_53_UDP_PROTO": "udp",
        "MY_DB_PORT_53_UDP_PORT": "53",
        "MY_DB_PORT_53_UDP_ADDR": "10.0.0.1",
    }


def test_the_tenants_api_is_the_host_service_of_the_virtual_cluster() -> None:
    found = named(environment(World(), {"name": "main"}))
    assert (found["KUBERNETES_SERVICE_HOST"], found["KUBERNETES_SERVICE_PORT"]) == ("10.96.0.50", "443")


def test_what_the_container_defines_itself_wins() -> None:
    found = environment(World(), {"env": [{"name": "KUBERNETES_SERVICE_HOST", "value": "mine"}]})
    values = [one["value"] for one in found["env"] if one["name"] == "KUBERNETES_SERVICE_HOST"]
    assert values == ["mine"]


def test_what_a_whole_config_map_brings_wins_too() -> None:
    world = World()
    world.virtual[CONFIGMAPS].put(a_config_map("c", "default", SERVICE_HOST="mine"))
    found = environment(world, {"envFrom": [{"prefix": "KUBERNETES_", "configMapRef": {"name": "c"}}]})
    assert "KUBERNETES_SERVICE_HOST" not in named(found)
    assert found["envFrom"][0]["configMapRef"]["name"] == NAMES.host_name("c", "default")


def test_services_of_the_namespace_are_announced_and_headless_and_external_ones_are_not() -> None:
    world = World()
    for service in (
        a_service("db"),
        a_service("headless", clusterIP="None"),
        a_service("away", type="ExternalName"),
        a_service("other", "kube-system"),
    ):
        world.virtual[SERVICES].put(service)
    hosts = {name for name in pod_variables(VirtualObj(a_pod()), world.view) if name.endswith("_SERVICE_HOST")}
    assert hosts == {"DB_SERVICE_HOST", "KUBERNETES_SERVICE_HOST"}
    unlinked = pod_variables(VirtualObj(a_pod(enableServiceLinks=False)), world.view)
    assert {name for name in unlinked if name.endswith("_SERVICE_HOST")} == {"KUBERNETES_SERVICE_HOST"}


def test_an_announced_address_is_the_hosts_which_the_tenants_is_about_to_follow() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service("db"))
    world.host[SERVICES].put(a_service(NAMES.host_name("db", "default"), "host-ns", clusterIP="10.96.9.9"))
    assert pod_variables(VirtualObj(a_pod()), world.view)["DB_SERVICE_HOST"] == "10.96.9.9"


def test_references_are_called_by_their_host_names() -> None:
    container: Obj = {
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ]
    }
    found = {one["name"]: one.get("valueFrom") for one in environment(World(), container)["env"]}
    assert found["A"] == {"configMapKeyRef": {"name": NAMES.host_name("c", "default"), "key": "k", "optional": True}}
    assert found["B"] == {"secretKeyRef": {"name": NAMES.host_name("s", "default"), "key": "k"}}
    assert found["C"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
