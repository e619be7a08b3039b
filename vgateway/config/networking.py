"""``networking``: how names and addresses cross between the clusters."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from vgateway.config.base import Section
from vgateway.config.patterns import hostname
from vgateway.config.replication import ReplicateServices
from vgateway.config.resolving import Ip, ResolveRule


def _domain(text: str) -> str:
    if "*" in text:
        raise ValueError("a DNS domain is expected")
    return hostname(text)


class Fallback(Section):
    """Where names are asked for that the virtual cluster does not have."""

    ip: Ip | None = None
    """A name server's address."""
    host_cluster: bool = False
    """``true`` for the host cluster's DNS: the tenant then finds the host's Services by name."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.ip is None) != self.host_cluster:
            raise ValueError("either an ip or hostCluster: true is expected")
        return self


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

    cluster_domain: Annotated[str, AfterValidator(_domain)] = "cluster.local"
    """DNS domain of the virtual cluster, as its pods see it; its API server's certificate and issuer must fit."""
    fallback: tuple[Fallback, ...] = ()
    """Name servers in the order in which they are asked, each when those before do not know the name."""
    fallback_host_cluster: bool = False
    """The same as a fallback of which the host cluster is the first."""
    proxy_kubelets: ProxyKubelets = ProxyKubelets()

    @property
    def fallbacks(self) -> tuple[Fallback, ...]:
        """The fallbacks, however they were spelled."""
        if self.fallback_host_cluster and not any(one.host_cluster for one in self.fallback):
            return (Fallback.model_validate({"hostCluster": True}), *self.fallback)
        return self.fallback


class Networking(Section):
    """How names and addresses cross between the clusters."""

    resolve_services: tuple[ResolveRule, ...] = ()
    """Names that are answered with what is elsewhere; may be changed while the gateway runs."""
    resolve_dns: tuple[ResolveRule, ...] = Field(default=(), alias="resolveDNS")
    """The same under vcluster.yaml's newer name; only one of the two may be given."""
    advanced: AdvancedNetworking = AdvancedNetworking()
    replicate_services: ReplicateServices = ReplicateServices()
    """Services that live on both sides, by name; may be changed while the gateway runs."""
    service_cidr: str = Field(default="", alias="serviceCIDR")
    """The host's range of ClusterIPs, which both clusters share; an installation asks the host if it is not given."""

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        if self.resolve_services and self.resolve_dns:
            raise ValueError("resolveServices and resolveDNS are the same: only one of them is expected")
        return self

    @property
    def rules(self) -> tuple[ResolveRule, ...]:
        """The resolve rules, however the section was spelled."""
        return self.resolve_services or self.resolve_dns
