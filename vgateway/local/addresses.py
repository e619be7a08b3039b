"""Names and addresses of one instance of local clusters, all derived from one number.

An instance owns 10.N.0.0/16 (without root: 127.N.0.0/16), so that several live side by side and everything that is
found by a name or an address is known to be this instance's own.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

FIRST_CHOICE = (251, 252, 253, 254, *range(250, 199, -1))
"""Second octets in the order in which they are tried."""

API_PORT = 6443
STORE_PORT = 2379
PEER_PORT = 2380
FRONT_PORT = 8443
KUBELET_PORT = 10250
OPERATIONS_PORT = 9440
KWOK_PORT = 10247
PROXY_HEALTH_PORT = 10256


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything of an instance is; ``rooted`` instances have a network of their own, others loopback."""

    number: int
    rooted: bool

    @property
    def prefix(self) -> str:
        """Begins the name of every link, namespace and control group of this instance."""
        return f"vgw{self.number}"

    @property
    def network(self) -> IPv4Network:
        """The whole network that this instance owns."""
        return IPv4Network((f"{10 if self.rooted else 127}.{self.number}.0.0", 16))

    @property
    def host(self) -> str:
        """The host cluster's control plane; on the bridge when there is one."""
        return self._at(1)

    @property
    def store(self) -> str:
        """The host cluster's etcd: loopback, because it asks nobody for a certificate."""
        return f"127.{self.number}.0.1"

    @property
    def bridge(self) -> str:
        """The link that joins the nodes and the host control plane."""
        return self.prefix

    @property
    def pods(self) -> IPv4Network:
        """The pods of all real nodes."""
        return IPv4Network((self._at(64 << 8), 18))

    @property
    def kwok_pods(self) -> IPv4Network:
        """The make-believe addresses of pods on kwok nodes; not loopback's, which no endpoint may have."""
        return IPv4Network((f"10.{self.number}.32.0", 19))

    @property
    def services(self) -> IPv4Network:
        """ClusterIPs, the same range on the host and in every virtual cluster."""
        return IPv4Network((f"10.{self.number}.128.0", 17))

    @property
    def kubernetes_service(self) -> str:
        """The ClusterIP of ``default/kubernetes``."""
        return str(self.services[1])

    @property
    def dns_service(self) -> str:
        """The ClusterIP that is kept for the cluster's DNS."""
        return str(self.services[10])

    def node(self, index: int) -> str:
        """Return the address of the real node ``index`` (from 1)."""
        return self._at(10 + index)

    def node_pods(self, index: int) -> IPv4Network:
        """Return the pod network of the real node ``index``."""
        return IPv4Network((self._at((64 + index) << 8), 24))

    def node_namespace(self, index: int) -> str:
        """Return the network namespace of the real node ``index``."""
        return f"{self.prefix}-{node_name(index)}"

    def node_link(self, index: int) -> str:
        """Return the bridge's end of the real node's link."""
        return f"{self.prefix}n{index}"

    def virtual_namespace(self, name: str) -> str:
        """Return the network namespace of the virtual cluster ``name``."""
        return f"{self.prefix}-vc-{name}"

    def loopback(self, index: int) -> str:
        """Return the address of the virtual cluster ``index`` (from 1) where there is no pod network."""
        return self._at((1 << 8) + index)

    def _at(self, offset: int) -> str:
        return str(IPv4Address(int(self.network.network_address) + offset))


def node_name(index: int) -> str:
    """Return the name of the real node ``index`` (from 1)."""
    return f"node-{index}"


def kwok_name(index: int) -> str:
    """Return the name of the kwok node ``index`` (from 1)."""
    return f"kwok-{index}"
