from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from vgateway.local.controlplane import (
    TENANT_CONTROLLERS_OFF,
    ApiServer,
    ControlPlanePki,
    apiserver_arguments,
    arguments,
    controller_manager_arguments,
    etcd_arguments,
    kine_arguments,
    scheduler_arguments,
)
from vgateway.local.pki import KeyPair


def pair(name: str) -> KeyPair:
    return KeyPair(Path(f"{name}.crt"), Path(f"{name}.key"))


PKI = ControlPlanePki(pair("ca"), pair("front-ca"), pair("server"), pair("kubelet"), pair("front"), pair("sa"))
SERVER = ApiServer("http://s:1", "0.0.0.0", "127.0.0.1", 6443, IPv4Network("10.0.0.0/24"), False, PKI)


def test_options_are_written_as_the_programs_read_them() -> None:
    assert arguments({"a": True, "b": False, "c": 0, "d": Path("/x")}) == ("--a=true", "--b=false", "--c=0", "--d=/x")


def test_only_the_front_proxy_client_may_name_users() -> None:
    given = apiserver_arguments(SERVER)
    assert "--requestheader-allowed-names=front-proxy-client" in given
    assert "--requestheader-client-ca-file=front-ca.crt" in given
    assert "--client-ca-file=ca.crt" in given


def test_the_api_server_proves_itself_to_kubelets_and_demands_the_same() -> None:
    given = apiserver_arguments(SERVER)
    assert "--kubelet-client-certificate=kubelet.crt" in given
    assert "--kubelet-certificate-authority=ca.crt" in given


def test_only_a_host_publishes_its_own_address() -> None:
    assert "--endpoint-reconciler-type=none" in apiserver_arguments(SERVER)
    assert "--endpoint-reconciler-type=lease" in apiserver_arguments(replace(SERVER, own_endpoints=True))


def test_a_tenant_has_no_controllers_of_nodes_and_disks() -> None:
    host = controller_manager_arguments(Path("k"), PKI, ())
    tenant = controller_manager_arguments(Path("k"), PKI, TENANT_CONTROLLERS_OFF)
    assert "--controllers=*" in host
    (controllers,) = (given for given in tenant if given.startswith("--controllers="))
    assert "-node-lifecycle-controller" in controllers.split(",")


def test_controllers_and_scheduler_listen_nowhere() -> None:
    assert "--secure-port=0" in controller_manager_arguments(Path("k"), PKI, ())
    assert "--secure-port=0" in scheduler_arguments(Path("k"))


def test_stores_listen_only_where_they_are_told() -> None:
    assert "--listen-client-urls=http://127.251.0.1:2379" in etcd_arguments(Path("d"), "127.251.0.1", 2379, 2380)
    assert "--listen-address=127.0.0.1:2379" in kine_arguments(Path("d"), "127.0.0.1", 2379)
