from typing import Any

import pytest

from tests.unit.kubelet.pods import NAMES
from vgateway.errors import GatewayError
from vgateway.kube.nodenames import node_service_marks, node_service_name
from vgateway.kube.objects import Obj
from vgateway.kube.store import Store
from vgateway.kubelet.calls import parse_call
from vgateway.kubelet.nodes import Port, StoreNodes
from vgateway.syncer.resources import NODES, SERVICES

PODS = parse_call("GET", "/pods", "", is_upgrade=False)
LOGS = parse_call("GET", "/containerLogs/default/web/app", "", is_upgrade=False)
EXEC = parse_call("POST", "/exec/default/web/app", "output=1", is_upgrade=True)
OWN = "10.0.0.9"


def node(name: str) -> Obj:
    return {"metadata": {"name": name}}


def service(of: str, address: str, **meta: Any) -> Obj:
    where = {"namespace": NAMES.host_namespace, "name": node_service_name(NAMES, of)}
    return {"metadata": where | node_service_marks(NAMES, of) | meta, "spec": {"clusterIP": address}}


def nodes(*, by_hostname: bool = True) -> StoreNodes:
    virtual, services, front = Store(NODES), Store(SERVICES), Store(SERVICES)
    for name in ("node-1", "node-2", "a.b", "c.d", "c-d"):
        virtual.put(node(name))
    services.put(service("node-1", "10.96.0.1"))
    services.put(service("gone", "10.96.0.3"))
    services.put(service("node-2", "10.96.0.4", labels={}))
    front.put({"metadata": {"namespace": NAMES.host_namespace, "name": "vc"}, "spec": {"clusterIP": "10.96.0.50"}})
    return StoreNodes(Port(NAMES, (OWN, "localhost"), by_hostname=by_hostname), virtual, services, front)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("node-1.nodes.vcluster.com:10250", "node-1"),
        ("node-1.vc.tenant-a.nodes.vcluster.com:10250", "node-1"),
        ("a-b.nodes.vcluster.com", "a.b"),
        ("a.b.vc.tenant-a.nodes.vcluster.com", "a.b"),
        ("node-2:10250", "node-2"),
        ("10.96.0.1:10250", "node-1"),
        ("10.96.0.50:10250", ""),
        (f"{OWN}:10250", ""),
        ("localhost", ""),
    ],
)
def test_the_address_that_was_dialled_is_one_nodes_or_every_nodes(host: str, found: str) -> None:
    assert nodes().node_of([("Host", host)], PODS) == found


@pytest.mark.parametrize(
    "host",
    [
        "node-9.nodes.vcluster.com:10250",
        "node-1.other.tenant-a.nodes.vcluster.com",
        "nodes.vcluster.com",
        "c-d.nodes.vcluster.com",
        "10.96.0.3:10250",
        "10.96.0.4:10250",
        "10.9.9.9:10250",
        "example.com",
    ],
)
def test_an_address_that_is_no_nodes_is_not_found(host: str) -> None:
    with pytest.raises(GatewayError) as refused:
        nodes().node_of([("Host", host)], PODS)
    assert refused.value.code == 404


@pytest.mark.parametrize("call", [LOGS, EXEC])
def test_a_stream_may_come_with_the_host_of_the_api_servers_client(call: Any) -> None:
    assert nodes().node_of([("Host", "api.example.com:443")], call) == ""
    assert nodes().node_of([("Host", "node-2.nodes.vcluster.com")], call) == "node-2"
    with pytest.raises(GatewayError):
        nodes().node_of([("Host", "left.nodes.vcluster.com")], call)


def test_the_node_that_the_api_server_was_asked_for_counts_before_what_its_client_says() -> None:
    asked = ("X-Forwarded-Uri", "/api/v1/nodes/node-2/proxy/pods")
    assert nodes().node_of([("Host", "10.96.0.1:10250"), asked], PODS) == "node-2"
    with pytest.raises(GatewayError, match='"gone" not found'):
        nodes().node_of([("Host", OWN), ("X-Forwarded-Uri", "/api/v1/nodes/gone/proxy/pods")], PODS)


def test_with_an_upgrade_the_node_is_the_one_that_the_front_says() -> None:
    assert (
        nodes().node_of([("Host", "api.example.com"), ("X-Forwarded-Uri", "/api/v1/nodes/node-2/proxy")], EXEC)
        == "node-2"
    )
    with pytest.raises(GatewayError, match='"gone" not found'):
        nodes().node_of([("Host", "api.example.com"), ("X-Forwarded-Uri", "/api/v1/nodes/gone/proxy")], EXEC)


def test_the_certificate_says_what_the_port_may_be_called_by() -> None:
    named = {"*.nodes.vcluster.com", "*.vc.tenant-a.nodes.vcluster.com"}
    dotted = {f"{name}.vc.tenant-a.nodes.vcluster.com" for name in ("a.b", "c.d")}
    always = {OWN, "localhost", "10.96.0.50", "10.96.0.1", "10.96.0.3"}
    assert set(nodes().certified()) == named | dotted | always
    assert set(nodes(by_hostname=False).certified()) == always
