"""Make-believe nodes, for many pods on a small machine, and the only nodes there can be without root."""

from pathlib import Path

from vgateway.local.addresses import KWOK_PORT, kwok_name
from vgateway.local.controlplane import arguments
from vgateway.local.hostcluster import user_kubeconfig
from vgateway.local.instance import Instance
from vgateway.local.kubeapi import NODES
from vgateway.local.manifests import KWOK, kwok_node
from vgateway.local.nodes import is_ready
from vgateway.local.pki import Identity
from vgateway.local.processes import Program

STAGES = Path(__file__).with_name("kwok-stages.yaml")
PROGRAM = "host/kwok"
READY_TAKES = 120.0


def launch_kwok(instance: Instance, count: int, *, tainted: bool) -> None:
    """Register the nodes and start what plays them."""
    address = instance.addresses.host
    server = instance.host_authority.issue("kwok-server", Identity("kwok-server", hosts=(address,)))
    options = arguments(
        {
            "config": STAGES,
            "kubeconfig": user_kubeconfig(instance, "kwok"),
            "manage-nodes-with-annotation-selector": f"{KWOK}=fake",
            "cidr": instance.addresses.kwok_pods,
            "node-ip": address,
            "node-port": KWOK_PORT,
            "server-address": f"{address}:{KWOK_PORT}",
            "tls-cert-file": server.certificate,
            "tls-private-key-file": server.key,
            "node-lease-duration-seconds": 40,
        }
    )
    program = (str(instance.programs["kwok"]), *options)
    listens = ((address, KWOK_PORT),)
    instance.processes.ensure(Program(PROGRAM, program, instance.place("host"), files=(STAGES,), listens=listens))
    for index in range(1, count + 1):
        name = kwok_name(index)
        if instance.host_api.get(NODES, name) is None:
            instance.host_api.ask("POST", NODES.path(), kwok_node(name, address, tainted=tainted))


def await_kwok(instance: Instance, count: int) -> None:
    """Wait until the last of the nodes is ready."""
    instance.processes.await_ready(PROGRAM, lambda: is_ready(instance.host_api, kwok_name(count)), READY_TAKES)


def remove_kwok(instance: Instance, indexes: range) -> None:
    """Take kwok nodes out of the host cluster."""
    for index in indexes:
        instance.host_api.call("DELETE", NODES.path(name=kwok_name(index)))
