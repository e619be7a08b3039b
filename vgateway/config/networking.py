"""``networking``: how names and addresses cross between the clusters."""

from pydantic import Field

from vgateway.config.base import Section


class ProxyKubelets(Section):
    """By which addresses clients inside the tenant's cluster find the kubelet of one node.

    With neither, all nodes have the gateway's one address, and who asks there means every node.
    """

    by_hostname: bool = True
    """A node's host name is ``NODE.nodes.vcluster.com``, which the tenant's DNS and the certificate know."""
    by_ip: bool = Field(default=False, alias="byIP")
    """A node's InternalIP is the ClusterIP of a Service of its own on the host: one address and one of the namespace's
    quota of Services for each node. Needs ``gateway.virtualCluster.authorityKey``."""


class AdvancedNetworking(Section):
    """Settings that most tenants leave alone."""

    cluster_domain: str = "cluster.local"
    """DNS domain of the virtual cluster, as its pods see it."""
    proxy_kubelets: ProxyKubelets = ProxyKubelets()


class Networking(Section):
    """How names and addresses cross between the clusters."""

    advanced: AdvancedNetworking = AdvancedNetworking()
