"""The host cluster's DNS, and what stands for the network beyond it: one CoreDNS beside the host's control plane.

Pods find it behind the host's ``kube-system/kube-dns``, as on any cluster. The name servers of the nodes themselves
are another face of it, which knows nothing but a hosts file: local clusters ask nobody outside this machine.
"""

from pathlib import Path

from vgateway.kube.objects import Obj
from vgateway.local.addresses import Addresses
from vgateway.local.files import write_file
from vgateway.local.hostcluster import SCOPE, write_user_kubeconfig
from vgateway.local.instance import Instance
from vgateway.local.pki import Identity
from vgateway.local.processes import Program

COREDNS = f"{SCOPE}/coredns"
CLUSTER_PORT, NODE_PORT = 1053, 53
READER = Identity("system:kube-controller-manager")
"""It may read what DNS is made of: Services, EndpointSlices and namespaces."""

COREFILE = """\
.:{cluster_port} {{
    bind {address}
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . {address}:{node_port}
    cache 5
    loadbalance
}}
.:{node_port} {{
    bind {address}
    errors
    hosts {beyond} {{
        ttl 5
        reload 2s
        fallthrough
    }}
    file {nothing} .
}}
"""


def launch_dns(instance: Instance) -> None:
    """Start it, and let the host's ``kube-dns`` lead to it; needs a network of our own, so without root it is none."""
    addresses, directory = instance.addresses, instance.paths.host
    beyond = directory / "beyond.hosts"
    if not beyond.exists():
        write_file(beyond, "# Names of the world outside the clusters, as in /etc/hosts.\n")
    kubeconfig = write_user_kubeconfig(instance, directory / "coredns.kubeconfig", "coredns", READER)
    nothing = write_file(directory / "nothing.zone", NOTHING)
    config = write_file(directory / "Corefile", corefile(addresses.host, kubeconfig, beyond, nothing))
    listens = tuple((addresses.host, port) for port in (CLUSTER_PORT, NODE_PORT))
    arguments = (str(instance.programs["coredns"]), "-conf", str(config))
    instance.processes.ensure(Program(COREDNS, arguments, instance.place(SCOPE), files=(config,), listens=listens))
    for manifest in service(addresses):
        instance.host_api.apply(manifest)


NOTHING = ". 5 IN SOA nowhere. nobody.nowhere. 1 3600 600 86400 5\n. 5 IN NS nowhere.\n"
"""A root zone without names: what is not in the hosts file does not exist."""


def corefile(address: str, kubeconfig: Path, beyond: Path, nothing: Path) -> str:
    """Return what the host's CoreDNS is told."""
    return COREFILE.format(
        address=address,
        cluster_port=CLUSTER_PORT,
        node_port=NODE_PORT,
        kubeconfig=kubeconfig,
        beyond=beyond,
        nothing=nothing,
    )


def service(addresses: Addresses) -> list[Obj]:
    """Return the host's ``kube-dns``, at the address that is kept for it."""
    name, namespace = "kube-dns", "kube-system"
    protocols = (("dns", "UDP"), ("dns-tcp", "TCP"))
    ports = [
        {"name": port, "protocol": protocol, "port": 53, "targetPort": CLUSTER_PORT} for port, protocol in protocols
    ]
    served = [{"name": port, "protocol": protocol, "port": CLUSTER_PORT} for port, protocol in protocols]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace, "labels": {"k8s-app": "kube-dns"}},
            "spec": {"clusterIP": addresses.dns_service, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {
                    "kubernetes.io/service-name": name,
                    "endpointslice.kubernetes.io/managed-by": "vgateway-local",
                },
            },
            "addressType": "IPv4",
            "ports": served,
            "endpoints": [{"addresses": [addresses.host], "conditions": {"ready": True}}],
        },
    ]
