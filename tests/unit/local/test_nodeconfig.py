import tomllib
from pathlib import Path

from vgateway.local.addresses import Addresses
from vgateway.local.nodeconfig import (
    NodeFiles,
    containerd_config,
    kube_proxy_config,
    kubelet_arguments,
    kubelet_config,
)

FILES = NodeFiles(Path("/home/nodes/node-1"), Path("/run/vgateway/251/node-1"))
ADDRESSES = Addresses(251, rooted=True)


def kubelet() -> dict[str, object]:
    pem = Path("x.pem")
    return kubelet_config(FILES, ADDRESSES, authority=pem, certificate=pem, key=pem, group="vgw251/node-1")


def test_all_that_containerd_keeps_is_the_nodes_own() -> None:
    config = tomllib.loads(containerd_config(FILES))
    own = (config["root"], config["state"], config["grpc"]["address"])
    assert all(path.startswith(("/home/nodes/node-1/", "/run/vgateway/251/node-1/")) for path in own)


def test_the_socket_is_the_one_that_the_kubelet_is_told() -> None:
    config = tomllib.loads(containerd_config(FILES))
    socket = config["grpc"]["address"]
    assert kubelet()["containerRuntimeEndpoint"] == f"unix://{socket}"
    assert f"--containerd={socket}" in kubelet_arguments(Path("c"), Path("k"), FILES, "node-1", "10.251.0.11")


def test_the_kubelet_asks_the_api_server_who_calls_and_what_they_may() -> None:
    config = kubelet()
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["readOnlyPort"] == 0


def test_every_pod_has_a_control_group_below_the_nodes_own() -> None:
    assert kubelet()["cgroupsPerQOS"] is True
    assert kubelet()["cgroupRoot"] == "/vgw251/node-1"


def test_kube_proxy_leaves_the_machines_limits_alone() -> None:
    config = kube_proxy_config(ADDRESSES, 1, Path("k"))
    assert config["conntrack"] == {"maxPerCore": 0}
    assert config["mode"] == "nftables"
