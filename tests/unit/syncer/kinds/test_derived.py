from tests.unit.syncer.world import NOW, SETTINGS, World, a_config_map, a_pod, a_service, host_of, writes
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.endpoints import KubernetesEndpointsKind, KubernetesSliceKind
from vgateway.syncer.kinds.kubernetes import KUBERNETES, KubernetesServiceKind
from vgateway.syncer.kinds.node import NOT_READY, NodeKind
from vgateway.syncer.kinds.nodeaddress import FAKE_NODE
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.rootca import KEY, RootCaKind
from vgateway.syncer.resources import CONFIGMAPS, ENDPOINTS, ENDPOINTSLICES, NODES, PODS, SERVICES
from vgateway.syncer.steps import CreateVirtual, DeleteVirtual

NODE = VirtualKey("", "n1")


def running(world: World) -> None:
    world.virtual[PODS].put(a_pod())
    world.round(PodKind(), VirtualKey("default", "web"))
    host_of(world, PODS, "web")["spec"]["nodeName"] = "n1"


def test_a_pod_that_is_not_provably_the_tenants_makes_no_node() -> None:
    world = World()
    world.host[PODS].put(a_pod("web-x", "host-ns", nodeName="n1"))
    assert world.plan(NodeKind(), NODE) == []


def the_node(world: World) -> Obj:
    found = world.virtual[NODES].get("", "n1")
    assert found is not None
    return found


def test_a_virtual_node_comes_with_the_first_pod_and_goes_with_the_last() -> None:
    world = World()
    running(world)
    world.round(NodeKind(), NODE)
    assert the_node(world)["metadata"]["labels"][FAKE_NODE] == "true"
    assert world.plan(NodeKind(), NODE) == []
    world.host[PODS].by_key.clear()
    (gone,) = world.plan(NodeKind(), NODE)
    assert isinstance(gone, DeleteVirtual)


def test_a_virtual_node_tells_the_truth_about_its_kubelet() -> None:
    world = World()
    running(world)
    world.round(NodeKind(), NODE)
    status = the_node(world)["status"]
    assert status["nodeInfo"]["kubeletVersion"] == "v1.36.3"
    assert status["nodeInfo"]["containerRuntimeVersion"].startswith("vgateway://")
    assert status["addresses"][0] == {"type": "InternalIP", "address": SETTINGS.address}
    assert status["daemonEndpoints"] == {"kubeletEndpoint": {"Port": SETTINGS.kubelet_port}}


def test_the_first_taint_of_a_new_node_goes_and_the_tenants_own_stay() -> None:
    world = World()
    running(world)
    world.round(NodeKind(), NODE)
    own = {"key": "mine", "effect": "NoSchedule"}
    the_node(world)["spec"] = {"taints": [{"key": NOT_READY, "effect": "NoSchedule"}, own], "unschedulable": True}
    world.round(NodeKind(), NODE)
    assert the_node(world)["spec"] == {"taints": [own], "unschedulable": True}
    assert world.plan(NodeKind(), NODE) == []


def test_a_node_that_the_tenant_made_is_the_tenants() -> None:
    world = World()
    world.virtual[NODES].put({"metadata": {"name": "n1"}, "spec": {}})
    assert world.plan(NodeKind(), NODE) == []


def test_the_kubernetes_service_gets_the_address_that_reaches_the_gateway() -> None:
    world = World()
    world.virtual[SERVICES].put(a_service("kubernetes", clusterIP="10.96.0.1"))
    gone, made = world.round(KubernetesServiceKind(), KUBERNETES)
    assert isinstance(gone, DeleteVirtual)
    assert isinstance(made, CreateVirtual)
    assert made.body["spec"]["clusterIP"] == "10.96.0.50"
    assert world.plan(KubernetesServiceKind(), KUBERNETES) == []


def test_while_the_host_service_has_no_address_the_kubernetes_service_stays_as_it_is() -> None:
    world = World()
    world.front.by_key.clear()
    world.virtual[SERVICES].put(a_service("kubernetes", clusterIP="10.96.0.1"))
    assert world.plan(KubernetesServiceKind(), KUBERNETES) == []


def test_the_tenants_api_has_the_gateways_address_as_its_endpoint() -> None:
    world = World()
    world.round(KubernetesEndpointsKind(), KUBERNETES)
    world.round(KubernetesSliceKind(), KUBERNETES)
    (endpoints,), (piece,) = world.virtual[ENDPOINTS], world.virtual[ENDPOINTSLICES]
    assert endpoints["subsets"][0]["addresses"] == [{"ip": SETTINGS.address}]
    assert piece["endpoints"][0]["addresses"] == [SETTINGS.address]
    assert piece["ports"] == endpoints["subsets"][0]["ports"]


def test_the_tenants_ca_is_copied_once_and_followed() -> None:
    world = World()
    assert world.plan(RootCaKind(), KEY) == []
    published = world.virtual[CONFIGMAPS].put(a_config_map(KEY.name, "default", **{"ca.crt": "one"}))
    world.round(RootCaKind(), KEY)
    published["data"] = {"ca.crt": "two"}
    world.round(RootCaKind(), KEY)
    (copy,) = world.host[CONFIGMAPS]
    assert copy["data"] == {"ca.crt": "two"}
    world.virtual[CONFIGMAPS].by_key.clear()
    assert writes(world.plan(RootCaKind(), KEY)) == [], "pods still mount it"
    assert world.view.now() == NOW
